//! The check of a whole store: it finds nothing where nothing is wrong, and everything that is.

use crate::forger::{self, FILES};
use crate::support::faulty::FaultyStorage;
use crate::support::files::bytes_of;
use crate::{at, log, rewrite_meta, uid};
use chrono::TimeDelta;
use redb::{Key, ReadableTable, TableDefinition};
use sessionlog::storage::{MemoryStorage, Storage};
use sessionlog::{ErrorKind, Merge, Options, PageRequest, Query, SessionLog, Store, Verification};
use std::path::Path;
use std::sync::Arc;

const START: &str = "2026-11-01T08:00:00Z";

/// Deep trees and three levels of starts of few sessions.
pub(crate) fn options() -> Options {
    Options::default().shape(4, 3).merge(Merge::Inline)
}

pub(crate) fn session(number: u128) -> SessionLog {
    SessionLog {
        user_refer_uid: uid(number % 5 + 1),
        user: ["Ann", "Bob"][usize::from(number.is_multiple_of(10))].into(),
        client_refer_uid: format!("PDA-{}", number % 3).into(),
        ..log(number, START, (!number.is_multiple_of(4)).then_some(START))
    }
}

fn verified(store: &Store) -> Verification {
    store.verify(|_| ()).unwrap()
}

#[test]
fn a_sound_store_has_no_fault_whatever_was_done_to_it_and_waits_to_be_merged() {
    let storage = MemoryStorage::default();
    let store = options().create_on(Arc::new(storage.clone())).unwrap();
    assert!(verified(&store).is_sound());
    for round in 0..4 {
        let numbers = round * 100 + 1..=round * 100 + 100;
        store.append_batch(numbers.clone().map(session)).unwrap();
        for number in numbers.step_by(7) {
            store.remove(uid(number)).unwrap();
        }
        store
            .end_open(&Query::all(), at("2026-11-02T00:00:00Z"))
            .unwrap();
        let found = verified(&store);
        assert_eq!((found.faults, found.fault_count), (Vec::new(), 0));
        assert_eq!(found.session_count, store.count(&Query::all()).unwrap());
    }
    store.close().unwrap();
    let checked = options().check_on_open(true);
    let store = checked.open_on(Arc::new(storage)).unwrap();
    store.append_batch((1_000..1_010).map(session)).unwrap();
    assert!(verified(&store).is_sound());
    for log in store.iter(&Query::all()).unwrap() {
        store.remove(log.unwrap().refer_uid).unwrap();
    }
    let empty = verified(&store);
    assert_eq!((empty.faults, empty.session_count), (Vec::new(), 0));
}

#[test]
fn a_check_changes_no_byte_and_reads_what_is_stored_not_what_is_cached() {
    let storage = MemoryStorage::default();
    let store = options().create_on(Arc::new(storage.clone())).unwrap();
    store.append_batch((1..=200).map(session)).unwrap();
    store.close().unwrap();
    let store = options().open_on(Arc::new(storage.clone())).unwrap();
    store.append_batch((201..=204).map(session)).unwrap();
    let before = FILES.map(|name| bytes_of(&storage, name));
    assert!(verified(&store).is_sound());
    assert_eq!(FILES.map(|name| bytes_of(&storage, name)), before);
    // All is in memory by now, and answers are right; but they would not be after a reopening.
    let file = storage.open("main.redb").unwrap();
    let at = before[0]
        .windows(5)
        .position(|bytes| bytes == b"PDA-1")
        .unwrap();
    file.write(at as u64, b"X").unwrap();
    let page = store.page(&Query::all(), PageRequest::new(0, 100).unwrap());
    assert_eq!(page.unwrap().entries.len(), 100);
    let found = verified(&store);
    assert!(!found.is_sound());
    let opened = options()
        .check_on_open(true)
        .open_on(Arc::new(storage.clone()));
    assert_eq!(opened.unwrap_err().kind(), ErrorKind::AlreadyOpen);
    // Nothing more is written to that file: commits are in the log, and stay there.
    let damaged = bytes_of(&storage, "main.redb");
    store.append(session(205)).unwrap();
    let error = store.close().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupted);
    assert!(
        error.to_string().contains("nothing more is written to it"),
        "{error}"
    );
    assert_eq!(bytes_of(&storage, "main.redb"), damaged);
    let opened = options().check_on_open(true).open_on(Arc::new(storage));
    assert_eq!(opened.unwrap_err().kind(), ErrorKind::Corrupted);
}

#[test]
fn progress_comes_to_its_end_and_never_goes_back() {
    let store = Store::options().delta_sessions_max(1_000).in_memory();
    let store = store.unwrap();
    store.append_batch((1..=20_000).map(session)).unwrap();
    let mut seen = Vec::new();
    store
        .verify(|progress| seen.push((progress.done, progress.total)))
        .unwrap();
    assert!(seen.is_sorted());
    let (done, total) = *seen.last().unwrap();
    assert!(done == total && total > 0);
}

#[test]
fn a_panic_of_the_callback_is_the_callers_and_no_damage() {
    let store = Store::options().delta_sessions_max(1_000).in_memory();
    let store = store.unwrap();
    store.append_batch((1..=20_000).map(session)).unwrap();
    let check = || store.verify(|_| panic!("enough"));
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(check));
    let panic = caught.unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"enough"));
    assert!(verified(&store).is_sound());
}

#[test]
fn what_a_failed_commit_has_left_in_the_log_is_no_fault() {
    let storage = FaultyStorage::default();
    let store = options().create_on(Arc::new(storage.clone())).unwrap();
    store.append(session(1)).unwrap();
    storage.fail_some("log.", 1, 2);
    let error = store.append(session(2)).unwrap_err();
    assert!(error.to_string().contains("unknown"), "{error}");
    storage.heal();
    assert_eq!(verified(&store).faults, Vec::<String>::new());
}

/// How many bytes an integer of variable length takes, by its first.
fn varint_bytes(first: u8) -> usize {
    match first {
        251 => 3,
        252 => 5,
        253 => 9,
        _ => 1,
    }
}

#[test]
fn an_id_that_would_be_given_twice_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    stored(&path);
    rewrite_meta(&path.join("main.redb"), b"state", |body| {
        // The version and the watermark, then the next node id.
        let at = 1 + varint_bytes(body[1]);
        let rest = &body[at + varint_bytes(body[at])..];
        [&body[..at], &[20], rest].concat()
    });
    let faults = faults_of(&path);
    let is_told = |id| faults.contains(&format!("node {id} has an id that is still to be given"));
    assert!(!is_told(19) && is_told(20), "{faults:?}");
}

/// A store of 200 sessions in a directory, merged.
fn stored(path: &Path) {
    let store = options().create(path).unwrap();
    store.append_batch((1..=200).map(session)).unwrap();
    store.close().unwrap();
}

/// What opening refuses, or the check finds.
fn faults_of(path: &Path) -> Vec<String> {
    match options().open(path) {
        Ok(store) => verified(&store).faults,
        Err(error) => {
            let kinds = [ErrorKind::Corrupted, ErrorKind::NotAStore];
            assert!(kinds.contains(&error.kind()), "{error}");
            vec![error.to_string()]
        }
    }
}

/// Removes each row of a table in turn, and answers its key and body, and what is found then.
fn without_each_row<K: Key + 'static>(
    table: &'static str,
    own: impl Fn(K::SelfType<'_>) -> Vec<u8>,
) -> Vec<(Vec<u8>, Vec<u8>, Vec<String>)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    stored(&path);
    let whole = std::fs::read(path.join("main.redb")).unwrap();
    let definition = TableDefinition::<K, &[u8]>::new(table);
    let mut found = Vec::new();
    for at in 0.. {
        std::fs::write(path.join("main.redb"), &whole).unwrap();
        let database = redb::Database::open(path.join("main.redb")).unwrap();
        let write = database.begin_write().unwrap();
        let removed;
        {
            let mut table = write.open_table(definition).unwrap();
            let Some(row) = table.iter().unwrap().nth(at) else {
                break;
            };
            let (key, row) = row.unwrap();
            removed = (own(key.value()), row.value()[4..].to_vec());
            drop((key, row));
            table.remove(K::from_bytes(&removed.0)).unwrap();
        }
        write.commit().unwrap();
        drop(database);
        found.push((removed.0, removed.1, faults_of(&path)));
    }
    found
}

/// What is told of a family without its root, and of the store if it is that of all.
fn fault_of_root(key: &[u8]) -> String {
    let (kind, user, client) = (key[0], key[4], key[8]);
    if kind == 0 {
        return "the levels have not as many starts as there are sessions, 0".into();
    }
    let which = ["all", "open"][usize::from(kind / 4)];
    let mut family = format!("the family of {which} sessions");
    if kind & 1 != 0 {
        family += &format!(" of user {user}");
    }
    if kind & 2 != 0 {
        family += &format!(" on client {client}");
    }
    format!("{family} has session")
}

fn uid_of(bytes: &[u8]) -> uuid::Uuid {
    uuid::Uuid::from_slice(&bytes[..16]).unwrap()
}

/// A part of a fault that names a row which is missing, by its key and body.
fn fault_without(table: &str, key: &[u8], body: &[u8]) -> String {
    match table {
        "roots" => fault_of_root(key),
        "nodes" => {
            let id = u64::from_le_bytes(*key.first_chunk().unwrap());
            format!("node {id} is missing")
        }
        "starts" => format!("session {} is not found by its refer_uid", uid_of(body)),
        "names" => format!("a text leads to name {}, which is missing", key[0]),
        "name_ids" => {
            let (id, uid) = (body[1], uid_of(key));
            format!("name {id} of user {uid} is not found by its text")
        }
        "users" => format!("is of user {}, which is missing", uid_of(key)),
        "clients" => format!("a text leads to client {}, which is missing", key[0]),
        "client_ids" => format!("client {} is not found by its text", body[1]),
        // Nothing else says that it is a store.
        _ if key == b"identity" => "main.redb is no store's file".into(),
        _ => format!("the row {} is missing", String::from_utf8_lossy(key)),
    }
}

#[test]
fn a_row_that_is_missing_from_any_table_is_found_and_named() {
    let cases = [
        (
            "roots",
            without_each_row::<&[u8; 9]>("roots", |key| key.to_vec()),
        ),
        (
            "nodes",
            without_each_row::<u64>("nodes", |key| key.to_le_bytes().to_vec()),
        ),
        (
            "starts",
            without_each_row::<&[u8; 17]>("starts", |key| key.to_vec()),
        ),
        (
            "names",
            without_each_row::<u32>("names", |key| key.to_le_bytes().to_vec()),
        ),
        (
            "name_ids",
            without_each_row::<&[u8]>("name_ids", <[u8]>::to_vec),
        ),
        (
            "users",
            without_each_row::<&[u8; 16]>("users", |key| key.to_vec()),
        ),
        (
            "clients",
            without_each_row::<u32>("clients", |key| key.to_le_bytes().to_vec()),
        ),
        (
            "client_ids",
            without_each_row::<&[u8]>("client_ids", <[u8]>::to_vec),
        ),
        ("meta", without_each_row::<&[u8]>("meta", <[u8]>::to_vec)),
    ];
    for (table, found) in cases {
        assert!(found.len() >= 3, "{table}: {} rows", found.len());
        for (key, body, faults) in found {
            let expected = fault_without(table, &key, &body);
            let is_told = faults.iter().any(|fault| fault.contains(&expected));
            assert!(is_told, "{table}: {expected}, not {faults:?}");
        }
    }
}

fn merging_often(path: &Path) -> Store {
    let options = forger::options().delta_sessions_max(2);
    options.create(path).unwrap()
}

/// What is found where the main index says that it ends with another commit than it does.
fn faults_at(path: &Path, files: &[Vec<u8>; 3], ends_with: u8, says: u8) -> Vec<String> {
    let set = |state: &mut [u8]| {
        // Behind the version.
        assert_eq!(std::mem::replace(&mut state[1], says), ends_with);
    };
    forger::forged(path, files, |rows| rows.meta("state", set));
    forger::faults_of(path)
}

/// The log has these commits too, as a merge leaves it.
#[test]
fn sessions_that_the_log_adds_to_a_main_index_which_has_them_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = merging_often(&path);
    for number in 1..=3 {
        store.append(forger::session(number)).unwrap();
    }
    let files = FILES.map(|name| std::fs::read(path.join(name)).unwrap());
    drop(store);
    let told = |number| format!("session #{number} is new in the log, but main.redb has it");
    for (watermark, expected) in [(2, vec![]), (1, vec![told(2)]), (0, vec![told(1), told(2)])] {
        assert_eq!(faults_at(&path, &files, 2, watermark), expected);
    }
}

/// As if the main index had them too.
#[test]
fn sessions_of_merged_commits_that_the_main_index_lacks_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = merging_often(&path);
    for number in [1, 2, 5, 3] {
        store.append(forger::session(number)).unwrap();
    }
    store.end(uid(5), at(START) + TimeDelta::days(1)).unwrap();
    store.remove(uid(1)).unwrap();
    let files = FILES.map(|name| std::fs::read(path.join(name)).unwrap());
    drop(store);
    let lacks = |number| {
        format!("session #{number} is not in main.redb as merged commits of the log have left it")
    };
    for (watermark, expected) in [(4, vec![]), (5, vec![lacks(5)])] {
        assert_eq!(faults_at(&path, &files, 4, watermark), expected);
    }
}

/// Puts these files under an open store, or a new one.
fn put(storage: &MemoryStorage, names: &[&str], from: &[Vec<u8>; 3]) {
    for (name, bytes) in FILES.into_iter().zip(from) {
        if names.contains(&name) {
            let file = storage.open(name).or_else(|_| storage.create(name));
            let file = file.unwrap();
            file.set_len(bytes.len() as u64).unwrap();
            file.write(0, bytes).unwrap();
        }
    }
}

#[test]
fn files_that_do_not_hold_what_an_open_store_has_committed_and_merged_are_told() {
    let storage = MemoryStorage::default();
    let files = |storage: &MemoryStorage| FILES.map(|name| bytes_of(storage, name));
    let open = |storage| {
        forger::options()
            .delta_sessions_max(4)
            .open_on(Arc::new(storage))
    };
    drop(
        forger::options()
            .create_on(Arc::new(storage.clone()))
            .unwrap(),
    );
    let store = open(storage.clone()).unwrap();
    store.append(forger::session(1)).unwrap();
    let before = files(&storage);
    // The same store, which goes on in another way.
    let fork = MemoryStorage::default();
    put(&fork, &FILES, &before);
    let forked = open(fork.clone()).unwrap();
    forked.append(forger::session(3)).unwrap();
    store.append(forger::session(2)).unwrap();
    let whole = files(&storage);
    let other = MemoryStorage::default();
    drop(
        forger::options()
            .create_on(Arc::new(other.clone()))
            .unwrap(),
    );
    let mut broken = whole.clone();
    let used = broken[1..].iter_mut().filter(|log| log.len() > 60);
    used.for_each(|log| log[60] ^= 1);
    let others = "log.0 and log.1 do not hold what was committed to them";
    let cases = [
        (before, others),
        (files(&fork), others),
        (files(&other), "log.0 belongs to another store"),
        (broken, "log.0 and log.1 lack commit 1"),
    ];
    for (files, expected) in cases {
        put(&storage, &FILES[1..], &files);
        assert_eq!(store.verify(|_| ()).unwrap().faults, [expected]);
    }
    put(&storage, &FILES[1..], &whole);
    assert!(store.verify(|_| ()).unwrap().is_sound());
    store.append_batch((4..=9).map(forger::session)).unwrap();
    let merged = files(&storage);
    put(&storage, &FILES[..1], &whole);
    let faults = store.verify(|_| ()).unwrap().faults;
    assert_eq!(faults, ["the last merge is no longer in main.redb"]);
    put(&storage, &FILES[..1], &merged);
    assert!(store.verify(|_| ()).unwrap().is_sound());
}
