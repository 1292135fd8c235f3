//! The log: the commits that are not yet in the main index, each durable as soon as its caller is
//! told.
//!
//! A commit is a record with all that it resolved to: reading it back looks nothing up. There are
//! two files. Commits go to one of them until a merge begins, and then to the other: what the merge
//! brings into the main index is in the first, which is written anew once it has ended.

mod remains;
mod segment;
#[cfg(test)]
mod tests;

pub(crate) use remains::remains;
#[cfg(fuzzing)]
pub(crate) use segment::forged;

use crate::engine::{self, missing};
use crate::error::{Error, Result};
use crate::format::Commit;
use crate::format::dictionary::Identity;
use crate::storage::Storage;
use segment::{Content, Segment};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The files of the log.
pub(crate) const LOGS: [&str; 2] = ["log.0", "log.1"];

/// Whether a commit waits until the storage has it for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flush {
    Now,
    Later,
}

/// An open log.
#[derive(Debug)]
pub(crate) struct Log {
    storage: Arc<dyn Storage>,
    /// The one that is written, and the other.
    current: Segment,
    other: Segment,
    identity: Identity,
    /// The number of the last commit, and of the last that is durable.
    last: u64,
    durable: u64,
    /// The last commit that is not needed any more.
    merged: u64,
}

impl Log {
    /// Makes an empty log, whole and durable, under its [unfinished](engine::unfinished) names.
    pub(crate) fn create(storage: &dyn Storage, identity: Identity) -> Result<()> {
        LOGS.iter()
            .try_for_each(|name| Segment::create(storage, &engine::unfinished(name), identity))
    }

    /// Opens the log of a main index that has all commits through `watermark`, changing no byte,
    /// and answers those commits that it lacks, in order.
    ///
    /// # Errors
    ///
    /// `Corrupted` if a commit is missing or damaged, or the log is another store's.
    pub(crate) fn open(
        storage: Arc<dyn Storage>,
        identity: Identity,
        watermark: u64,
    ) -> Result<(Self, Vec<Commit>)> {
        let [one, two] = LOGS.map(|name| open_segment(&*storage, name, identity));
        let (mut older, mut newer) = match (one?, two?) {
            (one, two) if one.0.last() < two.0.last() => (one, two),
            (one, two) => (two, one),
        };
        let (commits, last) = needed([&older.1, &newer.1], watermark)?;
        for (file, content) in [&mut older, &mut newer] {
            if file.last() > last {
                file.cut_off(identity);
            } else if file.last() > watermark {
                file.doubt(content);
            }
        }
        let mut files = [older.0, newer.0];
        files.sort_by_key(Segment::last);
        let [other, current] = files;
        let log = Self {
            storage,
            current,
            other,
            identity,
            last,
            durable: watermark,
            merged: watermark,
        };
        Ok((log, commits))
    }

    /// Whether there is the log of a store that has, or has had, any commit.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the storage fails.
    pub(crate) fn has_commits(storage: &dyn Storage) -> Result<bool> {
        for name in LOGS {
            let failed = |error| engine::io_error("look at", name, error);
            if storage.exists(name).map_err(failed)? {
                let file = storage.open(name).map_err(failed)?;
                if file.len().map_err(failed)? > Segment::EMPTY_BYTES {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    /// Lets it be [seen](Self::has_commits) that the store has had sessions, though they came to the main
    /// index past the log.
    pub(crate) fn mark(&mut self) {
        self.current.mark();
    }

    /// The number of the last commit.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// Appends commits, all or none; without any, what came before becomes durable.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the storage fails: the commits are not to be there, and nothing more may be
    /// appended before [`settle`](Self::settle) has made sure of it.
    pub(crate) fn append(&mut self, bodies: &[Vec<u8>], flush: Flush) -> Result<()> {
        if self.current.last() <= self.merged {
            self.current.rewind(self.identity);
        }
        let place = self.current.place();
        if let Err(error) = self.append_behind(bodies, flush) {
            self.current.take_back(place);
            return Err(error);
        }
        self.last += bodies.len() as u64;
        if flush == Flush::Now {
            self.durable = self.last;
        }
        Ok(())
    }

    fn append_behind(&mut self, bodies: &[Vec<u8>], flush: Flush) -> Result<()> {
        if !bodies.is_empty() {
            self.current.append(self.last + 1, bodies, self.durable)?;
        }
        if flush == Flush::Later {
            return Ok(());
        }
        if self.other.last() > self.merged {
            self.other.sync()?;
        }
        self.current.sync()
    }

    /// Makes sure that the files hold the commits that were appended, and no other, after one that
    /// failed.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the storage fails again: whether the failed commits are there is then
    /// unknown.
    pub(crate) fn settle(&mut self) -> Result<()> {
        self.other.settle(&*self.storage)?;
        self.current.settle(&*self.storage)
    }

    /// A merge begins, of all commits so far: the next go to the other file, if nothing in that is
    /// needed any more.
    pub(crate) fn freeze(&mut self) {
        if self.other.last() <= self.merged && self.current.last() > self.merged {
            std::mem::swap(&mut self.current, &mut self.other);
            self.current.rewind(self.identity);
        }
    }

    /// The main index has all commits through `number`.
    pub(crate) fn merged_through(&mut self, number: u64) {
        self.merged = number;
        self.durable = self.durable.max(number);
    }

    /// Whether the storage has every commit for good.
    pub(crate) fn is_durable(&self) -> bool {
        self.last <= self.durable
    }

    /// Whether the main index has every commit.
    pub(crate) fn is_merged(&self) -> bool {
        self.last <= self.merged
    }

    /// Bytes of records with commits that the main index lacks.
    pub(crate) fn unmerged_bytes(&self) -> u64 {
        let segments = [&self.current, &self.other].into_iter();
        let needed = segments.filter(|segment| segment.last() > self.merged);
        needed.map(Segment::record_bytes).sum()
    }

    /// The bytes of the files.
    pub(crate) fn bytes(&self) -> u64 {
        self.current.len + self.other.len
    }

    /// Makes every commit durable, and gives their room back if none is needed any more.
    pub(crate) fn close(mut self) -> Result<()> {
        self.settle()?;
        match self.is_merged() {
            true => self.trim(),
            false => self.append(&[], Flush::Now),
        }
    }

    /// Gives the room of all commits back, none of which is needed any more, and with it the bytes
    /// that they had. What remains tells how far the log went: without it, an older copy of the main
    /// index would seem to be whole.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the storage fails; see [`append`](Self::append).
    pub(crate) fn trim(&mut self) -> Result<()> {
        if self.last == 0 {
            return Ok(());
        }
        self.other.cut(self.identity)?;
        self.current.cut(self.identity)?;
        let nothing = [Vec::new()];
        self.current.append(self.last, &nothing, self.last)?;
        self.current.shrink()
    }
}

/// Those last commits through `watermark` that the files still hold, in order: the main index has them
/// too. None if the last is not there, as the log was emptied or did not become durable.
///
/// # Errors
///
/// As [`Log::open`].
pub(crate) fn merged(
    storage: &dyn Storage,
    identity: Identity,
    watermark: u64,
) -> Result<Vec<Commit>> {
    let mut commits = BTreeMap::new();
    for name in LOGS {
        let (_, content) = open_segment(storage, name, identity)?;
        let merged = content
            .records()
            .filter(|record| record.number <= watermark);
        for record in merged.filter(|record| !record.body.is_empty()) {
            let commit = Commit::from_body(record.body);
            commits.insert(record.number, commit.map_err(|error| error.of_file(name))?);
        }
    }
    let numbers = (1..=watermark).rev();
    let mut last: Vec<Commit> = numbers
        .map_while(|number| commits.remove(&number))
        .collect();
    last.reverse();
    Ok(last)
}

fn open_segment(
    storage: &dyn Storage,
    name: &'static str,
    identity: Identity,
) -> Result<(Segment, Content)> {
    let exists = storage.exists(name);
    match exists.map_err(|error| engine::io_error("open", name, error))? {
        true => Segment::open(storage, name, identity),
        false => Err(missing("the file", name)),
    }
}

/// The commits behind the watermark, and the number of the last.
///
/// Where one is missing the log ends, as a crash has cut it off there; unless a later one tells that
/// it was durable.
fn needed(contents: [&Content; 2], watermark: u64) -> Result<(Vec<Commit>, u64)> {
    let mut last = watermark;
    let mut commits = Vec::new();
    let records = contents.into_iter().flat_map(|content| {
        let records = content.records();
        records.map(|record| (content.name, record))
    });
    for (name, record) in records.filter(|(_, record)| record.number > watermark) {
        if record.number == last + 1 && record.body.is_empty() {
            // What is left of a log whose commits are in a newer main index.
            return Err(lacking(record.number));
        } else if record.number == last + 1 {
            let commit = Commit::from_body(record.body);
            commits.push(commit.map_err(|error| error.of_file(name))?);
            last += 1;
        } else if record.durable > last {
            return Err(lacking(last + 1));
        }
    }
    let records_max = contents
        .iter()
        .map(|content| content.records_max())
        .sum::<u64>();
    let knows = |content: &&Content| content.knows(last + 1, last.saturating_add(records_max));
    match contents.iter().any(knows) {
        true => Err(lacking(last + 1)),
        false => Ok((commits, last)),
    }
}

#[cold]
fn lacking(number: u64) -> Error {
    Error::corrupted(format!("{} and {} lack commit {number}", LOGS[0], LOGS[1]))
}
