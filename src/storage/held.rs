//! A file whose changes are held back in memory until it is known to be ours.
//!
//! Opening an engine may write: a mark that it is in use, the repair of an unclean end. A file that
//! turns out to be somebody else's, or of a format we do not know, must stay as it was, and so must
//! one that is open for reading only.

use super::StorageFile;
use std::fmt;
use std::io;
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

/// Passes reads through, and changes once [`HeldFile::release`] was called.
#[derive(Debug)]
pub(crate) struct HeldFile {
    file: Box<dyn StorageFile>,
    /// The changes so far, in order; `None` once released.
    held: RwLock<Option<Vec<Change>>>,
}

enum Change {
    Write(u64, Vec<u8>),
    SetLen(u64),
    Sync,
}

impl fmt::Debug for Change {
    /// Without the bytes: what they hold is not for logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write(offset, bytes) => write!(f, "Write({offset}, {} bytes)", bytes.len()),
            Self::SetLen(len) => write!(f, "SetLen({len})"),
            Self::Sync => f.write_str("Sync"),
        }
    }
}

impl HeldFile {
    pub(crate) fn new(file: Box<dyn StorageFile>) -> Self {
        Self {
            file,
            held: RwLock::new(Some(Vec::new())),
        }
    }

    /// Carries out the held changes, in order, and passes all later ones through.
    pub(crate) fn release(&self) -> io::Result<()> {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        for change in held.iter().flatten() {
            match change {
                Change::Write(offset, bytes) => self.file.write(*offset, bytes)?,
                Change::SetLen(len) => self.file.set_len(*len)?,
                Change::Sync => self.file.sync()?,
            }
        }
        *held = None;
        Ok(())
    }

    /// Whether no change reaches the file.
    pub(crate) fn is_held(&self) -> bool {
        self.held().is_some()
    }

    fn held(&self) -> RwLockReadGuard<'_, Option<Vec<Change>>> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the change, or answers `false` for the caller to carry it out.
    fn hold(&self, change: impl FnOnce() -> Change) -> bool {
        if self.held().is_none() {
            return false;
        }
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.as_mut().map(|held| held.push(change())).is_some()
    }

    fn len_after(&self, changes: &[Change]) -> io::Result<u64> {
        let underlying = self.file.len()?;
        Ok(changes.iter().fold(underlying, |len, change| match change {
            Change::Write(offset, bytes) => len.max(offset + bytes.len() as u64),
            Change::SetLen(len) => *len,
            Change::Sync => len,
        }))
    }

    /// The bytes from `offset` as the file has them, zeros behind its end.
    fn read_underlying(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let present = self.file.len()?.saturating_sub(offset);
        let present = usize::try_from(present).unwrap_or(usize::MAX);
        let (inside, behind) = buffer.split_at_mut(present.min(buffer.len()));
        behind.fill(0);
        if inside.is_empty() {
            return Ok(());
        }
        self.file.read(offset, inside)
    }
}

impl StorageFile for HeldFile {
    fn len(&self) -> io::Result<u64> {
        self.len_after(self.held().as_deref().unwrap_or_default())
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let held = self.held();
        match held.as_deref() {
            None | Some([]) => self.file.read(offset, buffer),
            Some(changes) => {
                if offset.saturating_add(buffer.len() as u64) > self.len_after(changes)? {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                self.read_underlying(offset, buffer)?;
                changes
                    .iter()
                    .for_each(|change| lay_over(change, offset, buffer));
                Ok(())
            }
        }
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        match self.hold(|| Change::Write(offset, bytes.to_vec())) {
            true => Ok(()),
            false => self.file.write(offset, bytes),
        }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        match self.hold(|| Change::SetLen(len)) {
            true => Ok(()),
            false => self.file.set_len(len),
        }
    }

    fn sync(&self) -> io::Result<()> {
        match self.hold(|| Change::Sync) {
            true => Ok(()),
            false => self.file.sync(),
        }
    }
}

/// Makes `buffer`, the bytes from `offset`, what it is after `change`.
fn lay_over(change: &Change, offset: u64, buffer: &mut [u8]) {
    match change {
        Change::Write(at, bytes) => {
            let skip = usize::try_from(at.saturating_sub(offset)).unwrap_or(usize::MAX);
            let skip_new = usize::try_from(offset.saturating_sub(*at)).unwrap_or(usize::MAX);
            let old = buffer.iter_mut().skip(skip);
            let new = bytes.iter().skip(skip_new);
            old.zip(new).for_each(|(old, new)| *old = *new);
        }
        Change::SetLen(len) => {
            let kept = usize::try_from(len.saturating_sub(offset)).unwrap_or(usize::MAX);
            buffer.iter_mut().skip(kept).for_each(|byte| *byte = 0);
        }
        Change::Sync => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::{MemoryStorage, Storage};
    use proptest::prelude::*;

    fn all(file: &dyn StorageFile) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
        file.read(0, &mut bytes).unwrap();
        bytes
    }

    proptest! {
        #[test]
        fn held_changes_read_as_if_made_and_change_nothing_until_released(
            changes in proptest::collection::vec((0_u8..3, 0_u64..40, proptest::collection::vec(any::<u8>(), 0..20)), 0..12),
            offset in 0_u64..20, len in 0_usize..20,
        ) {
            let directory = MemoryStorage::default();
            let held_file = directory.create("held").unwrap();
            let plain = directory.create("plain").unwrap();
            for file in [&held_file, &plain] {
                file.write(0, b"what was there before").unwrap();
            }
            let held = HeldFile::new(held_file);
            for (kind, at, bytes) in &changes {
                for file in [&held as &dyn StorageFile, plain.as_ref()] {
                    match kind {
                        0 => file.set_len(*at).unwrap(),
                        1 => file.sync().unwrap(),
                        _ if bytes.is_empty() => {}
                        _ => file.write(*at, bytes).unwrap(),
                    }
                }
                prop_assert_eq!(all(&held), all(plain.as_ref()));
                let (mut one, mut other) = (vec![0; len], vec![0; len]);
                let read = held.read(offset, &mut one).map_err(|error| error.kind());
                prop_assert_eq!(read, plain.read(offset, &mut other).map_err(|error| error.kind()));
                prop_assert_eq!(one, other);
            }
            prop_assert_eq!(all(directory.open("held").unwrap().as_ref()), b"what was there before");
            held.release().unwrap();
            prop_assert_eq!(all(directory.open("held").unwrap().as_ref()), all(plain.as_ref()));
        }
    }
}
