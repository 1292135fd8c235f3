//! Long calls that keep a store in order.

use super::Store;
use crate::error::Result;
use crate::query::EndedOpen;
use crate::retention::{
    Compacted, Erased, Erasure, OpenSessions, Pruned, RetainedMax, Rule, StaleEnd,
};
use crate::shared::Rewrite;
use crate::verify::{Progress, Verification};
use chrono::{DateTime, TimeDelta, Utc};
use std::ops::ControlFlow;
use uuid::Uuid;

/// Keeping a store in order, while others read and write it.
impl Store {
    /// Checks the whole store: every page of its file, every row of every table, every table against
    /// every other, and the log against what was committed.
    ///
    /// `progress` is told how far it has come, now and then, once the file was read. Reads go on, and
    /// so do commits; but merges wait while the file is read, and with them what waits for a merge.
    /// The state that is checked is kept from being cleaned up meanwhile. Memory is bounded by the
    /// number of names and clients, a few bytes each. What the check finds it leaves as it is; but if
    /// pages of the file are damaged, nothing more is merged into it, and commits stay in the log.
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
    /// that was passed already is left to the next call. Names stay in the dictionary until the store is
    /// [compacted](Store::compact).
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
        mut progress: impl FnMut(Progress),
    ) -> Result<Pruned> {
        self.shared().prune(older_than, open, &mut |done, total| {
            going_on(&mut progress, done, total)
        })
    }

    /// Removes sessions from the oldest start on until the store holds no more than it may; those
    /// that are open stay, and so may be too many. Names stay too, and take bytes that no session
    /// gives back before the store is [compacted](Store::compact). As [`Store::prune`] in all else.
    ///
    /// # Errors
    ///
    /// As [`Store::append`].
    pub fn retain_at_most(
        &self,
        max: RetainedMax,
        mut progress: impl FnMut(Progress),
    ) -> Result<Pruned> {
        self.shared()
            .retain_at_most(max, &mut |done, total| going_on(&mut progress, done, total))
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
        mut progress: impl FnMut(Progress),
    ) -> Result<EndedOpen> {
        let rule = Rule::end_stale(started_before, end)?;
        let swept = self.shared().sweep(&rule, &mut |done, total| {
            going_on(&mut progress, done, total)
        })?;
        Ok(EndedOpen {
            ended: swept.changed,
            left_open: swept.spared,
        })
    }

    /// Removes every session of a user, every name of the user, and the clients that no session has
    /// then, from the records, the dictionary and the log. With [`Erasure::Secure`] the store is then
    /// written anew, so that no file of it has a byte of them left.
    ///
    /// Sessions go some thousand to a commit, as in [`Store::prune`]; the names go in one commit that
    /// others wait for, with what of the user was appended meanwhile; it waits for a call of
    /// [`Store::compact`] that runs, from whose progress it is refused. An interrupted call can be
    /// repeated. Sessions that are appended later are there. `progress` is told of both parts, one
    /// after the other.
    ///
    /// What it cannot reach: backups and exports, snapshots while they live, what the process has in
    /// memory, and what the medium keeps of blocks that files have given back.
    ///
    /// # Errors
    ///
    /// As [`Store::append`] and [`Store::compact`].
    ///
    /// ```
    /// # use sessionlog::{Erasure, Query, Store};
    /// # use uuid::Uuid;
    /// let store = Store::in_memory()?;
    /// store.start(Uuid::from_u128(7), "Ann", "PDA-01")?;
    /// let erased = store.erase_user(Uuid::from_u128(7), Erasure::Secure, |_| ())?;
    /// assert_eq!((erased.session_count, erased.client_count), (1, 1));
    /// assert_eq!(store.count(&Query::all())?, 0);
    /// # Ok::<(), sessionlog::Error>(())
    /// ```
    pub fn erase_user(
        &self,
        user_refer_uid: Uuid,
        erasure: Erasure,
        mut progress: impl FnMut(Progress),
    ) -> Result<Erased> {
        self.shared()
            .erase(user_refer_uid, erasure, &mut |done, total| {
                progress(Progress { done, total })
            })
    }

    /// Makes the file of the main index as small as what it holds, and drops users, names and clients
    /// that no session has any more.
    ///
    /// A copy is made beside the file, which takes as much room again for a while, and takes its place
    /// once it has caught up with what was written meanwhile; if it would not be smaller, the file
    /// stays. Reads, commits and merges go on; merges wait at the end, for as long as the copy takes to
    /// catch up with the last. What is written meanwhile lets the copy grow as it does any file. Memory
    /// is bounded by twice the cache, 40 MB, a few bytes for each name and client that was ever given
    /// an id, and some tens of bytes for each session that merges change meanwhile. A crash leaves the
    /// store as it was or compacted. Snapshots go on reading the old file, whose room is free once the
    /// last of them is dropped.
    ///
    /// # Errors
    ///
    /// `Corrupted` if anything is damaged; `InvalidInput` if the store is read-only, or this is called
    /// from the progress of such a call; `Closed` if the store is closed meanwhile; `Unavailable` if
    /// the storage fails. What the store holds is as it was.
    ///
    /// ```
    /// # use sessionlog::Store;
    /// # let store = Store::in_memory()?;
    /// let compacted = store.compact(|_| ())?;
    /// assert!(compacted.file_bytes <= compacted.file_bytes_before);
    /// # Ok::<(), sessionlog::Error>(())
    /// ```
    pub fn compact(&self, progress: impl FnMut(Progress)) -> Result<Compacted> {
        self.rewrite(Rewrite::Smaller, progress)
    }

    /// Makes the main index anew from the records alone: where [`Store::verify`] finds that
    /// indexes are wrong or cannot be read, and the records can.
    ///
    /// The records are the family of all sessions, and the names and clients by their ids. As
    /// [`Store::compact`] in all else, but that it takes longer, and that merges which damage keeps
    /// from being done are done afterwards.
    ///
    /// # Errors
    ///
    /// `Corrupted` if a record is damaged: then [`Store::salvage`] gets out what can be read. Else as
    /// [`Store::compact`].
    pub fn rebuild(&self, progress: impl FnMut(Progress)) -> Result<Compacted> {
        self.rewrite(Rewrite::FromRecords, progress)
    }

    fn rewrite(&self, what: Rewrite, mut progress: impl FnMut(Progress)) -> Result<Compacted> {
        let file_bytes_before = self.stats()?.file_bytes;
        self.shared()
            .rewrite(what, &mut |done, total| progress(Progress { done, total }))?;
        Ok(Compacted {
            file_bytes_before,
            file_bytes: self.stats()?.file_bytes,
        })
    }
}

/// Tells of a sweep, which is to go on.
fn going_on(progress: &mut impl FnMut(Progress), done: u64, total: u64) -> ControlFlow<()> {
    progress(Progress { done, total });
    ControlFlow::Continue(())
}
