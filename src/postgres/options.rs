//! How a database is used.

use crate::{Clock, IdSource, PageRequest, RandomIds, SystemClock};
use std::sync::Arc;
use std::time::Duration;

/// How a [`Postgres`](super::Postgres) uses its database, and within which bounds.
///
/// ```
/// use sessionlog::postgres::PostgresOptions;
///
/// let options = PostgresOptions { connections_max: 4, ..PostgresOptions::default() };
/// assert_eq!(options.lanes, 4);
/// ```
#[derive(Debug, Clone)]
pub struct PostgresOptions {
    /// The most connections at once: 16 by default, one at least. A call that finds none free waits.
    pub connections_max: usize,
    /// Single records that come at the same time share commits, in so many lanes: 4 by default, one at
    /// least. Each lane commits one batch after the other.
    pub lanes: usize,
    /// The most time to reach one host, and as much again until the connection can be used: 5 s by default.
    pub connect_timeout: Duration,
    /// The most time that a statement takes, and that a call waits for a connection: 30 s by default, a
    /// millisecond at least. Checks, rebuilds and copies of a whole database are not bound by it.
    pub statement_timeout: Duration,
    /// For how long a call that fails in passing is tried again from its first failure on: 20 s by default,
    /// which a failover to a standby seldom takes.
    pub retry_timeout: Duration,
    /// What the pauses between two attempts are drawn from, so that those who failed together do not
    /// come again together: random by default.
    pub retry_seed: u64,
    /// From how many sessions on a user or client who is asked for gets counters, so that their totals
    /// and pages cost no more than those of a few: 10,000 by default, below which counting them in the
    /// index costs about as much.
    pub counted_from: u64,
    /// The most records on a page: [`PageRequest::RECORDS_PER_PAGE_MAX`] by default.
    pub records_per_page_max: u32,
    /// The most records in a batch: 200,000 by default.
    pub batch_records_max: usize,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Where new ids come from.
    pub ids: Arc<dyn IdSource>,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        let random = RandomIds.refer_uid(SystemClock.now()).as_u64_pair().1;
        Self {
            connections_max: 16,
            lanes: 4,
            connect_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(30),
            retry_timeout: Duration::from_secs(20),
            retry_seed: random,
            counted_from: 10_000,
            records_per_page_max: PageRequest::RECORDS_PER_PAGE_MAX,
            batch_records_max: 200_000,
            clock: Arc::new(SystemClock),
            ids: Arc::new(RandomIds),
        }
    }
}
