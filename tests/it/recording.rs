//! A storage that records what is done to it.

use sessionlog::storage::{MemoryStorage, Sharing, Storage, StorageFile};
use sessionlog::{Query, Result, Store};
use std::any::Any;
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// The bytes of a file in memory.
pub(crate) fn bytes_of(storage: &MemoryStorage, name: &str) -> Vec<u8> {
    whole(&*storage.open(name).unwrap()).unwrap()
}

fn whole(file: &dyn StorageFile) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(file.len()?).unwrap()];
    file.read(0, &mut bytes)?;
    Ok(bytes)
}

/// Where each record of a file of the log ends, and its header; zeros are behind
/// the last.
pub(crate) fn record_ends(bytes: &[u8]) -> Vec<usize> {
    let mut ends = vec![24];
    while let Some(end) = ends.last().copied()
        && let Some(length) = bytes.get(end..end + 28).and_then(<[u8]>::first_chunk)
        && u32::from_le_bytes(*length) > 0
    {
        ends.push(end + 28 + u32::from_le_bytes(*length) as usize);
    }
    ends
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
    syncs_by_name: Arc<Mutex<HashMap<String, u64>>>,
    reads: Arc<AtomicU64>,
    bytes_read: Arc<AtomicU64>,
    bytes_written: Arc<AtomicU64>,
    faults: Arc<Mutex<Faults>>,
    read_faults: Arc<Mutex<Faults>>,
    failed: Arc<AtomicBool>,
    gate: Arc<Gate>,
    /// Whether the directory was locked once and is no longer.
    is_unlocked: Arc<AtomicBool>,
    changed_unlocked: Arc<AtomicBool>,
    /// The files by their present names.
    inodes: Arc<Mutex<HashMap<String, Arc<Inode>>>>,
}

/// Where syncs wait.
#[derive(Debug, Default)]
struct Gate {
    /// Those of files whose names begin so, while it is shut.
    shut: Mutex<Option<&'static str>>,
    bell: Condvar,
    waiting: AtomicU64,
}

/// Which calls fail.
#[derive(Debug, Default)]
struct Faults {
    /// Those of files whose names begin so.
    prefix: &'static str,
    /// How many succeed before.
    left: u64,
    /// How many fail.
    failures: u64,
}

impl Faults {
    /// Whether the next call fails, which is one for this file.
    fn strike(&mut self, name: &str) -> bool {
        if !name.starts_with(self.prefix) || self.failures == 0 {
            return false;
        }
        if self.left > 0 {
            self.left -= 1;
            return false;
        }
        self.failures -= 1;
        true
    }
}

/// What a file is, whatever it is called.
#[derive(Debug, Default)]
struct Inode {
    name: Mutex<String>,
    /// Whether a sync has failed: then the later ones say that they have done what they have not.
    is_lossy: AtomicBool,
}

impl Recording {
    /// One that finds these files there, none of them synced.
    pub(crate) fn of(live: MemoryStorage) -> Self {
        let names = ["main.redb", "log.0", "log.1"];
        let inodes = names.map(|name| (name.to_owned(), named(name)));
        let durable = [("main.redb".to_owned(), bytes_of(&live, "main.redb"))];
        Self {
            live,
            inodes: Arc::new(Mutex::new(inodes.into())),
            durable: Arc::new(Mutex::new(durable.into())),
            ..Self::default()
        }
    }

    /// The directory as it is after a loss of power.
    pub(crate) fn after_power_loss(&self) -> MemoryStorage {
        State {
            syncs: self.syncs(),
            files: self.durable.lock().unwrap().clone(),
        }
        .storage()
    }

    /// The directory as the end of the process leaves it.
    pub(crate) fn after_kill(&self) -> MemoryStorage {
        let names = self
            .inodes
            .lock()
            .unwrap()
            .keys()
            .cloned()
            .collect::<Vec<_>>();
        let files = names.into_iter().map(|name| {
            let bytes = bytes_of(&self.live, &name);
            (name, bytes)
        });
        State {
            syncs: self.syncs(),
            files: files.collect(),
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
        sessions(self.after_power_loss())
    }

    pub(crate) fn sessions_after_kill(&self) -> u64 {
        sessions(self.after_kill())
    }

    pub(crate) fn syncs(&self) -> u64 {
        self.syncs.load(Ordering::Relaxed)
    }

    pub(crate) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }

    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read.load(Ordering::Relaxed)
    }

    pub(crate) fn bytes_written(&self) -> u64 {
        self.bytes_written.load(Ordering::Relaxed)
    }

    /// Every change of a file fails after so many more.
    pub(crate) fn fail_after(&self, changes: u64) {
        self.fail_some("", changes, u64::MAX);
    }

    /// Of the changes of files whose names begin so, so many fail after so many more.
    pub(crate) fn fail_some(&self, prefix: &'static str, left: u64, failures: u64) {
        *self.faults.lock().unwrap() = Faults {
            prefix,
            left,
            failures,
        };
    }

    /// As [`fail_some`](Self::fail_some), of the reads.
    pub(crate) fn fail_reads(&self, prefix: &'static str, left: u64, failures: u64) {
        *self.read_faults.lock().unwrap() = Faults {
            prefix,
            left,
            failures,
        };
    }

    pub(crate) fn heal(&self) {
        *self.faults.lock().unwrap() = Faults::default();
        *self.read_faults.lock().unwrap() = Faults::default();
    }

    /// Syncs of files whose names begin so wait until the gate is opened.
    pub(crate) fn shut(&self, prefix: &'static str) {
        *self.gate.shut.lock().unwrap() = Some(prefix);
    }

    pub(crate) fn open_gate(&self) {
        *self.gate.shut.lock().unwrap() = None;
        self.gate.bell.notify_all();
    }

    /// Returns once so many syncs wait.
    pub(crate) fn wait_for_waiting(&self, count: u64) {
        while self.gate.waiting.load(Ordering::SeqCst) < count {
            thread::yield_now();
        }
    }

    fn pass_gate(&self, name: &str) {
        let mut shut = self.gate.shut.lock().unwrap();
        self.gate.waiting.fetch_add(1, Ordering::SeqCst);
        while shut.is_some_and(|prefix| name.starts_with(prefix)) {
            shut = self.gate.bell.wait(shut).unwrap();
        }
        self.gate.waiting.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether a file was changed by somebody who does not have the lock any more.
    pub(crate) fn was_changed_unlocked(&self) -> bool {
        self.changed_unlocked.load(Ordering::SeqCst)
    }

    /// How often files whose names begin so were synced.
    pub(crate) fn syncs_of(&self, prefix: &str) -> u64 {
        let counts = self.syncs_by_name.lock().unwrap();
        let counts = counts.iter().filter(|(name, _)| name.starts_with(prefix));
        counts.map(|(_, count)| count).sum()
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }

    fn change(&self, name: &str) -> io::Result<()> {
        if self.is_unlocked.load(Ordering::SeqCst) {
            self.changed_unlocked.store(true, Ordering::SeqCst);
        }
        self.pass(&self.faults, name, io::ErrorKind::StorageFull)
    }

    fn pass(&self, faults: &Mutex<Faults>, name: &str, error: io::ErrorKind) -> io::Result<()> {
        if !faults.lock().unwrap().strike(name) {
            return Ok(());
        }
        self.failed.store(true, Ordering::Relaxed);
        Err(error.into())
    }

    fn file(&self, inode: Arc<Inode>, file: Box<dyn StorageFile>) -> Box<dyn StorageFile> {
        Box::new(RecordingFile {
            inode,
            file,
            directory: self.clone(),
        })
    }
}

#[derive(Debug)]
struct RecordingFile {
    inode: Arc<Inode>,
    file: Box<dyn StorageFile>,
    directory: Recording,
}

impl RecordingFile {
    fn change(&self) -> io::Result<()> {
        let name = self.inode.name.lock().unwrap().clone();
        self.directory.change(&name)
    }
}

impl StorageFile for RecordingFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.directory.reads.fetch_add(1, Ordering::Relaxed);
        let bytes_read = &self.directory.bytes_read;
        bytes_read.fetch_add(buffer.len() as u64, Ordering::Relaxed);
        let name = self.inode.name.lock().unwrap().clone();
        let faults = &self.directory.read_faults;
        self.directory
            .pass(faults, &name, io::ErrorKind::TimedOut)?;
        self.file.read(offset, buffer)
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.change()?;
        let bytes_written = &self.directory.bytes_written;
        bytes_written.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        self.file.write(offset, bytes)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change()?;
        self.file.set_len(len)
    }

    fn sync(&self) -> io::Result<()> {
        let name = self.inode.name.lock().unwrap().clone();
        self.directory.pass_gate(&name);
        let mut counts = self.directory.syncs_by_name.lock().unwrap();
        *counts.entry(name).or_default() += 1;
        drop(counts);
        if let Err(error) = self.change() {
            self.inode.is_lossy.store(true, Ordering::Relaxed);
            return Err(error);
        }
        if self.inode.is_lossy.load(Ordering::Relaxed) {
            return Ok(());
        }
        let bytes = whole(&*self.file)?;
        let mut durable = self.directory.durable.lock().unwrap();
        durable.insert(self.inode.name.lock().unwrap().clone(), bytes);
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
        let file = self.live.open(name)?;
        let mut inodes = self.inodes.lock().unwrap();
        let inode = inodes.entry(name.to_owned()).or_insert_with(|| named(name));
        // What it has been read from since is known to be there.
        inode.is_lossy.store(false, Ordering::Relaxed);
        Ok(self.file(Arc::clone(inode), file))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        self.change(name)?;
        let inode = named(name);
        let mut inodes = self.inodes.lock().unwrap();
        inodes.insert(name.to_owned(), Arc::clone(&inode));
        Ok(self.file(inode, self.live.create(name)?))
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        self.live.exists(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.change(from)?;
        self.live.rename(from, to)?;
        let mut inodes = self.inodes.lock().unwrap();
        if let Some(inode) = inodes.remove(from) {
            to.clone_into(&mut inode.name.lock().unwrap());
            inodes.insert(to.to_owned(), inode);
        }
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
        let lock = self.live.lock(sharing)?;
        self.is_unlocked.store(false, Ordering::SeqCst);
        Ok(Box::new(Lock {
            is_unlocked: Arc::clone(&self.is_unlocked),
            _lock: lock,
        }))
    }
}

struct Lock {
    is_unlocked: Arc<AtomicBool>,
    _lock: Box<dyn Any + Send + Sync>,
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.is_unlocked.store(true, Ordering::SeqCst);
    }
}

fn sessions(storage: MemoryStorage) -> u64 {
    let store = Store::options().open_on(Arc::new(storage));
    store.unwrap().count(&Query::all()).unwrap()
}

fn named(name: &str) -> Arc<Inode> {
    Arc::new(Inode {
        name: Mutex::new(name.to_owned()),
        is_lossy: AtomicBool::new(false),
    })
}
