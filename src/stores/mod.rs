//! One store's calls for async code, whatever engine keeps the sessions (feature `async`).
//!
//! [`SessionLogStore`] is what a server is written against: today on [`Embedded`], a
//! [`Store`](crate::Store) in this process, and when one machine is not enough on PostgreSQL (feature
//! `postgres`), with the same records, the same rules and the same answers.
//!
//! ```
//! use sessionlog::stores::{Embedded, SessionLogStore};
//! use sessionlog::{PageRequest, Query, Result, Store};
//! use uuid::Uuid;
//!
//! async fn first_page_of(store: &impl SessionLogStore, user: Uuid) -> Result<u64> {
//!     let query = Query::builder().user_refer_uid(user).build()?;
//!     let page = store.page(&query, PageRequest::new(0, 50)?).await?;
//!     Ok(page.total_record_count)
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let store = Embedded::new(Store::in_memory()?)?;
//! let ann = Uuid::from_u128(7);
//! store.start(ann, "Ann", "PDA-01").await?;
//! assert_eq!(first_page_of(&store, ann).await?, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod embedded;
mod pool;
mod waiting;

pub use embedded::Embedded;
pub use waiting::Waiting;

use crate::{
    Bucket, BucketCount, Busiest, ClientCount, Cursor, CursorPage, EndedOpen, Erased, Erasure,
    OpenSessions, Outcome, Page, PageRequest, Progress, Pruned, Query, Result, RetainedMax,
    SessionLog, StaleEnd, UserCount, Verification,
};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use std::future::Future;
use uuid::Uuid;

/// What any store of session logs can be asked, wherever it keeps them.
///
/// A handle: clones are the same store, and all of them may be used from many tasks at once. Each
/// call is what its namesake of [`Store`](crate::Store) says, errors too; here is only what is
/// different. A write whose future is dropped before it is done may be done or not; writing the same
/// again is safe.
///
/// Answers of one call are of one state of the store. Those of two calls may not be: whoever goes
/// through many records does it by [`page_after`](Self::page_after), which holds nothing between two
/// calls.
pub trait SessionLogStore: Clone + Debug + Send + Sync + 'static {
    /// As [`Store::append`](crate::Store::append).
    ///
    /// # Errors
    ///
    /// As that. Over a network, `Unavailable` may leave unknown whether the record was written, and
    /// says so; appending the same again is safe.
    fn append(&self, log: SessionLog) -> impl Future<Output = Result<Outcome>> + Send;

    /// As [`Store::append_batch`](crate::Store::append_batch).
    ///
    /// # Errors
    ///
    /// As that, and as [`append`](Self::append).
    fn append_batch(
        &self,
        logs: Vec<SessionLog>,
    ) -> impl Future<Output = Result<Vec<Outcome>>> + Send;

    /// As [`Store::start`](crate::Store::start).
    ///
    /// # Errors
    ///
    /// As that, and as [`append`](Self::append): but where it is unknown whether the session has started,
    /// starting again would be another one. The message names its `refer_uid`, under which
    /// [`start_as`](Self::start_as) is safe; who chooses ids by itself uses that from the first.
    fn start(
        &self,
        user_refer_uid: Uuid,
        user: &str,
        client_refer_uid: &str,
    ) -> impl Future<Output = Result<Uuid>> + Send;

    /// As [`Store::start_as`](crate::Store::start_as).
    ///
    /// # Errors
    ///
    /// As that, and as [`append`](Self::append).
    fn start_as(
        &self,
        refer_uid: Uuid,
        user_refer_uid: Uuid,
        user: &str,
        client_refer_uid: &str,
    ) -> impl Future<Output = Result<Outcome>> + Send;

    /// As [`Store::end`](crate::Store::end).
    ///
    /// # Errors
    ///
    /// As that, and as [`append`](Self::append).
    fn end(
        &self,
        refer_uid: Uuid,
        at: DateTime<Utc>,
    ) -> impl Future<Output = Result<Outcome>> + Send;

    /// As [`Store::end_open`](crate::Store::end_open): in one commit.
    ///
    /// # Errors
    ///
    /// As that, and as [`append`](Self::append).
    fn end_open(
        &self,
        query: &Query,
        at: DateTime<Utc>,
    ) -> impl Future<Output = Result<EndedOpen>> + Send;

    /// As [`Store::end_stale`](crate::Store::end_stale).
    ///
    /// # Errors
    ///
    /// As that, and as [`append`](Self::append).
    fn end_stale(
        &self,
        started_before: DateTime<Utc>,
        end: StaleEnd,
        progress: impl FnMut(Progress) + Send + 'static,
    ) -> impl Future<Output = Result<EndedOpen>> + Send;

    /// As [`Store::remove`](crate::Store::remove).
    ///
    /// # Errors
    ///
    /// As that, and as [`append`](Self::append).
    fn remove(&self, refer_uid: Uuid) -> impl Future<Output = Result<SessionLog>> + Send;

    /// As [`Store::prune`](crate::Store::prune).
    ///
    /// # Errors
    ///
    /// As that, and as [`append`](Self::append).
    fn prune(
        &self,
        older_than: TimeDelta,
        open: OpenSessions,
        progress: impl FnMut(Progress) + Send + 'static,
    ) -> impl Future<Output = Result<Pruned>> + Send;

    /// As [`Store::retain_at_most`](crate::Store::retain_at_most).
    ///
    /// # Errors
    ///
    /// As that, and as [`append`](Self::append); `InvalidInput` for a measure that the engine does
    /// not have.
    fn retain_at_most(
        &self,
        max: RetainedMax,
        progress: impl FnMut(Progress) + Send + 'static,
    ) -> impl Future<Output = Result<Pruned>> + Send;

    /// As [`Store::erase_user`](crate::Store::erase_user).
    ///
    /// # Errors
    ///
    /// As that, and as [`append`](Self::append); `InvalidInput` for an erasure that the engine
    /// cannot promise.
    fn erase_user(
        &self,
        user_refer_uid: Uuid,
        erasure: Erasure,
        progress: impl FnMut(Progress) + Send + 'static,
    ) -> impl Future<Output = Result<Erased>> + Send;

    /// As [`Store::flush`](crate::Store::flush).
    ///
    /// # Errors
    ///
    /// As that.
    fn flush(&self) -> impl Future<Output = Result<()>> + Send;

    /// As [`Store::get`](crate::Store::get).
    ///
    /// # Errors
    ///
    /// As that.
    fn get(&self, refer_uid: Uuid) -> impl Future<Output = Result<Option<SessionLog>>> + Send;

    /// As [`Store::page`](crate::Store::page).
    ///
    /// # Errors
    ///
    /// As that.
    fn page(&self, query: &Query, page: PageRequest) -> impl Future<Output = Result<Page>> + Send;

    /// As [`Store::page_after`](crate::Store::page_after): a cursor of one engine goes on in another
    /// that has the same sessions.
    ///
    /// # Errors
    ///
    /// As that.
    fn page_after(
        &self,
        query: &Query,
        cursor: &Cursor,
        records_per_page: u32,
    ) -> impl Future<Output = Result<CursorPage>> + Send;

    /// As [`Store::count`](crate::Store::count).
    ///
    /// # Errors
    ///
    /// As that.
    fn count(&self, query: &Query) -> impl Future<Output = Result<u64>> + Send;

    /// As [`Store::count_by`](crate::Store::count_by), all at once: some 24 bytes for each bucket
    /// that is not empty.
    ///
    /// # Errors
    ///
    /// As that.
    fn count_by(
        &self,
        query: &Query,
        bucket: Bucket,
    ) -> impl Future<Output = Result<Vec<BucketCount>>> + Send;

    /// As [`Store::busiest_users`](crate::Store::busiest_users); of equal counts, which comes first
    /// is the engine's.
    ///
    /// # Errors
    ///
    /// As that.
    fn busiest_users(
        &self,
        query: &Query,
        count: usize,
    ) -> impl Future<Output = Result<Busiest<UserCount>>> + Send;

    /// As [`Store::busiest_clients`](crate::Store::busiest_clients); of equal counts, which comes
    /// first is the engine's.
    ///
    /// # Errors
    ///
    /// As that.
    fn busiest_clients(
        &self,
        query: &Query,
        count: usize,
    ) -> impl Future<Output = Result<Busiest<ClientCount>>> + Send;

    /// As [`Store::users_named`](crate::Store::users_named).
    ///
    /// # Errors
    ///
    /// As that.
    fn users_named(&self, user: &str) -> impl Future<Output = Result<Vec<Uuid>>> + Send;

    /// How much there is.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    fn stats(&self) -> impl Future<Output = Result<StoreStats>> + Send;

    /// Does work that calls this store, where its calls are made: an engine with threads of its own does
    /// all of it on one of them, so that it waits for them once, however many calls there are. It keeps
    /// that thread until it is done, so it is not to wait for what other calls of this store do.
    ///
    /// As a call: not begun if its future is dropped while it waits for a thread, finished once it is begun.
    /// An engine without such threads does it as any future is done.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the work panics on such a thread.
    fn work<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> impl Future<Output = Result<T>> + Send {
        async move { Ok(work.await) }
    }

    /// Checks the whole store: as [`Store::verify`](crate::Store::verify).
    ///
    /// # Errors
    ///
    /// As that.
    fn verify(
        &self,
        progress: impl FnMut(Progress) + Send + 'static,
    ) -> impl Future<Output = Result<Verification>> + Send;
}

/// How much a store holds: see [`SessionLogStore::stats`]. What else an engine can tell of itself, it
/// tells in its own words, as [`Stats`](crate::Stats).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StoreStats {
    /// Sessions in the store.
    pub session_count: u64,
    /// Those of them that are open.
    pub open_session_count: u64,
    /// Bytes that all of it takes where it is kept, indexes and room for growth included.
    pub stored_bytes: u64,
}
