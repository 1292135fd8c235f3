//! Changes the rows of a small store that is closed, under right checksums; how they are laid out is part of
//! the format.

use crate::support::OnPanic;
use crate::{at, log, uid};
use chrono::TimeDelta;
use redb::{Key, ReadableTable, Table, TableDefinition};
use sessionlog::{Merge, Options, SessionLog, Store};
use std::path::Path;

const START: &str = "2026-11-01T08:00:00Z";
/// A second in ticks.
pub(crate) const SECOND: u64 = 10_000_000;

/// Deep trees, and two levels of starts.
pub(crate) fn options() -> Options {
    Store::options().shape(4, 3).merge(Merge::Inline)
}

/// Sessions 1 to 9 are of user 0, 10 to 18 of user 1, 19 and 20 of user 2; and 21, which is removed, of
/// user 3 on client 3. The uid of a user is 100 more than the id, and names have the ids of their users.
pub(crate) fn session(number: u128) -> SessionLog {
    let user = (number / 10 + number / 19).min(2) + number / 21;
    let client = match number {
        20 => 2,
        21 => 3,
        _ => u32::from(number.is_multiple_of(3)),
    };
    let start = at(START) + TimeDelta::seconds(i64::try_from(number).unwrap());
    let is_open = (10..=15).contains(&number) || number.is_multiple_of(5);
    SessionLog {
        user_refer_uid: uid(100 + user),
        user: format!("user {user}").into(),
        client_refer_uid: format!("PDA-{client}").into(),
        session_start: start,
        session_end: (!is_open).then_some(start),
        ..log(number, START, None)
    }
}

pub(crate) const FILES: [&str; 3] = ["main.redb", "log.0", "log.1"];

/// Makes the store, closes it, and answers its files.
pub(crate) fn stored(path: &Path) -> [Vec<u8>; 3] {
    let store = options().create(path).unwrap();
    store.append_batch((1..=21).map(session)).unwrap();
    store.close().unwrap();
    let store = options().open(path).unwrap();
    store.remove(uid(21)).unwrap();
    store.close().unwrap();
    FILES.map(|name| std::fs::read(path.join(name)).unwrap())
}

/// Puts a store's files back as they were, and then forges rows of its main index.
pub(crate) fn forged(path: &Path, files: &[Vec<u8>; 3], forge: impl FnOnce(&Rows)) {
    for (name, bytes) in FILES.into_iter().zip(files) {
        std::fs::write(path.join(name), bytes).unwrap();
    }
    let database = redb::Database::open(path.join("main.redb")).unwrap();
    let rows = Rows(database.begin_write().unwrap());
    forge(&rows);
    rows.0.commit().unwrap();
}

/// A session in a leaf.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) start: u64,
    /// As a row has it: 1 at the start, and 0 while it is open.
    pub(crate) end: u64,
    pub(crate) name: u64,
    pub(crate) client: u64,
    pub(crate) number: u128,
}

pub(crate) type Family = [u8; 9];

pub(crate) const ALL: Family = [0; 9];

/// The family of a kind of a user and a client.
pub(crate) const fn family(kind: u8, user: u8, client: u8) -> Family {
    [kind, 0, 0, 0, user, 0, 0, 0, client]
}

fn number(bytes: &[u8]) -> u64 {
    let bytes = bytes.iter().rev();
    bytes.fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn entries(leaf: &[u8]) -> Vec<Entry> {
    let widths: Vec<usize> = leaf[1..5].iter().map(|width| usize::from(*width)).collect();
    let rows = leaf[24..].chunks(widths.iter().sum::<usize>() + 16);
    let entry = |mut row: &[u8]| {
        let mut column = |at: usize, least: &[u8]| {
            let (bytes, rest) = row.split_at(widths[at]);
            row = rest;
            number(least) + number(bytes)
        };
        Entry {
            start: column(0, &leaf[8..16]),
            end: column(1, &[]),
            name: column(2, &leaf[16..20]),
            client: column(3, &leaf[20..24]),
            number: u128::from_be_bytes(*row.last_chunk().unwrap()),
        }
    };
    rows.map(entry).collect()
}

/// A leaf of any number of entries, whose rows have every number in full.
pub(crate) fn leaf(entries: &[Entry]) -> Vec<u8> {
    let mut leaf = vec![0; 24];
    leaf[..5].copy_from_slice(&[0, 8, 8, 4, 4]);
    for entry in entries {
        leaf.extend(entry.start.to_le_bytes());
        leaf.extend(entry.end.to_le_bytes());
        leaf.extend(&entry.name.to_le_bytes()[..4]);
        leaf.extend(&entry.client.to_le_bytes()[..4]);
        leaf.extend(entry.number.to_be_bytes());
    }
    leaf
}

/// The rows of a closed store, to be changed under right checksums.
pub(crate) struct Rows(redb::WriteTransaction);

impl Rows {
    fn table<K: Key + 'static>(&self, name: &'static str) -> Table<'_, K, &'static [u8]> {
        self.0.open_table(TableDefinition::new(name)).unwrap()
    }

    pub(crate) fn put<K: Key + 'static>(
        &self,
        table: &'static str,
        key: K::SelfType<'_>,
        body: &[u8],
    ) {
        let sealed = [table.as_bytes(), K::as_bytes(&key).as_ref(), body].concat();
        let checksum = crc32fast::hash(&sealed).to_le_bytes();
        let row = [&checksum[..], body].concat();
        let mut rows = self.table::<K>(table);
        rows.insert(key, row.as_slice()).unwrap();
    }

    /// Takes a row out, and answers its body.
    pub(crate) fn take<K: Key + 'static>(
        &self,
        table: &'static str,
        key: K::SelfType<'_>,
    ) -> Vec<u8> {
        let mut rows = self.table::<K>(table);
        let row = rows.remove(key).unwrap().unwrap();
        row.value()[4..].to_vec()
    }

    pub(crate) fn user(&self, number: u128, id: u8) {
        self.put::<&[u8; 16]>("users", uid(number).as_bytes(), &[1, id]);
    }

    pub(crate) fn name(&self, id: u32, user: u8, number: u128, text: &str) {
        let uid = uid(number).into_bytes();
        let body = [&[1, user], &uid[..], &[6], text.as_bytes()];
        self.put::<u32>("names", id, &body.concat());
    }

    pub(crate) fn name_id(&self, number: u128, text: &str, id: u8) {
        let key = [uid(number).as_bytes(), text.as_bytes()].concat();
        self.put::<&[u8]>("name_ids", &key, &[1, id]);
    }

    pub(crate) fn client(&self, id: u32, text: &str) {
        self.put::<u32>("clients", id, &[&[1, 5], text.as_bytes()].concat());
    }

    pub(crate) fn client_id(&self, text: &str, id: u8) {
        self.put::<&[u8]>("client_ids", text.as_bytes(), &[1, id]);
    }

    pub(crate) fn meta(&self, key: &str, change: impl FnOnce(&mut [u8])) {
        let mut body = self.take::<&[u8]>("meta", key.as_bytes());
        change(&mut body);
        self.put::<&[u8]>("meta", key.as_bytes(), &body);
    }

    /// A page of starts by its level and the last of its fence's bytes, the others of which are alike.
    pub(crate) fn page(&self, level: u8, fence: u8, change: impl FnOnce(&mut Vec<u8>)) {
        let mut key = [if fence == u8::MAX { fence } else { 0 }; 17];
        (key[0], key[16]) = (level, fence);
        let mut page = match self.table::<&[u8; 17]>("starts").get(&key).unwrap() {
            Some(row) => row.value()[4..].to_vec(),
            None => Vec::new(),
        };
        change(&mut page);
        self.put::<&[u8; 17]>("starts", &key, &page);
    }

    pub(crate) fn root(&self, key: Family, change: impl FnOnce(&mut Vec<u8>)) {
        let mut root = self.take::<&[u8; 9]>("roots", &key);
        change(&mut root);
        self.put::<&[u8; 9]>("roots", &key, &root);
    }

    /// Takes all nodes below a node out, and answers the sessions in them.
    fn take_below(&self, node: &[u8]) -> Vec<Entry> {
        if node[0] == 0 {
            return entries(node);
        }
        let children = node[4..].chunks(40).map(|child| number(&child[32..]));
        let below = children.map(|id| self.take_below(&self.take::<u64>("nodes", id)));
        below.collect::<Vec<_>>().concat()
    }

    /// Makes a family what this makes of its sessions, as one leaf.
    pub(crate) fn family(&self, key: Family, change: impl FnOnce(&mut Vec<Entry>)) {
        let has_root = self.table::<&[u8; 9]>("roots").get(&key).unwrap().is_some();
        let root = has_root.then(|| self.take::<&[u8; 9]>("roots", &key));
        let mut entries = root.map_or_else(Vec::new, |root| self.take_below(&root));
        change(&mut entries);
        if !entries.is_empty() {
            self.put::<&[u8; 9]>("roots", &key, &leaf(&entries));
        }
    }

    /// Changes a session in every family that it is in.
    pub(crate) fn everywhere(&self, number: u128, change: impl Fn(&mut Entry)) {
        let keys = |rows: &Table<'_, &'static [u8; 9], &'static [u8]>| -> Vec<Family> {
            let rows = rows.iter().unwrap();
            rows.map(|row| *row.unwrap().0.value()).collect()
        };
        let keys = keys(&self.table::<&[u8; 9]>("roots"));
        for key in keys {
            self.family(key, |entries| {
                let its = entries.iter_mut().filter(|entry| entry.number == number);
                its.for_each(&change);
            });
        }
    }

    /// A session as the family of all has it.
    fn entry(&self, number: u128) -> Entry {
        let mut found = None;
        self.family(ALL, |entries| {
            found = entries.iter().find(|entry| entry.number == number).copied();
        });
        found.unwrap()
    }

    /// Puts a session into a family where it does not belong.
    pub(crate) fn intrude(&self, key: Family, number: u128) {
        let entry = self.entry(number);
        self.family(key, |entries| {
            entries.push(entry);
            entries.sort_by_key(|entry| entry.start);
        });
    }
}

/// What the check finds, or opening refuses; uids as `#` and their number.
pub(crate) fn faults_of(path: &Path) -> Vec<String> {
    let faults = match options().open(path) {
        Ok(store) => store.verify(|_| ()).unwrap().faults,
        Err(error) => vec![format!("refused: {error}")],
    };
    let short = |fault: String| {
        let numbers = (0..200).rev();
        numbers.fold(fault, |fault, number| {
            fault.replace(&uid(number).to_string(), &format!("#{number}"))
        })
    };
    faults.into_iter().map(short).collect()
}

/// What is forged, and all faults that are then told.
pub(crate) type Case = (fn(&Rows), &'static [&'static str]);

pub(crate) fn check(cases: &[Case]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let files = stored(&path);
    for (number, (forge, expected)) in cases.iter().enumerate() {
        let _case = OnPanic(format!("case {number}"));
        forged(&path, &files, forge);
        if expected.is_empty() {
            eprintln!("{number}: {:#?}", faults_of(&path));
            continue;
        }
        assert_eq!(faults_of(&path), *expected);
    }
}
