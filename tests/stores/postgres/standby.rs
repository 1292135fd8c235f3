//! Commits that wait for a standby.

use super::{assert_sound, connect, migrated, options, walked};
use crate::cluster::{Cluster, Options};
use crate::records::{hour, hourly, log, uid};
use chrono::TimeDelta;
use sessionlog::postgres::PostgresOptions;
use sessionlog::stores::SessionLogStore;
use sessionlog::{Erasure, ErrorKind, OpenSessions, Outcome};
use std::time::Duration;

/// A server that ended its wait for a standby would take the commit for done: the time that a statement
/// may take is no reason to.
#[tokio::test]
async fn what_no_standby_has_is_not_acknowledged_however_long_that_takes() {
    let Some(primary) = Cluster::start(Options::default()) else {
        return;
    };
    let database = migrated(&primary).await;
    let mut standby = primary.standby();
    let options = PostgresOptions {
        statement_timeout: Duration::from_millis(300),
        retry_timeout: Duration::from_millis(300),
        ..options()
    };
    let store = connect(primary.address(), &database, options).await;
    store.append(hourly([1]).remove(0)).await.unwrap();
    standby.kill9();
    let error = store.append(log(2, hour(2), None)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("it is not known"), "{error}");
    standby.restart();
    // It was done, and now it is known to be.
    let again = connect(primary.address(), &database, super::options()).await;
    again.append(log(2, hour(2), None)).await.unwrap();
    assert_eq!(walked(&again).await, hourly([1, 2]));
    assert_sound(&again).await;
}

/// A primary that is started again takes what no standby has for committed.
#[tokio::test]
async fn what_is_there_already_is_not_acknowledged_before_a_standby_has_it() {
    let Some(mut primary) = Cluster::start(Options::default()) else {
        return;
    };
    let database = migrated(&primary).await;
    let mut standby = primary.standby();
    let brief = PostgresOptions {
        statement_timeout: Duration::from_millis(300),
        retry_timeout: Duration::from_millis(300),
        ..options()
    };
    let store = connect(primary.address(), &database, brief.clone()).await;
    store.append_batch(hourly(1..=3)).await.unwrap();
    standby.kill9();
    let new = log(4, hour(4), None);
    store.append(new.clone()).await.unwrap_err();
    store.remove(uid(3)).await.unwrap_err();
    primary.kill9();
    primary.restart();
    let again = connect(primary.address(), &database, brief).await;
    assert!(again.get(uid(4)).await.unwrap().is_some());
    for answer in [
        again.append(new.clone()).await.map(drop),
        again.append_batch(vec![new.clone()]).await.map(drop),
        again.end(uid(4), hour(5)).await.map(drop),
        again.end(uid(4), hour(5)).await.map(drop),
        // Nothing is left of them.
        again
            .erase_user(uid(9), Erasure::Logical, drop)
            .await
            .map(drop),
        again
            .prune(TimeDelta::days(90_000), OpenSessions::Remove, drop)
            .await
            .map(drop),
    ] {
        let error = answer.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    }
    standby.restart();
    let patient = connect(primary.address(), &database, options()).await;
    assert_eq!(patient.append(new).await.unwrap(), Outcome::AlreadyThere);
    assert_eq!(walked(&patient).await.len(), 3);
    assert_sound(&patient).await;
}
