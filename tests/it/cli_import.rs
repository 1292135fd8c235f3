//! Files into stores and out of them, by the command line: what is taken, what is rejected, what an
//! interruption leaves, and that nothing is lost on the way there and back.

use crate::cli::{ANN, Folder, Ran, command, line, run, run_with_input, two_lines};
use crate::uid;
use sessionlog::{Query, SessionLog, Store};
use std::fs;
use std::io::Write;
use std::process::{Child, Command, Stdio};

const HEADER: &str = "refer_uid,user_refer_uid,user,client_refer_uid,session_start,session_end";

fn row(number: u128, start: &str, end: &str) -> String {
    format!("{},{ANN},Ann,PDA-01,{start},{end}\n", uid(number))
}

fn import(folder: &Folder, format: &str, input: &str) -> Ran {
    folder.run_with_input(&["import", "--format", format, "-"], input)
}

fn export(folder: &Folder, format: &str) -> String {
    folder.run(&["export", "--format", format]).fine()
}

/// That ann logged in on pts/0, as a machine of 64 bits keeps it.
pub(crate) fn login_record() -> Vec<u8> {
    let mut login = vec![0; 384];
    login[0] = 7;
    login[8..13].copy_from_slice(b"pts/0");
    login[44..47].copy_from_slice(b"ann");
    login[340..344].copy_from_slice(&1_700_000_000_u32.to_le_bytes());
    login
}

/// Names that any of the formats could break on.
fn hostile_lines() -> String {
    let names = [
        "",
        " ",
        "a,b",
        "\"",
        "\"\"quoted\"\"",
        "two\nlines",
        "carriage\rreturn\r\n",
        "\u{feff}mark",
        "nul\u{0}\u{1}\u{1f}",
        "\u{202e}turned",
        "=1+1",
        "null",
        "Zoë 王 👩‍👩‍👧",
        "e\u{301}",
        "\\",
        "]]><&",
        &"x".repeat(1_024),
    ];
    let lines = names.iter().enumerate().map(|(index, name)| {
        let number = index as u128 + 1;
        let log = SessionLog {
            user: (*name).into(),
            client_refer_uid: (*name).into(),
            user_refer_uid: uid(100 + number),
            ..crate::log(number, "1969-12-31T23:59:59.9999999Z", None)
        };
        serde_json::to_string(&log).unwrap() + "\n"
    });
    lines.collect()
}

#[test]
fn an_export_that_is_imported_elsewhere_exports_the_same_byte_for_byte() {
    let generated = run(&["generate", "--sessions", "3000", "--users", "50"]).fine();
    let folder = Folder::with(&(hostile_lines() + &generated));
    for format in ["jsonl", "csv"] {
        let first = export(&folder, format);
        let other = Folder::new();
        assert_eq!(import(&other, format, &first).code, 0);
        assert!(export(&other, format) == first, "{format}");
        let stores = [&folder, &other].map(|folder| Store::open(folder.store()).unwrap());
        let all = stores.each_ref().map(|store| {
            let logs = store.iter(&Query::all()).unwrap().map(Result::unwrap);
            logs.collect::<Vec<SessionLog>>()
        });
        assert!(all[0].len() == 3_017 && all[0] == all[1], "{format}");
    }
}

#[test]
fn an_export_has_what_passes_the_filters_and_of_nothing_a_header_alone() {
    let folder = Folder::with(&two_lines());
    let open = ["export", "--format", "jsonl", "--open"];
    assert_eq!(
        folder.run(&open).fine(),
        line(1, "2026-11-01T08:00:00Z", "")
    );
    let none = ["export", "--format", "csv", "--client", "nowhere"];
    assert_eq!(folder.run(&none).fine(), format!("{HEADER}\n"));
    folder.run(&["export"]).failed(2);
}

#[test]
fn an_import_that_is_repeated_changes_nothing_also_if_it_had_rejections() {
    let folder = Folder::new();
    let rows = [
        HEADER,
        "\n",
        &row(1, "2026-11-01T08:00:00Z", ""),
        "no,row\n",
        &row(2, "2026-11-02T08:00:00Z", "2026-11-02T08:00:00Z"),
    ];
    let first = import(&folder, "csv", &rows.concat());
    assert!(
        first
            .err
            .ends_with("accepted 2, already there 0, ended 0, rejected 1\n")
    );
    let before = export(&folder, "jsonl");
    let again = import(&folder, "csv", &rows.concat());
    assert_eq!((first.code, again.code), (3, 3));
    assert!(
        again
            .err
            .ends_with("accepted 0, already there 2, ended 0, rejected 1\n")
    );
    assert_eq!(export(&folder, "jsonl"), before);
}

#[test]
fn csv_is_read_in_any_order_of_columns_with_a_mark_and_either_line_end() {
    let text =
        "\u{feff}session_end,User,CLIENT_REFER_UID,session_start,user_refer_uid,refer_uid\r\n";
    let first = format!(
        ",\"Ann \"\"A\"\"\r\nB, C\",PDA-01,2026-11-01T08:00:00Z,{ANN},{}\r\n",
        uid(1)
    );
    let second = format!(
        "2026-11-02T09:00:00+01:00,Ann,PDA-01,2026-11-02T08:00:00Z,{ANN},{}",
        uid(2)
    );
    let folder = Folder::new();
    assert_eq!(
        import(&folder, "csv", &format!("{text}{first}{second}")).code,
        0
    );
    let lines = export(&folder, "jsonl");
    assert!(
        lines.contains("\"user\":\"Ann \\\"A\\\"\\r\\nB, C\""),
        "{lines}"
    );
    assert!(
        lines.ends_with("\"session_end\":\"2026-11-02T08:00:00Z\"}\n"),
        "{lines}"
    );
}

/// The lines of a file of rejections.
fn rejects(folder: &Folder, name: &str) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(folder.place(name)).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    lines.collect()
}

#[test]
fn what_is_rejected_goes_to_a_file_with_its_line_the_reason_and_its_text() {
    let folder = Folder::new();
    let conflict = line(1, "2026-11-03T08:00:00Z", "");
    let lines = [
        &line(1, "2026-11-01T08:00:00Z", ""),
        "{\"refer_uid\":\r\n",
        &line(2, "2026-11-02T08:00:00Z", ""),
        &conflict,
    ];
    let place = folder.place("bad.jsonl");
    let args = ["import", "--format", "jsonl", "--rejects", &place, "-"];
    let ran = folder.run_with_input(&args, &lines.concat());
    let summary = "sessionlog: accepted 2, already there 0, ended 0, rejected 2\n";
    assert_eq!((ran.code, ran.err.as_str()), (3, summary));
    let bad = rejects(&folder, "bad.jsonl");
    assert_eq!(bad.len(), 2);
    assert_eq!(
        (&bad[0]["line"], &bad[0]["text"]),
        (&2.into(), &"{\"refer_uid\":".into())
    );
    assert_eq!(
        (&bad[1]["line"], &bad[1]["text"]),
        (&4.into(), &conflict.trim_end().into())
    );
    let reason = bad[1]["reason"].as_str().unwrap();
    assert!(
        reason.contains("session_start") && reason.contains("2026-11-03"),
        "{reason}"
    );
    // The file is that of the last import.
    let ran = folder.run_with_input(&args, lines[0]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(rejects(&folder, "bad.jsonl").len(), 0);
}

#[test]
fn a_rejected_row_of_csv_has_all_of_its_text_and_login_records_have_their_number() {
    let folder = Folder::new();
    let place = folder.place("bad.jsonl");
    let text = [
        HEADER,
        "\r\n\r\n",
        &row(1, "2026-11-01T08:00:00Z", ""),
        "x,\"y\nz\",1\r\n",
        &row(2, "yesterday", ""),
    ];
    let args = ["import", "--format", "csv", "--rejects", &place, "-"];
    assert_eq!(folder.run_with_input(&args, &text.concat()).code, 3);
    let bad = rejects(&folder, "bad.jsonl");
    assert_eq!(
        (&bad[0]["line"], &bad[0]["text"]),
        (&4.into(), &"x,\"y\nz\",1".into())
    );
    assert_eq!(bad[1]["line"], 6);
    assert_eq!(bad[1]["text"], row(2, "yesterday", "").trim_end());
    assert!(
        bad[1]["reason"]
            .as_str()
            .unwrap()
            .starts_with("session_start \"yesterday\"")
    );
    let login = login_record();
    let mut broken = login.clone();
    broken[0] = 99;
    let file = folder.place("wtmp");
    fs::write(&file, [login, broken].concat()).unwrap();
    let args = [
        "import",
        "--format",
        "wtmp",
        "--source",
        "host",
        "--rejects",
        &place,
        &file,
    ];
    assert_eq!(folder.run(&args).code, 3);
    let bad = rejects(&folder, "bad.jsonl");
    assert_eq!(
        (bad.len(), &bad[0]["record"], bad[0].get("text")),
        (1, &2.into(), None)
    );
}

#[test]
fn a_file_of_rejections_is_left_alone_until_there_is_an_import() {
    let folder = Folder::new();
    let place = folder.write("bad.jsonl", "of the last time\n");
    let import = |folder: &Folder, format: &str, input: &str| {
        let args = ["import", "--format", format, "--rejects", &place, "-"];
        folder.run_with_input(&args, input).code
    };
    assert_eq!(import(&folder, "csv", "no,columns\n"), 4);
    assert_eq!(import(&folder, "wtmp", "no login records\n"), 4);
    let used = Folder::with(&two_lines());
    let open = Store::open(used.store()).unwrap();
    assert_eq!(import(&used, "jsonl", &two_lines()), 14);
    drop(open);
    assert_eq!(fs::read_to_string(&place).unwrap(), "of the last time\n");
    assert_eq!(import(&used, "jsonl", &two_lines()), 0);
    assert_eq!(fs::read_to_string(&place).unwrap(), "");
    let device = [
        "import",
        "--format",
        "jsonl",
        "--rejects",
        &place,
        "/dev/null",
    ];
    assert_eq!(used.run(&device).code, 0);
}

#[test]
fn an_import_of_another_format_makes_no_store() {
    let folder = Folder::new();
    for format in ["csv", "wtmp"] {
        import(&folder, format, &two_lines()).failed(4);
        assert!(!folder.store().exists());
    }
}

#[cfg(unix)]
#[test]
fn rejections_never_write_over_the_input_or_the_store() {
    let folder = Folder::with(&two_lines());
    let file = folder.write("in.jsonl", &two_lines());
    let main = folder.store().join("main.redb");
    let bytes = fs::read(&main).unwrap();
    let (link, alias) = (folder.place("link"), folder.place("alias"));
    fs::hard_link(&file, &link).unwrap();
    std::os::unix::fs::symlink(&file, &alias).unwrap();
    let new = folder.store().join("bad.jsonl");
    let places = [
        &file,
        &link,
        &alias,
        main.to_str().unwrap(),
        new.to_str().unwrap(),
        "-",
    ];
    for place in places {
        for input in [&file, "-", "/dev/stdin"] {
            let store = folder.store();
            let args = ["import", "--format", "jsonl", "--rejects", place, input];
            let mut command = command(&Folder::args(&store, &args));
            let ran = command
                .stdin(fs::File::open(&file).unwrap())
                .output()
                .unwrap();
            let message = Ran::of(ran).failed(2);
            assert!(message.contains("--rejects"), "{message}");
        }
    }
    assert!(!new.exists());
    assert_eq!(fs::read_to_string(&file).unwrap(), two_lines());
    assert!(fs::read(&main).unwrap() == bytes);
    let nowhere = folder.place("nowhere/bad.jsonl");
    let args = ["import", "--format", "jsonl", "--rejects", &nowhere, &file];
    let message = folder.run(&args).failed(1);
    assert!(message.contains("nowhere/bad.jsonl"), "{message}");
}

#[cfg(target_os = "linux")]
#[test]
fn an_import_whose_rejections_cannot_be_written_fails() {
    let folder = Folder::new();
    let args = ["import", "--format", "jsonl", "--rejects", "/dev/full", "-"];
    // Less than is written at once, and more.
    for count in [1, 1_000] {
        let ran = folder.run_with_input(&args, &"no record\n".repeat(count));
        assert_eq!(ran.code, 1, "{}", ran.err);
        let said = "sessionlog: --rejects /dev/full: cannot write it: No space left";
        assert!(ran.err.starts_with(said), "{}", ran.err);
        assert!(
            ran.err.contains("import standard input again"),
            "{}",
            ran.err
        );
    }
}

#[test]
fn of_many_rejections_the_first_are_told_and_the_others_counted() {
    let folder = Folder::new();
    let ran = import(&folder, "jsonl", &"x\n".repeat(1_000));
    assert_eq!(ran.code, 3);
    let said: Vec<&str> = ran.err.lines().collect();
    assert_eq!(said.len(), 22, "{}", ran.err);
    assert!(
        said[0].starts_with("sessionlog: standard input: line 1: "),
        "{}",
        said[0]
    );
    assert!(
        said[20].contains("980 more") && said[20].contains("--rejects"),
        "{}",
        said[20]
    );
    assert!(said[21].ends_with("rejected 1000"), "{}", said[21]);
}

#[test]
fn a_rejected_member_is_named_with_its_value() {
    let good = line(1, "2026-11-01T08:00:00Z", "");
    let start = "2026-11-01T08:00:00Z";
    for (old, new, expected) in [
        (
            start,
            "yesterday",
            "session_start \"yesterday\" is not an RFC 3339 time",
        ),
        (
            start,
            "2026-11-01T08:00:00",
            "session_start \"2026-11-01T08:00:00\" is not",
        ),
        ("\"Ann\"", "5", "user 5 is no text"),
        ("\"PDA-01\"", "null", "client_refer_uid null is no text"),
        (ANN, "7", "user_refer_uid \"7\" is not a UUID"),
        ("null", "0", "session_end 0 is no text"),
        ("\"user\"", "\"User\"", "unknown field `User`"),
        (
            "\"session_end\"",
            "\"session_ende\"",
            "unknown field `session_ende`",
        ),
    ] {
        let ran = import(&Folder::new(), "jsonl", &good.replacen(old, new, 1));
        assert_eq!(ran.code, 3);
        let place = "sessionlog: standard input: line 1: ";
        assert!(
            ran.err.starts_with(&format!("{place}{expected}")),
            "{}",
            ran.err
        );
    }
}

#[test]
fn huge_lines_and_bytes_that_are_no_text_are_rejected_and_the_next_line_is_read() {
    let folder = Folder::new();
    let file = folder.place("in.jsonl");
    let mut bytes = vec![b'x'; 3 << 20];
    bytes.push(b'\n');
    bytes.extend(b"{\"user\":\"\xff\xfe\"}\n\0\0\0\n");
    bytes.extend(line(1, "2026-11-01T08:00:00Z", "").bytes());
    fs::write(&file, bytes).unwrap();
    let ran = folder.run(&["import", "--format", "jsonl", &file]);
    assert_eq!(ran.code, 3);
    let said: Vec<&str> = ran.err.lines().collect();
    assert!(
        said[0].contains("line 1: the line is longer than 65536 bytes"),
        "{}",
        ran.err
    );
    assert!(said[1].contains("line 2: not UTF-8"), "{}", ran.err);
    assert!(
        said[3].ends_with("accepted 1, already there 0, ended 0, rejected 3"),
        "{}",
        ran.err
    );
}

#[test]
fn a_quote_that_is_not_closed_is_told_by_its_line_and_takes_no_row_before_it_along() {
    let start = "2026-11-01T08:00:00Z";
    let before: String = (1..=500).map(|number| row(number, start, "")).collect();
    let after: String = (501..=9_000).map(|number| row(number, start, "")).collect();
    let bad = row(0, start, "").replace("Ann", "\"Ann");
    let open = format!("{HEADER}\n{before}{bad}");
    let folder = Folder::new();
    // Without an end in sight.
    let ran = import(&folder, "csv", &format!("{open}{after}"));
    assert_eq!(ran.code, 1, "{}", ran.err);
    let parts = [
        "standard input: line 502: ",
        "is a quote open?",
        "--resume-after 501 goes on",
    ];
    assert!(
        parts.iter().all(|part| ran.err.contains(part)),
        "{}",
        ran.err
    );
    assert_eq!(folder.run(&["count"]).fine(), "500\n");
    // And up to the end.
    let ran = import(&folder, "csv", &open);
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(
        ran.err.contains("line 502: a quote is not closed"),
        "{}",
        ran.err
    );
    // Or up to another.
    let ran = import(&folder, "csv", &format!("{open}{bad}"));
    assert_eq!(ran.code, 3, "{}", ran.err);
    assert!(
        ran.err.contains("line 502: text follows a closing quote"),
        "{}",
        ran.err
    );
    let lines = format!("{open}x\",1\n");
    let ran = import(&folder, "csv", &lines);
    assert!(
        ran.err
            .contains("line 502: the row has 4 of 6 fields, and more than one line"),
        "{}",
        ran.err
    );
}

#[test]
fn quotes_that_enclose_no_whole_field_are_rejected_and_not_guessed() {
    let start = "2026-11-01T08:00:00Z";
    let good = row(1, start, "");
    for (field, reason) in [
        ("\"Ann\"x", Some("text follows a closing quote")),
        ("\"Ann\" ", Some("text follows a closing quote")),
        ("\"A\"n\"n\"", Some("text follows a closing quote")),
        ("A\"nn", None),
        ("\"A\"\"nn\"", None),
        ("\"\"", None),
        ("\"A,nn\"", None),
    ] {
        let text = format!("{HEADER}\n{}", good.replace("Ann", field));
        let ran = import(&Folder::new(), "csv", &text);
        let code = if reason.is_some() { 3 } else { 0 };
        assert_eq!(ran.code, code, "{field}: {}", ran.err);
        assert!(
            ran.err.contains(reason.unwrap_or("accepted 1")),
            "{field}: {}",
            ran.err
        );
    }
    let last = format!("{HEADER}\n{}\"", good.trim_end());
    let ran = import(&Folder::new(), "csv", &last);
    assert!(
        ran.code == 3 && ran.err.contains("a quote is not closed"),
        "{}",
        ran.err
    );
}

#[test]
fn an_array_is_no_record() {
    let id = uid(1);
    let array = format!("[\"{id}\",\"{ANN}\",\"Ann\",\"C\",\"2026-11-01T08:00:00Z\",null]\n");
    for line in [array.as_str(), "null\n", "[]\n", "5\n", "[{\n"] {
        let ran = import(&Folder::new(), "jsonl", line);
        assert!(
            ran.code == 3 && ran.err.contains("line 1: it is no object"),
            "{}",
            ran.err
        );
    }
}

#[test]
fn a_message_is_short_whatever_it_quotes() {
    let message = import(&Folder::new(), "csv", &"a".repeat(100_000)).failed(4);
    assert!(message.chars().count() < 400, "{message}");
}

#[test]
fn empty_files_and_files_of_another_format_are_told_apart() {
    let empty = Folder::new();
    let summary = "sessionlog: accepted 0, already there 0, ended 0, rejected 0\n";
    for format in ["jsonl", "wtmp"] {
        let ran = import(&empty, format, "");
        assert_eq!((ran.code, ran.err.as_str()), (0, summary), "{format}");
    }
    let message = import(&empty, "csv", "").failed(4);
    assert!(
        message.contains("standard input") && message.contains("refer_uid"),
        "{message}"
    );
    assert_eq!(import(&empty, "csv", HEADER).code, 0);
    let lines = two_lines();
    let message = import(&empty, "csv", &lines).failed(4);
    assert!(message.contains("is no column"), "{message}");
    let message = import(&empty, "wtmp", &lines).failed(4);
    assert!(message.contains("no login records"), "{message}");
    let ran = import(
        &empty,
        "jsonl",
        &format!("{HEADER}\n{}", row(1, "2026-11-01T08:00:00Z", "")),
    );
    assert!(
        ran.code == 3
            && ran
                .err
                .ends_with("accepted 0, already there 0, ended 0, rejected 2\n")
    );
    assert_eq!(export(&empty, "jsonl"), "");
}

#[test]
fn a_compressed_file_is_told_as_one_in_any_format() {
    let folder = Folder::new();
    for (start, how) in [
        (b"\x1F\x8B\x08\x00\x00\x00\x00".as_slice(), "gzip"),
        (b"\xFD7zXZ\x00\x00\x04", "xz"),
        (b"\x28\xB5\x2F\xFD\x24\x00", "zstd"),
    ] {
        let file = folder.place("logins.1");
        fs::write(&file, [start, &[b'\n'; 100]].concat()).unwrap();
        for format in ["jsonl", "csv", "wtmp"] {
            let args = ["import", "--format", format, &file];
            let message = folder.run(&args).failed(4);
            assert!(
                message.contains("logins.1") && message.contains(how),
                "{message}"
            );
        }
    }
}

/// An import that waits for more of its input.
#[cfg(target_os = "linux")]
struct Waiting(Child);

#[cfg(target_os = "linux")]
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

#[cfg(target_os = "linux")]
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

#[cfg(target_os = "linux")]
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
    let fifo = folder.place("fifo");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
    let ran = Waiting::with(&folder, &["import", "--format", "csv", &fifo], "").interrupted();
    assert_eq!(ran.code, 130, "{}", ran.err);
}

#[cfg(target_os = "linux")]
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

#[cfg(target_os = "linux")]
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

#[cfg(target_os = "linux")]
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

#[cfg(target_os = "linux")]
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

#[cfg(target_os = "linux")]
#[test]
fn an_interrupted_import_of_login_records_has_those_who_are_still_on() {
    let folder = Folder::new();
    // More than is looked at to tell the layout.
    let records: Vec<u8> = std::iter::repeat_n(login_record(), 300).flatten().collect();
    let file = folder.place("wtmp");
    fs::write(&file, records).unwrap();
    let fifo = folder.place("fifo");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
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
fn a_line_to_resume_after_that_the_input_does_not_have_is_told() {
    let folder = Folder::new();
    let args = ["import", "--format", "jsonl", "--resume-after", "3", "-"];
    let message = folder.run_with_input(&args, &two_lines()).failed(2);
    assert!(
        message.contains("--resume-after 3") && message.contains("no line 3"),
        "{message}"
    );
}

#[test]
fn what_comes_up_to_the_line_to_resume_after_is_neither_written_nor_rejected() {
    let folder = Folder::new();
    let lines = [
        &line(1, "2026-11-01T08:00:00Z", ""),
        "no record\n",
        "nor this\n",
        &line(2, "2026-11-02T08:00:00Z", ""),
    ];
    let args = ["import", "--format", "jsonl", "--resume-after", "2", "-"];
    let ran = folder.run_with_input(&args, &lines.concat());
    assert!(
        ran.err
            .ends_with("accepted 1, already there 0, ended 0, rejected 1\n"),
        "{}",
        ran.err
    );
    assert_eq!(folder.run(&["count"]).fine(), "1\n");
    let args = ["import", "--format", "wtmp", "--resume-after", "2", "-"];
    folder.run_with_input(&args, "").failed(2);
}

#[cfg(target_os = "linux")]
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

#[cfg(target_os = "linux")]
#[test]
fn what_is_done_is_said_where_the_answer_cannot_be_written() {
    let folder = Folder::with(&two_lines());
    let store = folder.store();
    let full = |args: &[&str]| {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let output = command(args).stdout(full).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let start = ["start", "--user-name", "Ann", "--client", "PDA-09"];
    let said = full(&Folder::args(&store, &start));
    let id = said
        .strip_prefix("sessionlog: session ")
        .unwrap()
        .split(' ')
        .next()
        .unwrap();
    assert_eq!(folder.run(&["get", id]).code, 0);
    let said = full(&Folder::args(&store, &["end", id]));
    assert!(
        said.starts_with("sessionlog: ended, but cannot write"),
        "{said}"
    );
    let said = full(&Folder::args(&store, &["remove", id]));
    let record = said.strip_prefix("sessionlog: removed ").unwrap();
    assert!(
        record.starts_with(&format!("{{\"refer_uid\":\"{id}\"")),
        "{said}"
    );
    let open = ["end-open", "--all"];
    assert!(
        full(&Folder::args(&store, &open)).starts_with("sessionlog: ended 1, left open 0, but")
    );
    for args in [["--help"].as_slice(), &["query", "--help"], &["--version"]] {
        assert!(full(args).starts_with("sessionlog: cannot write the answer: "));
    }
}

#[cfg(target_os = "linux")]
#[test]
fn an_export_into_a_full_device_fails_and_into_a_closed_pipe_ends_quietly() {
    let lines = run(&["generate", "--sessions", "20000"]).fine();
    let folder = Folder::with(&lines);
    let store = folder.store();
    let args = Folder::args(&store, &["export", "--format", "csv"]);
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let output = command(&args).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.starts_with("sessionlog: cannot write the answer: "),
        "{said}"
    );
    let mut child = command(&args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(Ran::of(output).fine(), "");
}

#[test]
fn generated_sessions_lie_where_they_are_told_to() {
    let generate = |until: &str| {
        let args = [
            "generate",
            "--sessions",
            "200",
            "--days",
            "3",
            "--until",
            until,
        ];
        run(&args).fine()
    };
    for line in generate("2031-05-04").lines() {
        let log: SessionLog = serde_json::from_str(line).unwrap();
        let range = crate::at("2031-04-30T20:00:00Z")..=crate::at("2031-05-04T00:00:00Z");
        assert!(range.contains(&log.session_start), "{line}");
    }
    assert_eq!(
        run_with_input(&["generate", "--sessions", "1", "--days", "0"], "").code,
        2
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_second_interruption_ends_an_import_at_once() {
    let folder = Folder::new();
    let fifo = folder.place("fifo");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .unwrap()
            .success()
    );
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

#[test]
fn a_login_record_that_is_rejected_is_told_by_its_number() {
    let login = login_record();
    let mut broken = login.clone();
    broken[0] = 99;
    let folder = Folder::new();
    let file = folder.place("wtmp");
    fs::write(&file, [login, broken].concat()).unwrap();
    let ran = folder.run(&["import", "--format", "wtmp", "--source", "host", &file]);
    let said = format!("sessionlog: {file}: record 2: 99 is no type of login record\n");
    assert!(ran.code == 3 && ran.err.starts_with(&said), "{}", ran.err);
}
