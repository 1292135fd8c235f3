//! How a store comes to be open, and no longer: by being suspended, from which it comes back, or closed.

use super::{DirectoryLock, Files, Shared};
use crate::error::{Error, ErrorKind, Result};
use crate::life::End;
use crate::main_index::MainIndex;
use crate::storage::Storage;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

/// The threads that are at what lasts, and may call back: to tell of its progress, or for the time. Whoever
/// ends the opening waits for them.
#[derive(Debug, Default)]
pub(super) struct AtWork {
    threads: Mutex<Vec<ThreadId>>,
    left: Condvar,
}

impl AtWork {
    fn threads(&self) -> MutexGuard<'_, Vec<ThreadId>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_own(&self) -> bool {
        self.threads().contains(&thread::current().id())
    }

    /// Waits for all others.
    fn wait(&self) {
        let own = thread::current().id();
        let mut threads = self.threads();
        while threads.iter().any(|thread| *thread != own) {
            threads = self
                .left
                .wait(threads)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A thread is at work until this is dropped.
#[derive(Debug)]
pub(crate) struct Working<'w>(&'w AtWork);

impl Drop for Working<'_> {
    fn drop(&mut self) {
        let own = thread::current().id();
        let mut threads = self.0.threads();
        if let Some(at) = threads.iter().position(|thread| *thread == own) {
            threads.swap_remove(at);
        }
        self.0.left.notify_all();
    }
}

impl Shared {
    /// A call begins that lasts: until it is over, ending the opening waits; so none is to begin while
    /// somebody waits.
    ///
    /// # Errors
    ///
    /// `Suspended` or `Closed` if the store is, or is about to be.
    pub(crate) fn work(&self) -> Result<Working<'_>> {
        let at_work = &self.at_work;
        at_work.threads().push(thread::current().id());
        let working = Working(at_work);
        self.life.check_lasting()?;
        Ok(working)
    }

    /// # Errors
    ///
    /// `Suspended` or `Closed` if the store is.
    pub(super) fn check_open(&self) -> Result<()> {
        match self.life.ended() {
            None => Ok(()),
            Some(_) => Err(self.life.gone()),
        }
    }

    /// Opens the files, changing no byte of them. The lock comes first, so that it goes last if this
    /// fails.
    pub(crate) fn open(&self, directory: DirectoryLock) -> Result<()> {
        let files = Files::open(self.storage.clone(), self.options.setup())?;
        self.take_in(&mut self.lock_main(), directory, files)
    }

    /// Lets changes through to the files, and makes durable what a process that ended without
    /// closing has left in the log. What it has left unfinished is removed.
    pub(crate) fn begin(&self) -> Result<()> {
        let mut main = self.lock_main();
        let main = main.as_mut().ok_or_else(|| self.life.gone())?;
        let mut writer = self.lock_log();
        let writer = writer.as_mut().ok_or_else(|| self.life.gone())?;
        Files::begin(&*self.storage, main, &mut writer.log)
    }

    /// Opens again what was suspended; what is open stays so.
    pub(crate) fn resume(&self) -> Result<()> {
        if self.at_work.is_own() {
            // Whoever suspends waits for this thread.
            return self.check_open();
        }
        let _transition = self.lock_transition();
        let mut main = self.lock_main();
        match self.life.ended() {
            None => return Ok(()),
            Some(End::Closed) => return Err(Error::closed()),
            Some(End::Suspended) => {}
        }
        self.storage.open_again();
        let resumed = self.open_again(&mut main);
        if resumed.is_err() {
            self.storage.shut();
        }
        resumed
    }

    fn open_again(&self, main: &mut Option<MainIndex>) -> Result<()> {
        let storage: Arc<dyn Storage> = self.storage.clone();
        let directory = Files::lock(&storage, &self.options)?;
        let mut files = Files::open(storage, self.options.setup())?;
        if self
            .identity
            .get()
            .is_some_and(|identity| *identity != files.main.identity())
        {
            let message = "there is another store where the suspended one was";
            return Err(Error::new(ErrorKind::NotAStore, message));
        }
        if !self.options.read_only {
            Files::begin(&*self.storage, &files.main, &mut files.log)?;
        }
        self.take_in(main, directory, files)
    }

    /// Makes everything durable and closes all files, merging nothing; what is suspended stays so.
    ///
    /// # Errors
    ///
    /// `Unavailable`, again and again, if the storage has failed and not everything may be durable.
    /// `Closed` once closed; `InvalidInput` if this thread is at work in the store: a callback of its
    /// progress has called. Else as [`close`](Self::close).
    pub(crate) fn suspend(&self) -> Result<()> {
        if self.at_work.is_own() {
            let problem = "is suspended from the progress of a call that is to end first";
            return Err(Error::invalid("store", problem));
        }
        match self.end(End::Suspended, Self::flush_if_written) {
            Ok(()) if self.life.ended() == Some(End::Closed) => Err(Error::closed()),
            ended => ended,
        }
    }

    /// Merges what is left, so that the next opening has nothing to replay, and ends all reading
    /// and writing. Closing again does nothing.
    pub(crate) fn close(&self) -> Result<()> {
        self.end(End::Closed, Self::finish)
    }

    fn end(
        &self,
        end: End,
        finish: impl FnOnce(&Self, &mut Option<MainIndex>) -> Result<()>,
    ) -> Result<()> {
        let _ending = self.life.ending(end);
        // Whoever is at work may wait for this thread, if that is too.
        let others = (!self.at_work.is_own()).then_some(&self.at_work);
        let _transition = others.map(|_| self.lock_transition());
        self.merges.join();
        others.inspect(|others| others.wait());
        let ended = self.end_opening(end, finish);
        // Those who have come meanwhile find that it has ended.
        self.merges.join();
        others.inspect(|others| others.wait());
        // A call of this thread still has its files to remove.
        others.inspect(|_| self.storage.shut());
        drop(self.lock_directory().take());
        ended
    }

    fn end_opening(
        &self,
        end: End,
        finish: impl FnOnce(&Self, &mut Option<MainIndex>) -> Result<()>,
    ) -> Result<()> {
        let mut main = self.lock_main();
        match (self.life.ended(), end) {
            (None, _) => {
                let finished = finish(self, &mut main);
                let ended = finished.and(self.close_files(end, &mut main));
                self.is_undurable.store(ended.is_err(), Ordering::Release);
                ended
            }
            (Some(End::Closed), _) => Ok(()),
            (Some(End::Suspended), _) => {
                self.life.end(end);
                self.check_durable()
            }
        }
    }

    /// # Errors
    ///
    /// `Unavailable` if the last opening ended so that not everything is known to be durable.
    fn check_durable(&self) -> Result<()> {
        match self.is_undurable.load(Ordering::Acquire) {
            false => Ok(()),
            true => Err(Error::new(
                ErrorKind::Unavailable,
                "whether all that was written before the store was suspended is durable is unknown",
            )),
        }
    }

    fn close_files(&self, end: End, main: &mut Option<MainIndex>) -> Result<()> {
        // From here on there are no commits, so that none is published behind the end.
        let writer = {
            let mut writer = self.lock_log();
            self.life.end(end);
            writer.take()
        };
        self.publish(None);
        self.holders.end();
        let log = match writer {
            Some(writer) if !self.options.read_only => writer.log.close(),
            _ => Ok(()),
        };
        let main = main.take().map_or(Ok(()), MainIndex::close);
        log.and(main)
    }

    /// Everything durable, and in the main index if it can be brought there.
    fn finish(&self, main: &mut Option<MainIndex>) -> Result<()> {
        if self.options.read_only {
            return Ok(());
        }
        self.recover_main(main)?;
        self.flush()?;
        self.merge_into(main).1
    }

    fn flush_if_written(&self, _: &mut Option<MainIndex>) -> Result<()> {
        match self.options.read_only {
            true => Ok(()),
            false => self.flush(),
        }
    }

    fn lock_transition(&self) -> MutexGuard<'_, ()> {
        self.transition
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lock_directory(&self) -> MutexGuard<'_, Option<DirectoryLock>> {
        self.directory
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
