//! What is promised of the store on PostgreSQL besides: among many writers, through crashes and cut
//! wires, and whatever else happens to a database.

mod auditing;
mod cancelling;
pub mod citus;
mod concurrency;
mod crashes;
mod doubt;
mod encryption;
mod full_disk;
mod hosts;
mod listing;
mod migration;
#[cfg(feature = "generate")]
mod pages;
pub mod pooler;
mod rights;
mod silence;
mod standby;

use crate::cluster::{Cluster, url};
use sessionlog::postgres::{Address, Postgres, PostgresOptions, migrate};
use sessionlog::stores::SessionLogStore;
use sessionlog::{Cursor, Query, SessionLog};
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

/// Users and clients with a few sessions are to have counters.
pub fn options() -> PostgresOptions {
    PostgresOptions {
        connections_max: 4,
        counted_from: 3,
        retry_timeout: Duration::from_secs(60),
        ..PostgresOptions::default()
    }
}

pub fn address(at: SocketAddr, database: &str) -> Address {
    url(at, "postgres", database).parse().unwrap()
}

/// A new database with the schema in it.
pub async fn migrated(cluster: &Cluster) -> String {
    let database = cluster.database();
    migrate(&address(cluster.address(), &database), false)
        .await
        .unwrap();
    database
}

/// A handle on a database that is reached by this address.
pub async fn connect(at: SocketAddr, database: &str, options: PostgresOptions) -> Postgres {
    Postgres::connect(&address(at, database), options)
        .await
        .unwrap()
}

/// Counters and rows are as they must be.
pub async fn assert_sound(store: &Postgres) {
    let verified = store.verify(|_| ()).await.unwrap();
    assert_eq!(verified.faults, Vec::<String>::new());
}

/// Every session, one after the other by time.
pub async fn walked(store: &Postgres) -> Vec<SessionLog> {
    let query = Query::all();
    let (mut all, mut cursor) = (Vec::new(), Cursor::start(&query));
    loop {
        let page = store.page_after(&query, &cursor, 5_000).await.unwrap();
        if page.entries.is_empty() {
            return all;
        }
        all.extend(page.entries);
        cursor = page.next;
    }
}

/// The answer of a server, by the direct way.
pub fn ask(cluster: &Cluster, database: &str, sql: &str) -> String {
    cluster
        .psql_at(cluster.address(), database, &[sql])
        .unwrap()
}

/// Polls a future so many times, and drops it if it has no answer by then.
pub async fn polled<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let (mut future, mut left) = (pin!(future), times);
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

/// Asks again and again, leaving the tasks their time, until it is so.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(
            begun.elapsed() < Duration::from_secs(60),
            "{what} did not come to be"
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
