//! The sessions at a place of an answer.

use super::change::Layout;
use super::connection::Transaction;
use super::counters::Span;
use super::failure::Failure;
use super::question::{From, Place, Question};
use super::rows::{column, record};
use super::slot::slot_of;
use super::statements;
use super::totals::Counted;
use crate::query::Order;
use crate::session::SessionLog;
use std::collections::HashMap;
use tokio_postgres::Row;
use uuid::Uuid;

/// Sessions that are passed over one by one rather than by narrower counters: fewer cost no more.
const FEW: u64 = 2_000;

/// Sessions that are passed over with their rows, rather than in the index first.
const PASSED_WITH_ROWS: u64 = 200;

impl Transaction {
    /// Those of the sessions that match whose ranks, from the oldest, are `rank` and on: up to `count`
    /// of them, oldest first.
    pub(super) async fn records_at(
        &mut self,
        layout: &Layout,
        question: &Question<'_>,
        counted: &Counted,
        (rank, count): (u64, u64),
    ) -> Result<Vec<SessionLog>, Failure> {
        let Some((mut part, mut passed)) = counted.find(rank) else {
            return Ok(Vec::new());
        };
        // From bucket to narrower bucket, for as long as one holds many.
        while let Some(level) = part.level.filter(|level| *level > 0 && part.count > FEW) {
            let narrower = layout.widths.get(..level).unwrap_or_default();
            let (inside, _) = self
                .count_in(layout, narrower, &question.within(part.span))
                .await?;
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
                From::At(self.place(layout, &anchored, part.count, passed).await?)
            }
        };
        let question = question.within(rest);
        let rows = self.query(&question.found(from, count)).await?;
        self.records(layout, &question, &rows).await
    }

    /// The sessions that were [found](Question::found), in the order of these rows.
    pub(super) async fn records(
        &mut self,
        layout: &Layout,
        question: &Question<'_>,
        found: &[Row],
    ) -> Result<Vec<SessionLog>, Failure> {
        if !question.is_by_place() {
            return found.iter().map(record).collect();
        }
        let uid = |row| column::<Uuid>(row, 1);
        let uids: Vec<Uuid> = found.iter().map(uid).collect::<Result<_, _>>()?;
        let mut keys: Vec<_> = uids.iter().map(|uid| (slot_of(*uid), *uid)).collect();
        keys.sort_unstable();
        let mut records = HashMap::with_capacity(uids.len());
        let statements = statements::select(layout.dialect, &keys);
        for row in self.query_all(&statements).await?.iter().flatten() {
            let log = record(row)?;
            records.insert(log.refer_uid, log);
        }
        let gone = || layout.dialect.disagreement(GONE);
        let uids = uids.iter();
        uids.map(|uid| records.remove(uid).ok_or_else(gone))
            .collect()
    }

    /// Where the session is that comes behind so many of the sessions that match, found in the index
    /// from the nearer end.
    async fn place(
        &mut self,
        layout: &Layout,
        question: &Question<'_>,
        count: u64,
        passed: u64,
    ) -> Result<Place, Failure> {
        let from_end = count.saturating_sub(passed + 1);
        let from = match passed <= from_end {
            true => From::First(passed),
            false => From::Last(from_end),
        };
        let rows = self.query(&question.places(from, 1)).await?;
        match rows.first() {
            Some(row) => Ok((column(row, 0)?, column(row, 1)?)),
            None => Err(layout.dialect.disagreement(MISCOUNTED)),
        }
    }
}

/// An index has what the table has not.
const GONE: &str = "a session that was found is gone";

/// The counters say other than the rows.
const MISCOUNTED: &str = "session_count counts sessions that session_log does not have: rebuild it";

/// A page's first rank from the oldest, and its length, of so many records in an order.
pub(super) fn window(order: Order, total: u64, first: u64, size: u64) -> (u64, u64) {
    let count = size.min(total.saturating_sub(first));
    let rank = match order {
        Order::OldestFirst => first,
        Order::NewestFirst => total.saturating_sub(first).saturating_sub(count),
    };
    (rank, count)
}
