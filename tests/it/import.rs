//! Imports, as their callers see them.
#![allow(clippy::indexing_slicing, reason = "a test may panic")]

mod csv;
mod jsonl;
#[cfg(target_os = "linux")]
mod like_last;
mod login_record;
mod several_files;
mod wtmp;

use sessionlog::import::{ImportError, Observer, Rejection, SoFar, Summary, wtmp};
use sessionlog::{Query, SessionLog, Store};
use std::io;

/// Remembers what an import told.
#[derive(Debug, Default)]
struct Watcher {
    rejections: Vec<Rejection>,
    advances: Vec<(u64, u64)>,
    wants_text: bool,
    /// The place of a rejection that it cannot tell of.
    fails_at: Option<u64>,
    /// After how many records it wants all to be written.
    impatient_at: Option<u64>,
}

impl Observer for Watcher {
    fn rejected(&mut self, rejection: &Rejection) -> io::Result<()> {
        if self.fails_at == Some(rejection.place) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.rejections.push(rejection.clone());
        Ok(())
    }

    fn wants_text(&self) -> bool {
        self.wants_text
    }

    fn read(&mut self, so_far: SoFar) -> bool {
        self.impatient_at == Some(so_far.records)
    }

    fn advanced(&mut self, so_far: SoFar) -> io::Result<()> {
        self.advances.push((so_far.bytes, so_far.records));
        Ok(())
    }
}

impl Watcher {
    fn places(&self) -> Vec<u64> {
        let places = self.rejections.iter().map(|rejection| rejection.place);
        places.collect()
    }
}

fn empty_store() -> Store {
    Store::in_memory().expect("memory does not fail")
}

fn everything(store: &Store) -> Vec<SessionLog> {
    let logs = store.iter(&Query::all()).expect("the store is readable");
    logs.map(|log| log.expect("the store is readable"))
        .collect()
}

/// What an import counted: accepted, already there, ended, rejected.
fn counts(summary: Summary) -> [u64; 4] {
    [
        summary.accepted,
        summary.already_there,
        summary.ended,
        summary.rejected,
    ]
}

/// Imports a file of which nothing may be rejected.
fn import(store: &Store, source: &str, file: &[u8]) -> Summary {
    let mut watcher = Watcher::default();
    let summary = wtmp(store, file, source, &mut watcher).expect("login records");
    assert_eq!(watcher.rejections, []);
    summary
}

fn refusal(file: &[u8]) -> String {
    let store = empty_store();
    match wtmp(&store, file, "host", &mut ()) {
        Err(ImportError::NotLoginRecords(why)) => why,
        other => panic!("{other:?}"),
    }
}
