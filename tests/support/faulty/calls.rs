//! What a store calls of the storage: each call can fail.

use super::disk::{Change, Event};
use super::{Call, FaultyStorage};
use sessionlog::Result;
use sessionlog::storage::{Sharing, Storage, StorageFile};
use std::any::Any;
use std::io;
use std::sync::atomic::Ordering;

#[derive(Debug)]
struct FaultyFile {
    storage: FaultyStorage,
    file: usize,
}

impl FaultyStorage {
    /// Begins a call that is about a file of this name.
    fn begin(&self, call: Call, name: &str) -> io::Result<()> {
        if Call::CHANGES.contains(&call) && self.0.is_unlocked.load(Ordering::SeqCst) {
            self.0.changed_unlocked.store(true, Ordering::SeqCst);
        }
        let mut faults = self.0.faults.lock().unwrap();
        // Each counts the call.
        let struck = faults.iter_mut().map(|fault| fault.strike(call, name));
        let struck = struck.fold(Ok(()), io::Result::and);
        if struck.is_err() {
            self.0.failures.fetch_add(1, Ordering::Relaxed);
        }
        struck
    }

    fn happen(&self, event: Event) {
        self.0.recorded.write().unwrap().happen(event);
    }

    /// The number of a file that is there.
    fn find(&self, name: &str) -> io::Result<usize> {
        let file = self.0.recorded.read().unwrap().disk.file(name);
        file.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("no file {name}")))
    }

    /// A file that is read anew, or begun anew, is what it seems.
    fn file(&self, file: usize) -> Box<dyn StorageFile> {
        self.0.lossy.lock().unwrap().remove(&file);
        Box::new(FaultyFile {
            storage: self.clone(),
            file,
        })
    }
}

impl Storage for FaultyStorage {
    fn open(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        self.begin(Call::Open, name)?;
        Ok(self.file(self.find(name)?))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        self.begin(Call::Create, name)?;
        self.happen(Event::Create(name.to_owned()));
        Ok(self.file(self.find(name)?))
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        self.begin(Call::Exists, name)?;
        Ok(self.find(name).is_ok())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.begin(Call::Rename, from)?;
        self.find(from)?;
        self.happen(Event::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.begin(Call::Remove, name)?;
        self.find(name)?;
        self.happen(Event::Remove(name.to_owned()));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.begin(Call::SyncNames, "")?;
        self.happen(Event::SyncNames);
        Ok(())
    }

    fn is_lockable(&self) -> bool {
        true
    }

    fn lock(&self, sharing: Sharing) -> Result<Box<dyn Any + Send + Sync>> {
        let lock = self.0.locks.lock(sharing)?;
        self.0.is_unlocked.store(false, Ordering::SeqCst);
        Ok(Box::new(Lock {
            storage: self.clone(),
            _lock: lock,
        }))
    }
}

struct Lock {
    storage: FaultyStorage,
    _lock: Box<dyn Any + Send + Sync>,
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.storage.0.is_unlocked.store(true, Ordering::SeqCst);
    }
}

impl FaultyFile {
    fn begin(&self, call: Call) -> io::Result<()> {
        self.storage.begin(call, &self.name())
    }

    fn name(&self) -> String {
        let recorded = self.storage.0.recorded.read().unwrap();
        recorded.disk.name(self.file).to_owned()
    }

    fn change(&self, change: Change) {
        self.storage.happen(Event::Change(self.file, change));
    }

    /// How much of a write is done that fails.
    fn part<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        let mut random = self.storage.0.random.lock().unwrap();
        &bytes[..random.below(bytes.len() + 1)]
    }
}

impl StorageFile for FaultyFile {
    fn len(&self) -> io::Result<u64> {
        self.begin(Call::Len)?;
        let recorded = self.storage.0.recorded.read().unwrap();
        Ok(recorded.disk.bytes(self.file).len() as u64)
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let counts = &self.storage.0.counts;
        counts.reads.fetch_add(1, Ordering::Relaxed);
        let bytes_read = buffer.len() as u64;
        counts.bytes_read.fetch_add(bytes_read, Ordering::Relaxed);
        self.begin(Call::Read)?;
        let recorded = self.storage.0.recorded.read().unwrap();
        let start = usize::try_from(offset).unwrap();
        let bytes = recorded.disk.bytes(self.file);
        let found = bytes.get(start..start + buffer.len());
        buffer.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let begun = self.begin(Call::Write);
        let written = match &begun {
            Ok(()) => bytes,
            Err(_) => self.part(bytes),
        };
        let counts = &self.storage.0.counts;
        let bytes_written = written.len() as u64;
        counts
            .bytes_written
            .fetch_add(bytes_written, Ordering::Relaxed);
        if !written.is_empty() {
            self.change(Change::Write(offset, written.into()));
        }
        begun
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.begin(Call::SetLen)?;
        self.change(Change::SetLen(len));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let name = self.name();
        self.storage.0.gate.pass(&name);
        let counts = &self.storage.0.counts;
        *counts
            .syncs_by_name
            .lock()
            .unwrap()
            .entry(name)
            .or_default() += 1;
        let mut lossy = self.storage.0.lossy.lock().unwrap();
        if let Err(error) = self.begin(Call::Sync) {
            lossy.insert(self.file);
            self.storage.happen(Event::FailedSync(self.file));
            return Err(error);
        }
        if !lossy.contains(&self.file) {
            self.storage.happen(Event::Sync(self.file));
            counts.syncs.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }
}
