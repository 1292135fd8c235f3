//! Files into stores and out of them, by the command line: what is taken, what is rejected, what an
//! interruption leaves, and that nothing is lost on the way there and back.

use crate::cli::{ANN, Folder, Ran, command, line, run, run_with_input, two_lines};
use crate::uid;
use sessionlog::{Query, SessionLog, Store};
use std::fs;
use std::process::Stdio;

pub(crate) const HEADER: &str =
    "refer_uid,user_refer_uid,user,client_refer_uid,session_start,session_end";

pub(crate) fn row(number: u128, start: &str, end: &str) -> String {
    format!("{},{ANN},Ann,PDA-01,{start},{end}\n", uid(number))
}

pub(crate) fn import(folder: &Folder, format: &str, input: &str) -> Ran {
    folder.run_with_input(&["import", "--format", format, "-"], input)
}

pub(crate) fn export(folder: &Folder, format: &str) -> String {
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

#[test]
fn an_import_of_another_format_makes_no_store() {
    let folder = Folder::new();
    for format in ["csv", "wtmp"] {
        import(&folder, format, &two_lines()).failed(4);
        assert!(!folder.store().exists());
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
    for length in [100_000, 1_000_000] {
        let message = import(&Folder::new(), "csv", &"a".repeat(length)).failed(4);
        assert!(message.chars().count() < 400, "{message}");
    }
    for until in ["1899-12-31", "9000-01-01"] {
        let args = ["generate", "--sessions", "1", "--until", until];
        assert!(run(&args).failed(2).contains("the years 1900..=8999"));
    }
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
