//! The views that snapshots and iterators hold: how many there are, since when, and their end.
//!
//! A view keeps the pages that it reads from being used again, and so makes the file grow for as long
//! as it is held.

use crate::error::{Error, Result};
use crate::life::Opened;
use crate::time::Clock;
use crate::view::View;
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};

/// A view in the hands of whoever reads it.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// For one call.
    Passing(Arc<View>),
    /// For as long as the caller keeps it, or the store lets it live.
    Held(Arc<Held>),
}

impl Source {
    /// As [`View::read`].
    ///
    /// # Errors
    ///
    /// `Expired` too if the view was held for too long.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&View) -> Result<T>) -> Result<T> {
        match self {
            Self::Passing(view) => view.read(read),
            Self::Held(held) => held.view()?.read(read),
        }
    }
}

/// A view that somebody holds.
#[derive(Debug)]
pub(crate) struct Held {
    /// Taken away once it has lived for too long, or with the end of its opening.
    view: RwLock<Option<Arc<View>>>,
    opened: Opened,
    since: DateTime<Utc>,
    number: u64,
    holders: Arc<Holders>,
}

impl Held {
    fn view(&self) -> Result<Arc<View>> {
        self.opened.check()?;
        self.expire_if_old();
        let view = self.view.read().unwrap_or_else(PoisonError::into_inner);
        // The opening may have ended since.
        view.clone()
            .ok_or_else(|| self.opened.check().err().unwrap_or_else(expired))
    }

    /// Takes the view away if it was held for too long.
    fn expire_if_old(&self) {
        let Some(max) = self.holders.age_max else {
            return;
        };
        if self.holders.clock.now() - self.since > max {
            self.take_away();
        }
    }

    fn take_away(&self) {
        let mut held = self.view.write().unwrap_or_else(PoisonError::into_inner);
        let view = held.take();
        drop(held);
        // It may be the last of its state: there is work to be done then, with nothing locked.
        drop(view);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.holders.lock().remove(&self.number);
    }
}

/// All views of a store that are held.
#[derive(Debug)]
pub(crate) struct Holders {
    age_max: Option<TimeDelta>,
    clock: Arc<dyn Clock>,
    /// By number, which says in what order they were taken.
    held: Mutex<BTreeMap<u64, Weak<Held>>>,
}

impl Holders {
    pub(crate) fn new(age_max: Option<TimeDelta>, clock: Arc<dyn Clock>) -> Self {
        Self {
            age_max,
            clock,
            held: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Weak<Held>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a view out.
    pub(crate) fn hold(self: &Arc<Self>, view: Arc<View>) -> Source {
        let since = self.clock.now();
        let mut all = self.lock();
        let number = all.last_key_value().map_or(0, |(last, _)| last + 1);
        let held = Arc::new(Held {
            opened: view.opened().clone(),
            view: RwLock::new(Some(view)),
            since,
            number,
            holders: Arc::clone(self),
        });
        all.insert(number, Arc::downgrade(&held));
        Source::Held(held)
    }

    /// How many are held, and since when the first of them.
    pub(crate) fn count_and_oldest(&self) -> (u64, Option<DateTime<Utc>>) {
        let held = self.alive();
        let oldest = held.iter().map(|held| held.since).min();
        (held.len() as u64, oldest)
    }

    /// Takes away those that were held for too long.
    pub(crate) fn expire(&self) {
        if self.age_max.is_some() {
            self.alive().iter().for_each(|held| held.expire_if_old());
        }
    }

    /// Takes away all of them: the opening that they belong to has ended.
    pub(crate) fn end(&self) {
        self.alive().iter().for_each(|held| held.take_away());
    }

    /// Those whose view was not taken away. They are let go of where nothing is locked.
    fn alive(&self) -> Vec<Arc<Held>> {
        let all: Vec<Arc<Held>> = self.lock().values().filter_map(Weak::upgrade).collect();
        let has_view = |held: &Arc<Held>| {
            let view = held.view.read().unwrap_or_else(PoisonError::into_inner);
            view.is_some()
        };
        all.into_iter().filter(has_view).collect()
    }
}

fn expired() -> Error {
    Error::expired("it was held for longer than the store allows")
}
