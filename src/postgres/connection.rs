//! Connections, and transactions on them.

use super::address::Address;
use super::failure::Failure;
use super::hosts::HostByHost;
use super::options::PostgresOptions;
use super::sql::Sql;
use crate::error::{Error, ErrorKind, Result};
use deadpool_postgres::{Client, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime, Timeouts};
use futures_util::future::{join, join_all};
use futures_util::{FutureExt, TryStreamExt};
use std::future::Future;
use std::pin::pin;
use std::time::Duration;
use tokio::time::timeout;
use tokio_postgres::{Config, CopyInSink, CopyOutStream, Row};

/// Connections to one database, made when they are needed.
#[derive(Debug, Clone)]
pub(super) struct Connections {
    pool: Pool,
    statement_timeout: Duration,
}

/// What a transaction is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Reads one state.
    Read,
    /// Each statement sees what others have committed before it.
    Write,
    /// The same, and until its end nobody comes to have counters or loses them.
    Change,
}

/// For how long the server waits for a client that is in the middle of a transaction and says nothing, or
/// takes nothing: one whose machine is gone would keep its locks. Longer than any of ours is at work.
const ABSENCE: &str = "SET LOCAL idle_in_transaction_session_timeout = '2min'; \
                       SET LOCAL tcp_user_timeout = '2min'; \
                       SET LOCAL tcp_keepalives_idle = '1min'";

/// After how long a connection on which nothing comes is looked at, where the address does not say.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// How much longer than the server's own limit an answer is waited for: then the server or the way
/// there is gone.
const GRACE: Duration = Duration::from_secs(5);

/// For how long the answer to a statement is waited for that may take its time. A connection whose other
/// end is gone is found out long before.
const UNBOUNDED: Duration = Duration::from_secs(7 * 86_400);

impl Connections {
    /// # Errors
    ///
    /// `InvalidInput` if the certificates to trust cannot be read.
    pub(super) fn new(address: &Address, options: &PostgresOptions) -> Result<Self> {
        let mut config = address.config().clone();
        let socket_timeout = config.get_connect_timeout().copied();
        let socket_timeout = socket_timeout.unwrap_or(options.connect_timeout);
        config.connect_timeout(socket_timeout);
        // None would be no limit to the server, which counts in milliseconds.
        let longest = Duration::from_millis(i32::MAX.unsigned_abs().into());
        let shortest = Duration::from_millis(1);
        let statement_timeout = options.statement_timeout.clamp(shortest, longest);
        // As long again for what is said on it.
        let host_timeout = socket_timeout.saturating_mul(2);
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(statement_timeout + GRACE);
        }
        keep_alive(&mut config);
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let longest = HostByHost::longest(host_timeout, &config);
        let hosts = HostByHost {
            tls: address.tls()?,
            timeout: host_timeout,
        };
        let manager = Manager::from_connect(config, hosts, recycling);
        let timeouts = Timeouts {
            wait: Some(statement_timeout),
            create: Some(longest),
            recycle: None,
        };
        let pool = Pool::builder(manager)
            .max_size(options.connections_max.max(1))
            .timeouts(timeouts)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| {
                let message = "connections to the database cannot be managed";
                Error::new(ErrorKind::Unavailable, message).caused_by(error)
            })?;
        Ok(Self {
            pool,
            statement_timeout,
        })
    }

    /// A transaction that begins with its first statement.
    pub(super) async fn begin(&self, access: Access) -> Result<Transaction, Failure> {
        self.begin_within(access, self.statement_timeout).await
    }

    /// One whose statements may take any time.
    pub(super) async fn begin_unbounded(&self, access: Access) -> Result<Transaction, Failure> {
        self.begin_within(access, Duration::ZERO).await
    }

    /// No limit is zero, as for the server.
    async fn begin_within(&self, access: Access, limit: Duration) -> Result<Transaction, Failure> {
        let client = self.pool.get().await?;
        let mode = match access {
            Access::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            // Not "READ WRITE", which a server that only takes reads refuses as if it were unknown.
            Access::Write | Access::Change => "BEGIN ISOLATION LEVEL READ COMMITTED",
        };
        let lock = match access {
            Access::Change => "; LOCK TABLE session_counted IN ROW SHARE MODE",
            Access::Read | Access::Write => "",
        };
        // Of the transaction alone, since behind a pooler the connection is somebody else's next.
        let millis = limit.as_millis();
        Ok(Transaction {
            client: Some(client),
            access,
            begin: Some(format!(
                "{mode}; {ABSENCE}; SET LOCAL statement_timeout = {millis}{lock}"
            )),
            is_busy: false,
            patience: match limit.is_zero() {
                true => UNBOUNDED,
                false => limit + GRACE,
            },
            commit_patience: self.statement_timeout + GRACE,
        })
    }
}

/// A transaction. Dropped before its end, it has changed nothing: its connection is rolled back, or
/// given up if the server has yet to answer on it.
#[derive(Debug)]
pub(super) struct Transaction {
    /// There until the end.
    client: Option<Client>,
    access: Access,
    /// What has yet to be said first.
    begin: Option<String>,
    /// Whether the server was asked something and has not answered.
    is_busy: bool,
    patience: Duration,
    /// The same of the commit, which no limit of the server ends.
    commit_patience: Duration,
}

impl Transaction {
    fn client(&self) -> Result<&Client, Failure> {
        self.client.as_ref().ok_or_else(Failure::timed_out)
    }

    /// The rows that a statement gives.
    pub(super) async fn query(&mut self, sql: &Sql) -> Result<Vec<Row>, Failure> {
        let mut all = self.query_all(std::slice::from_ref(sql)).await?;
        Ok(all.pop().unwrap_or_default())
    }

    /// The rows that each of these statements gives: all of them go to the server at once.
    pub(super) async fn query_all(&mut self, all: &[Sql]) -> Result<Vec<Vec<Row>>, Failure> {
        // What changes something must not go where no transaction was begun.
        if self.access != Access::Read {
            self.begun().await?;
        }
        self.ask(all).await
    }

    /// As [`query`](Self::query), of a statement that only reads: it goes with the beginning.
    pub(super) async fn read(&mut self, sql: &Sql) -> Result<Vec<Row>, Failure> {
        let mut all = self.ask(std::slice::from_ref(sql)).await?;
        Ok(all.pop().unwrap_or_default())
    }

    /// Sends statements, behind the beginning if that has yet to be said.
    async fn ask(&mut self, all: &[Sql]) -> Result<Vec<Vec<Row>>, Failure> {
        let begin = self.begin.take();
        self.is_busy = true;
        let client = self.client()?;
        let begun = async {
            match &begin {
                Some(begin) => Ok::<_, Failure>(client.batch_execute(begin).await?),
                None => Ok(()),
            }
        };
        let both = async { Ok(join(begun, answers(client, all)).await) };
        let (begun, rows) = within(client, self.patience, both).await?;
        begun?;
        let rows = rows?;
        self.is_busy = false;
        Ok(rows)
    }

    /// Runs the last statements and commits, on one way there and back. If one of them fails the server
    /// rolls back.
    ///
    /// # Errors
    ///
    /// What the failure is, and whether the commit was on its way: then nobody knows whether it was
    /// done.
    pub(super) async fn commit(mut self, last: &[Sql]) -> Result<(), (Failure, bool)> {
        self.is_busy = true;
        let before = |failure| (failure, false);
        let client = self.client().map_err(before)?;
        let committed = async { Ok(client.batch_execute("COMMIT").await?) };
        // Some thousand rows each take their time too.
        let statements = u64::try_from(last.len()).unwrap_or(u64::MAX);
        let patience = self.commit_patience + Duration::from_secs(statements);
        let both = within(client, patience, async {
            Ok(join(answers(client, last), committed).await)
        });
        match both.await {
            Ok((Ok(_), Ok(()))) => {
                self.is_busy = false;
                self.client = None;
                Ok(())
            }
            // The server has said no to a statement: it takes the commit for a rollback.
            Ok((Err(Failure::Final(error)), _)) => Err((Failure::Final(error), false)),
            Ok((Err(failure), committed)) => Err((failure, committed.is_err())),
            Ok((Ok(_), Err(failure))) => Err((failure, true)),
            Err(failure) => Err((failure, true)),
        }
    }

    /// Visits the rows that a statement gives as they come, however many.
    pub(super) async fn each(
        &mut self,
        sql: &Sql,
        mut visit: impl FnMut(&Row) + Send,
    ) -> Result<(), Failure> {
        self.begun().await?;
        self.is_busy = true;
        let (client, parameters) = (self.client()?, sql.parameters());
        within(client, self.patience, async {
            let rows = client.query_typed_raw(sql.text(), parameters).await?;
            let mut rows = pin!(rows);
            while let Some(row) = rows.try_next().await? {
                visit(&row);
            }
            Ok(())
        })
        .await?;
        self.is_busy = false;
        Ok(())
    }

    /// Gives rows to a statement `COPY … FROM STDIN`, until [`copied`](Self::copied).
    pub(super) async fn copy_in<B: bytes::Buf + Send + 'static>(
        &mut self,
        statement: &str,
    ) -> Result<CopyInSink<B>, Failure> {
        self.begun().await?;
        self.is_busy = true;
        let client = self.client()?;
        within(client, self.patience, async {
            Ok(client.copy_in(statement).await?)
        })
        .await
    }

    /// Takes the rows of a statement `COPY … TO STDOUT`, until [`copied`](Self::copied).
    pub(super) async fn copy_out(&mut self, statement: &str) -> Result<CopyOutStream, Failure> {
        self.begun().await?;
        self.is_busy = true;
        let client = self.client()?;
        within(client, self.patience, async {
            Ok(client.copy_out(statement).await?)
        })
        .await
    }

    /// Runs statements without parameters.
    pub(super) async fn run(&mut self, statements: &str) -> Result<(), Failure> {
        self.begun().await?;
        self.is_busy = true;
        let client = self.client()?;
        within(client, self.patience, async {
            Ok(client.batch_execute(statements).await?)
        })
        .await?;
        self.is_busy = false;
        Ok(())
    }

    async fn begun(&mut self) -> Result<(), Failure> {
        self.ask(&[]).await.map(drop)
    }

    /// All that is copied has gone or come.
    pub(super) fn copied(&mut self) {
        self.is_busy = false;
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let Some(client) = self.client.take() else {
            return;
        };
        if self.is_busy {
            // Whoever came next would wait for what nobody wants any more.
            drop(Client::take(client));
        } else if self.begin.is_none() {
            // Sent by the first poll; the answer comes before those of whoever comes next.
            let _ = client.batch_execute("ROLLBACK").now_or_never();
        }
    }
}

/// A connection whose other end is gone is found out though nothing is sent on it.
fn keep_alive(config: &mut Config) {
    if config.get_keepalives_idle() == Config::new().get_keepalives_idle() {
        config.keepalives_idle(KEEPALIVE);
    }
    if config.get_keepalives_interval().is_none() {
        config.keepalives_interval(KEEPALIVE / 3);
    }
    if config.get_keepalives_retries().is_none() {
        config.keepalives_retries(3);
    }
}

/// Sends statements, all of them at once, and gives the rows of each.
///
/// # Errors
///
/// That of the first which failed: those behind it fail because of that.
async fn answers(client: &Client, all: &[Sql]) -> Result<Vec<Vec<Row>>, Failure> {
    let answers = all.iter().map(async |sql| {
        let parameters = sql.parameters();
        client.query_typed(sql.text(), &parameters).await
    });
    let answers = join_all(answers).await.into_iter();
    Ok(answers.collect::<Result<_, _>>()?)
}

async fn within<T>(
    client: &Client,
    patience: Duration,
    answer: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let Ok(answer) = timeout(patience, answer).await else {
        // The server may be gone without a word, and then it is for all connections that were made.
        if let Some(pool) = Client::pool(client) {
            pool.retain(|_, _| false);
        }
        return Err(Failure::timed_out());
    };
    answer
}
