//! A call that nobody waits for any more, dropped at any moment, leaves nothing behind.

use super::{assert_sound, connect, migrated, options, polled, until};
use crate::cluster::{Cluster, shared};
use crate::records::{hour, hourly, log, uid};
use sessionlog::postgres::{Postgres, PostgresOptions};
use sessionlog::stores::SessionLogStore;
use sessionlog::{Bucket, Cursor, OpenSessions, PageRequest, Query};

/// Calls of every kind, each dropped after so many polls.
pub(super) async fn drop_all(store: &Postgres, times: usize) {
    let number = times as u32 * 100;
    let query = Query::all();
    drop(polled(store.append_batch(hourly(number..number + 20)), times).await);
    drop(polled(store.append(log(number.into(), hour(1), None)), times).await);
    drop(polled(store.end(uid(number.into()), hour(9_000)), times).await);
    drop(polled(store.remove(uid(u128::from(number) + 1)), times).await);
    drop(polled(store.end_open(&query, hour(9_000)), times).await);
    let age = chrono::TimeDelta::days(100_000);
    drop(polled(store.prune(age, OpenSessions::Keep, |_| ()), times).await);
    let page = PageRequest::new(0, 5).unwrap();
    drop(polled(store.page(&query, page), times).await);
    drop(polled(store.page_after(&query, &Cursor::start(&query), 5), times).await);
    drop(polled(store.count_by(&query, Bucket::Day), times).await);
    drop(polled(store.busiest_users(&query, 3), times).await);
    drop(polled(store.verify(|_| ()), times).await);
    drop(polled(store.rebuild(|_| ()), times).await);
}

/// Nor will one be once the server has noticed who is gone.
pub(super) async fn no_transaction_is_open(cluster: &Cluster, database: &str) {
    let open = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' AND state <> 'idle'"
    );
    until("the end of all transactions", || cluster.psql(&open) == "0").await;
}

#[tokio::test]
async fn a_call_that_is_dropped_leaves_no_transaction_open_and_the_only_connection_usable() {
    let Some(cluster) = shared() else { return };
    let database = migrated(cluster).await;
    let options = PostgresOptions {
        connections_max: 1,
        ..options()
    };
    let store = connect(cluster.address(), &database, options).await;
    for times in 0..14 {
        drop_all(&store, times).await;
        // It is answered on the connection that was dropped in the middle, or a new one.
        store.count(&Query::all()).await.unwrap();
    }
    no_transaction_is_open(cluster, &database).await;
    assert_sound(&store).await;
    store.append(log(1, hour(1), None)).await.unwrap();
}

#[tokio::test]
async fn a_dropped_append_is_done_or_not_and_writing_it_again_is_right() {
    let Some(cluster) = shared() else { return };
    let database = migrated(cluster).await;
    let store = connect(cluster.address(), &database, options()).await;
    let all = hourly(1..=40);
    for (index, log) in all.iter().enumerate() {
        drop(polled(store.append(log.clone()), index % 5).await);
        drop(polled(store.append_batch(all[index..].to_vec()), index % 9).await);
        store.append(log.clone()).await.unwrap();
    }
    assert_eq!(super::walked(&store).await, all);
    assert_sound(&store).await;
}
