//! The command-line tool, run as scripts and people run it.

use super::{at, uid};
use sessionlog::{Outcome, Page, PageRequest, Query, SessionLog, Store};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

pub(crate) const ANN: &str = "00000000-0000-0000-0000-000000000007";

/// What became of a command.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// What it answered, without a word on stderr.
    pub(crate) fn fine(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (0, ""));
        self.out
    }

    /// What it said when it failed with this code: one message, and no answer.
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!((self.code, self.out.as_str()), (code, ""), "{}", self.err);
        let message = self.err.strip_prefix("sessionlog: ").unwrap();
        assert!(!message.contains("sessionlog: "), "{message}");
        message.to_owned()
    }
}

pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sessionlog"));
    command.args(args);
    // What the machine has set is not to show.
    let passwords = ["PGPASSWORD", "PGPASSFILE"];
    for variable in ["COLUMNS", "NO_COLOR", "SESSIONLOG_TOKEN"]
        .into_iter()
        .chain(passwords)
    {
        command.env_remove(variable);
    }
    command
}

pub(crate) fn run(args: &[&str]) -> Ran {
    let output = command(args).stdin(Stdio::null()).output().unwrap();
    Ran::of(output)
}

pub(crate) fn run_with_input(args: &[&str], input: &str) -> Ran {
    let mut command = command(args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that fails need not read all of it.
    if let Err(error) = stdin.write_all(input.as_bytes()) {
        assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
    }
    drop(stdin);
    Ran::of(child.wait_with_output().unwrap())
}

/// A folder with a store in it, and whatever else a test puts there.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With a store of these JSON lines.
    pub(crate) fn with(lines: &str) -> Self {
        let folder = Self::new();
        let args = ["import", "--format", "jsonl", "-"];
        let ran = folder.run_with_input(&args, lines);
        assert_eq!(ran.code, 0, "{}", ran.err);
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn store(&self) -> PathBuf {
        self.path("store")
    }

    pub(crate) fn args<'a>(store: &'a Path, args: &[&'a str]) -> Vec<&'a str> {
        [&["--store", store.to_str().unwrap()], args].concat()
    }

    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        run(&Self::args(&self.store(), args))
    }

    pub(crate) fn run_with_input(&self, args: &[&str], input: &str) -> Ran {
        run_with_input(&Self::args(&self.store(), args), input)
    }

    /// The path of what may be there.
    pub(crate) fn place(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

/// One JSON line: a session of Ann's on PDA-01.
pub(crate) fn line(number: u128, start: &str, end: &str) -> String {
    let end = match end {
        "" => "null".to_owned(),
        end => format!("{end:?}"),
    };
    format!(
        "{{\"refer_uid\":\"{}\",\"user_refer_uid\":\"{ANN}\",\"user\":\"Ann\",\
         \"client_refer_uid\":\"PDA-01\",\"session_start\":\"{start}\",\"session_end\":{end}}}\n",
        uid(number)
    )
}

/// An open session and an ended one.
pub(crate) fn two_lines() -> String {
    line(1, "2026-11-01T08:00:00Z", "")
        + &line(2, "2026-11-02T08:00:00.1234567Z", "2026-11-02T09:00:00Z")
}

#[test]
fn generated_sessions_can_be_piped_into_a_store() {
    let folder = Folder::new();
    let lines = run(&["generate", "--sessions", "1000", "--users", "20"]).fine();
    assert_eq!(lines.lines().count(), 1_000);
    let args = ["import", "--format", "jsonl", "-"];
    let ran = folder.run_with_input(&args, &lines);
    let summary = "sessionlog: accepted 1000, already there 0, ended 0, rejected 0\n";
    assert_eq!(
        (ran.code, ran.err.as_str(), ran.out.as_str()),
        (0, summary, "")
    );
    let stats = folder.run(&["stats", "--output", "json"]).fine();
    let stats: serde_json::Value = serde_json::from_str(&stats).unwrap();
    assert_eq!(stats["session_count"], 1_000);
    let again = folder.run_with_input(&args, &lines);
    let summary = "sessionlog: accepted 0, already there 1000, ended 0, rejected 0\n";
    assert_eq!((again.code, again.err.as_str()), (0, summary));
}

#[test]
fn the_same_seed_generates_the_same_sessions() {
    let generate = |seed| run(&["generate", "--sessions", "50", "--seed", seed]).fine();
    assert_eq!(generate("5"), generate("5"));
    assert_ne!(generate("5"), generate("6"));
    for option in ["--users", "--clients"] {
        run(&["generate", "--sessions", "1", option, "0"]).failed(2);
    }
}

#[test]
fn json_is_the_page_that_the_library_gives() {
    let lines = run(&["generate", "--sessions", "300"]).fine();
    let folder = Folder::with(&lines);
    let args = [
        "query",
        "--page",
        "2",
        "--per-page",
        "7",
        "--output",
        "json",
    ];
    let printed: Page = serde_json::from_str(&folder.run(&args).fine()).unwrap();
    let store = Store::open(folder.store()).unwrap();
    let request = PageRequest::new(2, 7).unwrap();
    assert_eq!(printed, store.page(&Query::all(), request).unwrap());
}

#[test]
fn json_lines_can_be_imported_again() {
    let folder = Folder::with(&two_lines());
    let lines = folder.run(&["query", "--output", "jsonl"]).fine();
    assert_eq!(lines, two_lines());
    let folder = Folder::with(&lines);
    assert_eq!(folder.run(&["query", "--output", "jsonl"]).fine(), lines);
}

#[test]
fn csv_has_a_header_even_without_sessions_and_nothing_for_no_end() {
    let header = "refer_uid,user_refer_uid,user,client_refer_uid,session_start,session_end\n";
    let folder = Folder::with(&two_lines());
    let args = ["query", "--open", "--output", "csv"];
    let row = format!("{},{ANN},Ann,PDA-01,2026-11-01T08:00:00Z,\n", uid(1));
    assert_eq!(folder.run(&args).fine(), format!("{header}{row}"));
    let args = ["query", "--client", "", "--output", "csv"];
    assert_eq!(folder.run(&args).fine(), header);
}

#[test]
fn the_table_shows_open_sessions_as_open_and_ends_with_the_totals() {
    let folder = Folder::with(&two_lines());
    let table = folder.run(&["query", "--per-page", "1"]).fine();
    assert!(table.contains(&uid(1).to_string()), "{table}");
    assert!(table.contains(" open\n"), "{table}");
    assert!(table.ends_with("\npage 0 of 2, 2 sessions\n"), "{table}");
}

#[test]
fn a_name_cannot_disturb_the_terminal() {
    let named = two_lines().replace("Ann", "\\u001b[2J\\u202e");
    let table = Folder::with(&named).run(&["query"]).fine();
    assert!(table.contains("\\u{1b}[2J\\u{202e}"), "{table}");
}

#[test]
fn filters_combine_and_the_order_can_be_turned() {
    let other = line(3, "2026-11-01T09:00:00Z", "").replace("PDA-01", "PDA-02");
    let folder = Folder::with(&(two_lines() + &other));
    let found = |args: &[&str]| -> Vec<u128> {
        let args = [&["query", "--output", "jsonl"], args].concat();
        let lines = folder.run(&args).fine();
        let logs = lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap());
        logs.map(|log: SessionLog| log.refer_uid.as_u128())
            .collect()
    };
    assert_eq!(found(&["--user", ANN]), [1, 3, 2]);
    assert_eq!(found(&["--newest-first"]), [2, 3, 1]);
    assert_eq!(found(&["--open", "--client", "PDA-02"]), [3]);
    assert_eq!(found(&["--after", "2026-11-01T08:00:00Z"]), [3, 2]);
    assert_eq!(found(&["--before", "2026-11-01T10:00:00+01:00"]), [1]);
    assert_eq!(found(&["--user", &uid(8).to_string()]), [0; 0]);
}

#[test]
fn a_session_ends_once_and_the_same_end_is_already_there() {
    let folder = Folder::with(&two_lines());
    let id = uid(1).to_string();
    let end = |time: &str| folder.run(&["end", &id, "--at", time]);
    assert_eq!(end("2026-11-01T09:00:00.0000001Z").fine(), "ended\n");
    assert_eq!(
        end("2026-11-01T10:00:00.0000001+01:00").fine(),
        "already there\n"
    );
    let message = end("2026-11-01T09:00:00Z").failed(13);
    assert!(
        message.contains("2026-11-01T09:00:00.0000001Z"),
        "{message}"
    );
    let stored = Store::open(folder.store()).unwrap().get(uid(1)).unwrap();
    let stored = stored.unwrap().session_end;
    assert_eq!(stored, Some(at("2026-11-01T09:00:00.0000001Z")));
}

#[test]
fn each_kind_of_error_has_its_exit_code() {
    let folder = Folder::with(&two_lines());
    let nil = uid(0).to_string();
    for args in [
        vec!["query", "--per-page", "0"],
        vec!["query", "--user", &nil],
        vec!["end", &uid(1).to_string(), "--at", "2026-10-01T00:00:00Z"],
    ] {
        folder.run(&args).failed(10);
    }
    let unknown = uid(9).to_string();
    let end = ["end", unknown.as_str(), "--at", "2026-11-01T09:00:00Z"];
    folder.run(&end).failed(11);
    let open = Store::open(folder.store()).unwrap();
    folder.run(&["stats"]).failed(14);
    drop(open);
    std::fs::write(folder.store().join("main.redb"), "").unwrap();
    folder.run(&["stats"]).failed(17);
}

#[test]
fn a_message_about_a_store_as_a_whole_names_its_directory() {
    let folder = Folder::with(&two_lines());
    let store = folder.store();
    let names_it =
        |message: String| assert!(message.contains(store.to_str().unwrap()), "{message}");
    let open = Store::open(&store).unwrap();
    names_it(folder.run(&["count"]).failed(14));
    drop(open);
    let backup = folder.place("backup");
    folder.run(&["backup", "--to", &backup]).fine();
    std::fs::write(Path::new(&backup).join("main.redb"), "no store").unwrap();
    let restored = folder.place("restored");
    let restore = ["--store", &restored, "restore", "--from", &backup];
    let ran = run(&restore);
    assert!(
        ran.err.contains(&backup) && !ran.err.contains(&restored),
        "{}",
        ran.err
    );
    std::fs::write(store.join("main.redb"), "").unwrap();
    names_it(folder.run(&["count"]).failed(17));
    std::fs::remove_file(store.join("main.redb")).unwrap();
    names_it(folder.run(&["count"]).failed(15));
}

#[test]
fn a_mistyped_store_is_an_error_and_is_not_made() {
    let folder = Folder::new();
    for args in [
        vec!["query"],
        vec!["stats"],
        vec!["end", ANN, "--at", "2026-11-01T09:00:00Z"],
    ] {
        folder.run(&args).failed(15);
        assert!(!folder.store().exists());
    }
}

#[test]
fn import_makes_no_store_where_it_finds_no_input_or_other_files() {
    let folder = Folder::new();
    let absent = folder.path("absent.jsonl");
    let absent = absent.to_str().unwrap();
    let message = folder
        .run(&["import", "--format", "jsonl", absent])
        .failed(1);
    assert!(message.contains("absent.jsonl"), "{message}");
    assert!(!folder.store().exists());
    std::fs::create_dir(folder.store()).unwrap();
    std::fs::write(folder.store().join("letter.txt"), "Dear Ann").unwrap();
    let args = ["import", "--format", "jsonl", "-"];
    folder.run_with_input(&args, &two_lines()).failed(15);
}

#[test]
fn readers_may_look_at_a_store_at_once() {
    let folder = Folder::with(&two_lines());
    let reader = Store::options().read_only(true).open(folder.store());
    let reader = reader.unwrap();
    folder.run(&["query"]).fine();
    folder.run(&["stats"]).fine();
    assert_eq!(reader.count(&Query::all()).unwrap(), 2);
}

#[test]
fn rejected_records_are_told_with_line_and_reason_and_the_rest_goes_in() {
    let folder = Folder::with(&line(1, "2026-11-01T08:00:00Z", ""));
    let good = line(2, "2026-11-02T08:00:00Z", "");
    let ended = line(1, "2026-11-01T08:00:00Z", "2026-11-01T09:00:00Z");
    let other = line(2, "2026-11-02T08:00:01Z", "");
    let file = folder.write("in.jsonl", &format!("{good}no JSON\n{ended}{other}"));
    let ran = folder.run(&["import", "--format", "jsonl", &file]);
    assert_eq!((ran.code, ran.out.as_str()), (3, ""), "{}", ran.err);
    let said: Vec<&str> = ran.err.lines().collect();
    assert_eq!(said.len(), 3, "{said:?}");
    let summary = "sessionlog: accepted 1, already there 0, ended 1, rejected 2";
    assert_eq!(said[2], summary);
    assert!(
        said[0].starts_with(&format!("sessionlog: {file}: line 2: ")),
        "{said:?}"
    );
    assert!(
        said[1].starts_with(&format!("sessionlog: {file}: line 4: ")),
        "{said:?}"
    );
    assert!(said[1].contains("session_start"), "{said:?}");
}

#[test]
fn what_is_imported_can_be_written_to() {
    let folder = Folder::with(&two_lines());
    let store = Store::open(folder.store()).unwrap();
    let ended = store.end(uid(1), at("2026-11-01T09:00:00Z")).unwrap();
    assert_eq!(ended, Outcome::Ended);
}

#[test]
fn a_file_of_another_kind_is_no_login_records() {
    let folder = Folder::new();
    let file = folder.write("letter.txt", "Dear Ann, these are no login records.\n");
    let args = ["import", "--format", "wtmp", "--source", "host", &file];
    let message = folder.run(&args).failed(4);
    assert!(message.contains("letter.txt"), "{message}");
}

#[test]
fn times_finer_than_a_store_keeps_are_refused_by_name() {
    let folder = Folder::with(&two_lines());
    let time = "2026-11-01T08:00:00.12345678Z";
    let id = uid(1).to_string();
    for args in [
        ["query", "--after", time].as_slice(),
        &["end", &id, "--at", time],
    ] {
        let message = folder.run(args).failed(2);
        assert!(
            message.contains(time) && message.contains("8 fraction digits"),
            "{message}"
        );
    }
    let message = folder.run(&["query", "--before", "soon"]).failed(2);
    assert!(
        message.contains("'soon'") && message.contains("2026-11-01"),
        "{message}"
    );
}

#[test]
fn what_would_be_ignored_is_a_usage_error() {
    let folder = Folder::new();
    assert!(run(&[]).failed(2).contains("query"));
    let message = run(&["stats"]).failed(2);
    assert!(message.contains("--store DIR"), "{message}");
    folder.run(&["generate", "--sessions", "1"]).failed(2);
    folder.run(&["demo"]).failed(2);
    let args = ["import", "--format", "jsonl", "--source", "host", "-"];
    folder.run(&args).failed(2);
    run(&["demo", "--sessions", "9", "--from", "-"]).failed(2);
}

#[test]
fn the_store_may_be_named_after_the_command() {
    let folder = Folder::with(&two_lines());
    let store = folder.store();
    let args = [
        "stats",
        "--store",
        store.to_str().unwrap(),
        "--output",
        "csv",
    ];
    let csv = run(&args).fine();
    assert!(
        csv.starts_with("store_uid,") && csv.lines().count() == 2,
        "{csv}"
    );
}

#[test]
fn the_help_fits_in_a_terminal_and_lists_the_exit_codes() {
    let help = run(&["--help"]).fine();
    assert!(help.contains("NotAStore"), "{help}");
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let (commands, _) = commands.split_once("\n\n").unwrap();
    let commands: Vec<&str> = commands
        .lines()
        .map(|line| line.split_whitespace().next().unwrap())
        .collect();
    assert!(
        commands.len() > 25 && commands.contains(&"end-open"),
        "{commands:?}"
    );
    for command in commands.into_iter().filter(|command| *command != "help") {
        let help = help.clone() + &run(&[command, "--help"]).fine();
        assert!(help.contains("\nExample:\n  sessionlog "), "{help}");
        let shown = help
            .lines()
            .filter(|line| !line.starts_with("  sessionlog "));
        for line in shown {
            assert!(line.len() <= 80, "{line}");
        }
    }
    assert!(
        run(&["--version"])
            .fine()
            .contains(env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_command_quietly() {
    let mut command = command(&["generate", "--sessions", "100000"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut first = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut first).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert!(first.starts_with("{\"refer_uid\""), "{first}");
    assert_eq!(Ran::of(output).fine(), "");
}

#[test]
fn the_demonstration_shows_six_filters_days_and_cost_within_a_terminal() {
    let shown = run(&["demo", "--sessions", "2000"]).fine();
    for number in 1..=6 {
        let row = format!("\n {number} ");
        assert_eq!(shown.matches(&row).count(), 1, "{shown}");
    }
    for part in [" µs", "█", "Sessions per day", " bytes a session", "2,000 "] {
        assert!(shown.contains(part), "{part} is missing: {shown}");
    }
    // The name of the temporary folder may be of any length.
    let (body, folder) = shown.trim_end().rsplit_once('\n').unwrap();
    assert!(
        body.lines().all(|line| line.chars().count() <= 80),
        "{shown}"
    );
    let folder = folder.strip_prefix("The store was in ").unwrap();
    let (folder, _) = folder.split_once(", which is removed").unwrap();
    assert!(!Path::new(folder).exists());
}

#[test]
fn the_demonstration_takes_a_file_too_and_says_if_it_holds_nothing() {
    let ran = run_with_input(&["demo", "--from", "-"], &two_lines());
    let summary = "sessionlog: accepted 2, already there 0, ended 0, rejected 0\n";
    assert_eq!((ran.code, ran.err.as_str()), (0, summary));
    assert!(ran.out.contains("the busiest user: Ann\n"), "{}", ran.out);
    run_with_input(&["demo", "--from", "-"], "").failed(4);
}
