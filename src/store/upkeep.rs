//! Long calls that keep a store in order.

use super::Store;
use crate::cursor::Cursor;
use crate::error::Result;
use crate::query::{EndedOpen, Query};
use crate::resolve::Swept;
use crate::retention::{OpenSessions, Pruned, RetainedMax, Rule, StaleEnd};
use crate::verify::{Progress, Verification};
use chrono::{DateTime, TimeDelta, Utc};

/// Sessions that one commit of a sweep looks at.
const SWEPT_AT_ONCE: usize = 4_096;

/// Keeping a store in order, while others read and write it.
impl Store {
    /// Checks the whole store: every page of its file, every row of every table, every table against
    /// every other, and the log against what was committed.
    ///
    /// `progress` is told how far it has come, now and then, once the file was read. Reads go on, and
    /// so do commits; but merges wait while the file is read, and with them what waits for a merge.
    /// The state that is checked is kept from being cleaned up meanwhile. Memory is bounded by the
    /// number of names and clients, a few bytes each. What the check finds it leaves as it is.
    ///
    /// # Errors
    ///
    /// None for what is damaged: that is the answer. `Unavailable` if the storage fails meanwhile,
    /// here or in another call, `Closed` once closed.
    ///
    /// ```
    /// # use sessionlog::Store;
    /// # let store = Store::in_memory()?;
    /// let verification = store.verify(|_| ())?;
    /// assert!(verification.is_sound());
    /// # Ok::<(), sessionlog::Error>(())
    /// ```
    pub fn verify(&self, mut progress: impl FnMut(Progress)) -> Result<Verification> {
        self.shared()
            .verify(&mut |done, total| progress(Progress { done, total }))
    }

    /// Removes the sessions that ended longer than `older_than` ago, by the store's clock.
    ///
    /// Sessions are gone through from the oldest start on, up to those that started within that
    /// time, some thousand to a commit: what a failure or a crash leaves is pruned in part, and
    /// repeating the call goes on. Writers and readers go on meanwhile; what is appended with a start
    /// that was passed already is left to the next call. Names stay in the dictionary.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if `older_than` is not positive. Else as [`Store::append`].
    ///
    /// ```
    /// # use sessionlog::{OpenSessions, Store};
    /// # use chrono::TimeDelta;
    /// # let store = Store::in_memory()?;
    /// let pruned = store.prune(TimeDelta::days(90), OpenSessions::Keep, |_| ())?;
    /// assert_eq!(pruned.removed, 0);
    /// # Ok::<(), sessionlog::Error>(())
    /// ```
    pub fn prune(
        &self,
        older_than: TimeDelta,
        open: OpenSessions,
        progress: impl FnMut(Progress),
    ) -> Result<Pruned> {
        let now = self.shared().options.clock.now();
        self.remove_by(&Rule::prune(older_than, open, now)?, progress)
    }

    /// Removes sessions from the oldest start on until the store holds no more than it may; those
    /// that are open stay, and so may be too many. Names stay too, and take bytes that no session
    /// gives back. As [`Store::prune`] in all else.
    ///
    /// # Errors
    ///
    /// As [`Store::append`].
    pub fn retain_at_most(
        &self,
        max: RetainedMax,
        progress: impl FnMut(Progress),
    ) -> Result<Pruned> {
        let sessions = match max {
            RetainedMax::Sessions(sessions) => sessions,
            RetainedMax::LiveBytes(bytes) => self.sessions_in(bytes)?,
        };
        self.remove_by(&Rule::retain_at_most(sessions), progress)
    }

    /// How many sessions are left once those are gone that take what is too much of live bytes.
    fn sessions_in(&self, bytes: u64) -> Result<u64> {
        let stats = self.stats()?;
        let merged = self.shared().view()?.main.session_count();
        let too_much = u128::from(stats.live_bytes.saturating_sub(bytes));
        // What waits to be merged has no part in the bytes, and without sessions there is no rate.
        let gone = (too_much * u128::from(merged)).checked_div(u128::from(stats.live_bytes));
        let gone = gone.map_or(0, |gone| u64::try_from(gone).unwrap_or(u64::MAX));
        Ok(stats.session_count.saturating_sub(gone))
    }

    /// Ends the open sessions that started before `started_before`: those whose users or devices
    /// never told of the end. Sessions that cannot have the end, since it would lie before their
    /// start or beyond the range of times, stay open and are counted. Repeating the call changes
    /// nothing more. As [`Store::prune`] in all else.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the end is out of range, or a length not positive. Else as
    /// [`Store::append`].
    ///
    /// ```
    /// # use sessionlog::{StaleEnd, Store};
    /// # use chrono::TimeDelta;
    /// # let store = Store::in_memory()?;
    /// let limit = "2026-11-01T00:00:00Z".parse().unwrap();
    /// let ended = store.end_stale(limit, StaleEnd::AfterStart(TimeDelta::hours(8)), |_| ())?;
    /// assert_eq!(ended.ended, 0);
    /// # Ok::<(), sessionlog::Error>(())
    /// ```
    pub fn end_stale(
        &self,
        started_before: DateTime<Utc>,
        end: StaleEnd,
        progress: impl FnMut(Progress),
    ) -> Result<EndedOpen> {
        let swept = self.sweep(&Rule::end_stale(started_before, end)?, progress)?;
        Ok(EndedOpen {
            ended: swept.changed,
            left_open: swept.spared,
        })
    }

    fn remove_by(&self, rule: &Rule, progress: impl FnMut(Progress)) -> Result<Pruned> {
        let swept = self.sweep(rule, progress)?;
        let all = Query::all();
        let oldest = self.page_after(&all, &Cursor::start(&all), 1)?;
        Ok(Pruned {
            removed: swept.changed,
            kept_open: swept.spared,
            oldest_left: oldest.entries.first().map(|log| log.session_start),
        })
    }

    /// Does what a rule says to all sessions that match, some at a time.
    fn sweep(&self, rule: &Rule, mut progress: impl FnMut(Progress)) -> Result<Swept> {
        let at_once = SWEPT_AT_ONCE.min(self.shared().options.delta_sessions_max);
        let mut all = Swept::default();
        let mut done = 0;
        loop {
            let (rule, after) = (rule.clone(), all.last);
            let swept = self.shared().write(at_once, move |resolver| {
                resolver.sweep(&rule, after, at_once as u64)
            })?;
            all.changed += swept.changed;
            all.spared += swept.spared;
            all.last = swept.last.or(all.last);
            done += swept.looked_at;
            let total = done + swept.left;
            progress(Progress { done, total });
            if swept.left == 0 || swept.looked_at == 0 {
                return Ok(all);
            }
        }
    }
}
