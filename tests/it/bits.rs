//! Bits of a small store flipped, one at a time: each is found, by a check of the open store and by the
//! opening that checks, or nothing is other than it was.

use crate::forger::FILES;
use crate::support::OnPanic;
use crate::support::files::{bytes_of, record_ends};
use crate::verify::{options, session};
use sessionlog::storage::{MemoryStorage, Storage};
use sessionlog::{Error, ErrorKind, Query, Result, SessionLog, Store};
use std::sync::Arc;
use std::thread;

/// How many sessions there are but that of the last commit.
const BEFORE_THE_LAST: usize = 8;

/// The bytes of the files of a small store, some of it still in the log.
fn small_store() -> [Vec<u8>; 3] {
    let storage = MemoryStorage::default();
    let store = options().create_on(Arc::new(storage.clone())).unwrap();
    store.append_batch((1..=6).map(session)).unwrap();
    store.compact(|_| ()).unwrap();
    store.close().unwrap();
    let store = options().open_on(Arc::new(storage.clone())).unwrap();
    store.append_batch((7..=8).map(session)).unwrap();
    store.append(session(9)).unwrap();
    FILES.map(|name| bytes_of(&storage, name))
}

fn storage_of(files: &[Vec<u8>; 3]) -> MemoryStorage {
    let storage = MemoryStorage::default();
    for (name, bytes) in FILES.iter().zip(files) {
        storage.create(name).unwrap().write(0, bytes).unwrap();
    }
    storage
}

/// All that can be read of a store.
fn all_of(store: &Store) -> Result<Vec<SessionLog>> {
    let logs = store.iter(&Query::all())?.collect::<Result<Vec<_>>>()?;
    for log in &logs {
        assert_eq!(store.get(log.refer_uid)?.as_ref(), Some(log));
        let one = Query::builder()
            .user_refer_uid(log.user_refer_uid)
            .client_refer_uid(&*log.client_refer_uid);
        assert!(store.count(&one.build()?)? > 0);
    }
    Ok(logs)
}

/// What becomes of a flipped bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Found,
    /// The last commit seems to have been cut off by a crash.
    CutOff,
    /// Nothing reads it: it is in a page that only an earlier state was in, behind what a page holds, in
    /// what the engine knows of the state before, or behind the end of the log.
    Unused,
}

/// What was refused for a reason that damage can be, and was not changed.
fn check_refused(error: &Error, storage: &MemoryStorage, files: &[Vec<u8>; 3]) {
    use ErrorKind::{Corrupted, NotAStore, UnsupportedFormat};
    let kinds = [Corrupted, NotAStore, UnsupportedFormat];
    assert!(kinds.contains(&error.kind()), "{error}");
    assert!(FILES.map(|name| bytes_of(storage, name)) == *files);
}

fn fate(files: &[Vec<u8>; 3], sound: &[SessionLog]) -> Fate {
    let storage = storage_of(files);
    let checked = options().check_on_open(true);
    let checked = checked.open_on(Arc::new(storage.clone()));
    if let Err(error) = &checked {
        check_refused(error, &storage, files);
    }
    let storage = storage_of(files);
    let store = match options().open_on(Arc::new(storage.clone())) {
        Ok(store) => store,
        Err(error) => {
            check_refused(&error, &storage, files);
            assert!(checked.is_err());
            return Fate::Found;
        }
    };
    let is_sound = store.verify(|_| ()).unwrap().is_sound();
    assert_eq!(is_sound, checked.is_ok());
    if is_sound {
        let all = all_of(&store).unwrap();
        let is_whole = all == sound;
        assert!(is_whole || all == sound[..BEFORE_THE_LAST]);
        return if is_whole { Fate::Unused } else { Fate::CutOff };
    }
    // It was found; but whoever does not check reads all, or an error.
    let all = store.iter(&Query::all()).and_then(Iterator::collect);
    let all: Result<Vec<SessionLog>> = all;
    assert!(all.is_err() || all.unwrap() == sound);
    Fate::Found
}

/// Fillers are runs of as many equal bytes: what the engine leaves in its pages, and the room that the log
/// has grown by.
const FILLER: usize = 16;

/// How many bits of a byte are to be flipped; some bytes of fillers have a turn.
fn turns(bytes: &[u8]) -> Vec<usize> {
    let is_all = std::env::var_os("SESSIONLOG_ALL_BITS").is_some();
    let runs = bytes.chunk_by(|one, other| one == other);
    let in_runs = runs.flat_map(|run| std::iter::repeat_n(run.len(), run.len()));
    let turns = in_runs.enumerate().map(|(at, run)| match run < FILLER {
        _ if is_all => 8,
        true => 1,
        false => usize::from(at.is_multiple_of(257)),
    });
    turns.collect()
}

/// The fates of the bits of a byte: of all, once the first that is flipped is in use.
fn fates(files: &[Vec<u8>; 3], sound: &[SessionLog], (file, at, turns): Turn) -> Vec<Fate> {
    let mut fates = Vec::new();
    for turn in 0..8 {
        let is_in_use = fates.first().is_some_and(|fate| *fate != Fate::Unused);
        if turn >= turns && !is_in_use {
            break;
        }
        let bit = (at * 5 + turn) % 8;
        let _bit = OnPanic(format!("bit {bit} of byte {at} of {}", FILES[file]));
        let mut flipped = files.clone();
        flipped[file][at] ^= 1 << bit;
        fates.push(fate(&flipped, sound));
    }
    fates
}

/// A file, a byte of it, and how many of its bits are to be flipped at least.
type Turn = (usize, usize, usize);

/// The bits that are flipped are all of each byte in use, as far as one of its bits tells, which is
/// flipped in every byte but those of fillers; of these one in some bytes. With `SESSIONLOG_ALL_BITS` set
/// it is every bit there is, which takes an hour.
#[test]
fn every_flipped_bit_of_a_store_is_found_unless_it_is_in_no_use() {
    let files = small_store();
    let sound = all_of(&options().open_on(Arc::new(storage_of(&files))).unwrap()).unwrap();
    assert_eq!(sound.len(), BEFORE_THE_LAST + 1);
    let all = (0..FILES.len()).flat_map(|file| {
        let turns = turns(&files[file]).into_iter().enumerate();
        turns.map(move |(at, turns)| (file, at, turns))
    });
    let all: Vec<Turn> = all.filter(|(_, _, turns)| *turns > 0).collect();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (mut found, mut unused) = (0, 0);
    thread::scope(|scope| {
        let (files, sound, all) = (&files, &sound, &all);
        let workers: Vec<_> = (0..threads)
            .map(|first| {
                scope.spawn(move || {
                    let mine = all.iter().skip(first).step_by(threads);
                    let fates = mine.map(|turn| (*turn, fates(files, sound, *turn)));
                    fates.collect::<Vec<_>>()
                })
            })
            .collect();
        for (turn, fates) in workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap())
        {
            for fate in fates {
                check_place(files, turn, fate);
                found += usize::from(fate == Fate::Found);
                unused += usize::from(fate == Fate::Unused);
            }
        }
    });
    assert!(found > 5_000, "{found} found, {unused} in no use");
}

/// Of the log it is known what is in use: all of the header and of the records, and nothing behind.
fn check_place(files: &[Vec<u8>; 3], (file, at, _): Turn, fate: Fate) {
    if file == 0 {
        return assert_ne!(fate, Fate::CutOff, "byte {at} of the main index");
    }
    let ends = record_ends(&files[file]);
    let expected = match ends.as_slice() {
        [.., last] if at >= *last => Fate::Unused,
        [.., before, _] if at >= *before => Fate::CutOff,
        _ => Fate::Found,
    };
    assert_eq!(fate, expected, "byte {at} of {}", FILES[file]);
}
