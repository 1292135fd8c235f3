//! A storage that records what is done to it.

use sessionlog::storage::{MemoryStorage, Sharing, Storage, StorageFile};
use sessionlog::{Query, Result, Store};
use std::any::Any;
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// The bytes of a file in memory.
pub(crate) fn bytes_of(storage: &MemoryStorage, name: &str) -> Vec<u8> {
    whole(&*storage.open(name).unwrap()).unwrap()
}

fn whole(file: &dyn StorageFile) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(file.len()?).unwrap()];
    file.read(0, &mut bytes)?;
    Ok(bytes)
}

/// What a loss of power after some sync leaves.
#[derive(Debug, Clone)]
pub(crate) struct State {
    /// How many syncs there had been.
    pub(crate) syncs: u64,
    files: HashMap<String, Vec<u8>>,
}

impl State {
    pub(crate) fn storage(&self) -> MemoryStorage {
        let storage = MemoryStorage::default();
        for (name, bytes) in &self.files {
            storage.create(name).unwrap().write(0, bytes).unwrap();
        }
        storage
    }
}

/// A directory in memory that remembers what each file was at its last sync, and counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recording {
    live: MemoryStorage,
    durable: Arc<Mutex<HashMap<String, Vec<u8>>>>,
    /// What it was after each sync, since the store was created.
    states: Arc<Mutex<Vec<State>>>,
    syncs: Arc<AtomicU64>,
    bytes_read: Arc<AtomicU64>,
    bytes_written: Arc<AtomicU64>,
    /// Changes that still succeed; all fail from then on.
    changes_left: Arc<Mutex<Option<u64>>>,
    failed: Arc<AtomicBool>,
}

impl Recording {
    /// The directory as it is after a loss of power.
    pub(crate) fn after_power_loss(&self) -> MemoryStorage {
        State {
            syncs: self.syncs(),
            files: self.durable.lock().unwrap().clone(),
        }
        .storage()
    }

    /// What a loss of power after each sync would have left.
    pub(crate) fn states(&self) -> Vec<State> {
        let states = self.states.lock().unwrap();
        let is_store = |state: &&State| state.files.contains_key("main.redb");
        states.iter().filter(is_store).cloned().collect()
    }

    pub(crate) fn sessions_after_power_loss(&self) -> u64 {
        let store = Store::options().open_on(Arc::new(self.after_power_loss()));
        store.unwrap().count(&Query::all()).unwrap()
    }

    pub(crate) fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }

    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    pub(crate) fn bytes_written(&self) -> u64 {
        self.bytes_written.load(Ordering::Relaxed)
    }

    /// Every change of a file fails after so many more.
    pub(crate) fn fail_after(&self, changes: u64) {
        *self.changes_left.lock().unwrap() = Some(changes);
    }

    pub(crate) fn heal(&self) {
        *self.changes_left.lock().unwrap() = None;
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    fn change(&self) -> io::Result<()> {
        match self.changes_left.lock().unwrap().as_mut() {
            None => Ok(()),
            Some(0) => {
                self.failed.store(true, Ordering::Relaxed);
                Err(io::ErrorKind::StorageFull.into())
            }
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }

    fn file(&self, name: &str, file: Box<dyn StorageFile>) -> Box<dyn StorageFile> {
        Box::new(RecordingFile {
            name: name.to_owned(),
            file,
            directory: self.clone(),
        })
    }
}

#[derive(Debug)]
struct RecordingFile {
    name: String,
    file: Box<dyn StorageFile>,
    directory: Recording,
}

impl StorageFile for RecordingFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let bytes_read = &self.directory.bytes_read;
        bytes_read.fetch_add(buffer.len() as u64, Ordering::Relaxed);
        self.file.read(offset, buffer)
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.directory.change()?;
        let bytes_written = &self.directory.bytes_written;
        bytes_written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.file.write(offset, bytes)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.directory.change()?;
        self.file.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        self.directory.change()?;
        let bytes = whole(&*self.file)?;
        let mut durable = self.directory.durable.lock().unwrap();
        durable.insert(self.name.clone(), bytes);
        let syncs = self.directory.syncs.fetch_add(1, Ordering::Relaxed) + 1;
        let files = durable.clone();
        drop(durable);
        self.directory
            .states
            .lock()
            .unwrap()
            .push(State { syncs, files });
        Ok(())
    }
}

impl Storage for Recording {
    fn open(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        Ok(self.file(name, self.live.open(name)?))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        Ok(self.file(name, self.live.create(name)?))
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        self.live.exists(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.live.rename(from, to)?;
        let mut durable = self.durable.lock().unwrap();
        if let Some(bytes) = durable.remove(from) {
            durable.insert(to.to_owned(), bytes);
        }
        Ok(())
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
