//! Each call of the storage failed in turn, by every kind of call, under all that a store can be told
//! to do: what was acknowledged is there, and what failed is there whole or not at all.

use crate::log;
use crate::support::faulty::{Call, Fault, FaultyStorage, Kept};
use crate::support::random::Random;
use crate::support::settings::Settings;
use crate::support::{OnPanic, World, ops_of, outlives, workload};
use sessionlog::{Durability, ErrorKind, Merge, Query, Store};
use std::io;
use std::sync::Arc;

/// A call that fails is of any of these kinds.
const ERRORS: [io::ErrorKind; 4] = [
    io::ErrorKind::StorageFull,
    io::ErrorKind::TimedOut,
    io::ErrorKind::PermissionDenied,
    io::ErrorKind::Other,
];

/// A merge after every few steps, and no cache that could keep the storage out of it.
fn settings(durability: Durability) -> Settings {
    Settings {
        durability,
        delta_sessions_max: 9,
        cache_bytes: 0,
    }
}

/// Answers the storage, which knows whether any of the calls has failed.
fn goes_on(seed: u64, durability: Durability, faults: &[Fault]) -> FaultyStorage {
    let _seed = OnPanic(format!("seed {seed}, {durability:?}, {faults:?}"));
    outlives(
        faults,
        settings(durability),
        workload(seed),
        &ops_of(seed + 1, 40),
    )
}

/// Each call of these kinds fails, alone, with a few and with all of its kind that come later, until a
/// run meets no failure: every one, or from one to the next of them some that the seed says. Answers
/// how many were failed.
fn each_fails(seed: u64, calls: &[Call], stride: usize, durability: Durability) -> u64 {
    let mut random = Random::new(seed);
    let mut failed = 0;
    for call in calls {
        for failures in [1, 3, u64::MAX] {
            let mut after = random.below(stride) as u64;
            loop {
                let fault = Fault::of(call.alone()).after(after).times(failures);
                let fault = fault.with(random.one_of(&ERRORS));
                if !goes_on(seed, durability, &[fault]).has_failed() {
                    break;
                }
                failed += 1;
                after += 1 + random.below(2 * stride - 1) as u64;
            }
        }
    }
    failed
}

/// Of the changes every second or so fails, which are more than they seem: writing the store anew on
/// the way makes most of them.
#[test]
fn whichever_change_fails_whatever_the_store_does_nothing_is_lost_or_there_in_part() {
    let failed = each_fails(1, Call::CHANGES, 2, Durability::Immediate);
    assert!(failed > 300, "{failed}");
}

/// Of the changes every fifth or so fails.
#[test]
fn whichever_change_fails_while_little_is_durable_nothing_is_there_in_part() {
    let failed = each_fails(2, Call::CHANGES, 5, Durability::Eventual);
    assert!(failed > 500, "{failed}");
}

/// Of the reads one in forty or so fails, of the other looks every second.
#[test]
fn whichever_look_fails_whatever_the_store_does_nothing_is_lost_or_there_in_part() {
    for durability in [Durability::Immediate, Durability::Eventual] {
        let failed = each_fails(3, &[Call::Open, Call::Exists, Call::Len], 2, durability);
        assert!(failed > 30, "{failed}");
        let failed = each_fails(4, &[Call::Read], 41, durability);
        assert!(failed > 30, "{failed}");
    }
}

/// A sync of the log fails, and then whatever is done to put another file in its place.
#[test]
fn whatever_fails_while_a_file_of_the_log_is_replaced_nothing_is_lost_or_there_in_part() {
    for durability in [Durability::Immediate, Durability::Eventual] {
        let syncs = goes_on(5, durability, &[]).syncs_of("log.");
        assert!(syncs > 5, "{syncs}");
        for call in Call::all().filter(|call| *call != Call::Sync) {
            for (failures, after) in [1, u64::MAX]
                .into_iter()
                .flat_map(|failures| (0..syncs).map(move |after| (failures, after)))
            {
                let log = Fault::of(Call::Sync.alone()).named("log.");
                let other = Fault::of(call.alone()).named(match call {
                    Call::SyncNames => "",
                    _ => "log.",
                });
                // A record is written before it is synced.
                let other = other.after(match call {
                    Call::Write => 2 * (after + 1),
                    _ => 0,
                });
                let faults = [log.after(after).times(1), other.times(failures)];
                goes_on(5, durability, &faults);
            }
        }
    }
}

/// A merge fails, so that the main index is opened again, and then the sync of what opening it has to
/// write. Later syncs of that file would say that they had done what they had not.
#[test]
fn a_file_of_which_a_sync_has_failed_while_it_was_taken_over_is_not_trusted_again() {
    let storage = FaultyStorage::default();
    let options = Store::options().merge(Merge::Inline).delta_sessions_max(4);
    let store = options.create_on(Arc::new(storage.clone())).unwrap();
    let append = |number: u128| store.append(log(number, "2026-11-01T08:00:00Z", None));
    for number in 1..=4 {
        append(number).unwrap();
    }
    let writes = Fault::of(Call::Write.alone()).named("main.");
    storage.fail(writes.times(1));
    append(5).unwrap_err();
    let syncs = Fault::of(Call::Sync.alone()).named("main.");
    storage.fail(syncs.times(1));
    append(5).unwrap_err();
    assert_eq!(storage.failures(), 2);
    for number in 5..=20 {
        append(number).unwrap();
        assert_eq!(storage.sessions_after_power_loss() as u128, number);
    }
}

/// A creation that failed left nothing that opens, or an empty store that is whole; it can be
/// repeated.
#[test]
fn whatever_fails_while_a_store_is_made_it_can_be_made_then() {
    let mut failed = 0;
    for call in Call::all() {
        for after in 0.. {
            let _seed = OnPanic(format!("{call:?} {after}"));
            let storage = FaultyStorage::default();
            storage.fail(Fault::of(call.alone()).after(after).times(1));
            let settings = settings(Durability::Immediate);
            let made = World::create(Arc::new(storage.clone()), settings);
            if !storage.has_failed() {
                break;
            }
            failed += 1;
            let made = made.map(drop).map_err(|error| error.kind());
            assert_eq!(made, Err(ErrorKind::Unavailable));
            for kept in [Kept::All, Kept::Nothing, Kept::Some(after)] {
                let left = Arc::new(storage.without_power(kept));
                let opened = Store::options().open_on(left.clone());
                match opened.map_err(|error| error.kind()) {
                    Ok(store) => assert_eq!(store.count(&Query::all()).unwrap(), 0),
                    Err(ErrorKind::NotAStore) => World::create(left, settings).unwrap().finish(),
                    Err(kind) => panic!("{kind:?}"),
                }
            }
        }
    }
    assert!(failed > 30, "{failed}");
}
