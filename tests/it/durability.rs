//! What a loss of power takes: nothing that was acknowledged as durable.

use crate::support::faulty::{Call, Fault, FaultyStorage};
use crate::{ManualClock, log, uid};
use chrono::TimeDelta;
use sessionlog::{Durability, ErrorKind, Query, Store};
use std::sync::Arc;

const START: &str = "2026-11-01T08:00:00Z";

/// A store of eventual durability, its storage, and its clock, which stands still.
fn eventual() -> (FaultyStorage, ManualClock, Store) {
    let directory = FaultyStorage::default();
    let clock = ManualClock::at("1970-01-01T00:00:00Z");
    let options = Store::options().durability(Durability::Eventual);
    let options = options.clock(clock.clone());
    let store = options.create_on(Arc::new(directory.clone())).unwrap();
    (directory, clock, store)
}

#[test]
fn an_immediate_write_survives_the_loss_of_power_on_return() {
    let directory = FaultyStorage::default();
    let store = Store::options()
        .create_on(Arc::new(directory.clone()))
        .unwrap();
    for number in 1..=20 {
        store.append(log(number, START, None)).unwrap();
        assert_eq!(directory.sessions_after_power_loss(), number as u64);
    }
    store.end(uid(1), crate::at(START)).unwrap();
    store.remove(uid(2)).unwrap();
    let after = Store::options()
        .open_on(Arc::new(directory.after_power_loss()))
        .unwrap();
    assert!(!after.get(uid(1)).unwrap().unwrap().is_open());
    assert_eq!(after.get(uid(2)).unwrap(), None);
}

#[test]
fn a_write_that_changes_nothing_costs_no_sync() {
    let directory = FaultyStorage::default();
    let store = Store::options()
        .create_on(Arc::new(directory.clone()))
        .unwrap();
    store.append(log(1, START, None)).unwrap();
    let syncs = directory.syncs();
    store.append(log(1, START, None)).unwrap();
    store.append_batch([]).unwrap();
    store.append(log(0, START, None)).unwrap_err();
    store.flush().unwrap();
    assert_eq!(directory.syncs(), syncs);
}

#[test]
fn an_eventual_write_is_durable_after_flush_or_close() {
    let (directory, _, store) = eventual();
    store.append(log(1, START, None)).unwrap();
    assert_eq!(store.count(&Query::all()).unwrap(), 1);
    assert_eq!(directory.sessions_after_power_loss(), 0);
    store.flush().unwrap();
    assert_eq!(directory.sessions_after_power_loss(), 1);
    store.append(log(2, START, None)).unwrap();
    assert_eq!(directory.sessions_after_power_loss(), 1);
    store.close().unwrap();
    assert_eq!(directory.sessions_after_power_loss(), 2);
}

#[test]
fn dropping_the_last_handle_flushes() {
    let (directory, _, store) = eventual();
    store.append(log(1, START, None)).unwrap();
    drop(store);
    assert_eq!(directory.sessions_after_power_loss(), 1);
}

#[test]
fn eventual_writes_at_risk_are_bounded_in_number() {
    let (directory, _, store) = eventual();
    let max = Durability::EVENTUAL_SESSIONS_MAX as u128;
    let batch = |from: u128, to: u128| (from..=to).map(|number| log(number, START, None));
    store.append_batch(batch(1, max)).unwrap();
    assert_eq!(directory.sessions_after_power_loss(), 0);
    store.append(log(max + 1, START, None)).unwrap();
    assert_eq!(directory.sessions_after_power_loss(), max as u64 + 1);
    store.append_batch(batch(max + 2, 2 * max + 2)).unwrap();
    assert_eq!(directory.sessions_after_power_loss(), 2 * max as u64 + 2);
}

#[test]
fn eventual_writes_at_risk_are_bounded_in_age_at_each_commit() {
    let (directory, clock, store) = eventual();
    let wait = |millis| clock.pass(TimeDelta::milliseconds(millis));
    store.append(log(1, START, None)).unwrap();
    wait(999);
    store.append(log(2, START, None)).unwrap();
    assert_eq!(directory.sessions_after_power_loss(), 0);
    wait(1);
    store.append(log(3, START, None)).unwrap();
    assert_eq!(directory.sessions_after_power_loss(), 3);
    store.append(log(4, START, None)).unwrap();
    assert_eq!(directory.sessions_after_power_loss(), 3);
    // A clock that was set back says nothing of the age.
    wait(-5_000);
    store.append(log(5, START, None)).unwrap();
    assert_eq!(directory.sessions_after_power_loss(), 5);
}

/// What a process has read from a store is there for good, however the one before it ended.
#[test]
fn what_a_failed_sync_has_left_in_the_log_is_made_durable_by_the_next_opening() {
    let storage = FaultyStorage::default();
    let options = Store::options().durability(Durability::Eventual);
    let store = options
        .clone()
        .create_on(Arc::new(storage.clone()))
        .unwrap();
    store.append(log(1, START, None)).unwrap();
    storage.fail(Fault::of(&[Call::Sync, Call::Create]));
    assert_eq!(store.flush().unwrap_err().kind(), ErrorKind::Unavailable);
    drop(store);
    storage.heal();
    let store = options.open_on(Arc::new(storage.clone())).unwrap();
    assert_eq!(store.count(&Query::all()).unwrap(), 1);
    assert_eq!(storage.sessions_after_power_loss(), 1);
}

/// Nor does a write that fails meanwhile have what is in doubt believed.
#[test]
fn what_is_in_doubt_when_a_store_is_opened_is_so_until_it_was_written_again() {
    let storage = FaultyStorage::default();
    let options = Store::options().durability(Durability::Eventual);
    let options = options.delta_sessions_max(8);
    let store = options
        .clone()
        .create_on(Arc::new(storage.clone()))
        .unwrap();
    // A merge waits, so that both files of the log are needed.
    storage.shut("main");
    store
        .append_batch([log(1, START, None), log(2, START, None)])
        .unwrap();
    storage.wait_for_waiting(1);
    store.append(log(3, START, None)).unwrap();
    storage.fail(Fault::of(&[Call::Sync, Call::Create]).named("log").after(1));
    assert_eq!(store.flush().unwrap_err().kind(), ErrorKind::Unavailable);
    let killed = storage.killed();
    storage.heal();
    storage.open_gate();
    for name in ["log.0", "log.1"] {
        let storage = killed.killed();
        storage.fail(Fault::of(&[Call::Write]).named(name).times(1));
        let opened = options.clone().open_on(Arc::new(storage.clone()));
        let store =
            opened.unwrap_or_else(|_| options.clone().open_on(Arc::new(storage.clone())).unwrap());
        store.flush().unwrap();
        assert_eq!(store.count(&Query::all()).unwrap(), 3);
        assert_eq!(storage.sessions_after_power_loss(), 3);
    }
}
