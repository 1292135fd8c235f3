//! What this machine has of PostgreSQL, who may run it, and which processes there are.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Set to 1 where tests that need PostgreSQL must not pass without it.
pub const DEMANDED: &str = "SESSIONLOG_POSTGRES_TESTS";

/// The oldest version that the tests are run on.
const VERSION_MIN: u32 = 14;

/// Whom the servers run as where they must not run as the one who runs the tests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Owner {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// Where the programs of the newest PostgreSQL on this machine are; none if there is none, which is
/// said, and fails where it is demanded.
pub(super) fn programs() -> Option<PathBuf> {
    let mut installed: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let version = path.file_name()?.to_str()?.parse().ok()?;
            Some((version, path.join("bin")))
        })
        .collect();
    installed.sort_unstable();
    let path = std::env::var_os("PATH").unwrap_or_default();
    let named = Command::new("pg_config").arg("--bindir").output();
    let named = named.map(|output| String::from_utf8_lossy(&output.stdout).trim().into());
    let newest_first = installed.into_iter().rev().map(|(_, folder)| folder);
    let mut folders = newest_first
        .chain(named)
        .chain(std::env::split_paths(&path));
    let found = folders.find(|folder| version_in(folder) >= Some(VERSION_MIN));
    if found.is_none() {
        let message = format!("no PostgreSQL from version {VERSION_MIN} on was found");
        let is_demanded = std::env::var_os(DEMANDED).is_some_and(|demanded| demanded == "1");
        assert!(!is_demanded, "{message}, and {DEMANDED} demands it");
        // Not by the macro, of which nothing is seen where a test passes.
        let said = format!("NOT TRIED: {message}; with {DEMANDED}=1 this fails\n");
        std::io::stderr().write_all(said.as_bytes()).unwrap();
    }
    found
}

/// The version of the server in a folder that has everything that is needed.
fn version_in(folder: &Path) -> Option<u32> {
    let needed = ["initdb", "pg_basebackup", "postgres", "psql"];
    if !needed.iter().all(|program| folder.join(program).exists()) {
        return None;
    }
    let output = Command::new(folder.join("postgres"))
        .arg("--version")
        .output();
    // "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)"
    let text = String::from_utf8(output.ok()?.stdout).ok()?;
    let number = text.split_whitespace().nth(2)?;
    let digits = number.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// Servers do not run as root: for root, `postgres` or else `nobody`.
pub(super) fn owner(folder: &Path) -> Option<Owner> {
    if folder.metadata().unwrap().uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let find = |name: &str| {
        let line = users
            .lines()
            .find(|line| line.split(':').next() == Some(name))?;
        let mut members = line.split(':').skip(2);
        Some(Owner {
            uid: members.next()?.parse().ok()?,
            gid: members.next()?.parse().ok()?,
        })
    };
    Some(find("postgres").or_else(|| find("nobody")).unwrap())
}

/// What is behind the name in the state of a process: how it is, and who started it.
fn state_of(pid: &str) -> Option<(String, u32)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut rest = text.rsplit_once(')')?.1.split_whitespace();
    Some((rest.next()?.to_owned(), rest.next()?.parse().ok()?))
}

pub(super) fn children_of(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = processes.filter_map(|entry| entry.file_name().into_string().ok());
    let children = names.filter(|pid| state_of(pid).is_some_and(|(_, of)| of == parent));
    children.filter_map(|pid| pid.parse().ok()).collect()
}

/// One that is dead may wait for somebody to take note of it.
pub(super) fn is_alive(pid: u32) -> bool {
    state_of(&pid.to_string()).is_some_and(|(state, _)| state != "Z" && state != "X")
}
