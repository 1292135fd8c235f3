//! Sessions that are removed or ended because of their age or number.

use crate::{at, log, refused, uid};
use chrono::{DateTime, TimeDelta, Utc};
use sessionlog::{
    Clock, EndedOpen, ErrorKind, Merge, OpenSessions, Pruned, Query, RetainedMax, Retention,
    SessionLog, StaleEnd, Store,
};

/// The end of the year, for ever.
#[derive(Debug)]
struct NewYear;

impl Clock for NewYear {
    fn now(&self) -> DateTime<Utc> {
        at("2027-01-01T00:00:00Z")
    }
}

fn store_of(logs: impl IntoIterator<Item = SessionLog>) -> Store {
    // Sweeps take several commits, and there are merges between.
    let options = Store::options().clock(NewYear).shape(4, 3);
    let store = options.delta_sessions_max(50).in_memory().unwrap();
    for log in logs {
        store.append(log).unwrap();
    }
    store
}

fn days_ago(days: i64) -> DateTime<Utc> {
    NewYear.now() - TimeDelta::days(days)
}

fn session(number: u128, start: i64, end: Option<i64>) -> SessionLog {
    SessionLog {
        session_start: days_ago(start),
        session_end: end.map(days_ago),
        ..log(number, "2026-01-01T00:00:00Z", None)
    }
}

fn left(store: &Store) -> Vec<u128> {
    let logs = store.iter(&Query::all()).unwrap();
    logs.map(|log| log.unwrap().refer_uid.as_u128()).collect()
}

#[test]
fn age_counts_from_the_end_and_open_sessions_stay_unless_asked_for() {
    let old = session(1, 100, Some(99));
    let long = session(2, 98, Some(1));
    let open = session(3, 97, None);
    let recent = session(4, 2, Some(1));
    let store = store_of([old, long.clone(), open, recent]);
    let thirty = TimeDelta::days(30);
    let pruned = store.prune(thirty, OpenSessions::Keep, |_| ()).unwrap();
    let expected = Pruned {
        removed: 1,
        kept_open: 1,
        oldest_left: Some(long.session_start),
    };
    assert_eq!(pruned, expected);
    assert_eq!(left(&store), [2, 3, 4]);
    let again = store.prune(thirty, OpenSessions::Keep, |_| ()).unwrap();
    assert_eq!(
        again,
        Pruned {
            removed: 0,
            ..expected
        }
    );
    let all = store.prune(thirty, OpenSessions::Remove, |_| ()).unwrap();
    assert_eq!((all.removed, all.kept_open), (1, 0));
    assert_eq!(left(&store), [2, 4]);
    assert!(store.verify(|_| ()).unwrap().is_sound());
}

#[test]
fn what_ended_just_so_long_ago_stays() {
    let tick = TimeDelta::nanoseconds(100);
    let ended = |number, end| SessionLog {
        session_end: Some(end),
        ..session(number, 60, None)
    };
    let store = store_of([ended(1, days_ago(30)), ended(2, days_ago(30) - tick)]);
    let pruned = store.prune(TimeDelta::days(30), OpenSessions::Keep, |_| ());
    assert_eq!(pruned.unwrap().removed, 1);
    assert_eq!(left(&store), [1]);
}

#[test]
fn an_age_that_is_not_positive_is_an_error_and_not_everything() {
    let store = store_of([session(1, 100, Some(99))]);
    for age in [TimeDelta::zero(), TimeDelta::seconds(-1), TimeDelta::MIN] {
        let pruned = store.prune(age, OpenSessions::Remove, |_| ());
        refused(pruned, ErrorKind::InvalidInput, "older_than");
    }
    // One beyond all times removes nothing.
    let pruned = store.prune(TimeDelta::MAX, OpenSessions::Remove, |_| ());
    assert_eq!(pruned.unwrap().removed, 0);
    assert_eq!(left(&store), [1]);
}

#[test]
fn the_oldest_go_first_until_there_are_as_many_as_may_be_and_open_ones_are_passed_by() {
    let days = |number: u128| 1_000 - i64::try_from(number).unwrap();
    let logs = (1..=400).map(|number| {
        let days = days(number);
        session(number, days, (number % 10 != 0).then_some(days))
    });
    let store = store_of(logs.rev());
    let (mut steps, mut totals) = (Vec::new(), Vec::new());
    let max = RetainedMax::Sessions(150);
    let pruned = store.retain_at_most(max, |progress| {
        steps.push(progress.done);
        totals.push(progress.total);
    });
    // 250 have to go; of the first 277, 27 are open.
    let expected = Pruned {
        removed: 250,
        kept_open: 27,
        oldest_left: Some(days_ago(days(10))),
    };
    assert_eq!(pruned.unwrap(), expected);
    assert!(steps.len() > 3 && steps.is_sorted(), "{steps:?}");
    // What is passed by adds to it.
    let most = totals.into_iter().max().unwrap();
    assert!(most == *steps.last().unwrap() && most == 277, "{most}");
    let open = (10..=270).step_by(10);
    assert_eq!(left(&store), open.chain(278..=400).collect::<Vec<u128>>());
    assert!(store.verify(|_| ()).unwrap().is_sound());
    let nothing = store.retain_at_most(max, |_| ()).unwrap();
    assert_eq!((nothing.removed, nothing.kept_open), (0, 0));
    // All that can go.
    let pruned = store
        .retain_at_most(RetainedMax::Sessions(0), |_| ())
        .unwrap();
    assert_eq!((pruned.removed, pruned.kept_open), (110, 40));
}

#[test]
fn a_store_comes_to_take_about_as_many_bytes_as_it_may() {
    let store = Store::options().clock(NewYear).in_memory().unwrap();
    let logs = (1..=70_000).map(|number| session(number, 100, Some(99)));
    store.append_batch(logs).unwrap();
    let before = store.stats().unwrap().live_bytes;
    let pruned = store.retain_at_most(RetainedMax::LiveBytes(before / 2), |_| ());
    assert_eq!(pruned.unwrap().removed, 35_000);
    let enough = store.retain_at_most(RetainedMax::LiveBytes(u64::MAX), |_| ());
    assert_eq!(enough.unwrap().removed, 0);
    let empty = Store::in_memory().unwrap();
    let nothing = empty
        .retain_at_most(RetainedMax::LiveBytes(0), |_| ())
        .unwrap();
    assert_eq!(nothing, Pruned::default());
}

#[test]
fn stale_sessions_end_at_an_instant_or_so_long_after_their_start_and_others_stay_open() {
    for (end, ends) in [
        (StaleEnd::At(days_ago(15)), [days_ago(15), days_ago(15)]),
        (
            StaleEnd::AfterStart(TimeDelta::days(1)),
            [days_ago(29), days_ago(19)],
        ),
    ] {
        let ended = session(3, 25, Some(24));
        let logs = [
            session(1, 30, None),
            session(2, 20, None),
            ended.clone(),
            session(4, 5, None),
        ];
        let store = store_of(logs);
        let done = store.end_stale(days_ago(10), end, |_| ()).unwrap();
        assert_eq!(
            done,
            EndedOpen {
                ended: 2,
                left_open: 0
            }
        );
        for (number, expected) in [1, 2].into_iter().zip(ends) {
            let log = store.get(uid(number)).unwrap().unwrap();
            assert_eq!(log.session_end, Some(expected));
        }
        assert_eq!(store.get(uid(3)).unwrap(), Some(ended));
        assert_eq!(store.get(uid(4)).unwrap().unwrap().session_end, None);
        let again = store.end_stale(days_ago(10), end, |_| ()).unwrap();
        assert_eq!(
            again,
            EndedOpen {
                ended: 0,
                left_open: 0
            }
        );
        assert!(store.verify(|_| ()).unwrap().is_sound());
    }
}

#[test]
fn an_end_that_a_stale_session_cannot_have_leaves_it_open() {
    let store = store_of([session(1, 30, None), session(2, 20, None)]);
    let before = store.end_stale(days_ago(10), StaleEnd::At(days_ago(25)), |_| ());
    assert_eq!(
        before.unwrap(),
        EndedOpen {
            ended: 1,
            left_open: 1
        }
    );
    let beyond = store.end_stale(days_ago(10), StaleEnd::AfterStart(TimeDelta::MAX), |_| ());
    assert_eq!(
        beyond.unwrap(),
        EndedOpen {
            ended: 0,
            left_open: 1
        }
    );
    let never = store.end_stale(
        days_ago(10),
        StaleEnd::AfterStart(TimeDelta::zero()),
        |_| (),
    );
    refused(never, ErrorKind::InvalidInput, "after_start");
    let at = StaleEnd::At(DateTime::<Utc>::MAX_UTC);
    let out_of_range = store.end_stale(days_ago(10), at, |_| ());
    refused(out_of_range, ErrorKind::InvalidInput, "session_end");
}

#[test]
fn a_store_within_its_bytes_keeps_everything_whatever_was_removed_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let options = Store::options().clock(NewYear);
    let store = options.clone().create(&path).unwrap();
    store
        .append_batch((1..=10).map(|number| session(number, 9, Some(8))))
        .unwrap();
    store.close().unwrap();
    // Names are left in the main index, and no session.
    let store = options.clone().open(&path).unwrap();
    (1..=10).for_each(|number| drop(store.remove(uid(number)).unwrap()));
    store.close().unwrap();
    let store = options.open(&path).unwrap();
    store
        .append_batch((11..=30).map(|number| session(number, 9, Some(8))))
        .unwrap();
    for bytes in [1 << 40, store.stats().unwrap().live_bytes, 0] {
        let pruned = store.retain_at_most(RetainedMax::LiveBytes(bytes), |_| ());
        assert_eq!(pruned.unwrap().removed, 0);
    }
    assert_eq!(left(&store).len(), 20);
}

/// Nothing was merged in between: the live bytes are as many as before.
#[test]
fn what_is_removed_for_its_bytes_is_not_removed_twice() {
    let store = Store::options().delta_sessions_max(1 << 16);
    let store = store.merge(Merge::Inline).in_memory().unwrap();
    let logs = (1..=70_000).map(|number| session(number, 100, Some(99)));
    store.append_batch(logs).unwrap();
    let half = RetainedMax::LiveBytes(store.stats().unwrap().live_bytes / 2);
    let removed = || store.retain_at_most(half, |_| ()).unwrap().removed;
    assert_eq!([removed(), removed(), removed()], [35_000, 0, 0]);
}

/// The policy: what ended more than 30 days ago goes, and what is beyond so many.
fn kept(sessions: u64) -> Retention {
    Retention {
        older_than: Some(TimeDelta::days(30)),
        sessions_max: Some(sessions),
        ..Retention::default()
    }
}

#[test]
fn a_policy_is_kept_by_the_writes_that_merge_where_there_is_no_thread() {
    let options = Store::options().clock(NewYear).shape(4, 3);
    let options = options.merge(Merge::Inline).delta_sessions_max(10);
    let store = options.retention(kept(40)).in_memory().unwrap();
    assert_eq!(store.stats().unwrap().last_retention, None);
    store.append(session(1_000, 90, None)).unwrap();
    for number in 1..=200 {
        let old = session(number, 100, Some(99));
        let recent = session(number + 500, 20, Some(19));
        store.append_batch([old, recent]).unwrap();
    }
    let left = left(&store);
    assert_eq!(left.len(), 40);
    assert!(left.contains(&1_000));
    // Of those that are too old, what was written since the last merge.
    assert!(left.iter().filter(|number| **number <= 200).count() <= 12);
    assert!(left.contains(&700));
    let last = store.stats().unwrap().last_retention.unwrap();
    assert_eq!((last.error, last.pruned.kept_open), (None, 1));
    assert_eq!(last.pruned.oldest_left, Some(days_ago(90)));
    assert!(store.verify(|_| ()).unwrap().is_sound());
}

#[test]
fn a_policy_is_kept_on_the_thread_of_merges_while_others_write() {
    let options = Store::options().clock(NewYear).shape(8, 6);
    let options = options.merge(Merge::Background).delta_sessions_max(40);
    let store = options.retention(kept(100)).in_memory().unwrap();
    let mut number = 1;
    let was_kept = |store: &Store| {
        let last = store.stats().unwrap().last_retention;
        last.is_some_and(|last| last.error.is_none() && last.pruned.removed > 0)
    };
    while !was_kept(&store) || number < 2_000 {
        let start = if number % 3 == 0 { 100 } else { 20 };
        store
            .append(session(number, start, Some(start - 1)))
            .unwrap();
        number += 1;
    }
    // A policy that is at work does not keep a store from being closed.
    store.close().unwrap();
}

#[test]
fn a_policy_of_no_age_is_refused_before_anything_is_opened() {
    for days in [0, -1] {
        let policy = Retention {
            older_than: Some(TimeDelta::days(days)),
            ..Retention::default()
        };
        let opened = Store::options().retention(policy).in_memory();
        refused(opened, ErrorKind::InvalidInput, "older_than");
    }
    let nothing = Store::options().retention(Retention::default());
    let store = nothing.delta_sessions_max(1).in_memory().unwrap();
    store.append(session(1, 9_000, Some(8_999))).unwrap();
    store.append(session(2, 9_000, Some(8_999))).unwrap();
    assert_eq!(store.count(&Query::all()).unwrap(), 2);
}
