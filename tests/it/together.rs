//! Calls that keep a store in order, beside one another and in the middle of one another.

use crate::support::faulty::{Call, Fault, FaultyStorage, Kept};
use crate::{Stop, at, log, refused, uid};
use chrono::TimeDelta;
use redb::ReadableTable;
use sessionlog::{
    Durability, Erasure, ErrorKind, Merge, Options, Query, RetainedMax, Retention, SessionLog,
    Store,
};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const START: &str = "2026-11-01T08:00:00Z";

fn of_user(number: u128, user: u128, name: &str) -> SessionLog {
    SessionLog {
        user_refer_uid: uid(user),
        user: name.into(),
        client_refer_uid: format!("client of {user}").into(),
        session_start: at(START) + TimeDelta::seconds(i64::try_from(number).unwrap()),
        ..log(number, START, None)
    }
}

fn many(numbers: Range<u128>) -> impl Iterator<Item = SessionLog> {
    numbers.map(|number| of_user(number, 1, "many"))
}

fn options() -> Options {
    Store::options().shape(8, 6).merge(Merge::Inline)
}

/// Does something in the midst of a call, once: in the first that is told of its progress.
fn once(mut act: impl FnMut()) -> impl FnMut(sessionlog::Progress) {
    let mut is_done = false;
    move |_| {
        if !std::mem::replace(&mut is_done, true) {
            act();
        }
    }
}

#[test]
fn a_user_who_is_erased_while_a_store_is_compacted_and_comes_back_is_somebody_new() {
    let store = options().delta_sessions_max(100).in_memory().unwrap();
    store.append_batch(many(1..3_000)).unwrap();
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let stop = Stop(&is_done);
        scope.spawn(|| {
            while !is_done.load(Ordering::SeqCst) {
                store.compact(|_| ()).unwrap();
            }
        });
        for round in 0..20 {
            for (name, number) in [("n1", 10_000), ("n2", 11_000)] {
                store.append(of_user(number + round, 9, name)).unwrap();
            }
            let erasure = [Erasure::Logical, Erasure::Secure][usize::from(round % 4 == 3)];
            store.erase_user(uid(9), erasure, |_| ()).unwrap();
            store.append(of_user(20_000 + round, 9, "n1")).unwrap();
        }
        drop(stop);
    });
    let of_nine = Query::builder().user_refer_uid(uid(9)).build().unwrap();
    assert_eq!(store.count(&of_nine).unwrap(), 1);
    let found = store.verify(|_| ()).unwrap();
    assert_eq!(found.faults, Vec::<String>::new());
}

/// They would wait for themselves.
#[test]
fn what_writes_a_store_anew_is_refused_within_its_own_progress() {
    let store = options().in_memory().unwrap();
    store.append_batch(many(1..3_000)).unwrap();
    store
        .compact(once(|| {
            refused(store.compact(|_| ()), ErrorKind::InvalidInput, "store");
            refused(store.rebuild(|_| ()), ErrorKind::InvalidInput, "store");
            let erased = store.erase_user(uid(9), Erasure::Secure, |_| ());
            refused(erased, ErrorKind::InvalidInput, "store");
        }))
        .unwrap();
    store.compact(|_| ()).unwrap();
}

/// The copy has no use for the names of a session that came and went; but a loss of power that takes its
/// going brings it back.
#[test]
fn a_loss_of_power_after_a_store_was_written_anew_leaves_no_session_without_its_names() {
    let storage = FaultyStorage::default();
    let options = options()
        .durability(Durability::Eventual)
        .delta_sessions_max(100);
    let store = options
        .clone()
        .create_on(Arc::new(storage.clone()))
        .unwrap();
    store.append_batch(many(1..5_000)).unwrap();
    store.append(of_user(9_000, 9, "gone")).unwrap();
    store.close().unwrap();
    let store = options.clone().open_on(Arc::new(storage.clone())).unwrap();
    // Now the dictionary has a user, a name and a client that nobody has.
    store.remove(uid(9_000)).unwrap();
    store.close().unwrap();
    let store = options.clone().open_on(Arc::new(storage.clone())).unwrap();
    let come_and_go = || {
        store.append(of_user(9_001, 9, "gone")).unwrap();
        store.remove(uid(9_001)).unwrap();
    };
    store.rebuild(once(come_and_go)).unwrap();
    for seed in 0..40 {
        let left = Arc::new(storage.without_power(Kept::Some(seed)));
        let store = options.clone().open_on(left).unwrap();
        let logs = store.iter(&Query::all()).unwrap();
        let logs: Vec<SessionLog> = logs.map(Result::unwrap).collect();
        assert!(logs.len() >= 4_999);
        assert!(store.verify(|_| ()).unwrap().is_sound());
    }
}

/// More than merges wait for at the end: the copy follows before.
#[test]
fn what_is_written_in_plenty_while_a_store_is_written_anew_is_in_it() {
    for is_rebuilt in [false, true] {
        let store = options().delta_sessions_max(1_000).in_memory().unwrap();
        store.append_batch(many(1..12_000)).unwrap();
        store.remove(uid(1)).unwrap();
        let mut write = || {
            store.append_batch(many(20_000..26_000)).unwrap();
            let old = store.retain_at_most(RetainedMax::Sessions(14_000), |_| ());
            // Open sessions stay.
            assert_eq!(old.unwrap().removed, 0);
            store
                .end_open(&Query::all(), at(START) + TimeDelta::days(9))
                .unwrap();
            let old = store.retain_at_most(RetainedMax::Sessions(14_000), |_| ());
            assert_eq!(old.unwrap().removed, 3_998);
        };
        match is_rebuilt {
            true => store.rebuild(once(&mut write)).unwrap(),
            false => store.compact(once(&mut write)).unwrap(),
        };
        assert_eq!(store.count(&Query::all()).unwrap(), 14_000);
        assert_eq!(store.stats().unwrap().open_session_count, 0);
        let found = store.verify(|_| ()).unwrap();
        assert_eq!(found.faults, Vec::<String>::new());
    }
}

#[test]
fn a_merge_that_fails_while_a_store_is_rebuilt_takes_nothing_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let options = Store::options()
        .merge(Merge::Inline)
        .delta_sessions_max(100);
    let store = options.clone().create(&path).unwrap();
    let ended = many(1..20_001).map(|log| SessionLog {
        session_end: Some(log.session_start),
        ..log
    });
    store.append_batch(ended).unwrap();
    store.close().unwrap();
    {
        let database = redb::Database::open(path.join("main.redb")).unwrap();
        let write = database.begin_write().unwrap();
        {
            let starts = redb::TableDefinition::<&[u8; 17], &[u8]>::new("starts");
            let mut starts = write.open_table(starts).unwrap();
            let first = *starts.iter().unwrap().next().unwrap().unwrap().0.value();
            starts.remove(&first).unwrap();
        }
        write.commit().unwrap();
    }
    let store = options.open(&path).unwrap();
    let rebuilt = store.rebuild(once(|| {
        // Their starts are lost, and with that the merge fails.
        let pruned = store.retain_at_most(RetainedMax::Sessions(19_990), |_| ());
        assert_eq!(pruned.unwrap().removed, 10);
        let more = store.append_batch((30_000..30_100).map(|number| of_user(number, 2, "new")));
        assert_eq!(more.unwrap_err().kind(), ErrorKind::Corrupted);
    }));
    rebuilt.unwrap();
    let found = store.verify(|_| ()).unwrap();
    assert_eq!(found.faults, Vec::<String>::new());
    assert_eq!(store.count(&Query::all()).unwrap(), 19_990);
    store.append_batch(many(40_000..40_100)).unwrap();
    store.close().unwrap();
}

#[test]
fn a_store_that_is_closed_while_it_is_compacted_is_nobody_elses_before_that_ends() {
    let storage = FaultyStorage::default();
    let store = options().create_on(Arc::new(storage.clone())).unwrap();
    store.append_batch(many(1..5_000)).unwrap();
    let compacted = store.compact(once(|| {
        store.close().unwrap();
        let opened = options().open_on(Arc::new(storage.clone()));
        assert_eq!(opened.unwrap_err().kind(), ErrorKind::AlreadyOpen);
    }));
    assert_eq!(compacted.unwrap_err().kind(), ErrorKind::Closed);
    assert!(!storage.was_changed_unlocked());
    let store = options().open_on(Arc::new(storage.clone())).unwrap();
    // And from another thread, closing waits.
    let is_at_it = AtomicBool::new(false);
    thread::scope(|scope| {
        let closing = scope.spawn(|| {
            while !is_at_it.load(Ordering::SeqCst) {
                thread::yield_now();
            }
            store.close().unwrap();
            options().open_on(Arc::new(storage.clone())).unwrap()
        });
        let compacted = store.compact(|_| is_at_it.store(true, Ordering::SeqCst));
        if let Err(error) = compacted {
            assert_eq!(error.kind(), ErrorKind::Closed);
        }
        is_at_it.store(true, Ordering::SeqCst);
        assert!(closing.join().unwrap().verify(|_| ()).unwrap().is_sound());
    });
    assert!(!storage.was_changed_unlocked());
}

#[test]
fn a_read_that_fails_while_a_store_is_compacted_does_not_say_that_it_is_closed() {
    let storage = FaultyStorage::default();
    let store = options()
        .cache_bytes(0)
        .create_on(Arc::new(storage.clone()))
        .unwrap();
    store.append_batch(many(1..3_000)).unwrap();
    let compacted = store.compact(once(|| {
        storage.fail_reads("main.redb", 0, 1);
        store.get(uid(2_500)).unwrap();
        storage.heal();
    }));
    assert_eq!(compacted.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(store.count(&Query::all()).unwrap(), 2_999);
}

#[test]
fn a_name_that_comes_back_while_a_store_is_compacted_does_not_make_it_larger() {
    let store = Store::options().merge(Merge::Inline).in_memory().unwrap();
    store.append_batch(many(1..20_000)).unwrap();
    let old = store.start(uid(777), "old", "old client").unwrap();
    store.compact(|_| ()).unwrap();
    store.remove(old).unwrap();
    let compacted = store.compact(once(|| {
        store.start(uid(777), "old", "old client").unwrap();
        store.append(of_user(50_000, 1, "another name")).unwrap();
    }));
    let compacted = compacted.unwrap();
    assert!(
        compacted.file_bytes < compacted.file_bytes_before * 11 / 10,
        "{compacted:?}"
    );
    assert_eq!(store.count(&Query::all()).unwrap(), 20_001);
    assert!(store.verify(|_| ()).unwrap().is_sound());
}

#[test]
fn an_erasure_that_was_interrupted_and_is_repeated_takes_the_clients_too() {
    let storage = FaultyStorage::default();
    let store = options().create_on(Arc::new(storage.clone())).unwrap();
    store.append(of_user(1, 8, "other")).unwrap();
    store
        .append_batch((2..10).map(|number| of_user(number, 9, "erased")))
        .unwrap();
    storage.fail(Fault::of(Call::CHANGES).named("main"));
    let failed = store.erase_user(uid(9), Erasure::Logical, |_| ());
    assert_eq!(failed.unwrap_err().kind(), ErrorKind::Unavailable);
    storage.heal();
    let again = store.erase_user(uid(9), Erasure::Logical, |_| ()).unwrap();
    assert_eq!((again.user_name_count, again.client_count), (1, 1));
}

/// The most that is kept.
fn at_most(sessions: u64) -> Retention {
    Retention {
        sessions_max: Some(sessions),
        ..Retention::default()
    }
}

#[test]
fn a_policy_is_kept_by_processes_that_live_for_a_few_writes_each() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    Store::create(&path).unwrap().close().unwrap();
    for round in 0..10 {
        let options = Store::options().retention(at_most(50));
        let store = options.open(&path).unwrap();
        let first = round * 1_000 + 1;
        let ended = many(first..first + 1_000).map(|log| SessionLog {
            session_end: Some(log.session_start),
            ..log
        });
        store.append_batch(ended).unwrap();
        while store.stats().unwrap().last_retention.is_none() {
            thread::yield_now();
        }
        store.close().unwrap();
        let left = Store::open(&path).unwrap().count(&Query::all()).unwrap();
        assert_eq!(left, 50);
    }
}

#[test]
fn a_policy_that_finds_nothing_to_do_has_nothing_merged() {
    let syncs = |retention: Option<Retention>| {
        let storage = FaultyStorage::default();
        let store = Store::options()
            .merge(Merge::Inline)
            .delta_sessions_max(1_000)
            .retention(retention)
            .create_on(Arc::new(storage.clone()))
            .unwrap();
        for number in 1..1_200 {
            store.append(of_user(number, 1, "many")).unwrap();
        }
        storage.syncs_of("main")
    };
    let policy = at_most(1_000_000);
    assert!(syncs(Some(policy)) <= 3 * syncs(None));
}

/// Else each time that it is asked for, and at each merge, more would go.
#[test]
fn bytes_of_names_that_outlive_their_sessions_do_not_take_the_others_with_them() {
    let store = Store::options().merge(Merge::Inline).in_memory().unwrap();
    let name = "n".repeat(200);
    let ended = |log: SessionLog| SessionLog {
        session_end: Some(log.session_start),
        ..log
    };
    store
        .append_batch((1..2_001).map(|number| ended(of_user(number, number, &name))))
        .unwrap();
    store.compact(|_| ()).unwrap();
    let half = RetainedMax::LiveBytes(store.stats().unwrap().live_bytes / 8);
    let left = || {
        store.retain_at_most(half, |_| ()).unwrap();
        // Merges.
        store.compact(|_| ()).unwrap();
        store.count(&Query::all()).unwrap()
    };
    let first = left();
    assert!(first > 100, "{first}");
    for _ in 0..4 {
        let next = left();
        assert!(next * 10 >= first * 9, "{next} of {first}");
    }
}
