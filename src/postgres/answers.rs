//! The calls that read one state.

use super::change::Layout;
use super::connection::Transaction;
use super::engine::Reading;
use super::failure::Failure;
use super::places::window;
use super::question::{From, Place, Question};
use super::rows::{RECORD, column, counted, record};
use super::schema::Dialect;
use super::slot::slot_of;
use super::sql::{Sql, Value};
use super::totals::Counted;
use crate::counted::Key;
use crate::cursor::{Cursor, CursorPage};
use crate::error::Error;
use crate::query::{Order, Page, PageRequest, Query};
use crate::session::SessionLog;
use crate::stores::StoreStats;
use crate::time::Ticks;
use tokio_postgres::Row;
use uuid::Uuid;

/// The session with an id.
pub(super) struct Get(pub(super) Uuid);

impl Reading for Get {
    type Answer = Option<SessionLog>;

    async fn attempt(
        &self,
        transaction: &mut Transaction,
        _: &Layout,
    ) -> Result<Self::Answer, Failure> {
        let mut sql = Sql::new(format!("SELECT {RECORD} FROM session_log WHERE slot = "));
        sql.bind(Value::Slot(slot_of(self.0)))
            .push(" AND refer_uid = ")
            .bind(Value::Uid(self.0));
        let rows = transaction.query(&sql).await?;
        rows.first().map(record).transpose()
    }
}

/// How many sessions match.
pub(super) struct Count<'q> {
    pub(super) query: &'q Query,
    /// Whether somebody may come to have counters for that.
    pub(super) suggests: bool,
}

impl Reading for Count<'_> {
    type Answer = u64;

    async fn attempt(
        &self,
        transaction: &mut Transaction,
        layout: &Layout,
    ) -> Result<u64, Failure> {
        let question = Question::new(self.query);
        let counted = match self.suggests {
            true => transaction.count(layout, &question).await?,
            false => {
                let widths = &layout.widths;
                transaction.count_in(layout, widths, &question).await?.0
            }
        };
        Ok(counted.total)
    }
}

/// Whether no session matches.
pub(super) struct HasNone<'q>(pub(super) &'q Query);

impl Reading for HasNone<'_> {
    type Answer = bool;

    async fn attempt(&self, transaction: &mut Transaction, _: &Layout) -> Result<bool, Failure> {
        let first = Question::new(self.0).places(From::First(0), 1);
        Ok(transaction.query(&first).await?.is_empty())
    }
}

/// One page.
pub(super) struct OnePage<'q>(pub(super) &'q Query, pub(super) PageRequest);

impl Reading for OnePage<'_> {
    type Answer = Page;

    async fn attempt(
        &self,
        transaction: &mut Transaction,
        layout: &Layout,
    ) -> Result<Page, Failure> {
        let question = Question::new(self.0);
        let (index, size) = (self.1.page_request_index(), self.1.records_per_page());
        let counted = transaction.count(layout, &question).await?;
        let first = u64::from(index) * u64::from(size);
        let order = self.0.order();
        let (rank, count) = window(order, counted.total, first, size.into());
        let place = (rank, count);
        let entries = match count {
            0 => Vec::new(),
            _ => {
                transaction
                    .records_at(layout, &question, &counted, place)
                    .await?
            }
        };
        Ok(Page {
            entries: in_order(order, entries),
            page_index: index,
            records_per_page: size,
            total_page_count: counted.total.div_ceil(size.into()),
            total_record_count: counted.total,
        })
    }
}

fn in_order(order: Order, mut oldest_first: Vec<SessionLog>) -> Vec<SessionLog> {
    if order == Order::NewestFirst {
        oldest_first.reverse();
    }
    oldest_first
}

/// The records behind a cursor.
pub(super) struct PageAfter<'q> {
    pub(super) query: &'q Query,
    pub(super) cursor: &'q Cursor,
    /// The cursor's place.
    pub(super) last: Option<Key>,
    pub(super) records_per_page: u32,
}

impl Reading for PageAfter<'_> {
    type Answer = CursorPage;

    async fn attempt(
        &self,
        transaction: &mut Transaction,
        layout: &Layout,
    ) -> Result<CursorPage, Failure> {
        let question = Question::new(self.query);
        let place = self.last.map(place_of).transpose()?;
        let total = transaction.count(layout, &question).await?;
        let records = question.found(self.from(place), self.records_per_page.into());
        let (passed, entries) = match place {
            None => (0, transaction.query(&records).await?),
            Some(place) => {
                let before = before(&question, place);
                let before = transaction.count(layout, &before).await?;
                let statements = [question.count_at(place), records];
                let mut answers = transaction.query_all(&statements).await?;
                let entries = answers.pop().unwrap_or_default();
                let ties = answers.pop().unwrap_or_default();
                (self.passed(&total, &before, &ties)?, entries)
            }
        };
        let entries = transaction.records(layout, &question, &entries).await?;
        Ok(self.page(&total, passed, entries))
    }
}

impl PageAfter<'_> {
    fn from(&self, place: Option<Place>) -> From {
        match (self.query.order(), place) {
            (Order::OldestFirst, None) => From::First(0),
            (Order::OldestFirst, Some(place)) => From::After(place),
            (Order::NewestFirst, None) => From::Last(0),
            (Order::NewestFirst, Some(place)) => From::Before(place),
        }
    }

    /// How many records of the answer come up to the cursor, its own included.
    fn passed(&self, total: &Counted, before: &Counted, ties: &[Row]) -> Result<u64, Failure> {
        let ties = ties.first().ok_or_else(no_row)?;
        let before = before.total + counted(ties, 0)?;
        Ok(match self.query.order() {
            Order::OldestFirst => before + counted(ties, 1)?,
            Order::NewestFirst => total.total.saturating_sub(before),
        })
    }

    fn page(&self, total: &Counted, passed: u64, entries: Vec<SessionLog>) -> CursorPage {
        let next = match entries.last() {
            Some(last) => {
                let start = Ticks::floor(last.session_start).to_sortable();
                self.cursor
                    .moved_to(Key::new(start, last.refer_uid.as_u128()))
            }
            None => self.cursor.clone(),
        };
        let read = passed + entries.len() as u64;
        CursorPage {
            remaining_record_count: total.total.saturating_sub(read),
            total_record_count: total.total,
            entries,
            next,
        }
    }
}

/// The sessions of a query that start before those of a place.
fn before<'q>(question: &Question<'q>, (start, _): Place) -> Question<'q> {
    let mut span = question.span;
    span.to = span.to.min(start);
    question.within(span)
}

fn place_of(key: Key) -> Result<Place, Failure> {
    let start = Ticks::from_sortable(key.major());
    let start = start.ok_or_else(|| Error::invalid("cursor", "is at no time"))?;
    Ok((start.since_year_one(), Uuid::from_u128(key.minor())))
}

/// A count gives a row.
fn no_row() -> Error {
    Error::corrupted("the database gave no row where there always is one")
}

/// The users who have a session under a name.
pub(super) struct UsersNamed<'n>(pub(super) &'n str);

impl Reading for UsersNamed<'_> {
    type Answer = Vec<Uuid>;

    async fn attempt(
        &self,
        transaction: &mut Transaction,
        _: &Layout,
    ) -> Result<Vec<Uuid>, Failure> {
        let mut sql =
            Sql::new("SELECT DISTINCT user_refer_uid FROM session_log WHERE user_name = ");
        sql.bind(Value::Bytes(self.0.as_bytes().to_vec()))
            .push(" ORDER BY user_refer_uid");
        let rows = transaction.query(&sql).await?;
        rows.iter().map(|row| column(row, 0)).collect()
    }
}

/// How much there is.
pub(super) struct Stats;

impl Reading for Stats {
    type Answer = StoreStats;

    async fn attempt(
        &self,
        transaction: &mut Transaction,
        layout: &Layout,
    ) -> Result<StoreStats, Failure> {
        let (all, open) = (Query::all(), Query::all().open_and_oldest_first());
        let total = transaction.count(layout, &Question::new(&all)).await?;
        let open = transaction.count(layout, &Question::new(&open)).await?;
        let size = match layout.dialect {
            Dialect::Postgres => "pg_total_relation_size",
            Dialect::Citus => "citus_total_relation_size",
        };
        let sql = format!("SELECT {size}('session_log') + {size}('session_count')");
        let rows = transaction.query(&Sql::new(sql)).await?;
        let row = rows.first().ok_or_else(no_row)?;
        Ok(StoreStats {
            session_count: total.total,
            open_session_count: open.total,
            stored_bytes: counted(row, 0)?,
        })
    }
}
