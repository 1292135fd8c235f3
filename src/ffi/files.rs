//! Files that sessions come from and go to, and stores beside the one that is open.

use crate::ffi::SessionLogError;
use crate::ffi::records::Salvaged;
use crate::import::{self, Destination, ImportError, Observer, Placed, Rejection, SoFar, Written};
use crate::{SessionLogs, Store};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// What an import did, in records.
#[derive(Debug, Clone, Default, uniffi::Record)]
pub struct Imported {
    /// Sessions that are new to the store, open or ended.
    pub added: u64,
    /// Sessions of which the store held all of it already.
    pub already_there: u64,
    /// Sessions that were open in the store and have now ended.
    pub ended: u64,
    /// Lines that were not taken.
    pub rejected: u64,
    /// The first thousand of them, with the reasons.
    pub rejections: Vec<RejectedLine>,
}

/// A line that was not taken.
#[derive(Debug, Clone, uniffi::Record)]
pub struct RejectedLine {
    /// Its number, from one.
    pub line: u64,
    /// Why it was not taken.
    pub reason: String,
}

/// Rejected lines that are told with their reasons.
const REJECTIONS_TOLD: usize = 1_000;

/// Records of an import that are written at a time: about 2 MB.
const RECORDS_AT_ONCE: usize = 1_000;

/// Copies the store at `backup`, which `Store.backup` has made or which is closed, to a new directory
/// at `path`, once all of it was checked, and answers how many sessions it has.
#[uniffi::export]
pub fn restore(backup: &str, path: &str) -> Result<u64, SessionLogError> {
    Ok(Store::restore(backup, path, |_| ())?)
}

/// Makes a new store at `path` of every session that can be read in the damaged one at `damaged`, which
/// stays as it is.
#[uniffi::export]
pub fn salvage(damaged: &str, path: &str) -> Result<Salvaged, SessionLogError> {
    Ok(Store::salvage(damaged, path, |_| ())?.into())
}

/// Writes records beside the path, and gives them its name.
pub(super) fn export_jsonl(logs: SessionLogs, path: &str) -> Result<u64, SessionLogError> {
    let failed = |error: io::Error| SessionLogError::unavailable("write", path, &error);
    let folder = Path::new(path).parent();
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty());
    let file = NamedTempFile::new_in(folder.unwrap_or(Path::new("."))).map_err(failed)?;
    let mut out = BufWriter::new(file);
    let mut count = 0;
    for log in logs {
        let line = serde_json::to_writer(&mut out, &log?).map_err(io::Error::from);
        line.and_then(|()| out.write_all(b"\n")).map_err(failed)?;
        count += 1;
    }
    let file = out
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(count)
}

pub(super) fn import_jsonl(store: &Store, path: &str) -> Result<Imported, SessionLogError> {
    let failed = |error: io::Error| SessionLogError::unavailable("read", path, &error);
    let file = File::open(path).map_err(failed)?;
    let mut told = Told::default();
    let summary = import::jsonl(Few(store), BufReader::new(file), &mut told);
    let summary = summary.map_err(|error| match error {
        ImportError::Store(error) => error.into(),
        ImportError::Input(error) => failed(error),
        error => SessionLogError::invalid("path", format_args!("{path:?}: {error}")),
    })?;
    Ok(Imported {
        added: summary.accepted,
        already_there: summary.already_there,
        ended: summary.ended,
        rejected: summary.rejected,
        rejections: told.0,
    })
}

/// A store that takes few records at a time.
#[derive(Debug)]
struct Few<'s>(&'s Store);

impl Destination for Few<'_> {
    fn write(&mut self, records: Vec<Placed>) -> Result<Written, ImportError> {
        self.0.write(records)
    }

    fn records_at_once(&self) -> usize {
        RECORDS_AT_ONCE
    }
}

/// Remembers the first rejections.
#[derive(Debug, Default)]
struct Told(Vec<RejectedLine>);

impl Observer for Told {
    fn rejected(&mut self, rejection: &Rejection) -> io::Result<()> {
        if self.0.len() < REJECTIONS_TOLD {
            self.0.push(RejectedLine {
                line: rejection.place,
                reason: rejection.reason.clone(),
            });
        }
        Ok(())
    }

    fn advanced(&mut self, _: SoFar) -> io::Result<()> {
        Ok(())
    }
}
