//! fjall: a log-structured merge tree, with its transactions of a single writer, which read what
//! they wrote.

use super::{KeyValue, Reader, Visit, Writer, walk};
use crate::Result;
use crate::engines::CACHE_BYTES;
use fjall::{
    KeyspaceCreateOptions, PersistMode, Readable, SingleWriterTxDatabase, SingleWriterTxKeyspace,
    SingleWriterWriteTx,
};
use std::ops::Range;
use std::path::Path;

pub(in crate::engines) struct Fjall {
    database: SingleWriterTxDatabase,
    map: SingleWriterTxKeyspace,
}

impl KeyValue for Fjall {
    fn open(folder: &Path) -> Result<Self> {
        let builder = SingleWriterTxDatabase::builder(folder);
        let database = builder.cache_size(u64::try_from(CACHE_BYTES)?).open()?;
        let map = database.keyspace("map", KeyspaceCreateOptions::default)?;
        Ok(Self { database, map })
    }

    fn read<T>(&self, work: impl FnOnce(&dyn Reader) -> Result<T>) -> Result<T> {
        let map = &self.map;
        let txn = self.database.read_tx();
        work(&Transaction { txn, map })
    }

    fn write<T>(&self, work: impl FnOnce(&mut dyn Writer) -> Result<T>) -> Result<T> {
        let map = &self.map;
        let txn = self.database.write_tx();
        let txn = txn.durability(Some(PersistMode::SyncAll));
        let mut transaction = Transaction { txn, map };
        let done = work(&mut transaction)?;
        transaction.txn.commit()?;
        Ok(done)
    }

    /// Writes what is in memory, and merges all runs into one.
    fn compact(&mut self) -> Result<bool> {
        self.map.inner().rotate_memtable_and_wait()?;
        self.map.inner().major_compact()?;
        Ok(true)
    }
}

/// A transaction of either kind.
struct Transaction<'a, T> {
    txn: T,
    map: &'a SingleWriterTxKeyspace,
}

impl<T: Readable> Reader for Transaction<'_, T> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.txn.get(self.map, key)?.map(|value| value.to_vec()))
    }

    fn scan(&self, range: Range<&[u8]>, page: Range<u64>, visit: Visit<'_>) -> Result<u64> {
        walk(self.txn.range(self.map, range), page, |entry| {
            let (key, value) = entry.into_inner()?;
            visit(&key, &value)
        })
    }
}

impl Writer for Transaction<'_, SingleWriterWriteTx<'_>> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.txn.insert(self.map, key, value);
        Ok(())
    }

    fn delete(&mut self, key: &[u8]) -> Result<()> {
        self.txn.remove(self.map, key);
        Ok(())
    }
}
