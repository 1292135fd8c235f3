//! A store and its model, side by side.

use super::bytes::{Bytes, Op};
use super::checks::{check_all, check_answer};
use super::doubt::tells_what_was_written;
use super::model::{Model, Refused};
use super::settings::{Consecutive, ManualClock, Settings};
use super::sweeps::Sweep;
use super::upkeep::Taken;
use sessionlog::storage::{MemoryStorage, Storage};
use sessionlog::{Cursor, Durability, Error, PageRequest, Query, RetainedMax, SessionLog, Store};
use std::fmt::Debug;
use std::sync::Arc;
use uuid::Uuid;

#[derive(Debug)]
pub struct World {
    pub(super) storage: Arc<dyn Storage>,
    pub(super) clock: ManualClock,
    pub(super) ids: Consecutive,
    pub(super) settings: Settings,
    /// None after an opening that failed.
    pub(super) store: Option<Store>,
    /// What the store shows.
    pub(super) model: Model,
    /// What it may come to show besides: what became of a write that failed is not known yet.
    pub(super) doubts: Vec<Model>,
    /// What it showed since all of it was durable: a loss of power may go back to that.
    pub(super) at_risk: Vec<Model>,
    /// Whether calls may fail because the storage does.
    pub(super) can_fail: bool,
    /// Whether the model was compared since the last call that failed.
    pub(super) is_seen: bool,
    /// The states that the last step came through.
    pub(super) passed: Vec<Model>,
    pub(super) snapshots: Vec<Taken>,
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
    let settings = Settings {
        durability: match first % 2 {
            1 => Durability::Eventual,
            _ => Durability::Immediate,
        },
        delta_sessions_max: [1, 9, 1_000][usize::from(first / 2 % 3)],
        ..Settings::default()
    };
    let mut world = World::create(Arc::new(MemoryStorage::default()), settings).unwrap();
    for op in Bytes::new(bytes).ops() {
        world.step(op);
    }
    world.finish();
}

impl World {
    /// # Errors
    ///
    /// Those of making a store.
    pub fn create(storage: Arc<dyn Storage>, settings: Settings) -> Result<Self, Error> {
        let (clock, ids) = (ManualClock::default(), Consecutive::default());
        let store = settings.options(&clock, &ids).create_on(storage.clone())?;
        Ok(Self {
            store: Some(store),
            ..Self::closed(storage, settings, clock, ids)
        })
    }

    pub(super) fn closed(
        storage: Arc<dyn Storage>,
        settings: Settings,
        clock: ManualClock,
        ids: Consecutive,
    ) -> Self {
        Self {
            storage,
            clock,
            ids,
            settings,
            store: None,
            model: Model::default(),
            doubts: Vec::new(),
            at_risk: Vec::new(),
            can_fail: false,
            is_seen: true,
            passed: Vec::new(),
            snapshots: Vec::new(),
            walks: Vec::new(),
        }
    }

    /// The store, which is open.
    pub(super) fn store(&self) -> Store {
        self.store.clone().unwrap()
    }

    pub fn session_count(&self) -> usize {
        self.model.0.len()
    }

    pub fn step(&mut self, op: Op) {
        self.passed.clear();
        if !self.is_known() {
            return;
        }
        match op {
            Op::Append(log) => self.write(
                |store| store.append(log.clone()),
                |model| model.append(log.clone()),
            ),
            Op::Batch(logs) => self.batch(logs),
            Op::Start(user, name, client) => self.start(user, name, client),
            Op::StartAs(refer_uid, user, name, client) => {
                let log = self.starting(refer_uid, user, name, client);
                self.write(
                    |store| store.start_as(refer_uid, user, name, client),
                    |model| model.start(log),
                );
            }
            Op::End(refer_uid, at) => self.write(
                |store| store.end(refer_uid, at),
                |model| model.end(refer_uid, at),
            ),
            Op::EndOpen(query, at) => {
                if let Ok(query) = query.build() {
                    self.write(
                        |store| store.end_open(&query, at),
                        |model| model.end_open(&query, at),
                    );
                }
            }
            Op::Remove(refer_uid) => self.remove(refer_uid),
            Op::RemoveAll => {
                for log in self.model.0.clone() {
                    if self.is_known() {
                        self.remove(log.refer_uid);
                    }
                }
            }
            Op::Prune(older_than, open) => {
                let (at_once, now) = (self.settings.swept_at_once(), self.clock.time());
                self.sweep(
                    |store| store.prune(older_than, open, |_| ()),
                    |model| model.prune(at_once, (older_than, open), now),
                );
            }
            Op::Retain(max) => {
                let at_once = self.settings.swept_at_once();
                self.sweep(
                    |store| store.retain_at_most(RetainedMax::Sessions(max), |_| ()),
                    |model| model.retain(at_once, max),
                );
            }
            Op::EndStale(before, end) => {
                let at_once = self.settings.swept_at_once();
                self.sweep(
                    |store| store.end_stale(before, end, |_| ()),
                    |model| model.end_stale(at_once, before, end),
                );
            }
            Op::Wait(time) => self.clock.advance(time),
            Op::Flush => {
                let flushed = self.store().flush();
                if self.unless_failed(flushed).is_some() {
                    self.all_is_durable();
                }
            }
            Op::Reopen => self.reopen(self.settings),
            Op::Suspend => self.suspend(),
            Op::Snapshot => {
                let taken = self.store().snapshot();
                if let Some(snapshot) = self.unless_failed(taken) {
                    self.snapshots.push(Taken {
                        snapshot,
                        model: self.model.clone(),
                        can_expire: self.can_fail,
                    });
                }
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
                    self.ask(&query);
                }
            }
            Op::Compact => self.rewrite(|store| store.compact(|_| ())),
            Op::Rebuild => self.rewrite(|store| store.rebuild(|_| ())),
            Op::Erase(user, erasure) => self.erase(user, erasure),
            Op::Backup => self.back_up(),
        }
        self.walk_on();
    }

    /// Makes one call of both that is one commit.
    fn write<T: PartialEq + Debug>(
        &mut self,
        call: impl FnOnce(&Store) -> Result<T, Error>,
        expected: impl FnOnce(&mut Model) -> Result<T, Refused>,
    ) {
        let expected = |model: &mut Model| expected(model).map(|answer| (answer, Vec::new()));
        self.sweep(
            |store| call(store).inspect_err(tells_what_was_written),
            expected,
        );
    }

    /// Makes one call of both that may be several commits.
    pub(super) fn sweep<T: PartialEq + Debug>(
        &mut self,
        call: impl FnOnce(&Store) -> Result<T, Error>,
        expected: impl FnOnce(&mut Model) -> Sweep<T>,
    ) {
        let before = self.model.clone();
        let got = call(&self.store());
        let (expected, states) = match expected(&mut self.model) {
            Ok((answer, states)) => (Ok(answer), states),
            Err(refused) => (Err(refused), Vec::new()),
        };
        match got {
            Err(error) if self.is_failure(&error) => self.failed(before, states, &error),
            got => {
                let got = got.map_err(|error| (error.kind(), error.member()));
                assert_eq!(got, expected);
                self.succeeded(before, states);
            }
        }
    }

    fn remove(&mut self, refer_uid: Uuid) {
        self.write(
            |store| store.remove(refer_uid),
            |model| model.remove(refer_uid),
        );
    }

    fn batch(&mut self, logs: Vec<SessionLog>) {
        let before = self.model.clone();
        let got = self.store().append_batch(logs.clone());
        let got = got.inspect_err(tells_what_was_written);
        match (got, self.model.batch(logs)) {
            (Err(error), _) if self.is_failure(&error) => {
                self.failed(before, Vec::new(), &error);
            }
            (Ok(outcomes), Ok(expected)) => {
                assert_eq!(outcomes, expected);
                self.succeeded(before, Vec::new());
            }
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
        let log = self.starting(self.ids.next(), user, name, client);
        let refer_uid = log.refer_uid;
        self.write(
            |store| store.start(user, name, client),
            |model| model.start(log).map(|_| refer_uid),
        );
    }

    fn starting(&self, refer_uid: Uuid, user: Uuid, name: &str, client: &str) -> SessionLog {
        SessionLog {
            refer_uid,
            user_refer_uid: user,
            user: name.into(),
            client_refer_uid: client.into(),
            session_start: self.clock.time(),
            session_end: None,
        }
    }

    /// While the storage may fail, each call has to be asked by itself.
    fn ask(&mut self, query: &Query) {
        if !self.can_fail {
            let snapshot = self.store().snapshot().unwrap();
            return check_answer(&snapshot, &self.model, query).unwrap();
        }
        let answer = self.model.answer(query);
        let counted = self.store().count(query);
        let counted = self.unless_failed(counted);
        assert!(counted.is_none_or(|count| count == answer.len() as u64));
        let page = self.store().page(query, PageRequest::new(0, 5).unwrap());
        if let Some(page) = self.unless_failed(page) {
            assert_eq!(page.entries, answer[..answer.len().min(5)]);
        }
    }

    /// Takes one step of every walk: what comes is what the model has behind the last record now.
    fn walk_on(&mut self) {
        let size = 3;
        let mut walks = std::mem::take(&mut self.walks);
        for walk in &mut walks {
            if !self.is_known() {
                break;
            }
            let page = self.store().page_after(&walk.query, &walk.cursor, size);
            let Some(page) = self.unless_failed(page) else {
                continue;
            };
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
        self.walks = walks;
    }

    /// No walk goes on.
    pub fn forget_walks(&mut self) {
        self.walks.clear();
    }

    /// Compares everything with everything, twice: as it stands, and reopened.
    pub fn finish(mut self) {
        self.check();
        self.reopen(self.settings);
        check_all(&self.store().snapshot().unwrap(), &self.model).unwrap();
        let stats = self.store().stats().unwrap();
        assert_eq!(stats.session_count, self.model.0.len() as u64);
    }
}
