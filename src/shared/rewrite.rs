//! The main index written anew beside itself and put in its own place, while commits and merges go
//! on.
//!
//! A copy is made of one state. What merges change meanwhile is noted by `refer_uid` and brought into
//! the copy afterwards, until so little is left that merges can wait for it. Then the copy takes the
//! name. What a crash leaves of it before is removed by the next opening.

use super::ending::Working;
use super::merge::Purpose;
use super::recovery::Doubt;
use super::{DirectoryLock, Files, Shared, Writer};
use crate::delta::Delta;
use crate::engine::{guarded, io_error, unfinished};
use crate::error::{Error, ErrorKind, Result};
use crate::main_index::{MAIN, MainCopy, MainIndex, MainReader, Steps};
use crate::storage::Storage;
use crate::view::View;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use uuid::Uuid;

/// Changed sessions that merges may wait for.
const FOLLOWED_AT_LAST: usize = 1 << 12;

/// How often a copy follows before merges wait for it however much is left: a writer that never pauses
/// must not keep it from its end.
const ROUNDS_MAX: usize = 8;

/// What a main index is written anew for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rewrite {
    /// To be smaller; else it stays.
    Smaller,
    /// To have no byte left of what was removed.
    Clean,
    /// To have only what follows from the records.
    FromRecords,
}

/// What rewriting needs while it goes on.
#[derive(Debug, Default)]
pub(super) struct Rewrites {
    /// Held while one runs, and while names are erased.
    running: Mutex<()>,
    /// Whose thread holds that.
    owner: Mutex<Option<ThreadId>>,
    notes: Mutex<Notes>,
}

/// The sessions that merges have changed since a rewrite began.
#[derive(Debug, Default)]
struct Notes {
    /// `None` while none runs.
    changed: Option<HashSet<Uuid>>,
    /// What a merge is at.
    pending: Vec<Uuid>,
}

impl Rewrites {
    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn owner(&self) -> MutexGuard<'_, Option<ThreadId>> {
        self.owner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_own(&self) -> bool {
        *self.owner() == Some(thread::current().id())
    }

    /// Takes note of what a merge is to change.
    pub(super) fn merging(&self, delta: &Delta) {
        let notes = &mut *self.notes();
        if notes.changed.is_some() {
            notes.pending = delta.session_ids().collect();
        }
    }

    /// It has, or has not.
    pub(super) fn merged(&self, is_merged: bool) {
        let notes = &mut *self.notes();
        let pending = std::mem::take(&mut notes.pending);
        if let Some(changed) = notes.changed.as_mut().filter(|_| is_merged) {
            changed.extend(pending);
        }
    }

    /// What was changed since this was last asked for, in order: the same calls make the same bytes.
    fn changed(&self) -> Vec<Uuid> {
        let changed = self.notes().changed.as_mut().map(std::mem::take);
        let mut changed: Vec<Uuid> = changed.into_iter().flatten().collect();
        changed.sort_unstable();
        changed
    }

    fn is_little_left(&self) -> bool {
        let notes = self.notes();
        let changed = notes.changed.as_ref();
        changed.is_none_or(|changed| changed.len() <= FOLLOWED_AT_LAST)
    }
}

/// The right to write the main index anew.
pub(super) struct Alone<'r> {
    rewrites: &'r Rewrites,
    /// Keeps the directory ours, even if the store is closed meanwhile; free again before the next
    /// may run.
    _directory: Option<DirectoryLock>,
    _running: MutexGuard<'r, ()>,
    _working: Working<'r>,
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        *self.rewrites.owner() = None;
    }
}

/// Ends the taking of notes when dropped.
pub(super) struct Noting<'r>(&'r Rewrites);

impl<'r> Noting<'r> {
    pub(super) fn begin(rewrites: &'r Rewrites) -> Self {
        *rewrites.notes() = Notes {
            changed: Some(HashSet::new()),
            pending: Vec::new(),
        };
        Self(rewrites)
    }
}

impl Drop for Noting<'_> {
    fn drop(&mut self) {
        *self.0.notes() = Notes::default();
    }
}

impl Shared {
    /// Waits until the main index can be written anew by this call alone.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if this thread does already: a callback of its progress has called.
    pub(super) fn rewrite_alone(&self) -> Result<Alone<'_>> {
        let rewrites = &self.rewrites;
        if rewrites.is_own() {
            let problem = "is called from the progress of such a call, which it would wait for";
            return Err(Error::invalid("store", problem));
        }
        let working = self.work()?;
        let running = &rewrites.running;
        let running = running.lock().unwrap_or_else(PoisonError::into_inner);
        *rewrites.owner() = Some(thread::current().id());
        Ok(Alone {
            rewrites,
            _directory: self.lock_directory().clone(),
            _running: running,
            _working: working,
        })
    }

    /// Writes the main index anew.
    ///
    /// # Errors
    ///
    /// `Corrupted` if what is to be copied is damaged; `Unavailable` if the storage fails. The store
    /// is as it was, or written anew; both are the same in content.
    pub(crate) fn rewrite(&self, what: Rewrite, progress: &mut dyn FnMut(u64, u64)) -> Result<()> {
        self.check_writable()?;
        let alone = self.rewrite_alone()?;
        self.rewrite_now(&alone, what, progress)
    }

    pub(super) fn rewrite_now(
        &self,
        _: &Alone<'_>,
        what: Rewrite,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<()> {
        if what != Rewrite::FromRecords {
            // What was removed since is not copied. But what is damaged may keep it from being merged.
            self.merge(Purpose::All)?;
        }
        let opened = self.view()?.opened().clone();
        let mut steps = Steps::new(progress).within(&opened);
        let done = guarded(MAIN, || self.copy_and_swap(what, &mut steps));
        if done.is_err() {
            // Whatever is left of it, the next opening would remove.
            let _ = self.storage.remove(&unfinished(MAIN));
        }
        steps.go_on_with_panic();
        done.map_err(|error| match (error.kind(), opened.check_lasting()) {
            (ErrorKind::Closed, Ok(())) => {
                let message = "the storage has failed, and the store is not written anew";
                Error::new(ErrorKind::Unavailable, message).caused_by(error)
            }
            (ErrorKind::Closed, Err(ended)) => ended,
            _ => error,
        })
    }

    fn copy_and_swap(&self, what: Rewrite, steps: &mut Steps<'_>) -> Result<()> {
        let (from, _noting) = {
            let mut main = self.lock_main();
            self.recover_main(&mut main)?;
            (
                Arc::clone(&self.view()?.main),
                Noting::begin(&self.rewrites),
            )
        };
        let mut copy = self.copied(what, from, steps)?;
        for _ in 0..ROUNDS_MAX {
            if self.rewrites.is_little_left() {
                break;
            }
            let (other, changed) = self.noted()?;
            copy.follow(&other, &changed)?;
        }
        // What is left to be added at the end has the file grow.
        let view = self.view()?;
        copy.keep_names_of(&view.delta, &view.main)?;
        drop(view);
        copy.compact(&*self.storage)?;
        steps.step(0)?;
        self.take_place(what, copy)?;
        steps.finish();
        Ok(())
    }

    /// The main index as it is between two merges, and what those have changed since this was last
    /// asked for.
    pub(super) fn noted(&self) -> Result<(Arc<MainReader>, Vec<Uuid>)> {
        let _main = self.lock_main();
        Ok((Arc::clone(&self.view()?.main), self.rewrites.changed()))
    }

    pub(super) fn copied(
        &self,
        what: Rewrite,
        from: Arc<MainReader>,
        steps: &mut Steps<'_>,
    ) -> Result<MainCopy> {
        let (storage, setup) = (&*self.storage, self.options.setup());
        match what {
            Rewrite::FromRecords => MainCopy::of_records(storage, &from, setup, steps),
            Rewrite::Smaller | Rewrite::Clean => MainCopy::of(storage, &from, setup, steps),
        }
    }

    /// Lets a copy take the place of the main index that it was made of.
    pub(super) fn take_place(&self, what: Rewrite, mut copy: MainCopy) -> Result<()> {
        // The last that has the old file closes it: where nothing is locked.
        let view;
        let mut main = self.lock_main();
        self.recover_main(&mut main)?;
        // From here on it grows by what was written meanwhile, as the file before did.
        copy.follow(&self.view()?.main, &self.rewrites.changed())?;
        let mut writer = self.lock_log();
        let writer = writer.as_mut().ok_or_else(|| self.life.gone())?;
        writer.ready()?;
        // What came and went has no names in the copy. A loss of power that takes its going alone
        // would bring it back without them.
        writer.flush()?;
        view = self.view()?;
        copy.keep_names_of(&view.delta, &view.main)?;
        match what == Rewrite::Smaller && copy.file_bytes()? >= view.main.file_bytes()? {
            true => copy.into_index().close()?,
            false => self.swap(&mut main, writer, &view, copy.into_index())?,
        }
        Files::clean_up(&*self.storage)?;
        let trimmed = match writer.log.is_merged() {
            true => writer.log.trim(),
            false => Ok(()),
        };
        self.measure(&writer.log);
        trimmed
    }

    /// Gives another file the name of the main index, with the same in it.
    fn swap(
        &self,
        main: &mut Option<MainIndex>,
        writer: &mut Writer,
        view: &View,
        new: MainIndex,
    ) -> Result<()> {
        let reader = new.read()?;
        let renamed = self.storage.rename(&unfinished(MAIN), MAIN);
        self.doubt(writer, Some(Doubt::Named));
        if let Err(error) = renamed {
            // Which of them has the name now, opening it tells.
            new.abandon();
            main.take().into_iter().for_each(MainIndex::abandon);
            self.settle(main, writer, None)?;
            self.confirm(main, writer)?;
            return Err(io_error("replace", MAIN, error));
        }
        *main = Some(new);
        let delta = view.delta.clone();
        self.publish(Some(Arc::new(view.with(Arc::new(reader), delta))));
        self.confirm(main, writer)
    }
}
