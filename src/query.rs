//! What can be asked: filters and order, pages and their answers.

use crate::error::{Error, Result};
use crate::session::{self, SessionLog};
use crate::time::{self, Ticks};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The order of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Order {
    /// By `session_start`, then by `refer_uid`, both ascending: pages stay as they are while newer
    /// sessions arrive.
    #[default]
    OldestFirst,
    /// The exact reverse of [`Order::OldestFirst`], ties included.
    NewestFirst,
}

/// A checked question: any combination of filters, and an order.
///
/// What is not set does not filter; what is set always does. Filters combine with AND. The default
/// is every session, oldest first.
///
/// ```
/// use sessionlog::{Order, Query};
/// use uuid::Uuid;
///
/// let query = Query::builder()
///     .user_refer_uid(Uuid::from_u128(7))
///     .open_sessions_only(true)
///     .order(Order::NewestFirst)
///     .build()?;
/// assert_eq!(query.client_refer_uid(), None);
/// # Ok::<(), sessionlog::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "QueryBuilder", into = "QueryBuilder")]
pub struct Query(QueryBuilder);

/// Sets the filters and the order of a [`Query`]; [`build`](QueryBuilder::build) checks them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename = "Query")]
#[must_use]
pub struct QueryBuilder {
    user_refer_uid: Option<Uuid>,
    client_refer_uid: Option<Box<str>>,
    open_sessions_only: bool,
    #[serde(with = "time::text_option")]
    started_after: Option<DateTime<Utc>>,
    #[serde(with = "time::text_option")]
    started_before: Option<DateTime<Utc>>,
    order: Order,
}

impl QueryBuilder {
    /// Only sessions of this user, whatever the user was called. `None` takes the filter back.
    pub fn user_refer_uid(mut self, user: impl Into<Option<Uuid>>) -> Self {
        self.user_refer_uid = user.into();
        self
    }

    /// Only sessions of this client, compared byte by byte; the empty string is a client like any
    /// other. `None` takes the filter back; a `String` goes as `client.as_str()`.
    pub fn client_refer_uid<'a>(mut self, client: impl Into<Option<&'a str>>) -> Self {
        self.client_refer_uid = client.into().map(Box::from);
        self
    }

    /// Only sessions without an end.
    pub fn open_sessions_only(mut self, only: bool) -> Self {
        self.open_sessions_only = only;
        self
    }

    /// Only sessions that started later than `at`, floored to a tick of 100 ns.
    ///
    /// An instant before the range of records excludes nothing; one after it excludes every
    /// session. `None` takes the bound back.
    pub fn started_after(mut self, at: impl Into<Option<DateTime<Utc>>>) -> Self {
        self.started_after = at.into();
        self
    }

    /// Only sessions that started earlier than `at`, rounded up to a tick of 100 ns, so that a
    /// session passes exactly if its tick lies before `at`.
    ///
    /// An instant after the range of records excludes nothing; one before it excludes every
    /// session. `None` takes the bound back.
    pub fn started_before(mut self, at: impl Into<Option<DateTime<Utc>>>) -> Self {
        self.started_before = at.into();
        self
    }

    /// The order of the answer.
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// The checked query.
    ///
    /// # Errors
    ///
    /// `InvalidInput`, naming the member: `user_refer_uid` is nil (a nil id never means
    /// "everybody"), `client_refer_uid` is longer than
    /// [`TEXT_BYTES_MAX`](crate::TEXT_BYTES_MAX), or `started_after` does not lie before
    /// `started_before`.
    pub fn build(self) -> Result<Query> {
        if let Some(user) = self.user_refer_uid {
            session::check_id("user_refer_uid", user)?;
        }
        if let Some(client) = &self.client_refer_uid {
            session::check_text("client_refer_uid", client)?;
        }
        if let (Some(after), Some(before)) = (self.started_after, self.started_before)
            && after >= before
        {
            return Err(Error::invalid(
                "started_after",
                format_args!(
                    "{} does not lie before started_before {}",
                    time::to_text(after),
                    time::to_text(before)
                ),
            ));
        }
        Ok(Query(self))
    }
}

impl TryFrom<QueryBuilder> for Query {
    type Error = Error;

    fn try_from(builder: QueryBuilder) -> Result<Self> {
        builder.build()
    }
}

impl From<Query> for QueryBuilder {
    fn from(query: Query) -> Self {
        query.0
    }
}

impl Query {
    /// Every session, oldest first.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// Starts from every session, oldest first.
    pub fn builder() -> QueryBuilder {
        QueryBuilder::default()
    }

    /// The user asked for, never nil.
    #[must_use]
    pub fn user_refer_uid(&self) -> Option<Uuid> {
        self.0.user_refer_uid
    }

    /// The client asked for.
    #[must_use]
    pub fn client_refer_uid(&self) -> Option<&str> {
        self.0.client_refer_uid.as_deref()
    }

    /// Whether only sessions without an end are asked for.
    #[must_use]
    pub fn open_sessions_only(&self) -> bool {
        self.0.open_sessions_only
    }

    /// The exclusive lower bound of `session_start`.
    #[must_use]
    pub fn started_after(&self) -> Option<DateTime<Utc>> {
        self.0.started_after
    }

    /// The exclusive upper bound of `session_start`.
    #[must_use]
    pub fn started_before(&self) -> Option<DateTime<Utc>> {
        self.0.started_before
    }

    /// The order of the answer.
    #[must_use]
    pub fn order(&self) -> Order {
        self.0.order
    }

    /// The same filters on open sessions only, oldest first.
    pub(crate) fn open_and_oldest_first(&self) -> Self {
        let builder = self.0.clone();
        Self(builder.open_sessions_only(true).order(Order::OldestFirst))
    }

    /// The first tick that passes the lower bound, if there is one.
    pub(crate) fn first_start(&self) -> Option<Ticks> {
        self.started_after().map(|at| Ticks::floor(at).next())
    }

    /// The first tick that fails the upper bound, if there is one.
    pub(crate) fn end_of_starts(&self) -> Option<Ticks> {
        self.started_before().map(Ticks::ceil)
    }
}

/// Which page to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "UncheckedPageRequest")]
pub struct PageRequest {
    page_request_index: u32,
    records_per_page: u32,
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields, rename = "PageRequest")]
struct UncheckedPageRequest {
    page_request_index: u32,
    records_per_page: u32,
}

impl PageRequest {
    /// Records on a page where nothing else is asked for.
    pub const RECORDS_PER_PAGE_DEFAULT: u32 = 100;
    /// The most records that a page can hold.
    pub const RECORDS_PER_PAGE_MAX: u32 = 10_000;

    /// The page `page_request_index`, from zero, in pages of `records_per_page`.
    ///
    /// # Errors
    ///
    /// `InvalidInput` unless `records_per_page` is in
    /// 1..=[`RECORDS_PER_PAGE_MAX`](Self::RECORDS_PER_PAGE_MAX).
    pub fn new(page_request_index: u32, records_per_page: u32) -> Result<Self> {
        check_records_per_page(records_per_page, Self::RECORDS_PER_PAGE_MAX)?;
        Ok(Self {
            page_request_index,
            records_per_page,
        })
    }

    /// The page asked for, from zero.
    #[must_use]
    pub fn page_request_index(self) -> u32 {
        self.page_request_index
    }

    /// How many records a page holds.
    #[must_use]
    pub fn records_per_page(self) -> u32 {
        self.records_per_page
    }
}

pub(crate) fn check_records_per_page(records_per_page: u32, max: u32) -> Result<()> {
    if (1..=max).contains(&records_per_page) {
        return Ok(());
    }
    Err(Error::invalid(
        "records_per_page",
        format_args!("{records_per_page} lies outside 1..={max}"),
    ))
}

impl Default for PageRequest {
    /// The first page, of [`RECORDS_PER_PAGE_DEFAULT`](Self::RECORDS_PER_PAGE_DEFAULT) records.
    fn default() -> Self {
        Self {
            page_request_index: 0,
            records_per_page: Self::RECORDS_PER_PAGE_DEFAULT,
        }
    }
}

impl Default for UncheckedPageRequest {
    fn default() -> Self {
        let PageRequest {
            page_request_index,
            records_per_page,
        } = PageRequest::default();
        Self {
            page_request_index,
            records_per_page,
        }
    }
}

impl TryFrom<UncheckedPageRequest> for PageRequest {
    type Error = Error;

    fn try_from(page: UncheckedPageRequest) -> Result<Self> {
        Self::new(page.page_request_index, page.records_per_page)
    }
}

/// One page of an answer, its entries and totals taken from one state of the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// What [`Store::end_open`](crate::Store::end_open) did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EndedOpen {
    /// Sessions that were open and have now ended.
    pub ended: u64,
    /// Sessions that match and stay open, because they started later than the given end.
    pub left_open: u64,
}

/// One non-empty bucket of [`Store::count_by`](crate::Store::count_by).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BucketCount {
    /// The first instant of the bucket.
    #[serde(with = "time::text")]
    pub start: DateTime<Utc>,
    /// How many matching sessions started in the bucket: never zero.
    pub count: u64,
}
