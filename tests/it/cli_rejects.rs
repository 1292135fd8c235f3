//! What an import rejects: told on stderr or kept in a file, each with its place and the reason.

use crate::cli::{ANN, Folder, Ran, command, line, two_lines};
use crate::cli_import::{HEADER, import, login_record, row};
use sessionlog::Store;
use std::fs;

/// The lines of a file of rejections.
pub(crate) fn rejects(folder: &Folder, name: &str) -> Vec<serde_json::Value> {
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
