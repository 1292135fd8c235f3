//! How a store is opened.

use crate::ffi::SessionLogError;
use crate::ffi::values::{self, MicrosecondClock};
use crate::{Durability, OpenSessions};
use std::time::Duration;

/// Settings of a store, none of which is stored with it. What is not set is as a handset needs it:
/// durable at once, 4 MiB for pages, and never a thread.
#[derive(Debug, Clone, Default, uniffi::Record)]
pub struct Options {
    /// Whether a write is done when it can be read: a crash loses at most the last 10,000 changed
    /// sessions then, and at each commit what is older than a second becomes durable. `flush`,
    /// `suspend` and `close` make all of it so.
    #[uniffi(default = false)]
    pub eventual: bool,
    /// Whether the store is only read: no byte of its files is changed.
    #[uniffi(default = false)]
    pub read_only: bool,
    /// Whether opening checks the whole store first, and refuses it as `Corrupted` if anything is
    /// wrong. `resume` does not.
    #[uniffi(default = false)]
    pub check_on_open: bool,
    /// Memory for pages, in bytes.
    #[uniffi(default = None)]
    pub cache_bytes: Option<u64>,
    /// The most changed sessions that wait to be merged: more of them make writing faster, and a merge,
    /// which runs in the write that needs it, longer.
    #[uniffi(default = None)]
    pub delta_sessions_max: Option<u64>,
    /// For how long a snapshot or walk may be held: for ever unless set.
    #[uniffi(default = None)]
    pub snapshot_age_max: Option<Duration>,
    /// What the store removes by itself: nothing unless set.
    #[uniffi(default = None)]
    pub retention: Option<Retention>,
}

/// What a store removes by itself. Open sessions stay, unless it says otherwise.
#[derive(Debug, Clone, Default, uniffi::Record)]
pub struct Retention {
    /// Sessions that ended longer ago than this, when merges are done, at the first write, and hourly.
    #[uniffi(default = None)]
    pub older_than: Option<Duration>,
    /// Whether sessions that started as long ago and are open go too.
    #[uniffi(default = false)]
    pub remove_open: bool,
    /// Sessions beyond so many, with the write that would leave more: the oldest that have ended.
    #[uniffi(default = None)]
    pub sessions_max: Option<u64>,
    /// Sessions beyond those that take so many bytes of the store's `live_bytes`, as merges are done.
    #[uniffi(default = None)]
    pub live_bytes_max: Option<u64>,
}

impl Options {
    pub(super) fn to_core(&self) -> Result<crate::Options, SessionLogError> {
        let mut options = crate::Options::handset()
            .clock(MicrosecondClock)
            .read_only(self.read_only)
            .check_on_open(self.check_on_open);
        if self.eventual {
            options = options.durability(Durability::Eventual);
        }
        if let Some(bytes) = self.cache_bytes {
            options = options.cache_bytes(number("cache_bytes", bytes)?);
        }
        if let Some(sessions) = self.delta_sessions_max {
            options = options.delta_sessions_max(number("delta_sessions_max", sessions)?);
        }
        if let Some(age) = self.snapshot_age_max {
            options = options.snapshot_age_max(values::length("snapshot_age_max", age)?);
        }
        if let Some(retention) = &self.retention {
            options = options.retention(retention.to_core()?);
        }
        Ok(options)
    }
}

impl Retention {
    fn to_core(&self) -> Result<crate::Retention, SessionLogError> {
        let older_than = self.older_than;
        let older_than = older_than.map(|age| values::length("older_than", age));
        Ok(crate::Retention {
            older_than: older_than.transpose()?,
            open: open(self.remove_open),
            sessions_max: self.sessions_max,
            live_bytes_max: self.live_bytes_max,
        })
    }
}

pub(super) fn open(remove: bool) -> OpenSessions {
    match remove {
        true => OpenSessions::Remove,
        false => OpenSessions::Keep,
    }
}

/// A number that this device can count to.
fn number(member: &str, number: u64) -> Result<usize, SessionLogError> {
    usize::try_from(number)
        .map_err(|_| SessionLogError::invalid(member, format_args!("is {number}: too large")))
}
