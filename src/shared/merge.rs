//! Merges: the delta goes into the main index in one transaction, while commits go on.

use super::commit::outcome_told;
use super::{Shared, Writer};
use crate::delta::Delta;
use crate::error::{Error, ErrorKind, Result};
use crate::format::NewNames;
use crate::format::dictionary::MainState;
use crate::main_index::MainIndex;
use crate::view::View;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// How a store's last merge went: see [`Stats`](crate::Stats).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MergeStats {
    /// When it ended, by the store's clock.
    #[serde(with = "crate::time::text")]
    pub ended_at: DateTime<Utc>,
    /// How long it took, by the store's clock.
    pub milliseconds: i64,
    /// How many changed sessions it brought into the main index, or would have.
    pub session_count: u64,
    /// Why it failed, if it did: the sessions are still in the delta and in the log.
    pub error: Option<String>,
}

/// Bytes that the log may take for each session that may wait to be merged. Mostly a session takes a
/// third of that, but one can be started and removed again any number of times.
const LOG_BYTES_PER_SESSION: u64 = 256;

/// What a merge is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// That no write comes to wait for one: there is a quarter of what may wait.
    Ahead,
    /// That there is room for so many sessions more.
    RoomFor(usize),
    /// That nothing waits.
    All,
}

/// The merges of one store.
#[derive(Debug, Default)]
pub(super) struct Merges {
    background: Mutex<Background>,
    last: Mutex<Option<MergeStats>>,
    /// After one that failed, how many sessions are to wait before the next is started ahead.
    retry_at: AtomicU64,
}

/// The thread for merges, and for what the retention policy says.
#[derive(Debug, Default)]
struct Background {
    thread: Option<JoinHandle<()>>,
    /// What it is to look at again before it ends: it may have passed what has become due since.
    again: bool,
    /// It takes up nothing more.
    is_ending: bool,
}

impl Background {
    /// Whether what is due from now on is done by the thread there is.
    fn takes_up_more(&mut self) -> bool {
        // One that panicked, in a clock or a file system of the caller's, has said nothing.
        let is_there = |thread: &JoinHandle<()>| !self.is_ending && !thread.is_finished();
        self.again = self.thread.as_ref().is_some_and(is_there);
        self.again
    }

    /// Whether there is nothing for this thread to look at again, upon which it is to end.
    fn is_done(&mut self) -> bool {
        // With the opening that it was of; there may be another already.
        if !self.thread.as_ref().is_some_and(is_own) {
            return true;
        }
        self.is_ending = !mem::take(&mut self.again);
        self.is_ending
    }
}

impl Merges {
    /// Waits for the one in the background.
    pub(super) fn join(&self) {
        // It may itself have come to this: a clock is the caller's code.
        let thread = self.background().thread.take_if(|thread| !is_own(thread));
        if let Some(thread) = thread {
            // What it has to say is in the statistics.
            let _ = thread.join();
        }
    }

    fn background(&self) -> MutexGuard<'_, Background> {
        self.background
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn last(&self) -> MutexGuard<'_, Option<MergeStats>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, stats: MergeStats) {
        *self.last() = Some(stats);
    }
}

/// Whether this is the thread that asks.
fn is_own(thread: &JoinHandle<()>) -> bool {
    thread.thread().id() == thread::current().id()
}

/// What a merge takes, as it was when it began.
pub(super) struct Frozen {
    pub(super) view: Arc<View>,
    names: NewNames,
    /// The last commit in it.
    pub(super) through: u64,
}

impl Shared {
    /// How the last merge went.
    pub(crate) fn last_merge(&self) -> Option<MergeStats> {
        self.merges.last().clone()
    }

    /// Whether there is to be a merge.
    pub(super) fn is_due(&self, purpose: Purpose) -> Result<bool> {
        let sessions_max = self.options.delta_sessions_max as u64;
        let bytes_max = sessions_max.saturating_mul(LOG_BYTES_PER_SESSION);
        let sessions = self.view()?.delta.session_count();
        let bytes = self.unmerged_bytes.load(Ordering::Relaxed);
        Ok(match purpose {
            // One that fails has the main index opened again, which ends snapshots: not each time.
            Purpose::Ahead if sessions < self.merges.retry_at.load(Ordering::Relaxed) => false,
            Purpose::Ahead => sessions >= sessions_max.div_ceil(4) || bytes >= bytes_max / 4,
            Purpose::All => true,
            Purpose::RoomFor(more) => {
                let is_too_much = sessions.saturating_add(more as u64) > sessions_max;
                (sessions > 0 && is_too_much) || bytes >= bytes_max
            }
        })
    }

    /// Has a merge made on the thread for them, if one is due.
    pub(super) fn merge_in_background(self: &Arc<Self>) {
        // An error means that the store is being closed.
        if self.is_due(Purpose::Ahead).unwrap_or(false) {
            self.in_background();
        }
    }

    /// Has what is due done on the thread for it: by the one there is, or by a new one. Without any,
    /// the write that finds the delta full merges.
    pub(super) fn in_background(self: &Arc<Self>) {
        let mut background = self.merges.background();
        if background.takes_up_more() {
            return;
        }
        if let Some(ending) = background.thread.take() {
            // It holds nothing any more, and has nothing more to say.
            let _ = ending.join();
        }
        let shared = Arc::clone(self);
        let builder = thread::Builder::new().name("sessionlog-merge".to_owned());
        background.is_ending = false;
        background.thread = builder.spawn(move || shared.do_what_is_due()).ok();
    }

    /// The thread for merges: what is due when it looks is done, until nobody has asked since.
    fn do_what_is_due(self: &Arc<Self>) {
        loop {
            // Once the opening is about to end, nothing more is begun.
            if let Ok(_working) = self.work() {
                // A failure is kept in the statistics till a write finds the delta full.
                let _ = self.merge(Purpose::Ahead);
                self.retain_if_due();
            }
            if self.merges.background().is_done() {
                return;
            }
        }
    }

    /// Waits until so many sessions more may wait to be merged.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the merge fails that is to bring that about.
    pub(super) fn make_room(&self, sessions: usize) -> Result<()> {
        let purpose = Purpose::RoomFor(sessions);
        while self.is_due(purpose)? {
            self.merge(purpose).map_err(|error| match error.kind() {
                ErrorKind::Closed | ErrorKind::Suspended => error,
                kind => Error::new(
                    kind,
                    "this call has written nothing: what waits is to be merged first, and that fails",
                )
                .caused_by(error),
            })?;
        }
        Ok(())
    }

    /// Brings the delta into the main index, if that is still due once a merge that runs already
    /// has ended.
    pub(super) fn merge(&self, purpose: Purpose) -> Result<()> {
        // Asked where nothing is locked: a clock is the caller's code.
        let began = self.options.clock.now();
        // What they keep can be cleaned up then.
        self.holders.expire();
        let (session_count, merged) = {
            let mut main = self.lock_main();
            match self.recover_main(&mut main) {
                Ok(()) if self.is_due(purpose)? => self.merge_into(&mut main),
                Ok(()) => return Ok(()),
                Err(error) => (Some(0), Err(error)),
            }
        };
        let retry_at = match merged {
            Ok(()) => 0,
            Err(_) => {
                self.view()?.delta.session_count() + self.options.delta_sessions_max as u64 / 4
            }
        };
        self.merges.retry_at.store(retry_at, Ordering::Relaxed);
        if merged.is_ok() {
            self.retaining.merged();
        }
        if let Some(session_count) = session_count {
            let ended_at = self.options.clock.now();
            self.merges.note(MergeStats {
                ended_at,
                milliseconds: (ended_at - began).num_milliseconds(),
                session_count,
                error: merged.as_ref().err().map(Error::to_string),
            });
        }
        merged
    }

    /// Brings the delta into the main index, and answers how many sessions that concerned, if it
    /// came to it.
    pub(super) fn merge_into(&self, main: &mut Option<MainIndex>) -> (Option<u64>, Result<()>) {
        let frozen = match self.freeze() {
            Ok(Some(frozen)) => frozen,
            Ok(None) => return (None, Ok(())),
            Err(error) => return (None, Err(error)),
        };
        let merged = self.bring_frozen_in(main, &frozen);
        let thawed = self.thaw(main, frozen.through, merged);
        (Some(frozen.view.delta.session_count()), thawed)
    }

    pub(super) fn bring_frozen_in(
        &self,
        main: &Option<MainIndex>,
        Frozen {
            view,
            names,
            through,
        }: &Frozen,
    ) -> Result<()> {
        let names = (names, &NewNames::default());
        self.bring_in(main, &view.main.state(), &view.delta, names, *through)
    }

    /// Brings a delta with all of the log into the main index while nobody commits, with the names that
    /// are new in it and without those that are gone.
    ///
    /// # Errors
    ///
    /// As [`merged`](Self::merged); they say what was written.
    pub(super) fn merge_locked(
        &self,
        main: &mut Option<MainIndex>,
        writer: &mut Writer,
        (view, delta): (&View, &Delta),
        names: (&NewNames, &NewNames),
    ) -> Result<()> {
        let through = writer.log.last();
        let merged = self.bring_in(main, &view.main.state(), delta, names, through);
        let merged = self.merged(main, writer, through, merged);
        merged.map_err(|error| outcome_told(error, writer.doubt))
    }

    /// Has the main index take a delta: the one place that does, so that a copy in the making hears of
    /// each. What came of it [`merged`](Self::merged) has to find out.
    fn bring_in(
        &self,
        main: &Option<MainIndex>,
        base: &MainState,
        delta: &Delta,
        names: (&NewNames, &NewNames),
        through: u64,
    ) -> Result<()> {
        self.rewrites.merging(delta);
        let index = main.as_ref().ok_or_else(|| self.life.gone())?;
        index.merge(base, delta, names, through)
    }

    /// The delta as it is, unless there is nothing to merge; commits go on in a new one besides.
    pub(super) fn freeze(&self) -> Result<Option<Frozen>> {
        let mut writer = self.lock_log();
        let writer = writer.as_mut().ok_or_else(|| self.life.gone())?;
        writer.ready()?;
        if writer.log.is_merged() {
            return Ok(None);
        }
        let view = self.view()?;
        writer.since_freeze = Some(Delta::new(view.delta.ids()));
        writer.log.freeze();
        Ok(Some(Frozen {
            names: view.delta.names().rows(),
            view,
            through: writer.log.last(),
        }))
    }

    /// Publishes the merged state, or goes on with the delta as it was.
    pub(super) fn thaw(
        &self,
        main: &mut Option<MainIndex>,
        through: u64,
        merged: Result<()>,
    ) -> Result<()> {
        let mut writer = self.lock_log();
        let writer = writer.as_mut().ok_or_else(|| self.life.gone())?;
        self.merged(main, writer, through, merged)
    }
}
