//! What a call reads, counted in bytes, so that the claim holds on any machine: it follows what is
//! answered, not what is stored.

use crate::support::faulty::FaultyStorage;
use crate::support::files::bytes_of;
use crate::{at, log, uid};
use chrono::TimeDelta;
use redb::{Key, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, Value};
use sessionlog::{Bucket, Merge, PageRequest, Query, QueryBuilder, SessionLog, Store};
use std::path::Path;
use std::sync::Arc;

/// A store without a cache, so that every row that is touched is read.
struct Cold {
    storage: FaultyStorage,
    store: Store,
}

impl Cold {
    /// So many sessions of two users on two clients, a minute apart, three of them open.
    fn new(sessions: u32) -> Self {
        let storage = FaultyStorage::default();
        let store = Store::options()
            .create_on(Arc::new(storage.clone()))
            .unwrap();
        store.append_batch((1..=sessions).map(session)).unwrap();
        store.close().unwrap();
        let options = Store::options().cache_bytes(0).names_cache_bytes(0);
        let store = options.open_on(Arc::new(storage.clone())).unwrap();
        Self { storage, store }
    }

    fn bytes_read(&self, read: impl FnOnce(&Store)) -> u64 {
        let before = self.storage.bytes_read();
        read(&self.store);
        self.storage.bytes_read() - before
    }

    fn page(&self, query: &QueryBuilder, place: f64) -> u64 {
        let (query, request) = self.request(query, place);
        self.bytes_read(|store| drop(store.page(&query, request).unwrap()))
    }

    fn reads(&self, query: &QueryBuilder, place: f64) -> u64 {
        let (query, request) = self.request(query, place);
        let before = self.storage.reads();
        self.store.page(&query, request).unwrap();
        self.storage.reads() - before
    }

    fn request(&self, query: &QueryBuilder, place: f64) -> (Query, PageRequest) {
        let query = query.clone().build().unwrap();
        let first = self
            .store
            .page(&query, PageRequest::new(0, 25).unwrap())
            .unwrap();
        let last = first.total_page_count.saturating_sub(1) as f64;
        let request = PageRequest::new((last * place) as u32, 25).unwrap();
        (query, request)
    }
}

/// Long names: a page must not read those of others.
fn session(number: u32) -> SessionLog {
    let start = at("2026-01-01T00:00:00Z") + TimeDelta::minutes(number.into());
    SessionLog {
        user_refer_uid: uid(u128::from(number % 2) + 1),
        user: "x".repeat(1_024).into(),
        client_refer_uid: format!("PDA-{}", number / 2 % 2).into(),
        session_start: start,
        session_end: (number % 10_000 > 2).then_some(start),
        ..log(number.into(), "2026-01-01T00:00:00Z", None)
    }
}

fn filters() -> Vec<QueryBuilder> {
    (0..16)
        .map(|bits| {
            let [user, client, open, window] = [1, 2, 4, 8].map(|bit| bits & bit != 0);
            Query::builder()
                .user_refer_uid(user.then(|| uid(1)))
                .client_refer_uid(client.then_some("PDA-0"))
                .open_sessions_only(open)
                .started_after(window.then(|| at("2026-01-01T10:00:00Z")))
        })
        .collect()
}

#[test]
fn a_page_reads_what_it_shows_wherever_it_is_and_however_much_matches() {
    let (small, large) = (Cold::new(1_000), Cold::new(40_000));
    for query in filters() {
        for place in [0.0, 0.5, 1.0] {
            let (few, many) = (small.page(&query, place), large.page(&query, place));
            // Forty times the sessions is a level or two more of each tree.
            assert!(
                many <= few.max(40_000) * 4,
                "{few} then {many} bytes: {query:?}"
            );
        }
    }
}

/// As many as it takes now, and one more for how the engine's own tree happens to fall: a node that
/// is read in vain takes more.
#[test]
fn a_page_reads_few_pages_of_the_file_whatever_the_filter() {
    const OF_ALL: [u64; 8] = [8, 8, 8, 6, 2, 2, 2, 3];
    const OF_A_WINDOW: [u64; 8] = [12, 12, 12, 6, 2, 2, 2, 3];
    let cold = Cold::new(40_000);
    let bounds = [OF_ALL, OF_A_WINDOW].concat();
    for (query, bound) in filters().iter().zip(bounds) {
        for place in [0.0, 0.5, 1.0] {
            let reads = cold.reads(query, place);
            assert!(reads <= bound, "{reads} reads, not {bound}: {query:?}");
        }
    }
}

#[test]
fn counting_reads_no_sessions() {
    let (small, large) = (Cold::new(1_000), Cold::new(40_000));
    for query in filters() {
        let query = query.build().unwrap();
        let count = |cold: &Cold| {
            cold.bytes_read(|store| {
                store.count(&query).unwrap();
            })
        };
        let (few, many) = (count(&small), count(&large));
        assert!(
            many <= few.max(40_000) * 4,
            "{few} then {many} bytes: {query:?}"
        );
    }
}

#[test]
fn counts_by_bucket_follow_the_buckets_and_not_the_sessions() {
    let cold = Cold::new(40_000);
    let month = Query::builder()
        .started_before(at("2026-01-28T00:00:00Z"))
        .build()
        .unwrap();
    let bytes = cold.bytes_read(|store| {
        let months: Vec<_> = store.count_by(&month, Bucket::Month).unwrap().collect();
        assert_eq!(months.len(), 1);
    });
    assert!(
        bytes < 200_000,
        "{bytes} bytes for one bucket of 38,879 sessions"
    );
}

#[test]
fn the_busiest_are_found_in_what_follows_the_users_and_not_the_sessions() {
    let (small, large) = (Cold::new(4_000), Cold::new(40_000));
    let busiest = |cold: &Cold| {
        cold.bytes_read(|store| {
            let users = store.busiest_users(&Query::all(), 9).unwrap();
            assert_eq!((users.entries.len(), users.total_count), (2, 2));
        })
    };
    let (few, many) = (busiest(&small), busiest(&large));
    assert!(many <= few * 3 / 2, "{few} then {many} bytes");
}

#[test]
fn an_iterator_reads_as_it_goes() {
    let cold = Cold::new(20_000);
    let mut logs = cold.store.iter(&Query::all()).unwrap();
    let all =
        cold.bytes_read(|store| assert_eq!(store.iter(&Query::all()).unwrap().count(), 20_000));
    let first = cold.bytes_read(|_| drop(logs.next().unwrap().unwrap()));
    assert!(first < all / 20, "{first} of {all} bytes");
    let rest = cold.bytes_read(|_| assert_eq!(logs.by_ref().count(), 19_999));
    assert!(rest > all / 2, "{rest} of {all} bytes");
}

/// What a commit costs the storage does not follow what is stored.
#[test]
fn a_commit_is_one_sync_and_few_bytes_however_large_the_store() {
    let small = (1..=100).map(session);
    let large = (1..=20_000).map(session);
    for (stored, logs) in [(100, small.collect::<Vec<_>>()), (20_000, large.collect())] {
        let storage = FaultyStorage::default();
        let store = Store::options().create_on(Arc::new(storage.clone()));
        let store = store.unwrap();
        store.append_batch(logs).unwrap();
        store.close().unwrap();
        let store = Store::options().open_on(Arc::new(storage.clone())).unwrap();
        // Names and tables are known after the first.
        store.append(session(90_001)).unwrap();
        for sessions in [1, 100, 1_000] {
            let batch = (0..sessions).map(|number| session(100_000 * sessions + number));
            let batch: Vec<SessionLog> = batch.collect();
            let (syncs, bytes) = (storage.syncs(), storage.bytes_written());
            store.append_batch(batch).unwrap();
            assert_eq!(storage.syncs() - syncs, 1, "{sessions} to {stored}");
            let bytes = storage.bytes_written() - bytes;
            let bytes_max = 100 + 45 * u64::from(sessions);
            assert!(
                bytes <= bytes_max,
                "{bytes} bytes for {sessions} to {stored}"
            );
        }
    }
}

/// The bytes of all keys and rows of a main index, by looking.
fn live_bytes(path: &Path) -> u64 {
    let database = redb::Database::open(path.join("main.redb")).unwrap();
    let read = database.begin_read().unwrap();
    bytes_of_rows::<&[u8; 9], &[u8]>(&read, "roots")
        + bytes_of_rows::<u64, &[u8]>(&read, "nodes")
        + bytes_of_rows::<&[u8; 17], &[u8]>(&read, "starts")
        + bytes_of_rows::<u32, &[u8]>(&read, "names")
        + bytes_of_rows::<&[u8], &[u8]>(&read, "name_ids")
        + bytes_of_rows::<&[u8; 16], &[u8]>(&read, "users")
        + bytes_of_rows::<u32, &[u8]>(&read, "clients")
        + bytes_of_rows::<&[u8], &[u8]>(&read, "client_ids")
}

fn bytes_of_rows<K: Key + 'static, V: Value + 'static>(read: &ReadTransaction, name: &str) -> u64 {
    let table = read.open_table(TableDefinition::<K, V>::new(name)).unwrap();
    let rows = table.iter().unwrap().map(|row| {
        let (key, value) = row.unwrap();
        let (key, value) = (key.value(), value.value());
        (K::as_bytes(&key).as_ref().len() + V::as_bytes(&value).as_ref().len()) as u64
    });
    rows.sum()
}

#[test]
fn the_live_bytes_are_those_of_all_keys_and_rows_whatever_was_written_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let options = Store::options().shape(4, 3);
    let store = options.clone().create(&path).unwrap();
    assert_eq!(store.stats().unwrap().live_bytes, 0);
    store.append_batch((1..=300).map(session)).unwrap();
    store.close().unwrap();
    let store = options.clone().open(&path).unwrap();
    for number in (1..=300).step_by(3) {
        store.remove(uid(number)).unwrap();
    }
    store.append_batch((301..=310).map(session)).unwrap();
    store
        .end_open(&Query::all(), at("2026-02-01T00:00:00Z"))
        .unwrap();
    store.close().unwrap();
    let found = live_bytes(&path);
    let stats = options.clone().open(&path).unwrap().stats().unwrap();
    assert_eq!(stats.live_bytes, found);
    assert_eq!(stats.live_bytes_per_session, found / 210);
    assert_eq!(stats.file_bytes_per_session, stats.file_bytes / 210);
    let store = options.clone().open(&path).unwrap();
    for log in store.iter(&Query::all()).unwrap() {
        store.remove(log.unwrap().refer_uid).unwrap();
    }
    store.close().unwrap();
    let left = options.open(&path).unwrap().stats().unwrap();
    // The dictionary stays.
    assert_eq!(
        (left.live_bytes, left.live_bytes_per_session),
        (live_bytes(&path), 0)
    );
    assert!(left.live_bytes < found / 4);
}

#[test]
fn sessions_that_come_and_go_do_not_let_the_log_grow() {
    let storage = FaultyStorage::default();
    let options = Store::options().merge(Merge::Inline).delta_sessions_max(8);
    let store = options.create_on(Arc::new(storage.clone())).unwrap();
    store.append(session(1)).unwrap();
    for _ in 0..2_000 {
        store.append(session(2)).unwrap();
        store.remove(uid(2)).unwrap();
    }
    // Two files of the least length that they grow to.
    assert!(store.stats().unwrap().log_bytes <= 2 << 16);
    store.append(session(2)).unwrap();
    store.remove(uid(2)).unwrap();
    store.close().unwrap();
    let log = bytes_of(&storage.after_kill(), "log.0").len()
        + bytes_of(&storage.after_kill(), "log.1").len();
    assert!(log < 200, "{log} bytes are left");
}
