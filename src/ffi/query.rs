//! What is asked, and its answers.

use crate::ffi::records::SessionLog;
use crate::ffi::{Instant, SessionLogError, Uuid};
use crate::{Cursor, Order};

/// Which sessions, in which order. What is not set does not filter, and filters combine with AND.
#[derive(Debug, Clone, Default, uniffi::Record)]
pub struct Query {
    /// Only sessions of this user, whatever the user was called: never the nil id.
    #[uniffi(default = None)]
    pub user_refer_uid: Option<Uuid>,
    /// Only sessions of this client, compared byte by byte.
    #[uniffi(default = None)]
    pub client_refer_uid: Option<String>,
    /// Only sessions without an end.
    #[uniffi(default = false)]
    pub open_sessions_only: bool,
    /// Only sessions that started later than this.
    #[uniffi(default = None)]
    pub started_after: Option<Instant>,
    /// Only sessions that started earlier than this.
    #[uniffi(default = None)]
    pub started_before: Option<Instant>,
    /// Whether the latest start comes first; else the oldest does. Ties are ordered by `refer_uid`.
    #[uniffi(default = false)]
    pub newest_first: bool,
}

impl Query {
    pub(super) fn to_core(&self) -> Result<crate::Query, SessionLogError> {
        let query = crate::Query::builder()
            .user_refer_uid(self.user_refer_uid.map(|user| user.0))
            .client_refer_uid(self.client_refer_uid.as_deref())
            .open_sessions_only(self.open_sessions_only)
            .started_after(self.started_after.map(Instant::to_utc))
            .started_before(self.started_before.map(Instant::to_utc))
            .order(match self.newest_first {
                true => Order::NewestFirst,
                false => Order::OldestFirst,
            });
        Ok(query.build()?)
    }
}

/// One page of an answer, its entries and totals taken from one state of the store.
#[derive(Debug, Clone, uniffi::Record)]
pub struct Page {
    /// The records, in the order of the query; empty past the end.
    pub entries: Vec<SessionLog>,
    /// The page asked for, from zero.
    pub page_index: u32,
    /// The page size asked for.
    pub records_per_page: u32,
    /// How many pages there are: none where nothing matches.
    pub total_page_count: u64,
    /// How many records match, exactly.
    pub total_record_count: u64,
}

impl From<crate::Page> for Page {
    fn from(page: crate::Page) -> Self {
        Self {
            entries: page.entries.into_iter().map(SessionLog::from).collect(),
            page_index: page.page_index,
            records_per_page: page.records_per_page,
            total_page_count: page.total_page_count,
            total_record_count: page.total_record_count,
        }
    }
}

/// The records after a cursor, which neither repeat nor skip any, whatever is written meanwhile.
#[derive(Debug, Clone, uniffi::Record)]
pub struct CursorPage {
    /// The records, in the order of the query.
    pub entries: Vec<SessionLog>,
    /// The place after the last of them: where to read on, now or later, also in another process. It
    /// belongs to its query.
    pub next: String,
    /// How many matching records lie beyond this page, exactly.
    pub remaining_record_count: u64,
    /// How many records match in all, exactly.
    pub total_record_count: u64,
}

impl From<crate::CursorPage> for CursorPage {
    fn from(page: crate::CursorPage) -> Self {
        Self {
            entries: page.entries.into_iter().map(SessionLog::from).collect(),
            next: page.next.to_string(),
            remaining_record_count: page.remaining_record_count,
            total_record_count: page.total_record_count,
        }
    }
}

/// Where to read on, which is the start of the answer if nothing is said.
pub(super) fn cursor(
    query: &crate::Query,
    cursor: Option<String>,
) -> Result<Cursor, SessionLogError> {
    match cursor {
        Some(cursor) => Ok(cursor.parse()?),
        None => Ok(Cursor::start(query)),
    }
}

/// A span of UTC time that sessions are counted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Bucket {
    /// From one full hour to the next.
    Hour,
    /// From one midnight to the next.
    Day,
    /// From the first of a month to that of the next.
    Month,
}

impl Bucket {
    pub(super) fn to_core(self) -> crate::Bucket {
        match self {
            Self::Hour => crate::Bucket::Hour,
            Self::Day => crate::Bucket::Day,
            Self::Month => crate::Bucket::Month,
        }
    }
}

/// A bucket in which sessions started.
#[derive(Debug, Clone, uniffi::Record)]
pub struct BucketCount {
    /// The first instant of the bucket.
    pub start: Instant,
    /// How many matching sessions started in it: never zero.
    pub count: u64,
}

impl From<crate::BucketCount> for BucketCount {
    fn from(bucket: crate::BucketCount) -> Self {
        Self {
            start: bucket.start.into(),
            count: bucket.count,
        }
    }
}
