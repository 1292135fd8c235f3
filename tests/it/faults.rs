//! A storage that fails: whatever was acknowledged is there after reopening, whole, and counted.

use crate::support::faulty::FaultyStorage;
use crate::{at, log, uid};
use sessionlog::storage::Storage;
use sessionlog::{
    Cursor, Durability, ErrorKind, Merge, Options, Order, PageRequest, Query, SessionLog, Store,
};
use std::sync::Arc;
use std::thread;

const START: &str = "2026-11-01T08:00:00Z";

/// Records of each batch.
const BATCH: u128 = 9;

fn options(durability: Durability) -> Options {
    // Small nodes, no cache that could keep the storage out of it, and a merge after every other
    // step.
    let options = Store::options().shape(4, 3).cache_bytes(0);
    let options = options
        .merge(Merge::Inline)
        .delta_sessions_max(2 * BATCH as usize);
    options.durability(durability)
}

/// Batches, ends and removals, up to the first failure; answers how many were acknowledged.
fn work(store: &Store) -> (u128, Result<(), sessionlog::Error>) {
    for step in 0..5 {
        if let Err(error) = one_step(store, step) {
            return (step, Err(error));
        }
    }
    (5, store.flush())
}

/// Step 0 appends batch 0; each later step appends its batch, which ends and replaces nothing of
/// another step.
fn one_step(store: &Store, step: u128) -> Result<(), sessionlog::Error> {
    let first = step * BATCH + 1;
    let batch = (first..first + BATCH).map(|number| log(number, START, None));
    store.append_batch(batch).map(drop)
}

/// Every kind of change fails in turn, once and for good, until a run meets no failure.
#[test]
fn whichever_write_fails_what_was_acknowledged_is_there_whole_and_counted() {
    for durability in [Durability::Immediate, Durability::Eventual] {
        let mut failures = 0;
        for change in 0.. {
            let storage = FaultyStorage::default();
            let store = options(durability)
                .create_on(Arc::new(storage.clone()))
                .unwrap();
            storage.fail_after(change);
            let (acknowledged, worked) = work(&store);
            match &worked {
                Ok(()) => {}
                Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}"),
            }
            let had_failed = storage.has_failed();
            drop(store);
            storage.heal();
            let least = match durability {
                Durability::Immediate => acknowledged,
                Durability::Eventual if worked.is_ok() => acknowledged,
                Durability::Eventual => 0,
            };
            check(
                &options(durability),
                Arc::new(storage),
                least,
                acknowledged + 1,
            );
            if !had_failed {
                break;
            }
            failures += 1;
        }
        assert!(
            failures > 10,
            "{durability:?}: {failures} changes were failed"
        );
    }
}

/// Between `least` and `most` batches are there, none in part, and every count is what a scan finds.
fn check(options: &Options, storage: Arc<dyn Storage>, least: u128, most: u128) {
    let store = options.clone().open_on(storage).unwrap();
    let logs: Vec<SessionLog> = store
        .iter(&Query::all())
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let batches = logs.len() as u128 / BATCH;
    assert_eq!(logs.len() as u128 % BATCH, 0, "a batch is there in part");
    assert!(
        (least..=most).contains(&batches),
        "{batches} batches of {least}..={most}"
    );
    for (number, found) in (1..).zip(&logs) {
        assert_eq!(*found, log(number, START, None));
        assert_eq!(store.get(uid(number)).unwrap().as_ref(), Some(found));
    }
    for query in [
        Query::builder().user_refer_uid(uid(7)),
        Query::builder()
            .client_refer_uid("PDA-01")
            .open_sessions_only(true),
        Query::builder()
            .user_refer_uid(uid(7))
            .order(Order::NewestFirst),
    ] {
        let query = query.build().unwrap();
        assert_eq!(store.count(&query).unwrap(), logs.len() as u64);
    }
    // Writing what is unknown again is safe, and the store goes on.
    work(&store).1.unwrap();
    assert_eq!(store.count(&Query::all()).unwrap() as u128, 5 * BATCH);
    let ended = store
        .end_open(&Query::all(), at("2026-11-02T00:00:00Z"))
        .unwrap();
    assert_eq!(u128::from(ended.ended), 5 * BATCH);
}

/// Some changes of the log fail, each in turn, once or as often as it takes for cleaning up to fail
/// too; then the storage is well again, and the store goes on without being reopened.
#[test]
fn whichever_change_of_the_log_fails_for_a_while_the_store_settles_it_and_goes_on() {
    goes_on_whatever_fails_of("log.");
}

/// As before, with changes of the main index: merges fail, and its engine with them.
#[test]
fn whichever_change_of_the_main_index_fails_for_a_while_the_store_opens_it_again_and_goes_on() {
    goes_on_whatever_fails_of("main.");
}

fn goes_on_whatever_fails_of(prefix: &'static str) {
    for durability in [Durability::Immediate, Durability::Eventual] {
        // With merges, and without: then the log alone has what is committed.
        for delta_sessions_max in [2 * BATCH as usize, 1_000] {
            let options = options(durability).delta_sessions_max(delta_sessions_max);
            for failures in 1..6 {
                let had_failures =
                    (0..).take_while(|change| goes_on_after(&options, prefix, *change, failures));
                let has_merges = delta_sessions_max < 1_000;
                let least = if prefix == "log." || has_merges { 5 } else { 0 };
                assert!(had_failures.count() >= least, "{options:?}");
            }
        }
    }
}

/// Answers whether anything failed.
fn goes_on_after(options: &Options, prefix: &'static str, change: u64, failures: u64) -> bool {
    let storage = FaultyStorage::default();
    let store = options.clone().create_on(Arc::new(storage.clone()));
    let store = store.unwrap();
    storage.fail_some(prefix, change, failures);
    let failed = steps_until_each_is_done(&store, &storage);
    assert!(storage.has_failed() || failed == 0);
    let count = 5 * BATCH as u64;
    assert_eq!(store.count(&Query::all()).unwrap(), count);
    assert_eq!(storage.sessions_after_power_loss(), count);
    check(options, Arc::new(storage.after_power_loss()), 5, 5);
    storage.has_failed()
}

/// Repeats each step, and the flush behind the last, for as long as it fails, and answers how often
/// that was. What failed has written nothing, or says that this is unknown.
fn steps_until_each_is_done(store: &Store, storage: &FaultyStorage) -> u64 {
    let mut failed = 0;
    for step in 0..5 {
        while let Err(error) = one_step(store, step) {
            failed += 1;
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
            let before = (step * BATCH) as u64;
            assert_eq!(store.count(&Query::all()).unwrap(), before);
            if error.to_string().contains("nothing was written") {
                assert_eq!(storage.sessions_after_kill(), before);
            }
        }
    }
    while store.flush().is_err() {
        failed += 1;
    }
    failed
}

/// What says that nothing was written has written nothing, whenever the power is lost then.
#[test]
fn a_failure_that_was_settled_leaves_nothing_of_its_commit() {
    let mut settled = 0;
    for change in 0..2 {
        let storage = FaultyStorage::default();
        let store = options(Durability::Immediate)
            .create_on(Arc::new(storage.clone()))
            .unwrap();
        one_step(&store, 0).unwrap();
        storage.fail_some("log.", change, 1);
        let error = one_step(&store, 1).unwrap_err();
        assert!(error.to_string().contains("nothing was written"), "{error}");
        settled += u64::from(storage.has_failed());
        assert_eq!(storage.sessions_after_power_loss() as u128, BATCH);
        assert_eq!(storage.sessions_after_kill() as u128, BATCH);
        // A name that came with it is no name of the store's, and its ids are free for others.
        assert_eq!(store.stats().unwrap().user_name_count, 1);
        let mut other = log(100, START, None);
        other.user_refer_uid = uid(8);
        other.user = "another".into();
        store.append(other.clone()).unwrap();
        assert_eq!(store.get(uid(100)).unwrap(), Some(other));
    }
    assert_eq!(settled, 2);
}

#[test]
fn a_failed_commit_is_not_hidden_by_a_flush() {
    let storage = FaultyStorage::default();
    let store = options(Durability::Immediate)
        .create_on(Arc::new(storage.clone()))
        .unwrap();
    storage.fail_after(0);
    assert!(store.append(log(1, START, None)).is_err());
    let flushed = store.flush().unwrap_err();
    assert_eq!(flushed.kind(), ErrorKind::Unavailable);
}

#[test]
fn a_creation_that_fails_leaves_nothing_that_opens_and_can_be_repeated() {
    for change in 0.. {
        let storage = FaultyStorage::default();
        storage.fail_after(change);
        let created = options(Durability::Immediate).create_on(Arc::new(storage.clone()));
        let had_failed = storage.has_failed();
        storage.heal();
        if created.is_ok() {
            assert!(!had_failed, "a failure was hidden");
            break;
        }
        let opened = options(Durability::Immediate).open_on(Arc::new(storage.clone()));
        if let Err(error) = opened {
            assert_eq!(error.kind(), ErrorKind::NotAStore, "{error}");
            options(Durability::Immediate)
                .create_on(Arc::new(storage.clone()))
                .unwrap();
        }
    }
}

/// Calls of many threads share commits, and one that fails fails all of its calls.
#[test]
fn of_calls_that_share_commits_those_acknowledged_are_there_whichever_write_fails() {
    for change in (0..60).step_by(3) {
        let storage = FaultyStorage::default();
        let options = options(Durability::Immediate);
        let store = options
            .clone()
            .create_on(Arc::new(storage.clone()))
            .unwrap();
        storage.fail_after(change);
        let threads: Vec<_> = (0..6_u128)
            .map(|thread| {
                let store = store.clone();
                thread::spawn(move || {
                    let numbers = (0..10).map(|number| thread * 100 + number + 1);
                    let acknowledged = |number: &u128| match store.append(log(*number, START, None))
                    {
                        Ok(_) => true,
                        Err(error) => {
                            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
                            false
                        }
                    };
                    numbers.filter(acknowledged).collect::<Vec<_>>()
                })
            })
            .collect();
        let acknowledged = threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap());
        let acknowledged: Vec<u128> = acknowledged.collect();
        drop(store);
        storage.heal();
        let store = options.open_on(Arc::new(storage)).unwrap();
        for number in &acknowledged {
            assert!(store.get(uid(*number)).unwrap().is_some(), "{number}");
        }
        let count = store.count(&Query::all()).unwrap();
        assert_eq!(store.iter(&Query::all()).unwrap().count() as u64, count);
        assert!(count >= acknowledged.len() as u64);
    }
}

#[test]
fn a_refused_call_takes_no_other_of_its_commit_with_it() {
    let store = Store::in_memory().unwrap();
    store.append(log(1, START, None)).unwrap();
    let threads: Vec<_> = (0..8_u128)
        .map(|thread| {
            let store = store.clone();
            thread::spawn(move || {
                for number in 0..40 {
                    let mut other = log(1, START, None);
                    other.user = "another".into();
                    let mine = log(thread * 100 + number + 2, START, None);
                    let batch = store.append_batch([mine.clone(), other]);
                    assert_eq!(batch.unwrap_err().kind(), ErrorKind::Conflict);
                    assert_eq!(store.get(mine.refer_uid).unwrap(), None);
                    store.append(mine).unwrap();
                }
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    assert_eq!(store.count(&Query::all()).unwrap(), 8 * 40 + 1);
    // The name that only refused calls brought is no name of the store's.
    assert_eq!(store.stats().unwrap().user_name_count, 1);
}

/// A store of which nothing is in memory, its storage, and what is in it.
fn merged_store() -> (Store, FaultyStorage, Vec<SessionLog>) {
    let storage = FaultyStorage::default();
    let options = options(Durability::Immediate);
    let store = options.clone().create_on(Arc::new(storage.clone()));
    let store = store.unwrap();
    work(&store).1.unwrap();
    store.close().unwrap();
    let store = options.open_on(Arc::new(storage.clone())).unwrap();
    let logs = (1..=5 * BATCH).map(|number| log(number, START, None));
    (store, storage, logs.collect())
}

/// Reads everything in several ways.
fn read_all(store: &Store, logs: &[SessionLog]) -> Result<(), sessionlog::Error> {
    for log in logs {
        assert_eq!(store.get(log.refer_uid)?.as_ref(), Some(log));
    }
    let of_one = Query::builder().user_refer_uid(uid(7)).build().unwrap();
    assert_eq!(store.count(&of_one)?, logs.len() as u64);
    let page = store.page(&Query::all(), PageRequest::new(1, 7).unwrap())?;
    assert_eq!(page.entries, logs[7..14]);
    assert_eq!(store.stats()?.session_count, logs.len() as u64);
    let found: Vec<SessionLog> = store.iter(&Query::all())?.collect::<Result<_, _>>()?;
    assert_eq!(found, logs);
    Ok(())
}

#[test]
fn a_read_that_fails_once_is_made_again_and_nobody_notices() {
    let mut failures = 0;
    for read in 0.. {
        let (store, storage, logs) = merged_store();
        storage.fail_reads("main.", read, 1);
        // An iterator is of a snapshot, which ends with the engine that it reads.
        let expired = read_all(&store, &logs).err().map(|error| error.kind());
        assert!(expired.is_none_or(|kind| kind == ErrorKind::Unavailable));
        if !storage.has_failed() {
            break;
        }
        read_all(&store, &logs).unwrap();
        store.append(log(900, START, None)).unwrap();
        failures += 1;
    }
    assert!(failures > 20, "{failures} reads were failed");
}

#[test]
fn while_reads_fail_calls_are_unavailable_and_afterwards_all_is_there_but_old_snapshots() {
    let mut ended = 0;
    for read in (0..60).step_by(7) {
        let (store, storage, logs) = merged_store();
        let snapshot = store.snapshot().unwrap();
        let mut cursor = Cursor::start(&Query::all());
        cursor = store.page_after(&Query::all(), &cursor, 20).unwrap().next;
        storage.fail_reads("main.", read, u64::MAX);
        let error = (0..).find_map(|_| read_all(&store, &logs).err()).unwrap();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(std::error::Error::source(&error).is_some());
        let error = store.append(log(900, START, None)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        storage.heal();
        read_all(&store, &logs).unwrap();
        match snapshot
            .iter(&Query::all())
            .and_then(|logs| logs.collect::<Result<Vec<_>, _>>())
        {
            Ok(found) => assert_eq!(found, logs),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Expired, "{error}");
                ended += 1;
            }
        }
        let rest = store.page_after(&Query::all(), &cursor, 100).unwrap();
        assert_eq!(rest.entries, logs[20..]);
        store.append(log(900, START, None)).unwrap();
        store.close().unwrap();
        assert_eq!(storage.sessions_after_power_loss(), logs.len() as u64 + 1);
    }
    assert!(ended > 0);
}

/// Nobody else has to call the store for that.
#[test]
fn a_snapshot_and_an_iterator_whose_storage_has_failed_end_and_say_so() {
    let mut ended = 0;
    for read in 0..40 {
        let (store, storage, _) = merged_store();
        // More than an iterator reads ahead.
        let logs: Vec<SessionLog> = (1..=400).map(|number| log(number, START, None)).collect();
        store.append_batch(logs.clone()).unwrap();
        let snapshot = store.snapshot().unwrap();
        let mut begun = store.iter(&Query::all()).unwrap();
        assert_eq!(begun.next().unwrap().unwrap(), logs[0]);
        storage.fail_reads("main.", read, 1);
        let failed = logs
            .iter()
            .find_map(|log| snapshot.get(log.refer_uid).err());
        let Some(failed) = failed else {
            assert!(!storage.has_failed());
            break;
        };
        assert_eq!(failed.kind(), ErrorKind::Unavailable);
        // What it has read ahead it still gives.
        let error = begun.by_ref().find_map(Result::err).unwrap();
        assert_eq!(error.kind(), ErrorKind::Expired, "{error}");
        for log in &logs {
            // So does a snapshot, of what the engine has in memory.
            match snapshot.get(log.refer_uid) {
                Ok(found) => assert_eq!(found.as_ref(), Some(log)),
                Err(error) => assert_eq!(error.kind(), ErrorKind::Expired, "{error}"),
            }
        }
        ended += 1;
        read_all(&store, &logs).unwrap();
    }
    assert!(ended > 20, "{ended}");
}

#[test]
fn a_full_disk_stops_writes_alone_and_they_go_on_once_there_is_room() {
    for change in 0..40 {
        let (store, storage, logs) = merged_store();
        storage.fail_after(change);
        let batch = |number: u128| (1..=BATCH).map(move |one| log(number * 100 + one, START, None));
        let mut acknowledged = logs.clone();
        for number in 10..30 {
            match store.append_batch(batch(number)) {
                Ok(_) => acknowledged.extend(batch(number)),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
                    read_all(&store, &acknowledged).unwrap();
                }
            }
        }
        assert!(storage.has_failed());
        storage.heal();
        for number in 10..30 {
            store.append_batch(batch(number)).unwrap();
        }
        let count = 25 * BATCH as u64;
        assert_eq!(store.count(&Query::all()).unwrap(), count);
        assert_eq!(storage.sessions_after_power_loss(), count);
        store.close().unwrap();
        assert_eq!(storage.sessions_after_power_loss(), count);
    }
}

#[test]
fn a_flush_succeeds_once_the_storage_does_whatever_became_of_a_merge() {
    let mut failures = 0;
    for change in 0..60 {
        let storage = FaultyStorage::default();
        let store = options(Durability::Immediate).delta_sessions_max(4);
        let store = store.create_on(Arc::new(storage.clone())).unwrap();
        for number in 1..=4 {
            store.append(log(number, START, None)).unwrap();
        }
        storage.fail_some("main.", change, u64::MAX);
        failures += u64::from(store.append(log(5, START, None)).is_err());
        storage.heal();
        let count = store.count(&Query::all()).unwrap();
        store.flush().unwrap();
        assert_eq!(storage.sessions_after_power_loss(), count);
    }
    assert!(failures > 10, "{failures}");
}

#[test]
fn merges_that_fail_in_the_background_do_not_end_snapshots_with_each_commit() {
    let storage = FaultyStorage::default();
    let store = Store::options()
        .shape(4, 3)
        .cache_bytes(0)
        .delta_sessions_max(200);
    let store = store.create_on(Arc::new(storage.clone())).unwrap();
    store
        .append_batch((1..=60).map(|number| log(number, START, None)))
        .unwrap();
    let mut ended = 0;
    for number in 100..140 {
        // Some changes go through before one fails, as on a disk that is all but full.
        storage.fail_some("main.", 6, 1);
        let snapshot = store.snapshot().unwrap();
        store.append(log(number, START, None)).unwrap();
        thread::sleep(std::time::Duration::from_millis(2));
        ended += u64::from(snapshot.get(uid(1)).is_err());
    }
    assert!(ended < 10, "{ended} of 40 snapshots have ended");
    storage.heal();
    store.close().unwrap();
    assert_eq!(storage.sessions_after_power_loss(), 100);
}
