//! Which sessions are removed or ended because of their age or number.

use crate::error::{Error, Result};
use crate::query::Query;
use crate::session;
use crate::time::{self, Ticks};
use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What becomes of sessions that are old enough to be removed but have not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum OpenSessions {
    /// They stay, and are counted.
    #[default]
    Keep,
    /// They are removed: what counts as their age is then that of their start.
    Remove,
}

/// How much a store may hold: see [`Store::retain_at_most`](crate::Store::retain_at_most).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RetainedMax {
    /// So many sessions.
    Sessions(u64),
    /// So many sessions as take about as many of the store's
    /// [`live_bytes`](crate::Stats::live_bytes), at the average of those in the main index. The bytes
    /// of users, names and clients do not count.
    LiveBytes(u64),
}

/// What a store removes by itself: see [`Options::retention`](crate::Options::retention). Nothing by
/// default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Retention {
    /// Sessions that ended longer ago than this, as [`Store::prune`](crate::Store::prune) does.
    pub older_than: Option<TimeDelta>,
    /// What becomes of those that started as long ago and are open.
    pub open: OpenSessions,
    /// Sessions beyond so many: each write that would leave more of them removes those that ended, from
    /// the oldest start on, in the same durable write, be it what it has just added. Those that are open stay,
    /// and so may be more. A batch that is [too large](crate::Options::delta_sessions_max) to wait in
    /// memory is followed by commits that remove them, before it is answered.
    pub sessions_max: Option<u64>,
    /// Sessions beyond those that take so many bytes, as
    /// [`Store::retain_at_most`](crate::Store::retain_at_most) does with
    /// [`RetainedMax::LiveBytes`].
    pub live_bytes_max: Option<u64>,
}

impl Retention {
    /// How much the store may hold, by each of the measures that are set.
    pub(crate) fn at_most(&self) -> impl Iterator<Item = RetainedMax> + use<> {
        let sessions = self.sessions_max.map(RetainedMax::Sessions);
        let bytes = self.live_bytes_max.map(RetainedMax::LiveBytes);
        sessions.into_iter().chain(bytes)
    }

    /// # Errors
    ///
    /// `InvalidInput` for an age that is not positive.
    pub(crate) fn check(&self) -> Result<()> {
        let checked = self.older_than.map(|age| check_length("older_than", age));
        checked.unwrap_or(Ok(()))
    }
}

/// How a store's [`Retention`] was last done: see [`Stats`](crate::Stats).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RetentionStats {
    /// When that ended, by the store's clock.
    #[serde(with = "time::text")]
    pub ended_at: DateTime<Utc>,
    /// What it did; nothing if it failed, whatever of it was done before.
    pub pruned: Pruned,
    /// Why it failed, if it did: the next merge brings the next attempt.
    pub error: Option<String>,
}

/// Which end stale sessions get: see [`Store::end_stale`](crate::Store::end_stale).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StaleEnd {
    /// This instant.
    At(DateTime<Utc>),
    /// So long after the start of each.
    AfterStart(TimeDelta),
}

/// What [`Store::prune`](crate::Store::prune) or
/// [`Store::retain_at_most`](crate::Store::retain_at_most) did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Pruned {
    /// Sessions that were removed.
    pub removed: u64,
    /// Sessions that were old enough, or older than the last that was removed, and stay because they
    /// have no end.
    pub kept_open: u64,
    /// When the oldest session that is left started; `None` if none is left.
    #[serde(with = "time::text_option")]
    pub oldest_left: Option<DateTime<Utc>>,
}

/// How thoroughly a user is erased: see [`Store::erase_user`](crate::Store::erase_user).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Erasure {
    /// No call can bring anything of it back. Bytes of it may remain where the store's files have
    /// room that is free.
    #[default]
    Logical,
    /// And no file of the store has any byte of it.
    Secure,
}

/// What [`Store::erase_user`](crate::Store::erase_user) did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Erased {
    /// Sessions that were removed.
    pub session_count: u64,
    /// Names of the user that were.
    pub user_name_count: u64,
    /// Clients that were, since no session has them any more.
    pub client_count: u64,
    /// Whether the files were written anew, so that no byte of it is left in them.
    pub is_secure: bool,
    /// Snapshots and iterators that still see what was there when they were taken, and keep it on the
    /// storage until they are dropped. Backups and exports are out of the store's reach too.
    pub snapshot_count: u64,
}

/// What [`Store::compact`](crate::Store::compact) or [`Store::rebuild`](crate::Store::rebuild) did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Compacted {
    /// The bytes of the store's files before.
    pub file_bytes_before: u64,
    /// And now.
    pub file_bytes: u64,
}

/// What becomes of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Keep,
    /// It would be removed or ended, but cannot.
    Spare,
    Remove,
    End(Ticks),
}

/// What becomes of each of the sessions that match a query, oldest first.
#[derive(Debug, Clone)]
pub(crate) struct Rule {
    query: Query,
    kind: Kind,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    EndedBefore(Ticks, OpenSessions),
    Beyond(u64),
    /// Every one.
    All,
    End(StaleEnd),
}

impl Rule {
    /// Removes what ended longer than `older_than` before `now`.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for an age that is not positive: it would remove everything.
    pub(crate) fn prune(
        older_than: TimeDelta,
        open: OpenSessions,
        now: DateTime<Utc>,
    ) -> Result<Self> {
        check_length("older_than", older_than)?;
        let cutoff = now.checked_sub_signed(older_than);
        let cutoff = cutoff.unwrap_or(DateTime::<Utc>::MIN_UTC);
        Ok(Self {
            // What started later has not ended before.
            query: Query::builder().started_before(cutoff).build()?,
            kind: Kind::EndedBefore(Ticks::ceil(cutoff), open),
        })
    }

    /// Removes as many as there are beyond so many.
    pub(crate) fn retain_at_most(sessions: u64) -> Self {
        Self {
            query: Query::all(),
            kind: Kind::Beyond(sessions),
        }
    }

    /// Removes everything of a user.
    pub(crate) fn erase(user_refer_uid: Uuid) -> Result<Self> {
        let query = Query::builder().user_refer_uid(user_refer_uid);
        Ok(Self {
            query: query.build()?,
            kind: Kind::All,
        })
    }

    /// Ends what is open and started before a limit.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for an end out of range, or a length that is not positive.
    pub(crate) fn end_stale(started_before: DateTime<Utc>, end: StaleEnd) -> Result<Self> {
        match end {
            StaleEnd::At(at) => drop(session::end_ticks(at)?),
            StaleEnd::AfterStart(length) => check_length("after_start", length)?,
        }
        let query = Query::builder().open_sessions_only(true);
        Ok(Self {
            query: query.started_before(started_before).build()?,
            kind: Kind::End(end),
        })
    }

    /// Ends what is open and matches.
    ///
    /// # Errors
    ///
    /// `InvalidInput` for an end out of range.
    #[cfg(feature = "postgres")]
    pub(crate) fn end_open(query: &Query, at: DateTime<Utc>) -> Result<Self> {
        session::end_ticks(at)?;
        Ok(Self {
            query: query.open_and_oldest_first(),
            kind: Kind::End(StaleEnd::At(at)),
        })
    }

    /// The sessions that it is about.
    pub(crate) fn query(&self) -> &Query {
        &self.query
    }

    /// How many of `sessions` it may remove.
    pub(crate) fn removed_max(&self, sessions: u64) -> u64 {
        match self.kind {
            Kind::Beyond(kept) => sessions.saturating_sub(kept),
            Kind::EndedBefore(..) | Kind::All | Kind::End(_) => u64::MAX,
        }
    }

    /// What becomes of a session with this start and end.
    pub(crate) fn fate(&self, start: Ticks, end: Option<Ticks>) -> Fate {
        match (self.kind, end) {
            (Kind::EndedBefore(cutoff, _), Some(end)) if end >= cutoff => Fate::Keep,
            (Kind::EndedBefore(..) | Kind::Beyond(_), Some(_)) | (Kind::All, _) => Fate::Remove,
            (Kind::EndedBefore(_, OpenSessions::Remove), None) => Fate::Remove,
            (Kind::EndedBefore(_, OpenSessions::Keep) | Kind::Beyond(_), None) => Fate::Spare,
            (Kind::End(_), Some(_)) => Fate::Keep,
            (Kind::End(end), None) => end_of(start, end).map_or(Fate::Spare, Fate::End),
        }
    }
}

/// The end that a session gets which is open since then; none if it cannot have that.
fn end_of(start: Ticks, end: StaleEnd) -> Option<Ticks> {
    let at = match end {
        StaleEnd::At(at) => at,
        StaleEnd::AfterStart(length) => start.to_utc().checked_add_signed(length)?,
    };
    let at = session::end_ticks(at).ok()?;
    (at >= start).then_some(at)
}

fn check_length(member: &'static str, length: TimeDelta) -> Result<()> {
    match length > TimeDelta::zero() {
        true => Ok(()),
        false => Err(Error::invalid(
            member,
            format_args!("is {length}, which is not positive"),
        )),
    }
}
