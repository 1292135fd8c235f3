//! How far a long call has come.

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
}

impl<'p> Steps<'p> {
    pub(crate) fn new(progress: &'p mut dyn FnMut(u64, u64)) -> Self {
        Self {
            done: 0,
            total: 0,
            told: 0,
            progress,
            panic: None,
        }
    }

    /// There are so many more.
    pub(crate) fn expect(&mut self, more: u64) {
        self.total = self.total.saturating_add(more);
    }

    /// So many are done.
    pub(crate) fn step(&mut self, steps: u64) {
        self.done = self.done.saturating_add(steps).min(self.total);
        if self.done - self.told >= TOLD_EVERY {
            self.tell();
        }
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
