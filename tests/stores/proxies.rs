//! That the wire that other tests cut is cut where they say.

use crate::cluster::{Cluster, answer_of, shared, until, url};
use crate::proxy::{Moment, Proxy};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

/// A database with an empty table, and a wire to its server; none if there is no server.
fn wired() -> Option<(&'static Cluster, String, Proxy)> {
    let cluster = shared()?;
    let database = cluster.database();
    let sql = ["CREATE TABLE t (c int)"];
    cluster.psql_at(cluster.address(), &database, &sql).unwrap();
    Some((cluster, database, Proxy::start(cluster.address())))
}

/// The rows of the table, by the direct way.
fn rows(cluster: &Cluster, database: &str) -> String {
    let sql = ["SELECT coalesce(string_agg(c::text, ',' ORDER BY c), '') FROM t"];
    cluster.psql_at(cluster.address(), database, &sql).unwrap()
}

#[test]
fn what_is_not_cut_comes_through() {
    let Some((cluster, database, proxy)) = wired() else {
        return;
    };
    let ask = |sql: &[&str]| cluster.psql_at(proxy.address(), &database, sql).unwrap();
    assert_eq!(ask(&["INSERT INTO t VALUES (1)", "SELECT c FROM t"]), "1");
    let long = ask(&["SELECT repeat('x', 1000000)"]);
    assert_eq!(long.len(), 1_000_000);
    let port = cluster.address().port().to_string();
    assert_eq!(ask(&["SELECT inet_server_port()"]), port);
    assert_eq!(proxy.cuts(), 0);
}

#[test]
fn a_commit_that_the_server_never_gets_is_not_done() {
    let Some((cluster, database, proxy)) = wired() else {
        return;
    };
    proxy.cut_at("COMMIT", 1, Moment::Before);
    let sql = ["BEGIN", "INSERT INTO t VALUES (1)", "COMMIT"];
    cluster
        .psql_at(proxy.address(), &database, &sql)
        .unwrap_err();
    assert_eq!((proxy.cuts(), &*rows(cluster, &database)), (1, ""));
    // It is cut once.
    cluster.psql_at(proxy.address(), &database, &sql).unwrap();
    assert_eq!((proxy.cuts(), &*rows(cluster, &database)), (1, "1"));
}

#[test]
fn a_commit_whose_answer_is_lost_is_done() {
    let Some((cluster, database, proxy)) = wired() else {
        return;
    };
    proxy.cut_at("COMMIT", 1, Moment::After);
    let sql = [
        "BEGIN",
        "INSERT INTO t VALUES (1)",
        "COMMIT",
        "INSERT INTO t VALUES (2)",
    ];
    cluster
        .psql_at(proxy.address(), &database, &sql)
        .unwrap_err();
    // At once, without waiting for it: it was done before the wire was cut.
    assert_eq!((proxy.cuts(), &*rows(cluster, &database)), (1, "1"));
}

#[test]
fn it_is_cut_at_the_message_of_this_number_over_all_connections() {
    let Some((cluster, database, proxy)) = wired() else {
        return;
    };
    let ask = |sql: &[&str]| cluster.psql_at(proxy.address(), &database, sql);
    proxy.cut_at("INSERT", 3, Moment::Before);
    ask(&["INSERT INTO t VALUES (1)"]).unwrap();
    ask(&[
        "INSERT INTO t VALUES (2)",
        "SELECT 1",
        "INSERT INTO t VALUES (3)",
    ])
    .unwrap_err();
    assert_eq!((proxy.cuts(), &*rows(cluster, &database)), (1, "1,2"));
}

/// Statements that are prepared come in several messages, of which one has the parameters.
#[test]
fn it_is_cut_at_a_message_of_the_extended_protocol() {
    let Some((cluster, database, proxy)) = wired() else {
        return;
    };
    let insert = |number: &str| {
        let folder = tempfile::tempdir_in("/tmp").unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let script = folder.path().join("insert");
        fs::write(&script, "INSERT INTO t VALUES (:number);").unwrap();
        let mut bench = cluster.program("pgbench");
        bench
            .args(["-n", "-t", "1", "-M", "extended", "-f"])
            .arg(script);
        bench.args(["-D", &format!("number={number}")]);
        bench.arg(url(proxy.address(), "postgres", &database));
        answer_of(bench)
    };
    insert("1111111").unwrap();
    proxy.cut_at("2222222", 1, Moment::Before);
    insert("2222222").unwrap_err();
    assert_eq!((proxy.cuts(), &*rows(cluster, &database)), (1, "1111111"));
    proxy.cut_at("3333333", 1, Moment::After);
    insert("3333333").unwrap_err();
    assert_eq!(
        (proxy.cuts(), &*rows(cluster, &database)),
        (2, "1111111,3333333")
    );
}

#[test]
fn new_connections_are_refused_for_a_while_and_old_ones_can_be_cut() {
    let Some((cluster, database, proxy)) = wired() else {
        return;
    };
    let ask = |sql: &[&str]| cluster.psql_at(proxy.address(), &database, sql);
    proxy.refuse(true);
    ask(&["SELECT 1"]).unwrap_err();
    proxy.refuse(false);
    assert_eq!(ask(&["SELECT 1"]).unwrap(), "1");
    std::thread::scope(|scope| {
        // It would end after a minute.
        let asking = scope.spawn(|| ask(&["SELECT pg_sleep(60)"]));
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        until("the long query", || {
            let waits = format!("{waits} AND datname = '{database}'");
            cluster.psql(&waits) == "1"
        });
        proxy.cut_all();
        asking.join().unwrap().unwrap_err();
    });
    assert_eq!(proxy.cuts(), 0);
}

#[test]
fn it_leads_to_another_server_once_told_to() {
    let Some((cluster, database, proxy)) = wired() else {
        return;
    };
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    drop(nobody);
    proxy.lead_to(address);
    cluster
        .psql_at(proxy.address(), &database, &["SELECT 1"])
        .unwrap_err();
    proxy.lead_to(cluster.address());
    let answer = cluster.psql_at(proxy.address(), &database, &["SELECT 1"]);
    assert_eq!(answer.unwrap(), "1");
}
