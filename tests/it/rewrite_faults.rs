//! Storages that fail, and lose power, while a store is written anew: it is there whole, before or
//! after, and goes on.

use crate::support::faulty::FaultyStorage;
use crate::{log, uid};
use sessionlog::storage::MemoryStorage;
use sessionlog::{Erasure, Error, ErrorKind, Merge, Options, Query, SessionLog, Store};
use std::sync::Arc;
use std::thread;

const START: &str = "2026-11-01T08:00:00Z";

fn options() -> Options {
    let options = Store::options().shape(4, 3).cache_bytes(0);
    options.merge(Merge::Inline).delta_sessions_max(20)
}

/// Of user 9, or of users who stay.
fn session(number: u128) -> SessionLog {
    SessionLog {
        user_refer_uid: uid(if number.is_multiple_of(4) {
            9
        } else {
            number % 3 + 1
        }),
        ..log(number, START, None)
    }
}

/// Sessions that are merged, some that are not, and some that were removed.
fn fill(store: &Store) {
    store.append_batch((1..30).map(session)).unwrap();
    for number in (1..30).step_by(5) {
        store.remove(uid(number)).unwrap();
    }
    store.append_batch((60..66).map(session)).unwrap();
}

/// The numbers that are there.
fn numbers(store: &Store) -> Vec<u128> {
    let logs = store.iter(&Query::all()).unwrap().map(Result::unwrap);
    logs.map(|log| {
        let number = log.refer_uid.as_u128();
        assert_eq!(log, session(number));
        number
    })
    .collect()
}

/// A way to write a store anew, and which sessions it may leave.
struct Way {
    name: &'static str,
    run: fn(&Store) -> Result<(), Error>,
    /// Whether those of user 9 go.
    erases: bool,
}

const WAYS: [Way; 4] = [
    Way {
        name: "compact",
        run: |store| store.compact(|_| ()).map(drop),
        erases: false,
    },
    Way {
        name: "rebuild",
        run: |store| store.rebuild(|_| ()).map(drop),
        erases: false,
    },
    Way {
        name: "erase",
        run: |store| store.erase_user(uid(9), Erasure::Logical, |_| ()).map(drop),
        erases: true,
    },
    Way {
        name: "erase, secure",
        run: |store| store.erase_user(uid(9), Erasure::Secure, |_| ()).map(drop),
        erases: true,
    },
];

/// All that was there before is there, but that of user 9 if that is erased: all of it once that is
/// done, and any part before.
fn check(way: &Way, store: &Store, before: &[u128], is_done: bool) {
    let found = store.verify(|_| ()).unwrap();
    assert_eq!(found.faults, Vec::<String>::new(), "{}", way.name);
    let is_of_user = |number: &u128| number.is_multiple_of(4);
    let there = numbers(store);
    let kept = |numbers: &[u128]| -> Vec<u128> {
        let numbers = numbers.iter().copied();
        numbers
            .filter(|number| !way.erases || !is_of_user(number))
            .collect()
    };
    assert_eq!(kept(&there), kept(before), "{}", way.name);
    if way.erases {
        assert!(there.iter().all(|number| before.contains(number)));
        assert!(!is_done || !there.iter().any(is_of_user));
    }
}

/// Each call that changes a file fails, once or from then on, until a run meets no failure.
#[test]
fn whichever_change_fails_while_a_store_is_written_anew_it_is_whole_and_goes_on() {
    for way in &WAYS {
        // One that goes on failing fails no later than one that fails once.
        for (failures, stride) in [(1, 1), (u64::MAX, 5)] {
            let mut struck = 0;
            for change in (0..).step_by(stride) {
                let storage = FaultyStorage::default();
                let store = options().create_on(Arc::new(storage.clone())).unwrap();
                fill(&store);
                let before = numbers(&store);
                storage.fail_some("", change, failures);
                let done = (way.run)(&store);
                if let Err(error) = &done {
                    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
                }
                // What was acknowledged can be read while the storage still fails.
                check_read(way, &store, &before);
                let had_failed = storage.has_failed();
                storage.heal();
                check(way, &store, &before, done.is_ok());
                store.append(session(1_001)).unwrap();
                store.remove(uid(1_001)).unwrap();
                (way.run)(&store).unwrap();
                check(way, &store, &before, true);
                store.close().unwrap();
                check(
                    way,
                    &options().open_on(Arc::new(storage)).unwrap(),
                    &before,
                    true,
                );
                if !had_failed {
                    break;
                }
                struck += 1;
            }
            assert!(struck > 10, "{}: {struck} changes were failed", way.name);
        }
    }
}

fn check_read(way: &Way, store: &Store, before: &[u128]) {
    let kept = before
        .iter()
        .filter(|number| !way.erases || !number.is_multiple_of(4));
    for number in kept {
        let found = store.get(uid(*number)).unwrap();
        assert_eq!(found, Some(session(*number)), "{}", way.name);
    }
}

/// Each read fails once, until a run meets no failure.
#[test]
fn whichever_read_fails_while_a_store_is_written_anew_it_is_whole_and_goes_on() {
    for way in &WAYS {
        for read in (0..).step_by(11) {
            let storage = FaultyStorage::default();
            let store = options().create_on(Arc::new(storage.clone())).unwrap();
            fill(&store);
            let before = numbers(&store);
            storage.fail_reads("", read, 1);
            let done = (way.run)(&store);
            if let Err(error) = &done {
                assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
            }
            let had_failed = storage.has_failed();
            storage.heal();
            check(way, &store, &before, done.is_ok());
            (way.run)(&store).unwrap();
            check(way, &store, &before, true);
            if !had_failed {
                break;
            }
        }
    }
}

/// What a loss of power after each sync leaves is opened.
#[test]
fn a_loss_of_power_while_a_store_is_written_anew_leaves_it_before_or_after() {
    for way in &WAYS {
        let storage = FaultyStorage::default();
        let store = options().create_on(Arc::new(storage.clone())).unwrap();
        fill(&store);
        let before = numbers(&store);
        let first = storage.states().len();
        (way.run)(&store).unwrap();
        let states = storage.states();
        assert!(states.len() > first + 5);
        for state in &states[first - 1..] {
            let storage = state.storage();
            check(
                way,
                &options().open_on(Arc::new(storage.clone())).unwrap(),
                &before,
                false,
            );
            is_clean(&storage);
        }
        let after = options().open_on(Arc::new(storage.after_power_loss()));
        check(way, &after.unwrap(), &before, true);
    }
}

/// What was left unfinished is gone once the store was opened.
fn is_clean(storage: &MemoryStorage) {
    use sessionlog::storage::Storage;
    assert!(!storage.exists("main.redb.new").unwrap());
}

/// The storage fails beside the copying, and the main index is opened again: what is copied is closed
/// by that, but not the store.
#[test]
fn a_store_whose_files_are_opened_again_while_it_is_written_anew_is_as_it_was_and_goes_on() {
    for way in &WAYS[..2] {
        let storage = FaultyStorage::default();
        let store = options().create_on(Arc::new(storage.clone())).unwrap();
        fill(&store);
        // Now there is nothing to be merged: the first that is synced is the copy.
        store.compact(|_| ()).unwrap();
        let before = numbers(&store);
        storage.shut("main.redb.new");
        let done = thread::scope(|scope| {
            let copying = scope.spawn(|| (way.run)(&store));
            storage.wait_for_waiting(1);
            storage.fail_reads("main.redb", 0, 1);
            let found = store.get(uid(2));
            storage.open_gate();
            assert_eq!(found.unwrap(), Some(session(2)));
            assert_eq!(storage.failures(), 1);
            copying.join().unwrap()
        });
        let error = done.unwrap_err();
        assert_eq!(
            error.kind(),
            ErrorKind::Unavailable,
            "{}: {error}",
            way.name
        );
        check(way, &store, &before, false);
        (way.run)(&store).unwrap();
        check(way, &store, &before, true);
        is_clean(&storage.after_kill());
    }
}

#[test]
fn a_backup_that_fails_leaves_nothing_that_opens_and_can_be_repeated() {
    let mut struck = 0;
    for change in 0.. {
        let store = options().in_memory().unwrap();
        fill(&store);
        let before = numbers(&store);
        let to = FaultyStorage::default();
        to.fail_some("", change, 1);
        let done = store.backup_on(&to, |_| ());
        let had_failed = to.has_failed();
        to.heal();
        // The engine may write the same again later, and then all is well.
        if let Err(error) = done {
            assert!(had_failed);
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
            match options().open_on(Arc::new(to.clone())) {
                // All but the last sync of the directory was done.
                Ok(backup) => assert_eq!(numbers(&backup), before),
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::NotAStore, "{error}");
                    store.backup_on(&to, |_| ()).unwrap();
                }
            }
        }
        let backup = options().open_on(Arc::new(to)).unwrap();
        assert_eq!(numbers(&backup), before);
        assert!(backup.verify(|_| ()).unwrap().is_sound());
        check(&WAYS[0], &store, &before, true);
        if !had_failed {
            break;
        }
        struck += 1;
    }
    assert!(struck > 10, "{struck} changes were failed");
}
