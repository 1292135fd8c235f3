//! What all handles of a store share: the published state, the log that commits go to, and the main
//! index that merges go to.
//!
//! A commit holds the log's lock alone and a merge the main index's, so that commits go on while a
//! merge runs; a merge takes the log's only to freeze the delta and to publish what it has made.
//! Whoever needs both takes the main index's first. Readers take neither.

mod backup;
mod call;
mod commit;
mod ending;
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
pub(crate) use ending::Working;
pub(crate) use files::Files;
pub use merge::MergeStats;
pub(crate) use rewrite::Rewrite;

use crate::delta::Delta;
use crate::error::{Error, ErrorKind, Result};
use crate::format::dictionary::Identity;
use crate::format::{Commit, Ids};
use crate::held::Holders;
use crate::life::Life;
use crate::log::Log;
use crate::main_index::MainIndex;
use crate::names::Names;
use crate::options::Options;
use crate::storage::{Gate, Storage};
use crate::view::View;
use call::Call;
use commit::AtRisk;
use ending::AtWork;
use handover::Handover;
use merge::Merges;
use recovery::Doubt;
use retain::Retaining;
use rewrite::Rewrites;
use std::any::Any;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

/// A store, open or not.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    storage: Arc<Gate>,
    life: Arc<Life>,
    /// Held by whoever suspends, resumes or closes.
    transition: Mutex<()>,
    /// Of what store the files are, once they were opened.
    identity: OnceLock<Identity>,
    /// Whether not everything may have become durable when the last opening ended.
    is_undurable: AtomicBool,
    /// What reads are answered from; `None` unless the store is open.
    view: RwLock<Option<Arc<View>>>,
    /// `None` unless the store is open, and while it cannot be opened again after a failure.
    main: Mutex<Option<MainIndex>>,
    log: Mutex<Option<Writer>>,
    /// Who commits next, and who waits for that.
    handover: Mutex<Handover<Call>>,
    merges: Merges,
    rewrites: Rewrites,
    at_work: AtWork,
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
    fn new(log: Log) -> Self {
        Self {
            log,
            since_freeze: None,
            at_risk: None,
            doubt: None,
        }
    }

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
    /// A store that has no file open yet.
    pub(crate) fn new(storage: Arc<dyn Storage>, options: Options) -> Arc<Self> {
        let holders = Holders::new(options.snapshot_age_max, Arc::clone(&options.clock));
        Arc::new(Self {
            options,
            storage: Arc::new(Gate::new(storage)),
            life: Life::new(),
            transition: Mutex::default(),
            identity: OnceLock::new(),
            is_undurable: AtomicBool::new(false),
            view: RwLock::default(),
            main: Mutex::default(),
            log: Mutex::default(),
            handover: Mutex::default(),
            merges: Merges::default(),
            rewrites: Rewrites::default(),
            at_work: AtWork::default(),
            retaining: Retaining::default(),
            holders: Arc::new(holders),
            has_doubt: AtomicBool::new(false),
            log_bytes: AtomicU64::new(0),
            unmerged_bytes: AtomicU64::new(0),
            directory: Mutex::default(),
        })
    }

    /// Brings the parts together: the log's commits become the delta.
    fn take_in(
        &self,
        main: &mut Option<MainIndex>,
        directory: DirectoryLock,
        files: Files,
    ) -> Result<()> {
        let delta = replayed(files.reader.state().ids, &files.commits)?;
        let names = Arc::new(Names::new(self.options.names_cache_bytes));
        let mut writer = self.lock_log();
        self.identity.get_or_init(|| files.main.identity());
        *self.lock_directory() = Some(directory);
        *main = Some(files.main);
        let log = &writer.insert(Writer::new(files.log)).log;
        self.measure(log);
        self.has_doubt.store(false, Ordering::Release);
        let view = View::new(Arc::new(files.reader), delta, names, self.life.begin());
        self.publish(Some(Arc::new(view)));
        Ok(())
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
        let view = view.as_ref().map(Arc::clone);
        view.ok_or_else(|| self.life.gone())
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
