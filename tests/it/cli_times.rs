//! Times and the life of sessions as files and command lines tell of them: each mapped by one rule,
//! or refused by name, whatever the machine's zone.

use crate::cli::{Folder, command, line, two_lines};
use crate::uid;
use sessionlog::{Clock, SystemClock};

/// What became of each line: the times that are stored, or the reason.
fn imported(start: &str, end: &str) -> Result<(String, String), String> {
    let folder = Folder::new();
    let args = ["import", "--format", "jsonl", "-"];
    let ran = folder.run_with_input(&args, &line(1, start, end));
    if ran.code == 3 {
        return Err(ran.err);
    }
    assert_eq!(ran.code, 0, "{}", ran.err);
    let row = folder.run(&["export", "--format", "csv"]).fine();
    let fields: Vec<&str> = row.lines().nth(1).unwrap().split(',').collect();
    Ok((fields[4].to_owned(), fields[5].to_owned()))
}

#[test]
fn times_are_instants_floored_to_a_tick_and_never_rounded_into_the_next_second() {
    for (start, stored) in [
        (
            "2026-12-31T23:59:59.9999999Z",
            "2026-12-31T23:59:59.9999999Z",
        ),
        (
            "2026-12-31T23:59:59.999999950Z",
            "2026-12-31T23:59:59.9999999Z",
        ),
        ("2026-11-01T10:00:00+02:00", "2026-11-01T08:00:00Z"),
        ("1900-01-01T00:00:00Z", "1900-01-01T00:00:00Z"),
        (
            "1969-12-31T23:59:59.9999999Z",
            "1969-12-31T23:59:59.9999999Z",
        ),
        (
            "0001-01-01T00:00:00.0000001Z",
            "0001-01-01T00:00:00.0000001Z",
        ),
        (
            "9999-12-31T23:59:59.9999999Z",
            "9999-12-31T23:59:59.9999999Z",
        ),
    ] {
        assert_eq!(imported(start, "").unwrap().0, stored);
    }
}

#[test]
fn times_that_no_session_can_have_are_refused_by_name_and_value() {
    for start in [
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "2026-11-01T08:00:00",
        "2026-11-01",
        "2026-02-30T08:00:00Z",
        "",
    ] {
        let refused = match start {
            // A line without a text at all.
            "" => imported(" ", "").unwrap_err(),
            start => imported(start, "").unwrap_err(),
        };
        assert!(refused.contains("session_start"), "{start}: {refused}");
        assert!(
            refused.contains(start.get(..4).unwrap_or("")),
            "{start}: {refused}"
        );
    }
}

#[test]
fn both_hours_of_a_night_on_which_clocks_are_set_back_are_two_instants() {
    let folder = Folder::with(
        &(line(1, "2026-10-25T01:30:00+02:00", "") + &line(2, "2026-10-25T01:30:00+01:00", "")),
    );
    let found = |args: &[&str]| folder.run(&[&["count"], args].concat()).fine();
    assert_eq!(found(&["--after", "2026-10-25T01:30:00+02:00"]), "1\n");
    assert_eq!(found(&["--before", "2026-10-25T01:30:00+01:00"]), "1\n");
    assert_eq!(found(&["--during", "2026-10-25"]), "1\n");
    assert_eq!(found(&["--during", "2026-10-24"]), "1\n");
}

#[test]
fn an_end_is_open_if_it_is_absent_or_null_and_never_by_a_date_of_zeros() {
    let absent = line(1, "2026-11-01T08:00:00Z", "").replace(",\"session_end\":null", "");
    for lines in [absent, line(1, "2026-11-01T08:00:00Z", "")] {
        let folder = Folder::with(&lines);
        assert_eq!(folder.run(&["count", "--open"]).fine(), "1\n");
    }
    for zero in [
        "0001-01-01T00:00:00Z",
        "0000-00-00",
        "0000-00-00T00:00:00Z",
        "null",
        " ",
    ] {
        let refused = imported("2026-11-01T08:00:00Z", zero).unwrap_err();
        assert!(refused.contains("session_end"), "{zero}: {refused}");
    }
    let empty = line(1, "2026-11-01T08:00:00Z", "").replace("null", "\"\"");
    let ran = Folder::new().run_with_input(&["import", "--format", "jsonl", "-"], &empty);
    assert!(
        ran.code == 3 && ran.err.contains("session_end \"\""),
        "{}",
        ran.err
    );
}

#[test]
fn a_session_that_ends_as_it_starts_is_ended() {
    let stored = imported("2026-11-01T08:00:00Z", "2026-11-01T08:00:00Z").unwrap();
    assert_eq!(stored.0, stored.1);
    let refused = imported("2026-11-01T08:00:00Z", "2026-11-01T07:59:59.9999999Z");
    assert!(
        refused
            .unwrap_err()
            .contains("session_end 2026-11-01T07:59:59.9999999Z")
    );
}

#[test]
fn a_record_of_other_content_is_refused_and_the_first_stands() {
    let folder = Folder::with(&two_lines());
    let before = folder.run(&["export", "--format", "jsonl"]).fine();
    let end = "2026-11-02T09:00:00Z";
    let clashes = [
        line(1, "2026-11-01T08:00:01Z", ""),
        line(1, "2026-11-01T08:00:00Z", "").replace("Ann", "Bob"),
        line(2, "2026-11-02T08:00:00.1234567Z", "2026-11-02T10:00:00Z"),
        // That it was open once is no news, and opens nothing.
        line(2, "2026-11-02T08:00:00.1234567Z", ""),
        line(2, "2026-11-02T08:00:00.1234567Z", end),
    ];
    let args = ["import", "--format", "jsonl", "-"];
    let ran = folder.run_with_input(&args, &clashes.concat());
    assert!(
        ran.err
            .ends_with("accepted 0, already there 2, ended 0, rejected 3\n"),
        "{}",
        ran.err
    );
    for member in ["session_start", "user", "session_end"] {
        assert!(ran.err.contains(member), "{member}: {}", ran.err);
    }
    assert_eq!(folder.run(&["export", "--format", "jsonl"]).fine(), before);
}

#[test]
fn bounds_at_the_ends_of_months_and_years_leave_nothing_in_from_behind_them() {
    let starts = [
        "2025-12-31T23:59:59.9999999Z",
        "2026-01-01T00:00:00Z",
        "2026-01-31T23:59:59.9999999Z",
        "2026-02-01T00:00:00Z",
    ];
    let lines = starts
        .iter()
        .zip(1..)
        .map(|(start, number)| line(number, start, ""));
    let folder = Folder::with(&lines.collect::<String>());
    let count = |args: &[&str]| folder.run(&[&["count"], args].concat()).fine();
    assert_eq!(count(&["--during", "2026-01"]), "2\n");
    assert_eq!(count(&["--during", "2025"]), "1\n");
    assert_eq!(count(&["--during", "2026"]), "3\n");
    assert_eq!(count(&["--after", "2026-01-01"]), "2\n");
    assert_eq!(
        count(&["--after", "2026-01-01", "--before", "2026-02-01"]),
        "1\n"
    );
    let hours = folder
        .run(&["histogram", "--by", "month", "--output", "csv"])
        .fine();
    let expected = "start,count\n2025-12-01T00:00:00Z,1\n2026-01-01T00:00:00Z,2\n\
                    2026-02-01T00:00:00Z,1\n";
    assert_eq!(hours, expected);
}

#[test]
fn what_leaves_its_zone_out_is_utc_wherever_the_machine_is() {
    let folder = Folder::with(&two_lines());
    let store = folder.store();
    for zone in ["UTC", "Asia/Kolkata", "America/New_York"] {
        for after in [
            "2026-11-01T08:00:00",
            "2026-11-01 08:00",
            "2026-11-01T10:00:00+02:00",
        ] {
            let args = Folder::args(&store, &["count", "--after", after]);
            let output = command(&args).env("TZ", zone).output().unwrap();
            assert_eq!(output.stdout, b"1\n", "{zone} {after}");
        }
        let args = Folder::args(
            &store,
            &["query", "--during", "2026-11-02", "--output", "csv"],
        );
        let output = command(&args).env("TZ", zone).output().unwrap();
        let rows = String::from_utf8(output.stdout).unwrap();
        assert!(
            rows.contains(&uid(2).to_string()) && rows.lines().count() == 2,
            "{zone}"
        );
    }
}

#[test]
fn ages_count_back_from_now() {
    let now = SystemClock.now();
    let ago = |hours: i64| (now - chrono::TimeDelta::hours(hours)).to_rfc3339();
    let lines = [
        line(1, &ago(1), ""),
        line(2, &ago(30), ""),
        line(3, &ago(24 * 40), ""),
    ];
    let folder = Folder::with(&lines.concat());
    let count = |args: &[&str]| folder.run(&[&["count"], args].concat()).fine();
    assert_eq!(count(&["--after", "24h"]), "1\n");
    assert_eq!(count(&["--after", "2d"]), "2\n");
    assert_eq!(count(&["--before", "7d"]), "1\n");
    assert_eq!(count(&["--before", "now"]), "3\n");
    assert_eq!(
        folder
            .run(&["end-stale", "--before", "7d", "--at", "now"])
            .fine(),
        "ended 1, left open 0\n"
    );
}
