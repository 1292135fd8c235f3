//! What somebody else does to the tables is found, and made good where that can be done.

use super::{ask, assert_sound, connect, migrated, options};
use crate::cluster::{Cluster, shared};
use crate::records::{hour, hourly, log, uid};
use sessionlog::postgres::Postgres;
use sessionlog::stores::SessionLogStore;
use sessionlog::{ErrorKind, PageRequest, Query};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A store of thirty sessions of one user on one client, both of which have counters.
async fn counted(cluster: &Cluster) -> (String, Postgres) {
    let database = migrated(cluster).await;
    let store = connect(cluster.address(), &database, options()).await;
    store.append_batch(hourly(1..=30)).await.unwrap();
    store.rebuild(|_| ()).await.unwrap();
    let counted = ask(cluster, &database, "SELECT count(*) FROM session_counted");
    assert_eq!(counted, "2");
    (database, store)
}

async fn faults(store: &Postgres) -> Vec<String> {
    let verified = store.verify(|_| ()).await.unwrap();
    assert_eq!(verified.faults.len() as u64, verified.fault_count);
    verified.faults
}

/// Writers who go on meanwhile.
fn write(store: &Postgres, is_over: &Arc<AtomicBool>) -> tokio::task::JoinHandle<u128> {
    let (store, is_over) = (store.clone(), Arc::clone(is_over));
    tokio::spawn(async move {
        let mut number = 1_000;
        while !is_over.load(Ordering::SeqCst) {
            number += 1;
            store.append(log(number, hour(1), None)).await.unwrap();
            if number % 3 == 0 {
                store.remove(uid(number)).await.unwrap();
            }
        }
        number
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_changed_behind_its_back_are_found_and_counted_anew_while_others_write() {
    let Some(cluster) = shared() else { return };
    let id = "refer_uid = '00000000-0000-0000-0000-000000000003'";
    // It belongs in slot 27.
    let inserted = format!(
        "INSERT INTO session_log SELECT 27, '{}', user_refer_uid, user_name, client_refer_uid, \
         session_start, session_end FROM session_log WHERE {id}",
        uid(u128::MAX)
    );
    for damage in [
        format!("DELETE FROM session_log WHERE {id}"),
        format!("UPDATE session_log SET session_end = session_start WHERE {id}"),
        inserted,
        "DELETE FROM session_count WHERE lvl = 1".to_owned(),
        "UPDATE session_count SET total = total + 1 WHERE lvl = 0".to_owned(),
        "INSERT INTO session_count VALUES (7, '\\x09', 0, 1, 1, 1)".to_owned(),
    ] {
        let (database, store) = counted(cluster).await;
        let is_over = Arc::new(AtomicBool::new(false));
        let writing = write(&store, &is_over);
        assert_sound(&store).await;
        ask(cluster, &database, &damage);
        let found = faults(&store).await;
        assert!(!found.is_empty(), "{damage}");
        store.rebuild(|_| ()).await.unwrap();
        assert_eq!(faults(&store).await, Vec::<String>::new(), "{damage}");
        is_over.store(true, Ordering::SeqCst);
        writing.await.unwrap();
        let rows = ask(cluster, &database, "SELECT count(*) FROM session_log");
        assert_eq!(store.count(&Query::all()).await.unwrap().to_string(), rows);
        let query = Query::all();
        let page = store.page(&query, PageRequest::new(0, 10_000).unwrap());
        assert_eq!(page.await.unwrap().entries.len().to_string(), rows);
    }
}

#[tokio::test]
async fn a_session_in_a_wrong_slot_is_named_and_nothing_is_made_of_it() {
    let Some(cluster) = shared() else { return };
    for slot in [-1, 5, 32] {
        let (database, store) = counted(cluster).await;
        // It belongs in slot 0.
        let wrong = format!(
            "UPDATE session_log SET slot = {slot} WHERE refer_uid = '{}'",
            uid(1)
        );
        ask(cluster, &database, &wrong);
        let found = faults(&store).await;
        let named = format!("session {} is in slot {slot}; it belongs in 0", uid(1));
        assert!(found.contains(&named), "{found:#?}");
        let error = store.rebuild(|_| ()).await.unwrap_err();
        assert_eq!(
            (error.kind(), error.to_string()),
            (ErrorKind::Corrupted, named)
        );
        let right = format!(
            "UPDATE session_log SET slot = 0 WHERE refer_uid = '{}'",
            uid(1)
        );
        ask(cluster, &database, &right);
        store.rebuild(|_| ()).await.unwrap();
        assert_sound(&store).await;
    }
}

#[tokio::test]
async fn counters_of_a_slot_that_there_is_none_of_are_found_and_removed() {
    let Some(cluster) = shared() else { return };
    let (database, store) = counted(cluster).await;
    let stray = "INSERT INTO session_count VALUES (40, '\\x00', 0, 1, 1, 1)";
    ask(cluster, &database, stray);
    let found = faults(&store).await;
    assert!(found[0].contains("slot 40"), "{found:#?}");
    store.rebuild(|_| ()).await.unwrap();
    assert_sound(&store).await;
}

#[tokio::test]
async fn a_damaged_row_is_named_by_the_check_and_by_whoever_reads_it() {
    let Some(cluster) = shared() else { return };
    for damage in [
        "session_end = session_start - 1",
        r"user_name = '\xff'",
        r"client_refer_uid = '\xc3'",
        "session_start = -1",
        "session_end = 9223372036854775807",
        "user_refer_uid = '00000000-0000-0000-0000-000000000000'",
    ] {
        let (database, store) = counted(cluster).await;
        let sql = format!(
            "UPDATE session_log SET {damage} WHERE refer_uid = '{}'",
            uid(3)
        );
        ask(cluster, &database, &sql);
        let found = faults(&store).await;
        let named = format!("session {}", uid(3));
        assert!(
            found.iter().any(|fault| fault.contains(&named)),
            "{damage}: {found:#?}"
        );
        for error in [
            store.get(uid(3)).await.unwrap_err(),
            store.remove(uid(3)).await.unwrap_err(),
            store.rebuild(|_| ()).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Corrupted, "{damage}");
            assert!(error.to_string().contains(&named), "{damage}: {error}");
        }
        // The others are still read and written.
        assert!(store.get(uid(4)).await.unwrap().is_some());
        store.append(log(99, hour(1), None)).await.unwrap();
    }
}
