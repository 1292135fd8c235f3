//! After a failure of the storage: the main index is opened again, and found out what became of a
//! merge.
//!
//! The engine does nothing more once the storage has failed, not even what would succeed, until its
//! file is opened again. That changes no byte of the file, so that it works on a full disk too.
//! Snapshots of the old engine end; the delta, which is in memory, goes on.

use super::{Files, Shared, Writer};
use crate::delta::Delta;
use crate::error::{Error, Result};
use crate::main_index::{MAIN, MainIndex, MainReader};
use crate::view::View;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What is still to be found out, or done, after a write that failed. Nothing is written before.
#[derive(Debug, Clone, Copy)]
pub(super) enum Doubt {
    /// Whether the main index has everything through this commit.
    Merged(u64),
    /// It has, but that may not be durable: the log must not be cut yet.
    Durable(u64),
    /// Whether the main index has its name for good: its file may be the one before.
    Named,
}

impl Shared {
    /// The state after the last commit, of a main index that has not failed as far as is known.
    ///
    /// # Errors
    ///
    /// As [`recover`](Self::recover).
    pub(crate) fn readable_view(&self) -> Result<Arc<View>> {
        let view = self.view()?;
        if !view.main.has_failed() {
            return Ok(view);
        }
        self.recover()?;
        self.view()
    }

    /// Makes sure that the main index can be read, as far as that depends on opening it again.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the storage still fails; `Corrupted` if the main index is not what it was.
    pub(crate) fn recover(&self) -> Result<()> {
        let mut main = self.lock_main();
        let mut writer = self.lock_log();
        let writer = writer.as_mut().ok_or_else(|| self.life.gone())?;
        self.make_readable(&mut main, writer)
    }

    /// As [`recover`](Self::recover), and that what is in the main index is durable, if there is need
    /// for that as far as is known.
    pub(crate) fn make_writable(&self) -> Result<()> {
        let is_needed = self.view()?.main.has_failed() || self.has_doubt.load(Ordering::Acquire);
        match is_needed {
            true => self.recover_main(&mut self.lock_main()),
            false => Ok(()),
        }
    }

    /// As [`make_writable`](Self::make_writable), whatever is known.
    pub(super) fn recover_main(&self, main: &mut Option<MainIndex>) -> Result<()> {
        let mut writer = self.lock_log();
        let writer = writer.as_mut().ok_or_else(|| self.life.gone())?;
        self.make_readable(main, writer)?;
        self.confirm(main, writer)
    }

    fn make_readable(&self, main: &mut Option<MainIndex>, writer: &mut Writer) -> Result<()> {
        let unknown = match writer.doubt {
            Some(Doubt::Merged(through)) => Some(through),
            Some(Doubt::Durable(_) | Doubt::Named) | None => None,
        };
        let is_readable = main.as_ref().is_some_and(|main| main.read().is_ok());
        if unknown.is_some() || !is_readable || self.view()?.main.has_failed() {
            let is_merged = self.settle(main, writer, unknown)?;
            if let Some(through) = unknown {
                self.doubt(writer, is_merged.then_some(Doubt::Durable(through)));
            }
        }
        Ok(())
    }

    /// What became of a merge of everything through a commit, which ended so: one that says that it
    /// failed may have been done. The state is published, whichever it is.
    pub(super) fn merged(
        &self,
        main: &mut Option<MainIndex>,
        writer: &mut Writer,
        through: u64,
        merged: Result<()>,
    ) -> Result<()> {
        match (self.settle(main, writer, Some(through)), merged) {
            (Ok(true), Ok(())) => {
                self.confirmed(writer, through);
                Ok(())
            }
            (Ok(true), Err(_)) => {
                self.doubt(writer, Some(Doubt::Durable(through)));
                self.confirm(main, writer).map_err(|error| {
                    let message =
                        "what was merged may not be durable; writing the same again is safe";
                    Error::new(error.kind(), message).caused_by(error)
                })
            }
            (Ok(false), Err(error)) => Err(error),
            (Ok(false), Ok(())) => Err(Error::corrupted(format!("{MAIN} has no trace of a merge"))),
            (Err(unsettled), merged) => {
                self.doubt(writer, Some(Doubt::Merged(through)));
                Err(merged.err().unwrap_or(unsettled))
            }
        }
    }

    /// Publishes the state that the main index is in, and answers whether it has everything through
    /// the commit that a merge was to bring into it.
    pub(super) fn settle(
        &self,
        main: &mut Option<MainIndex>,
        writer: &mut Writer,
        attempted: Option<u64>,
    ) -> Result<bool> {
        let reader = self.reader(main)?;
        let view = self.view()?;
        let (base, state) = (view.main.state(), reader.state());
        let is_next = state.merge_count == base.merge_count + 1;
        let merged = attempted.filter(|through| is_next && state.watermark == *through);
        if reader.identity() != view.main.identity()
            || (merged.is_none() && !state.is_same_as(&base))
        {
            return Err(Error::corrupted(format!(
                "{MAIN} is not in a state that this store has brought it to"
            )));
        }
        if attempted.is_some() {
            self.rewrites.merged(merged.is_some());
        }
        let since_freeze = writer.since_freeze.take();
        let delta = match (merged, since_freeze) {
            (Some(_), Some(since_freeze)) => since_freeze,
            (Some(_), None) => Delta::new(state.ids),
            (None, _) => view.delta.clone(),
        };
        self.publish(Some(Arc::new(view.with(Arc::new(reader), delta))));
        Ok(merged.is_some())
    }

    /// Makes durable what the main index has, and its name, if that is in doubt.
    pub(super) fn confirm(&self, main: &Option<MainIndex>, writer: &mut Writer) -> Result<()> {
        match (writer.doubt, main) {
            (Some(Doubt::Durable(through)), Some(main)) => {
                main.confirm()?;
                self.confirmed(writer, through);
            }
            // Names are metadata: a file system that could not write its journal refuses all later
            // syncs too, so that one that succeeds can be believed.
            (Some(Doubt::Named), Some(_)) => {
                Files::sync_names(&*self.storage)?;
                self.doubt(writer, None);
            }
            _ => {}
        }
        Ok(())
    }

    /// The log is no longer needed through a commit.
    fn confirmed(&self, writer: &mut Writer, through: u64) {
        self.doubt(writer, None);
        writer.log.merged_through(through);
        self.measure(&writer.log);
    }

    pub(super) fn doubt(&self, writer: &mut Writer, doubt: Option<Doubt>) {
        writer.doubt = doubt;
        self.has_doubt.store(doubt.is_some(), Ordering::Release);
    }

    /// The main index as it is, opened again if it cannot be read otherwise.
    fn reader(&self, main: &mut Option<MainIndex>) -> Result<MainReader> {
        let well = main.as_ref().map(MainIndex::read);
        if let Some(Ok(reader)) = well
            && !reader.has_failed()
        {
            return Ok(reader);
        }
        if let Some(failed) = main.take() {
            // What it would say of that is known: it has failed.
            let _ = failed.close();
        }
        let opened = MainIndex::open(&*self.storage, self.options.setup())?;
        main.insert(opened).read()
    }
}
