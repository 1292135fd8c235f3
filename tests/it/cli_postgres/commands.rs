//! Every command on both kinds of store, from one table: what they answer must be equal.

use super::migrated;
use crate::cli::{ANN, Folder, Ran, line, run, run_with_input, two_lines};
use crate::cli_import::login_record;
use crate::uid;
use std::fs;

/// A store in a directory and one in a database, which are told the same.
struct Both {
    folder: Folder,
    places: [String; 2],
}

impl Both {
    fn new() -> Option<Self> {
        let (url, folder) = (migrated()?, Folder::new());
        let places = [folder.place("store"), url];
        Some(Self { folder, places })
    }

    /// What both say to it.
    #[track_caller]
    fn tell(&self, args: &[&str], input: &str) -> Ran {
        let ran = self.places.each_ref().map(|place| {
            let args = [&["--store", place], args].concat();
            run_with_input(&args, input)
        });
        let [embedded, database] = ran;
        let said = |ran: &Ran| (ran.code, ran.out.clone(), ran.err.clone());
        assert_eq!(said(&embedded), said(&database), "{args:?}");
        database
    }

    /// Tells both, which succeed.
    #[track_caller]
    fn ask(&self, args: &str) -> String {
        self.tell(&words(args), "").fine()
    }
}

fn words(args: &str) -> Vec<&str> {
    args.split(' ').collect()
}

/// Sessions of many, and some that no import takes: no JSON, a record that another contradicts, one
/// that ends before it starts.
fn input() -> String {
    let generated = run(&words("generate --sessions 3000 --users 40 --clients 15")).fine();
    let contradicted = line(1, "2026-11-05T08:00:00Z", "");
    let early = line(5, "2026-11-05T08:00:00Z", "2026-11-04T08:00:00Z");
    let renamed = line(6, "2026-10-05T08:00:00Z", "").replace("Ann", "Zoë \\\"王\\\"");
    [
        &*two_lines(),
        "no JSON\n",
        &generated,
        &contradicted,
        &early,
        &renamed,
        &two_lines(),
    ]
    .concat()
}

fn both_with_sessions() -> Option<Both> {
    let both = Both::new()?;
    let ran = both.tell(&words("import --format jsonl -"), &input());
    assert_eq!(ran.code, 3);
    let summary = "accepted 3003, already there 2, ended 0, rejected 3\n";
    assert!(ran.err.ends_with(summary), "{}", ran.err);
    Some(both)
}

#[test]
fn files_go_in_and_come_out_alike() {
    let Some(both) = both_with_sessions() else {
        return;
    };
    let exported = both.ask("export --format jsonl");
    assert_eq!(exported.lines().count(), 3_003);
    both.ask("export --format jsonl --open");
    both.ask("export --format csv --user-name Ann");
    let csv = both.ask("export --format csv --during 2026-10");
    let again = both.tell(&words("import --format csv -"), &csv);
    assert!(again.err.contains("accepted 0, "), "{}", again.err);
    let rest = words("import --format jsonl --resume-after 3000 -");
    assert_eq!(both.tell(&rest, &input()).code, 3);
    let beyond = words("import --format jsonl --resume-after 9000 -");
    assert_eq!(both.tell(&beyond, &input()).code, 2);
    assert_eq!(both.tell(&words("import --format csv -"), "x\n").code, 4);
}

#[test]
fn login_records_end_what_is_open() {
    let Some(both) = Both::new() else { return };
    let file = both.folder.place("wtmp");
    fs::write(&file, login_record()).unwrap();
    let import = format!("import --format wtmp --source host {file}");
    let ran = both.tell(&words(&import), "");
    assert!(ran.err.contains("accepted 1, "), "{}", ran.err);
    let mut logout = login_record();
    logout[0] = 8;
    logout[340..344].copy_from_slice(&1_700_003_600_u32.to_le_bytes());
    fs::write(&file, logout).unwrap();
    let ran = both.tell(&words(&import), "");
    assert!(ran.err.contains("ended 1, "), "{}", ran.err);
    both.ask("query --output json");
}

#[test]
fn what_is_read_is_equal() {
    let Some(both) = both_with_sessions() else {
        return;
    };
    let ids = format!("get {}", uid(2));
    let of_ann = format!("count --user {ANN}");
    for args in [
        "query",
        "query --newest-first --per-page 7 --page 3 --output json",
        "query --open --output jsonl",
        "query --user-name Ann --output csv",
        "query --page 4000000000",
        "query --during 2026-10 --page 1",
        "count",
        "count --open --output json",
        "count --after 2026-10-05T08:00 --before 2026-10-06",
        &ids,
        &of_ann,
        "histogram",
        "histogram --by hour --during 2026-10-05 --output csv",
        "histogram --by month --open --output json",
        "histogram --user-name Ann",
        "users --top 3",
        "users --top 1 --open --output json",
        "users --top 0",
        "clients --top 3 --output json",
        "clients --top 1 --during 2026-10 --output csv",
        "verify",
        "verify --output json",
    ] {
        both.ask(args);
    }
    for output in ["json", "jsonl", "csv"] {
        both.ask(&format!("get {} --output {output}", uid(1)));
    }
}

#[test]
fn what_is_written_is_equal() {
    let Some(both) = both_with_sessions() else {
        return;
    };
    let (new, timed) = (uid(77), uid(78));
    for args in [
        format!("start --user {ANN} --client PDA-09 --refer-uid {timed} --at 2026-10-01"),
        format!("start --user {ANN} --client PDA-09 --refer-uid {timed} --at 2026-10-01"),
        format!("start --user-name Ann --client PDA-09 --refer-uid {new}"),
        format!("end {timed} --at 2026-10-02"),
        format!("end {timed} --at 2026-10-02"),
        "end-open --client PDA-01 --at 2026-12-01".to_owned(),
        "end-open --all --at 2026-10-07 --output json".to_owned(),
        "end-stale --before 2026-10-08 --hours 8".to_owned(),
        "end-stale --before 2026-10-09 --at 2026-10-09 --output csv".to_owned(),
        format!("remove {timed} --output json"),
        "export --format csv --before 2026-11-03".to_owned(),
        // Before others go: a directory also counts names that nobody has any more.
        format!("erase --user {ANN} --output json"),
        "retain --sessions 2500 --output json".to_owned(),
        "retain --sessions 2400".to_owned(),
        "prune --older-than 36500 --output json".to_owned(),
        "verify".to_owned(),
        "count".to_owned(),
        "users --top 1".to_owned(),
    ] {
        both.ask(&args);
    }
}

#[test]
fn what_fails_fails_alike() {
    let Some(both) = both_with_sessions() else {
        return;
    };
    let namesake = line(9, "2026-11-04T08:00:00Z", "").replace(ANN, &uid(8).to_string());
    let import = words("import --format jsonl -");
    assert_eq!(both.tell(&import, &namesake).code, 0);
    let (known, unknown) = (uid(1), uid(99));
    for (args, code) in [
        (format!("get {unknown}"), 11),
        (format!("end {unknown}"), 11),
        (format!("remove {unknown}"), 11),
        (format!("end {known} --at 2026-10-01"), 10),
        (format!("end {} --at 2026-11-03", uid(2)), 13),
        (
            format!("start --user {ANN} --user-name Ann --client Other --refer-uid {known}"),
            12,
        ),
        (format!("start --user {unknown} --client C"), 11),
        ("start --user-name Nobody --client C".to_owned(), 11),
        ("start --user-name Ann --client C".to_owned(), 10),
        ("count --user-name Nobody".to_owned(), 11),
        ("query --per-page 0".to_owned(), 10),
        ("query --per-page 20000".to_owned(), 10),
        (format!("count --user {}", uid(0)), 10),
        (
            "count --after 2026-11-02 --before 2026-11-01".to_owned(),
            10,
        ),
        ("prune --older-than 0".to_owned(), 10),
        ("erase --user-name Nobody".to_owned(), 11),
        ("end-open".to_owned(), 2),
        ("import --format jsonl absent".to_owned(), 1),
        ("frobnicate".to_owned(), 2),
    ] {
        assert_eq!(both.tell(&words(&args), "").code, code, "{args}");
    }
}
