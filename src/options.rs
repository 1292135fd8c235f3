//! How a store is made and opened.

use crate::counted::{CHILDREN_MAX, Limits};
use crate::main_index::{Levels, Setup, Shape};
use crate::query::PageRequest;
use crate::retention::Retention;
use crate::storage::Sharing;
use crate::time::{Clock, SystemClock};
use chrono::{DateTime, TimeDelta, Utc};
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;
use uuid::{NoContext, Timestamp, Uuid};

/// When a write counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Durability {
    /// When the storage has it: on return the records survive a crash and a loss of power.
    #[default]
    Immediate,
    /// When it can be read. A crash loses at most the last
    /// [`EVENTUAL_SESSIONS_MAX`](Durability::EVENTUAL_SESSIONS_MAX) changed sessions, and at each
    /// commit what is older than [`EVENTUAL_AGE_MAX`](Durability::EVENTUAL_AGE_MAX) by the store's
    /// clock becomes durable, the commit included. The bound in time is checked at commits only:
    /// what an idle store has not made durable waits for [`Store::flush`](crate::Store::flush) or
    /// [`Store::close`](crate::Store::close).
    /// Commits are lost whole and from the last backwards, never one from the middle.
    Eventual,
}

impl Durability {
    /// [`Eventual`](Durability::Eventual) never leaves more changed sessions at risk than this.
    pub const EVENTUAL_SESSIONS_MAX: usize = 10_000;
    /// A commit under [`Eventual`](Durability::Eventual) leaves nothing older than this at risk.
    pub const EVENTUAL_AGE_MAX: Duration = Duration::from_secs(1);
}

/// Where a store merges what was written into its main index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Merge {
    /// On a thread of its own, which lives as long as a merge: writes go on meanwhile.
    #[default]
    Background,
    /// In the write that makes it necessary, which takes so much longer: no thread is ever started.
    Inline,
}

/// Where [`Store::start`](crate::Store::start) takes new ids from.
pub trait IdSource: Debug + Send + Sync {
    /// An id that no session has yet, for a session that starts `now`: never nil.
    fn refer_uid(&self, now: DateTime<Utc>) -> Uuid;
}

impl<T: IdSource + ?Sized> IdSource for Arc<T> {
    fn refer_uid(&self, now: DateTime<Utc>) -> Uuid {
        (**self).refer_uid(now)
    }
}

/// UUIDs of version 7 (RFC 9562, section 5.7) from the time of the start and the operating
/// system's randomness: the default.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomIds;

impl IdSource for RandomIds {
    fn refer_uid(&self, now: DateTime<Utc>) -> Uuid {
        // The version has no times before 1970.
        let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
        Uuid::new_v7(Timestamp::from_unix(
            NoContext,
            seconds,
            now.timestamp_subsec_nanos(),
        ))
    }
}

/// Settings of a store; none of them is stored with it.
///
/// ```
/// use sessionlog::{Durability, Store};
///
/// let store = Store::options()
///     .durability(Durability::Eventual)
///     .cache_bytes(4 << 20)
///     .in_memory()?;
/// assert_eq!(store.stats()?.session_count, 0);
/// # Ok::<(), sessionlog::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Options {
    pub(crate) cache_bytes: usize,
    pub(crate) names_cache_bytes: usize,
    pub(crate) durability: Durability,
    pub(crate) read_only: bool,
    pub(crate) check_on_open: bool,
    pub(crate) snapshot_age_max: Option<TimeDelta>,
    pub(crate) retention: Option<Retention>,
    pub(crate) records_per_page_max: u32,
    pub(crate) batch_records_max: usize,
    pub(crate) delta_sessions_max: usize,
    pub(crate) merge: Merge,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) shape: Shape,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache_bytes: 64 << 20,
            names_cache_bytes: 16 << 20,
            durability: Durability::Immediate,
            read_only: false,
            check_on_open: false,
            snapshot_age_max: None,
            retention: None,
            records_per_page_max: PageRequest::RECORDS_PER_PAGE_MAX,
            batch_records_max: 200_000,
            delta_sessions_max: 1 << 16,
            merge: Merge::Background,
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
            shape: Shape::default(),
        }
    }
}

impl Options {
    /// Settings for a store on a handset: 4 MiB for pages and 256 KiB for names, and merges of up to 256
    /// sessions, inline and short, so that there is never a thread. Everything else is as by default,
    /// [`Durability::Immediate`] too.
    ///
    /// ```
    /// use sessionlog::Options;
    /// # let folder = tempfile::tempdir()?;
    /// let store = Options::handset().create(folder.path().join("sessions"))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn handset() -> Self {
        Self {
            cache_bytes: 4 << 20,
            names_cache_bytes: 256 << 10,
            batch_records_max: 10_000,
            delta_sessions_max: 256,
            merge: Merge::Inline,
            ..Self::default()
        }
    }

    /// Memory for pages of the store's file, in bytes: 64 MiB unless set.
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// Memory for the names of users and clients, in bytes: 16 MiB unless set, about 100,000 names.
    pub fn names_cache_bytes(mut self, bytes: usize) -> Self {
        self.names_cache_bytes = bytes;
        self
    }

    /// When a write counts as done: [`Durability::Immediate`] unless set.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Whether the store is only read: its files are then not changed by a single byte, it may be
    /// on a medium that cannot be written, and any number of readers may have it open at once, but
    /// no writer beside them. Every write is `InvalidInput`.
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.read_only = read_only;
        self
    }

    /// The most records that one page may hold: [`PageRequest::RECORDS_PER_PAGE_MAX`] unless set,
    /// never more, and at least one. Below [`PageRequest::RECORDS_PER_PAGE_DEFAULT`] the default
    /// page request is refused too.
    pub fn records_per_page_max(mut self, records: u32) -> Self {
        self.records_per_page_max = records.clamp(1, PageRequest::RECORDS_PER_PAGE_MAX);
        self
    }

    /// The most records that one batch may hold: 200,000 unless set. A batch is held in memory
    /// until it is committed, at about two kilobytes a record.
    pub fn batch_records_max(mut self, records: usize) -> Self {
        self.batch_records_max = records;
        self
    }

    /// The most changed sessions that wait in memory, and in the log, to be merged into the main
    /// index: 65,536 unless set, at least one; up to twice as many where as many
    /// [go](crate::Retention::sessions_max) for others to come. Each takes about 500 bytes. More of them make
    /// writing faster and opening after a crash slower. A quarter of them, or of 256 bytes of the log
    /// for each, starts a merge; a write beyond all of that waits for it, and a batch of more is
    /// merged at once.
    pub fn delta_sessions_max(mut self, sessions: usize) -> Self {
        self.delta_sessions_max = sessions.max(1);
        self
    }

    /// Where merges run: [`Merge::Background`] unless set.
    pub fn merge(mut self, merge: Merge) -> Self {
        self.merge = merge;
        self
    }

    /// Where [`Store::start`](crate::Store::start) and [`Durability::Eventual`] take the time from:
    /// the operating system's clock unless set.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Where [`Store::start`](crate::Store::start) takes ids from: [`RandomIds`] unless set.
    pub fn ids(mut self, ids: impl IdSource + 'static) -> Self {
        self.ids = Arc::new(ids);
        self
    }

    /// For how long a snapshot or an iterator may be held, by the store's clock: for ever unless set.
    /// After that its reads are [`Expired`](crate::ErrorKind::Expired), and the next merge lets go of
    /// what it kept from being cleaned up, even if it is never read again. Cursors are not concerned.
    pub fn snapshot_age_max(mut self, age: impl Into<Option<TimeDelta>>) -> Self {
        self.snapshot_age_max = age.into();
        self
    }

    /// What the store removes by itself: nothing unless set. The number of sessions is kept by each
    /// write; all of it after each merge, and at the first write and those an hour after it was last, on
    /// the merge's thread or, if there is none, in the write: a store that is not written removes
    /// nothing. How that went is told by [`Stats::last_retention`](crate::Stats). An age that is not
    /// positive is refused when the store is opened.
    ///
    /// ```
    /// # use sessionlog::{Retention, Store};
    /// # use chrono::TimeDelta;
    /// let store = Store::options()
    ///     .retention(Retention {
    ///         older_than: Some(TimeDelta::days(90)),
    ///         sessions_max: Some(1_000_000),
    ///         ..Retention::default()
    ///     })
    ///     .in_memory()?;
    /// # Ok::<(), sessionlog::Error>(())
    /// ```
    pub fn retention(mut self, retention: impl Into<Option<Retention>>) -> Self {
        self.retention = retention.into();
        self
    }

    /// Whether opening a store checks it first, as [`Store::verify`](crate::Store::verify) does, and
    /// refuses it as `Corrupted` if anything is wrong: not unless set. That reads the whole store.
    pub fn check_on_open(mut self, check: bool) -> Self {
        self.check_on_open = check;
        self
    }

    /// Who else may have the store open.
    pub(crate) fn sharing(&self) -> Sharing {
        match self.read_only {
            true => Sharing::Shared,
            false => Sharing::Exclusive,
        }
    }

    /// How the main index is opened.
    pub(crate) fn setup(&self) -> Setup {
        Setup {
            cache_bytes: self.cache_bytes,
            shape: self.shape,
        }
    }

    /// The most slots of a node, at least two, and how many sessions of a user it takes for those
    /// on each client to have an index of their own: small numbers give tests deep trees of few
    /// sessions. All openings of a store must have the same.
    #[doc(hidden)]
    pub fn shape(mut self, node_slots_max: usize, parts_above: u64) -> Self {
        let slots = node_slots_max.clamp(2, CHILDREN_MAX);
        self.shape = Shape {
            nodes: Limits {
                leaf_slots_max: slots,
                children_max: slots,
            },
            parts_above,
            levels: Levels {
                pairs_max: slots,
                first_max: 4 * slots as u64,
                factor: 4,
            },
        };
        self
    }
}
