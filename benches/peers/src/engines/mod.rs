//! The engines, each set up as well as its documentation knows how, behind one trait.
//!
//! What they have in common: a write is durable on return, one call is one commit, a page and its
//! total come from one state, and names are stored once (but for `native_db`, whose way is to keep
//! a record whole). Caches have 64 MiB, as ours has by default, except those that map their file:
//! they use what memory the system has. The data has one name a user, and the peers keep one.

mod floor;
mod key_value;
mod names;
mod native;
mod ours;
mod sqlite;

use crate::Result;
use crate::question::{Answer, Question};
use chrono::{DateTime, Utc};
use sessionlog::SessionLog;
use std::path::Path;

/// Bytes of a peer's page cache: as many as ours has.
const CACHE_BYTES: usize = 64 << 20;

/// A store of session logs.
pub(crate) trait Engine: Send + Sync {
    /// Stores new sessions in one durable commit.
    fn append(&self, logs: Vec<SessionLog>) -> Result<()>;

    /// Ends open sessions at their `session_end` in one durable commit.
    fn end(&self, logs: Vec<SessionLog>) -> Result<()>;

    /// Ends every open session in one durable commit, and tells how many.
    fn end_open(&self, at: DateTime<Utc>) -> Result<u64>;

    /// Answers a page with its exact total.
    fn page(&self, question: &Question) -> Result<Answer>;

    /// Makes the files as small as the engine can; false if it has no way to.
    fn compact(&mut self) -> Result<bool> {
        Ok(false)
    }
}

/// What an engine is opened with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// Memory for names of users and clients, at about 160 bytes each.
    pub(crate) names_cache_bytes: usize,
}

impl Default for Settings {
    /// What ours has by default.
    fn default() -> Self {
        Self {
            names_cache_bytes: 16 << 20,
        }
    }
}

/// How an engine is called and opened.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// Whether anything is left when it is closed.
    pub(crate) on_disk: bool,
    open: fn(&Path, Settings) -> Result<Box<dyn Engine>>,
}

impl Kind {
    /// Opens the store in a folder, and makes it first where there is none; dropping closes it.
    pub(crate) fn open(&self, folder: &Path, settings: Settings) -> Result<Box<dyn Engine>> {
        std::fs::create_dir_all(folder)?;
        (self.open)(folder, settings).map_err(|error| format!("{}: {error}", self.name).into())
    }
}

/// Ours and the floor come first: every figure is read beside theirs.
pub(crate) static KINDS: [Kind; 8] = [
    Kind {
        name: "ours",
        on_disk: true,
        open: ours::open,
    },
    Kind {
        name: "floor",
        on_disk: false,
        open: floor::open,
    },
    Kind {
        name: "sqlite",
        on_disk: true,
        open: sqlite::open_with_offset,
    },
    Kind {
        name: "sqlite-keyset",
        on_disk: true,
        open: sqlite::open_with_keyset,
    },
    Kind {
        name: "lmdb",
        on_disk: true,
        open: key_value::open::<key_value::Lmdb>,
    },
    Kind {
        name: "redb",
        on_disk: true,
        open: key_value::open::<key_value::Redb>,
    },
    Kind {
        name: "fjall",
        on_disk: true,
        open: key_value::open::<key_value::Fjall>,
    },
    Kind {
        name: "native_db",
        on_disk: true,
        open: native::open,
    },
];
