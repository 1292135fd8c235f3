//! How a store is opened whose every step is to be the same in every run.

use chrono::{DateTime, TimeDelta, Utc};
use sessionlog::{Clock, Durability, IdSource, Merge, Options, Store};
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

    pub fn time(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        self.time()
    }
}

/// Ids one after the other, far from those that the operations choose.
#[derive(Debug, Clone, Default)]
pub struct Consecutive(Arc<AtomicU64>);

impl Consecutive {
    /// The one that is given next.
    pub fn next(&self) -> Uuid {
        Uuid::from_u128(1 << 64 | u128::from(self.0.load(Ordering::Relaxed)))
    }
}

impl IdSource for Consecutive {
    fn refer_uid(&self, _: DateTime<Utc>) -> Uuid {
        let next = self.next();
        self.0.fetch_add(1, Ordering::Relaxed);
        next
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Settings {
    pub durability: Durability,
    pub delta_sessions_max: usize,
    pub cache_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            durability: Durability::Immediate,
            delta_sessions_max: 1_000,
            cache_bytes: 64 << 20,
        }
    }
}

impl Settings {
    pub fn options(self, clock: &ManualClock, ids: &Consecutive) -> Options {
        let options = Store::options().clock(clock.clone()).ids(ids.clone());
        // Nodes are small, so that a few sessions make trees of several levels; merges come at the
        // same steps in every run.
        let options = options.shape(4, 3).merge(Merge::Inline);
        let options = options.durability(self.durability);
        let options = options.cache_bytes(self.cache_bytes);
        options.delta_sessions_max(self.delta_sessions_max)
    }

    pub(super) fn swept_at_once(self) -> usize {
        swept_at_once(self.delta_sessions_max)
    }
}

/// How many sessions one commit looks at of a call that goes through many.
pub fn swept_at_once(delta_sessions_max: usize) -> usize {
    (delta_sessions_max / 4).clamp(1, 4_096)
}
