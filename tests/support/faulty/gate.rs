//! A gate that syncs wait at.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread;

#[derive(Debug, Default)]
pub(super) struct Gate {
    /// Those of files whose names begin so, while it is shut.
    shut: Mutex<Option<&'static str>>,
    bell: Condvar,
    waiting: AtomicU64,
}

impl Gate {
    pub(super) fn shut(&self, prefix: &'static str) {
        *self.shut.lock().unwrap() = Some(prefix);
    }

    pub(super) fn open(&self) {
        *self.shut.lock().unwrap() = None;
        self.bell.notify_all();
    }

    /// Returns once so many wait.
    pub(super) fn wait_for_waiting(&self, count: u64) {
        while self.waiting.load(Ordering::SeqCst) < count {
            thread::yield_now();
        }
    }

    pub(super) fn pass(&self, name: &str) {
        let mut shut = self.shut.lock().unwrap();
        self.waiting.fetch_add(1, Ordering::SeqCst);
        while shut.is_some_and(|prefix| name.starts_with(prefix)) {
            shut = self.bell.wait(shut).unwrap();
        }
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}
