//! Files that were damaged at rest, by chance: no record is ever read that was not written, and what
//! a check calls sound is all there.

use crate::log;
use crate::support::OnPanic;
use crate::support::faulty::FaultyStorage;
use crate::support::random::Random;
use sessionlog::storage::Storage;
use sessionlog::{ErrorKind, Merge, Options, Query, SessionLog, Store};
use std::sync::Arc;

const FILES: [&str; 3] = ["main.redb", "log.0", "log.1"];

const PAGE_BYTES: usize = 4_096;

fn options() -> Options {
    let options = Store::options().shape(4, 3).cache_bytes(0);
    options.merge(Merge::Inline).delta_sessions_max(40)
}

/// A store with these records that was closed, or whose process was killed with some in the log.
fn stored(logs: &[SessionLog], is_closed: bool) -> FaultyStorage {
    let storage = FaultyStorage::default();
    let store = options().create_on(Arc::new(storage.clone())).unwrap();
    for logs in logs.chunks(7) {
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

fn contents(store: &Store) -> sessionlog::Result<Vec<SessionLog>> {
    store.iter(&Query::all())?.collect()
}

#[test]
fn whatever_is_damaged_no_record_is_read_that_was_not_written_and_a_sound_store_has_them_all() {
    let logs: Vec<SessionLog> = (1..=200)
        .map(|number| log(number, "2026-11-01T08:00:00Z", None))
        .collect();
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
        match contents(&store) {
            Ok(found) => assert!(found.iter().all(|log| logs.contains(log))),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupted, "{error}"),
        }
        if !store.verify(|_| ()).unwrap().is_sound() {
            unsound += 1;
            continue;
        }
        sound += 1;
        let found = contents(&store).unwrap();
        // After a kill, the last commits of the log may be taken for ones that were cut off.
        let is_whole = found == logs || (!is_closed && name != FILES[0]);
        assert!(is_whole && logs.starts_with(&found), "{} left", found.len());
    }
    assert!(
        refused > 50 && unsound > 5 && sound > 50,
        "{refused} {unsound} {sound}"
    );
}
