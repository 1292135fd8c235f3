//! Sessions as rows.

use super::failure::Failure;
use super::slot::slot_of;
use super::sql::{Columns, Value};
use crate::error::Error;
use crate::session::{self, Checked, SessionLog};
use crate::time::Ticks;
use std::sync::Arc;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};
use uuid::Uuid;

/// The columns of a record, in the order in which [`record`] reads them.
pub(super) const RECORD: &str =
    "refer_uid, user_refer_uid, user_name, client_refer_uid, session_start, session_end";

/// A record with the slot that it is in.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) slot: i16,
    pub(super) log: SessionLog,
}

impl Stored {
    pub(super) fn new(log: SessionLog) -> Self {
        let slot = slot_of(log.refer_uid);
        Self { slot, log }
    }

    /// What a session is found by, and what writers go through in order.
    pub(super) fn key(&self) -> (i16, Uuid) {
        (self.slot, self.log.refer_uid)
    }

    pub(super) fn start(&self) -> Ticks {
        Ticks::floor(self.log.session_start)
    }

    pub(super) fn end(&self) -> Option<Ticks> {
        self.log.session_end.map(Ticks::floor)
    }
}

/// Whether two records are one session's, which may have ended in between.
pub(super) fn is_same(one: &SessionLog, other: &SessionLog) -> bool {
    let is_of_same = session::same_session(one, other).is_ok();
    is_of_same && one.session_start == other.session_start
}

/// Whole records, by the names of their columns.
pub(super) fn columns(records: &[&Stored]) -> Columns {
    let logs = || records.iter().map(|record| &record.log);
    let bytes = |text: &Arc<str>| text.as_bytes().to_vec();
    vec![
        (
            "slot",
            Value::Slots(records.iter().map(|record| record.slot).collect()),
        ),
        (
            "refer_uid",
            Value::Uids(logs().map(|log| log.refer_uid).collect()),
        ),
        (
            "user_refer_uid",
            Value::Uids(logs().map(|log| log.user_refer_uid).collect()),
        ),
        (
            "user_name",
            Value::AllBytes(logs().map(|log| bytes(&log.user)).collect()),
        ),
        (
            "client_refer_uid",
            Value::AllBytes(logs().map(|log| bytes(&log.client_refer_uid)).collect()),
        ),
        (
            "session_start",
            Value::Longs(
                records
                    .iter()
                    .map(|record| record.start().since_year_one())
                    .collect(),
            ),
        ),
        (
            "session_end",
            Value::OptionalLongs(
                records
                    .iter()
                    .map(|record| record.end().map(Ticks::since_year_one))
                    .collect(),
            ),
        ),
    ]
}

/// What sessions are found by.
pub(super) fn key_columns(keys: &[(i16, Uuid)]) -> Columns {
    vec![
        (
            "slot",
            Value::Slots(keys.iter().map(|(slot, _)| *slot).collect()),
        ),
        (
            "refer_uid",
            Value::Uids(keys.iter().map(|(_, uid)| *uid).collect()),
        ),
    ]
}

/// The types of those columns.
pub(super) const RECORD_TYPES: [Type; 6] = [
    Type::UUID,
    Type::UUID,
    Type::BYTEA,
    Type::BYTEA,
    Type::INT8,
    Type::INT8,
];

/// The record of a row that has [`RECORD`] from its first column on.
///
/// # Errors
///
/// `Corrupted`, naming the session, if no record can be so.
pub(super) fn record(row: &Row) -> Result<SessionLog, Failure> {
    record_of(
        column(row, 0)?,
        column(row, 1)?,
        [column(row, 2)?, column(row, 3)?],
        (column(row, 4)?, column(row, 5)?),
    )
}

/// The record of a row's values: its ids, its user and client, its start and end.
///
/// # Errors
///
/// As [`record`].
pub(super) fn record_of(
    refer_uid: Uuid,
    user_refer_uid: Uuid,
    texts: [&[u8]; 2],
    (start, end): (i64, Option<i64>),
) -> Result<SessionLog, Failure> {
    let text = |bytes| -> Result<Arc<str>, Failure> {
        let text = str::from_utf8(bytes);
        Ok(text.map_err(|error| damaged(refer_uid, &error))?.into())
    };
    let time = |ticks: i64| {
        let ticks = Ticks::from_year_one(ticks);
        ticks.ok_or_else(|| damaged(refer_uid, &"a time is out of range"))
    };
    let [user, client] = texts;
    let log = SessionLog {
        refer_uid,
        user_refer_uid,
        user: text(user)?,
        client_refer_uid: text(client)?,
        session_start: time(start)?.to_utc(),
        session_end: end.map(time).transpose()?.map(Ticks::to_utc),
    };
    Ok(Checked::new(log)
        .map_err(|error| damaged(refer_uid, &error))?
        .log)
}

fn damaged(refer_uid: Uuid, problem: &dyn std::fmt::Display) -> Error {
    Error::corrupted(format!("session {refer_uid} in session_log: {problem}"))
}

/// A column of a row.
///
/// # Errors
///
/// `Corrupted` if it is of another type.
pub(super) fn column<'r, T: FromSql<'r>>(row: &'r Row, index: usize) -> Result<T, Failure> {
    Ok(row.try_get(index).map_err(|error| {
        let message = format!("column {index} of a row is not what it must be");
        Error::corrupted(message).caused_by(error)
    })?)
}

/// A number that counts.
///
/// # Errors
///
/// `Corrupted` if it is negative.
pub(super) fn counted(row: &Row, index: usize) -> Result<u64, Failure> {
    let count: i64 = column(row, index)?;
    Ok(u64::try_from(count)
        .map_err(|_| Error::corrupted(format!("session_count has {count} sessions")))?)
}
