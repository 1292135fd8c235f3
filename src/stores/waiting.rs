//! A store's calls for code that is not async.

use super::SessionLogStore;
use crate::error::Result;
use tokio::runtime::Handle;

/// A store, and the runtime on which code that is not async waits for its answers.
///
/// ```
/// use sessionlog::stores::{Embedded, SessionLogStore, Waiting};
/// use sessionlog::{Query, Store};
///
/// let runtime = tokio::runtime::Runtime::new()?;
/// let store = Waiting::new(Embedded::new(Store::in_memory()?)?, runtime.handle().clone());
/// assert_eq!(store.wait(async |store| store.count(&Query::all()).await)?, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Waiting<S> {
    store: S,
    runtime: Handle,
}

impl<S: SessionLogStore> Waiting<S> {
    /// Waits on a runtime that has threads of its own: one that runs on the waiting thread alone would
    /// stand still meanwhile.
    #[must_use]
    pub fn new(store: S, runtime: Handle) -> Self {
        Self { store, runtime }
    }

    /// The store itself.
    #[must_use]
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Calls the store and waits for what that gives. Not from async code, which it would block.
    ///
    /// # Errors
    ///
    /// Those of the call.
    ///
    /// # Panics
    ///
    /// If it is called from async code.
    pub fn wait<T>(&self, call: impl AsyncFnOnce(&S) -> Result<T>) -> Result<T> {
        self.runtime.block_on(call(&self.store))
    }
}
