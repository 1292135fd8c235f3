//! A storage that can be shut: every file of it is closed then, whoever still has it.
//!
//! A snapshot keeps the file that it reads from, and a reader may be at it: a process that must have no
//! file open cannot wait until all of them have let go.

use super::{Sharing, Storage, StorageFile};
use crate::error::{Error, ErrorKind, Result};
use std::any::Any;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};

/// Passes all calls through until it is shut, and again once it was opened.
#[derive(Debug)]
pub(crate) struct Gate {
    storage: Arc<dyn Storage>,
    /// The files that are open; `None` while shut.
    files: Mutex<Option<Vec<Weak<GatedFile>>>>,
}

impl Gate {
    pub(crate) fn new(storage: Arc<dyn Storage>) -> Self {
        Self {
            storage,
            files: Mutex::new(Some(Vec::new())),
        }
    }

    /// Lets calls through. Files from before stay closed.
    pub(crate) fn open_again(&self) {
        self.files().get_or_insert_default();
    }

    /// Closes every file, once no call is at it, and lets no call through.
    pub(crate) fn shut(&self) {
        let files = self.files().take();
        let files = files.into_iter().flatten();
        files
            .filter_map(|file| file.upgrade())
            .for_each(|file| file.close());
    }

    fn files(&self) -> MutexGuard<'_, Option<Vec<Weak<GatedFile>>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pass(&self) -> io::Result<&dyn Storage> {
        match *self.files() {
            Some(_) => Ok(&*self.storage),
            None => Err(shut()),
        }
    }

    fn gated(&self, file: Box<dyn StorageFile>) -> io::Result<Box<dyn StorageFile>> {
        let file = Arc::new(GatedFile(RwLock::new(Some(file))));
        match self.files().as_mut() {
            Some(files) => {
                files.retain(|file| file.strong_count() > 0);
                files.push(Arc::downgrade(&file));
                Ok(Box::new(file))
            }
            None => Err(shut()),
        }
    }
}

fn shut() -> io::Error {
    io::Error::other("the store's files are closed")
}

impl Storage for Gate {
    fn open(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        self.gated(self.pass()?.open(name)?)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        self.gated(self.pass()?.create(name)?)
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        self.pass()?.exists(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.pass()?.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.pass()?.remove(name)
    }

    fn sync(&self) -> io::Result<()> {
        self.pass()?.sync()
    }

    fn is_lockable(&self) -> bool {
        self.storage.is_lockable()
    }

    fn lock(&self, sharing: Sharing) -> Result<Box<dyn Any + Send + Sync>> {
        let storage = self.pass();
        let shut = |error| Error::new(ErrorKind::Unavailable, "cannot lock").caused_by(error);
        storage.map_err(shut)?.lock(sharing)
    }
}

/// A file until it is closed.
#[derive(Debug)]
struct GatedFile(RwLock<Option<Box<dyn StorageFile>>>);

impl GatedFile {
    fn close(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn pass<T>(&self, call: impl FnOnce(&dyn StorageFile) -> io::Result<T>) -> io::Result<T> {
        let file = self.0.read().unwrap_or_else(PoisonError::into_inner);
        call(file.as_deref().ok_or_else(shut)?)
    }
}

impl StorageFile for Arc<GatedFile> {
    fn len(&self) -> io::Result<u64> {
        self.pass(|file| file.len())
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.pass(|file| file.read(offset, buffer))
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.pass(|file| file.write(offset, bytes))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.pass(|file| file.set_len(len))
    }

    fn sync(&self) -> io::Result<()> {
        self.pass(|file| file.sync())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::storage::MemoryStorage;

    #[test]
    fn shut_it_lets_nothing_through_and_files_from_before_stay_closed() {
        let storage = MemoryStorage::default();
        let gate = Gate::new(Arc::new(storage.clone()));
        let file = gate.create("a").unwrap();
        file.write(0, b"kept").unwrap();
        gate.shut();
        gate.shut();
        let is_shut = |done: io::Result<()>| {
            assert_eq!(done.unwrap_err().to_string(), shut().to_string());
        };
        is_shut(file.read(0, &mut [0]));
        is_shut(file.write(0, b"lost"));
        is_shut(file.set_len(0));
        is_shut(file.sync());
        is_shut(file.len().map(drop));
        is_shut(gate.open("a").map(drop));
        is_shut(gate.create("a").map(drop));
        is_shut(gate.exists("a").map(drop));
        is_shut(gate.rename("a", "b"));
        is_shut(gate.remove("a"));
        is_shut(gate.sync());
        assert!(gate.lock(Sharing::Exclusive).is_err());
        gate.open_again();
        gate.open_again();
        is_shut(file.sync());
        let mut bytes = [0; 4];
        gate.open("a").unwrap().read(0, &mut bytes).unwrap();
        assert_eq!(&bytes, b"kept");
    }
}
