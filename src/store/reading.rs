//! Calls that read the latest state.

use super::Store;
use crate::census::{Busiest, ClientCount, UserCount};
use crate::cursor::{Cursor, CursorPage};
use crate::error::{ErrorKind, Result};
use crate::family::Family;
use crate::held::Source;
use crate::query::{Page, PageRequest, Query};
use crate::retention::RetentionStats;
use crate::session::SessionLog;
use crate::shared::{MergeStats, unavailable_if_expired};
use crate::snapshot::{BucketCounts, SessionLogs, Snapshot};
use crate::time::Bucket;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What a store holds and what it costs: see [`Store::stats`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Stats {
    /// The store's own id, given when it was made.
    pub store_uid: Uuid,
    /// The version of the on-disk format.
    pub format_version: u32,
    /// Sessions in the store.
    pub session_count: u64,
    /// Those of them that are open.
    pub open_session_count: u64,
    /// Users that ever had a session. One who comes back after being erased, or dropped as unused,
    /// counts again; so it is with names and clients.
    pub user_count: u64,
    /// Names under which they had one.
    pub user_name_count: u64,
    /// Clients that ever had a session.
    pub client_count: u64,
    /// Bytes of all keys and rows of the main index. The storage engine takes about half as much
    /// again to lay them out; what the files have beyond that is room for growth.
    pub live_bytes: u64,
    /// As many for each session, rounded down; zero if there are none.
    pub live_bytes_per_session: u64,
    /// Bytes of the store's files, room for growth included.
    pub file_bytes: u64,
    /// As many for each session, rounded down; zero if there are none.
    pub file_bytes_per_session: u64,
    /// Those of them that are the log's.
    pub log_bytes: u64,
    /// Changed sessions that wait in memory, and in the log, to be merged into the main index.
    pub delta_session_count: u64,
    /// Bytes that they take in memory, about.
    pub delta_bytes: u64,
    /// Snapshots and iterators that are held. Each keeps the state it reads from being cleaned up.
    pub snapshot_count: u64,
    /// Since when, by the store's clock, the oldest of them is held.
    #[serde(with = "crate::time::text_option")]
    pub oldest_snapshot_at: Option<DateTime<Utc>>,
    /// How the last merge since the store was opened went; `None` if there was none.
    pub last_merge: Option<MergeStats>,
    /// How the store's [`Retention`](crate::Retention) was last done since it was opened; `None` if it
    /// was not.
    pub last_retention: Option<RetentionStats>,
}

/// Reading the latest state: each call is its namesake of [`Snapshot`] on a fresh one.
impl Store {
    /// The state after the last commit, frozen.
    ///
    /// # Errors
    ///
    /// `Closed` once closed.
    pub fn snapshot(&self) -> Result<Snapshot> {
        let view = self.shared().readable_view()?;
        let held = self.shared().holders.hold(view);
        Ok(self.snapshot_of(held))
    }

    fn snapshot_of(&self, view: Source) -> Snapshot {
        Snapshot::new(view, self.shared().options.records_per_page_max)
    }

    /// The latest state, for one call.
    fn passing(&self) -> Result<Snapshot> {
        let view = self.shared().readable_view()?;
        Ok(self.snapshot_of(Source::Passing(view)))
    }

    /// Reads the latest state, and if the storage fails, once more: most failures pass, and one that
    /// another call met must not be this one's.
    fn latest<T>(&self, read: impl Fn() -> Result<T>) -> Result<T> {
        match read() {
            Err(error) if matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Expired) => {
                self.shared().recover()?;
                // It can fail again beside this, in another call.
                read().map_err(|error| unavailable_if_expired(error, "and once more"))
            }
            done => done,
        }
    }

    /// The session with this `refer_uid`: see [`Snapshot::get`].
    ///
    /// # Errors
    ///
    /// As [`Snapshot::get`].
    pub fn get(&self, refer_uid: Uuid) -> Result<Option<SessionLog>> {
        self.latest(|| self.passing()?.get(refer_uid))
    }

    /// One page of the answer, with exact totals: see [`Snapshot::page`].
    ///
    /// # Errors
    ///
    /// As [`Snapshot::page`].
    ///
    /// ```
    /// # use sessionlog::{PageRequest, Query, Store};
    /// # use uuid::Uuid;
    /// let store = Store::in_memory()?;
    /// for client in ["PDA-01", "PDA-02", "PDA-03"] {
    ///     store.start(Uuid::from_u128(7), "Ann", client)?;
    /// }
    /// let page = store.page(&Query::all(), PageRequest::new(1, 2)?)?;
    /// assert_eq!((page.entries.len(), page.total_page_count), (1, 2));
    /// # Ok::<(), sessionlog::Error>(())
    /// ```
    pub fn page(&self, query: &Query, page: PageRequest) -> Result<Page> {
        self.latest(|| self.passing()?.page(query, page))
    }

    /// The records after `cursor`: see [`Snapshot::page_after`].
    ///
    /// # Errors
    ///
    /// As [`Snapshot::page_after`].
    ///
    /// ```
    /// # use sessionlog::{Cursor, Query, Store};
    /// # use uuid::Uuid;
    /// # let store = Store::in_memory()?;
    /// # for client in 0..5 { store.start(Uuid::from_u128(7), "Ann", &client.to_string())?; }
    /// let query = Query::all();
    /// let mut cursor = Cursor::start(&query);
    /// loop {
    ///     let page = store.page_after(&query, &cursor, 2)?;
    ///     // … use page.entries …
    ///     cursor = page.next;
    ///     if page.remaining_record_count == 0 {
    ///         break;
    ///     }
    /// }
    /// # Ok::<(), sessionlog::Error>(())
    /// ```
    pub fn page_after(
        &self,
        query: &Query,
        cursor: &Cursor,
        records_per_page: u32,
    ) -> Result<CursorPage> {
        self.latest(|| self.passing()?.page_after(query, cursor, records_per_page))
    }

    /// How many records match, exactly: see [`Snapshot::count`].
    ///
    /// # Errors
    ///
    /// As [`Snapshot::get`].
    pub fn count(&self, query: &Query) -> Result<u64> {
        self.latest(|| self.passing()?.count(query))
    }

    /// Every matching record in bounded memory: see [`Snapshot::iter`].
    ///
    /// # Errors
    ///
    /// As [`Snapshot::get`], here and from each step.
    pub fn iter(&self, query: &Query) -> Result<SessionLogs> {
        self.latest(|| self.snapshot()?.iter(query))
    }

    /// The non-empty hours, days or months with their counts: see [`Snapshot::count_by`].
    ///
    /// # Errors
    ///
    /// As [`Snapshot::get`], here and from each step.
    pub fn count_by(&self, query: &Query, bucket: Bucket) -> Result<BucketCounts> {
        self.latest(|| self.snapshot()?.count_by(query, bucket))
    }

    /// The users with the most of the matching sessions: see [`Snapshot::busiest_users`].
    ///
    /// # Errors
    ///
    /// As [`Snapshot::get`].
    pub fn busiest_users(&self, query: &Query, count: usize) -> Result<Busiest<UserCount>> {
        self.latest(|| self.passing()?.busiest_users(query, count))
    }

    /// The clients with the most of the matching sessions: see [`Snapshot::busiest_clients`].
    ///
    /// # Errors
    ///
    /// As [`Snapshot::get`].
    pub fn busiest_clients(&self, query: &Query, count: usize) -> Result<Busiest<ClientCount>> {
        self.latest(|| self.passing()?.busiest_clients(query, count))
    }

    /// The users who are, or were, called `user`: see [`Snapshot::users_named`].
    ///
    /// # Errors
    ///
    /// As [`Snapshot::get`].
    pub fn users_named(&self, user: &str) -> Result<Vec<Uuid>> {
        self.latest(|| self.passing()?.users_named(user))
    }

    /// What the store holds and what it costs, at no cost that grows with it.
    ///
    /// # Errors
    ///
    /// As [`Snapshot::get`].
    pub fn stats(&self) -> Result<Stats> {
        self.latest(|| self.stats_of(&self.passing()?))
    }

    fn stats_of(&self, snapshot: &Snapshot) -> Result<Stats> {
        let log_bytes = self.shared().log_bytes();
        let (snapshot_count, oldest_snapshot_at) = self.shared().holders.count_and_oldest();
        snapshot.view().read(|view| {
            let identity = view.main.identity();
            let (users, names, clients) = view.delta.ids().given();
            let session_count = view.len(Family::ALL)?;
            let live_bytes = view.main.state().live_bytes;
            let file_bytes = view.main.file_bytes()? + log_bytes;
            let per_session = |bytes: u64| bytes.checked_div(session_count).unwrap_or(0);
            Ok(Stats {
                store_uid: identity.store_uid,
                format_version: identity.format_version,
                session_count,
                open_session_count: view.len(Family::OPEN)?,
                user_count: users.into(),
                user_name_count: names.into(),
                client_count: clients.into(),
                live_bytes,
                live_bytes_per_session: per_session(live_bytes),
                file_bytes,
                file_bytes_per_session: per_session(file_bytes),
                log_bytes,
                delta_session_count: view.delta.session_count(),
                delta_bytes: view.delta.bytes(),
                snapshot_count,
                oldest_snapshot_at,
                last_merge: self.shared().last_merge(),
                last_retention: self.shared().last_retention(),
            })
        })
    }
}
