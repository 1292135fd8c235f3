//! Imports that are interrupted, and go on where they stopped.

use crate::cli::{Folder, Ran, command, line, run, two_lines};
use crate::cli_import::login_record;
use crate::cli_rejects::rejects;
use std::fs;
use std::io::Write;
use std::process::{Child, Command, Stdio};

/// An import that waits for more of its input.
struct Waiting(Child);

impl Waiting {
    /// It has read all that it was given, but for less than a megabyte.
    fn with(folder: &Folder, args: &[&str], input: &str) -> Self {
        let store = folder.store();
        let mut command = command(&Folder::args(&store, args));
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let stdin = child.stdin.as_mut().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        let waiting = Self(child);
        while !waiting.catches_interrupts() {
            std::thread::yield_now();
        }
        waiting
    }

    /// Whether a signal does not end it at once any more.
    fn catches_interrupts(&self) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = u64::from_str_radix(caught.unwrap().trim(), 16).unwrap();
        caught & 1 << (2 - 1) != 0
    }

    /// What it said to Ctrl-C, while its input stayed open.
    fn interrupted(mut self) -> Ran {
        let id = self.0.id().to_string();
        let mut kill = Command::new("kill");
        assert!(kill.args(["-INT", &id]).status().unwrap().success());
        let stdin = self.0.stdin.take();
        let output = self.0.wait_with_output().unwrap();
        drop(stdin);
        Ran::of(output)
    }
}

/// The path of a pipe with a name.
fn fifo(folder: &Folder) -> String {
    let path = folder.place("fifo");
    let made = Command::new("mkfifo").arg(&path).status();
    assert!(made.unwrap().success());
    path
}

#[test]
fn an_interrupted_import_leaves_whole_batches_and_says_how_to_go_on() {
    let lines = run(&["generate", "--sessions", "250000", "--users", "500"]).fine();
    let folder = Folder::new();
    let args = ["import", "--format", "jsonl", "-"];
    let ran = Waiting::with(&folder, &args, &lines).interrupted();
    assert_eq!((ran.code, ran.out.as_str()), (130, ""), "{}", ran.err);
    let (before, hint) = ran.err.split_once("up to line ").unwrap();
    assert_eq!(before, "sessionlog: interrupted: standard input is stored ");
    let (line, hint) = hint
        .split_once(": the same from its beginning with ")
        .unwrap();
    assert_eq!(hint, format!("--resume-after {line} goes on\n"));
    assert_eq!(folder.run(&["count"]).fine(), format!("{line}\n"));
    assert!(line.parse::<u32>().unwrap() > 240_000, "{line}");
    assert_eq!(folder.run(&["verify"]).code, 0);
    let rest = ["import", "--format", "jsonl", "--resume-after", line, "-"];
    let ran = folder.run_with_input(&rest, &lines);
    let left = 250_000 - line.parse::<u32>().unwrap();
    let summary = format!("sessionlog: accepted {left}, already there 0, ended 0, rejected 0\n");
    assert_eq!((ran.code, ran.err), (0, summary));
    let again = folder.run_with_input(&args, &lines);
    assert!(
        again.err.contains("accepted 0, already there 250000"),
        "{}",
        again.err
    );
}

#[test]
fn an_interruption_while_nothing_has_come_is_one_too() {
    let folder = Folder::new();
    for format in ["jsonl", "csv", "wtmp"] {
        let args = ["import", "--format", format, "-"];
        let ran = Waiting::with(&folder, &args, "").interrupted();
        assert_eq!(ran.code, 130, "{}", ran.err);
        assert!(
            ran.err.contains("interrupted: import standard input again"),
            "{}",
            ran.err
        );
        assert!(!folder.store().exists());
    }
    let fifo = fifo(&folder);
    let ran = Waiting::with(&folder, &["import", "--format", "csv", &fifo], "").interrupted();
    assert_eq!(ran.code, 130, "{}", ran.err);
}

#[test]
fn the_import_of_a_file_is_interrupted_between_two_reads() {
    let lines = run(&["generate", "--sessions", "250000", "--users", "500"]).fine();
    let folder = Folder::new();
    let file = folder.write("in.jsonl", &lines);
    let args = ["import", "--format", "jsonl", &file];
    let ran = Waiting::with(&folder, &args, "").interrupted();
    assert_eq!(ran.code, 130, "{}", ran.err);
    assert!(ran.err.contains("in.jsonl"), "{}", ran.err);
    assert_eq!(folder.run(&args).code, 0);
    assert_eq!(folder.run(&["count"]).fine(), "250000\n");
}

#[test]
fn an_interrupted_demonstration_leaves_no_folder_behind() {
    let folder = Folder::new();
    let mut demo = command(&["demo", "--sessions", "5000000"]);
    demo.env("TMPDIR", folder.place("."));
    demo.stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .stdout(Stdio::null());
    let waiting = Waiting(demo.spawn().unwrap());
    while !waiting.catches_interrupts() {
        std::thread::yield_now();
    }
    let ran = waiting.interrupted();
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (130, "sessionlog: interrupted\n")
    );
    assert_eq!(fs::read_dir(folder.place(".")).unwrap().count(), 0);
}

#[test]
fn a_resumed_import_keeps_what_the_first_part_of_it_rejected() {
    let folder = Folder::new();
    let place = folder.place("bad.jsonl");
    let start = "2026-11-01T08:00:00Z";
    let good: String = (1..=9_000).map(|number| line(number, start, "")).collect();
    let lines = format!("bad\n{good}");
    let args = ["import", "--format", "jsonl", "--rejects", &place, "-"];
    let ran = Waiting::with(&folder, &args, &lines).interrupted();
    let (_, after) = ran.err.split_once("--resume-after ").unwrap();
    let after = after.split_whitespace().next().unwrap();
    let resumed = [&args[..5], &["--resume-after", after, "-"]].concat();
    let lines = lines + "bad too\n";
    assert_eq!(folder.run_with_input(&resumed, &lines).code, 3);
    let bad = rejects(&folder, "bad.jsonl");
    let bad: Vec<_> = bad
        .iter()
        .map(|bad| bad["line"].as_u64().unwrap())
        .collect();
    assert_eq!(bad, [1, 9_002]);
    assert_eq!(folder.run(&["count"]).fine(), "9000\n");
}

#[test]
fn an_interruption_counts_though_the_input_ends_with_it() {
    for _ in 0..20 {
        let folder = Folder::new();
        let args = ["import", "--format", "jsonl", "-"];
        let torn = two_lines() + "{\"refer_uid\":\"";
        let mut waiting = Waiting::with(&folder, &args, &torn);
        let id = waiting.0.id().to_string();
        drop(waiting.0.stdin.take());
        assert!(
            Command::new("kill")
                .args(["-INT", &id])
                .status()
                .unwrap()
                .success()
        );
        let ran = Ran::of(waiting.0.wait_with_output().unwrap());
        // The end may have come long before: a line that is torn is rejected then. Or nothing had been
        // read yet.
        assert!([130, 3].contains(&ran.code), "{}", ran.err);
        if ran.code == 3 || !ran.err.contains("import standard input again") {
            let goes_on = ran.err.contains("--resume-after 2 goes on");
            assert_eq!(goes_on, ran.code == 130, "{}", ran.err);
            assert_eq!(folder.run(&["count"]).fine(), "2\n");
        }
    }
}

#[test]
fn an_interrupted_import_of_login_records_has_those_who_are_still_on() {
    let folder = Folder::new();
    // More than is looked at to tell the layout.
    let records: Vec<u8> = std::iter::repeat_n(login_record(), 300).flatten().collect();
    let file = folder.place("wtmp");
    fs::write(&file, records).unwrap();
    let fifo = fifo(&folder);
    let args = ["import", "--format", "wtmp", "--source", "host", &fifo];
    let waiting = Waiting::with(&folder, &args, "");
    let mut writer = fs::File::options().write(true).open(&fifo).unwrap();
    writer.write_all(&fs::read(&file).unwrap()).unwrap();
    let lock = folder.store().join("main.redb");
    while !lock.exists() {
        std::thread::yield_now();
    }
    let ran = waiting.interrupted();
    assert_eq!(ran.code, 130, "{}", ran.err);
    drop(writer);
    assert!(folder.run(&["verify"]).code == 0);
    // The same login three hundred times is one session, if it had been read by then.
    assert!(["0\n", "1\n"].contains(&folder.run(&["count"]).fine().as_str()));
    let args = ["import", "--format", "wtmp", "--source", "host", &file];
    assert_eq!(folder.run(&args).code, 0);
    assert_eq!(folder.run(&["count", "--open"]).fine(), "1\n");
}

#[test]
fn the_memory_of_an_import_does_not_grow_with_the_file() {
    let peak = |sessions: &str| {
        let lines = run(&["generate", "--sessions", sessions, "--users", "1000"]).fine();
        let folder = Folder::new();
        let waiting = Waiting::with(&folder, &["import", "--format", "jsonl", "-"], &lines);
        let status = format!("/proc/{}/status", waiting.0.id());
        let status = fs::read_to_string(status).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak = peak
            .unwrap()
            .trim()
            .trim_end_matches(" kB")
            .parse::<u64>()
            .unwrap();
        assert_eq!(waiting.interrupted().code, 130);
        peak
    };
    let (few, many) = (peak("250000"), peak("750000"));
    assert!(many < few * 3 / 2, "{few} kB, then {many} kB");
}

#[test]
fn a_second_interruption_ends_an_import_at_once() {
    let folder = Folder::new();
    let fifo = fifo(&folder);
    // Opening a file of rejections that nobody reads takes for ever.
    let file = folder.write("in.jsonl", &two_lines());
    let args = ["import", "--format", "jsonl", "--rejects", &fifo, &file];
    let mut waiting = Waiting::with(&folder, &args, "");
    let id = waiting.0.id().to_string();
    let status = loop {
        let mut kill = Command::new("kill");
        kill.args(["-INT", &id]).stderr(Stdio::null());
        let _ = kill.status().unwrap();
        if let Some(status) = waiting.0.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    assert_eq!(status.code(), Some(130));
}
