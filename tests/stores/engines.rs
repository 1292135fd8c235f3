//! The engines that the tests are run on.
//!
//! One more is a function beside [`embedded`] that makes an empty store of it, and one line in each of
//! the macros below. A function that finds no server to ask gives `None`, and its tests pass.

use crate::support::settings::{Consecutive, ManualClock, Settings};
#[cfg(all(feature = "postgres", target_os = "linux"))]
use sessionlog::postgres::{Address, Postgres, PostgresOptions, migrate};
use sessionlog::storage::MemoryStorage;
use sessionlog::stores::Embedded;
use std::sync::Arc;

/// A store with nothing in it, and what it takes time and ids from.
#[derive(Debug)]
pub struct Fresh<S> {
    pub store: S,
    pub clock: ManualClock,
    pub ids: Consecutive,
}

/// In memory, with so small nodes and so many merges that a few sessions come everywhere.
#[allow(clippy::unused_async, reason = "others have to connect")]
pub async fn embedded() -> Option<Fresh<Embedded>> {
    let (clock, ids) = (ManualClock::default(), Consecutive::default());
    let settings = Settings {
        delta_sessions_max: 9,
        ..Settings::default()
    };
    let options = settings.options(&clock, &ids);
    let store = options.create_on(Arc::new(MemoryStorage::default()));
    let store = Embedded::with_threads(store.unwrap(), 2).unwrap();
    Some(Fresh { store, clock, ids })
}

/// A database of its own on the server that all tests share. Users and clients with a few sessions have
/// counters already, so that they come and go all the time.
#[cfg(all(feature = "postgres", target_os = "linux"))]
pub async fn postgres() -> Option<Fresh<Postgres>> {
    let cluster = crate::cluster::shared()?;
    let database = crate::postgres::migrated(cluster).await;
    Some(on_database(cluster.address(), &database).await)
}

/// The same by the statements for Citus, which do on one PostgreSQL too; or on a real cluster, if
/// `SESSIONLOG_CITUS` is the address of a database on its coordinator. Its tables are made anew for each
/// test there, so that tests go one at a time (`--test-threads=1`).
#[cfg(all(feature = "postgres", target_os = "linux"))]
pub async fn citus() -> Option<Fresh<Postgres>> {
    if let Ok(url) = std::env::var("SESSIONLOG_CITUS") {
        return Some(on_citus(&url).await);
    }
    let cluster = crate::cluster::shared()?;
    let database = crate::postgres::citus::distributed(cluster).await;
    Some(on_database(cluster.address(), &database).await)
}

#[cfg(all(feature = "postgres", target_os = "linux"))]
async fn on_citus(url: &str) -> Fresh<Postgres> {
    let connected = tokio_postgres::connect(url, tokio_postgres::NoTls).await;
    let (client, connection) = connected.unwrap();
    tokio::spawn(connection);
    let drop = "DROP TABLE IF EXISTS session_log, session_count, session_counted, session_meta";
    client.batch_execute(drop).await.unwrap();
    let address = url.parse().unwrap();
    migrate(&address, true).await.unwrap();
    on_address(&address).await
}

/// The same behind a pooler that gives each transaction another connection.
#[cfg(all(feature = "postgres", target_os = "linux"))]
pub async fn pooled() -> Option<Fresh<Postgres>> {
    let (cluster, pooler) = crate::cluster::shared().zip(crate::postgres::pooler::pooler())?;
    let database = crate::postgres::migrated(cluster).await;
    Some(on_database(pooler.address(), &database).await)
}

#[cfg(all(feature = "postgres", target_os = "linux"))]
async fn on_database(at: std::net::SocketAddr, database: &str) -> Fresh<Postgres> {
    on_address(&crate::postgres::address(at, database)).await
}

#[cfg(all(feature = "postgres", target_os = "linux"))]
async fn on_address(address: &Address) -> Fresh<Postgres> {
    let (clock, ids) = (ManualClock::default(), Consecutive::default());
    let options = PostgresOptions {
        connections_max: 4,
        counted_from: 3,
        clock: Arc::new(clock.clone()),
        ids: Arc::new(ids.clone()),
        ..PostgresOptions::default()
    };
    let store = Postgres::connect(address, options).await.unwrap();
    Fresh { store, clock, ids }
}

/// How much of generated operations an engine is put through.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    pub cases: u32,
    /// Steps between two comparings of everything.
    pub steps: usize,
}

/// A test of this name for every engine: each hands an empty store to the function of that name.
macro_rules! on_every_engine {
    ($($name:ident),* $(,)?) => {
        $crate::engines::on_engine!(embedded: $($name),*);
        #[cfg(all(feature = "postgres", target_os = "linux"))]
        $crate::engines::on_engine!(postgres: $($name),*);
        #[cfg(all(feature = "postgres", target_os = "linux"))]
        $crate::engines::on_engine!(citus: $($name),*);
    };
}

macro_rules! on_engine {
    ($engine:ident: $($name:ident),*) => {
        mod $engine {
            $(
                #[tokio::test]
                async fn $name() {
                    if let Some(fresh) = $crate::engines::$engine().await {
                        super::$name(fresh).await;
                    }
                }
            )*
        }
    };
}

/// A test of this name for every pair of engines, in both directions.
macro_rules! on_every_pair {
    ($($name:ident),* $(,)?) => {
        $crate::engines::on_pair!(embedded_to_embedded, embedded, embedded: $($name),*);
        #[cfg(all(feature = "postgres", target_os = "linux"))]
        $crate::engines::on_pair!(embedded_to_postgres, embedded, postgres: $($name),*);
        #[cfg(all(feature = "postgres", target_os = "linux"))]
        $crate::engines::on_pair!(postgres_to_embedded, postgres, embedded: $($name),*);
    };
}

macro_rules! on_pair {
    ($pair:ident, $one:ident, $other:ident: $($name:ident),*) => {
        mod $pair {
            $(
                #[tokio::test]
                async fn $name() {
                    let one = $crate::engines::$one().await;
                    let other = $crate::engines::$other().await;
                    if let Some((one, other)) = one.zip(other) {
                        super::$name(one, other).await;
                    }
                }
            )*
        }
    };
}

/// Generated operations for every engine.
macro_rules! every_engine_with_effort {
    ($run:ident) => {
        $crate::engines::with_effort!($run, embedded, 200, 20);
        #[cfg(all(feature = "postgres", target_os = "linux"))]
        $crate::engines::with_effort!($run, postgres, 30, 50);
        #[cfg(all(feature = "postgres", target_os = "linux"))]
        $crate::engines::with_effort!($run, citus, 6, 50);
        #[cfg(all(feature = "postgres", target_os = "linux"))]
        $crate::engines::with_effort!($run, pooled, 4, 50);
    };
}

macro_rules! with_effort {
    ($run:ident, $engine:ident, $cases:expr, $steps:expr) => {
        mod $engine {
            #[test]
            fn $run() {
                let effort = $crate::engines::Effort {
                    cases: $cases,
                    steps: $steps,
                };
                super::$run(effort, $crate::engines::$engine);
            }
        }
    };
}

pub(crate) use {
    every_engine_with_effort, on_engine, on_every_engine, on_every_pair, on_pair, with_effort,
};
