//! The store: its handle, and what can be called.

mod backup;
mod opening;
mod reading;
mod salvage;
mod upkeep;
mod writing;

pub use reading::Stats;

use crate::shared::Shared;
use std::sync::Arc;

/// A store of session logs.
///
/// A handle: clones are the same store, and all of them may be used from many threads at once.
/// Reads never wait for a write. Calls block on the storage; an async server runs them where
/// blocking is allowed:
///
/// ```no_run
/// # mod tokio { pub mod task { pub async fn spawn_blocking<T>(f: impl FnOnce() -> T) -> Result<T, ()> { Ok(f()) } } }
/// # use sessionlog::{Page, PageRequest, Query, Result, Store};
/// async fn first_page(store: &Store) -> Result<Page> {
///     let store = store.clone();
///     let page = move || store.page(&Query::all(), PageRequest::default());
///     tokio::task::spawn_blocking(page).await.expect("the call does not panic")
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Store(Arc<Handle>);

/// What the last handle of a store closes.
#[derive(Debug)]
struct Handle(Arc<Shared>);

impl Drop for Handle {
    fn drop(&mut self) {
        // There is nobody left to tell; the documentation of `close` says so.
        let _ = self.0.close();
    }
}

impl Store {
    fn shared(&self) -> &Arc<Shared> {
        &self.0.0
    }
}
