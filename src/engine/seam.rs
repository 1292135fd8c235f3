//! The seam to redb: our storage below it, its errors and panics turned into ours.

use crate::error::{Error, ErrorKind, Result};
use crate::storage::{HeldFile, StorageFile};
use redb::{Database, StorageBackend};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How a file is opened.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Opening {
    pub(crate) cache_bytes: usize,
    /// Whether every page of the file is read, and checked by its checksum.
    pub(crate) is_checked: bool,
}

/// Our file as redb's storage.
///
/// After any error redb does nothing more, not even what would succeed, until the file is opened
/// again. So that is noted.
#[derive(Debug)]
pub(super) struct Backend {
    file: Arc<HeldFile>,
    has_failed: Arc<AtomicBool>,
}

impl Backend {
    pub(super) fn new(file: Arc<HeldFile>, has_failed: Arc<AtomicBool>) -> Self {
        Self { file, has_failed }
    }

    fn noted<T>(&self, done: io::Result<T>) -> io::Result<T> {
        if done.is_err() {
            self.has_failed.store(true, Ordering::Release);
        }
        done
    }
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.noted(self.file.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.noted(self.file.read(offset, out))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.noted(self.file.set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.noted(self.file.sync())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.noted(self.file.write(offset, data))
    }
}

/// Opens the database in `backend`, or starts one if that is empty.
pub(super) fn open(backend: Backend, name: &str, opening: Opening) -> Result<Database> {
    Database::builder()
        .set_cache_size(opening.cache_bytes)
        .set_check_integrity_on_open(opening.is_checked)
        .create_with_backend(backend)
        .map_err(|error| match error {
            redb::DatabaseError::Storage(redb::StorageError::Io(error))
                if error.kind() == io::ErrorKind::InvalidData =>
            {
                Error::new(ErrorKind::NotAStore, format!("{name} is no store's file"))
                    .caused_by(error)
            }
            error => engine_error(error),
        })
}

/// Runs `work` on the engine's file `name`; a panic in it, which damaged pages can cause, becomes
/// `Corrupted`. What is damaged is named by the file.
pub(crate) fn guarded<T>(name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    // What a panic leaves behind is a transaction that is never committed.
    let done = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("of an unknown kind");
        Err(Error::corrupted(format!(
            "working on the file panicked, as damage can make it: {text}"
        )))
    });
    done.map_err(|error| error.of_file(name))
}

/// Drops a database without its last commit, which reads and writes pages: the engine leaves that out
/// while its thread panics.
pub(super) fn give_up(database: Database) {
    // Where panics end the process, none can be of use.
    if cfg!(panic = "unwind") {
        let given_up = catch_unwind(AssertUnwindSafe(move || {
            let _database = database;
            resume_unwind(Box::new(()));
        }));
        drop(given_up);
    }
}

/// An error of the engine, by what the caller should do about it.
#[cold]
pub(crate) fn engine_error(error: impl Into<redb::Error>) -> Error {
    use redb::Error as Engine;
    let error = error.into();
    let kind = match &error {
        Engine::Io(error) => io_kind(error),
        Engine::DatabaseClosed => ErrorKind::Closed,
        Engine::DatabaseAlreadyOpen | Engine::LockProtocolMismatch => ErrorKind::AlreadyOpen,
        Engine::UpgradeRequired(_) => ErrorKind::UnsupportedFormat,
        Engine::Corrupted(_)
        | Engine::RepairAborted
        | Engine::TableTypeMismatch { .. }
        | Engine::TypeDefinitionChanged { .. }
        | Engine::TableIsMultimap(_)
        | Engine::TableDoesNotExist(_) => ErrorKind::Corrupted,
        _ => ErrorKind::Unavailable,
    };
    match kind {
        ErrorKind::Closed => Error::closed().caused_by(error),
        kind => Error::new(kind, format!("the storage engine failed: {error}")).caused_by(error),
    }
}

/// An I/O error of a file as such.
#[cold]
pub(crate) fn io_error(verb: &str, name: &str, error: io::Error) -> Error {
    Error::new(io_kind(&error), format!("cannot {verb} {name}")).caused_by(error)
}

/// A file that ends before its data is damaged; all else may pass.
fn io_kind(error: &io::Error) -> ErrorKind {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => ErrorKind::Corrupted,
        io::ErrorKind::IsADirectory => ErrorKind::NotAStore,
        _ => ErrorKind::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_corrupted_with_its_text_and_its_file() {
        let panics: [fn() -> Result<()>; 2] =
            [|| panic!("page 7 is odd"), || panic!("page {} is odd", 7)];
        for panics in panics {
            let error = guarded("main.redb", panics).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupted);
            let text =
                "main.redb: working on the file panicked, as damage can make it: page 7 is odd";
            assert_eq!(error.to_string(), text);
        }
    }

    #[test]
    fn what_is_damaged_is_named_by_its_file_once_and_what_is_not_is_left_as_it_is() {
        let told = |error: Error| {
            guarded::<()>("main.redb", || Err(error))
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            told(Error::corrupted("a row is odd")),
            "main.redb: a row is odd"
        );
        assert_eq!(
            told(Error::corrupted("main.redb is odd")),
            "main.redb is odd"
        );
        assert_eq!(told(Error::closed()), "the store has been closed");
    }
}
