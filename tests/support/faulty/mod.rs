//! A storage in memory that fails when it is told to, and knows what a loss of power would leave at
//! any moment.

mod calls;
mod disk;
mod faults;
mod gate;

pub use disk::{Disk, Kept};
pub use faults::{Call, Fault};

use crate::support::random::Random;
use disk::{Change, Event};
use gate::Gate;
use sessionlog::storage::{MemoryStorage, Storage};
use sessionlog::{Query, Store};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};

/// What a loss of power after some sync leaves.
#[derive(Debug, Clone)]
pub struct State {
    /// How many syncs there had been.
    pub syncs: u64,
    files: HashMap<String, Vec<u8>>,
}

impl State {
    fn new(syncs: u64, disk: &Disk) -> Self {
        let files = disk.seen();
        let files = files.map(|(name, bytes)| (name.to_owned(), bytes.to_vec()));
        Self {
            syncs,
            files: files.collect(),
        }
    }

    pub fn storage(&self) -> MemoryStorage {
        let storage = MemoryStorage::default();
        for (name, bytes) in &self.files {
            storage.create(name).unwrap().write(0, bytes).unwrap();
        }
        storage
    }
}

/// A directory in memory. Clones are the same one.
///
/// What is written is seen at once, and durable once its file was synced; what files are called, once
/// the directory was. What a failed sync was to make durable no other makes so, though it is seen; and
/// until the file is opened again, the later ones say that they have done what they have not.
#[derive(Clone, Default)]
pub struct FaultyStorage(Arc<Inner>);

#[derive(Default)]
struct Inner {
    recorded: RwLock<Recorded>,
    counts: Counts,
    faults: Mutex<Vec<Fault>>,
    failures: AtomicU64,
    /// How much of a write is done that fails.
    random: Mutex<Random>,
    /// Files of which a sync has failed.
    lossy: Mutex<HashSet<usize>>,
    gate: Gate,
    /// Has no files, but the lock.
    locks: MemoryStorage,
    /// Whether the directory was locked once and is no longer.
    is_unlocked: AtomicBool,
    changed_unlocked: AtomicBool,
}

/// A disk, and how it came to be what it is.
#[derive(Default)]
struct Recorded {
    first: Disk,
    events: Vec<Event>,
    disk: Disk,
}

impl Recorded {
    fn new(disk: Disk) -> Self {
        Self {
            first: disk.clone(),
            events: Vec::new(),
            disk,
        }
    }

    fn happen(&mut self, event: Event) {
        self.disk.apply(&event);
        self.events.push(event);
    }
}

#[derive(Default)]
struct Counts {
    syncs: AtomicU64,
    syncs_by_name: Mutex<HashMap<String, u64>>,
    reads: AtomicU64,
    bytes_read: AtomicU64,
    bytes_written: AtomicU64,
}

impl fmt::Debug for FaultyStorage {
    /// Without the bytes, which nobody could read.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyStorage").finish_non_exhaustive()
    }
}

impl FaultyStorage {
    /// One with this disk, of which no file is open.
    pub fn on(mut disk: Disk) -> Self {
        disk.close_all();
        Self(Arc::new(Inner {
            recorded: RwLock::new(Recorded::new(disk)),
            ..Inner::default()
        }))
    }

    /// One that finds the files of a store there: the main index and the log's headers are durable,
    /// what else the log has is not.
    pub fn of(files: MemoryStorage) -> Self {
        let mut disk = Disk::default();
        for (file, name) in ["main.redb", "log.0", "log.1"].into_iter().enumerate() {
            let bytes = super::files::bytes_of(&files, name);
            let (durable, pending) = match name {
                "main.redb" => (bytes.as_slice(), None),
                _ => bytes
                    .split_at_checked(24)
                    .map_or((bytes.as_slice(), None), |(header, rest)| {
                        (header, Some(rest))
                    }),
            };
            disk.apply(&Event::Create(name.to_owned()));
            disk.apply(&Event::Change(file, Change::Write(0, durable.into())));
            disk.apply(&Event::Sync(file));
            if let Some(rest) = pending {
                disk.apply(&Event::Change(file, Change::Write(24, rest.into())));
            }
        }
        disk.apply(&Event::SyncNames);
        Self::on(disk)
    }

    /// The disk as it is.
    pub fn disk(&self) -> Disk {
        self.0.recorded.read().unwrap().disk.clone()
    }

    /// The directory as another process finds it once this one was killed: it sees everything, and
    /// what is not durable is still not.
    pub fn killed(&self) -> Self {
        Self::on(self.disk())
    }

    /// The directory after a loss of power.
    pub fn without_power(&self, kept: Kept) -> Self {
        Self::on(self.0.recorded.read().unwrap().disk.without_power(kept))
    }

    /// As it is after a loss of power that takes all it can.
    pub fn after_power_loss(&self) -> MemoryStorage {
        let disk = self.disk().without_power(Kept::Nothing);
        State::new(self.syncs(), &disk).storage()
    }

    /// The directory as the end of the process leaves it.
    pub fn after_kill(&self) -> MemoryStorage {
        State::new(self.syncs(), &self.disk()).storage()
    }

    /// What a loss of power after each sync would have left, wherever there is a store.
    pub fn states(&self) -> Vec<State> {
        let mut states = Vec::new();
        let mut syncs = 0;
        self.each_moment(|event, disk| {
            if matches!(event, Some(Event::Sync(_))) {
                syncs += 1;
                states.push(State::new(syncs, &disk.without_power(Kept::Nothing)));
            }
        });
        states.retain(|state| state.files.contains_key("main.redb"));
        states
    }

    /// How many changes there were so far.
    pub fn moment(&self) -> usize {
        self.0.recorded.read().unwrap().events.len()
    }

    /// The disk as it was after so many changes, for each number of them.
    pub fn moments(&self, mut at: impl FnMut(usize, &Disk)) {
        let mut moment = 0;
        self.each_moment(|_, disk| {
            at(moment, disk);
            moment += 1;
        });
    }

    /// The disk as it was after so many changes.
    pub fn disk_at(&self, moment: usize) -> Disk {
        let recorded = self.0.recorded.read().unwrap();
        let mut disk = recorded.first.clone();
        for event in &recorded.events[..moment] {
            disk.apply(event);
        }
        disk
    }

    fn each_moment(&self, mut at: impl FnMut(Option<&Event>, &Disk)) {
        let recorded = self.0.recorded.read().unwrap();
        let mut disk = recorded.first.clone();
        at(None, &disk);
        for event in &recorded.events {
            disk.apply(event);
            at(Some(event), &disk);
        }
    }

    /// Whether any file was made, removed or given another name since.
    pub fn names_changed_since(&self, moment: usize) -> bool {
        let recorded = self.0.recorded.read().unwrap();
        let mut events = recorded.events[moment..].iter();
        events.any(|event| {
            matches!(
                event,
                Event::Create(_) | Event::Rename(..) | Event::Remove(_)
            )
        })
    }

    /// Damages a file at rest.
    pub fn damage(&self, name: &str, damage: impl FnOnce(&mut Vec<u8>)) {
        let mut disk = self.disk();
        disk.damage(name, damage);
        *self.0.recorded.write().unwrap() = Recorded::new(disk);
    }

    pub fn sessions_after_power_loss(&self) -> u64 {
        sessions(self.after_power_loss())
    }

    pub fn sessions_after_kill(&self) -> u64 {
        sessions(self.after_kill())
    }

    pub fn syncs(&self) -> u64 {
        self.0.counts.syncs.load(Ordering::Relaxed)
    }

    pub fn reads(&self) -> u64 {
        self.0.counts.reads.load(Ordering::Relaxed)
    }

    pub fn bytes_read(&self) -> u64 {
        self.0.counts.bytes_read.load(Ordering::Relaxed)
    }

    pub fn bytes_written(&self) -> u64 {
        self.0.counts.bytes_written.load(Ordering::Relaxed)
    }

    /// How many pages of so many bytes syncs have made durable, each as often as it was changed between
    /// two of them.
    pub fn pages_synced(&self, page_bytes: u64) -> u64 {
        let recorded = self.0.recorded.read().unwrap();
        let mut changed: HashSet<(usize, u64)> = HashSet::new();
        let mut synced = 0;
        for event in &recorded.events {
            match event {
                Event::Change(file, Change::Write(offset, bytes)) => {
                    let last = (offset + bytes.len() as u64).saturating_sub(1);
                    let pages = offset / page_bytes..=last / page_bytes;
                    changed.extend(pages.map(|page| (*file, page)));
                }
                Event::Sync(file) => {
                    let before = changed.len();
                    changed.retain(|(other, _)| other != file);
                    synced += (before - changed.len()) as u64;
                }
                _ => {}
            }
        }
        synced
    }

    /// How often files whose names begin so were synced.
    pub fn syncs_of(&self, prefix: &str) -> u64 {
        let counts = self.0.counts.syncs_by_name.lock().unwrap();
        let counts = counts.iter().filter(|(name, _)| name.starts_with(prefix));
        counts.map(|(_, count)| count).sum()
    }

    /// Calls fail from here on; a fault of the same kinds of calls ends.
    pub fn fail(&self, fault: Fault) {
        let mut faults = self.0.faults.lock().unwrap();
        faults.retain(|other| !other.is_like(&fault));
        faults.push(fault);
    }

    /// Every change fails after so many more.
    pub fn fail_after(&self, changes: u64) {
        self.fail_some("", changes, u64::MAX);
    }

    /// Of the changes of files whose names begin so, so many fail after so many more.
    pub fn fail_some(&self, prefix: &'static str, left: u64, failures: u64) {
        let fault = Fault::of(Call::CHANGES).named(prefix);
        self.fail(fault.after(left).times(failures));
    }

    /// As [`fail_some`](Self::fail_some), of the reads.
    pub fn fail_reads(&self, prefix: &'static str, left: u64, failures: u64) {
        let fault = Fault::of(Call::READS).with(io::ErrorKind::TimedOut);
        self.fail(fault.named(prefix).after(left).times(failures));
    }

    pub fn heal(&self) {
        self.0.faults.lock().unwrap().clear();
    }

    /// How many calls have failed.
    pub fn failures(&self) -> u64 {
        self.0.failures.load(Ordering::Relaxed)
    }

    pub fn has_failed(&self) -> bool {
        self.failures() > 0
    }

    /// Syncs of files whose names begin so wait until the gate is opened.
    pub fn shut(&self, prefix: &'static str) {
        self.0.gate.shut(prefix);
    }

    pub fn open_gate(&self) {
        self.0.gate.open();
    }

    /// Returns once so many syncs wait.
    pub fn wait_for_waiting(&self, count: u64) {
        self.0.gate.wait_for_waiting(count);
    }

    /// Whether a file was changed by somebody who does not have the lock any more.
    pub fn was_changed_unlocked(&self) -> bool {
        self.0.changed_unlocked.load(Ordering::SeqCst)
    }
}

fn sessions(storage: MemoryStorage) -> u64 {
    let store = Store::options().open_on(Arc::new(storage));
    store.unwrap().count(&Query::all()).unwrap()
}
