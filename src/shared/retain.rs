//! What is removed because of age or number, when asked for and as merges go on.

use super::Shared;
use super::commit::resolved;
use crate::error::{Error, ErrorKind, Result};
use crate::family::Family;
use crate::format::Commit;
use crate::options::Merge;
use crate::query::Query;
use crate::resolve::Swept;
use crate::retention::{OpenSessions, Pruned, RetainedMax, Retention, RetentionStats, Rule};
use crate::view::View;
use chrono::TimeDelta;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Told how far a sweep has come, of how much, and whether it is to go on.
type Progress<'p> = &'p mut dyn FnMut(u64, u64) -> ControlFlow<()>;

/// However few merges there are, the policy is kept by a write after so long.
const KEPT_EVERY: TimeDelta = TimeDelta::hours(1);

/// The policy of one store at work.
#[derive(Debug, Default)]
pub(super) struct Retaining {
    /// Whether there was a merge since it last ended.
    is_due: AtomicBool,
    is_running: AtomicBool,
    last: Mutex<Option<RetentionStats>>,
}

impl Retaining {
    /// There was a merge.
    pub(super) fn merged(&self) {
        self.is_due.store(true, Ordering::Release);
    }

    fn last(&self) -> MutexGuard<'_, Option<RetentionStats>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a run when dropped.
struct Running<'r>(&'r Retaining);

impl<'r> Running<'r> {
    /// `None` if one runs already: it has come to this by its own writes.
    fn begin(retaining: &'r Retaining) -> Option<Self> {
        let was_running = retaining.is_running.swap(true, Ordering::AcqRel);
        (!was_running).then_some(Self(retaining))
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.is_running.store(false, Ordering::Release);
    }
}

impl Shared {
    /// Removes the sessions that ended longer than that ago.
    pub(crate) fn prune(
        self: &Arc<Self>,
        older_than: TimeDelta,
        open: OpenSessions,
        progress: Progress<'_>,
    ) -> Result<Pruned> {
        let now = self.options.clock.now();
        let swept = self.sweep(&Rule::prune(older_than, open, now)?, progress)?;
        self.pruned(&swept)
    }

    /// Removes sessions, oldest first, until no more are left than there may be.
    pub(crate) fn retain_at_most(
        self: &Arc<Self>,
        max: RetainedMax,
        progress: Progress<'_>,
    ) -> Result<Pruned> {
        let sessions = match max {
            RetainedMax::Sessions(sessions) => sessions,
            RetainedMax::LiveBytes(bytes) => self.sessions_in(bytes)?,
        };
        let swept = self.sweep(&Rule::retain_at_most(sessions), progress)?;
        self.pruned(&swept)
    }

    /// How many sessions take so many bytes, at the average of those in the main index. Names do not
    /// count: what sessions do not give back when they go would have ever more of them go.
    fn sessions_in(&self, bytes: u64) -> Result<u64> {
        let view = self.readable_view()?;
        let merged = view.main.session_count();
        let of_names = view.read(|view| view.main.dictionary_bytes())?;
        let of_sessions = view.main.state().live_bytes.saturating_sub(of_names);
        if of_sessions <= bytes || merged == 0 {
            // Without sessions there is no average.
            return Ok(u64::MAX);
        }
        let sessions = u128::from(merged) * u128::from(bytes) / u128::from(of_sessions);
        Ok(u64::try_from(sessions).unwrap_or(u64::MAX))
    }

    fn pruned(&self, swept: &Swept) -> Result<Pruned> {
        let oldest = self.readable_view()?.read(|view| {
            let oldest = view.answer(&Query::all())?.entries(0, 1)?;
            Ok(oldest.first().map(|entry| entry.start.to_utc()))
        })?;
        Ok(Pruned {
            removed: swept.changed,
            kept_open: swept.spared,
            oldest_left: oldest,
        })
    }

    /// How the policy last went.
    pub(crate) fn last_retention(&self) -> Option<RetentionStats> {
        self.retaining.last().clone()
    }

    /// What a state that is about to be committed has more sessions than the policy lets it have: a
    /// commit that removes the oldest of those that have ended, up to so many.
    pub(super) fn beyond_policy(&self, view: &View, changed: usize) -> Result<Option<Commit>> {
        let Some(max) = self
            .options
            .retention
            .and_then(|policy| policy.sessions_max)
        else {
            return Ok(None);
        };
        // What was there before the policy goes some at a time.
        let removable = changed.saturating_add(self.swept_at_once()) as u64;
        let ((), commit) = resolved(view, |resolver| {
            let beyond = view.len(Family::ALL)?.saturating_sub(max);
            resolver.remove_oldest_ended(beyond.min(removable))
        })?;
        Ok(commit)
    }

    /// Removes the sessions that a write past the log has left too many, by commits of their own.
    pub(super) fn remove_beyond_policy(self: &Arc<Self>) {
        let policy = self.options.retention;
        let Some(max) = policy.and_then(|policy| policy.sessions_max) else {
            return;
        };
        let rule = Rule::retain_at_most(max);
        if self
            .sweep(&rule, &mut |_, _| ControlFlow::Continue(()))
            .is_err()
        {
            self.retain_soon();
        }
    }

    /// The policy is to be kept after the next write, and what comes of it told.
    pub(super) fn retain_soon(&self) {
        self.retaining.merged();
    }

    /// As [`retain_if_due`](Self::retain_if_due), after a write: on the thread of merges, unless there
    /// is to be none.
    pub(super) fn retain_after_write(self: &Arc<Self>) {
        if !self.is_retention_due() {
            return;
        }
        match self.options.merge {
            Merge::Inline => self.retain_if_due(),
            Merge::Background => self.in_background(),
        }
    }

    /// Whether there was a merge since the policy was last kept, or that is long ago, or never was.
    fn is_retention_due(&self) -> bool {
        if self.options.retention.is_none() || self.retaining.is_running.load(Ordering::Acquire) {
            return false;
        }
        if self.retaining.is_due.load(Ordering::Acquire) {
            return true;
        }
        let last = self.retaining.last().as_ref().map(|last| last.ended_at);
        // A clock that was set back says nothing.
        let is_recent = |past: TimeDelta| past >= TimeDelta::zero() && past < KEPT_EVERY;
        last.is_none_or(|last| !is_recent(self.options.clock.now() - last))
    }

    /// Does what the policy says, if that is due. What comes of it is in the statistics.
    pub(super) fn retain_if_due(self: &Arc<Self>) {
        let Some(policy) = self.options.retention.filter(|_| self.is_retention_due()) else {
            return;
        };
        let Some(_running) = Running::begin(&self.retaining) else {
            return;
        };
        let done = self.retain(&policy);
        let is_suspended = |error: &Error| error.kind() == ErrorKind::Suspended;
        if self.life.is_ending() || done.as_ref().is_err_and(is_suspended) {
            // Cut short: it is still to be done in the next opening.
            return self.retain_soon();
        }
        // What it has merged itself does not count.
        self.retaining.is_due.store(false, Ordering::Release);
        let ended_at = self.options.clock.now();
        let error = done.as_ref().err().map(Error::to_string);
        *self.retaining.last() = Some(RetentionStats {
            ended_at,
            pruned: done.unwrap_or_default(),
            error,
        });
    }

    fn retain(self: &Arc<Self>, policy: &Retention) -> Result<Pruned> {
        // Ending the opening does not wait for more than a commit of it.
        let is_ending = || self.life.is_ending();
        let progress: Progress<'_> = &mut |_, _| match is_ending() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        };
        let mut all = Pruned::default();
        if let Some(older_than) = policy.older_than {
            all = self.prune(older_than, policy.open, progress)?;
        }
        for max in policy.at_most() {
            if is_ending() {
                break;
            }
            let pruned = self.retain_at_most(max, progress)?;
            all = Pruned {
                removed: all.removed + pruned.removed,
                kept_open: all.kept_open.max(pruned.kept_open),
                ..pruned
            };
        }
        Ok(all)
    }
}
