//! What no store can be brought to do at will: both files have commits that are not durable.

use super::*;
use crate::error::ErrorKind;
use crate::storage::{MemoryStorage, Sharing, StorageFile};
use std::any::Any;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use uuid::Uuid;

/// A directory in memory whose next sync of a file can fail.
#[derive(Debug, Clone, Default)]
struct Failing {
    live: MemoryStorage,
    is_to_fail: Arc<AtomicBool>,
}

#[derive(Debug)]
struct FailingFile(Box<dyn StorageFile>, Arc<AtomicBool>);

impl StorageFile for FailingFile {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, buffer)
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write(offset, bytes)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        match self.1.swap(false, Ordering::Relaxed) {
            true => Err(io::ErrorKind::StorageFull.into()),
            false => self.0.sync(),
        }
    }
}

impl Failing {
    fn file(&self, file: Box<dyn StorageFile>) -> Box<dyn StorageFile> {
        Box::new(FailingFile(file, Arc::clone(&self.is_to_fail)))
    }
}

impl Storage for Failing {
    fn open(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        Ok(self.file(self.live.open(name)?))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        Ok(self.file(self.live.create(name)?))
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        self.live.exists(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.live.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.live.remove(name)
    }

    fn sync(&self) -> io::Result<()> {
        self.live.sync()
    }

    fn is_lockable(&self) -> bool {
        self.live.is_lockable()
    }

    fn lock(&self, sharing: Sharing) -> Result<Box<dyn Any + Send + Sync>> {
        self.live.lock(sharing)
    }
}

fn open(storage: &Failing, identity: Identity) -> (Log, Vec<Commit>) {
    Log::open(Arc::new(storage.clone()), identity, 0).unwrap()
}

fn body() -> Vec<u8> {
    let commit = Commit {
        effects: Vec::new(),
        names: crate::format::NewNames::default(),
        ids: crate::format::Ids::START,
    };
    commit.to_body().unwrap()
}

#[test]
fn a_commit_is_taken_back_where_the_file_before_its_own_cannot_be_synced() {
    let storage = Failing::default();
    let identity = Identity::new(Uuid::from_u128(1));
    Log::create(&storage, identity).unwrap();
    for name in LOGS {
        storage.rename(&engine::unfinished(name), name).unwrap();
    }
    let (mut log, commits) = open(&storage, identity);
    assert!(commits.is_empty());
    log.append(&[body(), body()], Flush::Later).unwrap();
    log.freeze();
    storage.is_to_fail.store(true, Ordering::Relaxed);
    let failed = log.append(&[body()], Flush::Now).unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Unavailable);
    log.settle().unwrap();
    assert_eq!(open(&storage, identity).1.len(), 2);
    assert_eq!(log.last(), 2);
    log.append(&[body()], Flush::Now).unwrap();
    assert_eq!(open(&storage, identity).1.len(), 3);
}
