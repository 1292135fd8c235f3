//! A loss of power at every point between a commit, its merge and the trim of the log: what was
//! acknowledged is there, whole, and every count is what a scan finds.

use crate::support::faulty::FaultyStorage;
use crate::support::files::{bytes_of, record_ends};
use crate::{at, log, uid};
use chrono::TimeDelta;
use sessionlog::storage::{MemoryStorage, Storage};
use sessionlog::{
    Bucket, Durability, Merge, Options, Order, Query, QueryBuilder, SessionLog, Store,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

const START: &str = "2026-11-01T08:00:00Z";

/// What is stored, by id.
type Model = BTreeMap<Uuid, SessionLog>;

/// Small nodes, and merges as often as every few steps.
fn options(durability: Durability, delta_sessions_max: usize) -> Options {
    Store::options()
        .shape(4, 3)
        .merge(Merge::Inline)
        .durability(durability)
        .delta_sessions_max(delta_sessions_max)
}

/// One of a few users and clients, so that families mix; every third session is open.
fn session(number: u128) -> SessionLog {
    let start = at(START) + TimeDelta::seconds(i64::try_from(number * 7 % 50).unwrap());
    SessionLog {
        user_refer_uid: uid(number % 3 + 1),
        client_refer_uid: format!("PDA-{}", number % 2).into(),
        session_start: start,
        session_end: (!number.is_multiple_of(3)).then_some(start),
        ..log(number, START, None)
    }
}

/// The steps of a run: each is one commit, to the store and to the model.
fn step(store: &Store, model: &mut Model, number: u128) {
    match number % 5 {
        0 | 1 => {
            let batch: Vec<SessionLog> = (0..4).map(|k| session(number * 10 + k + 1)).collect();
            store.append_batch(batch.clone()).unwrap();
            model.extend(batch.into_iter().map(|log| (log.refer_uid, log)));
        }
        2 => {
            let end = at(START) + TimeDelta::seconds(30);
            store.end_open(&Query::all(), end).unwrap();
            for log in model.values_mut() {
                if log.is_open() && log.session_start <= end {
                    log.session_end = Some(end);
                }
            }
        }
        3 => {
            let first = *model.keys().next().unwrap();
            assert_eq!(Some(store.remove(first).unwrap()), model.remove(&first));
        }
        // Comes back under its id, with another start.
        _ => {
            let mut again = session(number);
            again.refer_uid = session((number - 4) * 10 + 1).refer_uid;
            model.entry(again.refer_uid).or_insert_with(|| {
                store.append(again.clone()).unwrap();
                again
            });
        }
    }
}

fn check_every_crash(durability: Durability, delta_sessions_max: usize) {
    let storage = FaultyStorage::default();
    let options = options(durability, delta_sessions_max);
    let store = options
        .clone()
        .create_on(Arc::new(storage.clone()))
        .unwrap();
    // The models after each step, and the syncs after which each was acknowledged.
    let mut models = vec![Model::new()];
    let mut acknowledged = vec![storage.syncs()];
    for number in 0..25 {
        let mut model = models.last().unwrap().clone();
        step(&store, &mut model, number);
        models.push(model);
        acknowledged.push(storage.syncs());
    }
    drop(store);
    let states = storage.states();
    assert!(states.len() > 5, "{} states", states.len());
    for state in states {
        let least = match durability {
            Durability::Immediate => acknowledged
                .partition_point(|syncs| *syncs <= state.syncs)
                .saturating_sub(1),
            Durability::Eventual => 0,
        };
        let storage = Arc::new(state.storage());
        let store = options.clone().open_on(storage.clone()).unwrap();
        let found = check(&store, &models[least..]);
        let at = state.syncs;
        assert!(
            found,
            "{durability:?}, {delta_sessions_max}: after sync {at}"
        );
        // And it goes on.
        let count = store.count(&Query::all()).unwrap();
        store.append(session(9_999)).unwrap();
        store.close().unwrap();
        let store = options.clone().open_on(storage).unwrap();
        assert_eq!(store.count(&Query::all()).unwrap(), count + 1);
    }
}

/// Whether the store holds one of these models; every answer must agree with a scan, in any case.
fn check(store: &Store, models: &[Model]) -> bool {
    let scan: Vec<SessionLog> = store
        .iter(&Query::all())
        .unwrap()
        .map(Result::unwrap)
        .collect();
    for query in queries() {
        let query = query.build().unwrap();
        let mut expected: Vec<&SessionLog> =
            scan.iter().filter(|log| passes(log, &query)).collect();
        if query.order() == Order::NewestFirst {
            expected.reverse();
        }
        assert_eq!(store.count(&query).unwrap(), expected.len() as u64);
        let found = store.iter(&query).unwrap().map(Result::unwrap);
        assert!(found.eq(expected.iter().map(|log| (*log).clone())));
        let buckets = store.count_by(&query, Bucket::Hour).unwrap();
        let counted: u64 = buckets.map(|bucket| bucket.unwrap().count).sum();
        assert_eq!(counted, expected.len() as u64);
    }
    let stored: Model = scan.into_iter().map(|log| (log.refer_uid, log)).collect();
    for log in stored.values() {
        assert_eq!(store.get(log.refer_uid).unwrap().as_ref(), Some(log));
    }
    models.contains(&stored)
}

fn queries() -> Vec<QueryBuilder> {
    (0..16)
        .map(|bits| {
            let [user, client, open, newest] = [1, 2, 4, 8].map(|bit| bits & bit != 0);
            let order = if newest {
                Order::NewestFirst
            } else {
                Order::OldestFirst
            };
            Query::builder()
                .user_refer_uid(user.then(|| uid(2)))
                .client_refer_uid(client.then_some("PDA-1"))
                .open_sessions_only(open)
                .order(order)
        })
        .collect()
}

fn passes(log: &SessionLog, query: &Query) -> bool {
    query
        .user_refer_uid()
        .is_none_or(|user| log.user_refer_uid == user)
        && query
            .client_refer_uid()
            .is_none_or(|client| &*log.client_refer_uid == client)
        && (!query.open_sessions_only() || log.is_open())
}

#[test]
fn no_loss_of_power_loses_or_splits_what_was_acknowledged() {
    for delta_sessions_max in [1, 6, 20, 1_000] {
        check_every_crash(Durability::Immediate, delta_sessions_max);
        check_every_crash(Durability::Eventual, delta_sessions_max);
    }
}

/// How many sessions are there if the log is these bytes.
fn count_with_log(storage: &MemoryStorage, bytes: &[u8]) -> u64 {
    let copy = MemoryStorage::default();
    for name in ["main.redb", "log.1"] {
        let bytes = bytes_of(storage, name);
        copy.create(name).unwrap().write(0, &bytes).unwrap();
    }
    copy.create("log.0").unwrap().write(0, bytes).unwrap();
    let store = Store::options().open_on(Arc::new(copy)).unwrap();
    store.count(&Query::all()).unwrap()
}

#[test]
fn a_commit_that_was_cut_off_anywhere_is_gone_whole_and_takes_nothing_with_it() {
    let storage = Arc::new(MemoryStorage::default());
    let store = Store::options().create_on(storage.clone()).unwrap();
    store.append_batch((1..=5).map(session)).unwrap();
    let before = end_of_records(&storage);
    store.append_batch((6..=9).map(session)).unwrap();
    let (after, after_end) = (bytes_of(&storage, "log.0"), end_of_records(&storage));
    assert_eq!(count_with_log(&storage, &after), 9);
    assert!(before < after_end);
    for end in before..after_end {
        let cut = &after[..end];
        assert_eq!(count_with_log(&storage, cut), 5, "cut at {end}");
        // The file had its new length already.
        let zeros = vec![0; after_end - end];
        let changed = after[end..after_end] != zeros;
        let count = count_with_log(&storage, &[cut, &zeros].concat());
        assert_eq!(count, if changed { 5 } else { 9 }, "zeros from {end}");
    }
}

/// Nothing else tells of commits that are in the log alone: cut off, they are as if a crash had done it.
#[test]
fn a_log_that_is_cut_off_anywhere_has_the_commits_before_that_and_no_others() {
    let storage = Arc::new(MemoryStorage::default());
    let store = Store::options().create_on(storage.clone()).unwrap();
    for batch in 0..4 {
        store
            .append_batch((0..3).map(|n| session(10 * batch + n + 1)))
            .unwrap();
    }
    let whole = bytes_of(&storage, "log.0");
    let ends = record_ends(&whole);
    assert_eq!(ends.len(), 1 + 4);
    for end in ends[0]..*ends.last().unwrap() {
        let commits = ends.iter().filter(|commit| **commit <= end).count() - 1;
        let cut = &whole[..end];
        assert_eq!(
            count_with_log(&storage, cut),
            3 * commits as u64,
            "cut at {end}"
        );
        let zeros = [cut, &vec![0; whole.len() - end]].concat();
        let count = count_with_log(&storage, &zeros);
        // A record can end in zeros.
        assert!(
            count == 3 * commits as u64 || zeros[..ends[commits + 1]] == whole[..ends[commits + 1]]
        );
    }
}

/// Where the records of the first file of the log end.
fn end_of_records(storage: &MemoryStorage) -> usize {
    *record_ends(&bytes_of(storage, "log.0")).last().unwrap()
}

#[test]
fn a_lost_commit_does_not_come_back_behind_the_one_that_took_its_place() {
    // Three of equal length, none durable, of which a crash loses the second.
    let storage = Arc::new(MemoryStorage::default());
    let options = Store::options().durability(Durability::Eventual);
    let store = options.clone().create_on(storage.clone()).unwrap();
    store.append(session(1)).unwrap();
    store.append(session(4)).unwrap();
    let second = end_of_records(&storage);
    store.append(session(7)).unwrap();
    let third = end_of_records(&storage);
    store.append(session(10)).unwrap();
    let mut bytes = bytes_of(&storage, "log.0");
    bytes[second..third].fill(0);
    let crashed = Arc::new(MemoryStorage::default());
    for (name, bytes) in [
        ("main.redb", bytes_of(&storage, "main.redb")),
        ("log.0", bytes),
        ("log.1", bytes_of(&storage, "log.1")),
    ] {
        crashed.create(name).unwrap().write(0, &bytes).unwrap();
    }
    let store = options.clone().open_on(crashed.clone()).unwrap();
    assert_eq!(store.count(&Query::all()).unwrap(), 2);
    store.append(session(13)).unwrap();
    // It ends without closing.
    let left = bytes_of(&crashed, "log.0");
    assert_eq!(count_with_log(&crashed, &left), 3);
}
