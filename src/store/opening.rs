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
    /// made there; `Corrupted` if there is the log of a store whose main index is missing;
    /// `Unavailable` if the storage fails.
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
        let shared = Shared::new(storage, options);
        shared.open(lock)?;
        if is_checked {
            shared.verify(&mut |_, _| ())?.into_result()?;
        }
        // Nothing is changed before all of it was read.
        if !is_read_only {
            shared.begin()?;
        }
        Ok(Self(Arc::new(Handle(shared))))
    }

    /// Closes all files and gives up the lock, for every handle, until the store is
    /// [resumed](Store::resume): an operating system that suspends a process may end it for a lock that
    /// it holds, and hand the files to another. Until then every call but these two and
    /// [`close`](Store::close) is `Suspended`. Suspending again does nothing.
    ///
    /// What was written is durable on return. It is not merged, which a store that is closed does, so
    /// that suspending takes no longer than a commit: but for a merge that is under way, and for the parts
    /// of [`verify`](Store::verify), [`rebuild`](Store::rebuild) and [`compact`](Store::compact) that go
    /// through the file at once, which end first. Calls that last, such as [`compact`](Store::compact) or [`backup`](Store::backup), are
    /// given up and are `Suspended`. Snapshots and iterators end: they are `Suspended` until the store
    /// is resumed, and `Expired` after that. Cursors go on.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the storage fails; the store is suspended all the same, and what was
    /// acknowledged as durable is. `Closed` once closed. `InvalidInput` if this is called from the
    /// progress of such a call, which it would wait for.
    ///
    /// ```
    /// # use sessionlog::{ErrorKind, Query, Store};
    /// # use uuid::Uuid;
    /// let store = Store::in_memory()?;
    /// store.start(Uuid::from_u128(7), "Ann", "PDA-01")?;
    /// store.suspend()?;
    /// assert_eq!(store.count(&Query::all()).unwrap_err().kind(), ErrorKind::Suspended);
    /// store.resume()?;
    /// assert_eq!(store.count(&Query::all())?, 1);
    /// # Ok::<(), sessionlog::Error>(())
    /// ```
    pub fn suspend(&self) -> Result<()> {
        self.shared().suspend()
    }

    /// Opens a [suspended](Store::suspend) store again, with the options that it had, but without the
    /// [check](crate::Options::check_on_open) of all of it: what another process wrote meanwhile is there.
    /// A store that is open stays so.
    ///
    /// # Errors
    ///
    /// `Closed` once closed; `NotAStore` if another store has taken its place, or none is there; else as
    /// [`Store::open`]. The store is still suspended then, and can be resumed later.
    pub fn resume(&self) -> Result<()> {
        self.shared().resume()
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
        let storage = DirectoryStorage::open(path.as_ref(), self.sharing())?;
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
        let lock = Files::lock(&storage, &self)?;
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
