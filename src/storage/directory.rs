//! A directory of the file system.

use super::{Sharing, Storage, StorageFile};
use crate::error::{Error, ErrorKind, Result};
use std::any::Any;
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The file whose lock keeps other processes out. It is never removed: a process that holds the
/// lock of a removed file would exclude nobody.
const LOCK: &str = "LOCK";

/// A directory that exists.
#[derive(Debug)]
pub(crate) struct DirectoryStorage {
    path: PathBuf,
    sharing: Sharing,
}

impl DirectoryStorage {
    /// The existing directory at `path`.
    ///
    /// # Errors
    ///
    /// `NotAStore` if there is none; `Unavailable` if that cannot be told.
    pub(crate) fn open(path: &Path, sharing: Sharing) -> Result<Self> {
        let looked_at = fs::canonicalize(path).and_then(|path| Ok((fs::metadata(&path)?, path)));
        match looked_at {
            Ok((found, path)) if found.is_dir() => Ok(Self { path, sharing }),
            Ok(_) => Err(Error::new(
                ErrorKind::NotAStore,
                format!("{} is not a directory", path.display()),
            )),
            Err(error) if is_no_such_place(&error) => Err(Error::new(
                ErrorKind::NotAStore,
                format!("there is no directory {}", path.display()),
            )
            .caused_by(error)),
            Err(error) => Err(unavailable("look at", path, error)),
        }
    }

    /// The directory at `path`, made with mode 0700 if it is missing and taken over, with that
    /// mode, if it is empty but for the given `leftovers`.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the path is taken by anything else; `Unavailable` if it cannot be made.
    pub(crate) fn create(path: &Path, leftovers: &[String]) -> Result<Self> {
        let made = |error| unavailable("make", path, error);
        if path.try_exists().map_err(made)? {
            refuse_strangers(path, leftovers)?;
        } else {
            make_durable(path).map_err(made)?;
        }
        let path = fs::canonicalize(path).map_err(made)?;
        set_private(&path).map_err(made)?;
        let sharing = Sharing::Exclusive;
        Ok(Self { path, sharing })
    }

    fn open_lock(&self, sharing: Sharing) -> io::Result<Option<File>> {
        let path = self.path.join(LOCK);
        let opened = match sharing {
            Sharing::Exclusive => OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .open(path),
            Sharing::Shared => File::open(path),
        };
        match opened {
            Ok(file) => Ok(Some(file)),
            // A copy on a read-only medium may come without one; nobody writes there.
            Err(error) if sharing == Sharing::Shared && error.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Makes a directory and its missing parents, and syncs each directory that has a new entry: or the
/// store could vanish with one of them.
fn make_durable(path: &Path) -> io::Result<()> {
    // One that cannot be looked at cannot be made below either.
    let oldest = path.ancestors().find(|ancestor| ancestor.exists());
    let oldest = fs::canonicalize(oldest.unwrap_or(Path::new(".")))?;
    make_private(path)?;
    for parent in fs::canonicalize(path)?.ancestors().skip(1) {
        sync_directory(parent)?;
        if parent == oldest {
            break;
        }
    }
    Ok(())
}

/// Whether a path leads nowhere: something on it is missing, or is a file.
fn is_no_such_place(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// A path that exists must be a directory with nothing in it but what an interrupted creation left.
fn refuse_strangers(path: &Path, leftovers: &[String]) -> Result<()> {
    let refuse = |problem: &str| {
        Err(Error::new(
            ErrorKind::InvalidInput,
            format!("{} {problem}", path.display()),
        ))
    };
    let unreadable = |error| unavailable("list", path, error);
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        return refuse("is not a directory");
    }
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        if name != LOCK && !leftovers.iter().any(|leftover| name == leftover.as_str()) {
            return refuse("is not empty; a new store needs a directory of its own");
        }
    }
    Ok(())
}

#[cold]
fn unavailable(verb: &str, path: &Path, error: io::Error) -> Error {
    let kind = match error.kind() {
        // Somewhere on the path there is a file.
        io::ErrorKind::NotADirectory => ErrorKind::InvalidInput,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, format!("cannot {verb} {}", path.display())).caused_by(error)
}

#[cfg(unix)]
fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

#[cfg(unix)]
fn set_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn make_private(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

#[cfg(not(unix))]
fn set_private(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Elsewhere directories cannot be opened; renames are the file system's to keep.
#[cfg(not(unix))]
fn sync_directory(_: &Path) -> io::Result<()> {
    Ok(())
}

impl Storage for DirectoryStorage {
    fn open(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(self.sharing == Sharing::Exclusive)
            .open(self.path.join(name))?;
        Ok(Box::new(file))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(self.path.join(name))?;
        Ok(Box::new(file))
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        fs::exists(self.path.join(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        sync_directory(&self.path)
    }

    fn is_lockable(&self) -> bool {
        // If that cannot be told, the store's files are looked for first.
        self.sharing == Sharing::Shared || fs::exists(self.path.join(LOCK)).unwrap_or(false)
    }

    fn lock(&self, sharing: Sharing) -> Result<Box<dyn Any + Send + Sync>> {
        let registered = Registered::new(&self.path, sharing).ok_or_else(|| already(&self.path))?;
        let file = self
            .open_lock(sharing)
            .map_err(|error| unavailable("lock", &self.path, error))?;
        let locked = match (&file, sharing) {
            (Some(file), Sharing::Exclusive) => file.try_lock(),
            (Some(file), Sharing::Shared) => file.try_lock_shared(),
            (None, _) => Ok(()),
        };
        match locked {
            Ok(()) => Ok(Box::new(Locked { file, registered })),
            // Where the platform has no file locks, the registry still guards this process.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                Ok(Box::new(Locked { file, registered }))
            }
            Err(TryLockError::WouldBlock) => Err(already(&self.path)),
            Err(TryLockError::Error(error)) => Err(unavailable("lock", &self.path, error)),
        }
    }
}

/// The lock of a directory, until it is dropped.
#[derive(Debug)]
struct Locked {
    file: Option<File>,
    #[expect(dead_code, reason = "it is dropped")]
    registered: Registered,
}

impl Drop for Locked {
    fn drop(&mut self) {
        // To close the file would not do: a process that another thread is starting has it open too, for
        // a moment, and with it the lock.
        if let Some(file) = &self.file {
            // What is not unlocked is so once it is closed everywhere.
            let _ = file.unlock();
        }
    }
}

fn already(path: &Path) -> Error {
    Error::new(
        ErrorKind::AlreadyOpen,
        format!("the store {} is open already", path.display()),
    )
}

/// How many times this process has each directory open for reading; zero means for writing.
///
/// File locks alone do not keep one process from opening a store twice everywhere: on Android they
/// do nothing before Rust 1.98.
static OPEN: Mutex<Option<HashMap<PathBuf, usize>>> = Mutex::new(None);

/// This process's entry in the registry; dropping it takes it out.
#[derive(Debug)]
struct Registered(PathBuf);

impl Registered {
    /// `None` if the directory is open in a way that excludes this one.
    fn new(path: &Path, sharing: Sharing) -> Option<Self> {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        let open = open.get_or_insert_default();
        match (open.get_mut(path), sharing) {
            (None, Sharing::Exclusive) => {
                open.insert(path.to_owned(), 0);
            }
            (None, Sharing::Shared) => {
                open.insert(path.to_owned(), 1);
            }
            (Some(readers), Sharing::Shared) if *readers > 0 => *readers += 1,
            (Some(_), _) => return None,
        }
        Some(Self(path.to_owned()))
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut open = OPEN.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = open.as_mut() else { return };
        match open.get_mut(&self.0) {
            Some(readers) if *readers > 1 => *readers -= 1,
            _ => drop(open.remove(&self.0)),
        }
    }
}

#[cfg(unix)]
impl StorageFile for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(self, buffer, offset)
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(self, bytes, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        File::set_len(self, len)
    }

    fn sync(&self) -> io::Result<()> {
        // On Apple's systems std asks for F_FULLFSYNC, without which the drive may lose it.
        self.sync_data()
    }
}

#[cfg(windows)]
impl StorageFile for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read(&self, mut offset: u64, mut buffer: &mut [u8]) -> io::Result<()> {
        while !buffer.is_empty() {
            match std::os::windows::fs::FileExt::seek_read(self, buffer, offset)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => {
                    buffer = buffer.split_at_mut(read).1;
                    offset += read as u64;
                }
            }
        }
        Ok(())
    }

    fn write(&self, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let written = std::os::windows::fs::FileExt::seek_write(self, bytes, offset)?;
            bytes = bytes.split_at(written).1;
            offset += written as u64;
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        File::set_len(self, len)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
