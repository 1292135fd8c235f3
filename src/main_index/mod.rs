//! `main.redb`: the index of all sessions but those that are still in the delta.

mod by_id;
mod copy;
mod families;
#[cfg(fuzzing)]
mod forge;
mod inner_nodes;
mod known_names;
mod pins;
mod reader;
mod remains;
mod starts;
mod steps;
mod tables;
mod verify;
mod writer;

pub(crate) use copy::{Change, MainCopy};
#[cfg(fuzzing)]
pub(crate) use forge::forge_row;
pub(crate) use pins::Pins;
pub(crate) use reader::{MainReader, Root};
pub(crate) use remains::Remains;
pub(crate) use starts::Levels;
#[cfg(fuzzing)]
pub(crate) use starts::start_of;
pub(crate) use steps::Steps;
pub(crate) use verify::{Findings, verify};

use crate::counted::Limits;
use crate::delta::Delta;
use crate::engine::{self, Engine, Opening};
use crate::error::{Error, Result};
use crate::format::NewNames;
use crate::format::dictionary::{Identity, MainState};
use crate::storage::Storage;
use inner_nodes::InnerNodes;
use std::sync::Arc;

/// The file of the main index.
pub(crate) const MAIN: &str = "main.redb";

/// One part in so many of the cache holds inner nodes: a leaf has a hundred times their entries.
const INNER_SHARE: usize = 16;

/// The cache of a check, which reads most pages once.
const CHECK_CACHE_BYTES: usize = 4 << 20;

/// What every state of an index is like, whatever it holds: part of the format, but for tests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) nodes: Limits,
    /// The families of a user on one client are there if that of all the user's sessions has more
    /// entries than this. Reading so many to pick a part out costs a page no more than three
    /// microseconds, and few users have more: that spares most of the rows.
    pub(crate) parts_above: u64,
    pub(crate) levels: Levels,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            nodes: Limits::default(),
            parts_above: 512,
            levels: Levels::default(),
        }
    }
}

/// How an index is opened, whatever it holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setup {
    /// Memory for its pages.
    pub(crate) cache_bytes: usize,
    pub(crate) shape: Shape,
}

impl Setup {
    fn inner_nodes_bytes(self) -> usize {
        self.cache_bytes / INNER_SHARE
    }

    fn opening(self) -> Opening {
        Opening {
            cache_bytes: self.cache_bytes - self.inner_nodes_bytes(),
            is_checked: false,
        }
    }
}

/// An open `main.redb`.
#[derive(Debug)]
pub(crate) struct MainIndex {
    engine: Arc<Engine>,
    identity: Identity,
    shape: Shape,
    inner_nodes: Arc<InnerNodes>,
}

impl MainIndex {
    /// Makes an empty index, whole and durable, under its [unfinished](engine::unfinished) name.
    pub(crate) fn create(storage: &dyn Storage, identity: Identity, setup: Setup) -> Result<Self> {
        let engine = Engine::create(storage, MAIN, setup.opening())?;
        engine.write(|write| writer::initialize(write, identity))?;
        Ok(Self::over(engine, identity, setup))
    }

    /// Opens `main.redb`, changing no byte of it before [`release`](Self::release).
    pub(crate) fn open(storage: &dyn Storage, setup: Setup) -> Result<Self> {
        Self::open_with(storage, setup.opening(), setup)
    }

    /// Opens one that was made under its unfinished name, and closed.
    fn open_unfinished(storage: &dyn Storage, setup: Setup) -> Result<Self> {
        let engine = Engine::open_unfinished(storage, MAIN, setup.opening())?;
        Self::identified(engine, setup)
    }

    fn open_with(storage: &dyn Storage, opening: Opening, setup: Setup) -> Result<Self> {
        Self::identified(Engine::open(storage, MAIN, opening)?, setup)
    }

    fn identified(engine: Engine, setup: Setup) -> Result<Self> {
        let identity = engine.guarded(|| engine::identity(&engine.read()?, MAIN))?;
        Ok(Self::over(engine, identity, setup))
    }

    fn over(engine: Engine, identity: Identity, setup: Setup) -> Self {
        Self {
            engine: Arc::new(engine),
            identity,
            shape: setup.shape,
            inner_nodes: Arc::new(InnerNodes::new(setup.inner_nodes_bytes())),
        }
    }

    /// Lets changes through to the file; without this call they stay in memory.
    pub(crate) fn release(&self) -> Result<()> {
        self.engine.release()
    }

    /// What store this is.
    pub(crate) fn identity(&self) -> Identity {
        self.identity
    }

    /// The state after the last merge.
    pub(crate) fn read(&self) -> Result<MainReader> {
        let read = self.engine.read()?;
        self.engine.guarded(|| MainReader::new(&read, self))
    }

    /// Brings a delta on top of the state `base` in, with the names that are `new` in it and without
    /// those that are `gone`, all or nothing and durable on return. It ends with commit `through`.
    ///
    /// # Errors
    ///
    /// `Corrupted` if the index is in another state; `Unavailable` if the storage fails. Which state
    /// the index is in then, [`read`](Self::read) tells, once it was opened again if that fails too.
    pub(crate) fn merge(
        &self,
        base: &MainState,
        delta: &Delta,
        (new, gone): (&NewNames, &NewNames),
        through: u64,
    ) -> Result<()> {
        // This gives back the pages that the merge before has replaced. Within this one that would
        // come too late, and the file be larger by as many.
        self.confirm()?;
        self.engine
            .write(|write| writer::merge(write, base, self.shape, (delta, new, gone, through)))
    }

    /// Reads the whole file, past every cache, and checks each of its pages. Nobody may write
    /// meanwhile.
    ///
    /// # Errors
    ///
    /// `Corrupted` if the file is damaged; `Unavailable` if the storage fails.
    pub(crate) fn check_file(&self, storage: &dyn Storage) -> Result<()> {
        let checked = self.reread_file(storage);
        if checked.as_ref().is_err_and(Error::is_of_what_is_stored) {
            self.engine.note_damage();
        }
        checked
    }

    fn reread_file(&self, storage: &dyn Storage) -> Result<()> {
        let setup = Setup {
            cache_bytes: CHECK_CACHE_BYTES,
            shape: self.shape,
        };
        let opening = Opening {
            is_checked: true,
            ..setup.opening()
        };
        let again = Self::open_with(storage, opening, setup)?;
        let state = again.read()?.state();
        match state == self.read()?.state() {
            true => Ok(()),
            false => Err(Error::corrupted("the last merge is no longer in main.redb")),
        }
    }

    /// Makes the state durable in which the index is, by an empty commit.
    pub(crate) fn confirm(&self) -> Result<()> {
        self.release()?;
        self.engine.write(|_| Ok(()))
    }

    /// See [`Engine::abandon`].
    pub(crate) fn abandon(self) {
        self.engine.abandon();
    }

    /// Closes the file. Readers that are left find out with their next read.
    pub(crate) fn close(self) -> Result<()> {
        self.engine.close()
    }
}
