//! Servers and rows that keep calls waiting: each call has its time, and takes none of the others'.

use super::citus::listening;
use super::{connect, migrated, options};
use crate::cluster::{Cluster, shared, url};
use crate::proxy::Proxy;
use crate::records::{hour, hourly, log, uid};
use sessionlog::postgres::PostgresOptions;
use sessionlog::stores::SessionLogStore;
use sessionlog::{ErrorKind, Outcome, Query};
use std::time::Duration;
use tokio_postgres::NoTls;

/// How long an answer is waited for at least, however short a statement's time is.
const PATIENCE: Duration = Duration::from_secs(5);

#[tokio::test]
async fn a_server_that_is_gone_without_a_word_is_left_for_the_next_with_all_connections_to_it() {
    let Some(cluster) = shared() else { return };
    let database = migrated(cluster).await;
    let proxy = Proxy::start(cluster.address());
    let brief = PostgresOptions {
        statement_timeout: Duration::from_millis(100),
        retry_timeout: Duration::from_secs(1),
        ..options()
    };
    let store = connect(proxy.address(), &database, brief).await;
    store.append_batch(hourly(1..=5)).await.unwrap();
    let all = Query::all();
    let at_once =
        || async { tokio::join!(store.count(&all), store.count(&all), store.count(&all)) };
    assert_eq!(at_once().await.0.unwrap(), 5);
    proxy.silence_all();
    // The time of this one is over before it can be tried again, and it is.
    assert_eq!(store.count(&all).await.unwrap(), 5);
    let soon = tokio::time::timeout(PATIENCE, at_once()).await;
    let (first, second, third) = soon.expect("connections to a server that is gone were kept");
    assert_eq!([first.unwrap(), second.unwrap(), third.unwrap()], [5; 3]);
}

/// Locks a session, as a long transaction of somebody else does, for as long as the client lives.
async fn locked(cluster: &Cluster, database: &str, session: u128) -> tokio_postgres::Client {
    let url = url(cluster.address(), "postgres", database);
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("BEGIN").await.unwrap();
    let lock = "SELECT FROM session_log WHERE refer_uid = $1 FOR UPDATE";
    assert_eq!(client.execute(lock, &[&uid(session)]).await.unwrap(), 1);
    client
}

#[tokio::test]
async fn a_session_that_somebody_else_keeps_locked_fails_no_call_about_another() {
    let Some(cluster) = shared() else { return };
    let database = migrated(cluster).await;
    let brief = PostgresOptions {
        lanes: 1,
        statement_timeout: Duration::from_millis(500),
        retry_timeout: Duration::from_millis(500),
        ..options()
    };
    let store = connect(cluster.address(), &database, brief).await;
    store.append_batch(hourly(1..=3)).await.unwrap();
    let locked = locked(cluster, &database, 2).await;
    let (first, second, again, new) = tokio::join!(
        store.end(uid(1), hour(5)),
        store.end(uid(2), hour(5)),
        store.end(uid(2), hour(5)),
        store.append(log(4, hour(4), None)),
    );
    assert_eq!(first.unwrap(), Outcome::Ended);
    assert_eq!(second.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(again.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(new.unwrap(), Outcome::Added);
    drop(locked);
    assert_eq!(store.end(uid(2), hour(5)).await.unwrap(), Outcome::Ended);
}

#[tokio::test]
async fn a_client_that_is_gone_in_the_middle_of_a_transaction_keeps_no_locks_for_ever() {
    let Some(cluster) = listening() else { return };
    let database = migrated(&cluster).await;
    let store = connect(cluster.address(), &database, options()).await;
    store.append(log(1, hour(1), None)).await.unwrap();
    store.count(&Query::all()).await.unwrap();
    let text = cluster.log();
    for begin in ["READ COMMITTED", "REPEATABLE READ READ ONLY"] {
        let begin = format!(
            "BEGIN ISOLATION LEVEL {begin}; \
             SET LOCAL idle_in_transaction_session_timeout = '2min'; \
             SET LOCAL tcp_user_timeout = '2min'; \
             SET LOCAL tcp_keepalives_idle = '1min'"
        );
        assert!(text.contains(&begin), "{text}");
    }
    // The server takes them.
    assert!(!text.contains("ERROR"), "{text}");
}
