//! A future that is finished even if nobody waits for it any more.
//!
//! A task of its own for each call would do the same, for a tenth more of the processor's time: it is
//! scheduled, and wakes the task that waits for it, once more for each request. Here a call becomes one
//! only when it is left behind.

use futures_util::FutureExt;
use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::runtime::Handle;

/// What goes on as a task of its own when it is dropped before it is done.
pub(super) struct Lasting<T: Send + 'static> {
    /// `None` once it is done.
    call: Option<Pin<Box<dyn Future<Output = Outcome<T>> + Send>>>,
    runtime: Handle,
}

/// What a call gives, or what it panicked with.
type Outcome<T> = Result<T, Box<dyn Any + Send>>;

impl<T: Send + 'static> Lasting<T> {
    /// # Panics
    ///
    /// Outside of a Tokio runtime.
    pub(super) fn new(call: impl Future<Output = T> + Send + 'static) -> Self {
        Self {
            call: Some(Box::pin(AssertUnwindSafe(call).catch_unwind())),
            runtime: Handle::current(),
        }
    }
}

impl<T: Send + 'static> Future for Lasting<T> {
    type Output = Outcome<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(call) = &mut self.call else {
            return Poll::Pending;
        };
        let polled = call.as_mut().poll(context);
        if polled.is_ready() {
            self.call = None;
        }
        polled
    }
}

impl<T: Send + 'static> Drop for Lasting<T> {
    fn drop(&mut self) {
        if let Some(call) = self.call.take() {
            drop(self.runtime.spawn(call.map(drop)));
        }
    }
}
