//! A store that may hold so many sessions holds no more after any write: those that ended go, from the
//! oldest start on, and none that is open.

use crate::support::faulty::FaultyStorage;
use crate::support::random::Random;
use crate::{at, log, uid};
use chrono::TimeDelta;
use sessionlog::{
    EndBeforeStart, ErrorKind, Merge, Options, Outcome, Query, Retention, SessionLog, Store,
};
use std::sync::Arc;
use std::thread;

fn bounded(sessions_max: u64) -> Options {
    let policy = Retention {
        sessions_max: Some(sessions_max),
        ..Retention::default()
    };
    Store::options().retention(policy)
}

/// A session that started in this minute.
fn open(number: u128) -> SessionLog {
    let first = log(number, "2026-11-01T08:00:00Z", None);
    SessionLog {
        session_start: first.session_start + TimeDelta::minutes(i64::try_from(number).unwrap()),
        ..first
    }
}

fn ended(number: u128) -> SessionLog {
    let open = open(number);
    SessionLog {
        session_end: Some(open.session_start),
        ..open
    }
}

fn left(store: &Store) -> Vec<u128> {
    let logs = store.iter(&Query::all()).unwrap();
    logs.map(|log| log.unwrap().refer_uid.as_u128()).collect()
}

#[test]
fn one_more_than_it_may_hold_takes_the_oldest_that_ended_and_never_an_open_one() {
    let store = bounded(1_000).in_memory().unwrap();
    for number in 1..=3 {
        store.append(open(number)).unwrap();
    }
    store.append_batch((4..=1_000).map(ended)).unwrap();
    assert_eq!(store.count(&Query::all()).unwrap(), 1_000);
    assert_eq!(store.append(ended(1_001)).unwrap(), Outcome::Added);
    let left = left(&store);
    assert_eq!(left.len(), 1_000);
    assert_eq!(left[..4], [1, 2, 3, 5]);
    assert_eq!(store.get(uid(4)).unwrap(), None);
}

#[test]
fn a_store_that_is_just_full_is_just_as_full_after_a_restart_and_a_suspension() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let options = bounded(100).merge(Merge::Inline).delta_sessions_max(16);
    let store = options.clone().create(&path).unwrap();
    for number in 1..=150 {
        store.append(ended(number)).unwrap();
    }
    let expected: Vec<u128> = (51..=150).collect();
    assert_eq!(left(&store), expected);
    store.suspend().unwrap();
    store.resume().unwrap();
    assert_eq!(left(&store), expected);
    store.close().unwrap();
    let store = options.open(&path).unwrap();
    assert_eq!(left(&store), expected);
    // Nothing is there again, and nothing more goes.
    assert_eq!(store.append(ended(150)).unwrap(), Outcome::AlreadyThere);
    assert_eq!(left(&store), expected);
}

#[test]
fn open_sessions_may_be_too_many_and_the_first_that_ends_goes() {
    let store = bounded(5).in_memory().unwrap();
    for number in 1..=400 {
        store.append(open(number)).unwrap();
    }
    assert_eq!(left(&store).len(), 400);
    store.end(uid(300), open(300).session_start).unwrap();
    assert_eq!(store.get(uid(300)).unwrap(), None);
    // What is new and ended is then all that can go.
    assert_eq!(store.append(ended(500)).unwrap(), Outcome::Added);
    assert_eq!(store.get(uid(500)).unwrap(), None);
    assert_eq!(left(&store).len(), 399);
}

#[test]
fn a_batch_of_any_size_leaves_no_more_than_there_may_be() {
    for (delta_max, batch) in [(1_000, 500), (64, 60), (64, 500)] {
        let options = bounded(40).merge(Merge::Inline);
        let store = options.delta_sessions_max(delta_max).in_memory().unwrap();
        store.append_batch((1..=30).map(ended)).unwrap();
        store.append_batch((31..=30 + batch).map(ended)).unwrap();
        let expected: Vec<u128> = (batch - 9..=30 + batch).collect();
        assert_eq!(left(&store), expected, "{delta_max} {batch}");
        assert!(store.verify(|_| ()).unwrap().is_sound());
    }
}

#[test]
fn a_store_that_held_more_before_holds_no_more_after_its_first_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = Store::create(&path).unwrap();
    store.append_batch((1..=5_000).map(ended)).unwrap();
    store.close().unwrap();
    let options = bounded(10).merge(Merge::Inline).delta_sessions_max(64);
    let store = options.open(&path).unwrap();
    store.append(open(6_000)).unwrap();
    let expected: Vec<u128> = (4_992..=5_000).chain([6_000]).collect();
    assert_eq!(left(&store), expected);
}

/// What goes for others to come is in the same commit.
#[test]
fn a_full_store_writes_as_often_as_one_that_is_not() {
    let syncs = |options: Options| {
        let storage = FaultyStorage::default();
        let store = options
            .merge(Merge::Inline)
            .create_on(Arc::new(storage.clone()));
        let store = store.unwrap();
        store.append_batch((1..=100).map(ended)).unwrap();
        let before = storage.syncs();
        for number in 101..=400 {
            store.append(ended(number)).unwrap();
        }
        storage.syncs() - before
    };
    assert_eq!(syncs(bounded(100)), 300);
    assert_eq!(syncs(Store::options()), 300);
}

#[test]
fn threads_that_write_at_once_never_leave_more_than_there_may_be() {
    let store = bounded(50).delta_sessions_max(32).in_memory().unwrap();
    thread::scope(|scope| {
        for writer in 0..4_u128 {
            let store = &store;
            scope.spawn(move || {
                for number in 0..300 {
                    store.append(ended(1 + writer * 300 + number)).unwrap();
                    assert!(store.count(&Query::all()).unwrap() <= 50);
                }
            });
        }
    });
    assert_eq!(store.count(&Query::all()).unwrap(), 50);
    assert!(store.verify(|_| ()).unwrap().is_sound());
}

/// Whatever removes what is old on another thread.
#[test]
fn batches_of_any_size_at_once_leave_no_more_than_there_may_be() {
    let policy = Retention {
        sessions_max: Some(100),
        older_than: Some(TimeDelta::days(30)),
        ..Retention::default()
    };
    let options = Store::options().retention(policy).delta_sessions_max(64);
    let store = options.in_memory().unwrap();
    thread::scope(|scope| {
        for writer in 0..3_u128 {
            let store = &store;
            scope.spawn(move || {
                for batch in 0..10 {
                    let first = 1 + (writer * 10 + batch) * 200;
                    store.append_batch((first..first + 200).map(ended)).unwrap();
                }
            });
        }
    });
    assert!(store.count(&Query::all()).unwrap() <= 100);
}

/// What keeps a write from finding the oldest keeps no other from it.
#[test]
fn what_could_not_go_with_one_write_goes_with_the_next() {
    let storage = FaultyStorage::default();
    let options = bounded(200).merge(Merge::Inline).cache_bytes(0);
    let store = options.create_on(Arc::new(storage.clone())).unwrap();
    store.append_batch((1..=200).map(ended)).unwrap();
    store.compact(|_| ()).unwrap();
    store.append(ended(201)).unwrap();
    assert_eq!(store.count(&Query::all()).unwrap(), 200);
    for (number, after) in (202..).zip(0..40) {
        storage.fail_reads("main", after, 1);
        if store.append(ended(number)).is_err() {
            storage.heal();
            store.append(ended(number)).unwrap();
        }
        storage.heal();
        store.append(ended(number + 1_000)).unwrap();
        assert_eq!(
            store.count(&Query::all()).unwrap(),
            200,
            "after {after} reads"
        );
    }
}

/// Beside a plain list that does the same.
#[test]
fn whatever_is_written_in_whatever_order_the_same_sessions_are_left_as_in_a_list() {
    for seed in 0..20 {
        let mut random = Random::new(seed);
        let options = bounded(30).shape(4, 3).merge(Merge::Inline);
        let store = options.delta_sessions_max(20).in_memory().unwrap();
        let mut list: Vec<SessionLog> = Vec::new();
        for _ in 0..400 {
            // Most are open, and lie before those that are not.
            let number = 1 + random.below(600) as u128;
            let is_open = random.below(100) < 30 + usize::try_from(number).unwrap() % 60;
            match list.iter().position(|log| log.refer_uid == uid(number)) {
                Some(at) => {
                    let end = list[at].session_start;
                    store.end(uid(number), end).unwrap();
                    list[at].session_end = Some(end);
                }
                None => {
                    let log = if is_open { open(number) } else { ended(number) };
                    store.append(log.clone()).unwrap();
                    list.push(log);
                    list.sort_by_key(|log| (log.session_start, log.refer_uid));
                }
            }
            while list.len() > 30
                && let Some(oldest) = list.iter().position(|log| !log.is_open())
            {
                list.remove(oldest);
            }
            let logs: Result<Vec<SessionLog>, _> = store.iter(&Query::all()).unwrap().collect();
            assert_eq!(logs.unwrap(), list, "seed {seed}");
        }
    }
}

#[test]
fn bytes_are_bounded_beside_the_number() {
    let policy = Retention {
        sessions_max: Some(100_000),
        live_bytes_max: Some(200_000),
        ..Retention::default()
    };
    let options = Store::options().retention(policy).merge(Merge::Inline);
    let store = options.delta_sessions_max(256).in_memory().unwrap();
    for first in (1..=20_000).step_by(100) {
        store.append_batch((first..first + 100).map(ended)).unwrap();
    }
    let stats = store.stats().unwrap();
    assert!(stats.live_bytes < 250_000, "{stats:?}");
    assert!(stats.session_count > 500, "{stats:?}");
}

/// A phone's clock is set by its user and by the network, either way.
#[test]
fn a_clock_that_is_set_back_leaves_order_and_counts_right_and_an_end_too_early_tells_both_times() {
    let store = Store::in_memory().unwrap();
    let future = log(1, "2199-01-01T00:00:00Z", None);
    store.append(future.clone()).unwrap();
    store.append(log(2, "2026-11-01T08:00:00Z", None)).unwrap();
    store.append(log(3, "1980-01-06T00:00:00Z", None)).unwrap();
    assert_eq!(left(&store), [3, 2, 1]);
    assert_eq!(store.get(uid(1)).unwrap(), Some(future.clone()));
    let session_end = at("2026-11-01T09:00:00Z");
    let times = EndBeforeStart {
        session_start: future.session_start,
        session_end,
    };
    let ended = store.end(uid(1), session_end).unwrap_err();
    let appended = SessionLog {
        session_end: Some(session_end),
        ..future.clone()
    };
    let appended = store.append_batch([log(4, "2026-11-01T08:00:00Z", None), appended]);
    let appended = appended.unwrap_err();
    for error in [&ended, &appended.refusals()[0].error] {
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.end_before_start(), Some(times));
        for time in ["2199-01-01T00:00:00Z", "2026-11-01T09:00:00Z"] {
            assert!(error.to_string().contains(time), "{error}");
        }
    }
    assert_eq!(
        store
            .append(log(5, "0001-01-01T00:00:00Z", None))
            .unwrap_err()
            .end_before_start(),
        None
    );
    let end = ended.end_before_start().unwrap().session_start;
    assert_eq!(store.end(uid(1), end).unwrap(), Outcome::Ended);
    let open = Query::builder().open_sessions_only(true).build().unwrap();
    assert_eq!(store.count(&open).unwrap(), 2);
}
