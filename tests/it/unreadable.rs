//! Files that cannot be read or written for a while, as on a phone that is locked: calls say so, nothing
//! is taken for gone or made anew, and the store goes on by itself.

use crate::support::faulty::{Call, Fault, FaultyStorage};
use crate::{at, log, uid};
use sessionlog::{Error, ErrorKind, Merge, Options, PageRequest, Query, SessionLog, Store};
use std::io;
use std::sync::Arc;

/// Every call is refused, from the next on or after some.
fn locked(after: u64) -> Fault {
    const ALL: &[Call] = &[
        Call::Open,
        Call::Exists,
        Call::Len,
        Call::Read,
        Call::Write,
        Call::SetLen,
        Call::Sync,
        Call::Create,
        Call::Rename,
        Call::Remove,
        Call::SyncNames,
    ];
    Fault::of(ALL)
        .after(after)
        .with(io::ErrorKind::PermissionDenied)
}

/// Nothing is kept in memory that could hide it.
fn options() -> Options {
    let options = Store::options().merge(Merge::Inline).cache_bytes(0);
    options.names_cache_bytes(0).delta_sessions_max(16)
}

fn session(number: u128) -> SessionLog {
    log(number, "2026-11-01T08:00:00Z", None)
}

fn unavailable<T: std::fmt::Debug>(done: Result<T, Error>) {
    let error = done.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
}

#[test]
fn a_store_whose_files_cannot_be_read_is_unavailable_and_opens_once_they_can() {
    let storage = FaultyStorage::default();
    let store = options().create_on(Arc::new(storage.clone())).unwrap();
    store.append_batch((1..=40).map(session)).unwrap();
    // What is left in the log has the opening write too.
    let killed = storage.killed();
    drop(store);
    for after in 0.. {
        let storage = killed.killed();
        let before = storage.moment();
        storage.fail(locked(after));
        let opened = options().open_on(Arc::new(storage.clone()));
        let is_opened = opened.is_ok();
        match opened {
            // It may fail as it closes.
            Ok(store) => drop(store),
            failed => unavailable(failed),
        }
        assert!(!storage.names_changed_since(before), "{after}");
        storage.heal();
        let store = options().open_on(Arc::new(storage)).unwrap();
        assert_eq!(store.count(&Query::all()).unwrap(), 40);
        assert!(store.verify(|_| ()).unwrap().is_sound());
        if is_opened {
            assert!(after > 10, "{after}");
            break;
        }
    }
}

#[test]
fn an_open_store_says_that_its_files_cannot_be_reached_and_goes_on_with_the_same_handle() {
    let storage = FaultyStorage::default();
    let store = options().create_on(Arc::new(storage.clone())).unwrap();
    store.append_batch((1..=40).map(session)).unwrap();
    let page = PageRequest::default();
    for round in 0..10 {
        let (before, first) = (storage.moment(), 100 * (round + 1));
        storage.fail(locked(0));
        unavailable(store.append(session(first)));
        unavailable(store.append_batch((first + 1..first + 40).map(session)));
        unavailable(store.page(&Query::all(), page));
        unavailable(store.end(uid(1), at("2026-11-01T09:00:00Z")));
        unavailable(store.compact(|_| ()));
        assert!(!storage.names_changed_since(before), "round {round}");
        storage.heal();
        let count = 40 + round as u64;
        assert_eq!(
            store.page(&Query::all(), page).unwrap().total_record_count,
            count
        );
        store.append(session(first)).unwrap();
    }
    assert!(store.verify(|_| ()).unwrap().is_sound());
    store.close().unwrap();
    let store = options().open_on(Arc::new(storage)).unwrap();
    assert_eq!(store.count(&Query::all()).unwrap(), 50);
}

/// The phone is locked, the app suspended, woken while it still is, and resumed once it is not.
#[test]
fn a_store_that_cannot_be_resumed_while_its_files_cannot_be_read_is_resumed_later() {
    let storage = FaultyStorage::default();
    let store = options().create_on(Arc::new(storage.clone())).unwrap();
    store.append_batch((1..=40).map(session)).unwrap();
    store.suspend().unwrap();
    let before = storage.moment();
    storage.fail(locked(0));
    for _ in 0..3 {
        unavailable(store.resume());
        let kind = store.count(&Query::all()).unwrap_err().kind();
        assert_eq!(kind, ErrorKind::Suspended);
    }
    assert!(!storage.names_changed_since(before));
    storage.heal();
    store.resume().unwrap();
    assert_eq!(store.count(&Query::all()).unwrap(), 40);
}
