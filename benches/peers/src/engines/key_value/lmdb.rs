//! LMDB: a B+-tree in a mapped file, its cache the system's.

use super::{KeyValue, Reader, Visit, Writer, walk};
use crate::Result;
use heed::types::Bytes;
use heed::{CommitOrAbort, CompactionOption, Database, Env, EnvOpenOptions, RoTxn, RwTxn, WithTls};
use std::ops::{Bound, Range};
use std::path::Path;

/// Room in the address space: the file grows as it needs to.
const MAP_BYTES: usize = 256 << 30;

/// The name that LMDB gives its file.
const DATA: &str = "data.mdb";

type Map = Database<'static, Bytes, Bytes>;

pub(in crate::engines) struct Lmdb {
    /// `None` only while the file is replaced by its compact copy.
    env: Option<Env>,
    map: Map,
}

impl Lmdb {
    fn env(&self) -> Result<&Env> {
        self.env.as_ref().ok_or_else(|| "LMDB is closed".into())
    }
}

impl KeyValue for Lmdb {
    fn open(folder: &Path) -> Result<Self> {
        let mut options = EnvOpenOptions::new();
        options.map_size(MAP_BYTES);
        #[expect(unsafe_code, reason = "nobody else changes the file in its own folder")]
        // SAFETY: the folder is the run's own, and opened by one process at a time.
        let env = unsafe { options.open(folder)? };
        let created = env.create_databases_and_commit(env.write_txn()?, |opener, txn| {
            let map = opener.create_database::<Bytes, Bytes>(txn, None)?;
            Ok::<_, heed::Error>(CommitOrAbort::<_, ()>::Commit(map))
        })?;
        let map = created.commit().ok_or("LMDB made no map")?;
        Ok(Self {
            env: Some(env),
            map,
        })
    }

    fn read<T>(&self, work: impl FnOnce(&dyn Reader) -> Result<T>) -> Result<T> {
        let txn = self.env()?.read_txn()?;
        work(&Transaction { txn, map: self.map })
    }

    fn write<T>(&self, work: impl FnOnce(&mut dyn Writer) -> Result<T>) -> Result<T> {
        let txn = self.env()?.write_txn()?;
        let mut transaction = Transaction { txn, map: self.map };
        let done = work(&mut transaction)?;
        transaction.txn.commit()?;
        Ok(done)
    }

    /// Copies the file without its free pages, and goes on with the copy.
    fn compact(&mut self) -> Result<bool> {
        let env = self.env.take().ok_or("LMDB is closed")?;
        let folder = env.path().to_owned();
        let copy = folder.join("compact.mdb");
        env.copy_to_path(&copy, CompactionOption::Enabled)?;
        env.prepare_for_closing().wait();
        std::fs::rename(copy, folder.join(DATA))?;
        *self = Self::open(&folder)?;
        Ok(true)
    }
}

/// A transaction of either kind.
struct Transaction<T> {
    txn: T,
    map: Map,
}

/// What both kinds can do.
trait Reads {
    fn reads(&self) -> &RoTxn<'_>;
}

impl Reads for RoTxn<'_, WithTls> {
    fn reads(&self) -> &RoTxn<'_> {
        self
    }
}

impl Reads for RwTxn<'_> {
    fn reads(&self) -> &RoTxn<'_> {
        self
    }
}

impl<T: Reads> Reader for Transaction<T> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(self.map.get(self.txn.reads(), key)?.map(<[u8]>::to_vec))
    }

    fn scan(&self, range: Range<&[u8]>, page: Range<u64>, visit: Visit<'_>) -> Result<u64> {
        let bounds = (Bound::Included(range.start), Bound::Excluded(range.end));
        let entries = self.map.range(self.txn.reads(), &bounds)?;
        walk(entries, page, |entry| {
            let (key, value) = entry?;
            visit(key, value)
        })
    }
}

impl Writer for Transaction<RwTxn<'_>> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        Ok(self.map.put(&mut self.txn, key, value)?)
    }

    fn delete(&mut self, key: &[u8]) -> Result<()> {
        self.map.delete(&mut self.txn, key)?;
        Ok(())
    }
}
