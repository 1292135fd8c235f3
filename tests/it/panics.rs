//! Panics of the caller's progress, at each time that it is told of: they come out as they are, and what
//! is left is whole batches, or nothing of a copy, or all of it.

use crate::support::faulty::FaultyStorage;
use crate::{ManualClock, at, log, uid};
use chrono::TimeDelta;
use sessionlog::{
    Erasure, ErrorKind, Merge, OpenSessions, Options, Progress, Query, Result, RetainedMax,
    SessionLog, StaleEnd, Store,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

const START: &str = "2026-11-01T08:00:00Z";

/// Sessions that one commit of a sweep looks at, with these options.
const SWEPT_AT_ONCE: usize = 10;

fn options() -> Options {
    let options = Store::options().shape(4, 3).merge(Merge::Inline);
    options
        .delta_sessions_max(SWEPT_AT_ONCE * 4)
        .clock(ManualClock::at("2026-12-01T00:00:00Z"))
}

fn session(number: u128) -> SessionLog {
    SessionLog {
        user_refer_uid: uid(number % 2 + 1),
        session_start: at(START) + TimeDelta::seconds(i64::try_from(number).unwrap()),
        ..log(number, START, None)
    }
}

fn ended(log: SessionLog) -> SessionLog {
    SessionLog {
        session_end: Some(log.session_start),
        ..log
    }
}

fn all(store: &Store) -> Vec<SessionLog> {
    let logs = store.iter(&Query::all()).unwrap();
    logs.map(Result::unwrap).collect()
}

type Tell<'p> = &'p mut dyn FnMut(Progress);

/// Copies a store to another place, and answers how many sessions it has.
type Copies = fn(&Path, &Path, Tell<'_>) -> Result<u64>;

/// Runs a call whose progress panics once it was told of `told` times before, and answers whether it
/// came to that.
fn panics<T>(told: usize, call: impl FnOnce(Tell<'_>) -> Result<T>) -> bool {
    let mut before = 0;
    let mut progress = |_: Progress| {
        if before == told {
            panic!("of the caller");
        }
        before += 1;
    };
    match catch_unwind(AssertUnwindSafe(|| call(&mut progress))) {
        Ok(done) => {
            done.unwrap();
            false
        }
        Err(panic) => {
            assert_eq!(panic.downcast_ref::<&str>(), Some(&"of the caller"));
            true
        }
    }
}

/// A call that goes through a store some sessions at a time.
struct Sweep {
    call: fn(&Store, Tell<'_>) -> Result<()>,
    stored: fn(u128) -> SessionLog,
    /// What becomes of a session that it has come to.
    becomes: fn(SessionLog) -> Option<SessionLog>,
}

fn erases(store: &Store, erasure: Erasure, tell: Tell<'_>) -> Result<()> {
    store.erase_user(uid(1), erasure, tell).map(drop)
}

fn others(log: SessionLog) -> Option<SessionLog> {
    (log.user_refer_uid != uid(1)).then_some(log)
}

const SWEEPS: [Sweep; 5] = [
    Sweep {
        call: |store, tell| {
            let age = TimeDelta::days(1);
            store.prune(age, OpenSessions::Remove, tell).map(drop)
        },
        stored: |number| ended(session(number)),
        becomes: |_| None,
    },
    Sweep {
        call: |store, tell| {
            let most = RetainedMax::Sessions(0);
            store.retain_at_most(most, tell).map(drop)
        },
        stored: |number| ended(session(number)),
        becomes: |_| None,
    },
    Sweep {
        call: |store, tell| {
            let end = StaleEnd::At(at("2026-11-02T00:00:00Z"));
            store.end_stale(at("2026-11-02T00:00:00Z"), end, tell)?;
            Ok(())
        },
        stored: session,
        becomes: |log| {
            Some(SessionLog {
                session_end: Some(at("2026-11-02T00:00:00Z")),
                ..log
            })
        },
    },
    Sweep {
        call: |store, tell| erases(store, Erasure::Logical, tell),
        stored: session,
        becomes: others,
    },
    Sweep {
        call: |store, tell| erases(store, Erasure::Secure, tell),
        stored: session,
        becomes: others,
    },
];

impl Sweep {
    /// The sessions once it has come to so many of those that it changes.
    fn after(&self, logs: &[SessionLog], mut changed: usize) -> Vec<SessionLog> {
        let after = logs.iter().filter_map(|log| {
            let becomes = (self.becomes)(log.clone());
            if changed == 0 || becomes.as_ref() == Some(log) {
                return Some(log.clone());
            }
            changed -= 1;
            becomes
        });
        after.collect()
    }
}

fn check(store: &Store, logs: &[SessionLog]) {
    let found = store.verify(|_| ()).unwrap();
    assert_eq!(found.faults, Vec::<String>::new());
    assert_eq!(all(store), logs);
}

#[test]
fn a_store_whose_sweep_was_ended_by_a_panic_has_whole_batches_of_it_and_goes_on() {
    for sweep in SWEEPS {
        let logs: Vec<SessionLog> = (1..=55).map(sweep.stored).collect();
        for told in 0.. {
            let storage = FaultyStorage::default();
            let store = options().create_on(Arc::new(storage.clone())).unwrap();
            store.append_batch(logs.clone()).unwrap();
            if !panics(told, |tell| (sweep.call)(&store, tell)) {
                assert!(told > 2, "told {told} times");
                break;
            }
            // Each time that it is told of is behind a commit.
            let left = sweep.after(&logs, (told + 1) * SWEPT_AT_ONCE);
            check(&store, &left);
            check(
                &options().open_on(Arc::new(storage.killed())).unwrap(),
                &left,
            );
            (sweep.call)(&store, &mut |_| ()).unwrap();
            store.append(session(100)).unwrap();
            let mut done = sweep.after(&logs, logs.len());
            done.push(session(100));
            check(&store, &done);
            store.close().unwrap();
            check(&options().open_on(Arc::new(storage)).unwrap(), &done);
        }
    }
}

/// A store of so many users that its rows are enough to be told of some times.
fn of_many_users(path: &Path) -> Vec<SessionLog> {
    let of_its_own = |number| SessionLog {
        user_refer_uid: uid(number),
        ..session(number)
    };
    let logs: Vec<SessionLog> = (1..=1_100).map(of_its_own).collect();
    let store = Store::create(path).unwrap();
    store.append_batch(logs.clone()).unwrap();
    store.close().unwrap();
    logs
}

/// Whether a copy is there, which is whole then.
fn is_there(path: &Path, logs: &[SessionLog]) -> bool {
    match Store::open(path) {
        Ok(store) => {
            check(&store, logs);
            true
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::NotAStore, "{error}");
            false
        }
    }
}

#[test]
fn a_copy_whose_making_was_ended_by_a_panic_is_whole_or_not_there_and_is_made_again() {
    let copies: [Copies; 3] = [
        |from, to, tell| Store::open(from)?.backup(to, tell),
        |from, to, tell| Store::restore(from, to, tell),
        |from, to, tell| Ok(Store::salvage(from, to, tell)?.session_count),
    ];
    for copy in copies {
        let folder = tempfile::tempdir().unwrap();
        let from = folder.path().join("from");
        let logs = of_many_users(&from);
        for told in 0.. {
            let to = folder.path().join(format!("to {told}"));
            if !panics(told, |tell| copy(&from, &to, tell)) {
                assert!(told > 1, "told {told} times");
                assert!(is_there(&to, &logs));
                break;
            }
            // Neither of them is held by what has panicked.
            assert!(is_there(&from, &logs));
            if !is_there(&to, &logs) {
                assert_eq!(copy(&from, &to, &mut |_| ()).unwrap(), 1_100);
                assert!(is_there(&to, &logs));
            }
        }
    }
}
