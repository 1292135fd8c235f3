//! Roles that may not do everything.

use super::{ask, connect, migrated, options};
use crate::cluster::{Cluster, shared};
use crate::records::{hour, hourly, log};
use sessionlog::postgres::{Postgres, migrate};
use sessionlog::stores::SessionLogStore;
use sessionlog::{Erasure, ErrorKind, PageRequest, Query};

/// The store as somebody sees it who was given these rights on all tables; roles are of all databases.
async fn as_role(cluster: &Cluster, database: &str, role: &str, rights: &str) -> Postgres {
    cluster.psql(&format!("CREATE ROLE {role} LOGIN"));
    let grant = format!("GRANT {rights} ON ALL TABLES IN SCHEMA public TO {role}");
    ask(cluster, database, &grant);
    let address = cluster.url(role, database).parse().unwrap();
    Postgres::connect(&address, options()).await.unwrap()
}

#[tokio::test]
async fn who_may_only_read_reads_everything_and_is_refused_to_write() {
    let Some(cluster) = shared() else { return };
    let database = migrated(cluster).await;
    let owner = connect(cluster.address(), &database, options()).await;
    owner.append_batch(hourly(1..=20)).await.unwrap();
    let reader = as_role(cluster, &database, "reader", "SELECT").await;
    let user = Query::builder().user_refer_uid(crate::records::uid(7));
    let user = user.build().unwrap();
    // Nor do counters come to be of whom it asks for, again and again.
    for query in [&Query::all(), &user, &user] {
        let page = reader
            .page(query, PageRequest::new(1, 5).unwrap())
            .await
            .unwrap();
        assert_eq!((page.entries.len(), page.total_record_count), (5, 20));
    }
    super::assert_sound(&reader).await;
    reader.stats().await.unwrap();
    let refused = [
        reader.append(log(99, hour(1), None)).await.map(drop),
        reader
            .append_batch(vec![log(99, hour(1), None)])
            .await
            .map(drop),
        reader.end(crate::records::uid(1), hour(2)).await.map(drop),
        reader.remove(crate::records::uid(1)).await.map(drop),
        reader.end_open(&Query::all(), hour(50)).await.map(drop),
        reader.rebuild(|_| ()).await,
    ];
    for refused in refused {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.to_string().contains("permission denied"), "{error}");
    }
    assert_eq!(super::walked(&owner).await, hourly(1..=20));
}

#[tokio::test]
async fn who_may_read_and_write_rows_needs_no_other_right() {
    let Some(cluster) = shared() else { return };
    let database = migrated(cluster).await;
    let rights = "SELECT, INSERT, UPDATE, DELETE";
    let writer = as_role(cluster, &database, "writer", rights).await;
    writer.append_batch(hourly(1..=20)).await.unwrap();
    writer.end_open(&Query::all(), hour(50)).await.unwrap();
    let nobody = crate::records::uid(99);
    let erased = writer.erase_user(nobody, Erasure::Logical, drop).await;
    assert_eq!(erased.unwrap().session_count, 0);
    writer.rebuild(|_| ()).await.unwrap();
    writer.remove(crate::records::uid(1)).await.unwrap();
    super::assert_sound(&writer).await;
    assert_eq!(writer.count(&Query::all()).await.unwrap(), 19);
}

#[tokio::test]
async fn who_may_make_no_tables_is_refused_to_migrate() {
    let Some(cluster) = shared() else { return };
    let database = cluster.database();
    ask(
        cluster,
        &database,
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    );
    cluster.psql("CREATE ROLE visitor LOGIN");
    let address = cluster.url("visitor", &database).parse().unwrap();
    let error = migrate(&address, false).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
}
