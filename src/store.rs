//! The store: writing, and reading its latest state.

use crate::cursor::{Cursor, CursorPage};
use crate::error::{Error, ErrorKind, Refusal, Result};
use crate::family::Family;
use crate::main_index::{Flush, MAIN_NEW, MainIndex};
use crate::names::Names;
use crate::options::{Durability, Options};
use crate::query::{EndedOpen, Page, PageRequest, Query};
use crate::resolve::Resolver;
use crate::session::{self, Checked, Outcome, SessionLog};
use crate::snapshot::{BucketCounts, SessionLogs, Snapshot};
use crate::storage::{DirectoryStorage, Sharing, Storage};
use crate::time::Bucket;
use crate::view::View;
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::any::Any;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use uuid::Uuid;

/// A store of session logs.
///
/// A handle: clones are the same store, and all of them may be used from many threads at once.
/// Reads never wait for a write. Calls block on the storage; an async server runs them where
/// blocking is allowed:
///
/// ```no_run
/// # mod tokio { pub mod task { pub async fn spawn_blocking<T>(f: impl FnOnce() -> T) -> Result<T, ()> { Ok(f()) } } }
/// # use sessionlog::{Page, PageRequest, Query, Result, Store};
/// async fn first_page(store: &Store) -> Result<Page> {
///     let store = store.clone();
///     let page = move || store.page(&Query::all(), PageRequest::default());
///     tokio::task::spawn_blocking(page).await.expect("the call does not panic")
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Store(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    options: Options,
    names: Arc<Names>,
    /// What reads are answered from; `None` once closed.
    view: RwLock<Option<Arc<View>>>,
    /// Held for the whole of a write.
    writer: Mutex<Option<Writer>>,
}

#[derive(Debug)]
struct Writer {
    index: MainIndex,
    /// Commits that are not durable yet.
    at_risk: Option<AtRisk>,
    /// Whether the published view may lag behind the index, after an error.
    lags: bool,
    /// Keeps the directory ours; dropped last.
    _lock: Box<dyn Any + Send + Sync>,
}

/// Changes that a crash would lose.
#[derive(Debug, Clone, Copy)]
struct AtRisk {
    sessions: usize,
    since: DateTime<Utc>,
}

/// What a store holds and what it costs: see [`Store::stats`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// The store's own id, given when it was made.
    pub store_uid: Uuid,
    /// The version of the on-disk format.
    pub format_version: u32,
    /// Sessions in the store.
    pub session_count: u64,
    /// Those of them that are open.
    pub open_session_count: u64,
    /// Users that ever had a session.
    pub user_count: u64,
    /// Names under which they had one.
    pub user_name_count: u64,
    /// Clients that ever had a session.
    pub client_count: u64,
    /// Bytes of the store's files, room for growth included.
    pub file_bytes: u64,
}

/// Making, opening and closing.
impl Store {
    /// Makes a store at `path` and opens it.
    ///
    /// The path must not exist, or be an empty directory; it becomes a directory with mode 0700,
    /// missing parents too. On return the empty store is durable. An interrupted call leaves
    /// nothing that opens, and can be repeated.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if there is a store already, or anything else; `AlreadyOpen` if one is being
    /// made there; `Unavailable` if the storage fails.
    ///
    /// ```
    /// # use sessionlog::Store;
    /// # let parent = tempfile::tempdir()?;
    /// # let path = parent.path().join("sessions");
    /// let store = Store::create(&path)?;
    /// store.close()?;
    /// let store = Store::open(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        Options::default().create(path)
    }

    /// Opens the store at `path`, which must hold one: a mistyped path is an error, not an empty
    /// store. What is refused stays as it was.
    ///
    /// # Errors
    ///
    /// `NotAStore`, `UnsupportedFormat`, `Corrupted` or `AlreadyOpen` as the case may be;
    /// `Unavailable` if the storage fails.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Options::default().open(path)
    }

    /// Settings to make or open a store with.
    pub fn options() -> Options {
        Options::default()
    }

    /// Makes a store in memory, which is gone with its last handle.
    ///
    /// # Errors
    ///
    /// None in practice; the signature is that of its siblings.
    pub fn in_memory() -> Result<Self> {
        Options::default().in_memory()
    }

    pub(crate) fn create_at(path: &Path, options: Options) -> Result<Self> {
        let storage = DirectoryStorage::create(path, &[MAIN_NEW])?;
        Self::create_on(Arc::new(storage), options)
    }

    pub(crate) fn open_at(path: &Path, options: Options) -> Result<Self> {
        let storage = DirectoryStorage::open(path, sharing(&options))?;
        Self::open_on(Arc::new(storage), options)
    }

    pub(crate) fn create_on(storage: Arc<dyn Storage>, options: Options) -> Result<Self> {
        let lock = storage.lock(Sharing::Exclusive)?;
        MainIndex::create(&*storage, options.ids.refer_uid(options.clock.now()))?;
        Self::open_locked(&*storage, lock, options)
    }

    pub(crate) fn open_on(storage: Arc<dyn Storage>, options: Options) -> Result<Self> {
        // A directory that has no lock file yet may be somebody else's: look before making one.
        if !storage.is_lockable() {
            MainIndex::open(&*storage, 0)?;
        }
        let lock = storage.lock(sharing(&options))?;
        Self::open_locked(&*storage, lock, options)
    }

    fn open_locked(
        storage: &dyn Storage,
        lock: Box<dyn Any + Send + Sync>,
        options: Options,
    ) -> Result<Self> {
        let index = MainIndex::open(storage, options.cache_bytes)?;
        if !options.read_only {
            index.release()?;
        }
        let names = Arc::new(Names::new(options.names_cache_bytes));
        let view = View::new(index.read()?, Arc::clone(&names));
        let writer = Writer {
            index,
            at_risk: None,
            lags: false,
            _lock: lock,
        };
        Ok(Self(Arc::new(Shared {
            options,
            names,
            view: RwLock::new(Some(Arc::new(view))),
            writer: Mutex::new(Some(writer)),
        })))
    }

    /// Closes the store for every handle: what was written is durable on return, the lock is free,
    /// and every later call is `Closed`. Closing again does nothing.
    ///
    /// Dropping the last handle closes too, but cannot tell of a failure.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the storage fails; the store is closed all the same.
    pub fn close(&self) -> Result<()> {
        let mut writer = self.0.lock_writer();
        let Some(mut open) = writer.take() else {
            return Ok(());
        };
        let flushed = self.0.flush(&mut open);
        drop(self.0.publish(None));
        let closed = open.index.close();
        flushed.and(closed)
    }
}

fn sharing(options: &Options) -> Sharing {
    match options.read_only {
        true => Sharing::Shared,
        false => Sharing::Exclusive,
    }
}

/// Writing. Each call is one commit: all of it or nothing, durable on return as the store's
/// [`Durability`] says.
impl Store {
    /// Appends a record, or the end that it brings to a session in the store.
    ///
    /// [`Outcome::Added`] for a new `refer_uid`. Under a known one: the same record again is
    /// [`Outcome::AlreadyThere`]; an ended copy of an open session ends it, [`Outcome::Ended`]; a
    /// late open copy of an ended session is [`Outcome::AlreadyThere`] and changes nothing.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the record breaks a rule of [`SessionLog::new`]; `Conflict`, naming the
    /// member, for anything else under a known `refer_uid`. As every write: `InvalidInput` if the
    /// store is open for reading only, `Unavailable` if the storage fails (the outcome is then
    /// unknown, and appending the same again is safe), `Closed` once closed.
    ///
    /// ```
    /// # use sessionlog::{Outcome, SessionLog, Store};
    /// # use uuid::Uuid;
    /// let store = Store::in_memory()?;
    /// let (id, ann) = (Uuid::from_u128(1), Uuid::from_u128(7));
    /// let start = "2026-11-01T08:00:00Z".parse().unwrap();
    /// let log = SessionLog::new(id, ann, "Ann", "PDA-01", start, None)?;
    /// assert_eq!(store.append(log.clone())?, Outcome::Added);
    /// assert_eq!(store.append(log)?, Outcome::AlreadyThere);
    /// # Ok::<(), sessionlog::Error>(())
    /// ```
    pub fn append(&self, log: SessionLog) -> Result<Outcome> {
        let checked = Checked::new(log)?;
        self.0.write(|resolver| resolver.append(&checked))
    }

    /// Appends records as if one after the other, all or none, and answers what each did.
    ///
    /// The iterator is drained before the store is locked, so that it may be slow, and may read or
    /// write the store itself. The batch is held in memory.
    ///
    /// # Errors
    ///
    /// If any record is refused, the whole batch is, and [`Error::refusals`] lists every refused
    /// record with its index and error; the kind is that of the first. `InvalidInput` if there are
    /// more records than [`Options::batch_records_max`]. Else as [`Store::append`].
    pub fn append_batch(&self, logs: impl IntoIterator<Item = SessionLog>) -> Result<Vec<Outcome>> {
        let max = self.0.options.batch_records_max;
        let mut checked = Vec::new();
        for log in logs {
            if checked.len() == max {
                let problem = format_args!("holds more than {max} records");
                return Err(Error::invalid("batch", problem));
            }
            checked.push(Checked::new(log));
        }
        self.0.write(|resolver| append_all(resolver, checked))
    }

    /// Starts a session now, by the store's clock, under a new `refer_uid`, and answers that.
    ///
    /// # Errors
    ///
    /// `InvalidInput`, naming the member, for a nil user or too long a string; `Conflict` if the
    /// store's id source gives an id that is taken. Else as [`Store::append`].
    pub fn start(&self, user_refer_uid: Uuid, user: &str, client_refer_uid: &str) -> Result<Uuid> {
        let now = self.0.options.clock.now();
        let refer_uid = self.0.options.ids.refer_uid(now);
        let log = SessionLog::new(refer_uid, user_refer_uid, user, client_refer_uid, now, None)?;
        let checked = Checked::new(log)?;
        self.0.write(|resolver| match resolver.start(&checked)? {
            Outcome::Added => Ok(refer_uid),
            Outcome::AlreadyThere | Outcome::Ended => Err(Error::new(
                ErrorKind::Conflict,
                format!("the new refer_uid {refer_uid} is taken"),
            )
            .about("refer_uid")),
        })
    }

    /// Starts a session now under a `refer_uid` that the caller chose, so that a retry cannot start
    /// it twice: [`Outcome::AlreadyThere`] if it was started before, whenever that was and even if
    /// it has ended since. The first start stands.
    ///
    /// # Errors
    ///
    /// `Conflict`, naming the member, if the `refer_uid` is another user's or client's session.
    /// Else as [`Store::start`].
    pub fn start_as(
        &self,
        refer_uid: Uuid,
        user_refer_uid: Uuid,
        user: &str,
        client_refer_uid: &str,
    ) -> Result<Outcome> {
        let now = self.0.options.clock.now();
        let log = SessionLog::new(refer_uid, user_refer_uid, user, client_refer_uid, now, None)?;
        let checked = Checked::new(log)?;
        self.0.write(|resolver| resolver.start(&checked))
    }

    /// Ends a session at `at`, floored to a tick of 100 ns. The first end stands: the same again is
    /// [`Outcome::AlreadyThere`].
    ///
    /// # Errors
    ///
    /// `NotFound` for an unknown `refer_uid`; `AlreadyEnded` if the session has another end;
    /// `InvalidInput` if `at` is out of range or lies before the start. Else as [`Store::append`].
    pub fn end(&self, refer_uid: Uuid, at: DateTime<Utc>) -> Result<Outcome> {
        let at = session::end_ticks(at)?;
        self.0.write(|resolver| resolver.end(refer_uid, at))
    }

    /// Ends every open session that matches at `at`, in one commit; sessions that started after
    /// `at` stay open. Repeating the call changes nothing more. The query's order does not matter.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if `at` is out of range. Else as [`Store::append`].
    pub fn end_open(&self, query: &Query, at: DateTime<Utc>) -> Result<EndedOpen> {
        let at = session::end_ticks(at)?;
        self.0.write(|resolver| resolver.end_open(query, at))
    }

    /// Removes a session, open or ended, and answers what it was. Ending never removes.
    ///
    /// # Errors
    ///
    /// `NotFound` for an unknown `refer_uid`. Else as [`Store::append`].
    pub fn remove(&self, refer_uid: Uuid) -> Result<SessionLog> {
        self.0.write(|resolver| resolver.remove(refer_uid))
    }

    /// Makes everything written so far durable; with [`Durability::Immediate`] it is already.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the storage fails; `Closed` once closed.
    pub fn flush(&self) -> Result<()> {
        let mut writer = self.0.lock_writer();
        self.0.flush(writer.as_mut().ok_or_else(Error::closed)?)
    }
}

fn append_all(resolver: &mut Resolver<'_>, records: Vec<Result<Checked>>) -> Result<Vec<Outcome>> {
    let count = records.len();
    let mut outcomes = Vec::with_capacity(count);
    let mut refusals = Vec::new();
    for (index, record) in records.into_iter().enumerate() {
        match record.and_then(|record| resolver.append(&record)) {
            Ok(outcome) => outcomes.push(outcome),
            Err(error) if is_refusal(error.kind()) => refusals.push(Refusal { index, error }),
            Err(error) => return Err(error),
        }
    }
    match refusals.is_empty() {
        true => Ok(outcomes),
        false => Err(Error::refused(refusals, count)),
    }
}

/// Whether the record is at fault, not the store.
fn is_refusal(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::InvalidInput | ErrorKind::Conflict)
}

/// Reading the latest state: each call is its namesake of [`Snapshot`] on a fresh one.
impl Store {
    /// The state after the last commit, frozen.
    ///
    /// # Errors
    ///
    /// `Closed` once closed.
    pub fn snapshot(&self) -> Result<Snapshot> {
        let max = self.0.options.records_per_page_max;
        Ok(Snapshot::new(self.0.view()?, max))
    }

    /// The session with this `refer_uid`: see [`Snapshot::get`].
    ///
    /// # Errors
    ///
    /// As [`Snapshot::get`].
    pub fn get(&self, refer_uid: Uuid) -> Result<Option<SessionLog>> {
        self.snapshot()?.get(refer_uid)
    }

    /// One page of the answer, with exact totals: see [`Snapshot::page`].
    ///
    /// # Errors
    ///
    /// As [`Snapshot::page`].
    ///
    /// ```
    /// # use sessionlog::{PageRequest, Query, Store};
    /// # use uuid::Uuid;
    /// let store = Store::in_memory()?;
    /// for client in ["PDA-01", "PDA-02", "PDA-03"] {
    ///     store.start(Uuid::from_u128(7), "Ann", client)?;
    /// }
    /// let page = store.page(&Query::all(), PageRequest::new(1, 2)?)?;
    /// assert_eq!((page.entries.len(), page.total_page_count), (1, 2));
    /// # Ok::<(), sessionlog::Error>(())
    /// ```
    pub fn page(&self, query: &Query, page: PageRequest) -> Result<Page> {
        self.snapshot()?.page(query, page)
    }

    /// The records after `cursor`: see [`Snapshot::page_after`].
    ///
    /// # Errors
    ///
    /// As [`Snapshot::page_after`].
    ///
    /// ```
    /// # use sessionlog::{Cursor, Query, Store};
    /// # use uuid::Uuid;
    /// # let store = Store::in_memory()?;
    /// # for client in 0..5 { store.start(Uuid::from_u128(7), "Ann", &client.to_string())?; }
    /// let query = Query::all();
    /// let mut cursor = Cursor::start(&query);
    /// loop {
    ///     let page = store.page_after(&query, &cursor, 2)?;
    ///     // … use page.entries …
    ///     cursor = page.next;
    ///     if page.remaining_record_count == 0 {
    ///         break;
    ///     }
    /// }
    /// # Ok::<(), sessionlog::Error>(())
    /// ```
    pub fn page_after(
        &self,
        query: &Query,
        cursor: &Cursor,
        records_per_page: u32,
    ) -> Result<CursorPage> {
        self.snapshot()?.page_after(query, cursor, records_per_page)
    }

    /// How many records match, exactly: see [`Snapshot::count`].
    ///
    /// # Errors
    ///
    /// As [`Snapshot::get`].
    pub fn count(&self, query: &Query) -> Result<u64> {
        self.snapshot()?.count(query)
    }

    /// Every matching record in bounded memory: see [`Snapshot::iter`].
    ///
    /// # Errors
    ///
    /// As [`Snapshot::get`], here and from each step.
    pub fn iter(&self, query: &Query) -> Result<SessionLogs> {
        self.snapshot()?.iter(query)
    }

    /// The non-empty hours, days or months with their counts: see [`Snapshot::count_by`].
    ///
    /// # Errors
    ///
    /// As [`Snapshot::get`], here and from each step.
    pub fn count_by(&self, query: &Query, bucket: Bucket) -> Result<BucketCounts> {
        self.snapshot()?.count_by(query, bucket)
    }

    /// What the store holds and what it costs, at no cost that grows with it.
    ///
    /// # Errors
    ///
    /// As [`Snapshot::get`].
    pub fn stats(&self) -> Result<Stats> {
        let (identity, file_bytes) = {
            let writer = self.0.lock_writer();
            let writer = writer.as_ref().ok_or_else(Error::closed)?;
            (writer.index.identity(), writer.index.file_bytes()?)
        };
        self.0.view()?.read(|view| {
            let (users, names, clients) = view.main.counters().given();
            Ok(Stats {
                store_uid: identity.store_uid,
                format_version: identity.format_version,
                session_count: view.len(Family::ALL)?,
                open_session_count: view.len(Family::OPEN)?,
                user_count: users.into(),
                user_name_count: names.into(),
                client_count: clients.into(),
                file_bytes,
            })
        })
    }
}

impl Shared {
    fn lock_writer(&self) -> MutexGuard<'_, Option<Writer>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn view(&self) -> Result<Arc<View>> {
        let view = self.view.read().unwrap_or_else(PoisonError::into_inner);
        view.as_ref().map(Arc::clone).ok_or_else(Error::closed)
    }

    /// Replaces the view, and answers the old one, to be dropped where no lock is held.
    fn publish(&self, new: Option<Arc<View>>) -> Option<Arc<View>> {
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *view, new)
    }

    /// Resolves one call against the latest state, commits what it changes, and publishes that.
    fn write<T>(&self, resolve: impl FnOnce(&mut Resolver<'_>) -> Result<T>) -> Result<T> {
        if self.options.read_only {
            return Err(Error::invalid(
                "read_only",
                "is set: the store cannot be written",
            ));
        }
        let mut writer = self.lock_writer();
        let writer = writer.as_mut().ok_or_else(Error::closed)?;
        if writer.lags {
            self.catch_up(writer)?;
        }
        let view = self.view()?;
        let (answer, resolved) = view.read(|view| {
            let mut resolver = Resolver::new(view);
            let answer = resolve(&mut resolver)?;
            Ok((answer, resolver.finish()))
        })?;
        if let Some((changes, counters)) = resolved {
            let at_risk = self.at_risk_after(writer, changes.effects.len());
            let flush = match at_risk {
                Some(_) => Flush::Later,
                None => Flush::Now,
            };
            writer.lags = true;
            writer.index.commit(&changes, counters, flush)?;
            writer.at_risk = at_risk;
            self.catch_up(writer)?;
        }
        Ok(answer)
    }

    /// What a crash would lose after `sessions` more; nothing if the commit is to be durable.
    fn at_risk_after(&self, writer: &Writer, sessions: usize) -> Option<AtRisk> {
        if self.options.durability == Durability::Immediate {
            return None;
        }
        let now = self.options.clock.now();
        let before = writer.at_risk.unwrap_or(AtRisk {
            sessions: 0,
            since: now,
        });
        let sessions = before.sessions.saturating_add(sessions);
        // A clock that was set back says nothing of the age: then, too, the commit is durable.
        let age = (now - before.since).to_std();
        let young = age.is_ok_and(|age| age < Durability::EVENTUAL_AGE_MAX);
        (young && sessions <= Durability::EVENTUAL_SESSIONS_MAX).then_some(AtRisk {
            sessions,
            since: before.since,
        })
    }

    /// Publishes the state after the last commit.
    fn catch_up(&self, writer: &mut Writer) -> Result<()> {
        let view = View::new(writer.index.read()?, Arc::clone(&self.names));
        drop(self.publish(Some(Arc::new(view))));
        writer.lags = false;
        Ok(())
    }

    fn flush(&self, writer: &mut Writer) -> Result<()> {
        if writer.at_risk.is_some() {
            let counters = self.view()?.main.counters();
            writer
                .index
                .commit(&Default::default(), counters, Flush::Now)?;
            writer.at_risk = None;
        }
        Ok(())
    }
}

impl Drop for Shared {
    /// The engine makes its last durable state the file's when dropped; what was written with
    /// [`Durability::Eventual`] since then is flushed here.
    fn drop(&mut self) {
        let writer = self
            .writer
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(mut writer) = writer.take() {
            let _ = self.flush(&mut writer);
        }
    }
}
