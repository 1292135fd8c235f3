//! A store of which a row is missing: it is made anew from its records where those are whole, and where
//! it does not open any more its sessions are got out of it.

use crate::support::OnPanic;
use crate::support::files::bytes_of;
use crate::{at, log, uid};
use chrono::TimeDelta;
use redb::{Key, ReadableDatabase, ReadableTable, TableDefinition};
use sessionlog::storage::{MemoryStorage, Storage};
use sessionlog::{ErrorKind, Merge, Options, Query, SessionLog, Store};
use std::path::PathBuf;
use std::sync::Arc;

const START: &str = "2026-11-01T08:00:00Z";
const FILES: [&str; 3] = ["main.redb", "log.0", "log.1"];

/// Deep trees and some levels of starts of few sessions, which are merged on closing only.
fn options() -> Options {
    Store::options().shape(4, 3).merge(Merge::Inline)
}

fn session(number: u128) -> SessionLog {
    let start = at(START) + TimeDelta::seconds(i64::try_from(number).unwrap());
    SessionLog {
        user_refer_uid: uid(number % 3 + 1),
        user: format!("user {}", number % 6).into(),
        client_refer_uid: format!("PDA-{}", number % 2).into(),
        session_start: start,
        session_end: (!number.is_multiple_of(4)).then_some(start),
        ..log(number, START, None)
    }
}

/// The files of a store whose process was killed: most of it merged, the last commits in the log.
fn files() -> [Vec<u8>; 3] {
    let storage = MemoryStorage::default();
    let store = options().create_on(Arc::new(storage.clone())).unwrap();
    store.append_batch((1..=50).map(session)).unwrap();
    store.close().unwrap();
    let store = options().open_on(Arc::new(storage.clone())).unwrap();
    store.append_batch((51..=53).map(session)).unwrap();
    store.remove(uid(7)).unwrap();
    FILES.map(|name| bytes_of(&storage, name))
}

fn storage_of(files: &[Vec<u8>; 3], main: &[u8]) -> MemoryStorage {
    let storage = MemoryStorage::default();
    for (name, bytes) in FILES.into_iter().zip([main, &files[1], &files[2]]) {
        storage.create(name).unwrap().write(0, bytes).unwrap();
    }
    storage
}

/// What every query for a user, a client or both, open or not, is answered with, and every session by
/// its id.
fn answers(store: &Store) -> Vec<SessionLog> {
    let users = [None, Some(uid(1)), Some(uid(2)), Some(uid(3))];
    let clients = [None, Some("PDA-0"), Some("PDA-1")];
    let mut answers = Vec::new();
    for user in users {
        for client in clients {
            for open in [false, true] {
                let query = Query::builder().user_refer_uid(user);
                let query = query.client_refer_uid(client).open_sessions_only(open);
                let logs = store.iter(&query.build().unwrap()).unwrap();
                answers.extend(logs.map(Result::unwrap));
            }
        }
    }
    let by_id = (1..=60).filter_map(|number| store.get(uid(number)).unwrap());
    answers.extend(by_id);
    answers
}

/// What the index lacks when a row is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Row {
    /// What follows from the records.
    Derived,
    /// A record, or a name or client by its id.
    Record,
    /// Something without which a store is not opened: how many starts each level has, though that follows
    /// from the records, and the root of all sessions, with which the levels must agree; and what is
    /// merged so far, which nothing else tells.
    Opening,
}

/// The nodes below a node, of which this is the row; how it is laid out is part of the format.
fn nodes_below(nodes: &impl ReadableTable<u64, &'static [u8]>, row: &[u8]) -> Vec<u64> {
    // A checksum and the level.
    if row[4] == 0 {
        return Vec::new();
    }
    let children = row[8..].chunks(40).map(|child| child.last_chunk().unwrap());
    let children = children.flat_map(|id| {
        let id = u64::from_le_bytes(*id);
        let below = nodes_below(nodes, nodes.get(id).unwrap().unwrap().value());
        below.into_iter().chain([id])
    });
    children.collect()
}

/// The main index without each row in turn that is of a kind, and what row that is.
struct Without<'m> {
    main: &'m [u8],
    wanted: Row,
    folder: tempfile::TempDir,
    /// The nodes of all sessions: those of users and clients have copies of what is in them.
    of_all: Vec<u64>,
    found: Vec<(String, Vec<u8>)>,
}

impl<'m> Without<'m> {
    fn each(main: &'m [u8], wanted: Row) -> Vec<(String, Vec<u8>)> {
        let folder = tempfile::tempdir().unwrap();
        let mut without = Self {
            main,
            wanted,
            folder,
            of_all: Vec::new(),
            found: Vec::new(),
        };
        without.of_all = without.nodes_of_all();
        without.rows_of::<&[u8]>("meta", <[u8]>::to_vec);
        without.rows_of::<&[u8; 9]>("roots", |key| key.to_vec());
        without.rows_of::<u64>("nodes", |key| key.to_le_bytes().to_vec());
        without.rows_of::<&[u8; 17]>("starts", |key| key.to_vec());
        without.rows_of::<u32>("names", |key| key.to_le_bytes().to_vec());
        without.rows_of::<&[u8]>("name_ids", <[u8]>::to_vec);
        without.rows_of::<&[u8; 16]>("users", |key| key.to_vec());
        without.rows_of::<u32>("clients", |key| key.to_le_bytes().to_vec());
        without.rows_of::<&[u8]>("client_ids", <[u8]>::to_vec);
        without.found
    }

    fn is(&self, table: &str, key: &[u8]) -> Row {
        match table {
            "meta" => Row::Opening,
            "roots" if key == [0; 9] => Row::Opening,
            "nodes" if self.of_all.iter().any(|id| id.to_le_bytes() == key) => Row::Record,
            "names" | "clients" => Row::Record,
            _ => Row::Derived,
        }
    }

    fn rows_of<K: Key + 'static>(
        &mut self,
        table: &'static str,
        own: impl Fn(K::SelfType<'_>) -> Vec<u8>,
    ) {
        let definition = TableDefinition::<K, &[u8]>::new(table);
        let keys: Vec<Vec<u8>> = {
            let database = self.open();
            let read = database.begin_read().unwrap();
            let rows = read.open_table(definition).unwrap();
            let rows = rows.iter().unwrap();
            rows.map(|row| own(row.unwrap().0.value())).collect()
        };
        for key in keys {
            if self.is(table, &key) != self.wanted {
                continue;
            }
            let database = self.open();
            let write = database.begin_write().unwrap();
            {
                let mut rows = write.open_table(definition).unwrap();
                rows.remove(K::from_bytes(&key)).unwrap();
            }
            write.commit().unwrap();
            drop(database);
            let main = std::fs::read(self.path()).unwrap();
            self.found.push((format!("{table} {key:02x?}"), main));
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("main.redb")
    }

    fn open(&self) -> redb::Database {
        std::fs::write(self.path(), self.main).unwrap();
        redb::Database::open(self.path()).unwrap()
    }

    fn nodes_of_all(&self) -> Vec<u64> {
        let database = self.open();
        let read = database.begin_read().unwrap();
        let roots = TableDefinition::<&[u8; 9], &[u8]>::new("roots");
        let roots = read.open_table(roots).unwrap();
        let nodes = TableDefinition::<u64, &[u8]>::new("nodes");
        let nodes = read.open_table(nodes).unwrap();
        let root = roots.get(&[0; 9]).unwrap().unwrap();
        nodes_below(&nodes, root.value())
    }
}

/// What came out of these files is all that was stored.
fn check_salvaged(files: &MemoryStorage, expected: &[SessionLog]) {
    let to = MemoryStorage::default();
    let create = |options: Options| options.create_on(Arc::new(to.clone()));
    let salvaged = options().salvage_on(Arc::new(files.clone()), create, &mut |_| ());
    assert_eq!(salvaged.unwrap().session_count, 52);
    check(&options().open_on(Arc::new(to)).unwrap(), expected);
}

fn check(store: &Store, expected: &[SessionLog]) {
    let found = store.verify(|_| ()).unwrap();
    assert_eq!(found.faults, Vec::<String>::new());
    assert_eq!(answers(store), expected);
}

/// The stores without each row of a kind, and what they answered before.
fn damaged(wanted: Row) -> (Vec<(String, MemoryStorage)>, Vec<SessionLog>) {
    let files = files();
    let store = options().open_on(Arc::new(storage_of(&files, &files[0])));
    let expected = answers(&store.unwrap());
    let without = Without::each(&files[0], wanted).into_iter();
    let stores = without.map(|(row, main)| (row, storage_of(&files, &main)));
    (stores.collect(), expected)
}

#[test]
fn a_store_without_any_row_that_follows_from_its_records_is_rebuilt_as_it_was_and_goes_on() {
    let (stores, expected) = damaged(Row::Derived);
    assert!(stores.len() > 100, "{} rows", stores.len());
    for (row, storage) in stores {
        let _row = OnPanic(row);
        let store = options().open_on(Arc::new(storage.clone())).unwrap();
        assert!(!store.verify(|_| ()).unwrap().is_sound());
        store.rebuild(|_| ()).unwrap();
        check(&store, &expected);
        store.append(session(54)).unwrap();
        store.remove(uid(54)).unwrap();
        store.close().unwrap();
        check(&options().open_on(Arc::new(storage)).unwrap(), &expected);
    }
}

#[test]
fn a_store_without_a_record_is_not_rebuilt_and_its_sessions_come_out_of_other_rows() {
    let (stores, expected) = damaged(Row::Record);
    assert!(stores.len() > 20, "{} rows", stores.len());
    for (row, storage) in stores {
        let _row = OnPanic(row);
        check_salvaged(&storage, &expected);
        let store = options().open_on(Arc::new(storage)).unwrap();
        assert!(!store.verify(|_| ()).unwrap().is_sound());
        let error = store.rebuild(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupted, "{error}");
    }
}

#[test]
fn a_store_without_a_row_that_opening_needs_is_refused_and_its_sessions_come_out() {
    let (stores, expected) = damaged(Row::Opening);
    assert_eq!(stores.len(), 4);
    for (row, storage) in stores {
        // Without it nothing says that it is a store.
        let kind = match row.contains(&format!("{:02x?}", b"identity")) {
            true => ErrorKind::NotAStore,
            false => ErrorKind::Corrupted,
        };
        let _row = OnPanic(row);
        let opened = options().open_on(Arc::new(storage.clone()));
        assert_eq!(opened.unwrap_err().kind(), kind);
        check_salvaged(&storage, &expected);
    }
}
