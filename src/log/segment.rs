//! One file of the log: records one behind the other, each with a checksum over itself and the
//! checksum of the one before.
//!
//! The chain of checksums tells a record from what an earlier use of the same bytes has left behind
//! it. A record also says how far the log was durable when it was written: so a damaged record,
//! behind which there is one that knows it to have been durable, differs from one that a crash cut
//! off.

use crate::engine::io_error;
use crate::error::{Error, Result};
use crate::format::dictionary::Identity;
use crate::format::{CHECKSUM_BYTES, LogRecord, seal, unseal};
use crate::storage::{Storage, StorageFile};

/// A checksum and an identity.
const HEADER_BYTES: usize = CHECKSUM_BYTES + Identity::BODY_BYTES;

/// One open file.
#[derive(Debug)]
pub(super) struct Segment {
    name: &'static str,
    file: Box<dyn StorageFile>,
    /// Where the next record goes.
    end: u64,
    /// The bytes of the file.
    pub(super) len: u64,
    /// The number of the last record; zero if there is none.
    pub(super) last: u64,
    /// The checksum of the last record, or of the header.
    chain: [u8; CHECKSUM_BYTES],
    /// Whether there are records that are not durable yet.
    is_dirty: bool,
}

/// What an open file holds.
pub(super) struct Content {
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

    /// Whether anything behind them tells that the record of this number was durable once.
    pub(super) fn knows(&self, number: u64) -> bool {
        let behind = self.bytes.get(self.end..).unwrap_or_default();
        LogRecord::any_that_knows(behind, number)
    }
}

impl Segment {
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
        let failed = |error| io_error("open", name, error);
        let file = storage.open(name).map_err(failed)?;
        let len = usize::try_from(file.len().map_err(failed)?).unwrap_or(usize::MAX);
        let mut bytes = vec![0; len];
        file.read(0, &mut bytes).map_err(failed)?;
        let chain = check_header(name, &bytes, identity)?;
        let mut segment = Self {
            name,
            file,
            end: HEADER_BYTES as u64,
            len: bytes.len() as u64,
            last: 0,
            chain,
            is_dirty: false,
        };
        let end = HEADER_BYTES + segment.find_end(bytes.get(HEADER_BYTES..).unwrap_or_default());
        segment.end = end as u64;
        Ok((segment, Content { bytes, end }))
    }

    /// Goes through the records and answers how many bytes they take.
    fn find_end(&mut self, bytes: &[u8]) -> usize {
        let mut rest = bytes;
        while let Some((record, behind)) = LogRecord::read(rest)
            && record.chain == self.chain
            && (self.last == 0 || record.number == self.last + 1)
        {
            self.last = record.number;
            self.chain = record.checksum;
            rest = behind;
        }
        bytes.len() - rest.len()
    }

    /// Starts anew at the beginning: what it holds is not needed any more.
    pub(super) fn rewind(&mut self, identity: Identity) {
        self.end = HEADER_BYTES as u64;
        self.last = 0;
        self.chain = checksum_of(&header(identity));
        self.is_dirty = false;
    }

    /// Appends records, `durable` being the last that is known to be durable, without a sync.
    ///
    /// A failure leaves the place as it was: what is written next goes over what may be there.
    pub(super) fn append(&mut self, first: u64, bodies: &[Vec<u8>], durable: u64) -> Result<()> {
        let (mut bytes, mut chain) = (Vec::new(), self.chain);
        for (number, body) in (first..).zip(bodies) {
            chain = LogRecord::write(chain, number, durable, body, &mut bytes);
        }
        let written = self.file.write(self.end, &bytes);
        written.map_err(|error| io_error("write", self.name, error))?;
        self.end += bytes.len() as u64;
        self.len = self.len.max(self.end);
        self.last = first + bodies.len() as u64 - 1;
        self.chain = chain;
        self.is_dirty = true;
        Ok(())
    }

    /// Makes every record durable.
    pub(super) fn sync(&mut self) -> Result<()> {
        if self.is_dirty {
            let synced = self.file.sync();
            synced.map_err(|error| io_error("sync", self.name, error))?;
            self.is_dirty = false;
        }
        Ok(())
    }

    /// Gives the room of its records back.
    pub(super) fn cut(&self) -> Result<()> {
        let cut = self.file.set_len(HEADER_BYTES as u64);
        cut.map_err(|error| io_error("cut", self.name, error))
    }
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
    let identity = Identity::from_body(unseal("log", b"identity", header)?)?;
    match identity == expected {
        true => Ok(checksum_of(header)),
        false => Err(Error::corrupted(format!("{name} belongs to another store"))),
    }
}
