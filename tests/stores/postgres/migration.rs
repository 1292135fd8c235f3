//! How the schema comes to be.

use super::{address, ask, connect, options};
use crate::cluster::{Cluster, answer_of, shared};
use crate::records::{hour, log};
use sessionlog::ErrorKind;
use sessionlog::postgres::{Migrated, Postgres, migrate, schema_sql};
use sessionlog::stores::SessionLogStore;
use std::fs;

const MADE: Migrated = Migrated { from: None, to: 1 };
const THERE: Migrated = Migrated {
    from: Some(1),
    to: 1,
};

#[tokio::test]
async fn what_was_made_is_not_made_again() {
    let Some(cluster) = shared() else { return };
    let database = cluster.database();
    let at = address(cluster.address(), &database);
    assert_eq!(migrate(&at, false).await.unwrap(), MADE);
    let store = Postgres::connect(&at, options()).await.unwrap();
    store.append(log(1, hour(1), None)).await.unwrap();
    assert_eq!(migrate(&at, false).await.unwrap(), THERE);
    let again = Postgres::connect(&at, options()).await.unwrap();
    assert_eq!(again.store_uid(), store.store_uid());
    assert_eq!(super::walked(&again).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_at_once_one_makes_it() {
    let Some(cluster) = shared() else { return };
    let database = cluster.database();
    let migrating = [0; 4].map(|_| {
        let at = address(cluster.address(), &database);
        tokio::spawn(async move { migrate(&at, false).await })
    });
    let mut all = Vec::new();
    for migrating in migrating {
        all.push(migrating.await.unwrap().unwrap());
    }
    assert_eq!(all.iter().filter(|migrated| **migrated == MADE).count(), 1);
    assert_eq!(all.iter().filter(|migrated| **migrated == THERE).count(), 3);
    assert_eq!(
        ask(cluster, &database, "SELECT count(*) FROM session_meta"),
        "1"
    );
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_as_it_is() {
    let Some(cluster) = shared() else { return };
    let database = super::migrated(cluster).await;
    ask(cluster, &database, "UPDATE session_meta SET version = 7");
    let before = schema_of(cluster, &database);
    let at = address(cluster.address(), &database);
    for error in [
        migrate(&at, false).await.unwrap_err(),
        Postgres::connect(&at, options()).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::UnsupportedFormat);
        let text = error.to_string();
        assert!(
            text.contains("version 7") && text.contains("version 1"),
            "{text}"
        );
    }
    assert_eq!(schema_of(cluster, &database), before);
    assert_eq!(
        ask(cluster, &database, "SELECT version FROM session_meta"),
        "7"
    );
}

/// A later release may describe itself otherwise.
#[tokio::test]
async fn a_newer_schema_is_known_by_its_version_whatever_else_it_says() {
    let Some(cluster) = shared() else { return };
    let database = super::migrated(cluster).await;
    let sql = "UPDATE session_meta SET version = 2; ALTER TABLE session_meta DROP COLUMN widths";
    ask(cluster, &database, sql);
    let at = address(cluster.address(), &database);
    let error = Postgres::connect(&at, options()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnsupportedFormat, "{error}");
}

#[tokio::test]
async fn a_database_without_a_schema_is_no_store() {
    let Some(cluster) = shared() else { return };
    for database in [cluster.database(), "not_there".to_owned()] {
        let at = address(cluster.address(), &database);
        let error = Postgres::connect(&at, options()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotAStore, "{error}");
    }
}

/// By somebody who owns the database, and nothing else.
#[tokio::test]
async fn the_statements_that_are_shown_make_the_same_schema_without_the_rights_of_a_superuser() {
    let Some(cluster) = shared() else { return };
    let migrated = super::migrated(cluster).await;
    let by_hand = cluster.database();
    cluster.psql("CREATE ROLE owner_of_logs LOGIN");
    cluster.psql(&format!("ALTER DATABASE {by_hand} OWNER TO owner_of_logs"));
    ask(
        cluster,
        &by_hand,
        "ALTER SCHEMA public OWNER TO owner_of_logs",
    );
    let url = cluster.url("owner_of_logs", &by_hand);
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("schema.sql");
    fs::write(&script, schema_sql(false)).unwrap();
    let mut psql = cluster.program("psql");
    psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1"]).arg(&url);
    psql.stdin(fs::File::open(&script).unwrap());
    answer_of(psql).unwrap();
    assert_eq!(schema_of(cluster, &by_hand), schema_of(cluster, &migrated));
    let at = url.parse().unwrap();
    assert_eq!(migrate(&at, false).await.unwrap(), THERE);
    let store = Postgres::connect(&at, options()).await.unwrap();
    store.append(log(1, hour(1), None)).await.unwrap();
    super::assert_sound(&connect(cluster.address(), &by_hand, options()).await).await;
}

/// As text, without who owns it.
fn schema_of(cluster: &Cluster, database: &str) -> String {
    let mut dump = cluster.program("pg_dump");
    dump.args(["-s", "--no-owner", "--no-privileges"]);
    dump.arg(cluster.url("postgres", database));
    let text = answer_of(dump).unwrap();
    // Remarks are of who owns it too, and some versions guard a script by a key that is new each time.
    let is_of_tables =
        |line: &&str| !line.is_empty() && !line.starts_with("--") && !line.contains("restrict");
    text.lines()
        .filter(is_of_tables)
        .collect::<Vec<_>>()
        .join("\n")
}
