//! Records, and what calls did, as they cross the boundary.

use crate as sessionlog;
use crate::ffi::{Instant, Uuid};
use std::sync::Arc;

/// Who was logged in on which client device, from when, and until when.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct SessionLog {
    /// The session's own id: unique in a store, never nil.
    pub refer_uid: Uuid,
    /// The user's id: never nil.
    pub user_refer_uid: Uuid,
    /// The user's name at that time: any Unicode, at most 1,024 bytes of UTF-8, kept exactly.
    pub user: String,
    /// The client device: any Unicode, at most 1,024 bytes of UTF-8, kept exactly.
    pub client_refer_uid: String,
    /// The login, from the year 1 to 9999; one that lies in the future is stored as given.
    pub session_start: Instant,
    /// The logout, never before the login; none while the session is open.
    #[uniffi(default = None)]
    pub session_end: Option<Instant>,
}

impl From<crate::SessionLog> for SessionLog {
    fn from(log: crate::SessionLog) -> Self {
        Self {
            refer_uid: Uuid(log.refer_uid),
            user_refer_uid: Uuid(log.user_refer_uid),
            user: log.user.to_string(),
            client_refer_uid: log.client_refer_uid.to_string(),
            session_start: log.session_start.into(),
            session_end: log.session_end.map(Instant::from),
        }
    }
}

impl From<SessionLog> for crate::SessionLog {
    /// Unchecked: every call that takes a record checks it.
    fn from(log: SessionLog) -> Self {
        Self {
            refer_uid: log.refer_uid.0,
            user_refer_uid: log.user_refer_uid.0,
            user: Arc::from(log.user),
            client_refer_uid: Arc::from(log.client_refer_uid),
            session_start: log.session_start.to_utc(),
            session_end: log.session_end.map(Instant::to_utc),
        }
    }
}

/// What a write did to the session it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, uniffi::Enum)]
pub enum Outcome {
    /// The session is new.
    Added,
    /// The store held all of it already; nothing changed.
    AlreadyThere,
    /// The session was open and has now ended.
    Ended,
}

impl From<crate::Outcome> for Outcome {
    fn from(outcome: crate::Outcome) -> Self {
        match outcome {
            crate::Outcome::Added => Self::Added,
            crate::Outcome::AlreadyThere => Self::AlreadyThere,
            crate::Outcome::Ended => Self::Ended,
        }
    }
}

/// A record of numbers, the core's by the same names.
macro_rules! mirrored {
    ($(#[doc = $text:literal] $name:ident { $(#[doc = $member_text:literal] $member:ident: $kind:ty,)* })*) => {$(
        #[doc = $text]
        #[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
        pub struct $name {
            $(#[doc = $member_text] pub $member: $kind,)*
        }

        impl From<sessionlog::$name> for $name {
            fn from(core: sessionlog::$name) -> Self {
                Self { $($member: core.$member,)* }
            }
        }
    )*};
}

mirrored! {
    /// What ending open sessions did.
    EndedOpen {
        /// Sessions that were open and have now ended.
        ended: u64,
        /// Sessions that match and stay open, because they started later than the given end.
        left_open: u64,
    }
    /// What compacting did.
    Compacted {
        /// The bytes of the store's files before.
        file_bytes_before: u64,
        /// And now.
        file_bytes: u64,
    }
    /// What erasing a user did.
    Erased {
        /// Sessions that were removed.
        session_count: u64,
        /// Names of the user that were.
        user_name_count: u64,
        /// Clients that were, since no session has them any more.
        client_count: u64,
        /// Whether the files were written anew, so that no byte of it is left in them.
        is_secure: bool,
        /// Snapshots and walks that still see what was there when they were taken.
        snapshot_count: u64,
    }
    /// What a check of the whole store has found.
    Verification {
        /// Sessions in the state that was checked, as far as they can be counted.
        session_count: u64,
        /// What is wrong, each fault in words; the first thousand of them.
        faults: Vec<String>,
        /// How many faults there are: none, if the store is sound.
        fault_count: u64,
    }
    /// What was got out of a damaged store.
    Salvaged {
        /// Sessions in the new store.
        session_count: u64,
        /// Sessions that are lost; none if it cannot be told how many there were.
        lost_session_count: Option<u64>,
        /// What is damaged, each fault in words; the first thousand of them.
        faults: Vec<String>,
        /// How many faults there are.
        fault_count: u64,
    }
}

/// What pruning did.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Pruned {
    /// Sessions that were removed.
    pub removed: u64,
    /// Sessions that were old enough, and stay because they have no end.
    pub kept_open: u64,
    /// When the oldest session that is left started; none if none is left.
    pub oldest_left: Option<Instant>,
}

impl From<crate::Pruned> for Pruned {
    fn from(pruned: crate::Pruned) -> Self {
        Self {
            removed: pruned.removed,
            kept_open: pruned.kept_open,
            oldest_left: pruned.oldest_left.map(Instant::from),
        }
    }
}

/// What a store holds and what it costs.
#[derive(Debug, Clone, PartialEq, Eq, uniffi::Record)]
pub struct Stats {
    /// The store's own id, given when it was made.
    pub store_uid: Uuid,
    /// The version of the on-disk format.
    pub format_version: u32,
    /// Sessions in the store.
    pub session_count: u64,
    /// Those of them that are open.
    pub open_session_count: u64,
    /// Users that ever had a session.
    pub user_count: u64,
    /// Clients that ever had one.
    pub client_count: u64,
    /// Bytes of all keys and rows of the main index.
    pub live_bytes: u64,
    /// Bytes of the store's files, room for growth included.
    pub file_bytes: u64,
    /// Changed sessions that wait in memory, and in the log, to be merged.
    pub delta_session_count: u64,
    /// Snapshots and walks that are held.
    pub snapshot_count: u64,
    /// Since when the oldest of them is held.
    pub oldest_snapshot_at: Option<Instant>,
    /// Why the last merge failed, if it did: nothing is lost, and the next write tries again.
    pub last_merge_error: Option<String>,
    /// Why the last removal by `retention` failed, if it did.
    pub last_retention_error: Option<String>,
}

impl From<crate::Stats> for Stats {
    fn from(stats: crate::Stats) -> Self {
        Self {
            store_uid: Uuid(stats.store_uid),
            format_version: stats.format_version,
            session_count: stats.session_count,
            open_session_count: stats.open_session_count,
            user_count: stats.user_count,
            client_count: stats.client_count,
            live_bytes: stats.live_bytes,
            file_bytes: stats.file_bytes,
            delta_session_count: stats.delta_session_count,
            snapshot_count: stats.snapshot_count,
            oldest_snapshot_at: stats.oldest_snapshot_at.map(Instant::from),
            last_merge_error: stats.last_merge.and_then(|merge| merge.error),
            last_retention_error: stats.last_retention.and_then(|retention| retention.error),
        }
    }
}
