//! A store written anew, compact or from its records: the same answers from a smaller file, while
//! others read and write.

use crate::{Stop, at, log, uid};
use chrono::TimeDelta;
use sessionlog::storage::MemoryStorage;
use sessionlog::{ErrorKind, Merge, Options, PageRequest, Query, RetainedMax, SessionLog, Store};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const START: &str = "2026-11-01T08:00:00Z";

/// One of some users on some clients; every fourth is open.
fn session(number: u128) -> SessionLog {
    let start = at(START) + TimeDelta::seconds(i64::try_from(number).unwrap());
    SessionLog {
        user_refer_uid: uid(number % 13 + 1),
        user: format!("user {}", number % 26).into(),
        client_refer_uid: format!("PDA-{}", number % 7).into(),
        session_start: start,
        session_end: (!number.is_multiple_of(4)).then_some(start),
        ..log(number, START, None)
    }
}

fn sessions(numbers: Range<u128>) -> impl Iterator<Item = SessionLog> {
    numbers.map(session)
}

fn small() -> Options {
    Store::options().shape(4, 3).merge(Merge::Inline)
}

fn all(store: &Store) -> Vec<SessionLog> {
    let logs = store.iter(&Query::all()).unwrap();
    logs.map(Result::unwrap).collect()
}

/// Every query for a user, a client or both, open or not, answers what a scan of `logs` does.
fn check(store: &Store, logs: &[SessionLog]) {
    let found = store.verify(|_| ()).unwrap();
    assert_eq!(found.faults, Vec::<String>::new());
    assert_eq!(all(store), logs);
    for number in 0..13 * 7_u128 {
        let (user, client) = (uid(number % 13 + 1), format!("PDA-{}", number % 7));
        let query = Query::builder().user_refer_uid(user);
        let query = query
            .client_refer_uid(client.as_str())
            .open_sessions_only(number.is_multiple_of(2));
        let is_match = |log: &&SessionLog| {
            log.user_refer_uid == user
                && *log.client_refer_uid == *client
                && (log.is_open() || !number.is_multiple_of(2))
        };
        let expected = logs.iter().filter(is_match).count() as u64;
        assert_eq!(store.count(&query.build().unwrap()).unwrap(), expected);
    }
    for log in logs {
        assert_eq!(store.get(log.refer_uid).unwrap().as_ref(), Some(log));
    }
}

/// The two ways in which a store is written anew.
const WAYS: [fn(&Store) -> sessionlog::Result<sessionlog::Compacted>; 2] =
    [|store| store.compact(|_| ()), |store| store.rebuild(|_| ())];

#[test]
fn a_store_that_is_written_anew_answers_as_before_and_goes_on() {
    for way in WAYS {
        for delta_sessions_max in [1, 50, 100_000] {
            let storage = MemoryStorage::default();
            let options = small().delta_sessions_max(delta_sessions_max);
            let store = options
                .clone()
                .create_on(Arc::new(storage.clone()))
                .unwrap();
            store.append_batch(sessions(1..700)).unwrap();
            for number in (1..700).step_by(3) {
                store.remove(uid(number)).unwrap();
            }
            store
                .end_open(&Query::all(), at("2026-11-01T08:05:00Z"))
                .unwrap();
            let before = all(&store);
            way(&store).unwrap();
            check(&store, &before);
            store.append_batch(sessions(700..900)).unwrap();
            let more: Vec<SessionLog> = before.into_iter().chain(sessions(700..900)).collect();
            check(&store, &more);
            store.close().unwrap();
            check(&options.open_on(Arc::new(storage)).unwrap(), &more);
        }
    }
}

#[test]
fn an_empty_store_can_be_written_anew() {
    for way in WAYS {
        let store = small().in_memory().unwrap();
        way(&store).unwrap();
        check(&store, &[]);
        store.append_batch(sessions(1..20)).unwrap();
        store
            .retain_at_most(RetainedMax::Sessions(0), |_| ())
            .unwrap();
        way(&store).unwrap();
        store.append_batch(sessions(1..20)).unwrap();
        check(&store, &sessions(1..20).collect::<Vec<_>>());
    }
}

#[test]
fn a_store_that_is_only_read_is_not_written_anew() {
    let storage = Arc::new(MemoryStorage::default());
    small().create_on(storage.clone()).unwrap().close().unwrap();
    let store = small().read_only(true).open_on(storage).unwrap();
    for way in WAYS {
        assert_eq!(way(&store).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn a_pruned_store_and_its_backup_shrink_to_near_their_live_size_and_a_compact_one_never_grows() {
    let options = Store::options()
        .merge(Merge::Inline)
        .delta_sessions_max(1_000);
    let store = options.in_memory().unwrap();
    for first in (1..=80_000).step_by(10_000) {
        let closed = sessions(first..first + 10_000).map(|log| SessionLog {
            session_end: Some(log.session_start),
            ..log
        });
        store.append_batch(closed).unwrap();
    }
    store
        .retain_at_most(RetainedMax::Sessions(20_000), |_| ())
        .unwrap();
    // Of the file as it still is.
    let backup = MemoryStorage::default();
    store.backup_on(&backup, |_| ()).unwrap();
    let compacted = store.compact(|_| ()).unwrap();
    let stats = store.stats().unwrap();
    assert_eq!(compacted.file_bytes, stats.file_bytes);
    assert!(
        compacted.file_bytes < compacted.file_bytes_before / 4,
        "{compacted:?}"
    );
    let backup = Store::options().open_on(Arc::new(backup)).unwrap();
    for stats in [stats, backup.stats().unwrap()] {
        assert_eq!(stats.session_count, 20_000);
        // Beside them, the engine's own tables and what it leaves free in its pages.
        assert!(stats.file_bytes < stats.live_bytes * 13 / 10, "{stats:?}");
    }
    for _ in 0..3 {
        let again = store.compact(|_| ()).unwrap();
        assert!(again.file_bytes <= again.file_bytes_before, "{again:?}");
    }
    // Of next to nothing, too.
    store
        .retain_at_most(RetainedMax::Sessions(1), |_| ())
        .unwrap();
    for _ in 0..3 {
        let again = store.compact(|_| ()).unwrap();
        assert!(again.file_bytes <= again.file_bytes_before, "{again:?}");
    }
}

#[test]
fn names_that_no_session_has_are_dropped_and_come_back_with_their_users() {
    let store = small().in_memory().unwrap();
    let kept = store.start(uid(1), "Ann", "PDA-01").unwrap();
    for number in 2..40 {
        let session = store
            .start(
                uid(number),
                &format!("user {number}"),
                &format!("PDA-{number}"),
            )
            .unwrap();
        store.remove(session).unwrap();
    }
    store.compact(|_| ()).unwrap();
    let lone = small().in_memory().unwrap();
    lone.start(uid(1), "Ann", "PDA-01").unwrap();
    lone.compact(|_| ()).unwrap();
    let live_bytes = |store: &Store| store.stats().unwrap().live_bytes;
    assert_eq!(live_bytes(&store), live_bytes(&lone));
    let back = store.start(uid(5), "user 5", "PDA-5").unwrap();
    let of_user = Query::builder().user_refer_uid(uid(5)).build().unwrap();
    assert_eq!(store.count(&of_user).unwrap(), 1);
    assert_eq!(&*store.get(back).unwrap().unwrap().user, "user 5");
    assert_eq!(&*store.get(kept).unwrap().unwrap().user, "Ann");
    assert!(store.verify(|_| ()).unwrap().is_sound());
}

#[test]
fn a_snapshot_outlives_the_file_that_it_reads() {
    let folder = tempfile::tempdir().unwrap();
    let store = small().create(folder.path().join("store")).unwrap();
    store.append_batch(sessions(1..300)).unwrap();
    let snapshot = store.snapshot().unwrap();
    let mut iterator = store.iter(&Query::all()).unwrap();
    let first = iterator.next().unwrap().unwrap();
    store.remove(uid(299)).unwrap();
    store.compact(|_| ()).unwrap();
    store.remove(uid(298)).unwrap();
    store.compact(|_| ()).unwrap();
    assert_eq!(snapshot.count(&Query::all()).unwrap(), 299);
    let page = PageRequest::new(2, 100).unwrap();
    assert_eq!(
        snapshot.page(&Query::all(), page).unwrap().entries.len(),
        99
    );
    let rest: Vec<SessionLog> = iterator.map(Result::unwrap).collect();
    assert_eq!((first, rest.len()), (session(1), 298));
    assert_eq!(store.count(&Query::all()).unwrap(), 297);
    store.close().unwrap();
    assert_eq!(
        snapshot.count(&Query::all()).unwrap_err().kind(),
        ErrorKind::Closed
    );
}

/// Writers with deltas of every size, and merges all the time, while the store is written anew again
/// and again.
#[test]
fn what_is_written_while_a_store_is_written_anew_is_all_there() {
    for way in WAYS {
        for merge in [Merge::Inline, Merge::Background] {
            let store = Store::options()
                .shape(8, 6)
                .merge(merge)
                .delta_sessions_max(40)
                .in_memory()
                .unwrap();
            store.append_batch(sessions(1..3_000)).unwrap();
            let is_done = AtomicBool::new(false);
            let written = thread::scope(|scope| {
                let writers: Vec<_> = (1..3_u128)
                    .map(|writer| {
                        let (store, is_done) = (&store, &is_done);
                        scope.spawn(move || write_until(store, is_done, writer * 1_000_000))
                    })
                    .collect();
                let stop = Stop(&is_done);
                for _ in 0..4 {
                    way(&store).unwrap();
                }
                drop(stop);
                let written = writers.into_iter().map(|writer| writer.join().unwrap());
                written.collect::<Vec<_>>()
            });
            let mut expected: Vec<SessionLog> = sessions(1..3_000).collect();
            expected.extend(written.into_iter().flatten());
            expected.sort_by_key(|log| (log.session_start, log.refer_uid));
            check(&store, &expected);
        }
    }
}

/// Starts, ends and removes sessions, some of them under names that nobody had for a while, and
/// answers those that are left.
fn write_until(store: &Store, is_done: &AtomicBool, first: u128) -> Vec<SessionLog> {
    let mut left = Vec::new();
    let mut number = first;
    while !is_done.load(Ordering::SeqCst) {
        let rare = SessionLog {
            user_refer_uid: uid(100 + number % 5),
            user: format!("rare {}", number % 10).into(),
            client_refer_uid: format!("rare {}", number % 3).into(),
            session_end: None,
            ..session(number)
        };
        store.append(rare.clone()).unwrap();
        match number % 4 {
            0 => left.push(rare),
            1 => {
                store.end(rare.refer_uid, rare.session_start).unwrap();
                left.push(SessionLog {
                    session_end: Some(rare.session_start),
                    ..rare
                });
            }
            _ => drop(store.remove(rare.refer_uid).unwrap()),
        }
        number += 1;
    }
    left
}

#[test]
fn a_panic_of_the_callers_progress_leaves_the_store_whole() {
    for way in [
        |store: &Store| store.compact(|_| panic!("of the caller")),
        |store: &Store| store.rebuild(|_| panic!("of the caller")),
    ] {
        let store = small().in_memory().unwrap();
        store.append_batch(sessions(1..100)).unwrap();
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| way(&store)));
        assert_eq!(
            caught.unwrap_err().downcast_ref::<&str>(),
            Some(&"of the caller")
        );
        check(&store, &sessions(1..100).collect::<Vec<_>>());
        store.compact(|_| ()).unwrap();
    }
}
