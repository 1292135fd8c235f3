//! What all handles of a store share: the published state, the log that commits go to, and the main
//! index that merges go to.
//!
//! A commit holds the log's lock alone and a merge the main index's, so that commits go on while a
//! merge runs; a merge takes the log's only to freeze the delta and to publish what it has made.
//! Whoever needs both takes the main index's first. Readers take neither.

mod backup;
mod call;
mod commit;
mod erase;
mod files;
mod handover;
mod merge;
#[cfg(test)]
mod orders;
mod recovery;
mod retain;
mod rewrite;
mod sweep;
mod verify;

pub(crate) use commit::{nothing_more_written, unavailable_if_expired};
pub(crate) use files::Files;
pub use merge::MergeStats;
pub(crate) use rewrite::Rewrite;

use crate::delta::Delta;
use crate::error::{Error, ErrorKind, Result};
use crate::format::{Commit, Ids};
use crate::held::Holders;
use crate::log::Log;
use crate::main_index::MainIndex;
use crate::names::Names;
use crate::options::Options;
use crate::storage::Storage;
use crate::view::View;
use call::Call;
use commit::AtRisk;
use handover::Handover;
use merge::Merges;
use recovery::Doubt;
use retain::Retaining;
use rewrite::Rewrites;
use std::any::Any;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// An open store.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    storage: Arc<dyn Storage>,
    /// Whether the store has been closed: views outlive it, and must not answer then.
    closed: Arc<AtomicBool>,
    /// Whether it is about to be.
    is_closing: AtomicBool,
    /// What reads are answered from; `None` once closed.
    view: RwLock<Option<Arc<View>>>,
    /// `None` once closed, and while it cannot be opened again after a failure.
    main: Mutex<Option<MainIndex>>,
    log: Mutex<Option<Writer>>,
    /// Who commits next, and who waits for that.
    handover: Mutex<Handover<Call>>,
    merges: Merges,
    rewrites: Rewrites,
    retaining: Retaining,
    /// The views that are held.
    pub(crate) holders: Arc<Holders>,
    /// Whether the writer has a doubt.
    has_doubt: AtomicBool,
    log_bytes: AtomicU64,
    /// Those of them that are to be merged.
    unmerged_bytes: AtomicU64,
    /// Keeps the directory ours for as long as any file may be written: dropped last.
    directory: Mutex<Option<DirectoryLock>>,
}

/// See [`Storage::lock`](crate::storage::Storage::lock).
pub(crate) type DirectoryLock = Arc<dyn Any + Send + Sync>;

/// Effects of the log that are applied at a time when a store is opened.
const REPLAYED_AT_ONCE: usize = 10_000;

/// Where commits go.
#[derive(Debug)]
struct Writer {
    log: Log,
    /// While a merge runs: what was committed since it began, on top of what it merges.
    since_freeze: Option<Delta>,
    /// Commits that are not durable yet.
    at_risk: Option<AtRisk>,
    /// What is not known of a write to the main index that failed.
    doubt: Option<Doubt>,
}

impl Writer {
    /// Makes sure that the log holds what was committed and nothing else, whatever failed before.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the storage still fails.
    fn ready(&mut self) -> Result<()> {
        if self.doubt.is_some() {
            return Err(Error::new(
                ErrorKind::Unavailable,
                "what became of a write that failed cannot be found out yet",
            ));
        }
        self.log.settle().map_err(|error| {
            let message = "what an earlier write that failed has left cannot be cleaned up yet";
            Error::new(error.kind(), message).caused_by(error)
        })
    }
}

impl Shared {
    /// Brings the parts together: the log's commits become the delta. No file is changed yet.
    ///
    /// The lock comes first, so that it goes last if this fails.
    pub(crate) fn open(
        directory: DirectoryLock,
        options: Options,
        Files {
            storage,
            main,
            reader,
            log,
            commits,
        }: Files,
    ) -> Result<Arc<Self>> {
        let delta = replayed(reader.state().ids, &commits)?;
        let names = Arc::new(Names::new(options.names_cache_bytes));
        let holders = Holders::new(options.snapshot_age_max, Arc::clone(&options.clock));
        let closed = Arc::new(AtomicBool::new(false));
        let log_bytes = AtomicU64::new(log.bytes());
        let unmerged_bytes = AtomicU64::new(log.unmerged_bytes());
        let view = View::new(Arc::new(reader), delta, names, Arc::clone(&closed));
        Ok(Arc::new(Self {
            options,
            storage,
            closed,
            view: RwLock::new(Some(Arc::new(view))),
            main: Mutex::new(Some(main)),
            log: Mutex::new(Some(Writer {
                log,
                since_freeze: None,
                at_risk: None,
                doubt: None,
            })),
            handover: Mutex::default(),
            merges: Merges::default(),
            rewrites: Rewrites::default(),
            retaining: Retaining::default(),
            is_closing: AtomicBool::new(false),
            holders: Arc::new(holders),
            has_doubt: AtomicBool::new(false),
            log_bytes,
            unmerged_bytes,
            directory: Mutex::new(Some(directory)),
        }))
    }

    /// Lets changes through to the files, and makes durable what a process that ended without
    /// closing has left in the log. What it has left unfinished is removed.
    pub(crate) fn begin(&self) -> Result<()> {
        Files::clean_up(&*self.storage)?;
        self.lock_main()
            .as_ref()
            .ok_or_else(Error::closed)?
            .release()?;
        self.flush()
    }

    /// # Errors
    ///
    /// `InvalidInput` if the store is only read.
    fn check_writable(&self) -> Result<()> {
        match self.options.read_only {
            true => Err(Error::invalid(
                "read_only",
                "is set: the store cannot be written",
            )),
            false => Ok(()),
        }
    }

    fn lock_log(&self) -> MutexGuard<'_, Option<Writer>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_main(&self) -> MutexGuard<'_, Option<MainIndex>> {
        self.main.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state after the last commit.
    pub(crate) fn view(&self) -> Result<Arc<View>> {
        let view = self.view.read().unwrap_or_else(PoisonError::into_inner);
        view.as_ref().map(Arc::clone).ok_or_else(Error::closed)
    }

    /// Takes note of how large the log is.
    fn measure(&self, log: &Log) {
        self.log_bytes.store(log.bytes(), Ordering::Relaxed);
        let unmerged = log.unmerged_bytes();
        self.unmerged_bytes.store(unmerged, Ordering::Relaxed);
    }

    /// The bytes of the log's files, without waiting for a commit.
    pub(crate) fn log_bytes(&self) -> u64 {
        self.log_bytes.load(Ordering::Relaxed)
    }

    /// Replaces the state that is read. The old one is dropped where no lock is held.
    fn publish(&self, new: Option<Arc<View>>) {
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *view, new);
        drop(view);
        drop(old);
    }

    /// Merges what is left, so that the next opening has nothing to replay, and ends all reading
    /// and writing. Closing again does nothing.
    pub(crate) fn close(self: &Arc<Self>) -> Result<()> {
        self.is_closing.store(true, Ordering::Release);
        self.merges.join();
        self.rewrites.wait();
        let closed = {
            let mut main = self.lock_main();
            match self.closed.load(Ordering::Acquire) {
                true => Ok(()),
                false => self.close_files(&mut main),
            }
        };
        // A commit beside this may have started another, which finds the store closed.
        self.merges.join();
        closed
    }

    fn close_files(&self, main: &mut Option<MainIndex>) -> Result<()> {
        let finished = match self.options.read_only {
            true => Ok(()),
            false => self.finish(main),
        };
        // From here on there are no commits, so that none is published behind the end.
        let writer = self.lock_log().take();
        self.closed.store(true, Ordering::Release);
        self.publish(None);
        let log = match writer {
            Some(writer) if !self.options.read_only => writer.log.close(),
            _ => Ok(()),
        };
        let main = main.take().map_or(Ok(()), MainIndex::close);
        let mut directory = self
            .directory
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        drop(directory.take());
        finished.and(log).and(main)
    }

    /// Everything durable, and in the main index if it can be brought there.
    fn finish(&self, main: &mut Option<MainIndex>) -> Result<()> {
        self.recover_main(main)?;
        self.flush()?;
        self.merge_into(main).1
    }
}

/// What commits make on top of a main index in which these ids are free.
fn replayed(ids: Ids, commits: &[Commit]) -> Result<Delta> {
    let mut delta = Delta::new(ids);
    let mut rest = commits;
    while !rest.is_empty() {
        let group;
        (group, rest) = rest.split_at(replayed_at_once(rest));
        delta.apply(group)?;
    }
    Ok(delta)
}

/// How many commits make a group to be replayed together.
fn replayed_at_once(commits: &[Commit]) -> usize {
    let mut effects = 0;
    let fitting = commits.iter().take_while(|commit| {
        let fits = effects < REPLAYED_AT_ONCE;
        effects += commit.effects.len();
        fits
    });
    fitting.count()
}
