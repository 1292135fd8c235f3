//! The store that a command works on, whatever engine keeps it: so each command is written once.

use super::exit::Failure;
use super::place::Place;
use crate::postgres::{Address, Postgres, PostgresOptions};
use crate::stores::{Embedded, SessionLogStore, StoreStats, Waiting};
use crate::{
    Bucket, BucketCount, Busiest, ClientCount, Cursor, CursorPage, Durability, EndedOpen, Erased,
    Erasure, ErrorKind, OpenSessions, Outcome, Page, PageRequest, Progress, Pruned, Query,
    RetainedMax, SessionLog, StaleEnd, Store, UserCount, Verification,
};
use chrono::{DateTime, TimeDelta, Utc};
use std::future::Future;
use std::path::Path;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

type Result<T, E = crate::Error> = std::result::Result<T, E>;

/// For how long a command that somebody waits for tries again what fails in passing. Those that work for
/// long have the time of a failover.
const RETRY_TIMEOUT: Duration = Duration::from_secs(5);

/// A store of either engine.
#[derive(Debug, Clone)]
pub(super) enum AnyStore {
    Embedded(Embedded),
    Postgres(Postgres),
}

/// A store that is open, with the threads that its calls run on.
pub(super) type Opened = Waiting<AnyStore>;

impl AnyStore {
    /// A store that a server can be asked for by many at once.
    pub(super) async fn to_serve(place: &Place, options: PostgresOptions) -> Result<Self> {
        match place {
            Place::Directory(path) => {
                // What is imported over HTTP is acknowledged once it is durable.
                let store = open_or_create(path, Durability::Immediate)?;
                Embedded::new(store).map(Self::Embedded)
            }
            Place::Database(address) => connect(address, options).await,
        }
    }

    /// Makes what was written durable, and lets go of the store. In a database it was durable at once.
    pub(super) fn close(&self) -> Result<()> {
        match self {
            Self::Embedded(store) => store.store().close(),
            Self::Postgres(_) => Ok(()),
        }
    }
}

async fn connect(address: &Address, options: PostgresOptions) -> Result<AnyStore> {
    let address = address.clone().with_password_of_process()?;
    let store = Postgres::connect(&address, options).await?;
    Ok(AnyStore::Postgres(store))
}

/// Where the store of a command is, and a runtime for its calls.
#[derive(Debug)]
pub(super) struct Site<'p> {
    pub(super) place: &'p Place,
    runtime: Runtime,
}

impl<'p> Site<'p> {
    pub(super) fn new(place: &'p Place) -> Result<Self, Failure> {
        let runtime = runtime()?;
        Ok(Self { place, runtime })
    }

    /// Opens a store that other readers may have open too.
    pub(super) fn open_to_read(&self) -> Result<Opened> {
        self.open_with(|path| Store::options().read_only(true).open(path), short())
    }

    /// The same, to read all of it.
    pub(super) fn open_to_read_all(&self) -> Result<Opened> {
        let options = PostgresOptions::default();
        self.open_with(|path| Store::options().read_only(true).open(path), options)
    }

    /// Opens a store to change it.
    pub(super) fn open(&self) -> Result<Opened> {
        self.open_with(|path| Store::open(path), short())
    }

    /// The same, to go through much of it.
    pub(super) fn open_to_change_all(&self) -> Result<Opened> {
        self.open_with(|path| Store::open(path), PostgresOptions::default())
    }

    /// Opens a store to bring much into it; a directory is made if there is none.
    pub(super) fn open_to_fill(&self) -> Result<Opened> {
        // Waiting for the disk after each batch of many would take far longer, and closing the store
        // makes the last of them durable.
        let options = PostgresOptions::default();
        self.open_with(|path| open_or_create(path, Durability::Eventual), options)
    }

    fn open_with(
        &self,
        open: impl FnOnce(&Path) -> Result<Store>,
        options: PostgresOptions,
    ) -> Result<Opened> {
        let store = match self.place {
            Place::Directory(path) => AnyStore::Embedded(Embedded::with_threads(open(path)?, 1)?),
            Place::Database(address) => self.wait(connect(address, options))?,
        };
        Ok(Waiting::new(store, self.runtime.handle().clone()))
    }

    /// Waits for what needs a runtime.
    pub(super) fn wait<F: Future>(&self, call: F) -> F::Output {
        self.runtime.block_on(call)
    }
}

fn short() -> PostgresOptions {
    PostgresOptions {
        retry_timeout: RETRY_TIMEOUT,
        ..PostgresOptions::default()
    }
}

/// A runtime on which one thread waits for answers.
pub(super) fn runtime() -> Result<Runtime, Failure> {
    let mut runtime = Builder::new_multi_thread();
    let built = runtime.worker_threads(1).enable_all().build();
    built.map_err(|error| Failure::Server(format!("cannot start a thread for calls: {error}")))
}

/// The store in the directory at `path`, made if there is none.
fn open_or_create(path: &Path, durability: Durability) -> Result<Store> {
    let options = || Store::options().durability(durability);
    let absent = match options().open(path) {
        Err(error) if error.kind() == ErrorKind::NotAStore => error,
        opened => return opened,
    };
    match options().create(path) {
        // The path holds something else.
        Err(error) if error.kind() == ErrorKind::InvalidInput => Err(absent),
        created => created,
    }
}

/// Hands each of these calls to the engine.
macro_rules! to_the_engine {
    ($($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        impl SessionLogStore for AnyStore {
            async fn work<T: Send + 'static>(
                &self,
                work: impl Future<Output = T> + Send + 'static,
            ) -> Result<T> {
                match self {
                    Self::Embedded(store) => store.work(work).await,
                    Self::Postgres(store) => store.work(work).await,
                }
            }

            $(async fn $name(&self, $($argument: $type),*) -> Result<$answer> {
                match self {
                    Self::Embedded(store) => store.$name($($argument),*).await,
                    Self::Postgres(store) => store.$name($($argument),*).await,
                }
            })*
        }
    };
}

to_the_engine! {
    append(log: SessionLog) -> Outcome;
    append_batch(logs: Vec<SessionLog>) -> Vec<Outcome>;
    start(user_refer_uid: Uuid, user: &str, client: &str) -> Uuid;
    start_as(refer_uid: Uuid, user_refer_uid: Uuid, user: &str, client: &str) -> Outcome;
    end(refer_uid: Uuid, at: DateTime<Utc>) -> Outcome;
    end_open(query: &Query, at: DateTime<Utc>) -> EndedOpen;
    end_stale(
        started_before: DateTime<Utc>,
        end: StaleEnd,
        progress: impl FnMut(Progress) + Send + 'static
    ) -> EndedOpen;
    remove(refer_uid: Uuid) -> SessionLog;
    prune(
        older_than: TimeDelta,
        open: OpenSessions,
        progress: impl FnMut(Progress) + Send + 'static
    ) -> Pruned;
    retain_at_most(max: RetainedMax, progress: impl FnMut(Progress) + Send + 'static) -> Pruned;
    erase_user(
        user_refer_uid: Uuid,
        erasure: Erasure,
        progress: impl FnMut(Progress) + Send + 'static
    ) -> Erased;
    flush() -> ();
    get(refer_uid: Uuid) -> Option<SessionLog>;
    page(query: &Query, page: PageRequest) -> Page;
    page_after(query: &Query, cursor: &Cursor, records_per_page: u32) -> CursorPage;
    count(query: &Query) -> u64;
    count_by(query: &Query, bucket: Bucket) -> Vec<BucketCount>;
    busiest_users(query: &Query, count: usize) -> Busiest<UserCount>;
    busiest_clients(query: &Query, count: usize) -> Busiest<ClientCount>;
    users_named(user: &str) -> Vec<Uuid>;
    stats() -> StoreStats;
    verify(progress: impl FnMut(Progress) + Send + 'static) -> Verification;
}
