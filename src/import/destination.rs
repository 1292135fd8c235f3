//! Where records go: a store here, or anything that takes them as one does.

use crate::import::{ImportError, Rejection};
#[cfg(feature = "async")]
use crate::stores::{SessionLogStore, Waiting};
#[cfg(feature = "async")]
use crate::{Cursor, CursorPage};
use crate::{Error, ErrorKind, Outcome, Query, Refusal, SessionLog, Store};

/// A record, and where in the input it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The line, or the number of the login record, from one.
    pub place: u64,
    /// The record.
    pub log: SessionLog,
}

/// What became of some records: each is counted once, or rejected.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Written {
    /// Sessions that are new.
    pub accepted: u64,
    /// Sessions of which all was there already.
    pub already_there: u64,
    /// Sessions that were open and have now ended.
    pub ended: u64,
    /// Records that were not taken.
    pub rejections: Vec<Rejection>,
}

/// Takes the records of an import. A [`Store`] is one: records become durable there as its options
/// say. So is any other one, `Waiting` (feature `async`).
pub trait Destination {
    /// The input is what it is said to be, and records are about to come: called once, before any
    /// other call. Nothing unless told otherwise.
    ///
    /// # Errors
    ///
    /// The destination cannot take records.
    fn begin(&mut self) -> Result<(), ImportError> {
        Ok(())
    }

    /// Writes records in their order. What is at fault in one of them keeps none of the others
    /// out; writing the same again changes nothing.
    ///
    /// # Errors
    ///
    /// The destination fails, whatever the records are. Some of them may have been written.
    fn write(&mut self, records: Vec<Placed>) -> Result<Written, ImportError>;

    /// How many records to write at a time, asked when an import begins: 20,000 unless told
    /// otherwise, some megabytes, and enough that neighbours share what a commit writes.
    fn records_at_once(&self) -> usize {
        RECORDS_AT_ONCE
    }

    /// The place up to which an import has come before, asked when one begins: what comes up to it is
    /// read, but neither written nor rejected again. Zero unless told otherwise.
    fn resume_after(&self) -> u64 {
        0
    }

    /// The open sessions that are there, any number of them: login records end them.
    ///
    /// # Errors
    ///
    /// The destination fails, or cannot tell, as is so unless told otherwise.
    fn each_open(&mut self, visit: &mut dyn FnMut(SessionLog)) -> Result<(), ImportError> {
        let _ = visit;
        let problem = "login records end sessions that are there, and it cannot tell which are";
        Err(ImportError::Destination(problem.into()))
    }
}

impl<D: Destination> Destination for &mut D {
    fn begin(&mut self) -> Result<(), ImportError> {
        (**self).begin()
    }

    fn write(&mut self, records: Vec<Placed>) -> Result<Written, ImportError> {
        (**self).write(records)
    }

    fn records_at_once(&self) -> usize {
        (**self).records_at_once()
    }

    fn resume_after(&self) -> u64 {
        (**self).resume_after()
    }

    fn each_open(&mut self, visit: &mut dyn FnMut(SessionLog)) -> Result<(), ImportError> {
        (**self).each_open(visit)
    }
}

/// Of an import as such.
const RECORDS_AT_ONCE: usize = 20_000;

/// Of an import into a store that has next to nothing yet: more than wait to be merged, so that they
/// are sorted once and go past the log. They take about 200 MB.
const BULK_RECORDS: usize = 100_000;

/// What an import asks of a store, however that is asked.
trait Keeper {
    fn session_count(&self) -> Result<u64, Error>;
    fn append(&self, log: SessionLog) -> Result<Outcome, Error>;
    fn append_batch(&self, records: &[Placed]) -> Result<Vec<Outcome>, Error>;
}

impl Keeper for Store {
    fn session_count(&self) -> Result<u64, Error> {
        Ok(self.stats()?.session_count)
    }

    fn append(&self, log: SessionLog) -> Result<Outcome, Error> {
        self.append(log)
    }

    fn append_batch(&self, records: &[Placed]) -> Result<Vec<Outcome>, Error> {
        self.append_batch(logs(records))
    }
}

impl Destination for &Store {
    fn write(&mut self, records: Vec<Placed>) -> Result<Written, ImportError> {
        write(*self, records)
    }

    /// As many as the store merges at once while it is empty, or nearly so.
    fn records_at_once(&self) -> usize {
        records_at_once(*self)
    }

    fn each_open(&mut self, visit: &mut dyn FnMut(SessionLog)) -> Result<(), ImportError> {
        let open = Query::builder().open_sessions_only(true).build()?;
        for log in self.iter(&open)? {
            visit(log?);
        }
        Ok(())
    }
}

#[cfg(feature = "async")]
impl<S: SessionLogStore> Keeper for Waiting<S> {
    fn session_count(&self) -> Result<u64, Error> {
        self.wait(async |store| Ok(store.stats().await?.session_count))
    }

    fn append(&self, log: SessionLog) -> Result<Outcome, Error> {
        self.wait(async |store| store.append(log).await)
    }

    fn append_batch(&self, records: &[Placed]) -> Result<Vec<Outcome>, Error> {
        let logs = logs(records).collect();
        self.wait(async |store| store.append_batch(logs).await)
    }
}

/// As into a [`Store`].
#[cfg(feature = "async")]
impl<S: SessionLogStore> Destination for Waiting<S> {
    fn write(&mut self, records: Vec<Placed>) -> Result<Written, ImportError> {
        write(self, records)
    }

    fn records_at_once(&self) -> usize {
        records_at_once(self)
    }

    /// By pages of 1,000, which the store must allow, and so not of one state: a session that ends
    /// meanwhile may be among them.
    fn each_open(&mut self, visit: &mut dyn FnMut(SessionLog)) -> Result<(), ImportError> {
        let open = Query::builder().open_sessions_only(true).build()?;
        let mut cursor = Cursor::start(&open);
        loop {
            let page = self.wait(async |store| store.page_after(&open, &cursor, 1_000).await)?;
            let CursorPage { entries, next, .. } = page;
            entries.into_iter().for_each(&mut *visit);
            cursor = next;
            if page.remaining_record_count == 0 {
                return Ok(());
            }
        }
    }
}

fn records_at_once(store: &impl Keeper) -> usize {
    let is_small = |count| count < BULK_RECORDS as u64;
    match store.session_count().is_ok_and(is_small) {
        true => BULK_RECORDS,
        false => RECORDS_AT_ONCE,
    }
}

/// Writes a batch; if it is refused, writes it once more without the refused records.
fn write(store: &impl Keeper, mut records: Vec<Placed>) -> Result<Written, ImportError> {
    let mut written = Written::default();
    for _ in 0..2 {
        match store.append_batch(&records) {
            Ok(outcomes) => {
                written.count(&outcomes);
                return Ok(written);
            }
            Err(error) if is_too_large(&error) && records.len() > 1 => {
                let rest = records.split_off(records.len() / 2);
                written.add(write(store, records)?);
                written.add(write(store, rest)?);
                return Ok(written);
            }
            Err(error) if is_too_large(&error) => break,
            Err(error) if error.refusals().is_empty() => return Err(error.into()),
            Err(error) => records = written.without(records, error.refusals()),
        }
    }
    one_by_one(store, records, &mut written)?;
    Ok(written)
}

/// The last resort, where somebody else's writes make new refusals, or where the store takes no
/// batch at all: no good record is lost.
fn one_by_one(
    store: &impl Keeper,
    records: Vec<Placed>,
    written: &mut Written,
) -> Result<(), Error> {
    for Placed { place, log } in records {
        match store.append(log) {
            Ok(outcome) => written.count(&[outcome]),
            Err(error) if is_refusal(&error) => written.reject(place, &error),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

impl Written {
    fn add(&mut self, other: Self) {
        self.accepted += other.accepted;
        self.already_there += other.already_there;
        self.ended += other.ended;
        self.rejections.extend(other.rejections);
    }

    fn reject(&mut self, place: u64, error: &Error) {
        self.rejections.push(Rejection::new(place, error));
    }

    /// The records without the refused ones, which are rejected.
    fn without(&mut self, records: Vec<Placed>, refusals: &[Refusal]) -> Vec<Placed> {
        let mut refusals = refusals.iter().peekable();
        let mut kept = Vec::with_capacity(records.len());
        for (index, record) in records.into_iter().enumerate() {
            match refusals.next_if(|refusal| refusal.index == index) {
                Some(refusal) => self.reject(record.place, &refusal.error),
                None => kept.push(record),
            }
        }
        kept
    }

    fn count(&mut self, outcomes: &[Outcome]) {
        for outcome in outcomes {
            let counter = match outcome {
                Outcome::Added => &mut self.accepted,
                Outcome::AlreadyThere => &mut self.already_there,
                Outcome::Ended => &mut self.ended,
            };
            *counter += 1;
        }
    }
}

fn logs(records: &[Placed]) -> impl Iterator<Item = SessionLog> {
    records.iter().map(|record| record.log.clone())
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
