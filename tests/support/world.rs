//! A store and its model, side by side.

use super::bytes::{Bytes, Op};
use super::model::{Model, Refused};
use chrono::{DateTime, TimeDelta, Utc};
use sessionlog::storage::MemoryStorage;
use sessionlog::{
    Bucket, Clock, Cursor, Durability, Error, IdSource, Merge, Options, PageRequest, Query,
    SessionLog, Snapshot, Store,
};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use uuid::Uuid;

/// A clock that stands still until it is moved.
#[derive(Debug, Clone)]
pub struct ManualClock(Arc<Mutex<DateTime<Utc>>>);

impl Default for ManualClock {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(DateTime::UNIX_EPOCH)))
    }
}

impl ManualClock {
    pub fn advance(&self, by: TimeDelta) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

/// Ids one after the other, far from those that the operations choose.
#[derive(Debug, Clone, Default)]
pub struct Consecutive(Arc<AtomicU64>);

impl IdSource for Consecutive {
    fn refer_uid(&self, _: DateTime<Utc>) -> Uuid {
        Uuid::from_u128(1 << 64 | u128::from(self.0.fetch_add(1, Ordering::Relaxed)))
    }
}

#[derive(Debug)]
pub struct World {
    storage: Arc<MemoryStorage>,
    clock: ManualClock,
    options: Options,
    store: Store,
    model: Model,
    snapshots: Vec<(Snapshot, Model)>,
    walks: Vec<Walk>,
}

/// A cursor, and the record it stands behind.
#[derive(Debug)]
struct Walk {
    query: Query,
    cursor: Cursor,
    last: Option<SessionLog>,
}

/// Runs the operations that `bytes` hold, comparing at every step.
pub fn run(bytes: &[u8]) {
    let first = bytes.first().copied().unwrap_or(0);
    let durability = match first % 2 {
        1 => Durability::Eventual,
        _ => Durability::Immediate,
    };
    let delta_sessions_max = [1, 9, 1_000][usize::from(first / 2 % 3)];
    let mut world = World::new(durability, delta_sessions_max);
    for op in Bytes::new(bytes).ops() {
        world.step(op);
    }
    world.finish();
}

impl World {
    pub fn new(durability: Durability, delta_sessions_max: usize) -> Self {
        let storage = Arc::new(MemoryStorage::default());
        let (clock, ids) = (ManualClock::default(), Consecutive::default());
        let options = Store::options().clock(clock.clone()).ids(ids);
        // Nodes are small, so that a few sessions make trees of several levels; merges come at the
        // same steps in every run.
        let options = options.shape(4, 3).merge(Merge::Inline);
        let options = options.durability(durability);
        let options = options.delta_sessions_max(delta_sessions_max);
        let store = options.clone().create_on(storage.clone());
        Self {
            store: store.unwrap(),
            storage,
            clock,
            options,
            model: Model::default(),
            snapshots: Vec::new(),
            walks: Vec::new(),
        }
    }

    pub fn step(&mut self, op: Op) {
        match op {
            Op::Append(log) => {
                same(self.store.append(log.clone()), self.model.append(log));
            }
            Op::Batch(logs) => self.batch(logs),
            Op::Start(user, name, client) => self.start(user, name, client),
            Op::StartAs(refer_uid, user, name, client) => {
                let log = self.starting(refer_uid, user, name, client);
                let started = self.store.start_as(refer_uid, user, name, client);
                same(started, self.model.start(log));
            }
            Op::End(refer_uid, at) => {
                same(self.store.end(refer_uid, at), self.model.end(refer_uid, at));
            }
            Op::EndOpen(query, at) => {
                if let Ok(query) = query.build() {
                    let ended = self.store.end_open(&query, at);
                    same(ended, self.model.end_open(&query, at));
                }
            }
            Op::Remove(refer_uid) => {
                same(self.store.remove(refer_uid), self.model.remove(refer_uid));
            }
            Op::RemoveAll => {
                for log in self.model.0.clone() {
                    let refer_uid = log.refer_uid;
                    same(self.store.remove(refer_uid), self.model.remove(refer_uid));
                }
            }
            Op::Wait(time) => self.clock.advance(time),
            Op::Flush => self.store.flush().unwrap(),
            Op::Reopen => self.reopen(),
            Op::Snapshot => {
                let snapshot = self.store.snapshot().unwrap();
                self.snapshots.push((snapshot, self.model.clone()));
            }
            Op::Walk(query) => {
                if let Ok(query) = query.build() {
                    let (cursor, last) = (Cursor::start(&query), None);
                    self.walks.push(Walk {
                        query,
                        cursor,
                        last,
                    });
                }
            }
            Op::Ask(query) => {
                if let Ok(query) = query.build() {
                    check_answer(&self.store.snapshot().unwrap(), &self.model, &query);
                }
            }
        }
        self.walk_on();
    }

    fn batch(&mut self, logs: Vec<SessionLog>) {
        match (
            self.store.append_batch(logs.clone()),
            self.model.batch(logs),
        ) {
            (Ok(outcomes), Ok(expected)) => assert_eq!(outcomes, expected),
            (Err(error), Err(expected)) => {
                let refused = error.refusals().iter();
                let refused: Vec<(usize, Refused)> = refused
                    .map(|refusal| {
                        (
                            refusal.index,
                            (refusal.error.kind(), refusal.error.member()),
                        )
                    })
                    .collect();
                assert_eq!(refused, expected);
                assert_eq!(error.kind(), expected[0].1.0);
            }
            (got, expected) => panic!("{got:?}, expected {expected:?}"),
        }
    }

    fn start(&mut self, user: Uuid, name: &str, client: &str) {
        match self.store.start(user, name, client) {
            Ok(refer_uid) => {
                let log = self.starting(refer_uid, user, name, client);
                self.model.start(log).unwrap();
            }
            Err(error) => {
                let log = self.starting(Uuid::from_u128(1 << 100), user, name, client);
                let expected = self.model.start(log).unwrap_err();
                assert_eq!((error.kind(), error.member()), expected);
            }
        }
    }

    fn starting(&self, refer_uid: Uuid, user: Uuid, name: &str, client: &str) -> SessionLog {
        SessionLog {
            refer_uid,
            user_refer_uid: user,
            user: name.into(),
            client_refer_uid: client.into(),
            session_start: self.clock.now(),
            session_end: None,
        }
    }

    fn reopen(&mut self) {
        self.store.close().unwrap();
        assert!(self.store.count(&Query::all()).is_err());
        self.snapshots.clear();
        let opened = self.options.clone().open_on(self.storage.clone());
        self.store = opened.unwrap();
    }

    /// Takes one step of every walk: what comes is what the model has behind the last record now.
    fn walk_on(&mut self) {
        let size = 3;
        for walk in &mut self.walks {
            let page = self
                .store
                .page_after(&walk.query, &walk.cursor, size)
                .unwrap();
            let answer = self.model.answer(&walk.query);
            let key = |log: &SessionLog| (log.session_start, log.refer_uid);
            let behind = |log: &&SessionLog| match (&walk.last, walk.query.order()) {
                (None, _) => true,
                (Some(last), sessionlog::Order::OldestFirst) => key(log) > key(last),
                (Some(last), sessionlog::Order::NewestFirst) => key(log) < key(last),
            };
            let rest: Vec<SessionLog> = answer.iter().filter(behind).cloned().collect();
            let expected = &rest[..rest.len().min(size as usize)];
            assert_eq!(page.entries, expected);
            assert_eq!(
                page.remaining_record_count,
                (rest.len() - expected.len()) as u64
            );
            assert_eq!(page.total_record_count, answer.len() as u64);
            walk.last = page.entries.last().cloned().or(walk.last.take());
            walk.cursor = page.next.to_string().parse().unwrap();
        }
    }

    /// Compares everything with everything, twice: as it stands, and reopened.
    pub fn finish(mut self) {
        for (snapshot, model) in &self.snapshots {
            check_all(snapshot, model);
        }
        check_all(&self.store.snapshot().unwrap(), &self.model);
        self.reopen();
        check_all(&self.store.snapshot().unwrap(), &self.model);
        let stats = self.store.stats().unwrap();
        assert_eq!(stats.session_count, self.model.0.len() as u64);
    }
}

fn same<T: PartialEq + std::fmt::Debug>(got: Result<T, Error>, expected: Result<T, Refused>) {
    let got = got.map_err(|error| (error.kind(), error.member()));
    assert_eq!(got, expected);
}

/// Every session by its id, and every combination of filters that the operations can ask.
fn check_all(snapshot: &Snapshot, model: &Model) {
    for log in &model.0 {
        assert_eq!(snapshot.get(log.refer_uid).unwrap().as_ref(), Some(log));
    }
    assert_eq!(snapshot.get(Uuid::from_u128(u128::MAX)).unwrap(), None);
    for bits in 0_u8..32 {
        let [user, client, open, window, newest] = [1, 2, 4, 8, 16].map(|bit| bits & bit != 0);
        let noon = DateTime::UNIX_EPOCH;
        let query = Query::builder()
            .user_refer_uid(user.then_some(Uuid::from_u128(1)))
            .client_refer_uid(client.then_some("PDA-01"))
            .open_sessions_only(open)
            .started_after(window.then_some(noon - TimeDelta::hours(24)))
            .started_before(window.then_some(noon + TimeDelta::hours(24)))
            .order(match newest {
                true => sessionlog::Order::NewestFirst,
                false => sessionlog::Order::OldestFirst,
            });
        check_answer(snapshot, model, &query.build().unwrap());
    }
}

/// The answer to one query, by every call that gives it.
fn check_answer(snapshot: &Snapshot, model: &Model, query: &Query) {
    let answer = model.answer(query);
    let total = answer.len() as u64;
    assert_eq!(snapshot.count(query).unwrap(), total);
    let iterated: Result<Vec<SessionLog>, Error> = snapshot.iter(query).unwrap().collect();
    assert_eq!(iterated.unwrap(), answer);
    for size in [1_u32, 3, 7] {
        let pages: Vec<&[SessionLog]> = answer.chunks(size as usize).collect();
        for index in [
            0,
            1,
            pages.len() / 2,
            pages.len().saturating_sub(1),
            pages.len(),
            99,
        ] {
            let request = PageRequest::new(u32::try_from(index).unwrap(), size).unwrap();
            let page = snapshot.page(query, request).unwrap();
            assert_eq!(page.entries, pages.get(index).copied().unwrap_or_default());
            assert_eq!(page.total_record_count, total);
            assert_eq!(page.total_page_count, pages.len() as u64);
        }
    }
    for bucket in [Bucket::Hour, Bucket::Day, Bucket::Month] {
        check_buckets(snapshot, &answer, query, bucket);
    }
}

fn check_buckets(snapshot: &Snapshot, answer: &[SessionLog], query: &Query, bucket: Bucket) {
    let start = |log: &SessionLog| super::model::start_of(log, bucket);
    let expected: Vec<(DateTime<Utc>, u64)> = answer
        .chunk_by(|one, other| start(one) == start(other))
        .map(|logs| (start(&logs[0]), logs.len() as u64))
        .collect();
    let counts = snapshot.count_by(query, bucket).unwrap();
    let counts: Vec<(DateTime<Utc>, u64)> = counts
        .map(|count| count.unwrap())
        .map(|count| (count.start, count.count))
        .collect();
    assert_eq!(counts, expected);
}
