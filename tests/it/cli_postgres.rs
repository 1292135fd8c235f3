//! The command line on a store in a database: the same commands, answers and exit codes.

mod commands;
mod copies;

use crate::cli::{Folder, Ran, command, run, run_with_input, two_lines};
use crate::cluster::{Cluster, Options, shared};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A new database of the server that all tests share; none if there is no server.
pub(crate) fn empty() -> Option<String> {
    let cluster = shared()?;
    Some(cluster.url("postgres", &cluster.database()))
}

/// The same, with the tables in it.
pub(crate) fn migrated() -> Option<String> {
    let url = empty()?;
    assert_eq!(run(&["migrate", &url]).fine(), "schema version 1 made\n");
    Some(url)
}

/// The same, with these JSON lines.
pub(crate) fn filled(lines: &str) -> Option<String> {
    let url = migrated()?;
    let ran = run_with_input(
        &["import", "--store", &url, "--format", "jsonl", "-"],
        lines,
    );
    assert_eq!(ran.code, 0, "{}", ran.err);
    Some(url)
}

#[test]
fn tables_are_made_once() {
    let Some(url) = migrated() else { return };
    let again = run(&["migrate", &url]).fine();
    assert_eq!(again, "is version 1 already\n");
    assert_eq!(run(&["count", "--store", &url]).fine(), "0\n");
    assert_eq!(run(&["migrate"]).code, 2);
    let message = run(&["migrate", "logins"]).failed(2);
    assert!(message.contains("logins is not the address"), "{message}");
    run(&["migrate", &url, "--store", "logins"]).failed(2);
}

#[test]
fn the_statements_can_be_run_by_somebody_else() {
    let printed = run(&["migrate", "--print"]).fine();
    let nowhere = "postgres://log@127.0.0.1:1/x";
    assert_eq!(run(&["migrate", "--print", nowhere]).fine(), printed);
    let citus = run(&["migrate", "--print", "--citus"]).fine();
    assert!(citus.contains("create_distributed_table"), "{citus}");
    let Some(cluster) = shared() else { return };
    let database = cluster.database();
    let made = cluster.psql_at(cluster.address(), &database, &[&printed]);
    made.unwrap();
    let url = cluster.url("postgres", &database);
    assert_eq!(run(&["migrate", &url]).fine(), "is version 1 already\n");
}

#[test]
fn a_database_tells_what_it_holds() {
    let Some(url) = filled(&two_lines()) else {
        return;
    };
    let stats = |output| run(&["stats", "--store", &url, "--output", output]).fine();
    let json: serde_json::Value = serde_json::from_str(&stats("json")).unwrap();
    assert_eq!(json["session_count"], 2);
    assert_eq!(json["open_session_count"], 1);
    assert!(json["stored_bytes"].as_u64().unwrap() > 0);
    let uid = json["store_uid"].as_str().unwrap();
    assert_eq!(stats("jsonl"), stats("json"));
    let table = stats("table");
    assert!(
        table.contains(uid) && table.contains(" open sessions "),
        "{table}"
    );
    let csv = stats("csv");
    let header = "store_uid,session_count,open_session_count,stored_bytes\n";
    assert!(csv.starts_with(&format!("{header}{uid},2,1,")), "{csv}");
}

#[test]
fn counters_are_made_anew_where_they_are_wrong() {
    let Some(url) = filled(&two_lines()) else {
        return;
    };
    let database = url.rsplit('/').next().unwrap();
    let cluster = shared().unwrap();
    let spoil = "UPDATE session_count SET total = total + 1";
    cluster
        .psql_at(cluster.address(), database, &[spoil])
        .unwrap();
    assert_eq!(run(&["verify", "--store", &url]).code, 17);
    let said = run(&["rebuild", "--store", &url]).fine();
    assert_eq!(said, "all counters were made anew from the sessions\n");
    let verified = run(&["verify", "--store", &url]).fine();
    assert_eq!(verified, "2 sessions, 0 faults\n");
    for (output, said) in [
        ("json", "{\"rebuilt\":\"counters\"}\n"),
        ("csv", "rebuilt\ncounters\n"),
    ] {
        let args = ["rebuild", "--store", &url, "--output", output];
        assert_eq!(run(&args).fine(), said);
    }
}

#[test]
fn what_only_directories_have_says_what_a_database_has_instead() {
    let url = "postgres://log@127.0.0.1:1/x";
    for (args, instead) in [
        (&["compact"][..], "VACUUM"),
        (&["backup", "--to", "there"], "pg_dump or pg_basebackup"),
        (&["restore", "--from", "there"], "pg_restore"),
        (&["salvage", "--to", "there"], "pg_restore"),
    ] {
        let message = run(&[&["--store", url], args].concat()).failed(2);
        assert!(message.contains(instead), "{message}");
    }
    let Some(url) = filled(&two_lines()) else {
        return;
    };
    for (args, option) in [
        (&["retain", "--live-bytes", "1"][..], "--live-bytes: "),
        (&["erase", "--user-name", "Ann", "--secure"], "--secure: "),
    ] {
        let message = run(&[&["--store", &url], args].concat()).failed(10);
        assert!(message.starts_with(option), "{message}");
    }
    let said = run(&["erase", "--store", &url, "--user-name", "Ann"]).fine();
    let expected = "erased 2 sessions, 1 name and 1 client: \
        bytes of them may be left in the database's files, log and standbys\n";
    assert_eq!(said, expected);
}

#[test]
fn a_database_without_tables_is_no_store_and_says_what_makes_it_one() {
    let Some(url) = empty() else { return };
    let place = url.replace("postgresql://", "postgres://");
    let folder = Folder::with(&two_lines());
    let input = folder.write("in.jsonl", &two_lines());
    let directory = folder.store();
    let directory = directory.to_str().unwrap();
    for args in [
        &["count", "--store", &url][..],
        &["verify", "--store", &url],
        &["import", "--store", &url, "--format", "jsonl", &input],
        &["serve", "--store", &url, "--listen", "127.0.0.1:0"],
        &["copy", "--from", directory, "--to", &url],
        &["copy", "--from", &url, "--to", directory],
    ] {
        let message = run(args).failed(15);
        assert!(
            message.contains(&place) && message.contains("migrate"),
            "{message}"
        );
    }
}

#[test]
fn a_server_that_is_not_there_is_told_within_seconds() {
    let url = "postgres://log@127.0.0.1:1/sessions";
    for args in [
        &["count", "--store", url][..],
        &["migrate", url],
        &["serve", "--store", url, "--listen", "127.0.0.1:0"],
        &["copy", "--from", url, "--to", "nowhere"],
    ] {
        let begun = Instant::now();
        let message = run(args).failed(18);
        assert!(begun.elapsed() < Duration::from_secs(10));
        assert!(message.starts_with(url), "{message}");
    }
}

fn without_password(ran: Ran, code: i32) -> String {
    assert_eq!((ran.code, ran.out.as_str()), (code, ""), "{}", ran.err);
    assert!(!ran.err.contains("secret"), "{}", ran.err);
    ran.err
}

#[test]
fn a_password_on_the_command_line_is_refused_and_not_shown() {
    for url in [
        "postgres://log:secret@db1/x",
        "postgresql://log:secret@db1,db2:7000/x",
        "postgres://db1/x?user=log&password=secret",
    ] {
        let equals = format!("--store={url}");
        for args in [
            &["count", "--store", url][..],
            &["count", &equals],
            &["migrate", url],
            &["copy", "--from", url, "--to", "there"],
            &["copy", "--from", "there", "--to", url],
        ] {
            let said = without_password(run(args), 2);
            assert!(said.contains("PGPASSWORD"), "{said}");
        }
        for args in [&["count", url][..], &[url], &["count", "--stor", url]] {
            without_password(run(args), 2);
        }
    }
    let unclear = "postgres://log:secret@db1:port/x";
    without_password(run(&["count", "--store", unclear]), 2);
}

/// A server that wants a password of all but its superuser, and what it takes that from.
fn with_passwords() -> Option<(Cluster, TempDir)> {
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let rules = "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n";
    let file = folder.path().join("hba");
    fs::write(&file, rules).unwrap();
    let cluster = Cluster::start(Options {
        settings: vec![format!("hba_file={}", file.display())],
        ..Options::default()
    })?;
    cluster.psql("CREATE ROLE log LOGIN PASSWORD 'right'");
    cluster.psql("CREATE DATABASE sessions OWNER log");
    Some((cluster, folder))
}

#[test]
fn the_password_comes_from_the_process_and_a_wrong_one_is_not_shown() {
    let Some((cluster, folder)) = with_passwords() else {
        return;
    };
    let url = cluster.url("log", "sessions");
    let run_with = |args: &[&str], variable: &str, value: &str| {
        let mut command = command(args);
        command.env(variable, value).stdin(Stdio::null());
        Ran::of(command.output().unwrap())
    };
    let migrate = ["migrate", &url];
    without_password(run(&migrate), 18);
    let said = without_password(run_with(&migrate, "PGPASSWORD", "secret"), 18);
    let named = url.replace("postgresql", "sessionlog: postgres");
    assert!(said.starts_with(&named), "{said}");
    assert!(said.contains("password authentication failed"), "{said}");
    run_with(&migrate, "PGPASSWORD", "right").fine();
    let file = folder.path().join("pass");
    fs::write(&file, "127.0.0.1:*:sessions:log:right\n").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let count = ["count", "--store", &url];
    let file = file.to_str().unwrap();
    assert_eq!(run_with(&count, "PGPASSFILE", file).fine(), "0\n");
}
