//! Which calls of a storage fail.

use std::io;

/// What can be asked of a storage or of one of its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    Open,
    Exists,
    Len,
    Read,
    Write,
    SetLen,
    Sync,
    Create,
    Rename,
    Remove,
    SyncNames,
}

impl Call {
    /// Those that change something.
    pub const CHANGES: &[Self] = &[
        Self::Write,
        Self::SetLen,
        Self::Sync,
        Self::Create,
        Self::Rename,
        Self::Remove,
        Self::SyncNames,
    ];

    /// Those that look.
    pub const LOOKS: &[Self] = &[Self::Open, Self::Exists, Self::Len, Self::Read];

    /// Reading bytes, alone.
    pub const READS: &[Self] = &[Self::Read];

    /// Everything.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::CHANGES.iter().chain(Self::LOOKS).copied()
    }

    /// This one alone.
    pub fn alone(self) -> &'static [Self] {
        let lists = [Self::CHANGES, Self::LOOKS];
        let mut alone = lists.into_iter().flat_map(|list| list.chunks(1));
        alone.find(|alone| alone[0] == self).unwrap()
    }
}

/// Calls that fail: all of some kinds, of files whose names begin in some way, from now on; unless
/// more is said.
#[derive(Debug, Clone)]
pub struct Fault {
    calls: &'static [Call],
    prefix: &'static str,
    /// How many succeed before.
    left: u64,
    /// How many fail.
    failures: u64,
    error: io::ErrorKind,
}

impl Fault {
    pub fn of(calls: &'static [Call]) -> Self {
        Self {
            calls,
            prefix: "",
            left: 0,
            failures: u64::MAX,
            error: io::ErrorKind::StorageFull,
        }
    }

    /// A sync of the names is a call of no file.
    pub fn named(mut self, prefix: &'static str) -> Self {
        self.prefix = prefix;
        self
    }

    pub fn after(mut self, calls: u64) -> Self {
        self.left = calls;
        self
    }

    pub fn times(mut self, failures: u64) -> Self {
        self.failures = failures;
        self
    }

    pub fn with(mut self, error: io::ErrorKind) -> Self {
        self.error = error;
        self
    }

    /// Whether it is about the same calls.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.calls == other.calls
    }

    /// What the next call answers, if that is one of its failures.
    pub(super) fn strike(&mut self, call: Call, name: &str) -> io::Result<()> {
        if !self.calls.contains(&call) || !name.starts_with(self.prefix) || self.failures == 0 {
            return Ok(());
        }
        if self.left > 0 {
            self.left -= 1;
            return Ok(());
        }
        self.failures -= 1;
        Err(self.error.into())
    }
}
