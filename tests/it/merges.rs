//! When what waits is merged, and what the statistics say of it.

use crate::support::faulty::FaultyStorage;
use crate::{ManualClock, at, log, uid};
use chrono::{DateTime, TimeDelta, Utc};
use sessionlog::storage::MemoryStorage;
use sessionlog::{Clock, Merge, MergeStats, Options, Store};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const START: &str = "2026-11-01T08:00:00Z";

fn created(options: Options) -> Store {
    options
        .create_on(Arc::default() as Arc<MemoryStorage>)
        .unwrap()
}

fn waiting(store: &Store) -> u64 {
    store.stats().unwrap().delta_session_count
}

fn last_merge(store: &Store) -> Option<MergeStats> {
    store.stats().unwrap().last_merge
}

/// What another thread is about to bring about.
fn awaited<T>(mut found: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "nothing came");
        thread::yield_now();
    }
}

/// The last merge, once there is another than this.
fn next_merge(store: &Store, known: Option<&MergeStats>) -> MergeStats {
    awaited(|| last_merge(store).filter(|merge| Some(merge) != known))
}

fn append(store: &Store, numbers: impl IntoIterator<Item = u128>) {
    for number in numbers {
        store.append(log(number, START, None)).unwrap();
    }
}

#[test]
fn without_a_thread_for_it_the_write_merges_for_which_there_is_no_room() {
    let store = created(Store::options().merge(Merge::Inline).delta_sessions_max(8));
    append(&store, 1..=8);
    assert_eq!((waiting(&store), last_merge(&store)), (8, None));
    append(&store, [9]);
    assert_eq!(waiting(&store), 1);
    assert_eq!(last_merge(&store).unwrap().session_count, 8);
    // There is room for just so many.
    let batch = |numbers: std::ops::RangeInclusive<u128>| {
        let logs = numbers.map(|number| log(number, START, None));
        store.append_batch(logs).unwrap();
    };
    batch(10..=16);
    assert_eq!(waiting(&store), 8);
    batch(17..=18);
    assert_eq!(waiting(&store), 2);
    assert_eq!(last_merge(&store).unwrap().session_count, 8);
}

#[test]
fn a_merge_is_started_when_a_quarter_waits_of_what_may() {
    for may_wait in [8, 61, 64] {
        let store = created(Store::options().delta_sessions_max(may_wait));
        let quarter = may_wait.div_ceil(4) as u128;
        append(&store, 1..quarter);
        assert_eq!(
            (waiting(&store), last_merge(&store)),
            (quarter as u64 - 1, None)
        );
        append(&store, [quarter]);
        assert_eq!(next_merge(&store, None).session_count, quarter as u64);
    }
}

fn come_and_go(store: &Store) {
    append(store, [1]);
    store.remove(uid(1)).unwrap();
    assert!(waiting(store) <= 1);
}

/// How often a session comes and goes until a write has merged.
fn until_merged(may_wait: usize) -> usize {
    let options = Store::options().merge(Merge::Inline);
    let store = created(options.delta_sessions_max(may_wait));
    let mut times = 0;
    while last_merge(&store).is_none() {
        come_and_go(&store);
        times += 1;
    }
    times
}

/// For each session that may wait there are 256 bytes of the log.
#[test]
fn sessions_that_come_and_go_are_merged_before_the_log_is_much_longer_than_what_may_wait() {
    let (few, many) = (until_merged(64), until_merged(640));
    assert!((64..=64 * 2).contains(&few), "{few}");
    assert!((few * 9..=few * 10).contains(&many), "{few}, then {many}");
    // A merge is started at a quarter of that.
    let store = created(Store::options().delta_sessions_max(640));
    (0..many / 4 - 2).for_each(|_| come_and_go(&store));
    assert_eq!(last_merge(&store), None);
    (0..4).for_each(|_| come_and_go(&store));
    assert_eq!(next_merge(&store, None).error, None);
}

/// Five milliseconds pass whenever it is looked at.
#[derive(Debug)]
struct Ticking(Mutex<DateTime<Utc>>);

impl Clock for Ticking {
    fn now(&self) -> DateTime<Utc> {
        let mut now = self.0.lock().unwrap();
        *now += TimeDelta::milliseconds(5);
        *now
    }
}

#[test]
fn the_statistics_say_when_the_last_merge_ended_and_how_long_it_took() {
    let clock = Arc::new(Ticking(Mutex::new(at(START))));
    let options = Store::options().merge(Merge::Inline).delta_sessions_max(8);
    let store = created(options.clock(Arc::clone(&clock)));
    append(&store, 1..=8);
    let before = *clock.0.lock().unwrap();
    append(&store, [9]);
    let merge = last_merge(&store).unwrap();
    let after = *clock.0.lock().unwrap();
    assert!(before < merge.ended_at && merge.ended_at <= after);
    let took = (after - before).num_milliseconds();
    assert!(
        (5..=took).contains(&merge.milliseconds),
        "{merge:?} of {took}"
    );
    assert_eq!((merge.session_count, merge.error), (8, None));
}

#[test]
fn a_merge_that_fails_is_told_and_the_next_is_started_once_another_quarter_waits() {
    let storage = FaultyStorage::default();
    let clock = ManualClock::at(START);
    let options = Store::options().delta_sessions_max(64).clock(clock.clone());
    let store = options.create_on(Arc::new(storage.clone())).unwrap();
    storage.fail_some("main.redb", 0, u64::MAX);
    append(&store, 1..=16);
    let failed = next_merge(&store, None);
    assert_eq!((failed.ended_at, failed.session_count), (at(START), 16));
    let error = failed.error.as_deref().unwrap();
    assert!(error.ends_with("no storage space"), "{error}");
    storage.heal();
    clock.pass(TimeDelta::hours(1));
    append(&store, 17..=31);
    // One that is started all the same gets its chance to end.
    thread::sleep(Duration::from_millis(50));
    assert_eq!(waiting(&store), 31);
    assert_eq!(last_merge(&store).unwrap().ended_at, at(START));
    append(&store, [32]);
    let merge = next_merge(&store, Some(&failed));
    assert_eq!((merge.session_count, &merge.error), (32, &None));
    // And then after each quarter again.
    clock.pass(TimeDelta::hours(1));
    append(&store, 33..=48);
    assert_eq!(next_merge(&store, Some(&merge)).session_count, 16);
}

/// A clock at which the thread for merges waits twice once it has merged: until that is known, and until
/// it may go on.
#[derive(Debug)]
struct Halting(Arc<Barrier>, Mutex<usize>);

impl Clock for Halting {
    fn now(&self) -> DateTime<Utc> {
        if thread::current().name() == Some("sessionlog-merge") {
            let mut asked = self.1.lock().unwrap();
            *asked += 1;
            // It asks when it begins and when it has ended.
            if *asked == 2 {
                self.0.wait();
                self.0.wait();
            }
        }
        at(START)
    }
}

#[test]
fn what_comes_to_be_due_while_a_merge_ends_is_merged_without_another_write() {
    let halted = Arc::new(Barrier::new(2));
    let clock = Halting(Arc::clone(&halted), Mutex::default());
    let store = created(Store::options().delta_sessions_max(64).clock(clock));
    append(&store, 1..=16);
    halted.wait();
    append(&store, 17..=48);
    halted.wait();
    awaited(|| (waiting(&store) == 0).then_some(()));
}
