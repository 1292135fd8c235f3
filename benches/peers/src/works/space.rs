//! What a session takes: bytes of storage, as the store stands and compacted; memory of a process
//! that has answered every question; bytes written and syncs, for batches and for single commits.
//!
//! Memory and writes are of child processes. An engine that maps its file has pages of it in its
//! memory, which are counted apart too.

use super::syncs::Syncs;
use crate::Result;
use crate::bench::{Bench, FILL_BATCH};
use crate::child::Call;
use crate::engines::{Kind, Settings};
use crate::figure::{Figure, Label};
use crate::machine::bytes_on_disk;
use std::path::Path;

const WORK: &str = "space";

/// Durable commits of one session each.
const SINGLES: u64 = 200;

pub(super) fn run(bench: &mut Bench) -> Result<Vec<Figure>> {
    let syncs = Syncs::new();
    if syncs.is_none() {
        let without = "space: syncs are left out, because strace is not there or may not trace";
        bench.progress.println(without);
    }
    let mut figures = Vec::new();
    for kind in &bench.kinds {
        bench.progress.inc(1);
        bench.says(format!("space: {}", kind.name));
        let space = Space {
            kind,
            folder: &bench.folder(WORK, kind),
            sessions: bench.sessions,
            syncs: syncs.as_ref(),
        };
        figures.extend(space.figures()?);
        std::fs::remove_dir_all(space.folder)?;
    }
    Ok(figures)
}

struct Space<'a> {
    kind: &'static Kind,
    folder: &'a Path,
    sessions: u64,
    syncs: Option<&'a Syncs>,
}

impl Space<'_> {
    fn figures(&self) -> Result<Vec<Figure>> {
        let mut figures = Vec::new();
        if self.kind.on_disk {
            figures.extend(self.writes(FILL_BATCH, self.sessions, 0)?);
            figures.push(self.on_disk("bytes/session", self.sessions)?);
            figures.extend(self.writes(1, SINGLES, 1)?);
        }
        figures.extend(self.memory()?);
        if self.kind.on_disk && self.compact()? {
            let stored = self.sessions + SINGLES;
            figures.push(self.on_disk("bytes/session, compacted", stored)?);
        }
        Ok(figures)
    }

    /// What a child writes and syncs that stores `count` sessions of a month.
    fn writes(&self, batch: usize, count: u64, month: u32) -> Result<Vec<Figure>> {
        let call = self.call();
        let label = self.label("bytes written/session").batch(batch);
        let fill = |count| match self.syncs {
            Some(syncs) => syncs.of(|strace| call.fill(Some(strace), count, batch, month)),
            None => Ok((call.fill(None, count, batch, month)?, 0)),
        };
        // Opening and closing write too; that of a new store belongs to it.
        let (idle, idle_syncs) = match month {
            0 => (0, 0),
            _ => fill(0).map(|(told, syncs)| (told.written, syncs))?,
        };
        let (told, syncs) = fill(count)?;
        let written = told.written.saturating_sub(idle) as f64 / count as f64;
        let mut figures = vec![Figure::once(self.kind.name, label.clone(), written)];
        if self.syncs.is_some() {
            let syncs = syncs.saturating_sub(idle_syncs) as f64 / count as f64;
            let label = label.unit("syncs/session");
            figures.push(Figure::once(self.kind.name, label, syncs));
        }
        Ok(figures)
    }

    fn memory(&self) -> Result<[Figure; 2]> {
        let told = self.call().read()?;
        let figure =
            |unit, bytes: u64| Figure::once(self.kind.name, self.label(unit), bytes as f64);
        Ok([
            figure("bytes resident", told.resident),
            figure("bytes resident, of files", told.of_files),
        ])
    }

    /// Compacts the store; what is no longer needed may go only when it is opened again.
    fn compact(&self) -> Result<bool> {
        let open = || self.kind.open(self.folder, Settings::default());
        let compacted = open()?.compact()?;
        drop(open()?);
        Ok(compacted)
    }

    /// Bytes of storage for each of the sessions that are stored.
    fn on_disk(&self, unit: &'static str, stored: u64) -> Result<Figure> {
        let a_session = bytes_on_disk(self.folder)? as f64 / stored as f64;
        Ok(Figure::once(self.kind.name, self.label(unit), a_session))
    }

    fn label(&self, unit: &'static str) -> Label {
        Label::new(WORK, self.sessions).unit(unit)
    }

    fn call(&self) -> Call<'_> {
        Call {
            kind: self.kind,
            folder: self.folder,
            sessions: self.sessions,
        }
    }
}
