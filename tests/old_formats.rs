//! Stores of every released format version are read: one is kept for each, made by the release.
//!
//! A version's store is made with `SESSIONLOG_MAKE_FIXTURE=1 cargo test --test old_formats`, once,
//! by the code that writes that version.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation
)]

use chrono::{DateTime, TimeDelta, Utc};
use sessionlog::{Outcome, Query, SessionLog, Store};
use std::fs;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// The oldest version that was released.
const OLDEST: u32 = 4;

/// The version that this code writes.
const CURRENT: u32 = 4;

const FILES: [&str; 3] = ["main.redb", "log.0", "log.1"];

/// The folder of a version's files.
fn fixture(version: u32) -> PathBuf {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    data.join(format!("store-v{version}"))
}

fn start(number: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::hours(number * 50_000 - 10_000_000)
}

/// What every fixture holds.
fn logs() -> Vec<SessionLog> {
    let log = |number: i64| SessionLog {
        refer_uid: Uuid::from_u128(u128::from(number.unsigned_abs()) << 64),
        user_refer_uid: Uuid::from_u128(user_of(number) as u128 + 1),
        user: ["Ann", "Åsa", "", "kai\u{feff}", "\0"][user_of(number)].into(),
        client_refer_uid: format!("PDA-{:02}", number % 3).into(),
        session_start: start(number),
        session_end: (number % 4 != 0).then(|| start(number) + TimeDelta::microseconds(1)),
    };
    (1..=850).map(log).collect()
}

/// The last of them are all of one user, who comes to have more than 512.
fn user_of(number: i64) -> usize {
    match number {
        1..=250 => number as usize % 5,
        _ => 0,
    }
}

#[test]
fn stores_of_every_version_are_read_found_sound_and_written() {
    if std::env::var_os("SESSIONLOG_MAKE_FIXTURE").is_some() {
        make_fixture();
    }
    for version in OLDEST..=CURRENT {
        let folder = tempfile::tempdir().unwrap();
        for file in FILES {
            fs::copy(fixture(version).join(file), folder.path().join(file)).unwrap();
        }
        let store = Store::open(folder.path()).unwrap();
        check(&store, version);
        let stored = store.iter(&Query::all()).unwrap().map(Result::unwrap);
        assert!(stored.eq(logs()), "version {version}");
        for log in logs() {
            assert_eq!(store.get(log.refer_uid).unwrap().as_ref(), Some(&log));
            let outcome = store.append(log).unwrap();
            assert_eq!(outcome, Outcome::AlreadyThere);
        }
        let open = Query::builder().open_sessions_only(true).build().unwrap();
        let ended = store.end_open(&open, start(900)).unwrap();
        assert_eq!((ended.ended, ended.left_open), (212, 0));
        check(&store, version);
        store.close().unwrap();
        check(&Store::open(folder.path()).unwrap(), version);
    }
}

/// Every page and row of it is what it must be.
fn check(store: &Store, version: u32) {
    let found = store.verify(|_| ()).unwrap();
    assert_eq!(found.faults, Vec::<String>::new(), "version {version}");
    assert_eq!(found.session_count, 850, "version {version}");
}

#[test]
fn every_fixture_is_tested() {
    let data = fixture(CURRENT);
    let files = fs::read_dir(data.parent().unwrap()).unwrap();
    let stores = files.filter(|file| {
        let name = file.as_ref().unwrap().file_name();
        name.to_str().unwrap().starts_with("store-v")
    });
    assert_eq!(stores.count(), (CURRENT - OLDEST + 1) as usize);
    let store = Store::in_memory().unwrap();
    assert_eq!(store.stats().unwrap().format_version, CURRENT);
}

fn make_fixture() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = Store::create(&path).unwrap();
    let logs = logs();
    let (merged, in_the_log) = logs.split_at(800);
    store.append_batch(merged.to_vec()).unwrap();
    store.close().unwrap();
    let store = Store::open(&path).unwrap();
    store.append_batch(in_the_log.to_vec()).unwrap();
    fs::create_dir_all(fixture(CURRENT)).unwrap();
    for file in FILES {
        fs::copy(path.join(file), fixture(CURRENT).join(file)).unwrap();
    }
}
