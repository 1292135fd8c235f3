//! Making, opening and closing stores.

use super::{Handle, Store};
use crate::error::{Error, Result};
use crate::format::dictionary::Identity;
use crate::options::Options;
use crate::shared::{DirectoryLock, Files, Shared};
use crate::storage::{DirectoryStorage, MemoryStorage, Sharing, Storage};
use std::path::Path;
use std::sync::Arc;

/// Making, opening and closing.
impl Store {
    /// Makes a store at `path` and opens it.
    ///
    /// The path must not exist, or be an empty directory; it becomes a directory with mode 0700,
    /// missing parents too. On return the empty store is durable. An interrupted call leaves
    /// nothing that opens, and can be repeated.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if there is a store already, or anything else; `AlreadyOpen` if one is being
    /// made there; `Unavailable` if the storage fails.
    ///
    /// ```
    /// # use sessionlog::Store;
    /// # let parent = tempfile::tempdir()?;
    /// # let path = parent.path().join("sessions");
    /// let store = Store::create(&path)?;
    /// store.close()?;
    /// let store = Store::open(&path)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        Options::default().create(path)
    }

    /// Opens the store at `path`, which must hold one: a mistyped path is an error, not an empty
    /// store. What is refused stays as it was.
    ///
    /// # Errors
    ///
    /// `NotAStore`, `UnsupportedFormat`, `Corrupted` or `AlreadyOpen` as the case may be;
    /// `Unavailable` if the storage fails.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Options::default().open(path)
    }

    /// Settings to make or open a store with.
    pub fn options() -> Options {
        Options::default()
    }

    /// Makes a store in memory, which is gone with its last handle.
    ///
    /// # Errors
    ///
    /// None in practice; the signature is that of its siblings.
    pub fn in_memory() -> Result<Self> {
        Options::default().in_memory()
    }

    fn open_locked(
        storage: Arc<dyn Storage>,
        lock: DirectoryLock,
        options: Options,
    ) -> Result<Self> {
        let retention = options.retention.unwrap_or_default();
        retention.check()?;
        let is_read_only = options.read_only;
        let is_checked = options.check_on_open;
        let files = Files::open(storage, options.setup())?;
        let shared = Shared::open(lock, options, files)?;
        if is_checked {
            shared.verify(&mut |_, _| ())?.into_result()?;
        }
        // Nothing is changed before all of it was read.
        if !is_read_only {
            shared.begin()?;
        }
        Ok(Self(Arc::new(Handle(shared))))
    }

    /// Closes the store for every handle: what was written is durable on return, the lock is free,
    /// and every later call that comes to reading or writing is `Closed`. Closing again does nothing.
    ///
    /// Dropping the last handle closes too, but cannot tell of a failure.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the storage fails; the store is closed all the same.
    pub fn close(&self) -> Result<()> {
        self.shared().close()
    }
}

fn sharing(options: &Options) -> Sharing {
    match options.read_only {
        true => Sharing::Shared,
        false => Sharing::Exclusive,
    }
}

/// Making and opening stores with these settings.
impl Options {
    /// Makes a store at `path` and opens it; see [`Store::create`].
    ///
    /// # Errors
    ///
    /// As [`Store::create`]; `InvalidInput` too if it would be read-only.
    pub fn create(self, path: impl AsRef<Path>) -> Result<Store> {
        self.check_writable()?;
        let storage = DirectoryStorage::create(path.as_ref(), &Files::leftovers())?;
        self.create_on(Arc::new(storage))
    }

    /// Opens the store at `path`; see [`Store::open`].
    ///
    /// # Errors
    ///
    /// As [`Store::open`].
    pub fn open(self, path: impl AsRef<Path>) -> Result<Store> {
        let storage = DirectoryStorage::open(path.as_ref(), sharing(&self))?;
        self.open_on(Arc::new(storage))
    }

    /// Makes a store in memory; see [`Store::in_memory`].
    ///
    /// # Errors
    ///
    /// `InvalidInput` if it would be read-only.
    pub fn in_memory(self) -> Result<Store> {
        self.create_on(Arc::new(MemoryStorage::default()))
    }

    /// Makes a store on any storage.
    #[doc(hidden)]
    pub fn create_on(self, storage: Arc<dyn Storage>) -> Result<Store> {
        self.check_writable()?;
        let lock = storage.lock(Sharing::Exclusive)?.into();
        let store_uid = self.ids.refer_uid(self.clock.now());
        Files::create(&*storage, Identity::new(store_uid), self.setup())?;
        Store::open_locked(storage, lock, self)
    }

    /// Opens the store on any storage.
    #[doc(hidden)]
    pub fn open_on(self, storage: Arc<dyn Storage>) -> Result<Store> {
        // A directory that has no lock file yet may be somebody else's: look before making one.
        if !storage.is_lockable() {
            Files::open(Arc::clone(&storage), self.setup())?;
        }
        let lock = storage.lock(sharing(&self))?.into();
        Store::open_locked(storage, lock, self)
    }

    fn check_writable(&self) -> Result<()> {
        match self.read_only {
            true => Err(Error::invalid(
                "read_only",
                "is set, but a new store is empty",
            )),
            false => Ok(()),
        }
    }
}
