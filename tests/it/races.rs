//! What happens beside a commit, a merge or a close: calls that share a commit which then fails,
//! writers that wait for room, processes that end in between.

use crate::support::faulty::FaultyStorage;
use crate::support::files::{bytes_of, record_ends};
use crate::{at, log, uid};
use sessionlog::storage::{MemoryStorage, Storage};
use sessionlog::{Durability, ErrorKind, Options, Outcome, Query, Result, SessionLog, Store};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

const START: &str = "2026-11-01T08:00:00Z";
const END: &str = "2026-11-01T09:00:00Z";

fn created(options: &Options) -> (FaultyStorage, Store) {
    let storage = FaultyStorage::default();
    let store = options.clone().create_on(Arc::new(storage.clone()));
    (storage, store.unwrap())
}

fn named(number: u128, user: u128, name: &str) -> SessionLog {
    SessionLog {
        user_refer_uid: uid(user),
        user: name.into(),
        ..log(number, START, None)
    }
}

fn numbers(store: &Store) -> Vec<u128> {
    let logs = store.iter(&Query::all()).unwrap();
    logs.map(|log| log.unwrap().refer_uid.as_u128()).collect()
}

/// Appends records in one commit, in this order, which fails.
fn fail_together(
    storage: &FaultyStorage,
    store: &Store,
    logs: &[SessionLog],
) -> Vec<Result<Outcome>> {
    storage.shut("log.");
    // It leads a commit of its own, while the others come together.
    let first = spawn_append(store, &named(100, 1, "first"));
    storage.wait_for_waiting(1);
    let calls: Vec<_> = logs
        .iter()
        .map(|log| {
            let call = spawn_append(store, log);
            // Only time brings them into an order.
            thread::sleep(Duration::from_millis(50));
            call
        })
        .collect();
    // The sync that waits, then the write and the sync of the group.
    storage.fail_some("log.", 2, 1);
    storage.open_gate();
    first.join().unwrap().unwrap();
    let results = calls.into_iter().map(|call| call.join().unwrap());
    let results = results.collect();
    assert!(storage.has_failed());
    results
}

fn spawn_append(store: &Store, log: &SessionLog) -> thread::JoinHandle<Result<Outcome>> {
    let (store, log) = (store.clone(), log.clone());
    thread::spawn(move || store.append(log))
}

#[test]
fn what_calls_of_a_failed_commit_were_called_is_no_name_of_anybody() {
    for (user, name) in [(3, "Bob"), (1, "second")] {
        let (storage, store) = created(&Store::options());
        store.append(named(1, 1, "first")).unwrap();
        let ended = SessionLog {
            session_end: Some(at(END)),
            ..named(3, 2, "Ann")
        };
        let results = fail_together(&storage, &store, &[named(3, 2, "Ann"), ended]);
        assert!(results.iter().all(std::result::Result::is_err));
        // The ids that Ann had are given to another.
        let other = named(4, user, name);
        store.append(other.clone()).unwrap();
        assert_eq!(store.get(uid(4)).unwrap(), Some(other.clone()));
        assert_eq!(store.append(other).unwrap(), Outcome::AlreadyThere);
        store.end(uid(4), at(END)).unwrap();
        let query = Query::builder().user_refer_uid(uid(user)).build().unwrap();
        let of_user = store.iter(&query).unwrap().map(Result::unwrap);
        let found = of_user.filter(|log| log.refer_uid == uid(4));
        assert_eq!(
            found.map(|log| log.session_end).collect::<Vec<_>>(),
            [Some(at(END))]
        );
        store.close().unwrap();
    }
}

#[test]
fn nobody_is_refused_for_what_a_failed_commit_would_have_done() {
    let (storage, store) = created(&Store::options());
    store.append(named(1, 1, "first")).unwrap();
    let results = fail_together(
        &storage,
        &store,
        &[named(3, 2, "Ann"), named(3, 2, "Other")],
    );
    let kinds = results.into_iter().map(|result| result.unwrap_err().kind());
    assert!(kinds.eq([ErrorKind::Unavailable; 2]));
    assert_eq!(store.append(named(3, 2, "Other")).unwrap(), Outcome::Added);
}

#[test]
fn no_file_is_changed_once_others_may_have_the_lock() {
    let (storage, store) = created(&Store::options());
    store.append(log(1, START, None)).unwrap();
    store.close().unwrap();
    assert!(!storage.was_changed_unlocked());
    // And not if opening fails either.
    let damaged = storage.after_kill();
    damaged.create("log.1").unwrap();
    let storage = FaultyStorage::of(damaged);
    let opened = Store::options().open_on(Arc::new(storage.clone()));
    assert!(opened.is_err());
    assert!(!storage.was_changed_unlocked());
}

/// Commits 1 to 5 in one file of the log and 6 to 8 in the other, none of them synced, of a process
/// that was killed while its merges failed.
fn of_two_files() -> FaultyStorage {
    let options = Store::options().durability(Durability::Eventual);
    let (storage, store) = created(&options.delta_sessions_max(20));
    storage.fail_some("main.redb", 0, u64::MAX);
    for number in 1..=5 {
        store.append(log(number, START, None)).unwrap();
    }
    while store.stats().unwrap().last_merge.is_none() {
        thread::yield_now();
    }
    for number in 6..=8 {
        store.append(log(number, START, None)).unwrap();
    }
    let killed = storage.after_kill();
    assert_eq!(record_ends(&bytes_of(&killed, "log.0")).len(), 6);
    assert_eq!(record_ends(&bytes_of(&killed, "log.1")).len(), 4);
    FaultyStorage::of(killed)
}

/// The directory after a loss of power in which the older file has kept just its first records.
fn with_records(storage: &MemoryStorage, kept: usize) -> MemoryStorage {
    let older = bytes_of(storage, "log.0");
    let mut cut = older.clone();
    cut[record_ends(&older)[kept]..].fill(0);
    storage.create("log.0").unwrap().write(0, &cut).unwrap();
    storage.clone()
}

#[test]
fn commits_that_a_crash_cut_off_do_not_come_back_from_the_other_file() {
    let crashed = FaultyStorage::of(with_records(&of_two_files().after_kill(), 2));
    let store = Store::options().open_on(Arc::new(crashed.clone())).unwrap();
    assert_eq!(numbers(&store), [1, 2]);
    for number in 101..=103 {
        store.append(log(number, START, None)).unwrap();
    }
    store.append(log(8, START, None)).unwrap();
    let killed = Store::options()
        .open_on(Arc::new(crashed.after_kill()))
        .unwrap();
    assert_eq!(numbers(&killed), [1, 2, 8, 101, 102, 103]);
}

#[test]
fn what_a_killed_process_has_left_is_made_durable_before_anything_follows_it() {
    let storage = of_two_files();
    let store = Store::options().open_on(Arc::new(storage.clone())).unwrap();
    assert_eq!(storage.sessions_after_power_loss(), 8);
    store.append(log(9, START, None)).unwrap();
    assert_eq!(storage.sessions_after_power_loss(), 9);
}

#[test]
fn a_commit_beside_a_close_is_durable_after_it() {
    let (storage, store) = created(&Store::options().durability(Durability::Eventual));
    store.append(log(1, START, None)).unwrap();
    storage.shut("main.");
    let closing = thread::spawn({
        let store = store.clone();
        move || store.close()
    });
    storage.wait_for_waiting(1);
    store.append(log(2, START, None)).unwrap();
    storage.open_gate();
    closing.join().unwrap().unwrap();
    assert_eq!(storage.sessions_after_power_loss(), 2);
}

#[test]
fn writers_that_wait_for_room_share_a_merge_and_never_fill_the_delta_beyond_its_bound() {
    let (storage, store) = created(&Store::options().delta_sessions_max(100));
    storage.shut("main.");
    let writers: Vec<_> = (0..20_u128)
        .map(|writer| {
            let store = store.clone();
            thread::spawn(move || {
                let numbers = writer * 20 + 1..writer * 20 + 21;
                store.append_batch(numbers.map(|number| log(number, START, None)))
            })
        })
        .collect();
    storage.wait_for_waiting(1);
    let before = storage.syncs_of("main.");
    storage.open_gate();
    for writer in writers {
        writer.join().unwrap().unwrap();
        assert!(store.stats().unwrap().delta_session_count <= 100);
    }
    // Each merge takes five commits of the main index at most, with two syncs each.
    let syncs = storage.syncs_of("main.") - before;
    assert!(syncs <= 20 * 6, "{syncs} for 400 sessions");
    assert_eq!(store.count(&Query::all()).unwrap(), 400);
}

#[test]
fn ending_more_sessions_than_may_wait_goes_to_the_main_index() {
    let store = Store::options()
        .delta_sessions_max(100)
        .in_memory()
        .unwrap();
    let logs = (1..=2_000).map(|number| log(number, START, None));
    store.append_batch(logs).unwrap();
    let ended = store.end_open(&Query::all(), at(END)).unwrap();
    assert_eq!(ended.ended, 2_000);
    assert_eq!(store.stats().unwrap().delta_session_count, 0);
}

#[test]
fn a_log_that_does_not_follow_on_its_main_index_is_refused_untouched() {
    let (storage, store) = created(&Store::options());
    store.append(log(1, START, None)).unwrap();
    let killed = storage.after_kill();
    // The same commit once more, under the next number.
    let mut bytes = bytes_of(&killed, "log.0");
    let end = record_ends(&bytes)[1];
    let mut again = bytes[24..end].to_vec();
    again[4..12].copy_from_slice(&2_u64.to_le_bytes());
    again[20..24].copy_from_slice(&bytes[48..52]);
    let checksum = crc32fast::hash(&[&again[..24], &again[28..]].concat());
    again[24..28].copy_from_slice(&checksum.to_le_bytes());
    bytes[end..end + again.len()].copy_from_slice(&again);
    killed.create("log.0").unwrap().write(0, &bytes).unwrap();
    let before = bytes_of(&killed, "main.redb");
    let opened = Store::options().open_on(Arc::new(killed.clone()));
    assert_eq!(opened.unwrap_err().kind(), ErrorKind::Corrupted);
    assert_eq!(bytes_of(&killed, "main.redb"), before);
}
