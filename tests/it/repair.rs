//! What opening a store costs that nobody has closed, counted in bytes that are read, and what is found
//! behind the end of its file.

use crate::support::faulty::FaultyStorage;
use crate::support::files::bytes_of;
use crate::{at, log, uid};
use chrono::TimeDelta;
use sessionlog::storage::{MemoryStorage, Storage};
use sessionlog::{ErrorKind, Merge, Options, Query, SessionLog, Store};
use std::sync::Arc;

const SESSIONS: u32 = 50_000;

fn session(number: u32) -> SessionLog {
    let start = at("2026-01-01T00:00:00Z") + TimeDelta::minutes(number.into());
    SessionLog {
        user_refer_uid: uid(u128::from(number % 100) + 1),
        client_refer_uid: format!("PDA-{}", number % 30).into(),
        session_start: start,
        session_end: (!number.is_multiple_of(10)).then_some(start),
        ..log(number.into(), "2026-01-01T00:00:00Z", None)
    }
}

/// Without a cache, so that what is gone through twice is read twice.
fn options() -> Options {
    let options = Store::options().merge(Merge::Inline).cache_bytes(0);
    options.delta_sessions_max(2_000)
}

/// Appends some more sessions, of which some wait to be merged then.
fn append(store: &Store) {
    let stored = u32::try_from(store.stats().unwrap().session_count).unwrap();
    let numbers: Vec<u32> = (stored + 1..=stored + 5_000).collect();
    for numbers in numbers.chunks(300) {
        let batch = numbers.iter().copied().map(session);
        store.append_batch(batch).unwrap();
    }
}

/// Opens a store, and answers how many bytes that reads.
fn opened(storage: &FaultyStorage) -> (Store, u64) {
    let before = storage.bytes_read();
    let store = options().open_on(Arc::new(storage.clone())).unwrap();
    (store, storage.bytes_read() - before)
}

/// Opening what a killed process has left reads little more than opening the same once it was closed.
fn assert_opens_as_if_closed(storage: &FaultyStorage, left_by: &str) {
    let storage = storage.killed();
    let (store, after_kill) = opened(&storage);
    store.close().unwrap();
    let (store, after_close) = opened(&storage);
    let main_bytes = bytes_of(&storage.after_kill(), "main.redb").len() as u64;
    println!("{left_by}: {after_kill} and {after_close} of {main_bytes} bytes are read");
    assert!(after_close < main_bytes / 8);
    assert!(
        after_kill < after_close + main_bytes / 8,
        "{after_kill}, not {after_close} of {main_bytes} bytes after {left_by}"
    );
    store.close().unwrap();
}

#[test]
fn opening_a_store_that_nobody_has_closed_does_not_go_through_its_file() {
    let storage = FaultyStorage::default();
    let store = options().create_on(Arc::new(storage.clone())).unwrap();
    store.append_batch((1..=SESSIONS).map(session)).unwrap();
    assert_opens_as_if_closed(&storage, "a merge");
    append(&store);
    assert_opens_as_if_closed(&storage, "merges and commits");
    store.compact(|_| ()).unwrap();
    assert_opens_as_if_closed(&storage, "a compaction");
    store.rebuild(|_| ()).unwrap();
    assert_opens_as_if_closed(&storage, "a rebuild");
    append(&store);
    assert_opens_as_if_closed(&storage, "merges into what was written anew");
}

/// As a write leaves it that has failed, or of which a loss of power kept some sectors.
#[test]
fn a_part_of_a_page_behind_the_end_of_a_file_is_left_out_unless_the_store_was_closed() {
    for is_closed in [false, true] {
        let storage = MemoryStorage::default();
        let store = options().create_on(Arc::new(storage.clone())).unwrap();
        store.append_batch((1..=3_000).map(session)).unwrap();
        if is_closed {
            store.close().unwrap();
        }
        let files = ["main.redb", "log.0", "log.1"].map(|name| (name, bytes_of(&storage, name)));
        for part in [1, 512, 4_095] {
            let left = MemoryStorage::default();
            for (name, bytes) in &files {
                left.create(name).unwrap().write(0, bytes).unwrap();
            }
            let end = files[0].1.len() as u64;
            let file = left.open("main.redb").unwrap();
            file.write(end, &vec![7; part]).unwrap();
            let opened = options().open_on(Arc::new(left.clone()));
            if is_closed {
                assert_eq!(opened.unwrap_err().kind(), ErrorKind::Corrupted);
                continue;
            }
            let store = opened.unwrap();
            assert!(store.verify(|_| ()).unwrap().is_sound());
            assert_eq!(store.count(&Query::all()).unwrap(), 3_000);
            store.append(session(3_001)).unwrap();
            store.close().unwrap();
            let store = options().check_on_open(true).open_on(Arc::new(left));
            assert_eq!(store.unwrap().count(&Query::all()).unwrap(), 3_001);
        }
    }
}
