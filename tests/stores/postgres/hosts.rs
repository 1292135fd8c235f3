//! Which of several servers is asked.

use super::{migrated, options};
use crate::cluster::shared;
use sessionlog::postgres::{Postgres, PostgresOptions};
use sessionlog::stores::SessionLogStore;
use sessionlog::{ErrorKind, Query};
use std::net::TcpListener;
use std::time::{Duration, Instant};

/// As a server does that hangs.
fn silent() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn impatient() -> PostgresOptions {
    PostgresOptions {
        connect_timeout: Duration::from_millis(200),
        ..options()
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_keeps_nobody_from_the_next_one() {
    let Some(cluster) = shared() else { return };
    let database = migrated(cluster).await;
    let (silent, other) = (silent(), cluster.address());
    let silent = silent.local_addr().unwrap();
    let address = format!("postgresql://postgres@{silent},{other}/{database}");
    let store = Postgres::connect(&address.parse().unwrap(), impatient()).await;
    assert_eq!(store.unwrap().count(&Query::all()).await.unwrap(), 0);
}

#[tokio::test]
async fn a_server_that_says_nothing_is_waited_for_only_so_long() {
    let silent = silent();
    let silent = silent.local_addr().unwrap();
    let address = format!("postgresql://postgres@{silent}/x");
    let begun = Instant::now();
    let store = Postgres::connect(&address.parse().unwrap(), impatient()).await;
    assert_eq!(store.unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "{:?}",
        begun.elapsed()
    );
}
