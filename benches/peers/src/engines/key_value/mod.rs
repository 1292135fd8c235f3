//! Ordered maps of bytes: LMDB, redb and fjall, with one key for each entry of each index.
//!
//! The three differ only in how a map is opened, read and written ([`KeyValue`]); what is stored is
//! the same (`keys.rs`). A map knows no positions: a page and its total are one walk over the range
//! that answers the query, which looks at the entries of the page and counts the others.

mod fjall;
mod keys;
mod lmdb;
mod redb;

use super::names::{Dictionary, DictionaryWriter, Names};
use super::{Engine, Settings};
use crate::Result;
use crate::packed::{Packed, family, ticks};
use crate::question::{Answer, Question};
use chrono::{DateTime, Utc};
use sessionlog::SessionLog;
use std::ops::Range;
use std::path::Path;

pub(super) use fjall::Fjall;
pub(super) use lmdb::Lmdb;
pub(super) use redb::Redb;

/// Receives the key and value of an entry.
type Visit<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> Result<()>;

/// One state of a map.
pub(super) trait Reader {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// Visits the entries of a range whose positions in it are on the page, and counts them all.
    fn scan(&self, range: Range<&[u8]>, page: Range<u64>, visit: Visit<'_>) -> Result<u64>;
}

/// A transaction that writes, and reads what it wrote.
pub(super) trait Writer: Reader {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()>;
    fn delete(&mut self, key: &[u8]) -> Result<()>;
}

/// A map of bytes in files.
pub(super) trait KeyValue: Send + Sync + Sized + 'static {
    fn open(folder: &Path) -> Result<Self>;

    fn read<T>(&self, work: impl FnOnce(&dyn Reader) -> Result<T>) -> Result<T>;

    /// Runs `work` as one transaction, the only one that writes, and commits it durably.
    fn write<T>(&self, work: impl FnOnce(&mut dyn Writer) -> Result<T>) -> Result<T>;

    /// See [`Engine::compact`].
    fn compact(&mut self) -> Result<bool>;
}

/// Hands over the entries that are on the page, and counts all.
fn walk<T>(
    entries: impl Iterator<Item = T>,
    page: Range<u64>,
    mut visit: impl FnMut(T) -> Result<()>,
) -> Result<u64> {
    let mut total = 0;
    for entry in entries {
        if page.contains(&total) {
            visit(entry)?;
        }
        total += 1;
    }
    Ok(total)
}

struct Indexed<M> {
    map: M,
    names: Names,
}

/// Opens a map with the indexes of session logs in it.
pub(super) fn open<M: KeyValue>(folder: &Path, settings: Settings) -> Result<Box<dyn Engine>> {
    Ok(Box::new(Indexed {
        map: M::open(folder)?,
        names: Names::new(settings),
    }))
}

impl<M: KeyValue> Engine for Indexed<M> {
    fn append(&self, logs: Vec<SessionLog>) -> Result<()> {
        self.map.write(|to| {
            logs.iter().try_for_each(|log| {
                let packed = self.names.pack(&mut NamesOfWriter(to), log)?;
                put(to, &packed)
            })
        })
    }

    fn end(&self, logs: Vec<SessionLog>) -> Result<()> {
        self.map.write(|to| {
            logs.iter().try_for_each(|log| {
                let stored = to.get(&keys::session(log.refer_uid))?;
                let stored = stored.ok_or("no such session")?;
                let open = keys::decode_session(log.refer_uid, &stored)?;
                let at = log.session_end.ok_or("an end without a time")?;
                end(to, open, ticks(at))
            })
        })
    }

    fn end_open(&self, at: DateTime<Utc>) -> Result<u64> {
        self.map.write(|to| {
            let range = keys::range(family::OPEN, [0, 0], i64::MIN..i64::MAX);
            let mut open = Vec::new();
            let total = to.scan(range.as_slices(), 0..u64::MAX, &mut |key, value| {
                open.push(keys::decode_entry(key, value)?);
                Ok(())
            })?;
            open.into_iter()
                .try_for_each(|open| end(to, open, ticks(at)))?;
            Ok(total)
        })
    }

    fn page(&self, question: &Question) -> Result<Answer> {
        self.map.read(|from| {
            let dictionary = NamesOfReader(from);
            let Some(ids) = self.names.of_query(&dictionary, &question.query)? else {
                return Ok(Answer::default());
            };
            let family = family::of(&question.query);
            let range = keys::range(family, ids, crate::packed::window(question));
            let (skip, take) = question.skip_and_take();
            let mut entries = Vec::new();
            let total = from.scan(range.as_slices(), skip..skip + take, &mut |key, value| {
                let packed = keys::decode_entry(key, value)?;
                entries.push(self.names.unpack(&dictionary, &packed)?);
                Ok(())
            })?;
            Ok(Answer { entries, total })
        })
    }

    fn compact(&mut self) -> Result<bool> {
        self.map.compact()
    }
}

/// Stores a new session and its entries.
fn put(to: &mut dyn Writer, packed: &Packed) -> Result<()> {
    to.put(
        &keys::session(packed.refer_uid),
        &keys::encode_session(packed),
    )?;
    let value = keys::encode_entry(packed);
    let mut families = keys::families(packed);
    families.try_for_each(|family| to.put(&keys::entry(family, packed), &value))
}

/// Ends an open session: its entries among all change, those among the open ones go.
fn end(to: &mut dyn Writer, open: Packed, at: i64) -> Result<()> {
    let mut families = family::OF_OPEN;
    families.try_for_each(|family| to.delete(&keys::entry(family, &open)))?;
    put(to, &open.ended_at(at))
}

struct NamesOfReader<'a>(&'a dyn Reader);

impl Dictionary for NamesOfReader<'_> {
    fn find(&self, key: &[u8]) -> Result<Option<u32>> {
        let id = self.0.get(&keys::name_key(key))?;
        id.as_deref().map(keys::decode_id).transpose()
    }

    fn bytes(&self, id: u32) -> Result<Vec<u8>> {
        let name = self.0.get(&keys::name(id))?;
        name.ok_or_else(|| format!("no name {id}").into())
    }
}

struct NamesOfWriter<'a>(&'a mut dyn Writer);

impl Dictionary for NamesOfWriter<'_> {
    fn find(&self, key: &[u8]) -> Result<Option<u32>> {
        NamesOfReader(&*self.0).find(key)
    }

    fn bytes(&self, id: u32) -> Result<Vec<u8>> {
        NamesOfReader(&*self.0).bytes(id)
    }
}

impl DictionaryWriter for NamesOfWriter<'_> {
    fn add(&mut self, key: &[u8], bytes: &[u8]) -> Result<u32> {
        let next = self.0.get(keys::NEXT_NAME)?;
        let id = next.as_deref().map_or(Ok(1), keys::decode_id)?;
        self.0.put(keys::NEXT_NAME, &(id + 1).to_be_bytes())?;
        self.0.put(&keys::name_key(key), &id.to_be_bytes())?;
        self.0.put(&keys::name(id), bytes)?;
        Ok(id)
    }
}
