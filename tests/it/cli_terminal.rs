//! What people see: tables as wide as their terminal, colours there and nowhere else.

use crate::cli::{Folder, command, line, run, two_lines};
use std::process::{Command, Stdio};

/// What a command prints on a terminal so wide, made by script(1).
fn on_terminal(columns: u16, environment: &[(&str, &str)], folder: &Folder, args: &str) -> String {
    let store = folder.store();
    let program = env!("CARGO_BIN_EXE_sessionlog");
    let line = format!(
        "stty cols {columns}; '{program}' --store '{}' {args}",
        store.display()
    );
    let mut script = Command::new("script");
    script
        .args(["-qec", &line, "/dev/null"])
        .stdin(Stdio::null());
    script
        .env_remove("NO_COLOR")
        .env_remove("COLUMNS")
        .env("TERM", "xterm");
    script.envs(environment.iter().copied());
    let output = script.output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout)
        .unwrap()
        .replace("\r\n", "\n")
}

fn without_colours(text: &str) -> String {
    let mut parts = text.split('\u{1b}');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |plain, part| {
        let (_, rest) = part.split_once('m').expect("a colour");
        plain + rest
    })
}

/// With an open session that has not lasted yet, at any time of a test.
fn folder() -> Folder {
    let future = line(7, "9999-01-01T00:00:00Z", "");
    let ended = two_lines().lines().nth(1).unwrap().to_owned() + "\n";
    let wide = ended
        .replace("000000000002", "000000000008")
        .replace("Ann", "王小明の端末 👩");
    Folder::with(&(future + &ended + &wide + &run(&["generate", "--sessions", "300"]).fine()))
}

/// How many columns a line takes.
fn width(line: &str) -> usize {
    let columns = |character: char| {
        if character < '\u{1100}' || character == '█' {
            1
        } else {
            2
        }
    };
    line.chars().map(columns).sum()
}

#[test]
fn tables_and_charts_are_as_wide_as_the_terminal_and_no_wider() {
    let folder = folder();
    for columns in [40, 60, 80, 100, 200] {
        for args in [
            "query",
            "users",
            "clients",
            "histogram",
            "stats",
            "query --open",
        ] {
            let shown = on_terminal(columns, &[("NO_COLOR", "1")], &folder, args);
            let widest = shown.lines().map(width).max().unwrap();
            assert!(widest <= columns.into(), "{args} at {columns}: {shown}");
        }
        let shown = on_terminal(columns, &[("NO_COLOR", "1")], &folder, "query --per-page 1");
        let lines = match columns {
            130.. => 3,
            80.. => 5,
            _ => 6,
        };
        assert_eq!(shown.lines().count(), lines, "{shown}");
    }
    let exported = on_terminal(
        80,
        &[],
        &folder,
        "export --format csv --open --after 9998-01-01",
    );
    assert_eq!(exported.lines().count(), 2, "{exported}");
    let wide = on_terminal(120, &[("NO_COLOR", "1")], &folder, "histogram");
    let widest = wide.lines().map(|line| line.chars().count()).max();
    assert_eq!(widest, Some(119), "{wide}");
}

#[test]
fn colours_are_for_terminals_and_never_where_they_are_not_wanted() {
    let folder = folder();
    let queries = [
        "query --after 9998-01-01 --open",
        "histogram --before 9998-01-01",
    ];
    for args in queries.into_iter().chain(["users", "stats"]) {
        let coloured = on_terminal(100, &[], &folder, args);
        assert!(coloured.contains("\u{1b}["), "{args}: {coloured}");
        let plain = on_terminal(100, &[("NO_COLOR", "1")], &folder, args);
        assert!(!plain.contains('\u{1b}'), "{args}: {plain}");
        assert_eq!(without_colours(&coloured), plain, "{args}");
        // An empty one asks for nothing.
        assert_eq!(
            on_terminal(100, &[("NO_COLOR", "")], &folder, args),
            coloured
        );
        assert!(!on_terminal(100, &[("TERM", "dumb")], &folder, args).contains('\u{1b}'));
    }
    let store = folder.store();
    let mut piped = command(&Folder::args(&store, &["query", "--open"]));
    piped.env("CLICOLOR_FORCE", "1").env("FORCE_COLOR", "1");
    let output = piped.output().unwrap();
    assert!(!output.stdout.contains(&0x1b));
}

#[test]
fn where_stdout_is_no_terminal_columns_tells_the_width() {
    let folder = folder();
    let store = folder.store();
    let lines = |columns: &str| {
        let mut command = command(&Folder::args(&store, &["query", "--per-page", "1"]));
        let output = command.env("COLUMNS", columns).output().unwrap();
        String::from_utf8(output.stdout).unwrap().lines().count()
    };
    assert_eq!(
        (lines("200"), lines("80"), lines("wide"), lines("0")),
        (3, 5, 5, 5)
    );
}

/// A bar is drawn within a quarter of a second, and an import takes longer.
#[test]
fn an_import_shows_its_rate_and_what_is_left_in_bytes_of_a_file_and_records_of_a_stream() {
    let folder = Folder::new();
    let lines = run(&["generate", "--sessions", "60000", "--users", "500"]).fine();
    let file = folder.write("in.jsonl", &lines);
    let args = format!("import --format jsonl '{file}'");
    let shown = on_terminal(100, &[], &folder, &args);
    let parts = ["importing ", " of 15", " MiB, ", "iB/s, ", "s left"];
    assert!(parts.iter().all(|part| shown.contains(part)), "{shown}");
    let args = format!("import --format jsonl - < <(cat '{file}')");
    let shown = on_terminal(100, &[("SHELL", "/bin/bash")], &folder, &args);
    assert!(
        shown.contains(" records, ") && shown.contains("/s"),
        "{shown}"
    );
    assert!(
        shown.ends_with("already there 60000, ended 0, rejected 0\n"),
        "{shown}"
    );
}
