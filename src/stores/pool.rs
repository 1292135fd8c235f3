//! Threads on which calls may block: the async threads never do.
//!
//! A runtime's own pool for that wakes a thread for each call, which takes longer than the call. Here a
//! thread that is done takes the next call, and one is woken only if none is on its way: under load
//! hardly any is.

use crate::error::{Error, ErrorKind, Result};
use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use tokio::sync::oneshot;

type Call = Box<dyn FnOnce() + Send>;

thread_local! {
    /// Whether this thread is one of a pool.
    static IS_ONE: Cell<bool> = const { Cell::new(false) };
}

/// A handle on the threads, which end with the last of its clones.
#[derive(Debug, Clone)]
pub(super) struct Pool(Arc<Owner>);

impl Pool {
    /// So many threads, one at least.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the system starts none.
    pub(super) fn new(threads: usize) -> Result<Self> {
        let owner = Owner(Arc::default());
        for _ in 0..threads.max(1) {
            let queue = Arc::clone(&owner.0);
            let thread = thread::Builder::new().name("sessionlog-call".to_owned());
            thread.spawn(move || queue.run()).map_err(|error| {
                let message = format!("a thread for calls cannot be started: {error}");
                Error::new(ErrorKind::Unavailable, message).caused_by(error)
            })?;
        }
        Ok(Self(Arc::new(owner)))
    }

    /// Whether this thread is one of a pool: then calls may block it.
    pub(super) fn is_here() -> bool {
        IS_ONE.get()
    }

    /// Runs a call as soon as a thread is free, and answers what it gives. If nobody waits for that any
    /// more it is not begun; once it is, it is finished. How many wait is for the caller to bound. On a
    /// thread of a pool it is run at once, there.
    ///
    /// # Errors
    ///
    /// Those of the call; `Unavailable` if it panics.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        call: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        if Self::is_here() {
            return call();
        }
        let (answer, answered) = oneshot::channel();
        let call = Box::new(move || {
            if !answer.is_closed() {
                // Nobody may be there to hear it any more.
                let _ = answer.send(call());
            }
        });
        self.0.0.push(call);
        let unanswered = "the call ended without an answer";
        let unanswered = |_| Err(Error::new(ErrorKind::Unavailable, unanswered));
        answered.await.unwrap_or_else(unanswered)
    }
}

/// Ends the threads when it is dropped.
struct Owner(Arc<Queue>);

impl fmt::Debug for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Owner").finish_non_exhaustive()
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.state().is_closed = true;
        self.0.more.notify_all();
    }
}

/// The calls that wait, and the threads that wait for calls.
#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    more: Condvar,
}

#[derive(Default)]
struct State {
    calls: VecDeque<Call>,
    asleep: usize,
    /// Whether a thread was woken that has not looked for a call yet.
    is_waking: bool,
    is_closed: bool,
}

impl State {
    /// Whether a thread is to be woken for the calls that there are. It will see to the next one.
    fn wake(&mut self) -> bool {
        let wake = !self.calls.is_empty() && self.asleep > 0 && !self.is_waking;
        self.is_waking |= wake;
        wake
    }
}

impl Queue {
    /// Nothing panics that holds it.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, call: Call) {
        let mut state = self.state();
        state.calls.push_back(call);
        self.wake(state);
    }

    fn wake(&self, mut state: MutexGuard<'_, State>) {
        let wake = state.wake();
        drop(state);
        if wake {
            self.more.notify_one();
        }
    }

    /// Takes one call after the other, until there are none and none can come. One that panics takes
    /// nothing with it but its own answer: what it was told of it is dropped.
    fn run(&self) {
        IS_ONE.set(true);
        while let Some(call) = self.next() {
            let _ = catch_unwind(AssertUnwindSafe(call));
        }
    }

    fn next(&self) -> Option<Call> {
        let mut state = self.state();
        loop {
            if let Some(call) = state.calls.pop_front() {
                // This call may block: the others do not wait for it.
                self.wake(state);
                return Some(call);
            }
            if state.is_closed {
                return None;
            }
            state.asleep += 1;
            state = self
                .more
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.asleep -= 1;
            state.is_waking = false;
        }
    }
}
