//! Behaviour of the public API, by area; each test is named for the promise it holds us to.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod backup;
mod bits;
mod bounded;
mod census;
#[cfg(feature = "cli")]
mod cli;
#[cfg(feature = "cli")]
mod cli_import;
#[cfg(all(feature = "cli", target_os = "linux"))]
mod cli_interrupts;
#[cfg(all(feature = "cli", target_os = "linux"))]
mod cli_postgres;
#[cfg(feature = "cli")]
mod cli_readme;
#[cfg(feature = "cli")]
mod cli_rejects;
#[cfg(feature = "cli")]
mod cli_sessions;
#[cfg(all(feature = "cli", target_os = "linux"))]
mod cli_terminal;
#[cfg(feature = "cli")]
mod cli_times;
#[cfg(feature = "cli")]
mod cli_upkeep;
#[cfg(all(feature = "http", feature = "postgres", target_os = "linux"))]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "other tests kill and double servers too"
)]
#[path = "../support/cluster.rs"]
mod cluster;
mod compaction;
mod concurrency;
mod cost;
mod crashes;
mod cursors;
mod damage;
mod durability;
mod erasure;
mod every_fault;
mod faults;
mod forged;
mod forger;
#[cfg(target_os = "linux")]
mod full_disk;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "http")]
mod http_import;
#[cfg(feature = "http")]
mod http_pages;
#[cfg(feature = "import")]
mod import;
mod kills;
mod life;
mod locks;
mod merges;
mod opening;
mod paging;
mod panics;
mod power;
mod processes;
mod races;
mod rebuild;
mod repair;
mod retention;
mod rewrite_faults;
mod salvage;
#[cfg(feature = "http")]
mod serve;
mod snapshots;
#[cfg(feature = "async")]
mod stores;
mod structure;
#[path = "../support/mod.rs"]
mod support;
mod suspend;
mod times;
mod together;
mod unreadable;
mod verify;
#[cfg(feature = "wire")]
mod wire;

use chrono::{DateTime, TimeDelta, Utc};
use redb::ReadableTable;
use sessionlog::{Clock, Error, ErrorKind, SessionLog, Store};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use uuid::Uuid;

/// An instant from RFC 3339 text.
fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

fn uid(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// A clock that stands still until it is moved.
#[derive(Debug, Clone)]
struct ManualClock(Arc<Mutex<DateTime<Utc>>>);

impl ManualClock {
    fn at(text: &str) -> Self {
        Self(Arc::new(Mutex::new(at(text))))
    }

    fn pass(&self, time: TimeDelta) {
        *self.0.lock().unwrap() += time;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap()
    }
}

/// Tells others to stop, when it is dropped: also if the test fails before it can.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Changes the body of a row of `meta` behind the store's back, its checksum too.
fn rewrite_meta(path: &Path, key: &[u8], change: impl FnOnce(&[u8]) -> Vec<u8>) {
    let database = redb::Database::open(path).unwrap();
    let write = database.begin_write().unwrap();
    {
        let meta = redb::TableDefinition::<&[u8], &[u8]>::new("meta");
        let mut meta = write.open_table(meta).unwrap();
        let row = meta.get(key).unwrap().unwrap().value().to_vec();
        let body = change(&row[4..]);
        let checksum = crc32fast::hash(&[b"meta", key, &body].concat());
        let row = [&checksum.to_le_bytes()[..], &body].concat();
        meta.insert(key, row.as_slice()).unwrap();
    }
    write.commit().unwrap();
}

/// A record of user 7, Ann, on PDA-01.
fn log(refer_uid: u128, start: &str, end: Option<&str>) -> SessionLog {
    SessionLog {
        refer_uid: uid(refer_uid),
        user_refer_uid: uid(7),
        user: "Ann".into(),
        client_refer_uid: "PDA-01".into(),
        session_start: at(start),
        session_end: end.map(at),
    }
}

/// A store in memory with these records.
fn store_of(logs: impl IntoIterator<Item = SessionLog>) -> Store {
    let store = Store::in_memory().unwrap();
    store.append_batch(logs).unwrap();
    store
}

/// The store's calls for async code, on few threads.
#[cfg(feature = "async")]
fn in_process(store: &Store) -> sessionlog::stores::Embedded {
    sessionlog::stores::Embedded::with_threads(store.clone(), 4).unwrap()
}

#[cfg(feature = "http")]
fn router(store: Store, options: sessionlog::http::HttpOptions) -> axum::Router {
    sessionlog::http::router(in_process(&store), options)
}

/// The error is of this kind, and names this member.
fn refused<T: std::fmt::Debug>(result: Result<T, Error>, kind: ErrorKind, member: &str) -> Error {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert_eq!(error.member(), Some(member), "{error}");
    error
}
