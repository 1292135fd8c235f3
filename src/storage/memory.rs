//! A directory in memory: nothing outlives the process.

use super::{Sharing, Storage, StorageFile};
use crate::error::{Error, ErrorKind, Result};
use std::any::Any;
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// A directory in memory. Clones are the same directory, so a store can be closed and reopened.
#[derive(Debug, Clone, Default)]
pub struct MemoryStorage {
    files: Arc<Mutex<HashMap<String, Arc<MemoryFile>>>>,
    locked: Arc<AtomicBool>,
}

impl MemoryStorage {
    fn with_files<T>(&self, act: impl FnOnce(&mut HashMap<String, Arc<MemoryFile>>) -> T) -> T {
        act(&mut self.files.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn missing(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("no file {name}"))
}

impl Storage for MemoryStorage {
    fn open(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        let file = self.with_files(|files| files.get(name).cloned());
        Ok(Box::new(file.ok_or_else(|| missing(name))?))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        let file = Arc::new(MemoryFile::default());
        self.with_files(|files| files.insert(name.to_owned(), Arc::clone(&file)));
        Ok(Box::new(file))
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        Ok(self.with_files(|files| files.contains_key(name)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.with_files(|files| {
            let file = files.remove(from).ok_or_else(|| missing(from))?;
            files.insert(to.to_owned(), file);
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let removed = self.with_files(|files| files.remove(name));
        removed.map(drop).ok_or_else(|| missing(name))
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn is_lockable(&self) -> bool {
        true
    }

    fn lock(&self, _: Sharing) -> Result<Box<dyn Any + Send + Sync>> {
        if self.locked.swap(true, Ordering::AcqRel) {
            return Err(Error::new(
                ErrorKind::AlreadyOpen,
                "the store in memory is open already",
            ));
        }
        Ok(Box::new(MemoryLock(Arc::clone(&self.locked))))
    }
}

#[derive(Debug)]
struct MemoryLock(Arc<AtomicBool>);

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

#[derive(Default)]
struct MemoryFile(RwLock<Vec<u8>>);

impl fmt::Debug for MemoryFile {
    /// Its length alone: what it holds is not for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_tuple("MemoryFile").field(&bytes.len()).finish()
    }
}

impl MemoryFile {
    fn span(offset: u64, len: usize) -> io::Result<std::ops::Range<usize>> {
        usize::try_from(offset)
            .ok()
            .and_then(|start| Some(start..start.checked_add(len)?))
            .ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }
}

impl StorageFile for Arc<MemoryFile> {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.read().unwrap_or_else(PoisonError::into_inner).len() as u64)
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let bytes = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let span = MemoryFile::span(offset, buffer.len())?;
        let found = bytes.get(span).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(found);
        Ok(())
    }

    fn write(&self, offset: u64, new: &[u8]) -> io::Result<()> {
        let mut bytes = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let span = MemoryFile::span(offset, new.len())?;
        if bytes.len() < span.end {
            bytes.resize(span.end, 0);
        }
        if let Some(old) = bytes.get_mut(span) {
            old.copy_from_slice(new);
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let span = MemoryFile::span(len, 0)?;
        let mut bytes = self.0.write().unwrap_or_else(PoisonError::into_inner);
        bytes.resize(span.end, 0);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
