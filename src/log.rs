//! `log.redb`: the commits that are not yet in the main index, each durable as soon as its caller
//! is told.
//!
//! A commit is a row under its sequence number, with all that it resolved to: reading it back looks
//! nothing up. What a merge has brought into the main index is trimmed by the next commit.

use crate::engine::{
    self, Engine, FileSize, Flush, META, Rows, checked, engine_error, missing, put, put_identity,
    row,
};
use crate::error::{Error, Result};
use crate::format::Commit;
use crate::format::dictionary::{Identity, Row, Trimmed};
use crate::storage::Storage;
use redb::{ReadableTable, Table};

/// The file of the log.
pub(crate) const LOG: &str = "log.redb";

/// Sequence number → commit.
const COMMITS: Rows<u64> = Rows::new("commits");

/// The key of [`Trimmed`] in the table `meta`.
const TRIMMED: &[u8] = b"trimmed";

/// The log is written and, but for opening, never read: it needs little memory.
const CACHE_BYTES: usize = 1 << 20;

/// An open `log.redb`.
#[derive(Debug)]
pub(crate) struct Log {
    engine: Engine,
    /// The sequence number of the last commit.
    last: u64,
    /// The last commit that the file does not have any more.
    trimmed: u64,
    /// The last commit that it does not need any more.
    merged: u64,
}

impl Log {
    /// Makes an empty log, whole and durable, under its [unfinished](engine::unfinished) name.
    pub(crate) fn create(storage: &dyn Storage, identity: Identity) -> Result<()> {
        Engine::create(storage, LOG, |write| {
            write.open_table(COMMITS).map_err(engine_error)?;
            let mut meta = write.open_table(META).map_err(engine_error)?;
            put_identity(&mut meta, identity)?;
            put_trimmed(&mut meta, 0)
        })
    }

    /// Opens the log of a main index that has all commits through `watermark`, changing no byte.
    ///
    /// # Errors
    ///
    /// `Corrupted` if the log is another store's, or goes on after commits that the main index
    /// lacks.
    pub(crate) fn open(storage: &dyn Storage, identity: Identity, watermark: u64) -> Result<Self> {
        let exists = storage.exists(LOG);
        if !exists.map_err(|error| engine::io_error("open", LOG, error))? {
            return Err(missing("the file", LOG));
        }
        let engine = Engine::open(storage, LOG, CACHE_BYTES)?;
        engine::guarded(|| {
            let read = engine.read()?;
            if engine::identity(&read, LOG)? != identity {
                return Err(Error::corrupted(format!("{LOG} belongs to another store")));
            }
            let meta = read.open_table(META).map_err(engine_error)?;
            let trimmed =
                row(&meta, META, TRIMMED)?.ok_or_else(|| missing("the row", "trimmed"))?;
            let trimmed = Trimmed::from_body(&trimmed)?.through;
            if trimmed > watermark {
                return Err(Error::corrupted(format!(
                    "{LOG} goes on after commit {trimmed}, but the main index has only those \
                     through {watermark}: is it an older copy?"
                )));
            }
            let commits = read.open_table(COMMITS).map_err(engine_error)?;
            let last = commits.last().map_err(engine_error)?;
            let last = last.map_or(0, |(number, _)| number.value());
            Ok(Self {
                engine,
                last: last.max(watermark),
                trimmed,
                merged: watermark,
            })
        })
    }

    /// Lets changes through to the file; without this call they stay in memory.
    pub(crate) fn release(&self) -> Result<()> {
        self.engine.release()
    }

    /// Hands every commit that the main index lacks to `replay`, in order.
    ///
    /// # Errors
    ///
    /// `Corrupted` if one is missing or damaged; else those of `replay`.
    pub(crate) fn replay(&self, mut replay: impl FnMut(&Commit) -> Result<()>) -> Result<()> {
        engine::guarded(|| {
            let read = self.engine.read()?;
            let commits = read.open_table(COMMITS).map_err(engine_error)?;
            let mut expected = self.merged;
            for found in commits.range(self.merged + 1..).map_err(engine_error)? {
                let (number, guard) = found.map_err(engine_error)?;
                expected += 1;
                if number.value() != expected {
                    return Err(missing("commit", expected));
                }
                let body = checked(COMMITS, expected, guard)?;
                replay(&Commit::from_body(&body)?)?;
            }
            Ok(())
        })
    }

    /// The sequence number of the last commit.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// Appends commits, all or none; without any, what came before becomes durable. What was merged
    /// is trimmed.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the storage fails: the outcome is then unknown.
    pub(crate) fn append(&mut self, bodies: &[Vec<u8>], flush: Flush) -> Result<()> {
        let (last, trimmed, merged) = (self.last, self.trimmed, self.merged);
        self.engine.write(flush, |write| {
            let mut commits = write.open_table(COMMITS).map_err(engine_error)?;
            let buffer = &mut Vec::new();
            for (number, body) in (last + 1..).zip(bodies) {
                put(&mut commits, COMMITS, number, body, buffer)?;
            }
            if trimmed == merged {
                return Ok(());
            }
            let trim = commits.retain_in(trimmed..=merged, |_, _| false);
            trim.map_err(engine_error)?;
            let mut meta = write.open_table(META).map_err(engine_error)?;
            put_trimmed(&mut meta, merged)
        })?;
        self.last += bodies.len() as u64;
        self.trimmed = merged;
        Ok(())
    }

    /// The main index has all commits through `number`: the next commit trims them.
    pub(crate) fn merged_through(&mut self, number: u64) {
        self.merged = number;
    }

    /// The file, to be measured.
    pub(crate) fn file(&self) -> FileSize {
        self.engine.file()
    }

    /// Closes the engine.
    pub(crate) fn close(self) -> Result<()> {
        self.engine.close()
    }
}

fn put_trimmed(meta: &mut Table<'_, &'static [u8], &'static [u8]>, through: u64) -> Result<()> {
    let body = Trimmed { through }.to_body()?;
    put(meta, META, TRIMMED, &body, &mut Vec::new())
}
