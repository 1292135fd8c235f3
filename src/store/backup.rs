//! Copies of a store: made, brought back, and got out of what is damaged.

use super::Store;
use crate::error::Result;
use crate::options::Options;
use crate::shared::{Files, Working};
use crate::storage::{DirectoryStorage, Sharing, Storage};
use crate::verify::Progress;
use std::path::Path;

/// Copying.
impl Store {
    /// Copies the state after the last commit to a directory at `to`, which is made as
    /// [`Store::create`] makes one: a store by itself, compact, with the same `store_uid`, durable on
    /// return. Answers how many sessions it has.
    ///
    /// Writers and readers go on meanwhile; what they write is not in the copy. The state that is
    /// copied is kept from being cleaned up until the end. An interrupted call leaves nothing that
    /// opens, and can be repeated.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if there is anything at `to`; `Corrupted` if anything to be copied is damaged, or
    /// there is the log of a store at `to` whose main index is missing; `Unavailable` if the storage
    /// fails, of either.
    ///
    /// ```
    /// # use sessionlog::{Query, Store};
    /// # use uuid::Uuid;
    /// # let folder = tempfile::tempdir()?;
    /// let store = Store::create(folder.path().join("sessions"))?;
    /// store.start(Uuid::from_u128(7), "Ann", "PDA-01")?;
    /// assert_eq!(store.backup(folder.path().join("backup"), |_| ())?, 1);
    ///
    /// let restored = folder.path().join("restored");
    /// Store::restore(folder.path().join("backup"), &restored, |_| ())?;
    /// assert_eq!(Store::open(&restored)?.count(&Query::all())?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn backup(&self, to: impl AsRef<Path>, progress: impl FnMut(Progress)) -> Result<u64> {
        let working = self.shared().work()?;
        let to = DirectoryStorage::create(to.as_ref(), &Files::leftovers())?;
        self.backup_within(&working, &to, progress)
    }

    /// As [`backup`](Self::backup), on any storage.
    #[doc(hidden)]
    pub fn backup_on(&self, to: &dyn Storage, progress: impl FnMut(Progress)) -> Result<u64> {
        let working = self.shared().work()?;
        self.backup_within(&working, to, progress)
    }

    /// Nobody ends the opening before this, and with it the lock, has ended.
    fn backup_within(
        &self,
        _: &Working<'_>,
        to: &dyn Storage,
        mut progress: impl FnMut(Progress),
    ) -> Result<u64> {
        let _lock = to.lock(Sharing::Exclusive)?;
        self.shared()
            .backup(to, &mut |done, total| progress(Progress { done, total }))
    }

    /// Copies the store at `backup`, which any call of [`Store::backup`] has made or which is closed,
    /// to a directory at `to`, once all of it was [verified](Store::verify), and answers how many
    /// sessions it has. Opening the copy is left to the caller.
    ///
    /// `progress` is told of the check, and then of the copying.
    ///
    /// # Errors
    ///
    /// `Corrupted`, with the first fault, if anything is wrong with the backup: nothing is made then.
    /// Else as [`Store::open`] and [`Store::backup`].
    pub fn restore(
        backup: impl AsRef<Path>,
        to: impl AsRef<Path>,
        mut progress: impl FnMut(Progress),
    ) -> Result<u64> {
        let backup = Options::default().read_only(true).open(backup)?;
        backup.verify(&mut progress)?.into_result()?;
        let session_count = backup.backup(to, progress)?;
        backup.close()?;
        Ok(session_count)
    }
}
