//! What can be read of a damaged store comes out of it, and nothing else.

use crate::forger;
use crate::support::OnPanic;
use crate::support::files::{bytes_of, record_ends};
use crate::{at, log, uid};
use chrono::TimeDelta;
use sessionlog::storage::{MemoryStorage, Storage};
use sessionlog::{Error, ErrorKind, Merge, Options, Query, Salvaged, SessionLog, Store};
use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

const START: &str = "2026-11-01T08:00:00Z";
const FILES: [&str; 3] = ["main.redb", "log.0", "log.1"];

fn options() -> Options {
    Store::options().shape(8, 6).merge(Merge::Inline)
}

fn session(number: u128) -> SessionLog {
    let start = at(START) + TimeDelta::seconds(i64::try_from(number).unwrap());
    SessionLog {
        user_refer_uid: uid(number % 5 + 1),
        user: format!("user {} of {}", number % 10, number / 200).into(),
        client_refer_uid: format!("PDA-{} of {}", number % 3, number / 200).into(),
        session_start: start,
        session_end: (!number.is_multiple_of(4)).then_some(start),
        ..log(number, START, None)
    }
}

/// By number.
type Sessions = BTreeMap<u128, SessionLog>;

fn sessions_of(store: &Store) -> Sessions {
    let logs = store.iter(&Query::all()).unwrap().map(Result::unwrap);
    logs.map(|log| (log.refer_uid.as_u128(), log)).collect()
}

/// The files of a store that was not closed: most of it merged, the last commits in the log; or of one
/// that was.
fn files_of(is_closed: bool) -> (Vec<Vec<u8>>, Sessions) {
    let storage = MemoryStorage::default();
    let options = options().delta_sessions_max(150);
    let store = options.create_on(Arc::new(storage.clone())).unwrap();
    store.append_batch((1..200).map(session)).unwrap();
    for number in (1..200).step_by(9) {
        store.remove(uid(number)).unwrap();
    }
    for number in 200..220 {
        store.append(session(number)).unwrap();
    }
    store.end(uid(4), session(4).session_start).unwrap();
    let sessions = sessions_of(&store);
    if is_closed {
        store.close().unwrap();
    }
    let files = FILES.map(|name| bytes_of(&storage, name));
    (files.into(), sessions)
}

fn files() -> (Vec<Vec<u8>>, Sessions) {
    files_of(false)
}

fn storage_of(files: &[Vec<u8>]) -> MemoryStorage {
    let storage = MemoryStorage::default();
    for (name, bytes) in FILES.into_iter().zip(files) {
        storage.create(name).unwrap().write(0, bytes).unwrap();
    }
    storage
}

/// What comes out of these files, which stay as they are.
fn salvage(files: &[Vec<u8>]) -> Result<(Salvaged, Sessions), Error> {
    let (from, to) = (storage_of(files), MemoryStorage::default());
    let create = |options: Options| options.create_on(Arc::new(to.clone()));
    let salvaged = options().salvage_on(Arc::new(from.clone()), create, &mut |_| ());
    for (name, bytes) in FILES.into_iter().zip(files) {
        assert_eq!(bytes_of(&from, name), *bytes, "{name} was changed");
    }
    let salvaged = salvaged?;
    let store = options().open_on(Arc::new(to)).unwrap();
    assert!(store.verify(|_| ()).unwrap().is_sound());
    let sessions = sessions_of(&store);
    assert_eq!(salvaged.session_count, sessions.len() as u64);
    Ok((salvaged, sessions))
}

#[test]
fn all_of_a_store_that_is_not_damaged_comes_out() {
    let (files, expected) = files();
    let (salvaged, sessions) = salvage(&files).unwrap();
    assert_eq!(salvaged.faults, Vec::<String>::new());
    assert_eq!(salvaged.lost_session_count, Some(0));
    assert_eq!(sessions, expected);
}

const PAGE: usize = 4_096;

/// The main index with every page in turn lost, and with every so many bits flipped.
fn damaged(main: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let zeroed = (0..main.len() / PAGE).map(|page| {
        let mut bytes = main.to_vec();
        bytes[page * PAGE..][..PAGE].fill(0);
        bytes
    });
    let flipped = (0..main.len()).step_by(1_021).map(|at| {
        let mut bytes = main.to_vec();
        bytes[at] ^= 1 << (at % 8);
        bytes
    });
    zeroed.chain(flipped)
}

/// Each session is in several families, and names are in two tables: none of the pages has all of it. What
/// was removed comes out only if the report says so.
#[test]
fn whichever_page_of_the_main_index_is_lost_every_session_comes_out() {
    for is_closed in [false, true] {
        let (files, expected) = files_of(is_closed);
        let mut searched = 0;
        for (number, main) in damaged(&files[0]).enumerate() {
            let _case = OnPanic(format!("closed: {is_closed}, case {number}"));
            let (salvaged, sessions) =
                salvage(&[vec![main], files[1..].to_vec()].concat()).unwrap();
            let may_be_removed = |fault: &String| fault.contains("those that were removed may be");
            if salvaged.faults.iter().any(may_be_removed) {
                searched += 1;
                for (number, log) in &sessions {
                    assert_eq!(expected.get(number).unwrap_or(&session(*number)), log);
                }
                assert!(expected.keys().all(|number| sessions.contains_key(number)));
            } else {
                assert_eq!(sessions, expected);
                assert!(salvaged.lost_session_count.is_none_or(|lost| lost == 0));
            }
        }
        assert!((3..30).contains(&searched), "{searched} times");
    }
}

#[test]
fn commits_behind_a_damaged_one_come_out() {
    let (files, expected) = files();
    let log = &files[1..]
        .iter()
        .position(|bytes| record_ends(bytes).len() > 10)
        .unwrap();
    let mut damaged = files.clone();
    // Behind the removals of 23 sessions: the sixteenth that was appended, whose names are known.
    let ends = record_ends(&files[log + 1]);
    damaged[log + 1][ends[39] - 4] ^= 1;
    assert_eq!(
        options()
            .open_on(Arc::new(storage_of(&damaged)))
            .unwrap_err()
            .kind(),
        ErrorKind::Corrupted
    );
    let (salvaged, sessions) = salvage(&damaged).unwrap();
    assert_eq!(salvaged.fault_count, 1, "{:?}", salvaged.faults);
    let mut others = expected;
    let lost: Vec<u128> = others
        .keys()
        .copied()
        .filter(|number| !sessions.contains_key(number))
        .collect();
    assert_eq!(lost, [215]);
    others.remove(&215);
    assert_eq!(sessions, others);
}

#[test]
fn without_a_main_index_what_the_log_has_comes_out() {
    let (mut files, expected) = files();
    files[0] = b"not a database".repeat(1_000);
    let (salvaged, sessions) = salvage(&files).unwrap();
    assert!(salvaged.fault_count > 0);
    assert_eq!(salvaged.lost_session_count, None);
    let of_log: Sessions = expected
        .into_iter()
        .filter(|(number, _)| *number >= 200)
        .collect();
    assert_eq!(sessions, of_log);
}

#[test]
fn where_nothing_can_be_read_nothing_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    let refused = || {
        let error = Store::salvage(&from, &to, |_| ()).unwrap_err();
        assert!(!to.exists());
        error.kind()
    };
    assert_eq!(refused(), ErrorKind::NotAStore);
    fs::create_dir(&from).unwrap();
    assert_eq!(refused(), ErrorKind::NotAStore);
    fs::write(from.join("main.redb"), b"").unwrap();
    assert_eq!(refused(), ErrorKind::Corrupted);
    fs::write(from.join("main.redb"), b"of somebody else").unwrap();
    assert_eq!(refused(), ErrorKind::NotAStore);
    assert_eq!(
        fs::read(from.join("main.redb")).unwrap(),
        b"of somebody else"
    );
}

#[test]
fn a_store_in_a_directory_is_salvaged_to_another_and_never_over_anything() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    let store = Store::create(&from).unwrap();
    store.append_batch((1..50).map(session)).unwrap();
    assert_eq!(
        Store::salvage(&from, &to, |_| ()).unwrap_err().kind(),
        ErrorKind::AlreadyOpen
    );
    store.close().unwrap();
    let salvaged = Store::salvage(&from, &to, |_| ()).unwrap();
    assert_eq!(salvaged.session_count, 49);
    assert_eq!(sessions_of(&Store::open(&to).unwrap()).len(), 49);
    let again = Store::salvage(&from, &to, |_| ()).unwrap_err();
    assert_eq!(again.kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_session_that_no_store_takes_is_told_and_keeps_no_other_from_coming_out() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    let files = forger::stored(&from);
    forger::forged(&from, &files, |rows| {
        // As long before its start as a second less a tick.
        let end = 1_u64.wrapping_sub(forger::SECOND);
        rows.everywhere(7, |entry| entry.end = end);
    });
    let salvaged = Store::salvage(&from, &to, |_| ()).unwrap();
    assert_eq!(salvaged.session_count, 19);
    assert_eq!(salvaged.lost_session_count, Some(1));
    assert_eq!(salvaged.fault_count, 1);
    assert!(salvaged.faults[0].contains("session_end"), "{salvaged:?}");
    let mut expected: Sessions = (1..=20)
        .map(|number| (number, forger::session(number)))
        .collect();
    expected.remove(&7);
    assert_eq!(sessions_of(&Store::open(&to).unwrap()), expected);
}
