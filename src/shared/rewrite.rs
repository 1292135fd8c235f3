//! The main index written anew beside itself and put in its own place, while commits and merges go
//! on.
//!
//! A copy is made of one state. What merges change meanwhile is noted by `refer_uid` and brought into
//! the copy afterwards, until so little is left that merges can wait for it. Then the copy takes the
//! name. What a crash leaves of it before is removed by the next opening.

use super::merge::Purpose;
use super::recovery::Doubt;
use super::{Files, Shared, Writer};
use crate::delta::Delta;
use crate::engine::{guarded, io_error, unfinished};
use crate::error::{Error, Result};
use crate::main_index::{MAIN, MainCopy, MainIndex, MainReader, Steps};
use crate::view::View;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// Changed sessions that merges may wait for.
const FOLLOWED_AT_LAST: usize = 1 << 12;

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
    /// Held while one runs.
    running: Mutex<()>,
    /// The sessions that merges have changed since one began; `None` while none runs.
    changed: Mutex<Option<HashSet<Uuid>>>,
}

impl Rewrites {
    fn changed(&self) -> MutexGuard<'_, Option<HashSet<Uuid>>> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of what a merge is about to change.
    pub(super) fn note(&self, delta: &Delta) {
        if let Some(changed) = self.changed().as_mut() {
            changed.extend(delta.session_ids());
        }
    }

    /// What was changed since this was last asked for.
    fn take(&self) -> Vec<Uuid> {
        let taken = self.changed().as_mut().map(std::mem::take);
        taken.into_iter().flatten().collect()
    }

    fn is_little_left(&self) -> bool {
        let changed = self.changed();
        changed
            .as_ref()
            .is_none_or(|changed| changed.len() <= FOLLOWED_AT_LAST)
    }
}

/// Ends the taking of notes when dropped.
struct Noting<'r>(&'r Rewrites);

impl<'r> Noting<'r> {
    fn begin(rewrites: &'r Rewrites) -> Self {
        *rewrites.changed() = Some(HashSet::new());
        Self(rewrites)
    }
}

impl Drop for Noting<'_> {
    fn drop(&mut self) {
        *self.0.changed() = None;
    }
}

impl Shared {
    /// Writes the main index anew.
    ///
    /// # Errors
    ///
    /// `Corrupted` if what is to be copied is damaged; `Unavailable` if the storage fails. The store
    /// is as it was.
    pub(crate) fn rewrite(&self, what: Rewrite, progress: &mut dyn FnMut(u64, u64)) -> Result<()> {
        self.check_writable()?;
        let running = &self.rewrites.running;
        let _running = running.lock().unwrap_or_else(PoisonError::into_inner);
        let mut steps = Steps::new(progress);
        let done = guarded(|| self.rewrite_alone(what, &mut steps));
        if done.is_err() {
            // Whatever is left of it, the next opening would remove.
            let _ = self.storage.remove(&unfinished(MAIN));
        }
        steps.go_on_with_panic();
        done
    }

    fn rewrite_alone(&self, what: Rewrite, steps: &mut Steps<'_>) -> Result<()> {
        if what != Rewrite::FromRecords {
            // What was removed since is not copied. But what is damaged may keep it from being merged.
            self.merge(Purpose::All)?;
        }
        let (from, _noting) = {
            let mut main = self.lock_main();
            self.recover_main(&mut main)?;
            (
                Arc::clone(&self.view()?.main),
                Noting::begin(&self.rewrites),
            )
        };
        let mut copy = self.copied(what, from, steps)?;
        while !self.rewrites.is_little_left() {
            let (other, changed) = {
                let main = self.lock_main();
                let noted = (Arc::clone(&self.view()?.main), self.rewrites.take());
                drop(main);
                noted
            };
            copy.follow(&other, &changed)?;
        }
        copy.compact(&*self.storage)?;
        self.take_place(what, copy)?;
        steps.finish();
        Ok(())
    }

    fn copied(
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
    fn take_place(&self, what: Rewrite, mut copy: MainCopy) -> Result<()> {
        // The last that has the old file closes it: where nothing is locked.
        let view;
        let mut main = self.lock_main();
        self.recover_main(&mut main)?;
        let changed = self.rewrites.take();
        copy.follow(&self.view()?.main, &changed)?;
        if !changed.is_empty() {
            copy.compact(&*self.storage)?;
        }
        let mut writer = self.lock_log();
        let writer = writer.as_mut().ok_or_else(Error::closed)?;
        writer.ready()?;
        view = self.view()?;
        if what == Rewrite::Smaller && copy.file_bytes()? >= view.main.file_bytes()? {
            copy.into_index().close()?;
        } else {
            copy.keep_names_of(&view.delta, &view.main)?;
            self.swap(&mut main, writer, &view, copy.into_index())?;
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
            let _ = new.close();
            let _ = main.take().map(MainIndex::close);
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
