//! What a day's sessions are, in a few bytes: how many, and a sum that other sessions do not have.

use super::change::Layout;
use super::connection::Transaction;
use super::engine::Reading;
use super::failure::Failure;
use super::rows::{column, counted};
use super::schema::HOUR;
use super::sql::Sql;
use crate::error::{Error, Result};
use crate::session::SessionLog;
use crate::time::Ticks;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;

/// Ticks in a day.
pub(super) const DAY: i64 = 24 * HOUR;

/// Of the sessions that started in one UTC day, whatever their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Digest {
    pub(super) sessions: u64,
    /// The sum of the first eight bytes of each record's SHA-256, as signed numbers.
    sum: i128,
}

/// The bytes of a record that are hashed, as the database makes them too.
const RECORD_BYTES: &str = "uuid_send(refer_uid) || uuid_send(user_refer_uid) || \
    int8send(session_start) || int8send(coalesce(session_end, -1)) || \
    int4send(octet_length(user_name)) || user_name || client_refer_uid";

impl Digest {
    /// One more session.
    pub(super) fn add(&mut self, log: &SessionLog) {
        let ticks = |at| Ticks::floor(at).since_year_one();
        // A name's length is bounded.
        let length = u32::try_from(log.user.len()).unwrap_or(u32::MAX);
        let mut hash = Sha256::new();
        hash.update(log.refer_uid.as_bytes());
        hash.update(log.user_refer_uid.as_bytes());
        hash.update(ticks(log.session_start).to_be_bytes());
        hash.update(log.session_end.map_or(-1, ticks).to_be_bytes());
        hash.update(length.to_be_bytes());
        hash.update(log.user.as_bytes());
        hash.update(log.client_refer_uid.as_bytes());
        let hash: [u8; 32] = hash.finalize().into();
        let first = hash.first_chunk().copied().unwrap_or_default();
        self.sessions += 1;
        self.sum += i128::from(i64::from_be_bytes(first));
    }
}

/// The digest of each day that has sessions, by the number of the day since year one.
pub(super) type Digests = BTreeMap<i64, Digest>;

/// Those of all days in the database.
pub(super) struct AllDigests;

impl Reading for AllDigests {
    type Answer = Digests;
    const IS_BOUNDED: bool = false;

    async fn attempt(&self, transaction: &mut Transaction, _: &Layout) -> Result<Digests, Failure> {
        let sql = format!(
            "SELECT session_start / {DAY}, count(*), \
             sum(('x' || encode(substr(sha256({RECORD_BYTES}), 1, 8), 'hex'))::bit(64)::bigint)::text \
             FROM session_log GROUP BY 1"
        );
        let mut digests = Digests::new();
        for row in transaction.query(&Sql::new(sql)).await? {
            let sum: &str = column(&row, 2)?;
            let sum = sum.parse().map_err(|error| {
                Error::corrupted("the sum of a day is no number").caused_by(error)
            })?;
            let sessions = counted(&row, 1)?;
            digests.insert(column(&row, 0)?, Digest { sessions, sum });
        }
        Ok(digests)
    }
}
