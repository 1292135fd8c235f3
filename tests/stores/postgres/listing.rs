//! Who has counters, and who knows of it.

use super::{ask, assert_sound, connect, migrated, options, until};
use crate::cluster::shared;
use crate::records::{hourly, of, uid};
use sessionlog::postgres::PostgresOptions;
use sessionlog::stores::SessionLogStore;
use sessionlog::{Erasure, Query, SessionLog};

/// Ten sessions of a user on a client.
fn ten() -> Vec<SessionLog> {
    let logs = hourly(1..=10).into_iter();
    logs.map(|log| of(3, "Eve", log)).collect()
}

const LISTED: &str = "SELECT count(*) FROM session_counted";

#[tokio::test]
async fn whoever_connects_knows_who_has_counters() {
    let Some(cluster) = shared() else { return };
    let database = migrated(cluster).await;
    let store = connect(cluster.address(), &database, options()).await;
    store.append_batch(ten()).await.unwrap();
    let query = Query::builder().client_refer_uid("PDA-01");
    let query = query.build().unwrap();
    assert_eq!(store.count(&query).await.unwrap(), 10);
    until("counters", || ask(cluster, &database, LISTED) == "1").await;
    // Counters that are wrong tell who reads them.
    let wrong = "UPDATE session_count SET total = total + 1 WHERE k = '\\x01' || 'PDA-01'::bytea";
    ask(cluster, &database, wrong);
    let other = connect(cluster.address(), &database, options()).await;
    assert!(other.count(&query).await.unwrap() > 10);
    other.rebuild(|_| ()).await.unwrap();
    assert_eq!(other.count(&query).await.unwrap(), 10);
    assert_sound(&other).await;
}

#[tokio::test]
async fn an_erased_user_is_listed_nowhere() {
    let Some(cluster) = shared() else { return };
    let database = migrated(cluster).await;
    let store = connect(cluster.address(), &database, options()).await;
    for is_listed in [false, true] {
        store.append_batch(ten()).await.unwrap();
        let query = Query::builder().user_refer_uid(uid(3)).build().unwrap();
        if is_listed {
            assert_eq!(store.count(&query).await.unwrap(), 10);
            until("counters", || ask(cluster, &database, LISTED) == "1").await;
        }
        let erased = store.erase_user(uid(3), Erasure::Logical, |_| ()).await;
        assert_eq!(erased.unwrap().session_count, 10);
        for table in ["session_log", "session_count", "session_counted"] {
            let rows = format!("SELECT count(*) FROM {table}");
            assert_eq!(ask(cluster, &database, &rows), "0", "{table}");
        }
    }
}

#[tokio::test]
async fn nobody_comes_to_have_counters_whose_sessions_are_few() {
    let Some(cluster) = shared() else { return };
    let database = migrated(cluster).await;
    let many = PostgresOptions {
        counted_from: 11,
        ..options()
    };
    let store = connect(cluster.address(), &database, many).await;
    store.append_batch(ten()).await.unwrap();
    let query = Query::builder().user_refer_uid(uid(3)).build().unwrap();
    assert_eq!(store.count(&query).await.unwrap(), 10);
    store.rebuild(|_| ()).await.unwrap();
    assert_eq!(ask(cluster, &database, LISTED), "0");
    let few = connect(cluster.address(), &database, options()).await;
    few.rebuild(|_| ()).await.unwrap();
    // The user and the client.
    assert_eq!(ask(cluster, &database, LISTED), "2");
    assert_sound(&few).await;
}
