//! Changes to an index, and what they make of the entries of one leaf.

use super::leaf::LEAF_SLOTS_MAX;
use super::node::CHILDREN_MAX;
use super::slot::{Key, Slot};
use crate::error::{Error, Result};

/// One change to an index.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Edit {
    /// Adds an entry whose key is not there.
    Insert(Slot),
    /// Puts an entry over the one with the same key.
    Replace(Slot),
    /// Removes the entry with this key.
    Remove(Key),
}

impl Edit {
    pub(crate) fn key(&self) -> Key {
        match self {
            Self::Insert(slot) | Self::Replace(slot) => slot.key,
            Self::Remove(key) => *key,
        }
    }
}

/// How many entries or children a node may have, if they fit: fewer in tests, to force splits and
/// merges.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// At least two.
    pub(crate) leaf_slots_max: usize,
    /// At least two.
    pub(crate) children_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            leaf_slots_max: LEAF_SLOTS_MAX,
            children_max: CHILDREN_MAX,
        }
    }
}

/// Whether the edits add behind the last entry.
pub(super) fn appends(old: &[Slot], edits: &[Edit]) -> bool {
    match (old.last(), edits.last()) {
        (Some(old), Some(edit)) => old.key < edit.key(),
        (None, _) => true,
        (_, None) => false,
    }
}

/// The entries of a leaf after `edits`.
///
/// # Errors
///
/// `Corrupted` if an edit meets what it must not: an entry to insert that is there, or one to
/// replace or remove that is not.
pub(super) fn edited(old: &[Slot], edits: &[Edit]) -> Result<Vec<Slot>> {
    let mut slots = Vec::with_capacity(old.len() + edits.len());
    let mut rest = old;
    for edit in edits {
        let key = edit.key();
        let kept;
        (kept, rest) = rest.split_at(rest.partition_point(|slot| slot.key < key));
        slots.extend_from_slice(kept);
        let same = rest.first().is_some_and(|slot| slot.key == key);
        match (edit, same) {
            (Edit::Insert(slot), false) | (Edit::Replace(slot), true) => slots.push(*slot),
            (Edit::Remove(_), true) => {}
            (_, true) => return Err(Error::corrupted("a new entry is there already")),
            (_, false) => return Err(Error::corrupted("an entry to change is missing")),
        }
        rest = rest.get(usize::from(same)..).unwrap_or_default();
    }
    slots.extend_from_slice(rest);
    Ok(slots)
}

/// Cuts what is too much for one node; `max` tells how many of the first of what is left a node may
/// have.
///
/// At the right edge all but the last piece keep 5 % free for late arrivals, and the last takes
/// what remains and fills up; elsewhere the pieces are even.
pub(super) fn pieces<T>(
    items: &[T],
    max: impl Fn(&[T]) -> usize,
    at_right_edge: bool,
) -> impl Iterator<Item = &[T]> {
    let mut rest = items;
    std::iter::from_fn(move || {
        let (len, max) = (rest.len(), max(rest));
        let size = match len {
            0 => return None,
            _ if len <= max => len,
            _ if at_right_edge => (max * 95 / 100).max(2),
            _ => len.div_ceil(len.div_ceil(max)),
        };
        let piece;
        (piece, rest) = rest.split_at(size);
        Some(piece)
    })
}
