//! Calls that read: totals from counters, pages by their place.

use super::connection::Transaction;
use super::counters::{Cover, Run, Span, cover, key_of};
use super::failure::Failure;
use super::rows::{RECORD, column, counted, record};
use super::slot::all_slots;
use super::sql::{Sql, Value};
use crate::error::Error;
use crate::query::{Order, Query};
use crate::session::SessionLog;
use tokio_postgres::Row;
use uuid::Uuid;

/// Sessions that are counted and passed over one by one rather than by counters: fewer cost no more.
const FEW: u64 = 2_000;

/// Sessions that are passed over with their rows, rather than in the index first.
const PASSED_WITH_ROWS: u64 = 200;

/// The sessions that match a query and start in one span, and how many they are.
#[derive(Debug, Clone, Copy)]
struct Part {
    span: Span,
    count: u64,
    /// The level of the bucket that it is, if it is one.
    level: Option<usize>,
}

/// How many sessions match, in all and by parts of time, oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Counted {
    parts: Vec<Part>,
    pub(super) total: u64,
}

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

    fn count_statement(&self) -> Sql {
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
    fn counters(&self, run: Run) -> Sql {
        let count = match self.query.open_sessions_only() {
            true => "open",
            false => "total",
        };
        let mut sql = Sql::new(format!(
            "SELECT bucket, sum({count})::bigint FROM session_count WHERE slot = ANY("
        ));
        let key = key_of(self.query.client_refer_uid());
        sql.bind(Value::Slots(all_slots()))
            .push(") AND k = ")
            .bind(Value::Bytes(key))
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
        let mut sql = Sql::new(format!("SELECT {RECORD}"));
        self.from(&mut sql);
        from.limit(&mut sql);
        sql.push(" LIMIT ").bind(Value::Long(long(limit)));
        sql
    }

    /// What it takes to count the sessions that match; users have no counters.
    pub(super) fn plan(&self, widths: &[i64]) -> Plan {
        let cover = match self.query.user_refer_uid() {
            _ if self.span.is_empty() => Cover::default(),
            Some(_) => Cover {
                edges: vec![self.span],
                ..Cover::default()
            },
            None => cover(widths, self.span),
        };
        let edges = cover
            .edges
            .iter()
            .map(|edge| self.within(*edge).count_statement());
        let runs = cover.runs.iter().map(|run| self.counters(*run));
        Plan {
            statements: edges.chain(runs).collect(),
            cover,
        }
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
    fn limit(self, sql: &mut Sql) {
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

/// The statements that count, and what each of them is about.
pub(super) struct Plan {
    pub(super) statements: Vec<Sql>,
    cover: Cover,
}

impl Plan {
    /// What the answers to the statements say.
    pub(super) fn counted(&self, widths: &[i64], answers: &[Vec<Row>]) -> Result<Counted, Failure> {
        let mut parts = Vec::new();
        let (edges, runs) = answers.split_at(self.cover.edges.len().min(answers.len()));
        for (span, rows) in self.cover.edges.iter().zip(edges) {
            let count = rows.first().map_or(Ok(0), |row| counted(row, 0))?;
            parts.push(Part {
                span: *span,
                count,
                level: None,
            });
        }
        for (run, rows) in self.cover.runs.iter().zip(runs) {
            let width = widths.get(run.level).copied().unwrap_or(1);
            for row in rows {
                let from = column::<i64>(row, 0)?.saturating_mul(width);
                parts.push(Part {
                    span: Span {
                        from,
                        to: from.saturating_add(width),
                    },
                    count: counted(row, 1)?,
                    level: Some(run.level),
                });
            }
        }
        parts.sort_unstable_by_key(|part| part.span.from);
        let total = parts.iter().map(|part| part.count).sum();
        Ok(Counted { parts, total })
    }
}

impl Counted {
    /// The first tick of each part, and how many sessions start in it.
    pub(super) fn by_start(&self) -> impl Iterator<Item = (i64, u64)> {
        self.parts.iter().map(|part| (part.span.from, part.count))
    }

    /// The part that holds a rank, and how many come before it in that part.
    fn find(&self, rank: u64) -> Option<(Part, u64)> {
        let mut before = rank;
        for part in &self.parts {
            match before.checked_sub(part.count) {
                Some(left) => before = left,
                None => return Some((*part, before)),
            }
        }
        None
    }
}

impl Transaction {
    /// How many sessions match.
    pub(super) async fn count(
        &mut self,
        widths: &[i64],
        question: &Question<'_>,
    ) -> Result<Counted, Failure> {
        let plan = question.plan(widths);
        let answers = self.query_all(&plan.statements).await?;
        plan.counted(widths, &answers)
    }

    /// Those of the sessions that match whose ranks, from the oldest, are `rank` and on: up to `count`
    /// of them, oldest first.
    pub(super) async fn records_at(
        &mut self,
        widths: &[i64],
        question: &Question<'_>,
        counted: &Counted,
        (rank, count): (u64, u64),
    ) -> Result<Vec<SessionLog>, Failure> {
        let Some((mut part, mut passed)) = counted.find(rank) else {
            return Ok(Vec::new());
        };
        // From bucket to narrower bucket, for as long as one holds many.
        while let Some(level) = part.level.filter(|level| *level > 0 && part.count > FEW) {
            let narrower = widths.get(..level).unwrap_or_default();
            let inside = self.count(narrower, &question.within(part.span)).await?;
            match inside.find(passed) {
                Some(found) => (part, passed) = found,
                None => break,
            }
        }
        let rest = Span {
            from: part.span.from,
            ..question.span
        };
        let from = match passed <= PASSED_WITH_ROWS {
            true => From::First(passed),
            false => {
                let anchored = question.within(part.span);
                From::At(self.place(&anchored, part.count, passed).await?)
            }
        };
        let statement = question.within(rest).records(from, count);
        self.query(&statement).await?.iter().map(record).collect()
    }

    /// Where the session is that comes behind so many of the sessions that match, found in the index
    /// from the nearer end.
    async fn place(
        &mut self,
        question: &Question<'_>,
        count: u64,
        passed: u64,
    ) -> Result<Place, Failure> {
        let from_end = count.saturating_sub(passed + 1);
        let from = match passed <= from_end {
            true => From::First(passed),
            false => From::Last(from_end),
        };
        let mut sql = Sql::new("SELECT session_start, refer_uid");
        question.from(&mut sql);
        from.limit(&mut sql);
        sql.push(" LIMIT 1");
        let rows = self.query(&sql).await?;
        let row = rows.first().ok_or_else(miscounted)?;
        Ok((column(row, 0)?, column(row, 1)?))
    }
}

/// The counters say other than the rows.
fn miscounted() -> Error {
    let message = "session_count counts sessions that session_log does not have: rebuild it";
    Error::corrupted(message)
}

/// For a parameter: no count of rows is greater.
fn long(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A page's first rank from the oldest, and its length, of so many records in an order.
pub(super) fn window(order: Order, total: u64, first: u64, size: u64) -> (u64, u64) {
    let count = size.min(total.saturating_sub(first));
    let rank = match order {
        Order::OldestFirst => first,
        Order::NewestFirst => total.saturating_sub(first).saturating_sub(count),
    };
    (rank, count)
}
