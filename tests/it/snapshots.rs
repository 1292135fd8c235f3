//! Snapshots and iterators that are held: they are counted, and end where the store says when.

use crate::{ManualClock, log, uid};
use chrono::{DateTime, TimeDelta, Utc};
use sessionlog::{Clock, Cursor, ErrorKind, Merge, Options, Query, Store};

const START: &str = "2026-11-01T08:00:00Z";

fn filled(options: Options) -> Store {
    let store = options.in_memory().unwrap();
    let logs = (1..=600).map(|number| log(number, START, None));
    store.append_batch(logs).unwrap();
    store
}

fn held(store: &Store) -> (u64, Option<DateTime<Utc>>) {
    let stats = store.stats().unwrap();
    (stats.snapshot_count, stats.oldest_snapshot_at)
}

#[test]
fn what_is_held_is_counted_with_the_time_of_the_oldest() {
    let clock = ManualClock::at(START);
    let store = filled(Store::options().clock(clock.clone()));
    assert_eq!(held(&store), (0, None));
    let first = store.snapshot().unwrap();
    let began = clock.now();
    clock.pass(TimeDelta::seconds(5));
    let logs = store.iter(&Query::all()).unwrap();
    assert_eq!(held(&store), (2, Some(began)));
    // What comes from a snapshot is of the same state.
    let again = (first.clone(), first.iter(&Query::all()).unwrap());
    assert_eq!(held(&store), (2, Some(began)));
    drop((first, again));
    assert_eq!(held(&store), (1, Some(clock.now())));
    drop(logs);
    assert_eq!(held(&store), (0, None));
}

#[test]
fn a_snapshot_ends_once_it_was_held_for_too_long_and_cursors_go_on() {
    let clock = ManualClock::at(START);
    let hour = TimeDelta::hours(1);
    let store = filled(Store::options().clock(clock.clone()).snapshot_age_max(hour));
    let snapshot = store.snapshot().unwrap();
    let mut logs = store.iter(&Query::all()).unwrap();
    assert!(logs.next().unwrap().is_ok());
    let start = Cursor::start(&Query::all());
    let page = snapshot.page_after(&Query::all(), &start, 500).unwrap();
    clock.pass(hour);
    assert_eq!(snapshot.count(&Query::all()).unwrap(), 600);
    clock.pass(TimeDelta::nanoseconds(1));
    let error = snapshot.get(uid(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Expired, "{error}");
    // Some had been read ahead.
    let error = logs.find_map(Result::err).unwrap();
    assert_eq!(error.kind(), ErrorKind::Expired, "{error}");
    assert!(logs.next().is_none());
    assert_eq!(held(&store), (0, None));
    let rest = store.page_after(&Query::all(), &page.next, 500).unwrap();
    assert_eq!(rest.entries.len(), 100);
    assert_eq!(store.snapshot().unwrap().count(&Query::all()).unwrap(), 600);
}

/// The bytes of a store after many merges, while a snapshot from before them is held and not read.
fn bytes_beside_a_snapshot(options: Options, clock: &ManualClock) -> u64 {
    let options = options.clock(clock.clone()).merge(Merge::Inline);
    let store = filled(options.delta_sessions_max(50));
    let snapshot = store.snapshot().unwrap();
    for round in 1..60_u128 {
        clock.pass(TimeDelta::minutes(1));
        let logs = (1..=50).map(|number| log(round * 1_000 + number, START, None));
        store.append_batch(logs).unwrap();
        for number in 1..=50 {
            store.remove(uid(round * 1_000 + number)).unwrap();
        }
    }
    drop(snapshot);
    store.stats().unwrap().file_bytes
}

#[test]
fn what_a_forgotten_snapshot_keeps_is_cleaned_up_once_it_has_ended() {
    let hour = TimeDelta::minutes(2);
    let bounded = Store::options().snapshot_age_max(hour);
    let bounded = bytes_beside_a_snapshot(bounded, &ManualClock::at(START));
    let unbounded = bytes_beside_a_snapshot(Store::options(), &ManualClock::at(START));
    assert!(bounded < unbounded, "{bounded} and {unbounded} bytes");
}
