//! The store of this process, for async code.

use super::pool::Pool;
use super::{SessionLogStore, StoreStats};
use crate::error::Result;
use crate::{
    Bucket, BucketCount, Busiest, ClientCount, Cursor, CursorPage, EndedOpen, Erased, Erasure,
    OpenSessions, Outcome, Page, PageRequest, Progress, Pruned, Query, RetainedMax, SessionLog,
    StaleEnd, Store, UserCount, Verification,
};
use chrono::{DateTime, TimeDelta, Utc};
use std::future::Future;
use tokio::runtime::Handle;
use uuid::Uuid;

/// A [`Store`] whose calls run on threads of their own, so that they block no async thread.
///
/// A handle, as the store is. A call that waits for a thread is not begun if its future is dropped;
/// one that was begun is finished. How many may wait is for the caller to bound.
///
/// ```
/// use sessionlog::stores::{Embedded, SessionLogStore};
/// use sessionlog::{Query, Store};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let store = Embedded::new(Store::in_memory()?)?;
/// assert_eq!(store.count(&Query::all()).await?, 0);
/// # Ok::<(), sessionlog::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Embedded {
    store: Store,
    pool: Pool,
}

impl Embedded {
    /// How many threads [`new`](Self::new) starts.
    pub const THREADS_DEFAULT: usize = 32;

    /// The store's calls on [`THREADS_DEFAULT`](Self::THREADS_DEFAULT) threads: they sleep when there
    /// is nothing to do, and a store that blocks blocks only them.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the system starts no more threads.
    pub fn new(store: Store) -> Result<Self> {
        Self::with_threads(store, Self::THREADS_DEFAULT)
    }

    /// The store's calls on so many threads, one at least.
    ///
    /// # Errors
    ///
    /// As [`Embedded::new`].
    pub fn with_threads(store: Store, threads: usize) -> Result<Self> {
        let pool = Pool::new(threads)?;
        Ok(Self { store, pool })
    }

    /// The store itself.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    async fn run<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Store) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let store = self.store.clone();
        self.pool.run(move || call(&store)).await
    }
}

impl SessionLogStore for Embedded {
    async fn work<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T> {
        // What else the work waits for, such as a timer, is the runtime's. Without one it waits for none, and
        // on such a thread it is done already.
        let Some(runtime) = Handle::try_current().ok().filter(|_| !Pool::is_here()) else {
            return Ok(work.await);
        };
        self.pool.run(move || Ok(runtime.block_on(work))).await
    }

    async fn append(&self, log: SessionLog) -> Result<Outcome> {
        self.run(move |store| store.append(log)).await
    }

    async fn append_batch(&self, logs: Vec<SessionLog>) -> Result<Vec<Outcome>> {
        self.run(move |store| store.append_batch(logs)).await
    }

    async fn start(&self, user_refer_uid: Uuid, user: &str, client: &str) -> Result<Uuid> {
        let (user, client) = (user.to_owned(), client.to_owned());
        self.run(move |store| store.start(user_refer_uid, &user, &client))
            .await
    }

    async fn start_as(
        &self,
        refer_uid: Uuid,
        user_refer_uid: Uuid,
        user: &str,
        client: &str,
    ) -> Result<Outcome> {
        let (user, client) = (user.to_owned(), client.to_owned());
        self.run(move |store| store.start_as(refer_uid, user_refer_uid, &user, &client))
            .await
    }

    async fn end(&self, refer_uid: Uuid, at: DateTime<Utc>) -> Result<Outcome> {
        self.run(move |store| store.end(refer_uid, at)).await
    }

    async fn end_open(&self, query: &Query, at: DateTime<Utc>) -> Result<EndedOpen> {
        let query = query.clone();
        self.run(move |store| store.end_open(&query, at)).await
    }

    async fn end_stale(
        &self,
        started_before: DateTime<Utc>,
        end: StaleEnd,
        progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<EndedOpen> {
        self.run(move |store| store.end_stale(started_before, end, progress))
            .await
    }

    async fn remove(&self, refer_uid: Uuid) -> Result<SessionLog> {
        self.run(move |store| store.remove(refer_uid)).await
    }

    async fn prune(
        &self,
        older_than: TimeDelta,
        open: OpenSessions,
        progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<Pruned> {
        self.run(move |store| store.prune(older_than, open, progress))
            .await
    }

    async fn retain_at_most(
        &self,
        max: RetainedMax,
        progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<Pruned> {
        self.run(move |store| store.retain_at_most(max, progress))
            .await
    }

    async fn erase_user(
        &self,
        user_refer_uid: Uuid,
        erasure: Erasure,
        progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<Erased> {
        self.run(move |store| store.erase_user(user_refer_uid, erasure, progress))
            .await
    }

    async fn flush(&self) -> Result<()> {
        self.run(Store::flush).await
    }

    async fn get(&self, refer_uid: Uuid) -> Result<Option<SessionLog>> {
        self.run(move |store| store.get(refer_uid)).await
    }

    async fn page(&self, query: &Query, page: PageRequest) -> Result<Page> {
        let query = query.clone();
        self.run(move |store| store.page(&query, page)).await
    }

    async fn page_after(
        &self,
        query: &Query,
        cursor: &Cursor,
        records_per_page: u32,
    ) -> Result<CursorPage> {
        let (query, cursor) = (query.clone(), cursor.clone());
        self.run(move |store| store.page_after(&query, &cursor, records_per_page))
            .await
    }

    async fn count(&self, query: &Query) -> Result<u64> {
        let query = query.clone();
        self.run(move |store| store.count(&query)).await
    }

    async fn count_by(&self, query: &Query, bucket: Bucket) -> Result<Vec<BucketCount>> {
        let query = query.clone();
        self.run(move |store| store.count_by(&query, bucket)?.collect())
            .await
    }

    async fn busiest_users(&self, query: &Query, count: usize) -> Result<Busiest<UserCount>> {
        let query = query.clone();
        self.run(move |store| store.busiest_users(&query, count))
            .await
    }

    async fn busiest_clients(&self, query: &Query, count: usize) -> Result<Busiest<ClientCount>> {
        let query = query.clone();
        self.run(move |store| store.busiest_clients(&query, count))
            .await
    }

    async fn users_named(&self, user: &str) -> Result<Vec<Uuid>> {
        let user = user.to_owned();
        self.run(move |store| store.users_named(&user)).await
    }

    async fn stats(&self) -> Result<StoreStats> {
        let stats = self.run(Store::stats).await?;
        Ok(StoreStats {
            session_count: stats.session_count,
            open_session_count: stats.open_session_count,
            stored_bytes: stats.file_bytes,
        })
    }

    async fn verify(
        &self,
        progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<Verification> {
        self.run(move |store| store.verify(progress)).await
    }
}
