//! What the benches run on: a store and, beside it, sorted `Vec`s of the same records.

use chrono::{DateTime, Utc};
use sessionlog::generate::Profile;
use sessionlog::{Durability, Order, Page, PageRequest, Query, SessionLog, Store};
use std::collections::HashMap;
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

/// Records of a batch while a store is filled.
const BATCH: usize = 100_000;

/// The profile of a size.
pub(crate) fn profile(sessions: u64) -> Profile {
    Profile {
        sessions,
        ..Profile::default()
    }
}

/// The store of a profile, kept between runs below the build directory.
pub(crate) fn store(profile: Profile) -> Store {
    let path = path(profile);
    if let Ok(store) = Store::open(&path)
        && store.stats().unwrap().session_count == profile.sessions
    {
        return store;
    }
    let _ = std::fs::remove_dir_all(&path);
    let options = Store::options().durability(Durability::Eventual);
    let store = options.cache_bytes(512 << 20).create(&path).unwrap();
    fill(&store, profile);
    store.close().unwrap();
    Store::open(&path).unwrap()
}

/// Which format the stores have, and which records a profile gives: stores of others are not used.
const FORMAT_AND_RECORDS: &str = "4-2";

fn path(profile: Profile) -> PathBuf {
    let (sessions, seed) = (profile.sessions, profile.seed);
    let name = format!("bench-{FORMAT_AND_RECORDS}-{sessions}-{seed}");
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Sessions that wait to be merged in a full delta: close to the bound that is the default.
const IN_DELTA: u64 = 60_000;

/// A copy of the store of a profile, with as many more sessions as may wait to be merged.
pub(crate) fn store_with_delta(profile: Profile) -> Store {
    drop(store(profile));
    let [merged, copy] = [path(profile), path(profile).with_extension("delta")];
    let _ = std::fs::remove_dir_all(&copy);
    std::fs::create_dir(&copy).unwrap();
    for file in std::fs::read_dir(merged).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), copy.join(file.file_name())).unwrap();
    }
    let options = Store::options().delta_sessions_max(1 << 20);
    let store = options.open(&copy).unwrap();
    store.append_batch(late(profile)).unwrap();
    let stats = store.stats().unwrap();
    assert_eq!(stats.delta_session_count, IN_DELTA);
    store
}

/// Sessions of the same users and clients, among the others all over the same time.
pub(crate) fn late(profile: Profile) -> impl Iterator<Item = SessionLog> {
    let profile = Profile {
        sessions: IN_DELTA,
        ..profile
    };
    profile.session_logs().map(|log| SessionLog {
        refer_uid: Uuid::from_u128(!log.refer_uid.as_u128()),
        ..log
    })
}

/// Appends every record of a profile.
pub(crate) fn fill(store: &Store, profile: Profile) {
    let mut logs = profile.session_logs();
    loop {
        let batch: Vec<SessionLog> = logs.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            return;
        }
        store.append_batch(batch).unwrap();
    }
}

/// A filter to measure, with its name: every combination of user, client, open and window.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) query: Query,
}

/// Every combination of filters, on the busiest user and client and a window of one day.
pub(crate) fn cases(profile: Profile) -> Vec<Case> {
    (0..16)
        .map(|bits| {
            let [user, client, open, window] = [1, 2, 4, 8].map(|bit| bits & bit != 0);
            let end = Profile::default().end - chrono::TimeDelta::days(10);
            let client_refer_uid = client.then(|| profile.client_refer_uid(0));
            let query = Query::builder()
                .user_refer_uid(user.then(|| profile.user_refer_uid(0)))
                .client_refer_uid(client_refer_uid.as_deref())
                .open_sessions_only(open)
                .started_after(window.then(|| end - chrono::TimeDelta::days(1)))
                .started_before(window.then_some(end))
                .build()
                .unwrap();
            Case {
                name: name(&[
                    (user, "user"),
                    (client, "client"),
                    (open, "open"),
                    (window, "window"),
                ]),
                query,
            }
        })
        .collect()
}

fn name(filters: &[(bool, &str)]) -> String {
    let set: Vec<&str> = filters.iter().filter(|f| f.0).map(|f| f.1).collect();
    match set.is_empty() {
        true => "all".to_owned(),
        false => set.join("+"),
    }
}

/// The records of a profile as a program would keep them in memory: packed, names apart.
pub(crate) struct Records {
    users: Vec<(Uuid, Arc<str>)>,
    clients: Vec<Arc<str>>,
    packed: Vec<Packed>,
}

#[derive(Clone, Copy)]
struct Packed {
    start: DateTime<Utc>,
    refer_uid: Uuid,
    end: Option<DateTime<Utc>>,
    user: u32,
    client: u32,
}

impl Records {
    pub(crate) fn new(logs: impl Iterator<Item = SessionLog>) -> Self {
        let mut users = Interned::default();
        let mut clients = Interned::default();
        let packed = logs.map(|log| Packed {
            start: log.session_start,
            refer_uid: log.refer_uid,
            end: log.session_end,
            user: users.id((log.user_refer_uid, log.user)),
            client: clients.id(log.client_refer_uid),
        });
        Self {
            packed: packed.collect(),
            users: users.values,
            clients: clients.values,
        }
    }

    fn log(&self, packed: &Packed) -> SessionLog {
        let (user_refer_uid, user) = &self.users[packed.user as usize];
        SessionLog {
            refer_uid: packed.refer_uid,
            user_refer_uid: *user_refer_uid,
            user: Arc::clone(user),
            client_refer_uid: Arc::clone(&self.clients[packed.client as usize]),
            session_start: packed.start,
            session_end: packed.end,
        }
    }
}

struct Interned<T> {
    ids: HashMap<T, u32>,
    values: Vec<T>,
}

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Self {
            ids: HashMap::new(),
            values: Vec::new(),
        }
    }
}

impl<T: Clone + Eq + Hash> Interned<T> {
    fn id(&mut self, value: T) -> u32 {
        let next = u32::try_from(self.values.len()).unwrap();
        let id = *self.ids.entry(value.clone()).or_insert(next);
        if id == next {
            self.values.push(value);
        }
        id
    }
}

/// A sorted `Vec` of the records that pass a query but for its window: the least that an index
/// with such a filter can do.
pub(crate) struct Floor<'r> {
    records: &'r Records,
    sorted: Vec<Packed>,
}

impl<'r> Floor<'r> {
    pub(crate) fn new(records: &'r Records, query: &Query) -> Self {
        let passes = |packed: &&Packed| {
            let (user, client) = (query.user_refer_uid(), query.client_refer_uid());
            user.is_none_or(|user| records.users[packed.user as usize].0 == user)
                && client.is_none_or(|client| &*records.clients[packed.client as usize] == client)
                && (!query.open_sessions_only() || packed.end.is_none())
        };
        let mut sorted: Vec<Packed> = records.packed.iter().filter(passes).copied().collect();
        sorted.sort_unstable_by_key(|packed| (packed.start, packed.refer_uid));
        Self { records, sorted }
    }

    /// The same page as the store's.
    pub(crate) fn page(&self, query: &Query, page: PageRequest) -> Page {
        let passing = self.passing(query);
        let size = page.records_per_page() as usize;
        let first = (page.page_request_index() as usize * size).min(passing.len());
        let last = (first + size).min(passing.len());
        let log = |packed| self.records.log(packed);
        let entries = match query.order() {
            Order::OldestFirst => passing[first..last].iter().map(log).collect(),
            Order::NewestFirst => passing
                .iter()
                .rev()
                .skip(first)
                .take(size)
                .map(log)
                .collect(),
        };
        Page {
            entries,
            page_index: page.page_request_index(),
            records_per_page: page.records_per_page(),
            total_page_count: passing.len().div_ceil(size) as u64,
            total_record_count: passing.len() as u64,
        }
    }

    fn passing(&self, query: &Query) -> &[Packed] {
        let sorted = &self.sorted;
        let start = query
            .started_after()
            .map_or(0, |at| sorted.partition_point(|packed| packed.start <= at));
        let end = query.started_before().map_or(sorted.len(), |at| {
            sorted.partition_point(|packed| packed.start < at)
        });
        &sorted[start..end]
    }
}
