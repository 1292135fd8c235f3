//! The sessions of one UTC day, out of any store: what a copy goes by.

use super::connection::{Access, Transaction};
use super::digest::{DAY, Digest};
use super::failure::Failure;
use super::rows::{RECORD, RECORD_TYPES, record_of};
use super::store::Postgres;
use crate::cursor::Cursor;
use crate::error::{Error, ErrorKind, Result};
use crate::query::{BucketCount, Query};
use crate::session::SessionLog;
use crate::stores::SessionLogStore;
use crate::time::{Ticks, to_text};
use futures_util::TryStreamExt;
use std::pin::Pin;
use tokio_postgres::binary_copy::{BinaryCopyOutRow, BinaryCopyOutStream};

/// Sessions that are read at a time.
pub(super) const READ_AT_ONCE: u32 = 1_000;

/// Sessions that are written in one transaction: so many that a commit does not count, so few that
/// nobody waits for long.
pub(super) const WRITTEN_AT_ONCE: usize = 20_000;

/// The rows of a day as a database streams them, some thousand at a time.
pub(super) struct DayRows {
    transaction: Transaction,
    rows: Pin<Box<BinaryCopyOutStream>>,
    is_done: bool,
}

impl DayRows {
    pub(super) async fn of(source: &Postgres, day: i64) -> Result<Self> {
        let connections = &source.engine().connections;
        let begun = connections.begin_unbounded(Access::Read).await;
        let mut transaction = begun.map_err(Failure::into_error)?;
        let stream = transaction.copy_out(&day_statement(day)).await;
        let stream = stream.map_err(Failure::into_error)?;
        Ok(Self {
            transaction,
            rows: Box::pin(BinaryCopyOutStream::new(stream, &RECORD_TYPES)),
            is_done: false,
        })
    }

    /// `None` behind the last.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<SessionLog>>> {
        let mut logs = Vec::new();
        while !self.is_done && logs.len() < WRITTEN_AT_ONCE {
            match self.rows.try_next().await.map_err(failed)? {
                Some(row) => logs.push(copied_record(&row).map_err(Failure::into_error)?),
                None => {
                    self.transaction.copied();
                    self.is_done = true;
                }
            }
        }
        Ok((!logs.is_empty()).then_some(logs))
    }
}

fn failed(error: tokio_postgres::Error) -> Error {
    Failure::from(error).into_error()
}

/// The number of a bucket that is a day, since year one.
pub(super) fn day_of(bucket: &BucketCount) -> i64 {
    Ticks::floor(bucket.start).since_year_one() / DAY
}

/// The first tick of a day.
fn start_of(day: i64) -> Result<Ticks> {
    let start = day.checked_mul(DAY).and_then(Ticks::from_year_one);
    start.ok_or_else(|| Error::corrupted(format!("day {day} since year one is no day")))
}

/// Reads the sessions of a day, some at a time.
pub(super) struct DayReader {
    query: Query,
    cursor: Cursor,
}

impl DayReader {
    pub(super) fn new(day: i64) -> Result<Self> {
        let (start, end) = (start_of(day)?, start_of(day + 1)?);
        let before = start
            .to_utc()
            .checked_sub_signed(chrono::TimeDelta::nanoseconds(100));
        let query = Query::builder()
            .started_after(before)
            .started_before(end.to_utc());
        let query = query.build()?;
        Ok(Self {
            cursor: Cursor::start(&query),
            query,
        })
    }

    /// `None` behind the last: of what is counted wrong, all that is there is read too.
    pub(super) async fn next<S: SessionLogStore>(
        &mut self,
        store: &S,
    ) -> Result<Option<Vec<SessionLog>>> {
        let page = store
            .page_after(&self.query, &self.cursor, READ_AT_ONCE)
            .await?;
        self.cursor = page.next;
        Ok((!page.entries.is_empty()).then_some(page.entries))
    }
}

pub(super) async fn digest_of<S: SessionLogStore>(store: &S, day: i64) -> Result<Digest> {
    let (mut digest, mut reader) = (Digest::default(), DayReader::new(day)?);
    while let Some(logs) = reader.next(store).await? {
        logs.iter().for_each(|log| digest.add(log));
    }
    Ok(digest)
}

/// # Errors
///
/// `Conflict`, naming the day, if it is not what was copied.
pub(super) fn compare(day: i64, copied: Digest, there: Digest) -> Result<()> {
    if copied == there {
        return Ok(());
    }
    let start = to_text(start_of(day)?.to_utc());
    let date = start.get(..10).unwrap_or(&start);
    let (copied, there) = (copied.sessions, there.sessions);
    let message = match copied == there {
        true => format!("of {date} the target has as many sessions, {there}, but others"),
        false => format!("of {date} {copied} sessions were copied, and the target has {there}"),
    };
    Err(Error::new(ErrorKind::Conflict, message))
}

fn day_statement(day: i64) -> String {
    let (from, to) = (day.saturating_mul(DAY), (day + 1).saturating_mul(DAY));
    format!(
        "COPY (SELECT {RECORD} FROM session_log WHERE session_start >= {from} AND \
         session_start < {to} ORDER BY session_start, refer_uid) TO STDOUT (FORMAT binary)"
    )
}

fn copied_record(row: &BinaryCopyOutRow) -> Result<SessionLog, Failure> {
    record_of(
        row.try_get(0)?,
        row.try_get(1)?,
        [row.try_get(2)?, row.try_get(3)?],
        (row.try_get(4)?, row.try_get(5)?),
    )
}
