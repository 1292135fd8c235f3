//! A call that writes, on its way through a group.

use crate::error::{Error, ErrorKind, Result};
use crate::resolve::Resolver;
use chrono::{DateTime, Utc};
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

type Resolve = Box<dyn FnOnce(&mut Resolver<'_>) -> Result<()> + Send>;

/// What one caller wants to be committed.
pub(super) struct Call {
    resolve: Option<Resolve>,
    /// How many sessions it is about.
    pub(super) sessions: usize,
    /// When it came, where durability depends on that.
    pub(super) now: Option<DateTime<Utc>>,
    seat: Arc<Seat>,
    is_told: bool,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("sessions", &self.sessions)
            .field("now", &self.now)
            .finish_non_exhaustive()
    }
}

/// Where a caller waits.
#[derive(Debug, Default)]
pub(super) struct Seat {
    told: Mutex<Option<Told>>,
    bell: Condvar,
}

/// What a caller is told.
#[derive(Debug)]
pub(super) enum Told {
    /// To lead the next group, which its own call is the first of.
    Lead(Call),
    /// What became of its call.
    Done(Result<()>),
}

impl Call {
    pub(super) fn new(
        sessions: usize,
        now: Option<DateTime<Utc>>,
        resolve: impl FnOnce(&mut Resolver<'_>) -> Result<()> + Send + 'static,
    ) -> Self {
        Self {
            resolve: Some(Box::new(resolve)),
            sessions,
            now,
            seat: Arc::default(),
            is_told: false,
        }
    }

    pub(super) fn seat(&self) -> Arc<Seat> {
        Arc::clone(&self.seat)
    }

    /// Resolves the call, once.
    pub(super) fn resolve(&mut self, resolver: &mut Resolver<'_>) -> Result<()> {
        let resolve = self.resolve.take();
        resolve.map_or(Ok(()), |resolve| resolve(resolver))
    }

    /// Lets the caller lead.
    pub(super) fn lead(self) {
        self.seat().tell(Told::Lead(self));
    }

    /// Tells the caller what became of the call.
    pub(super) fn done(mut self, result: Result<()>) {
        self.is_told = true;
        self.seat.tell(Told::Done(result));
    }
}

/// Whoever drops a call without a word, by a panic, must not leave its caller waiting.
impl Drop for Call {
    fn drop(&mut self) {
        if self.is_told {
            return;
        }
        let given_up = Error::new(
            ErrorKind::Unavailable,
            "the commit was given up with an unknown outcome",
        );
        self.seat.tell(Told::Done(Err(given_up)));
    }
}

impl Seat {
    fn told(&self) -> MutexGuard<'_, Option<Told>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self, told: Told) {
        *self.told() = Some(told);
        self.bell.notify_one();
    }

    /// Waits to be told.
    pub(super) fn wait(&self) -> Told {
        let mut told = self.told();
        loop {
            match told.take() {
                Some(told) => return told,
                None => told = self.bell.wait(told).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}
