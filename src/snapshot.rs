//! Reading: one frozen state of a store.

use crate::census::{self, Busiest, ClientCount, UserCount};
use crate::cursor::{Cursor, CursorPage};
use crate::error::Result;
use crate::format::Entry;
use crate::held::Source;
use crate::query::{self, BucketCount, Page, PageRequest, Query};
use crate::session::SessionLog;
use crate::time::Bucket;
use crate::view::{Answer, Selection, View};
use std::iter::FusedIterator;
use uuid::Uuid;

/// One state of a store, frozen: whatever is written meanwhile, its answers stay the same.
///
/// Cheap to take and to clone, and it blocks nobody; but the storage it reads is kept until it is
/// dropped, so a snapshot held for long makes the file grow. How many there are, iterators included,
/// and since when the oldest is told by [`Stats`](crate::Stats), and
/// [`Options::snapshot_age_max`](crate::Options::snapshot_age_max) ends those that are held for too
/// long. Once its store is closed, or the last handle of it dropped, reads are `Closed`.
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
    view: Source,
    records_per_page_max: u32,
}

impl Snapshot {
    pub(crate) fn new(view: Source, records_per_page_max: u32) -> Self {
        Self {
            view,
            records_per_page_max,
        }
    }

    pub(crate) fn view(&self) -> &Source {
        &self.view
    }

    /// The session with this `refer_uid`, if there is one.
    ///
    /// # Errors
    ///
    /// As every read: `Corrupted` if a row it touches is damaged, `Unavailable` if the storage
    /// fails, `Expired` if it has failed since and its files were opened again, or the snapshot was
    /// held for too long, `Closed` once the store is closed.
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
        self.chunks(query).map(SessionLogs)
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
        let chunks = self.chunks(query)?;
        Ok(BucketCounts { chunks, bucket })
    }

    /// The users who have the most of the matching sessions, up to `count` of them, and how many
    /// users there are in all.
    ///
    /// Each user's number is looked up in a count that is kept, whatever it is: the cost follows the
    /// users (some microseconds each), not their sessions. The query's order does not matter.
    ///
    /// # Errors
    ///
    /// As [`Snapshot::get`].
    ///
    /// ```
    /// # use sessionlog::{Query, Store};
    /// # use uuid::Uuid;
    /// let store = Store::in_memory()?;
    /// for (user, client) in [(7, "PDA-01"), (7, "PDA-02"), (8, "PDA-02")] {
    ///     store.start(Uuid::from_u128(user), "Ann", client)?;
    /// }
    /// let users = store.busiest_users(&Query::all(), 1)?;
    /// assert_eq!((users.entries[0].session_count, users.total_count), (2, 2));
    /// let clients = store.busiest_clients(&Query::all(), 10)?;
    /// assert_eq!(&*clients.entries[0].client_refer_uid, "PDA-02");
    /// # Ok::<(), sessionlog::Error>(())
    /// ```
    pub fn busiest_users(&self, query: &Query, count: usize) -> Result<Busiest<UserCount>> {
        let busiest = |view: &View| census::busiest_users(view, query, count);
        self.view.read(busiest)
    }

    /// The clients that had the most of the matching sessions: as [`Snapshot::busiest_users`].
    ///
    /// # Errors
    ///
    /// As [`Snapshot::get`].
    pub fn busiest_clients(&self, query: &Query, count: usize) -> Result<Busiest<ClientCount>> {
        let busiest = |view: &View| census::busiest_clients(view, query, count);
        self.view.read(busiest)
    }

    /// Every user with a session who is, or ever was, called `user`, by ascending `user_refer_uid`:
    /// names are compared byte by byte.
    ///
    /// Names are not an index: the cost follows the names in the store, not the sessions.
    ///
    /// # Errors
    ///
    /// As [`Snapshot::get`].
    pub fn users_named(&self, user: &str) -> Result<Vec<Uuid>> {
        self.view.read(|view| census::users_named(view, user))
    }

    fn chunks<T>(&self, query: &Query) -> Result<Chunks<T>> {
        Ok(Chunks {
            selection: self.select(query)?,
            view: self.view.clone(),
            position: 0,
            chunk: Vec::new().into_iter(),
        })
    }
}

/// An answer that is read some of it at a time, and ends after the first error.
#[derive(Debug)]
struct Chunks<T> {
    view: Source,
    selection: Selection,
    /// Of the first record behind the chunk.
    position: u64,
    chunk: std::vec::IntoIter<T>,
}

impl<T> Chunks<T> {
    /// The next of it; `read` reads what comes from a position on, and tells where that ends.
    fn next(
        &mut self,
        read: impl FnOnce(&Answer<'_>, u64) -> Result<(Vec<T>, u64)>,
    ) -> Option<Result<T>> {
        let (selection, position) = (&self.selection, self.position);
        if self.chunk.len() == 0 && position < selection.len() {
            match self
                .view
                .read(|view| read(&view.again(selection)?, position))
            {
                Ok((chunk, end)) => {
                    self.position = end;
                    self.chunk = chunk.into_iter();
                }
                Err(error) => {
                    self.position = selection.len();
                    return Some(Err(error));
                }
            }
        }
        self.chunk.next().map(Ok)
    }
}

/// Records that are read at a time.
const CHUNK_RECORDS: u64 = 256;

/// The matching records of a snapshot, one by one: see [`Snapshot::iter`].
#[derive(Debug)]
pub struct SessionLogs(Chunks<SessionLog>);

impl Iterator for SessionLogs {
    type Item = Result<SessionLog>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next(|answer, position| {
            let logs = answer.session_logs(position, CHUNK_RECORDS)?;
            let end = position + logs.len() as u64;
            Ok((logs, end))
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.0.selection.len() - self.0.position;
        let upper = usize::try_from(left)
            .ok()
            .and_then(|left| left.checked_add(self.0.chunk.len()));
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
    chunks: Chunks<BucketCount>,
    bucket: Bucket,
}

impl Iterator for BucketCounts {
    type Item = Result<BucketCount>;

    fn next(&mut self) -> Option<Self::Item> {
        let bucket = self.bucket;
        self.chunks.next(|answer, mut position| {
            let mut chunk = Vec::new();
            while chunk.len() < CHUNK_BUCKETS && position < answer.len() {
                let (start, count) = answer.bucket_at(position, bucket)?;
                position += count;
                let start = start.to_utc();
                chunk.push(BucketCount { start, count });
            }
            Ok((chunk, position))
        })
    }
}

impl FusedIterator for BucketCounts {}
