//! How far a long call has come.

use crate::error::Result;
use crate::life::Opened;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Steps between two of which the caller is told.
const TOLD_EVERY: u64 = 1_024;

/// Tells a caller of steps and of how many there are.
pub(crate) struct Steps<'p> {
    done: u64,
    total: u64,
    told: u64,
    progress: &'p mut dyn FnMut(u64, u64),
    /// What the caller's code has panicked with.
    panic: Option<Box<dyn Any + Send>>,
    /// What the work is given up with.
    opened: Option<&'p Opened>,
}

impl<'p> Steps<'p> {
    pub(crate) fn new(progress: &'p mut dyn FnMut(u64, u64)) -> Self {
        Self {
            done: 0,
            total: 0,
            told: 0,
            progress,
            panic: None,
            opened: None,
        }
    }

    /// Work that is given up once the store is about to be suspended or closed.
    pub(crate) fn within(self, opened: &'p Opened) -> Self {
        Self {
            opened: Some(opened),
            ..self
        }
    }

    /// There are so many more.
    pub(crate) fn expect(&mut self, more: u64) {
        self.total = self.total.saturating_add(more);
    }

    /// So many are done.
    ///
    /// # Errors
    ///
    /// `Suspended` or `Closed` if no more are to be.
    pub(crate) fn step(&mut self, steps: u64) -> Result<()> {
        self.done = self.done.saturating_add(steps).min(self.total);
        if self.done - self.told >= TOLD_EVERY {
            self.tell();
        }
        self.opened.map_or(Ok(()), Opened::check_lasting)
    }

    /// All that were expected are done, or are not to be.
    pub(crate) fn finish(&mut self) {
        self.done = self.total;
        self.tell();
    }

    fn tell(&mut self) {
        self.told = self.done;
        if self.panic.is_none() {
            let (done, total) = (self.done, self.total);
            let told = catch_unwind(AssertUnwindSafe(|| (self.progress)(done, total)));
            self.panic = told.err();
        }
    }

    /// Lets a panic of the caller's code go on: within work on the store's files it would pass for
    /// damage.
    pub(crate) fn go_on_with_panic(&mut self) {
        if let Some(panic) = self.panic.take() {
            resume_unwind(panic);
        }
    }
}
