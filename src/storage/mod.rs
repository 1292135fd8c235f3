//! Files and their directory: the one seam through which a store touches the outside.
//!
//! Hidden, not private: tests put faults behind it. It may change in any release.

mod directory;
mod gate;
mod held;
mod memory;

pub(crate) use directory::DirectoryStorage;
pub(crate) use gate::Gate;
pub(crate) use held::HeldFile;
pub use memory::MemoryStorage;

use crate::error::Result;
use std::any::Any;
use std::fmt::Debug;
use std::io;

/// A store's directory. Names are plain file names in it.
pub trait Storage: Debug + Send + Sync {
    /// Opens the existing file `name`.
    fn open(&self, name: &str) -> io::Result<Box<dyn StorageFile>>;

    /// Makes the file `name`, empty; one that exists is replaced.
    fn create(&self, name: &str) -> io::Result<Box<dyn StorageFile>>;

    /// Whether there is a file `name`.
    fn exists(&self, name: &str) -> io::Result<bool>;

    /// Renames a file, over `to` if that exists; durable after [`Storage::sync`].
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file; durable after [`Storage::sync`].
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes creations, renames and removals durable.
    fn sync(&self) -> io::Result<()>;

    /// Whether [`Storage::lock`] leaves no trace in a directory that may not be a store's.
    fn is_lockable(&self) -> bool;

    /// Keeps the directory for this process, until the answer is dropped.
    ///
    /// # Errors
    ///
    /// `AlreadyOpen` if somebody has it; `Unavailable` if the attempt fails.
    fn lock(&self, sharing: Sharing) -> Result<Box<dyn Any + Send + Sync>>;
}

/// Who else may have a store open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Nobody: for writing.
    Exclusive,
    /// Whoever reads: for reading.
    Shared,
}

/// One file.
pub trait StorageFile: Debug + Send + Sync {
    /// The length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Fills `buffer` from `offset`; `UnexpectedEof` if the file ends before.
    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;

    /// Writes `bytes` at `offset`; durable after [`StorageFile::sync`].
    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file or extends it with zeros; durable after [`StorageFile::sync`].
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Makes the file's bytes and length durable.
    fn sync(&self) -> io::Result<()>;
}
