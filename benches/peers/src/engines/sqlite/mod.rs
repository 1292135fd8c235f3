//! SQLite, with an index for every combination of filters that holds all a page shows, statements
//! prepared once, names behind ids with a cache in front, and the file mapped.
//!
//! The write-ahead log is synced at every commit. One connection behind a mutex has the file for
//! itself: a lock of a file less for each call. `sqlite` pages by OFFSET, `sqlite-keyset` from the
//! record before the page, as one who walks can; both count with `COUNT(*)`.

mod schema;

use super::names::{Dictionary, DictionaryWriter, Names};
use super::{CACHE_BYTES, Engine, Settings};
use crate::Result;
use crate::packed::{Packed, ticks, window};
use crate::question::{Answer, Question};
use chrono::{DateTime, Utc};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, ToSql, Transaction};
use schema::Filter;
use sessionlog::SessionLog;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// How a page is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Paging {
    Offset,
    Keyset,
}

struct Sqlite {
    connection: Mutex<Connection>,
    names: Names,
    paging: Paging,
    /// The statements of every filter.
    texts: Vec<schema::Texts>,
}

pub(super) fn open_with_offset(folder: &Path, settings: Settings) -> Result<Box<dyn Engine>> {
    open(folder, settings, Paging::Offset)
}

pub(super) fn open_with_keyset(folder: &Path, settings: Settings) -> Result<Box<dyn Engine>> {
    open(folder, settings, Paging::Keyset)
}

fn open(folder: &Path, settings: Settings, paging: Paging) -> Result<Box<dyn Engine>> {
    let connection = Connection::open(folder.join("sessions.sqlite"))?;
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "cache_size", -i64::try_from(CACHE_BYTES >> 10)?)?;
    connection.pragma_update(None, "mmap_size", i64::from(i32::MAX))?;
    connection.execute_batch(schema::TABLES)?;
    // Two for each filter, and those that write.
    connection.set_prepared_statement_cache_capacity(256);
    Ok(Box::new(Sqlite {
        connection: Mutex::new(connection),
        names: Names::new(settings),
        paging,
        texts: Filter::every().map(schema::Texts::new).collect(),
    }))
}

impl Sqlite {
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs `work` as one durable transaction.
    fn write<T>(&self, work: impl FnOnce(&Transaction<'_>) -> Result<T>) -> Result<T> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        let done = work(&transaction)?;
        transaction.commit()?;
        Ok(done)
    }
}

impl Engine for Sqlite {
    fn append(&self, logs: Vec<SessionLog>) -> Result<()> {
        self.write(|to| {
            let mut insert = to.prepare_cached(schema::INSERT)?;
            for log in &logs {
                let packed = self.names.pack(&mut NamesOf(to), log)?;
                let id = packed.refer_uid.as_bytes();
                let Packed { user, client, .. } = packed;
                insert.execute((packed.start, id, user, client, packed.end()))?;
            }
            Ok(())
        })
    }

    fn end(&self, logs: Vec<SessionLog>) -> Result<()> {
        self.write(|to| {
            let mut end = to.prepare_cached(schema::END)?;
            for log in &logs {
                let at = log.session_end.map(ticks);
                if end.execute((log.refer_uid.as_bytes(), at))? != 1 {
                    return Err("no such open session".into());
                }
            }
            Ok(())
        })
    }

    fn end_open(&self, at: DateTime<Utc>) -> Result<u64> {
        self.write(|to| {
            let ended = to.prepare_cached(schema::END_OPEN)?.execute([ticks(at)])?;
            Ok(u64::try_from(ended)?)
        })
    }

    /// Both statements see one state: nobody writes while the connection is locked.
    fn page(&self, question: &Question) -> Result<Answer> {
        let connection = self.connection();
        let dictionary = NamesOf(&connection);
        let Some(ids) = self.names.of_query(&dictionary, &question.query)? else {
            return Ok(Answer::default());
        };
        let binding = Binding::new(question, ids, self.paging)?;
        let texts = self.texts.get(binding.filter.index());
        let texts = texts.ok_or("a filter without statements")?;
        let mut page = connection.prepare_cached(&texts.page)?;
        let entries =
            binding.entries(&mut page, |packed| self.names.unpack(&dictionary, packed))?;
        let mut count = connection.prepare_cached(&texts.count)?;
        let total = binding.total(&mut count)?;
        Ok(Answer { entries, total })
    }

    fn compact(&mut self) -> Result<bool> {
        let connection = self.connection();
        connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE);")?;
        Ok(true)
    }
}

/// The values of a question, for the places that the texts of its filter have.
struct Binding {
    filter: Filter,
    ids: [u32; 2],
    from: i64,
    to: i64,
    after: Option<(i64, Uuid)>,
    skip: i64,
    take: i64,
}

impl Binding {
    fn new(question: &Question, ids: [u32; 2], paging: Paging) -> Result<Self> {
        let query = &question.query;
        let after = question.after.filter(|_| paging == Paging::Keyset);
        let filter = Filter {
            user: query.user_refer_uid().is_some(),
            client: query.client_refer_uid().is_some(),
            open: query.open_sessions_only(),
            window: query.started_after().is_some() || query.started_before().is_some(),
            after: after.is_some(),
        };
        let (skip, take) = question.skip_and_take();
        let window = window(question);
        Ok(Self {
            filter,
            ids,
            from: window.start,
            to: window.end,
            after: after.map(|(start, id)| (ticks(start), id)),
            skip: if after.is_some() {
                0
            } else {
                i64::try_from(skip)?
            },
            take: i64::try_from(take)?,
        })
    }

    /// In the order of [`schema::Texts`]; a page after a record needs no begin of the window.
    fn of_filter(&self, begin: bool) -> Vec<&dyn ToSql> {
        let [user, client] = &self.ids;
        let mut values: Vec<&dyn ToSql> = Vec::with_capacity(8);
        values.extend(self.filter.user.then_some(user as &dyn ToSql));
        values.extend(self.filter.client.then_some(client as &dyn ToSql));
        let window = self.filter.window;
        values.extend((window && begin).then_some(&self.from as &dyn ToSql));
        values.extend(window.then_some(&self.to as &dyn ToSql));
        values
    }

    fn entries(
        &self,
        page: &mut CachedStatement<'_>,
        unpack: impl Fn(&Packed) -> Result<SessionLog>,
    ) -> Result<Vec<SessionLog>> {
        let mut values = self.of_filter(self.after.is_none());
        let id = self.after.map(|(_, id)| id.into_bytes());
        if let (Some((start, _)), Some(id)) = (&self.after, &id) {
            values.extend([start as &dyn ToSql, id]);
        }
        values.extend([&self.take as &dyn ToSql, &self.skip]);
        let mut rows = page.query(&*values)?;
        let mut entries = Vec::new();
        while let Some(row) = rows.next()? {
            entries.push(unpack(&packed(row)?)?);
        }
        Ok(entries)
    }

    fn total(&self, count: &mut CachedStatement<'_>) -> Result<u64> {
        let total: i64 = count.query_row(&*self.of_filter(true), |row| row.get(0))?;
        Ok(u64::try_from(total)?)
    }
}

fn packed(row: &Row<'_>) -> Result<Packed> {
    let id = Uuid::from_slice(row.get_ref(1)?.as_blob()?)?;
    let names = [row.get(2)?, row.get(3)?];
    Ok(Packed::new(row.get(0)?, id, row.get(4)?, names))
}

struct NamesOf<'a>(&'a Connection);

impl Dictionary for NamesOf<'_> {
    fn find(&self, key: &[u8]) -> Result<Option<u32>> {
        let mut find = self.0.prepare_cached(schema::FIND_NAME)?;
        Ok(find.query_row([key], |row| row.get(0)).optional()?)
    }

    fn bytes(&self, id: u32) -> Result<Vec<u8>> {
        let mut get = self.0.prepare_cached(schema::GET_NAME)?;
        Ok(get.query_row([id], |row| row.get(0))?)
    }
}

impl DictionaryWriter for NamesOf<'_> {
    fn add(&mut self, key: &[u8], bytes: &[u8]) -> Result<u32> {
        let mut add = self.0.prepare_cached(schema::ADD_NAME)?;
        add.execute([key, bytes])?;
        Ok(u32::try_from(self.0.last_insert_rowid())?)
    }
}
