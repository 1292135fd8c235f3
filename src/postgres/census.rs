//! Who has how many sessions, and when they started.

use super::change::Layout;
use super::connection::Transaction;
use super::counters::Key;
use super::engine::Reading;
use super::failure::Failure;
use super::question::{From, Question};
use super::rows::{column, counted, record};
use super::schema::HOUR;
use super::sql::{Sql, Value};
use crate::census::{Busiest, ClientCount, UserCount};
use crate::error::Error;
use crate::query::{BucketCount, Order, Query, QueryBuilder};
use crate::session::SessionLog;
use crate::time::{Bucket, Ticks};
use tokio_postgres::Row;
use tokio_postgres::types::FromSqlOwned;
use uuid::Uuid;

/// How many of the sessions that match started in each hour, day or month.
pub(super) struct CountBy<'q>(pub(super) &'q Query, pub(super) Bucket);

impl Reading for CountBy<'_> {
    type Answer = Vec<BucketCount>;

    async fn attempt(
        &self,
        transaction: &mut Transaction,
        layout: &Layout,
    ) -> Result<Vec<BucketCount>, Failure> {
        let question = Question::new(self.0);
        // In a shorter span no hour need be whole: what is counted there may be of two.
        let has_whole_hours = question.span.to.saturating_sub(question.span.from) >= 2 * HOUR;
        let is_counted = question
            .key()
            .is_some_and(|key| layout.keys.are_counted(&key));
        let mut hours = match is_counted && has_whole_hours {
            false => hours_of_rows(transaction, &question).await?,
            true => {
                // The finest buckets are hours.
                let finest = layout.widths.get(..1).unwrap_or_default();
                match transaction.count_in(layout, finest, &question).await? {
                    (counted, false) => counted.by_start().collect(),
                    // It has no counters any more.
                    (_, true) => hours_of_rows(transaction, &question).await?,
                }
            }
        };
        hours.sort_unstable();
        let mut buckets = in_buckets(&hours, self.1)?;
        if self.0.order() == Order::NewestFirst {
            buckets.reverse();
        }
        Ok(buckets)
    }
}

async fn hours_of_rows(
    transaction: &mut Transaction,
    question: &Question<'_>,
) -> Result<Vec<(i64, u64)>, Failure> {
    let mut sql = Sql::new(format!("SELECT session_start / {HOUR}, count(*)"));
    question.from(&mut sql).push(" GROUP BY 1");
    let rows = transaction.query(&sql).await?;
    let hour = |row: &Row| {
        Ok((
            column::<i64>(row, 0)?.saturating_mul(HOUR),
            counted(row, 1)?,
        ))
    };
    rows.iter().map(hour).collect()
}

/// Counts by the start of some span of an hour at most, in that order, as counts by buckets.
fn in_buckets(hours: &[(i64, u64)], bucket: Bucket) -> Result<Vec<BucketCount>, Failure> {
    let mut buckets: Vec<BucketCount> = Vec::new();
    for (from, count) in hours.iter().filter(|(_, count)| *count > 0) {
        let at = Ticks::from_year_one(*from).ok_or_else(out_of_range)?;
        let start = bucket.around(at).0.to_utc();
        match buckets.last_mut().filter(|last| last.start == start) {
            Some(last) => last.count += count,
            None => buckets.push(BucketCount {
                start,
                count: *count,
            }),
        }
    }
    Ok(buckets)
}

fn out_of_range() -> Error {
    Error::corrupted("session_count counts sessions at a time that no session can have")
}

/// By what sessions are grouped.
#[derive(Debug, Clone, Copy)]
enum Group {
    Users,
    Clients,
}

/// The groups with the most of the sessions that match: of each what it is, how many, and the newest.
struct Ranked<K> {
    best: Vec<(K, u64, SessionLog)>,
    groups: u64,
    sessions: u64,
}

impl<K> Ranked<K> {
    fn into_busiest<T>(self, entry: impl Fn(K, u64, SessionLog) -> T) -> Busiest<T> {
        let entries = self.best.into_iter();
        Busiest {
            entries: entries
                .map(|(key, count, newest)| entry(key, count, newest))
                .collect(),
            total_count: self.groups,
            total_session_count: self.sessions,
        }
    }
}

/// The users with the most of the sessions that match.
pub(super) struct BusiestUsers<'q>(pub(super) &'q Query, pub(super) usize);

impl Reading for BusiestUsers<'_> {
    type Answer = Busiest<UserCount>;

    async fn attempt(
        &self,
        transaction: &mut Transaction,
        layout: &Layout,
    ) -> Result<Self::Answer, Failure> {
        let of = |user: &Uuid| QueryBuilder::from(self.0.clone()).user_refer_uid(*user);
        let ranked = ranked(transaction, layout, (self.0, self.1), Group::Users, of).await?;
        Ok(
            ranked.into_busiest(|user_refer_uid, session_count, newest| UserCount {
                user_refer_uid,
                user: newest.user,
                session_count,
                last_session_start: newest.session_start,
            }),
        )
    }
}

/// The clients with the most of the sessions that match.
pub(super) struct BusiestClients<'q>(pub(super) &'q Query, pub(super) usize);

impl Reading for BusiestClients<'_> {
    type Answer = Busiest<ClientCount>;

    async fn attempt(
        &self,
        transaction: &mut Transaction,
        layout: &Layout,
    ) -> Result<Self::Answer, Failure> {
        let of = |client: &Vec<u8>| {
            let client = String::from_utf8_lossy(client);
            QueryBuilder::from(self.0.clone()).client_refer_uid(&*client)
        };
        let ranked = ranked(transaction, layout, (self.0, self.1), Group::Clients, of).await?;
        Ok(ranked.into_busiest(|_, session_count, newest| ClientCount {
            client_refer_uid: newest.client_refer_uid,
            session_count,
            last_session_start: newest.session_start,
        }))
    }
}

async fn ranked<K: FromSqlOwned>(
    transaction: &mut Transaction,
    layout: &Layout,
    (query, count): (&Query, usize),
    group: Group,
    of: impl Fn(&K) -> QueryBuilder,
) -> Result<Ranked<K>, Failure> {
    let rows = transaction.query(&grouped(query, count, group)).await?;
    let (mut keys, mut groups, mut sessions) = (Vec::new(), 0, 0);
    for row in &rows {
        (groups, sessions) = (counted(row, 2)?, counted(row, 3)?);
        // The first row is of all groups together, and none of them.
        if let Some(key) = column::<Option<K>>(row, 0)? {
            keys.push((key, counted(row, 1)?));
        }
    }
    let mut newest = Vec::new();
    for (key, _) in &keys {
        let query = of(key).build()?;
        newest.push(Question::new(&query).records(From::Last(0), 1));
    }
    let newest = transaction.query_all(&newest).await?;
    let mut best = Vec::with_capacity(keys.len());
    for ((key, count), rows) in keys.into_iter().zip(newest) {
        let gone = || layout.dialect.disagreement(GONE);
        let row = rows.first().ok_or_else(gone)?;
        best.push((key, count, record(row)?));
    }
    Ok(Ranked {
        best,
        groups,
        sessions,
    })
}

/// The greatest groups, each beside the number of all groups and of all their sessions; where none is
/// asked for, these alone.
fn grouped(query: &Query, count: usize, group: Group) -> Sql {
    let column = match group {
        Group::Users => "user_refer_uid",
        Group::Clients => "client_refer_uid",
    };
    let mut sql = Sql::new(format!(
        "WITH groups AS (SELECT {column} AS key, count(*) AS sessions"
    ));
    Question::new(query).from(&mut sql).push(&format!(
        " GROUP BY {column}), best AS (SELECT key, sessions FROM groups ORDER BY sessions DESC, key LIMIT "
    ));
    sql.bind(Value::Long(i64::try_from(count).unwrap_or(i64::MAX)))
        .push(
            ") SELECT best.key, coalesce(best.sessions, 0), whole.groups, whole.sessions FROM \
             (SELECT count(*) AS groups, coalesce(sum(sessions), 0)::bigint AS sessions FROM groups) whole \
             LEFT JOIN best ON true ORDER BY best.sessions DESC, best.key",
        );
    sql
}

const GONE: &str = "a session that was counted is gone";

/// The users and clients who have so many sessions.
pub(super) struct Many(pub(super) u64);

impl Reading for Many {
    type Answer = Vec<Key>;
    const IS_BOUNDED: bool = false;

    async fn attempt(
        &self,
        transaction: &mut Transaction,
        _: &Layout,
    ) -> Result<Vec<Key>, Failure> {
        let mut keys = Vec::new();
        for (column, prefix) in [
            ("client_refer_uid", r"'\x01'::bytea || client_refer_uid"),
            (
                "user_refer_uid",
                r"'\x02'::bytea || uuid_send(user_refer_uid)",
            ),
        ] {
            let mut sql = Sql::new(format!(
                "SELECT {prefix} FROM session_log GROUP BY {column} HAVING count(*) >= "
            ));
            let many = i64::try_from(self.0).unwrap_or(i64::MAX);
            sql.bind(Value::Long(many));
            for row in transaction.query(&sql).await? {
                keys.push(Key::from_bytes(self::column(&row, 0)?));
            }
        }
        Ok(keys)
    }
}
