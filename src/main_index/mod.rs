//! `main.redb`: the tables of a store and their transactions.
//!
//! The only user of the engine, redb. Nothing of redb leaves this module: errors become ours, rows
//! come out checked.

mod engine;
mod inner_nodes;
mod pins;
mod reader;
mod tables;
mod writer;

pub(crate) use engine::guarded;
pub(crate) use pins::Pins;
pub(crate) use reader::{Body, MainReader};

use crate::counted::Limits;
use crate::error::{Error, ErrorKind, Result};
use crate::family::Effect;
use crate::format::dictionary::{Counters, Identity};
use crate::format::{ClientId, NameId, UserId};
use crate::storage::{HeldFile, Storage};
use engine::{Backend, engine_error};
use inner_nodes::InnerNodes;
use redb::{Database, ReadableDatabase};
use std::sync::Arc;
use uuid::Uuid;

/// The file of the main index.
pub(crate) const MAIN: &str = "main.redb";
/// Its name while it is being created.
pub(crate) const MAIN_NEW: &str = "main.redb.new";

/// One part in so many of the cache holds inner nodes: a leaf has a hundred times their entries.
const INNER_SHARE: usize = 16;

/// Whether a commit waits until the storage has it for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flush {
    Now,
    Later,
}

/// What one commit changes, resolved to ids.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// At most one for each session.
    pub(crate) effects: Vec<Effect>,
    pub(crate) users: Vec<(UserId, Uuid)>,
    pub(crate) names: Vec<NewName>,
    pub(crate) clients: Vec<(ClientId, Arc<str>)>,
}

/// A (`user_refer_uid`, `user`) pair seen for the first time.
#[derive(Debug, Clone)]
pub(crate) struct NewName {
    pub(crate) id: NameId,
    pub(crate) user_id: UserId,
    pub(crate) user_refer_uid: Uuid,
    pub(crate) user: Arc<str>,
}

/// An open `main.redb`.
#[derive(Debug)]
pub(crate) struct MainIndex {
    database: Database,
    file: Arc<HeldFile>,
    identity: Identity,
    limits: Limits,
    inner_nodes: Arc<InnerNodes>,
}

impl MainIndex {
    /// Makes an empty `main.redb`. It has its name only once it is whole and durable.
    pub(crate) fn create(storage: &dyn Storage, store_uid: Uuid) -> Result<()> {
        let failed = |error| engine::io_error("create", MAIN, error);
        if storage.exists(MAIN).map_err(failed)? {
            return Err(Error::new(
                ErrorKind::InvalidInput,
                "there is a store already; open it",
            ));
        }
        let file = HeldFile::new(storage.create(MAIN_NEW).map_err(failed)?);
        file.release().map_err(failed)?;
        guarded(|| {
            let database = engine::open(Backend::new(Arc::new(file)), 0)?;
            writer::initialize(&database, Identity::new(store_uid))?;
            database.close().map_err(engine_error)
        })?;
        storage.rename(MAIN_NEW, MAIN).map_err(failed)?;
        storage.sync().map_err(failed)
    }

    /// Opens `main.redb`, changing no byte of it before it is known to be ours and readable.
    pub(crate) fn open(storage: &dyn Storage, cache_bytes: usize, limits: Limits) -> Result<Self> {
        let failed = |error| engine::io_error("open", MAIN, error);
        if !storage.exists(MAIN).map_err(failed)? {
            return Err(Error::new(
                ErrorKind::NotAStore,
                format!("the directory holds no store: there is no {MAIN}"),
            ));
        }
        let file = storage.open(MAIN).map_err(failed)?;
        if file.is_empty().map_err(failed)? {
            return Err(Error::corrupted(format!("{MAIN} is empty")));
        }
        let file = Arc::new(HeldFile::new(file));
        guarded(|| {
            let inner_bytes = cache_bytes / INNER_SHARE;
            let backend = Backend::new(Arc::clone(&file));
            let database = engine::open(backend, cache_bytes - inner_bytes)?;
            let identity = reader::identity(&database)?;
            let index = Self {
                database,
                file: Arc::clone(&file),
                identity,
                limits,
                inner_nodes: Arc::new(InnerNodes::new(inner_bytes)),
            };
            index.read()?;
            Ok(index)
        })
    }

    /// Lets changes through to the file; without this call they stay in memory.
    pub(crate) fn release(&self) -> Result<()> {
        let released = self.file.release();
        released.map_err(|error| engine::io_error("write", MAIN, error))
    }

    /// The state after the last commit.
    pub(crate) fn read(&self) -> Result<MainReader> {
        guarded(|| {
            let read = self.database.begin_read().map_err(engine_error)?;
            let (file, inner) = (Arc::clone(&self.file), Arc::clone(&self.inner_nodes));
            MainReader::new(read, self.identity, file, inner)
        })
    }

    /// Commits `changes`, all or nothing. `counters` are the next free ids after them.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the storage fails: the outcome is then unknown.
    pub(crate) fn commit(&self, changes: &Changes, counters: Counters, flush: Flush) -> Result<()> {
        guarded(|| writer::commit(&self.database, changes, counters, flush, self.limits))
    }

    /// Closes the engine. Readers that are left find out with their next read.
    pub(crate) fn close(self) -> Result<()> {
        guarded(|| self.database.close().map_err(engine_error))
    }
}
