//! The store, as an object.

use crate::ffi::files::{self, Imported};
use crate::ffi::options;
use crate::ffi::query::{self, Bucket, BucketCount, CursorPage, Page, Query};
use crate::ffi::records::{
    Compacted, EndedOpen, Erased, Outcome, Pruned, SessionLog, Stats, Verification,
};
use crate::ffi::values;
use crate::ffi::{Instant, Options, SessionLogError, Snapshot, Uuid};
use crate::{Erasure, ErrorKind, PageRequest, StaleEnd};
use std::sync::Arc;
use std::time::Duration;

type Answer<T> = Result<T, SessionLogError>;

/// A store of session logs, in a directory of its own.
///
/// One object for each store and process, shared by all threads. A write is durable when its call
/// returns, unless the options say otherwise: killing the process right then loses nothing.
#[derive(Debug, uniffi::Object)]
pub struct Store(crate::Store);

/// Making, opening and ending.
#[uniffi::export]
impl Store {
    /// Makes a store in a directory that does not exist, or is empty, and opens it. Missing parents are
    /// made too.
    #[uniffi::constructor(default(options = None))]
    pub fn create(path: &str, options: Option<Options>) -> Answer<Arc<Self>> {
        let options = options.unwrap_or_default().to_core()?;
        Ok(Arc::new(Self(options.create(path)?)))
    }

    /// Opens the store in a directory. What a process that was killed has left is repaired.
    #[uniffi::constructor(default(options = None))]
    pub fn open(path: &str, options: Option<Options>) -> Answer<Arc<Self>> {
        let options = options.unwrap_or_default().to_core()?;
        Ok(Arc::new(Self(options.open(path)?)))
    }

    /// Opens the store in a directory, or makes one there if there is nothing: what an app does when it
    /// is launched. A store that cannot be opened, whyever, is never replaced.
    #[uniffi::constructor(default(options = None))]
    pub fn open_or_create(path: &str, options: Option<Options>) -> Answer<Arc<Self>> {
        let options = options.unwrap_or_default().to_core()?;
        let store = match options.clone().open(path) {
            Err(error) if error.kind() == ErrorKind::NotAStore => options.create(path)?,
            opened => opened?,
        };
        Ok(Arc::new(Self(store)))
    }

    /// Closes all files and gives up the lock until the store is resumed: to be called before the
    /// operating system suspends the app. Everything is durable on return. Until then every call but
    /// `resume` and `close` is `Suspended`, and snapshots and walks end.
    pub fn suspend(&self) -> Answer<()> {
        Ok(self.0.suspend()?)
    }

    /// Opens a suspended store again, with what another process wrote meanwhile. If it fails, the store
    /// is still suspended, and can be resumed later.
    pub fn resume(&self) -> Answer<()> {
        Ok(self.0.resume()?)
    }

    /// Closes the store for good: everything is durable on return, and every later call is `Closed`.
    /// A store that nobody refers to any more is closed too, but cannot tell of a failure, and when it
    /// is so is up to the language.
    pub fn close(&self) -> Answer<()> {
        Ok(self.0.close()?)
    }
}

/// Writing. Each call is all or nothing.
#[uniffi::export]
impl Store {
    /// Starts a session now, under a new id, which it answers.
    pub fn start(&self, user_refer_uid: Uuid, user: &str, client_refer_uid: &str) -> Answer<Uuid> {
        Ok(Uuid(self.0.start(
            user_refer_uid.0,
            user,
            client_refer_uid,
        )?))
    }

    /// Starts a session now under an id that the caller chose, so that a retry cannot start it twice.
    pub fn start_as(
        &self,
        refer_uid: Uuid,
        user_refer_uid: Uuid,
        user: &str,
        client_refer_uid: &str,
    ) -> Answer<Outcome> {
        let (refer_uid, user_refer_uid) = (refer_uid.0, user_refer_uid.0);
        let started = self
            .0
            .start_as(refer_uid, user_refer_uid, user, client_refer_uid)?;
        Ok(started.into())
    }

    /// Ends a session. The first end stands: the same again is `AlreadyThere`, another `AlreadyEnded`.
    /// One before the session's start is `InvalidInput`, with both times; but the start as a language has
    /// it that knows microseconds alone is the start.
    pub fn end(&self, refer_uid: Uuid, at: Instant) -> Answer<Outcome> {
        let ended = match self.0.end(refer_uid.0, at.to_utc()) {
            Err(error) => match error.end_before_start() {
                Some(times) if Instant::from(times.session_start).floored() == at => {
                    self.0.end(refer_uid.0, times.session_start)
                }
                _ => Err(error),
            },
            ended => ended,
        };
        Ok(ended?.into())
    }

    /// Ends every open session that matches, in one commit; sessions that started after `at` stay open.
    /// Repeating the call changes nothing more.
    pub fn end_open(&self, query: &Query, at: Instant) -> Answer<EndedOpen> {
        Ok(self.0.end_open(&query.to_core()?, at.to_utc())?.into())
    }

    /// Ends what was left open by a process that was killed or a device that lost power: every open session
    /// that started before `at` ends then. Repeating the call changes nothing more.
    pub fn end_open_before(&self, at: Instant) -> Answer<EndedOpen> {
        let at = at.to_utc();
        Ok(self.0.end_stale(at, StaleEnd::At(at), |_| ())?.into())
    }

    /// Appends a record, or the end that it brings to a session in the store.
    pub fn append(&self, log: SessionLog) -> Answer<Outcome> {
        Ok(self.0.append(log.into())?.into())
    }

    /// Appends records, all or none: if any is refused, the error lists every one that is.
    pub fn append_batch(&self, logs: Vec<SessionLog>) -> Answer<Vec<Outcome>> {
        let outcomes = self.0.append_batch(logs.into_iter().map(Into::into))?;
        Ok(outcomes.into_iter().map(Outcome::from).collect())
    }

    /// Removes a session, open or ended, and answers what it was.
    pub fn remove(&self, refer_uid: Uuid) -> Answer<SessionLog> {
        Ok(self.0.remove(refer_uid.0)?.into())
    }

    /// Makes everything written so far durable, which it is already unless `eventual` is set.
    pub fn flush(&self) -> Answer<()> {
        Ok(self.0.flush()?)
    }
}

/// Reading the latest state.
#[uniffi::export]
impl Store {
    /// The session with this `refer_uid`, if there is one.
    pub fn get(&self, refer_uid: Uuid) -> Answer<Option<SessionLog>> {
        Ok(self.0.get(refer_uid.0)?.map(SessionLog::from))
    }

    /// One page of the answer, from zero, with its exact totals: at the same cost whichever it is, and
    /// however many records match. A page past the end is empty and has true totals. A page holds from
    /// 1 to 10,000 records.
    pub fn page(
        &self,
        query: &Query,
        page_request_index: u32,
        records_per_page: u32,
    ) -> Answer<Page> {
        let page = PageRequest::new(page_request_index, records_per_page)?;
        Ok(self.0.page(&query.to_core()?, page)?.into())
    }

    /// The records after a cursor, which is the `next` of the page before, or none to begin with.
    #[uniffi::method(default(cursor = None))]
    pub fn page_after(
        &self,
        query: &Query,
        records_per_page: u32,
        cursor: Option<String>,
    ) -> Answer<CursorPage> {
        let query = query.to_core()?;
        let cursor = query::cursor(&query, cursor)?;
        let page = self.0.page_after(&query, &cursor, records_per_page)?;
        Ok(page.into())
    }

    /// How many records match, exactly, at a cost that does not depend on how many.
    pub fn count(&self, query: &Query) -> Answer<u64> {
        Ok(self.0.count(&query.to_core()?)?)
    }

    /// The non-empty UTC hours, days or months in which matching sessions started, in the order of the
    /// query.
    pub fn count_by(&self, query: &Query, bucket: Bucket) -> Answer<Vec<BucketCount>> {
        Snapshot::new(self.0.snapshot()?).count_by(query, bucket)
    }

    /// The state after the last commit, frozen.
    pub fn snapshot(&self) -> Answer<Arc<Snapshot>> {
        Ok(Arc::new(Snapshot::new(self.0.snapshot()?)))
    }

    /// What the store holds and what it costs.
    pub fn stats(&self) -> Answer<Stats> {
        Ok(self.0.stats()?.into())
    }
}

/// Keeping it in order.
#[uniffi::export]
impl Store {
    /// Removes the sessions that ended longer than `older_than` ago, and, if that is asked for, those
    /// that started as long ago and are open.
    #[uniffi::method(default(remove_open = false))]
    pub fn prune(&self, older_than: Duration, remove_open: bool) -> Answer<Pruned> {
        let older_than = values::length("older_than", older_than)?;
        let pruned = self
            .0
            .prune(older_than, options::open(remove_open), |_| ())?;
        Ok(pruned.into())
    }

    /// Removes every session and every name of a user; `secure`, so that no byte of them is left in the
    /// store's files.
    pub fn erase_user(&self, user_refer_uid: Uuid, secure: bool) -> Answer<Erased> {
        let erasure = match secure {
            true => Erasure::Secure,
            false => Erasure::Logical,
        };
        Ok(self.0.erase_user(user_refer_uid.0, erasure, |_| ())?.into())
    }

    /// Makes the store's files as small as what they hold. Safe to kill.
    pub fn compact(&self) -> Answer<Compacted> {
        Ok(self.0.compact(|_| ())?.into())
    }

    /// Checks the whole store.
    pub fn verify(&self) -> Answer<Verification> {
        Ok(self.0.verify(|_| ())?.into())
    }

    /// Copies the state after the last commit to a new directory, where it is a store by itself, and
    /// answers how many sessions it has.
    pub fn backup(&self, path: &str) -> Answer<u64> {
        Ok(self.0.backup(path, |_| ())?)
    }

    /// Writes every matching session of one state to a file of JSON lines, exactly as it is stored, and
    /// answers how many there are. The file takes its name once it is whole and durable, over another.
    pub fn export_jsonl(&self, query: &Query, path: &str) -> Answer<u64> {
        files::export_jsonl(self.0.iter(&query.to_core()?)?, path)
    }

    /// Appends every record of a file of JSON lines. What is there already changes nothing, so that a
    /// file can be imported again; what is refused is told by its line.
    pub fn import_jsonl(&self, path: &str) -> Answer<Imported> {
        files::import_jsonl(&self.0, path)
    }
}
