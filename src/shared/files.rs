//! The files of a store: how they come to be there, and are opened.

use super::DirectoryLock;
use crate::engine::{io_error, unfinished};
use crate::error::{Error, ErrorKind, Result};
use crate::format::Commit;
use crate::format::dictionary::Identity;
use crate::log::{Flush, LOGS, Log};
use crate::main_index::{MAIN, MainIndex, MainReader, Setup};
use crate::options::Options;
use crate::storage::Storage;
use std::sync::Arc;

/// Their names. The main index has its name last: with it the store exists.
const NAMES: [&str; 3] = {
    let [log, other] = LOGS;
    [log, other, MAIN]
};

/// The files of a store, open and read.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) main: MainIndex,
    pub(crate) reader: MainReader,
    pub(crate) log: Log,
    /// What the log has on top of the main index.
    pub(crate) commits: Vec<Commit>,
}

impl Files {
    /// Locks the directory of a store.
    ///
    /// # Errors
    ///
    /// Those of the lock; and of opening the files, where one that has no lock file yet may be somebody
    /// else's: no lock file is made in it before it was looked at.
    pub(crate) fn lock(storage: &Arc<dyn Storage>, options: &Options) -> Result<DirectoryLock> {
        if !storage.is_lockable() {
            Self::open(Arc::clone(storage), options.setup())?;
        }
        Ok(storage.lock(options.sharing())?.into())
    }

    /// Opens the files, changing no byte of them.
    pub(crate) fn open(storage: Arc<dyn Storage>, setup: Setup) -> Result<Self> {
        let main = MainIndex::open(&*storage, setup)?;
        let reader = main.read()?;
        let watermark = reader.state().watermark;
        let (log, commits) = Log::open(storage, main.identity(), watermark)?;
        Ok(Self {
            main,
            reader,
            log,
            commits,
        })
    }

    /// Lets changes through to files that were opened, and makes durable what a process that ended
    /// without closing has left in the log. What it has left unfinished is removed.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the storage fails.
    pub(super) fn begin(storage: &dyn Storage, main: &MainIndex, log: &mut Log) -> Result<()> {
        Self::clean_up(storage)?;
        main.release()?;
        log.settle()?;
        match log.is_durable() {
            true => Ok(()),
            false => log.append(&[], Flush::Now),
        }
    }

    /// Makes the files of an empty store.
    pub(crate) fn create(storage: &dyn Storage, identity: Identity, setup: Setup) -> Result<()> {
        Self::refuse_store(storage)?;
        Log::create(storage, identity)?;
        MainIndex::create(storage, identity, setup)?.close()?;
        Self::name(storage)
    }

    /// # Errors
    ///
    /// `InvalidInput` if there is a store already; `Corrupted` if there is all of one but its main index.
    pub(super) fn refuse_store(storage: &dyn Storage) -> Result<()> {
        let exists = storage.exists(MAIN);
        if exists.map_err(|error| io_error("create", MAIN, error))? {
            let message = "there is a store already; open it";
            return Err(Error::new(ErrorKind::InvalidInput, message));
        }
        match Log::has_commits(storage)? {
            true => Err(Error::corrupted(format!(
                "{} and {} are the log of a store, of which {MAIN} is missing: bring that back from a backup, or salvage what the log holds",
                LOGS[0], LOGS[1]
            ))),
            // An interrupted creation leaves empty ones.
            false => Ok(()),
        }
    }

    /// Gives files that are whole and durable their names, for good.
    pub(super) fn name(storage: &dyn Storage) -> Result<()> {
        for name in NAMES {
            let renamed = storage.rename(&unfinished(name), name);
            renamed.map_err(|error| io_error("create", name, error))?;
        }
        let synced = storage.sync();
        synced.map_err(|error| io_error("create", MAIN, error))
    }

    /// What an interrupted creation may have left.
    pub(crate) fn leftovers() -> Vec<String> {
        let unfinished = NAMES.map(unfinished).into_iter();
        unfinished.chain(LOGS.map(str::to_owned)).collect()
    }

    /// Removes what is unfinished and never will be from a store that exists, and makes durable what
    /// its files are called: a process that is no more may have renamed one without coming to that.
    pub(super) fn clean_up(storage: &dyn Storage) -> Result<()> {
        for name in NAMES.map(unfinished) {
            let failed = |error| io_error("remove", &name, error);
            if storage.exists(&name).map_err(failed)? {
                storage.remove(&name).map_err(failed)?;
            }
        }
        Self::sync_names(storage)
    }

    /// Makes durable what the files are called.
    pub(super) fn sync_names(storage: &dyn Storage) -> Result<()> {
        let synced = storage.sync();
        synced.map_err(|error| io_error("name", MAIN, error))
    }
}
