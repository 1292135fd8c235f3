//! The storage engine, redb: a file of tables with transactions. [`main_index`](crate::main_index)
//! is its user, and nothing of redb leaves the two: its errors and panics become ours, and rows come
//! out checked.

mod pages;
mod rows;
mod seam;

pub(crate) use pages::Pages;
pub(crate) use rows::{
    Body, META, RowWriter, Rows, SeenRow, each_row, first_row_as, id, identity, missing,
    put_identity, row, row_as,
};
pub(crate) use seam::{Opening, engine_error, guarded, io_error};

use crate::error::{Error, ErrorKind, Result};
use crate::storage::{HeldFile, Storage, StorageFile};
use redb::{Database, ReadTransaction, ReadableDatabase, WriteTransaction};
use seam::Backend;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// What a file is called while it is being created.
pub(crate) fn unfinished(name: &str) -> String {
    format!("{name}.new")
}

/// One open file. It stays open until the engine is closed, or whoever has it, readers included, has
/// dropped it.
#[derive(Debug)]
pub(crate) struct Engine {
    /// `None` once closed.
    database: RwLock<Option<Database>>,
    file: Arc<HeldFile>,
    name: &'static str,
    has_failed: Arc<AtomicBool>,
    /// Whether pages of the file are known to be damaged.
    is_damaged: AtomicBool,
}

impl Engine {
    /// Starts an empty file under its [`unfinished`] name, over any that is left there.
    pub(crate) fn create(
        storage: &dyn Storage,
        name: &'static str,
        opening: Opening,
    ) -> Result<Self> {
        let failed = |error| io_error("create", name, error);
        let file = storage.create(&unfinished(name)).map_err(failed)?;
        let file = HeldFile::new(file);
        file.release().map_err(failed)?;
        Self::over(Arc::new(file), name, opening)
    }

    /// Opens the file, changing no byte of it before [`release`](Self::release).
    ///
    /// # Errors
    ///
    /// `NotAStore` if there is none, or it is nothing of the engine's; `Corrupted` if it is empty.
    pub(crate) fn open(
        storage: &dyn Storage,
        name: &'static str,
        opening: Opening,
    ) -> Result<Self> {
        let failed = |error| io_error("open", name, error);
        if !storage.exists(name).map_err(failed)? {
            return Err(Error::new(
                ErrorKind::NotAStore,
                format!("the directory holds no store: there is no {name}"),
            ));
        }
        Self::open_file(storage, name, name, opening)
    }

    /// As [`open`](Self::open), of the file that still has its [`unfinished`] name.
    pub(crate) fn open_unfinished(
        storage: &dyn Storage,
        name: &'static str,
        opening: Opening,
    ) -> Result<Self> {
        Self::open_file(storage, &unfinished(name), name, opening)
    }

    fn open_file(
        storage: &dyn Storage,
        file_name: &str,
        name: &'static str,
        opening: Opening,
    ) -> Result<Self> {
        let failed = |error| io_error("open", name, error);
        let file = storage.open(file_name).map_err(failed)?;
        if file.is_empty().map_err(failed)? {
            return Err(Error::corrupted(format!("{name} is empty")));
        }
        let file = HeldFile::new(file);
        leave_out_part_of_page(&file).map_err(failed)?;
        Self::over(Arc::new(file), name, opening)
    }

    fn over(file: Arc<HeldFile>, name: &'static str, opening: Opening) -> Result<Self> {
        guarded(name, || {
            let has_failed = Arc::default();
            let backend = Backend::new(Arc::clone(&file), Arc::clone(&has_failed));
            let database = seam::open(backend, name, opening)?;
            Ok(Self {
                database: RwLock::new(Some(database)),
                file,
                name,
                has_failed,
                is_damaged: AtomicBool::new(false),
            })
        })
    }

    /// Lets changes through to the file; without this call they stay in memory.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the storage fails. That may be a sync, after which no other of the same open
    /// file can be trusted: so the file is to be opened again then too.
    pub(crate) fn release(&self) -> Result<()> {
        self.file.release().map_err(|error| {
            self.has_failed.store(true, Ordering::Release);
            io_error("write", self.name, error)
        })
    }

    /// Does something with the database.
    fn with<T>(&self, work: impl FnOnce(&Database) -> Result<T>) -> Result<T> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let database = database.as_ref().ok_or_else(Error::closed)?;
        self.guarded(|| work(database))
    }

    /// As [`guarded`], and a panic is remembered as [damage](Self::note_damage).
    pub(crate) fn guarded<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let mut is_done = false;
        let done = guarded(self.name, || {
            let done = work();
            is_done = true;
            done
        });
        if !is_done {
            self.note_damage();
        }
        done
    }

    /// Pages of the file are damaged: nothing more is written to it. Over such pages the engine can
    /// panic while it cleans up after a panic, which ends the process.
    pub(crate) fn note_damage(&self) {
        self.is_damaged.store(true, Ordering::Release);
    }

    fn is_damaged(&self) -> bool {
        self.is_damaged.load(Ordering::Acquire)
    }

    /// The state after the last commit.
    pub(crate) fn read(&self) -> Result<ReadTransaction> {
        self.with(|database| database.begin_read().map_err(engine_error))
    }

    /// Commits what `write` does, all or nothing and durable on return.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the storage fails: the outcome is then unknown. `Corrupted` if pages of the file
    /// are known to be damaged.
    pub(crate) fn write(&self, write: impl FnOnce(&WriteTransaction) -> Result<()>) -> Result<()> {
        if self.is_damaged() {
            let name = self.name;
            let problem = format!("{name} has damaged pages, and nothing more is written to it");
            return Err(Error::corrupted(problem));
        }
        self.with(|database| {
            let mut transaction = database.begin_write().map_err(engine_error)?;
            // Else opening after a crash goes through the whole file.
            transaction.set_quick_repair(true);
            // An error drops the transaction, and with it all that was written.
            write(&transaction)?;
            transaction.commit().map_err(engine_error)
        })
    }

    /// Brings the file's pages together, and cuts off what is free behind them. Nobody may read
    /// meanwhile.
    pub(crate) fn compact(&self) -> Result<()> {
        let mut database = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let database = database.as_mut().ok_or_else(Error::closed)?;
        self.guarded(|| database.compact().map(drop).map_err(engine_error))
    }

    /// The bytes of the file as it is now, room for growth included.
    pub(crate) fn file_bytes(&self) -> Result<u64> {
        let len = self.file.len();
        len.map_err(|error| io_error("measure", self.name, error))
    }

    /// Whether the storage has failed: the engine then does nothing more until the file is opened
    /// again.
    pub(crate) fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Acquire)
    }

    /// Closes the engine as if its storage had failed: whoever reads from it then is to open the file
    /// again.
    pub(crate) fn abandon(&self) {
        self.has_failed.store(true, Ordering::Release);
        // What it would say of that does not matter any more.
        let _ = self.close();
    }

    /// Closes the engine. Readers that are left find out with their next read, and none is at it
    /// any more on return. Closing again does nothing.
    pub(crate) fn close(&self) -> Result<()> {
        let database = self
            .database
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        match database {
            None => Ok(()),
            // There is nothing to be written then, or nothing may be.
            Some(database) if self.file.is_held() || self.is_damaged() => {
                seam::give_up(database);
                Ok(())
            }
            Some(database) => self.guarded(|| database.close().map_err(engine_error)),
        }
    }
}

/// The engine takes no file with a part of a page behind its end. A write that has failed leaves that, or
/// was lost with the power: if the file was not closed, the part is of no state that ever was durable, and
/// left out. Else the file is damaged, and the engine says so.
///
/// How a file says that it was not closed is in the engine's design document ("Super-header").
fn leave_out_part_of_page(file: &HeldFile) -> io::Result<()> {
    const FLAGS_AT: u64 = 9;
    const RECOVERY_REQUIRED: u8 = 2;
    let len = file.len()?;
    let part = len % pages::PAGE_BYTES as u64;
    if part == 0 || part == len {
        return Ok(());
    }
    let mut flags = [0];
    file.read(FLAGS_AT, &mut flags)?;
    match flags[0] & RECOVERY_REQUIRED {
        0 => Ok(()),
        _ => file.set_len(len - part),
    }
}

/// Closing commits, which can panic over damaged pages as all else can.
impl Drop for Engine {
    fn drop(&mut self) {
        // Whoever wants to know what comes of it closes the engine.
        let _ = self.close();
    }
}
