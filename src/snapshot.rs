//! Reading: one frozen state of a store.

use crate::cursor::{Cursor, CursorPage};
use crate::error::Result;
use crate::format::Entry;
use crate::query::{self, BucketCount, Page, PageRequest, Query};
use crate::session::SessionLog;
use crate::time::Bucket;
use crate::view::{Selection, View};
use std::iter::FusedIterator;
use std::sync::Arc;
use uuid::Uuid;

/// One state of a store, frozen: whatever is written meanwhile, its answers stay the same.
///
/// Cheap to take and to clone, and it blocks nobody; but the storage it reads is kept until it is
/// dropped, so a snapshot held for long makes the file grow. Once its store is closed, or the last
/// handle of it dropped, reads are `Closed`.
///
/// ```
/// # use sessionlog::{Query, SessionLog, Store};
/// # use uuid::Uuid;
/// let store = Store::in_memory()?;
/// let before = store.snapshot()?;
/// store.start(Uuid::from_u128(7), "Ann", "PDA-01")?;
/// assert_eq!(before.count(&Query::all())?, 0);
/// assert_eq!(store.count(&Query::all())?, 1);
/// # Ok::<(), sessionlog::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Snapshot {
    view: Arc<View>,
    records_per_page_max: u32,
}

impl Snapshot {
    pub(crate) fn new(view: Arc<View>, records_per_page_max: u32) -> Self {
        Self {
            view,
            records_per_page_max,
        }
    }

    /// The session with this `refer_uid`, if there is one.
    ///
    /// # Errors
    ///
    /// As every read: `Corrupted` if a row it touches is damaged, `Unavailable` if the storage
    /// fails, `Closed` once the store is closed.
    pub fn get(&self, refer_uid: Uuid) -> Result<Option<SessionLog>> {
        self.view.read(|view| view.get(refer_uid))
    }

    /// One page of the answer, with its exact totals.
    ///
    /// The cost does not depend on which page it is, nor on how many records match: it grows with
    /// the records on the page and with the logarithm of the store. A page past the end is empty
    /// and has true totals.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the page is larger than the store's options allow; else as
    /// [`Snapshot::get`].
    pub fn page(&self, query: &Query, page: PageRequest) -> Result<Page> {
        let (index, size) = (page.page_request_index(), page.records_per_page());
        self.check_size(size)?;
        let first = u64::from(index) * u64::from(size);
        self.view.read(|view| {
            let answer = view.answer(query)?;
            Ok(Page {
                entries: answer.session_logs(first, size.into())?,
                page_index: index,
                records_per_page: size,
                total_page_count: answer.len().div_ceil(size.into()),
                total_record_count: answer.len(),
            })
        })
    }

    /// The records after `cursor`, up to `records_per_page` of them, with exact totals.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the cursor belongs to another query or the page size is out of range;
    /// else as [`Snapshot::get`].
    pub fn page_after(
        &self,
        query: &Query,
        cursor: &Cursor,
        records_per_page: u32,
    ) -> Result<CursorPage> {
        self.check_size(records_per_page)?;
        let last = cursor.last(query)?;
        self.view.read(|view| {
            let answer = view.answer(query)?;
            let position = match last {
                Some(last) => answer.position_after(last)?,
                None => 0,
            };
            let entries = answer.session_logs(position, records_per_page.into())?;
            let next = match entries.last() {
                Some(last) => cursor.moved_to(Entry::key_of(last)),
                None => cursor.clone(),
            };
            Ok(CursorPage {
                remaining_record_count: answer.len() - position - entries.len() as u64,
                total_record_count: answer.len(),
                entries,
                next,
            })
        })
    }

    fn select(&self, query: &Query) -> Result<Selection> {
        self.view
            .read(|view| Ok(view.answer(query)?.into_selection()))
    }

    fn check_size(&self, records_per_page: u32) -> Result<()> {
        query::check_records_per_page(records_per_page, self.records_per_page_max)
    }

    /// How many records match, exactly, at a cost that does not depend on how many.
    ///
    /// # Errors
    ///
    /// As [`Snapshot::get`].
    pub fn count(&self, query: &Query) -> Result<u64> {
        self.view.read(|view| Ok(view.answer(query)?.len()))
    }

    /// Every matching record, in the order of the query, in bounded memory.
    ///
    /// The iterator reads this snapshot and keeps it. It ends after the first error.
    ///
    /// # Errors
    ///
    /// As [`Snapshot::get`], here and from each step.
    pub fn iter(&self, query: &Query) -> Result<SessionLogs> {
        Ok(SessionLogs {
            selection: self.select(query)?,
            view: Arc::clone(&self.view),
            position: 0,
            chunk: Vec::new().into_iter(),
        })
    }

    /// The non-empty UTC hours, days or months in which matching sessions started, in the order of
    /// the query, with how many did.
    ///
    /// Each is found by rank and select: the cost follows the buckets that are not empty, neither
    /// the sessions in them nor the span of time. The iterator ends after the first error.
    ///
    /// # Errors
    ///
    /// As [`Snapshot::get`], here and from each step.
    pub fn count_by(&self, query: &Query, bucket: Bucket) -> Result<BucketCounts> {
        Ok(BucketCounts {
            selection: self.select(query)?,
            view: Arc::clone(&self.view),
            position: 0,
            bucket,
            chunk: Vec::new().into_iter(),
        })
    }
}

/// Records of one chunk of an iteration.
const CHUNK_RECORDS: u64 = 256;

/// The matching records of a snapshot, one by one: see [`Snapshot::iter`].
#[derive(Debug)]
pub struct SessionLogs {
    view: Arc<View>,
    selection: Selection,
    /// Of the first record behind the chunk.
    position: u64,
    chunk: std::vec::IntoIter<SessionLog>,
}

impl SessionLogs {
    fn next_chunk(&mut self) -> Result<()> {
        let (selection, position) = (&self.selection, self.position);
        let chunk = self
            .view
            .read(|view| view.again(selection)?.session_logs(position, CHUNK_RECORDS))?;
        self.position += chunk.len() as u64;
        self.chunk = chunk.into_iter();
        Ok(())
    }
}

impl Iterator for SessionLogs {
    type Item = Result<SessionLog>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.chunk.len() == 0
            && self.position < self.selection.len()
            && let Err(error) = self.next_chunk()
        {
            self.position = self.selection.len();
            return Some(Err(error));
        }
        self.chunk.next().map(Ok)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.selection.len() - self.position;
        let upper = usize::try_from(left)
            .ok()
            .and_then(|left| left.checked_add(self.chunk.len()));
        // An error can end it at any step.
        (0, upper)
    }
}

impl FusedIterator for SessionLogs {}

/// Buckets that are counted at a time.
const CHUNK_BUCKETS: usize = 64;

/// The non-empty buckets of an answer: see [`Snapshot::count_by`].
#[derive(Debug)]
pub struct BucketCounts {
    view: Arc<View>,
    selection: Selection,
    /// Of the first record behind the chunk.
    position: u64,
    bucket: Bucket,
    chunk: std::vec::IntoIter<BucketCount>,
}

impl BucketCounts {
    fn next_chunk(&mut self) -> Result<()> {
        let (selection, bucket) = (&self.selection, self.bucket);
        let mut position = self.position;
        let chunk = self.view.read(|view| {
            let answer = view.again(selection)?;
            let mut chunk = Vec::new();
            while chunk.len() < CHUNK_BUCKETS && position < selection.len() {
                let (start, count) = answer.bucket_at(position, bucket)?;
                position += count;
                let start = start.to_utc();
                chunk.push(BucketCount { start, count });
            }
            Ok(chunk)
        })?;
        self.position = position;
        self.chunk = chunk.into_iter();
        Ok(())
    }
}

impl Iterator for BucketCounts {
    type Item = Result<BucketCount>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.chunk.len() == 0
            && self.position < self.selection.len()
            && let Err(error) = self.next_chunk()
        {
            self.position = self.selection.len();
            return Some(Err(error));
        }
        self.chunk.next().map(Ok)
    }
}

impl FusedIterator for BucketCounts {}
