//! redb, as anybody would use it: a copy-on-write B+-tree in one file. Ours is built on it too, so
//! that the difference is what ours adds.

use super::{KeyValue, Reader, Visit, Writer, walk};
use crate::Result;
use crate::engines::CACHE_BYTES;
use redb::{Database, ReadableDatabase, ReadableTable, Table, TableDefinition};
use std::ops::Range;
use std::path::Path;

const MAP: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("map");

pub(in crate::engines) struct Redb(Database);

impl KeyValue for Redb {
    fn open(folder: &Path) -> Result<Self> {
        let file = folder.join("map.redb");
        let mut builder = Database::builder();
        let database = builder.set_cache_size(CACHE_BYTES).create(file)?;
        let txn = database.begin_write()?;
        txn.open_table(MAP)?;
        txn.commit()?;
        Ok(Self(database))
    }

    fn read<T>(&self, work: impl FnOnce(&dyn Reader) -> Result<T>) -> Result<T> {
        let table = self.0.begin_read()?.open_table(MAP)?;
        work(&Opened(table))
    }

    fn write<T>(&self, work: impl FnOnce(&mut dyn Writer) -> Result<T>) -> Result<T> {
        let txn = self.0.begin_write()?;
        let done = work(&mut Opened(txn.open_table(MAP)?))?;
        txn.commit()?;
        Ok(done)
    }

    fn compact(&mut self) -> Result<bool> {
        self.0.compact()?;
        Ok(true)
    }
}

/// The table, open to read or to write.
struct Opened<T>(T);

impl<T: ReadableTable<&'static [u8], &'static [u8]>> Reader for Opened<T> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.0.get(key)?.map(|value| value.value().to_vec()))
    }

    fn scan(&self, range: Range<&[u8]>, page: Range<u64>, visit: Visit<'_>) -> Result<u64> {
        walk(self.0.range::<&[u8]>(range)?, page, |entry| {
            let (key, value) = entry?;
            visit(key.value(), value.value())
        })
    }
}

impl Writer for Opened<Table<'_, &'static [u8], &'static [u8]>> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        self.0.insert(key, value)?;
        Ok(())
    }

    fn delete(&mut self, key: &[u8]) -> Result<()> {
        self.0.remove(key)?;
        Ok(())
    }
}
