//! What lies in `main.redb`, read by its specification alone: every node has one place, the families
//! of a user on one client are there for users of many sessions only, and every session has its
//! start in one page of one level.

use crate::{log, uid};
use redb::{ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition};
use sessionlog::{Options, Query, SessionLog, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const START: &str = "2026-11-01T08:00:00Z";

/// The bytes before every row's body.
const CHECKSUM_BYTES: usize = 4;

type Family = [u8; 9];

/// The rows of a main index.
struct Index {
    roots: BTreeMap<Family, Vec<u8>>,
    nodes: BTreeMap<u64, Vec<u8>>,
    starts: BTreeMap<[u8; 17], Vec<u8>>,
    levels: Vec<u8>,
}

impl Index {
    fn read(path: &Path) -> Self {
        let database = redb::Database::open(path.join("main.redb")).unwrap();
        let read = database.begin_read().unwrap();
        Self {
            roots: rows::<&Family, _>(&read, "roots", |key| *key),
            nodes: rows::<u64, _>(&read, "nodes", |key| key),
            starts: rows::<&[u8; 17], _>(&read, "starts", |key| *key),
            levels: rows::<&[u8], _>(&read, "meta", <[u8]>::to_vec)
                .remove(b"levels".as_slice())
                .unwrap(),
        }
    }

    /// How many sessions have a start in each level, each in its page and all in different ones.
    fn starts(&self) -> Vec<u64> {
        let mut counts = vec![0; usize::from(self.levels[1])];
        let mut seen = BTreeSet::new();
        let mut behind: Option<[u8; 17]> = None;
        for (key, page) in &self.starts {
            let (pairs, rest) = page.as_chunks::<24>();
            assert!(!pairs.is_empty() && pairs.len() <= 169 && rest.is_empty());
            let behind = behind.replace(*key).filter(|behind| behind[0] == key[0]);
            let mut before = behind.map(|key| *key[1..].first_chunk::<16>().unwrap());
            for pair in pairs {
                let uid = *pair.first_chunk::<16>().unwrap();
                assert!(before.is_none_or(|before| before < uid));
                assert!(uid.as_slice() <= &key[1..]);
                assert!(seen.insert(uid), "{uid:?} is in two levels");
                before = Some(uid);
            }
            counts[usize::from(key[0])] += pairs.len() as u64;
        }
        assert_eq!(counts_in(&self.levels), counts);
        counts
    }

    /// How many entries are in a node and below it; takes every node below away.
    fn take(&mut self, node: &[u8]) -> u64 {
        let level = node[0];
        if level == 0 {
            let widths = node[1..5].iter().map(|width| usize::from(*width));
            let row = widths.sum::<usize>() + 16;
            assert_eq!((node.len() - 24) % row, 0);
            return ((node.len() - 24) / row) as u64;
        }
        let mut count = 0;
        for child in node[4..].chunks_exact(40) {
            let number = |at: usize| u64::from_le_bytes(*child[at..].first_chunk().unwrap());
            let below = self
                .nodes
                .remove(&number(32))
                .expect("a node is in two places");
            assert_eq!(below[0], level - 1);
            count += self.take(&below);
            assert_eq!(count, number(24));
        }
        count
    }

    /// How many entries each family has, once every node was found in its one place.
    fn counts(mut self) -> BTreeMap<Family, u64> {
        let roots = std::mem::take(&mut self.roots);
        let count = |(family, root): (Family, Vec<u8>)| (family, self.take(&root));
        let counts = roots.into_iter().map(count).collect();
        assert!(
            self.nodes.is_empty(),
            "{} nodes are in no place",
            self.nodes.len()
        );
        counts
    }
}

/// The counts of the levels that the row `levels` tells.
fn counts_in(row: &[u8]) -> Vec<u64> {
    let mut rest = &row[2..];
    let mut counts = Vec::new();
    while let Some((first, behind)) = rest.split_first() {
        let bytes = match first {
            251 => 2,
            252 => 4,
            small => {
                assert!(*small < 251);
                0
            }
        };
        let mut count = [0; 8];
        count[..bytes].copy_from_slice(&behind[..bytes]);
        let count = u64::from_le_bytes(count);
        counts.push(if bytes == 0 { u64::from(*first) } else { count });
        rest = &behind[bytes + 16..];
    }
    counts
}

fn rows<K, B: Ord>(
    read: &ReadTransaction,
    name: &str,
    key_of: impl Fn(K::SelfType<'_>) -> B,
) -> BTreeMap<B, Vec<u8>>
where
    K: redb::Key + 'static,
{
    let table = read
        .open_table(TableDefinition::<K, &[u8]>::new(name))
        .unwrap();
    let rows = table.iter().unwrap().map(|row| {
        let (key, value) = row.unwrap();
        (
            key_of(key.value()),
            value.value()[CHECKSUM_BYTES..].to_vec(),
        )
    });
    rows.collect()
}

/// Checks which families there are, and answers how many of them are of a user on one client.
fn check(path: &Path, parts_above: u64) -> usize {
    let index = Index::read(path);
    let starts: u64 = index.starts().iter().sum();
    let counts = index.counts();
    assert_eq!(counts.get(&[0; 9]).copied().unwrap_or(0), starts);
    let mut of_parts: BTreeMap<Family, u64> = BTreeMap::new();
    for (family, count) in &counts {
        if family[0] & 3 == 3 {
            let mut whole = *family;
            whole[0] &= !2;
            whole[5..].fill(0);
            *of_parts.entry(whole).or_default() += count;
        }
    }
    for (family, count) in &counts {
        if family[0] & 3 == 1 {
            let expected = (*count > parts_above).then_some(count);
            assert_eq!(of_parts.remove(family).as_ref(), expected, "{family:?}");
        }
    }
    assert!(of_parts.is_empty(), "parts without a whole: {of_parts:?}");
    counts.keys().filter(|family| family[0] & 3 == 3).count()
}

fn session(number: u128) -> SessionLog {
    SessionLog {
        client_refer_uid: format!("PDA-{}", number % 3).into(),
        user_refer_uid: uid(number % 2 + 1),
        ..log(number, START, (!number.is_multiple_of(5)).then_some(START))
    }
}

/// Opens a store, changes it, and closes it, so that everything is merged.
fn change(options: &Options, path: &Path, change: impl FnOnce(&Store)) {
    let opened = options.clone().open(path);
    let store = opened.or_else(|_| options.clone().create(path)).unwrap();
    change(&store);
    store.close().unwrap();
}

#[test]
fn the_sessions_of_a_user_on_each_client_are_kept_apart_from_the_513th_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let options = Store::options();
    let of_one_user = |number: u128| SessionLog {
        user_refer_uid: uid(1),
        ..session(number)
    };
    change(&options, &path, |store| {
        drop(store.append_batch((1..=512).map(of_one_user)).unwrap());
    });
    assert_eq!(check(&path, 512), 0);
    change(&options, &path, |store| {
        store.append(of_one_user(513)).unwrap();
    });
    assert_eq!(check(&path, 512), 3);
    change(&options, &path, |store| drop(store.remove(uid(7)).unwrap()));
    assert_eq!(check(&path, 512), 0);
}

#[test]
fn no_node_is_left_behind_whatever_comes_and_goes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let options = Store::options().shape(4, 6);
    for round in 0..4 {
        // More and more of them, then all gone.
        for count in [5, 13, 40, 200] {
            change(&options, &path, |store| {
                drop(store.append_batch((1..=count).map(session)).unwrap());
            });
            check(&path, 6);
        }
        let step = [1, 3, 7, 1][round];
        change(&options, &path, |store| {
            for number in (1..=200).step_by(step) {
                store.remove(uid(number)).unwrap();
            }
        });
        check(&path, 6);
        change(&options, &path, |store| {
            let end = session(1).session_start;
            store.end_open(&Query::all(), end).unwrap();
            let left = store.iter(&Query::all()).unwrap().map(Result::unwrap);
            for log in left.collect::<Vec<_>>() {
                store.remove(log.refer_uid).unwrap();
            }
        });
        assert_eq!(check(&path, 6), 0);
        assert!(Index::read(&path).counts().is_empty());
    }
}

#[test]
fn no_level_has_more_starts_than_it_may_and_its_pages_are_well_filled() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let options = Store::options().shape(8, 6);
    // Levels of at most 32, 128, 512 and so on.
    let factor = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835_u128;
    let scattered = |number: u128| SessionLog {
        refer_uid: uuid::Uuid::from_u128(number.wrapping_mul(factor)),
        ..session(number)
    };
    let mut number = 0;
    for step in [32, 1, 127, 200, 3, 400] {
        let numbers = number + 1..=number + step;
        number += step;
        change(&options, &path, |store| {
            drop(store.append_batch(numbers.map(scattered)).unwrap());
        });
        let index = Index::read(&path);
        let counts = index.starts();
        assert_eq!(counts.iter().sum::<u64>(), number as u64);
        assert!(
            counts
                .iter()
                .zip([32, 128, 512, 2_048])
                .all(|(count, most)| *count <= most)
        );
        assert!(
            counts.len() <= 4 && (number <= 32 || counts.len() > 1),
            "{counts:?}"
        );
        let pages = index.starts.len() as u64;
        assert!(pages * 3 <= number as u64 + 6, "{pages} pages of {number}");
    }
    // One more rewrites a page or two of each level, and no other.
    let before = Index::read(&path).starts;
    number += 1;
    change(&options, &path, |store| {
        store.append(scattered(number)).unwrap();
    });
    let after = Index::read(&path).starts;
    let kept = after
        .iter()
        .filter(|(key, page)| before.get(*key) == Some(*page));
    let rewritten = after.len() - kept.count();
    assert!(
        rewritten <= 12 && after.len() > 90,
        "{rewritten} of {}",
        after.len()
    );
    // Each is found wherever it is, and what is removed leaves no page behind.
    change(&options, &path, |store| {
        for number in 1..=number {
            let uid = scattered(number).refer_uid;
            assert_eq!(store.get(uid).unwrap(), Some(scattered(number)));
            store.remove(uid).unwrap();
        }
    });
    assert!(Index::read(&path).starts.is_empty());
}
