//! The main index checked as a whole: every row of every table, and every table against every other.
//!
//! Memory is a few bytes for each name and client. That each family has the sessions it must have is
//! found by counts and sums of hashes over all kinds of families; only where one is wrong is each
//! session looked up in its place.

mod dictionary;
mod families;
mod starts;

use super::steps::Steps;
use super::{MAIN, MainReader};
use crate::engine::guarded;
use crate::error::{Error, Result};
use redb::ReadableTableMetadata;
use std::fmt::Display;
use std::hash::{DefaultHasher, Hasher};

/// Faults that are told one by one; more are counted.
const FAULTS_MAX: usize = 1_000;

/// What a check has found so far.
pub(crate) struct Findings<'p> {
    faults: Vec<String>,
    fault_count: u64,
    /// Bytes of the rows that were seen.
    live_bytes: u64,
    steps: Steps<'p>,
}

impl<'p> Findings<'p> {
    /// `progress` is told how many rows were gone through, and of how many.
    pub(crate) fn new(progress: &'p mut dyn FnMut(u64, u64)) -> Self {
        Self {
            faults: Vec::new(),
            fault_count: 0,
            live_bytes: 0,
            steps: Steps::new(progress),
        }
    }

    /// See [`Steps::expect`].
    pub(crate) fn expect(&mut self, more: u64) {
        self.steps.expect(more);
    }

    /// See [`Steps::step`].
    pub(crate) fn step(&mut self, steps: u64) -> Result<()> {
        self.steps.step(steps)
    }

    /// See [`Steps::finish`].
    pub(crate) fn finish(&mut self) {
        self.steps.finish();
    }

    /// See [`Steps::go_on_with_panic`].
    pub(crate) fn go_on_with_panic(&mut self) {
        self.steps.go_on_with_panic();
    }

    pub(crate) fn fault(&mut self, fault: impl Display) {
        self.fault_count += 1;
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(fault.to_string());
        }
    }

    /// The faults, and how many there are in all.
    pub(crate) fn into_faults(self) -> (Vec<String>, u64) {
        (self.faults, self.fault_count)
    }

    /// Runs a part of a check. What damage keeps it from is a fault.
    ///
    /// # Errors
    ///
    /// What is no damage: the storage fails, or the state has expired.
    pub(crate) fn part<T>(
        &mut self,
        check: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<Option<T>> {
        let done = guarded(MAIN, || check(self));
        self.told(done)
    }

    /// What was read; nothing if that is damaged, which is a fault then.
    fn told<T>(&mut self, read: Result<T>) -> Result<Option<T>> {
        match read {
            Ok(read) => Ok(Some(read)),
            Err(error) => self.unless_damage(error).map(|()| None),
        }
    }

    pub(crate) fn unless_damage(&mut self, error: Error) -> Result<()> {
        match error.is_of_what_is_stored() {
            true => {
                self.fault(error);
                Ok(())
            }
            false => Err(error),
        }
    }
}

/// What was looked up; nothing if its row is damaged, which is told where its table is gone through.
fn undamaged<T>(found: Result<T>) -> Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_of_what_is_stored() => Ok(None),
        Err(error) => Err(error),
    }
}

/// A set of things as its size and the sum of their hashes: two that are alike are so but for one
/// chance in 2^64.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Sum {
    count: u64,
    hashes: u64,
}

impl Sum {
    fn add(&mut self, hash: impl FnOnce(&mut DefaultHasher)) {
        let mut hasher = DefaultHasher::new();
        hash(&mut hasher);
        self.count += 1;
        self.hashes = self.hashes.wrapping_add(hasher.finish());
    }
}

/// Checks everything in one state of the main index.
///
/// # Errors
///
/// `Unavailable` if the storage fails.
pub(crate) fn verify(reader: &MainReader, findings: &mut Findings<'_>) -> Result<()> {
    let total = findings.part(|_| reader.row_count())?;
    findings.steps.expect(total.unwrap_or(0));
    let names = dictionary::check(reader, findings)?;
    let expected = families::check(reader, &names, findings)?;
    findings.part(|findings| starts::check(reader, expected, findings))?;
    let told = reader.state().live_bytes;
    if findings.fault_count == 0 && told != findings.live_bytes {
        findings.fault(format!(
            "the rows have {} bytes, and the index says {told}",
            findings.live_bytes
        ));
    }
    findings.steps.finish();
    Ok(())
}

impl MainReader {
    /// How many rows there are in all tables but `meta`.
    fn row_count(&self) -> Result<u64> {
        let counts = [
            self.roots.len(),
            self.nodes.len(),
            self.starts.len(),
            self.names.len(),
            self.name_ids.len(),
            self.users.len(),
            self.clients.len(),
            self.client_ids.len(),
        ];
        counts.into_iter().try_fold(0, |sum, count| {
            Ok(sum + count.map_err(crate::engine::engine_error)?)
        })
    }
}
