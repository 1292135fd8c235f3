//! Records on their way to the store, and what became of them.

use crate::import::{ImportError, Observer, Rejection, Summary};
use crate::{Error, ErrorKind, Outcome, Refusal, SessionLog, Store};
use std::fmt::Display;

/// Records of one batch: some megabytes, and enough that neighbours share what a commit writes.
pub(super) const BATCH_RECORDS: usize = 20_000;

/// Collects records and rejections, and settles them together.
pub(super) struct Batch<'a> {
    store: &'a Store,
    observer: &'a mut dyn Observer,
    entries: Vec<Entry>,
    rejections: Vec<Rejection>,
    /// Records of input dealt with, now and at the last settlement.
    records: u64,
    settled: u64,
    summary: Summary,
}

/// A record, and where in the input it comes from.
struct Entry {
    place: u64,
    log: SessionLog,
}

impl<'a> Batch<'a> {
    pub(super) fn new(store: &'a Store, observer: &'a mut dyn Observer) -> Self {
        Self {
            store,
            observer,
            entries: Vec::new(),
            rejections: Vec::new(),
            records: 0,
            settled: 0,
            summary: Summary::default(),
        }
    }

    pub(super) fn push(&mut self, place: u64, log: SessionLog) {
        self.entries.push(Entry { place, log });
    }

    pub(super) fn reject(&mut self, place: u64, reason: &impl Display) {
        self.rejections.push(Rejection::new(place, reason));
    }

    /// One more record of the input is dealt with, of which `bytes` have been read so far.
    pub(super) fn dealt(&mut self, bytes: u64) -> Result<(), ImportError> {
        self.records += 1;
        let is_due = self.records - self.settled >= BATCH_RECORDS as u64;
        if is_due || self.entries.len() >= BATCH_RECORDS {
            self.settle(bytes)?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self, bytes: u64) -> Result<Summary, ImportError> {
        self.settle(bytes)?;
        Ok(self.summary)
    }

    /// Writes what was collected, and reports what was not taken.
    fn settle(&mut self, bytes: u64) -> Result<(), ImportError> {
        let mut entries = std::mem::take(&mut self.entries).into_iter();
        // One record of the input can end any number of sessions.
        while entries.len() > 0 {
            let chunk = entries.by_ref().take(BATCH_RECORDS).collect();
            self.write(chunk)?;
        }
        self.report();
        self.settled = self.records;
        self.observer.advanced(bytes, self.records);
        Ok(())
    }

    /// Writes a batch; if it is refused, writes it once more without the refused records.
    fn write(&mut self, mut chunk: Vec<Entry>) -> Result<(), ImportError> {
        for _ in 0..2 {
            match self.store.append_batch(logs(&chunk)) {
                Ok(outcomes) => {
                    self.count(&outcomes);
                    return Ok(());
                }
                Err(error) if is_too_large(&error) => break,
                Err(error) if error.refusals().is_empty() => return Err(error.into()),
                Err(error) => chunk = self.without(chunk, error.refusals()),
            }
        }
        self.write_one_by_one(chunk)
    }

    /// The last resort, where somebody else's writes make new refusals, or where the store takes
    /// no batch of this size: no good record is lost.
    fn write_one_by_one(&mut self, chunk: Vec<Entry>) -> Result<(), ImportError> {
        for Entry { place, log } in chunk {
            match self.store.append(log) {
                Ok(outcome) => self.count(&[outcome]),
                Err(error) if is_refusal(&error) => self.reject(place, &error),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// The batch without the refused records, which are rejected.
    fn without(&mut self, chunk: Vec<Entry>, refusals: &[Refusal]) -> Vec<Entry> {
        let mut refusals = refusals.iter().peekable();
        let mut kept = Vec::with_capacity(chunk.len());
        for (index, entry) in chunk.into_iter().enumerate() {
            match refusals.next_if(|refusal| refusal.index == index) {
                Some(refusal) => self.reject(entry.place, &refusal.error),
                None => kept.push(entry),
            }
        }
        kept
    }

    fn count(&mut self, outcomes: &[Outcome]) {
        for outcome in outcomes {
            let counter = match outcome {
                Outcome::Added => &mut self.summary.accepted,
                Outcome::AlreadyThere => &mut self.summary.already_there,
                Outcome::Ended => &mut self.summary.ended,
            };
            *counter += 1;
        }
    }

    fn report(&mut self) {
        self.rejections.sort_by_key(|rejection| rejection.place);
        for rejection in self.rejections.drain(..) {
            self.summary.rejected += 1;
            self.observer.rejected(&rejection);
        }
    }
}

fn logs(chunk: &[Entry]) -> impl Iterator<Item = SessionLog> {
    chunk.iter().map(|entry| entry.log.clone())
}

/// Whether the store's options allow no batch of this size.
fn is_too_large(error: &Error) -> bool {
    error.refusals().is_empty() && error.member() == Some("batch")
}

/// Whether the record is at fault, not the store.
fn is_refusal(error: &Error) -> bool {
    use ErrorKind::{AlreadyEnded, Conflict, InvalidInput};
    matches!(error.kind(), InvalidInput | Conflict | AlreadyEnded)
}
