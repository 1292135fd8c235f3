//! Files that were damaged at rest, by chance: no record is ever read that was not written, and what
//! a check calls sound is all there.

use crate::support::OnPanic;
use crate::support::faulty::FaultyStorage;
use crate::support::random::Random;
use crate::{log, uid};
use sessionlog::storage::Storage;
use sessionlog::{ErrorKind, Merge, Options, Query, QueryBuilder, SessionLog, Store};
use std::sync::Arc;

const FILES: [&str; 3] = ["main.redb", "log.0", "log.1"];

const PAGE_BYTES: usize = 4_096;

/// Sessions of a commit.
const COMMIT: usize = 7;

const USERS: u128 = 3;

fn options() -> Options {
    let options = Store::options().shape(4, 3).cache_bytes(0);
    options.merge(Merge::Inline).delta_sessions_max(40)
}

/// Some of each user, all open and on the same client.
fn session(number: u128) -> SessionLog {
    SessionLog {
        user_refer_uid: uid(number % USERS + 1),
        ..log(number, "2026-11-01T08:00:00Z", None)
    }
}

/// A store with these records that was closed, or whose process was killed with some in the log.
fn stored(logs: &[SessionLog], is_closed: bool) -> FaultyStorage {
    let storage = FaultyStorage::default();
    let store = options().create_on(Arc::new(storage.clone())).unwrap();
    for logs in logs.chunks(COMMIT) {
        store.append_batch(logs.to_vec()).unwrap();
    }
    let killed = storage.killed();
    store.close().unwrap();
    match is_closed {
        true => storage,
        false => killed,
    }
}

/// Some bits flipped, a page of zeros, or the end cut off.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    match random.below(3) {
        0 => {
            for _ in 0..=random.below(3) {
                let at = random.below(bytes.len());
                bytes[at] ^= 1 << random.below(8);
            }
        }
        1 => {
            let pages = bytes.chunks_mut(PAGE_BYTES);
            let page = random.below(pages.len());
            bytes.chunks_mut(PAGE_BYTES).nth(page).unwrap().fill(0);
        }
        _ => bytes.truncate(random.below(bytes.len())),
    }
}

/// What a store answers, and how it counts that; nothing if damage keeps it from being read.
fn answer(store: &Store, query: QueryBuilder) -> Option<Vec<SessionLog>> {
    let query = query.build().unwrap();
    let logs = store.iter(&query).and_then(Iterator::collect);
    let count = store.count(&query);
    match (logs, count) {
        (Ok(logs), Ok(count)) => {
            let logs: Vec<SessionLog> = logs;
            assert_eq!(logs.len() as u64, count);
            Some(logs)
        }
        (Err(error), _) | (_, Err(error)) => {
            assert_eq!(error.kind(), ErrorKind::Corrupted, "{error}");
            None
        }
    }
}

/// Whether the answers to filters are what they must be, of the sessions that are stored.
fn is_filtered_right(store: &Store, stored: &[SessionLog]) -> bool {
    (1..=USERS).all(|user| {
        let of_user = |log: &&SessionLog| log.user_refer_uid == uid(user);
        let expected: Vec<&SessionLog> = stored.iter().filter(of_user).collect();
        let query = Query::builder().user_refer_uid(uid(user));
        [query.clone(), query.client_refer_uid("PDA-01")]
            .into_iter()
            .all(|query| {
                let found = answer(store, query);
                // Whatever is missing, nothing is there that should not be.
                let is_expected = |log: &SessionLog| expected.contains(&log);
                assert!(found.iter().flatten().all(is_expected));
                found.is_some_and(|found| found.iter().eq(expected.iter().copied()))
            })
    })
}

/// A list is whole or an error, unless a filter chose from it: then it can be short where the engine
/// cannot find the filter's part of the index, which a check tells.
#[test]
fn whatever_is_damaged_no_record_is_read_that_was_not_written_and_a_sound_store_has_them_all() {
    let logs: Vec<SessionLog> = (1..=200).map(session).collect();
    let stores = [false, true].map(|is_closed| stored(&logs, is_closed));
    let (mut refused, mut unsound, mut sound) = (0, 0, 0);
    for seed in 0..400 {
        let _seed = OnPanic(format!("seed {seed}"));
        let mut random = Random::new(seed);
        let is_closed = random.chance(2);
        let storage = stores[usize::from(is_closed)].killed();
        let name = random.one_of(&FILES);
        storage.damage(name, |bytes| damage(bytes, &mut random));
        let before = storage.moment();
        let store = match options().open_on(Arc::new(storage.clone())) {
            Ok(store) => store,
            Err(error) => {
                use ErrorKind::{Corrupted, NotAStore, UnsupportedFormat};
                assert!([Corrupted, NotAStore, UnsupportedFormat].contains(&error.kind()));
                assert_eq!(storage.moment(), before, "what was refused was changed");
                assert!(storage.exists(name).unwrap());
                refused += 1;
                continue;
            }
        };
        let all = answer(&store, Query::builder());
        // After a kill, the last commits of the log may be taken for ones that were cut off.
        let can_be_cut_off = !is_closed && name != FILES[0];
        if let Some(all) = all.as_ref().filter(|all| **all != logs) {
            assert!(
                can_be_cut_off && logs.starts_with(all),
                "{} left",
                all.len()
            );
            assert!(all.len().is_multiple_of(COMMIT), "a part of a commit");
        }
        let is_right = all.is_some_and(|all| is_filtered_right(&store, &all));
        if !store.verify(|_| ()).unwrap().is_sound() {
            unsound += 1;
            continue;
        }
        assert!(is_right, "a check has not found what is damaged");
        sound += 1;
    }
    assert!(
        refused > 50 && unsound > 5 && sound > 50,
        "{refused} {unsound} {sound}"
    );
}
