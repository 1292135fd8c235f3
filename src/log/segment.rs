//! One file of the log: records one behind the other, each with a checksum over itself and the
//! checksum of the one before.
//!
//! The chain of checksums tells a record from what an earlier use of the same bytes has left behind
//! it. A record also says how far the log was durable when it was written: so a damaged record,
//! behind which there is one that knows it to have been durable, differs from one that a crash cut
//! off.

use crate::engine::{io_error, unfinished};
use crate::error::{Error, Result};
use crate::format::dictionary::Identity;
use crate::format::{CHECKSUM_BYTES, HEAD_BYTES, LogRecord, seal, unseal};
use crate::storage::{Storage, StorageFile};
use std::io;

/// A checksum and an identity.
const HEADER_BYTES: usize = CHECKSUM_BYTES + Identity::BODY_BYTES;

/// A file grows by so many bytes of zeros at a time. A sync of a record is faster by a third where it
/// need not also sync that the file has become longer.
const GROWTH_BYTES: u64 = 64 << 10;

/// One open file.
#[derive(Debug)]
pub(super) struct Segment {
    name: &'static str,
    file: Box<dyn StorageFile>,
    /// The bytes of the file.
    pub(super) len: u64,
    place: Place,
    /// The records that are not durable yet, which are the last.
    unsynced: Vec<u8>,
    /// Whether those were found in the file, written by a process that is no more.
    is_in_doubt: bool,
    /// What failed, if what it has left in the file is still there.
    fault: Option<Fault>,
}

/// Where the next record goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    end: u64,
    /// The number of the last record; zero if there is none.
    pub(super) last: u64,
    /// The checksum of the last record, or of the header.
    chain: [u8; CHECKSUM_BYTES],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    /// There may be anything behind the last record.
    Write,
    /// Nobody knows what of the last records has reached the storage, whatever it says from now on
    /// (Rebello et al., "Can applications recover from fsync failures?", 2020).
    Sync,
}

/// What an open file holds.
pub(super) struct Content {
    pub(super) name: &'static str,
    bytes: Vec<u8>,
    /// Where the last record ends that is as it was written.
    end: usize,
}

impl Content {
    /// Its records, in order.
    pub(super) fn records(&self) -> impl Iterator<Item = LogRecord<'_>> {
        let mut rest = self.bytes.get(HEADER_BYTES..self.end).unwrap_or_default();
        std::iter::from_fn(move || {
            let (record, behind) = LogRecord::read(rest)?;
            rest = behind;
            Some(record)
        })
    }

    /// Whether anything behind them, up to the number `last`, tells that the record of this number
    /// was durable once.
    pub(super) fn knows(&self, number: u64, last: u64) -> bool {
        let behind = self.bytes.get(self.end..).unwrap_or_default();
        LogRecord::any_that_knows(behind, number, last)
    }

    /// How many records it has room for.
    pub(super) fn records_max(&self) -> u64 {
        (self.bytes.len() / HEAD_BYTES) as u64
    }
}

impl Segment {
    /// The bytes of a file that never had a record.
    pub(super) const EMPTY_BYTES: u64 = HEADER_BYTES as u64;

    /// Makes an empty file under another name, whole and durable.
    pub(super) fn create(storage: &dyn Storage, name: &str, identity: Identity) -> Result<()> {
        let failed = |error| io_error("create", name, error);
        let file = storage.create(name).map_err(failed)?;
        file.write(0, &header(identity)).map_err(failed)?;
        file.sync().map_err(failed)
    }

    /// Opens a file, changing nothing, and answers what it holds.
    ///
    /// # Errors
    ///
    /// `UnsupportedFormat` if it is another version's; `Corrupted` if it is another store's.
    pub(super) fn open(
        storage: &dyn Storage,
        name: &'static str,
        identity: Identity,
    ) -> Result<(Self, Content)> {
        let (file, bytes) = open_whole(storage, name)?;
        let chain = check_header(name, &bytes, identity)?;
        let place = find_end(&bytes, Place::start(chain));
        let segment = Self {
            name,
            file,
            len: bytes.len() as u64,
            place,
            unsynced: Vec::new(),
            is_in_doubt: false,
            fault: None,
        };
        let end = usize::try_from(place.end).unwrap_or(bytes.len());
        Ok((segment, Content { name, bytes, end }))
    }

    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// The number of the last record; zero if there is none.
    pub(super) fn last(&self) -> u64 {
        self.place.last
    }

    /// The bytes of its records.
    pub(super) fn record_bytes(&self) -> u64 {
        self.place.end - HEADER_BYTES as u64
    }

    /// What it holds was written by a process that ended without closing: it may not be durable.
    pub(super) fn doubt(&mut self, content: &Content) {
        let records = content.bytes.get(HEADER_BYTES..content.end);
        self.unsynced = records.unwrap_or_default().to_vec();
        self.is_in_doubt = true;
    }

    /// Its records follow on some that a crash has taken: they are not to be there.
    pub(super) fn cut_off(&mut self, identity: Identity) {
        self.rewind(identity);
        self.fault = Some(Fault::Write);
    }

    /// Starts anew at the beginning: what it holds is not needed any more.
    pub(super) fn rewind(&mut self, identity: Identity) {
        self.place = Place::start(checksum_of(&header(identity)));
        self.unsynced = Vec::new();
        self.is_in_doubt = false;
    }

    /// Appends records, `durable` being the last that is known to be durable, without a sync.
    pub(super) fn append(&mut self, first: u64, bodies: &[Vec<u8>], durable: u64) -> Result<()> {
        let (mut bytes, mut chain) = (Vec::new(), self.place.chain);
        for (number, body) in (first..).zip(bodies) {
            chain = LogRecord::write(chain, number, durable, body, &mut bytes);
        }
        let end = self.place.end + bytes.len() as u64;
        let written = self
            .grow(end)
            .and_then(|()| self.file.write(self.place.end, &bytes));
        if let Err(error) = written {
            return Err(self.failed(Fault::Write, "write", error));
        }
        self.place = Place {
            end,
            last: first + bodies.len() as u64 - 1,
            chain,
        };
        match self.unsynced.is_empty() {
            true => self.unsynced = bytes,
            false => self.unsynced.extend_from_slice(&bytes),
        }
        Ok(())
    }

    /// Makes the file as long as records up to `end` need, and a bit longer.
    fn grow(&mut self, end: u64) -> io::Result<()> {
        if end > self.len {
            let len = end.next_multiple_of(GROWTH_BYTES);
            let zeros = usize::try_from(len - self.len).unwrap_or(usize::MAX);
            self.file.write(self.len, &vec![0; zeros])?;
            self.len = len;
        }
        Ok(())
    }

    /// Makes the file longer than one that was never used. Without room it is not: nothing but zeros can be
    /// left of that, which are no record.
    pub(super) fn mark(&mut self) {
        let _ = self.grow(Self::EMPTY_BYTES + 1);
    }

    /// Takes the records behind `place` back: they are not to be there.
    pub(super) fn take_back(&mut self, place: Place) {
        let bytes = usize::try_from(self.place.end - place.end).unwrap_or(usize::MAX);
        self.unsynced
            .truncate(self.unsynced.len().saturating_sub(bytes));
        self.place = place;
        self.fault = self.fault.max(Some(Fault::Write));
    }

    /// Makes every record durable.
    pub(super) fn sync(&mut self) -> Result<()> {
        if self.unsynced.is_empty() {
            return Ok(());
        }
        // A sync of that process may have failed. What is read then need not be on the storage, and
        // another sync would say that it is.
        if self.is_in_doubt {
            let begin = self.place.end - self.unsynced.len() as u64;
            if let Err(error) = self.file.write(begin, &self.unsynced) {
                return Err(self.failed(Fault::Sync, "write", error));
            }
            self.is_in_doubt = false;
        }
        if let Err(error) = self.file.sync() {
            return Err(self.failed(Fault::Sync, "sync", error));
        }
        self.unsynced = Vec::new();
        Ok(())
    }

    #[cold]
    fn failed(&mut self, fault: Fault, verb: &str, error: io::Error) -> Error {
        self.fault = self.fault.max(Some(fault));
        io_error(verb, self.name, error)
    }

    /// Brings the file to hold its records, durable, and nothing behind them, if anything failed.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the storage fails again: then this is to be repeated.
    pub(super) fn settle(&mut self, storage: &dyn Storage) -> Result<()> {
        match self.fault {
            None => return Ok(()),
            Some(Fault::Write) if !self.is_in_doubt => self.cut_behind()?,
            Some(_) => self.replace(storage)?,
        }
        self.len = self.place.end;
        self.unsynced = Vec::new();
        self.is_in_doubt = false;
        self.fault = None;
        Ok(())
    }

    /// Takes no room, so that a full storage does not prevent it.
    fn cut_behind(&mut self) -> Result<()> {
        if let Err(error) = self.file.set_len(self.place.end) {
            return Err(self.failed(Fault::Write, "cut", error));
        }
        match self.file.sync() {
            Ok(()) => Ok(()),
            Err(error) => Err(self.failed(Fault::Sync, "sync", error)),
        }
    }

    /// Puts a new file in the place of this one, whose end cannot be trusted.
    fn replace(&mut self, storage: &dyn Storage) -> Result<()> {
        let failed = |error| io_error("replace", self.name, error);
        let synced = self.place.end - self.unsynced.len() as u64;
        let mut bytes = vec![0; usize::try_from(synced).unwrap_or(usize::MAX)];
        self.file.read(0, &mut bytes).map_err(failed)?;
        bytes.extend_from_slice(&self.unsynced);
        let chain = checksum_of(&bytes);
        if find_end(&bytes, Place::start(chain)) != self.place {
            let problem = format!("{} has lost what was durable", self.name);
            return Err(Error::corrupted(problem));
        }
        let unfinished = unfinished(self.name);
        let file = storage.create(&unfinished).map_err(failed)?;
        file.write(0, &bytes).map_err(failed)?;
        file.sync().map_err(failed)?;
        storage.rename(&unfinished, self.name).map_err(failed)?;
        storage.sync().map_err(failed)?;
        self.file = file;
        Ok(())
    }

    /// Starts anew, and gives the room of its records back for good.
    pub(super) fn cut(&mut self, identity: Identity) -> Result<()> {
        self.rewind(identity);
        self.shrink()
    }

    /// Gives the room behind its records back, and makes them durable.
    pub(super) fn shrink(&mut self) -> Result<()> {
        self.cut_behind()?;
        self.len = self.place.end;
        self.unsynced = Vec::new();
        Ok(())
    }
}

impl Place {
    /// Behind a header.
    fn start(chain: [u8; CHECKSUM_BYTES]) -> Self {
        Self {
            end: HEADER_BYTES as u64,
            last: 0,
            chain,
        }
    }
}

/// Goes through the records of a file whose header `place` is behind, and answers where they end.
fn find_end(bytes: &[u8], mut place: Place) -> Place {
    let mut rest = bytes.get(HEADER_BYTES..).unwrap_or_default();
    while let Some((record, behind)) = LogRecord::read(rest)
        && record.chain == place.chain
        && (place.last == 0 || record.number == place.last + 1)
    {
        place = Place {
            end: (bytes.len() - behind.len()) as u64,
            last: record.number,
            chain: record.checksum,
        };
        rest = behind;
    }
    place
}

/// A file and all that it holds.
pub(super) fn open_whole(
    storage: &dyn Storage,
    name: &str,
) -> Result<(Box<dyn StorageFile>, Vec<u8>)> {
    let failed = |error| io_error("open", name, error);
    let file = storage.open(name).map_err(failed)?;
    let len = usize::try_from(file.len().map_err(failed)?).unwrap_or(usize::MAX);
    let mut bytes = vec![0; len];
    file.read(0, &mut bytes).map_err(failed)?;
    Ok((file, bytes))
}

fn header(identity: Identity) -> Vec<u8> {
    let mut header = Vec::new();
    seal("log", b"identity", &identity.to_body(), &mut header);
    header
}

fn checksum_of(header: &[u8]) -> [u8; CHECKSUM_BYTES] {
    header.first_chunk().copied().unwrap_or_default()
}

fn check_header(name: &str, bytes: &[u8], expected: Identity) -> Result<[u8; CHECKSUM_BYTES]> {
    let cut = || Error::corrupted(format!("{name} is cut off"));
    let header = bytes.get(..HEADER_BYTES).ok_or_else(cut)?;
    let identity = unseal("log", b"identity", header).and_then(Identity::from_body);
    let identity = identity.map_err(|error| error.of_file(name))?;
    match identity == expected {
        true => Ok(checksum_of(header)),
        false => Err(Error::corrupted(format!("{name} belongs to another store"))),
    }
}

/// A file with these commits behind a watermark, whatever is in them.
#[cfg(fuzzing)]
pub(crate) fn forged(identity: Identity, watermark: u64, bodies: &[&[u8]]) -> Vec<u8> {
    let mut file = header(identity);
    let mut chain = checksum_of(&file);
    for (number, body) in (watermark + 1..).zip(bodies) {
        chain = LogRecord::write(chain, number, watermark, body, &mut file);
    }
    file
}
