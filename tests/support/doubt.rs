//! A world whose storage fails: what is not known then, and how it comes to be known.

use super::bytes::Op;
use super::checks::{check_all, queries};
use super::model::Model;
use super::settings::Settings;
use super::world::World;
use chrono::{DateTime, TimeDelta, Utc};
use sessionlog::storage::Storage;
use sessionlog::{Durability, Error, ErrorKind, Query, SessionLog, StaleEnd};
use std::sync::Arc;

/// One commit that the storage has kept from succeeding says what became of it.
pub(super) fn tells_what_was_written(error: &Error) {
    let texts = [
        "nothing was written",
        "has written nothing",
        "unknown",
        "not be durable",
    ];
    let text = error.to_string();
    let is_told = texts.iter().any(|told| text.contains(told));
    assert!(
        is_told || error.kind() != ErrorKind::Unavailable,
        "{error:?}"
    );
}

impl World {
    /// The storage fails from now on, or it does no longer: then no call may.
    pub fn set_can_fail(&mut self, can_fail: bool) {
        self.can_fail = can_fail;
        if can_fail {
            self.let_snapshots_expire();
        }
    }

    /// Whether a call may have failed so.
    pub(super) fn is_failure(&self, error: &Error) -> bool {
        self.can_fail && error.kind() == ErrorKind::Unavailable
    }

    /// What a call answers; nothing if it failed because the storage did.
    pub(super) fn unless_failed<T>(&mut self, got: Result<T, Error>) -> Option<T> {
        match got {
            Ok(answer) => Some(answer),
            Err(error) if self.is_failure(&error) => {
                self.is_seen = false;
                None
            }
            Err(error) => panic!("{error:?}"),
        }
    }

    /// A write has failed which the model has made, by way of these states.
    pub(super) fn failed(&mut self, before: Model, states: Vec<Model>, error: &Error) {
        self.is_seen = false;
        let after = std::mem::replace(&mut self.model, before);
        // What was undone again was there meanwhile.
        self.passed.extend(states.clone());
        self.passed.push(after.clone());
        // Of several commits the last alone is what the error is about.
        if !states.is_empty() || !error.to_string().contains("nothing was written") {
            self.doubts.extend(states);
            self.doubts.push(after);
        }
    }

    /// A call has succeeded which the model has made, by way of these states.
    pub(super) fn succeeded(&mut self, before: Model, states: Vec<Model>) {
        if self.model == before {
            return;
        }
        self.passed.extend(states.clone());
        self.passed.push(self.model.clone());
        // Nothing is written before it is known what became of what failed.
        let shown_before = std::mem::take(&mut self.doubts);
        match self.settings.durability {
            Durability::Immediate => self.at_risk.clear(),
            Durability::Eventual => {
                self.at_risk.extend(shown_before);
                self.at_risk.push(before);
                self.at_risk.extend(states);
            }
        }
    }

    pub(super) fn all_is_durable(&mut self) {
        self.doubts.clear();
        self.at_risk.clear();
    }

    /// Whether the store is open and the model is what it shows. Not so while the storage keeps that
    /// from being seen.
    pub(super) fn is_known(&mut self) -> bool {
        match self.store {
            None => self.open(),
            Some(_) => (self.is_seen && self.doubts.is_empty()) || self.look(),
        }
    }

    /// Finds out which of the states that can be the store shows.
    fn look(&mut self) -> bool {
        let all = Query::all();
        let logs = self.store().iter(&all);
        let logs = logs.and_then(|logs| logs.collect::<Result<Vec<SessionLog>, Error>>());
        // An iterator ends if the main index is opened again meanwhile.
        if let Err(error) = &logs
            && self.can_fail
            && error.kind() == ErrorKind::Expired
        {
            return false;
        }
        let Some(logs) = self.unless_failed(logs) else {
            return false;
        };
        let mut possible = std::mem::take(&mut self.doubts);
        possible.insert(0, self.model.clone());
        let shown = possible.iter().position(|model| model.answer(&all) == logs);
        let Some(shown) = shown else {
            let possible: Vec<Vec<SessionLog>> =
                possible.iter().map(|model| model.answer(&all)).collect();
            panic!("the store shows {logs:#?}\nand may show {possible:#?}");
        };
        self.model = possible.swap_remove(shown);
        possible.retain(|model| *model != self.model);
        self.doubts = possible;
        self.is_seen = true;
        true
    }

    /// Closes the store, and opens it with other settings.
    pub fn reopen(&mut self, settings: Settings) {
        self.settings = settings;
        self.snapshots.clear();
        if let Some(store) = self.store.take() {
            let closed = store.close();
            assert!(store.count(&Query::all()).is_err());
            if self.unless_failed(closed).is_some() {
                self.at_risk.clear();
            }
        }
        self.open();
    }

    /// Nothing can be called while the store is suspended, and it is as it was once it is resumed.
    pub(super) fn suspend(&mut self) {
        let store = self.store();
        let suspended = store.suspend();
        let kind = |error: Error| error.kind();
        let count = store.count(&Query::all()).map_err(kind);
        assert_eq!(count, Err(ErrorKind::Suspended));
        for taken in self.snapshots.drain(..) {
            let count = taken.snapshot.count(&Query::all()).map_err(kind);
            assert_eq!(count, Err(ErrorKind::Suspended));
        }
        if self.unless_failed(suspended).is_some() {
            self.at_risk.clear();
        }
        let resumed = store.resume();
        match self.unless_failed(resumed) {
            Some(()) => drop(self.is_opened()),
            None => self.reopen(self.settings),
        }
    }

    fn open(&mut self) -> bool {
        let options = self.settings.options(&self.clock, &self.ids);
        let opened = options.open_on(Arc::clone(&self.storage));
        self.store = self.unless_failed(opened);
        self.is_opened()
    }

    fn is_opened(&mut self) -> bool {
        let is_known = self.store.is_some() && self.look();
        if is_known {
            self.all_is_durable();
        }
        is_known
    }

    /// What another process can find once this one was killed.
    pub fn after_kill(&self) -> Vec<Model> {
        let known = [self.model.clone()];
        known.into_iter().chain(self.doubts.clone()).collect()
    }

    /// What is left after a loss of power: what was acknowledged as durable, with what came then or
    /// without.
    pub fn after_power_loss(&self) -> Vec<Model> {
        let mut possible = self.after_kill();
        possible.extend(self.at_risk.clone());
        possible
    }

    /// What a loss of power during the last step can have left, besides what came before and after.
    pub fn passed(&self) -> &[Model] {
        &self.passed
    }

    /// A world of the same time with another storage, which holds one of these states.
    pub fn with(
        &self,
        storage: Arc<dyn Storage>,
        settings: Settings,
        possible: Vec<Model>,
    ) -> Self {
        let (clock, ids) = (self.clock.clone(), self.ids.clone());
        let mut world = Self::closed(Arc::clone(&storage), settings, clock, ids);
        world.move_to(storage, settings, possible, false);
        world
    }

    /// The process has ended, and another goes on with another storage, which holds one of these
    /// states and may fail. What was at risk is so until it is open.
    pub fn move_to(
        &mut self,
        storage: Arc<dyn Storage>,
        settings: Settings,
        mut possible: Vec<Model>,
        can_fail: bool,
    ) {
        self.snapshots.clear();
        self.store = None;
        self.storage = storage;
        self.settings = settings;
        self.model = possible.swap_remove(0);
        self.doubts = possible;
        self.can_fail = can_fail;
        self.is_seen = false;
        self.open();
    }

    /// Ends what is open, and removes the oldest until so many sessions are left.
    pub fn make_room(&mut self, sessions: u64) {
        let end = StaleEnd::AfterStart(TimeDelta::seconds(1));
        self.step(Op::EndStale(DateTime::<Utc>::MAX_UTC, end));
        self.step(Op::Retain(sessions));
    }

    /// The store shows what it must, and every table of it agrees with every other.
    pub fn check_soundness(&mut self) {
        if !self.is_known() {
            return;
        }
        for query in queries().step_by(3) {
            let count = self.store().count(&query);
            let expected = self.model.answer(&query).len() as u64;
            let count = self.unless_failed(count);
            assert!(count.is_none_or(|count| count == expected));
        }
        let verified = self.store().verify(|_| ());
        if let Some(verified) = self.unless_failed(verified) {
            assert_eq!(verified.faults, Vec::<String>::new());
            assert_eq!(verified.session_count, self.model.0.len() as u64);
        }
        self.check_snapshots();
    }

    /// Compares everything with everything. The storage must not fail.
    pub fn check(&mut self) {
        assert!(!self.can_fail && self.is_known());
        for taken in &self.snapshots {
            match check_all(&taken.snapshot, &taken.model) {
                Err(error) if taken.can_expire && error.kind() == ErrorKind::Expired => {}
                checked => checked.unwrap(),
            }
        }
        check_all(&self.store().snapshot().unwrap(), &self.model).unwrap();
    }

    /// Lets go of what snapshots hold.
    pub fn forget_snapshots(&mut self) {
        self.snapshots.clear();
    }
}
