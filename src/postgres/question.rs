//! A query as statements: which sessions match, from where on, and how many there are.

use super::counters::{Key, Run, Span};
use super::rows::RECORD;
use super::slot::all_slots;
use super::sql::{Sql, Value};
use crate::query::Query;
use uuid::Uuid;

/// A query on the tables.
#[derive(Debug, Clone, Copy)]
pub(super) struct Question<'q> {
    query: &'q Query,
    pub(super) span: Span,
}

/// Where a record is in the order of time.
pub(super) type Place = (i64, Uuid);

impl<'q> Question<'q> {
    pub(super) fn new(query: &'q Query) -> Self {
        let span = Span::new(query.first_start(), query.end_of_starts());
        Self { query, span }
    }

    /// Whose counters count the sessions that match, if there are any.
    pub(super) fn key(&self) -> Option<Key> {
        Key::of(self.query)
    }

    /// The same, in a part of its time.
    pub(super) fn within(self, span: Span) -> Self {
        Self { span, ..self }
    }

    /// `FROM` and `WHERE` of the sessions that match.
    pub(super) fn from<'s>(&self, sql: &'s mut Sql) -> &'s mut Sql {
        sql.push(" FROM session_log WHERE session_start >= ")
            .bind(Value::Long(self.span.from))
            .push(" AND session_start < ")
            .bind(Value::Long(self.span.to));
        if let Some(user) = self.query.user_refer_uid() {
            sql.push(" AND user_refer_uid = ").bind(Value::Uid(user));
        }
        if let Some(client) = self.query.client_refer_uid() {
            let client = Value::Bytes(client.as_bytes().to_vec());
            sql.push(" AND client_refer_uid = ").bind(client);
        }
        if self.query.open_sessions_only() {
            sql.push(" AND session_end IS NULL");
        }
        sql
    }

    /// How many sessions match, counted in the rows.
    pub(super) fn count(&self) -> Sql {
        let mut sql = Sql::new("SELECT count(*)");
        self.from(&mut sql);
        sql
    }

    /// How many of the sessions that match come before a place, and whether one is there.
    pub(super) fn count_at(&self, (start, refer_uid): Place) -> Sql {
        let at = Span {
            from: start.max(self.span.from),
            to: (start + 1).min(self.span.to),
        };
        let mut sql = Sql::new("SELECT count(*) FILTER (WHERE refer_uid < ");
        sql.bind(Value::Uid(refer_uid))
            .push("), count(*) FILTER (WHERE refer_uid = ")
            .bind(Value::Uid(refer_uid))
            .push(")");
        self.within(at).from(&mut sql);
        sql
    }

    /// The counters of a run: those of each bucket that is not empty, of all slots together.
    pub(super) fn counters(&self, key: &Key, run: Run) -> Sql {
        let count = match self.query.open_sessions_only() {
            true => "open",
            false => "total",
        };
        let mut sql = Sql::new(format!(
            "SELECT bucket, sum({count})::bigint FROM session_count WHERE slot = ANY("
        ));
        sql.bind(Value::Slots(all_slots()))
            .push(") AND k = ")
            .bind(Value::Bytes(key.bytes()))
            .push(" AND lvl = ")
            .bind(Value::Slot(i16::try_from(run.level).unwrap_or(i16::MAX)))
            .push(" AND bucket >= ")
            .bind(Value::Long(run.from))
            .push(" AND bucket < ")
            .bind(Value::Long(run.to))
            .push(&format!(" GROUP BY bucket HAVING sum({count}) <> 0"));
        sql
    }

    /// Those matching sessions from a place on, or behind it, in ascending order or the reverse.
    pub(super) fn records(&self, from: From, limit: u64) -> Sql {
        self.select(RECORD, from, limit)
    }

    /// The places of the same.
    pub(super) fn places(&self, from: From, limit: u64) -> Sql {
        self.select("session_start, refer_uid", from, limit)
    }

    /// What finds the same: the sessions, or their places if that is
    /// [what comes first](Self::is_by_place).
    pub(super) fn found(&self, from: From, limit: u64) -> Sql {
        match self.is_by_place() {
            true => self.places(from, limit),
            false => self.records(from, limit),
        }
    }

    /// Whether the places are found first, in an index that has all that is asked for, and then their
    /// rows: of a user's sessions few may be on the client, and the row of each would be looked at.
    pub(super) fn is_by_place(&self) -> bool {
        let query = self.query;
        let is_of_both = query.user_refer_uid().is_some() && query.client_refer_uid().is_some();
        is_of_both && !query.open_sessions_only()
    }

    fn select(&self, columns: &str, from: From, limit: u64) -> Sql {
        let mut sql = Sql::new(format!("SELECT {columns}"));
        self.from(&mut sql);
        from.limit(&mut sql);
        sql.push(" LIMIT ").bind(Value::Long(long(limit)));
        sql
    }
}

/// Where reading begins and which way it goes.
#[derive(Debug, Clone, Copy)]
pub(super) enum From {
    /// From the first in ascending order, passing over so many.
    First(u64),
    /// From the last in descending order, passing over so many.
    Last(u64),
    /// From this one in ascending order.
    At(Place),
    /// From the one behind this place in ascending order.
    After(Place),
    /// From the one before this place in descending order.
    Before(Place),
}

impl From {
    pub(super) fn limit(self, sql: &mut Sql) {
        const ASCENDING: &str = " ORDER BY session_start, refer_uid";
        const DESCENDING: &str = " ORDER BY session_start DESC, refer_uid DESC";
        let behind = |sql: &mut Sql, comparison: &str, (start, refer_uid): Place| {
            sql.push(" AND (session_start, refer_uid) ")
                .push(comparison)
                .push(" (")
                .bind(Value::Long(start))
                .push(", ")
                .bind(Value::Uid(refer_uid))
                .push(")");
        };
        match self {
            Self::First(passed) | Self::Last(passed) => {
                let is_first = matches!(self, Self::First(_));
                sql.push(if is_first { ASCENDING } else { DESCENDING })
                    .push(" OFFSET ")
                    .bind(Value::Long(long(passed)));
            }
            Self::At(place) => {
                behind(sql, ">=", place);
                sql.push(ASCENDING);
            }
            Self::After(place) => {
                behind(sql, ">", place);
                sql.push(ASCENDING);
            }
            Self::Before(place) => {
                behind(sql, "<", place);
                sql.push(DESCENDING);
            }
        }
    }
}

/// For a parameter: no count of rows is greater.
fn long(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
