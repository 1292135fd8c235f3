//! All sessions from one store into another.

use super::{filled, migrated};
use crate::cli::{Folder, Ran, command, line, run, two_lines};
use crate::cluster::{shared, until};
use std::process::{Command, Stdio};

fn export(place: &str) -> String {
    run(&["export", "--store", place, "--format", "jsonl"]).fine()
}

#[track_caller]
fn copy(from: &str, to: &str, said: &str) {
    let ran = run(&["copy", "--from", from, "--to", to]);
    let said = format!("sessionlog: {said}\n");
    assert_eq!((ran.code, ran.out.as_str(), ran.err), (0, "", said));
}

#[test]
fn what_goes_there_and_back_is_the_same() {
    let Some(url) = migrated() else { return };
    let lines = run(&["generate", "--sessions", "2000"]).fine();
    let folder = Folder::with(&(lines + &two_lines()));
    let (from, back) = (folder.place("store"), folder.place("back"));
    copy(&from, &url, "copied 2002, already there 0");
    copy(&from, &url, "copied 0, already there 2002");
    copy(&url, &back, "copied 2002, already there 0");
    copy(&url, &back, "copied 0, already there 2002");
    let exported = export(&from);
    assert_eq!(export(&url), exported);
    assert_eq!(export(&back), exported);
    let other = migrated().unwrap();
    copy(&url, &other, "copied 2002, already there 0");
    assert_eq!(export(&other), exported);
    for place in [&url, &back, &other] {
        assert_eq!(run(&["verify", "--store", place]).code, 0);
    }
}

#[test]
fn what_the_target_has_otherwise_or_besides_is_a_conflict() {
    let other = line(1, "2026-11-01T09:00:00Z", "");
    let Some(url) = filled(&other) else { return };
    let folder = Folder::with(&two_lines());
    let store = folder.place("store");
    for (from, to) in [(&store, &url), (&url, &store)] {
        let message = run(&["copy", "--from", from, "--to", to]).failed(12);
        let places = [&*store, url.trim_start_matches("postgresql://")];
        assert!(
            places.iter().all(|place| message.contains(place)),
            "{message}"
        );
    }
    // On a day that the source has sessions of, and on one that it has none of.
    for day in ["2026-11-01", "2026-11-05"] {
        let more = two_lines() + &line(3, &format!("{day}T09:00:00Z"), "");
        let besides = filled(&more).unwrap();
        let fewer = filled(&two_lines()).unwrap();
        let folder = Folder::with(&more);
        for (from, to) in [
            (&store, &besides),
            (&fewer, &besides),
            (&fewer, &folder.place("store")),
        ] {
            let message = run(&["copy", "--from", from, "--to", to]).failed(12);
            assert!(message.contains(day), "{message}");
        }
    }
}

#[test]
fn a_copy_needs_a_database_and_a_source() {
    let folder = Folder::with(&two_lines());
    let (store, there) = (folder.place("store"), folder.place("there"));
    let message = run(&["copy", "--from", &store, "--to", &there]).failed(2);
    assert!(message.contains("backup"), "{message}");
    let Some(url) = migrated() else { return };
    let message = run(&["copy", "--from", &there, "--to", &url]).failed(15);
    assert!(message.contains(&there), "{message}");
    assert!(!folder.path("there").exists());
}

#[test]
fn an_interrupted_copy_leaves_what_it_copied_and_goes_on_when_repeated() {
    let Some(url) = migrated() else { return };
    let lines = run(&["generate", "--sessions", "60000"]).fine();
    let folder = Folder::with(&lines);
    let store = folder.place("store");
    let mut copying = command(&["copy", "--from", &store, "--to", &url]);
    let copying = copying.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = copying.spawn().unwrap();
    let cluster = shared().unwrap();
    let database = url.rsplit('/').next().unwrap();
    let count = || {
        let count = ["SELECT count(*) FROM session_log"];
        let count = cluster.psql_at(cluster.address(), database, &count);
        count.unwrap().parse::<u32>().unwrap()
    };
    until("a part of the copy", || count() > 0);
    let id = child.id().to_string();
    let kill = Command::new("kill").args(["-INT", &id]).status();
    assert!(kill.unwrap().success());
    let ran = Ran::of(child.wait_with_output().unwrap());
    let said = "sessionlog: interrupted: what was copied stays, and the same copy again goes on\n";
    assert_eq!((ran.code, ran.err.as_str()), (130, said));
    let done = count();
    assert!((1..60_000).contains(&done), "{done}");
    assert_eq!(run(&["verify", "--store", &url]).code, 0);
    let left = 60_000 - done;
    let said = format!("copied {left}, already there {done}");
    copy(&store, &url, &said);
}
