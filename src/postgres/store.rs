//! The handle, and the calls of every store.

use super::address::Address;
use super::answers::{Count, Get, HasNone, OnePage, PageAfter, Stats, UsersNamed};
use super::census::{BusiestClients, BusiestUsers, CountBy};
use super::change::Layout;
use super::connection::{Access, Connections, Transaction};
use super::counters::CountedKeys;
use super::engine::Engine;
use super::failure::Failure;
use super::keys::{self, Keys};
use super::lanes::Lanes;
use super::options::PostgresOptions;
use super::retry::Chance;
use super::rows::column;
use super::schema::{Dialect, check_layout, check_version};
use super::sql::Sql;
use super::write::Call;
use crate::cursor::{Cursor, CursorPage};
use crate::error::{Error, ErrorKind, Result};
use crate::query::{self, BucketCount, EndedOpen, Page, PageRequest, Query};
use crate::retention::{Erased, Erasure, OpenSessions, Pruned, RetainedMax, Rule, StaleEnd};
use crate::session::{self, Checked, Outcome, SessionLog};
use crate::stores::{SessionLogStore, StoreStats};
use crate::time::Bucket;
use crate::verify::{Progress, Verification};
use crate::{Busiest, ClientCount, UserCount};
use chrono::{DateTime, TimeDelta, Utc};
use std::collections::HashSet;
use std::sync::Arc;
use uuid::Uuid;

/// A store of session logs in a PostgreSQL database, or spread over a Citus cluster.
///
/// A handle: clones are the same store, and share its connections. See the
/// [module](crate::postgres) for an example.
///
/// What was acknowledged is as durable as the database commits: with `synchronous_commit` and, to
/// outlive a machine, `synchronous_standby_names` set there. What fails in passing, such as a failover, is
/// tried again for [`retry_timeout`](PostgresOptions::retry_timeout); after a commit whose outcome is not
/// known, the call finds out what became of it before it answers or tries again.
#[derive(Debug, Clone)]
pub struct Postgres {
    engine: Arc<Engine>,
    lanes: Lanes,
}

impl Postgres {
    /// A handle on the database at an address, whose schema is there. Calls that write run on the runtime
    /// that this is called on.
    ///
    /// # Errors
    ///
    /// `NotAStore` without a schema: [`migrate`](super::migrate) makes it. `UnsupportedFormat` if it is
    /// of another version. `Unavailable` if the database cannot be reached. `InvalidInput` if the
    /// certificates to trust cannot be read.
    pub async fn connect(address: &Address, options: PostgresOptions) -> Result<Self> {
        let connections = Connections::new(address, &options)?;
        let described = async {
            let mut transaction = connections.begin(Access::Read).await?;
            describe(&mut transaction).await
        };
        let described = described.await.map_err(Failure::into_error)?;
        let (keys, suggested) = Keys::new(described.counted, options.counted_from);
        let lanes = options.lanes;
        let engine = Arc::new(Engine {
            chance: Chance::new(options.retry_seed),
            connections,
            layout: Layout {
                dialect: described.dialect,
                widths: described.widths,
                keys,
            },
            options,
            store_uid: described.store_uid,
        });
        keys::start(&engine, suggested);
        let lanes = Lanes::start(&engine, lanes);
        Ok(Self { engine, lanes })
    }

    /// The store's own id, given when its schema was made.
    #[must_use]
    pub fn store_uid(&self) -> Uuid {
        self.engine.store_uid
    }

    /// Makes all counters anew from the rows: where [`verify`](SessionLogStore::verify) finds that they
    /// are wrong, since something else has written into the tables.
    ///
    /// Slot by slot. Writers of sessions wait while a slot is counted; readers never do.
    ///
    /// # Errors
    ///
    /// `Corrupted` if a row is no record; `Unavailable` if the database fails. Repeating the call goes on.
    pub async fn rebuild(&self, mut progress: impl FnMut(Progress) + Send + 'static) -> Result<()> {
        self.engine.rebuild(&mut progress).await
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What is removed by a rule.
    async fn removed_by(
        &self,
        rule: &Rule,
        mut progress: impl FnMut(Progress) + Send,
    ) -> Result<Pruned> {
        let swept = self.engine.sweep(rule, &mut progress, &mut drop).await?;
        if swept.changed > 0 {
            // What counts nothing does no harm until the next call.
            let _ = self.engine.tidy().await;
        }
        self.engine.pruned(&swept).await
    }

    fn check_size(&self, records_per_page: u32) -> Result<()> {
        let max = self.engine.options.records_per_page_max;
        query::check_records_per_page(records_per_page, max)
    }
}

/// What the row of `session_meta` says.
struct Description {
    store_uid: Uuid,
    dialect: Dialect,
    widths: Vec<i64>,
    /// Who has counters, as `session_counted` lists them.
    counted: CountedKeys,
}

async fn describe(transaction: &mut Transaction) -> Result<Description, Failure> {
    // A later version may describe the rest otherwise.
    let sql = "SELECT version FROM session_meta";
    let rows = transaction.query(&Sql::new(sql)).await;
    let rows = rows.map_err(|failure| match failure {
        Failure::Final(error) if error.kind() == ErrorKind::NotAStore => no_schema(Some(error)),
        failure => failure,
    })?;
    let row = rows.first().ok_or_else(|| no_schema(None))?;
    check_version(column(row, 0)?)?;
    let sql = "SELECT store_uid, slots, widths, is_citus FROM session_meta";
    let rows = transaction.query(&Sql::new(sql)).await?;
    let row = rows.first().ok_or_else(|| no_schema(None))?;
    let widths: Vec<i64> = column(row, 2)?;
    check_layout(column(row, 1)?, &widths)?;
    Ok(Description {
        counted: transaction.counted_keys().await?,
        store_uid: column(row, 0)?,
        dialect: Dialect::of(column(row, 3)?),
        widths,
    })
}

/// Another start would be another session: whoever is told of this one can start it again.
fn perhaps_started(refer_uid: Uuid, error: Error) -> Error {
    if error.kind() != ErrorKind::Unavailable {
        return error;
    }
    let message = format!(
        "{error}; if session {refer_uid} has started, starting it under that refer_uid again does nothing more"
    );
    Error::new(ErrorKind::Unavailable, message).caused_by(error)
}

fn no_schema(cause: Option<Error>) -> Failure {
    let message = "the database has no session logs: its schema is to be made first (migrate)";
    let error = Error::new(ErrorKind::NotAStore, message);
    Failure::Final(match cause {
        Some(cause) => error.caused_by(cause),
        None => error,
    })
}

impl Engine {
    pub(super) async fn count(&self, query: &Query) -> Result<u64> {
        let suggests = true;
        self.read(&Count { query, suggests }).await
    }

    pub(super) async fn page(&self, query: &Query, page: PageRequest) -> Result<Page> {
        self.read(&OnePage(query, page)).await
    }
}

impl SessionLogStore for Postgres {
    async fn append(&self, log: SessionLog) -> Result<Outcome> {
        let record = Checked::new(log)?;
        self.lanes.run(Call::Append(record)).await
    }

    async fn append_batch(&self, logs: Vec<SessionLog>) -> Result<Vec<Outcome>> {
        self.engine.append_batch(logs).await
    }

    async fn start(&self, user_refer_uid: Uuid, user: &str, client: &str) -> Result<Uuid> {
        let options = &self.engine.options;
        let now = options.clock.now();
        let refer_uid = options.ids.refer_uid(now);
        let record = Checked::starting(refer_uid, user_refer_uid, user, client, now)?;
        let started = self.lanes.run(Call::Start(record)).await;
        match started.map_err(|error| perhaps_started(refer_uid, error))? {
            Outcome::Added => Ok(refer_uid),
            Outcome::AlreadyThere | Outcome::Ended => Err(session::taken(refer_uid)),
        }
    }

    async fn start_as(
        &self,
        refer_uid: Uuid,
        user_refer_uid: Uuid,
        user: &str,
        client: &str,
    ) -> Result<Outcome> {
        let now = self.engine.options.clock.now();
        let record = Checked::starting(refer_uid, user_refer_uid, user, client, now)?;
        self.lanes.run(Call::Start(record)).await
    }

    async fn end(&self, refer_uid: Uuid, at: DateTime<Utc>) -> Result<Outcome> {
        let at = session::end_ticks(at)?;
        self.lanes.run(Call::End(refer_uid, at)).await
    }

    async fn end_open(&self, query: &Query, at: DateTime<Utc>) -> Result<EndedOpen> {
        self.engine.end_open(query, at).await
    }

    async fn end_stale(
        &self,
        started_before: DateTime<Utc>,
        end: StaleEnd,
        mut progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<EndedOpen> {
        let rule = Rule::end_stale(started_before, end)?;
        let swept = self.engine.sweep(&rule, &mut progress, &mut drop).await?;
        Ok(EndedOpen {
            ended: swept.changed,
            left_open: swept.spared,
        })
    }

    async fn remove(&self, refer_uid: Uuid) -> Result<SessionLog> {
        self.engine.remove(refer_uid).await
    }

    async fn prune(
        &self,
        older_than: TimeDelta,
        open: OpenSessions,
        progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<Pruned> {
        let now = self.engine.options.clock.now();
        let rule = Rule::prune(older_than, open, now)?;
        self.removed_by(&rule, progress).await
    }

    /// Bytes of live sessions are not counted here.
    async fn retain_at_most(
        &self,
        max: RetainedMax,
        progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<Pruned> {
        match max {
            RetainedMax::Sessions(sessions) => {
                let rule = Rule::retain_at_most(sessions);
                self.removed_by(&rule, progress).await
            }
            RetainedMax::LiveBytes(bytes) => {
                let problem = format_args!("{bytes} cannot be kept to in a database: sessions can");
                Err(Error::invalid("live_bytes", problem))
            }
        }
    }

    /// No byte is promised to be gone from the database's files, its log and its standbys.
    async fn erase_user(
        &self,
        user_refer_uid: Uuid,
        erasure: Erasure,
        mut progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<Erased> {
        if erasure == Erasure::Secure {
            let problem =
                "cannot be secure in a database, which keeps what was removed for a while";
            return Err(Error::invalid("erasure", problem));
        }
        let rule = Rule::erase(user_refer_uid)?;
        let (mut names, mut clients) = (HashSet::new(), HashSet::new());
        let mut removed = |logs: Vec<SessionLog>| {
            for log in logs {
                names.insert(log.user);
                clients.insert(log.client_refer_uid);
            }
        };
        let swept = self
            .engine
            .sweep(&rule, &mut progress, &mut removed)
            .await?;
        let mut client_count = 0;
        for client in clients {
            let query = Query::builder().client_refer_uid(&*client).build()?;
            client_count += u64::from(self.engine.read(&HasNone(&query)).await?);
        }
        // What an interrupted call has left too.
        self.engine.unlist_empty().await?;
        // What counts nothing does no harm, and names nobody who is not listed.
        let _ = self.engine.tidy().await;
        Ok(Erased {
            session_count: swept.changed,
            user_name_count: names.len() as u64,
            client_count,
            is_secure: false,
            snapshot_count: 0,
        })
    }

    /// Every commit is as durable as the database makes it already.
    async fn flush(&self) -> Result<()> {
        Ok(())
    }

    async fn get(&self, refer_uid: Uuid) -> Result<Option<SessionLog>> {
        self.engine.read(&Get(refer_uid)).await
    }

    async fn page(&self, query: &Query, page: PageRequest) -> Result<Page> {
        self.check_size(page.records_per_page())?;
        self.engine.page(query, page).await
    }

    async fn page_after(
        &self,
        query: &Query,
        cursor: &Cursor,
        records_per_page: u32,
    ) -> Result<CursorPage> {
        self.check_size(records_per_page)?;
        let reading = PageAfter {
            query,
            cursor,
            last: cursor.last(query)?,
            records_per_page,
        };
        self.engine.read(&reading).await
    }

    async fn count(&self, query: &Query) -> Result<u64> {
        self.engine.count(query).await
    }

    async fn count_by(&self, query: &Query, bucket: Bucket) -> Result<Vec<BucketCount>> {
        self.engine.read(&CountBy(query, bucket)).await
    }

    async fn busiest_users(&self, query: &Query, count: usize) -> Result<Busiest<UserCount>> {
        self.engine.read(&BusiestUsers(query, count)).await
    }

    async fn busiest_clients(&self, query: &Query, count: usize) -> Result<Busiest<ClientCount>> {
        self.engine.read(&BusiestClients(query, count)).await
    }

    async fn users_named(&self, user: &str) -> Result<Vec<Uuid>> {
        self.engine.read(&UsersNamed(user)).await
    }

    async fn stats(&self) -> Result<StoreStats> {
        self.engine.read(&Stats).await
    }

    async fn verify(
        &self,
        mut progress: impl FnMut(Progress) + Send + 'static,
    ) -> Result<Verification> {
        self.engine.verify(&mut progress).await
    }
}
