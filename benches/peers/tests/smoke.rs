//! Every engine and every work, on a small store and with next to no time: they agree, and the rows
//! are what they are said to be.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use serde_json::Value;
use std::collections::BTreeSet;
use std::process::{Command, Output};

const ENGINES: [&str; 8] = [
    "ours",
    "floor",
    "sqlite",
    "sqlite-keyset",
    "lmdb",
    "redb",
    "fjall",
    "native_db",
];

const WORKS: [&str; 14] = [
    "paging",
    "commits",
    "batches",
    "sustained",
    "threads",
    "ends",
    "mixed",
    "beside",
    "stalls",
    "ended-in-delta",
    "names",
    "open-clean",
    "open-killed",
    "space",
];

const MEMBERS: [&str; 10] = [
    "engine", "work", "filter", "page", "sessions", "batch", "threads", "unit", "median", "p99",
];

fn peers(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sessionlog-peers"));
    command.args(args).output().unwrap()
}

fn set<'a>(rows: &'a [Value], member: &str) -> BTreeSet<&'a str> {
    rows.iter()
        .map(|row| row[member].as_str().unwrap())
        .collect()
}

#[test]
fn every_engine_does_every_work() {
    let folder = tempfile::tempdir().unwrap();
    let (json, charts) = (
        folder.path().join("rows.json"),
        folder.path().join("charts"),
    );
    let output = peers(&[
        "--sessions",
        "2000",
        "--budget",
        "1",
        "--json",
        json.to_str().unwrap(),
        "--charts",
        charts.to_str().unwrap(),
    ]);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let rows: Vec<Value> = serde_json::from_slice(&std::fs::read(json).unwrap()).unwrap();
    assert_eq!(set(&rows, "engine"), BTreeSet::from(ENGINES));
    assert_eq!(set(&rows, "work"), BTreeSet::from(WORKS));
    rows.iter().for_each(check_row);
    let pages = rows.iter().filter(|row| row["work"] == "paging").count();
    assert_eq!(pages, ENGINES.len() * 16 * 3);
    for chart in ["depth", "size", "ingest", "space"] {
        let svg = std::fs::read_to_string(charts.join(chart).with_extension("svg")).unwrap();
        assert!(svg.contains("ours"), "{chart} names no engine");
    }
}

fn check_row(row: &Value) {
    let members: BTreeSet<&str> = row
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(members, BTreeSet::from(MEMBERS), "{row}");
    let median = row["median"].as_f64().unwrap();
    assert!(median >= 0.0, "{row}");
    if let Some(p99) = row["p99"].as_f64() {
        assert!(median > 0.0 && p99 >= median, "{row}");
    }
    let is_page = ["paging", "names"].contains(&row["work"].as_str().unwrap());
    assert!(
        !is_page || row["filter"].is_string() && row["page"].is_string(),
        "{row}"
    );
}

#[test]
fn unknown_names_are_refused_with_those_that_there_are() {
    for (option, known) in [("--engines", "sqlite"), ("--work", "paging")] {
        let output = peers(&[option, "nonsense"]);
        assert!(!output.status.success());
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(
            errors.contains("nonsense") && errors.contains(known),
            "{errors}"
        );
    }
}
