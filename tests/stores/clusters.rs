//! That the servers which other tests rely on do as they are told, and leave nothing behind.

use crate::cluster::{Cluster, Options, answer_of, shared, until};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::{env, fs};

#[test]
fn a_server_answers_and_each_test_has_a_database_of_its_own() {
    let Some(cluster) = shared() else { return };
    let (one, other) = (cluster.database(), cluster.database());
    assert_ne!(one, other);
    let ask = |database: &str, sql: &str| cluster.psql_at(cluster.address(), database, &[sql]);
    ask(&one, "CREATE TABLE t AS SELECT 'ä' AS c").unwrap();
    assert_eq!(ask(&one, "SELECT c FROM t").unwrap(), "ä");
    let error = ask(&other, "SELECT c FROM t").unwrap_err().to_string();
    assert!(error.contains("does not exist"), "{error}");
    let mut psql = cluster.program("psql");
    psql.arg(cluster.url("postgres", &one))
        .args(["-Atc", "SELECT current_database()"]);
    assert_eq!(answer_of(psql).unwrap(), one);
    let setting = |name| cluster.psql(&format!("SHOW {name}"));
    assert_eq!(
        (setting("fsync"), setting("max_connections")),
        ("off".into(), "200".into())
    );
    assert_eq!(setting("listen_addresses"), "127.0.0.1");
    assert_eq!(
        (setting("server_encoding"), setting("lc_collate")),
        ("UTF8".into(), "C".into())
    );
}

#[test]
fn what_was_committed_survives_that_every_process_is_killed() {
    let options = Options {
        fsync: true,
        settings: vec!["work_mem=5MB".into()],
    };
    let Some(mut cluster) = Cluster::start(options) else {
        return;
    };
    cluster.psql("CREATE TABLE t AS SELECT 7 AS c");
    let settings = cluster.psql("SELECT current_setting('fsync'), current_setting('work_mem')");
    assert_eq!(settings, "on|5MB");
    let address = cluster.address();
    cluster.kill9();
    let refused = cluster
        .psql_at(address, "postgres", &["SELECT 1"])
        .unwrap_err();
    assert!(refused.to_string().contains("refused"), "{refused}");
    cluster.restart();
    assert_eq!(cluster.address(), address);
    assert_eq!(cluster.psql("SELECT c FROM t"), "7");
    assert!(
        cluster.log().contains("was not properly shut down"),
        "{}",
        cluster.log()
    );
}

#[test]
fn a_standby_has_what_was_committed_and_goes_on_alone_once_promoted() {
    let Some(mut primary) = Cluster::start(Options::default()) else {
        return;
    };
    primary.psql("CREATE TABLE t (c int)");
    let standby = primary.standby();
    let error = standby.psql_at(standby.address(), "postgres", &["INSERT INTO t VALUES (0)"]);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("read-only"), "{error}");
    primary.psql("INSERT INTO t VALUES (7)");
    primary.kill9();
    standby.promote();
    assert_eq!(standby.psql("SELECT c FROM t"), "7");
    standby.psql("INSERT INTO t VALUES (8)");
    assert_eq!(standby.psql("SELECT count(*) FROM t"), "2");
    // The other does not wait for one that is gone.
    primary.restart();
    primary.forget_standby();
    primary.psql("INSERT INTO t VALUES (9)");
    assert_eq!(primary.psql("SELECT max(c) FROM t"), "9");
}

/// The folder of the server that another process of these tests is to start, and where it is told.
const TOLD: &str = "SESSIONLOG_TEST_CLUSTER_TOLD";

/// Where a server has its files.
fn folder_of(cluster: &Cluster) -> String {
    cluster.psql("SHOW unix_socket_directories")
}

/// Whether nothing is left of a server that had its files there.
fn is_gone(folder: &str) -> bool {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let is_running = processes.into_iter().any(|process| {
        let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).contains(folder)
    });
    !is_running && !fs::exists(folder).unwrap()
}

#[test]
fn nothing_is_left_of_a_server_that_is_dropped_in_a_panic() {
    let Some(cluster) = Cluster::start(Options::default()) else {
        return;
    };
    let folder = folder_of(&cluster);
    assert!(!is_gone(&folder));
    let panicked = std::thread::spawn(move || {
        assert_eq!(cluster.psql("SELECT 1"), "2");
    });
    panicked.join().unwrap_err();
    assert!(is_gone(&folder));
}

#[test]
fn a_server_ends_with_the_process_of_the_tests_even_if_that_is_killed() {
    let told = env::var_os(TOLD).map(PathBuf::from);
    if let Some(told) = told {
        // The other process: it tells, and waits for its end.
        let folder = folder_of(shared().unwrap());
        fs::write(told.with_extension("new"), folder).unwrap();
        fs::rename(told.with_extension("new"), &told).unwrap();
        loop {
            std::thread::park();
        }
    }
    if shared().is_none() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let told = place.path().join("told");
    let name = "clusters::a_server_ends_with_the_process_of_the_tests_even_if_that_is_killed";
    let mut other = Command::new(env::current_exe().unwrap())
        .args(["--exact", name])
        .env(TOLD, &told)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    until("the other server", || told.exists());
    let folder = fs::read_to_string(&told).unwrap();
    assert!(!is_gone(&folder));
    other.kill().unwrap();
    other.wait().unwrap();
    until("the end of the other server", || is_gone(&folder));
}
