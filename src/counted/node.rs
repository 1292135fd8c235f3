//! The bytes of a node: a leaf's, or an inner node's: a header, then its children.
//!
//! A child is the fence key (no key below the child is less), the **cumulative** count of entries up
//! to and including the child's, and its node id.

use super::leaf::Leaf;
use super::slot::{KEY_BYTES, Key};
use crate::error::{Error, Result};

/// The most bytes of a node: with its checksum and key it fills one page of 4 KiB.
pub(crate) const NODE_BYTES_MAX: usize = 4_064;

/// The most children of an inner node.
pub(crate) const CHILDREN_MAX: usize = (NODE_BYTES_MAX - HEADER_BYTES) / CHILD_BYTES;

/// Bytes before the first child: the level, then zeros.
const HEADER_BYTES: usize = 4;

/// Bytes of a child.
const CHILD_BYTES: usize = KEY_BYTES + 16;

/// No index of 2^64 entries is higher, whatever its nodes hold.
const LEVEL_MAX: u8 = 64;

/// A child of an inner node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Child {
    pub(super) fence: Key,
    /// Entries below this child and all children before it.
    pub(super) count_through: u64,
    pub(super) id: u64,
}

type ChildBytes = [u8; CHILD_BYTES];

impl Child {
    fn pack(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.fence.to_bytes());
        out.extend_from_slice(&self.count_through.to_le_bytes());
        out.extend_from_slice(&self.id.to_le_bytes());
    }

    #[inline]
    fn unpack(bytes: &ChildBytes) -> Self {
        Self {
            fence: fence_of(bytes),
            count_through: count_of(bytes),
            id: bytes.last_chunk().copied().map_or(0, u64::from_le_bytes),
        }
    }
}

#[inline]
fn fence_of(bytes: &ChildBytes) -> Key {
    bytes.first_chunk().map_or(Key::LEAST, Key::from_bytes)
}

#[inline]
fn count_of(bytes: &ChildBytes) -> u64 {
    let count = bytes.get(KEY_BYTES..).and_then(<[u8]>::first_chunk);
    count.copied().map_or(0, u64::from_le_bytes)
}

/// An inner node's bytes, understood: never without a child.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inner<'a> {
    /// One above its children's, which is zero for a leaf.
    pub(super) level: u8,
    children: &'a [ChildBytes],
}

impl Inner<'_> {
    pub(super) fn len(&self) -> usize {
        self.children.len()
    }

    /// The child at `index`, and how many entries come before it in this node.
    ///
    /// # Errors
    ///
    /// `Corrupted` if there is no such child, or it has no entries.
    #[inline]
    pub(super) fn child(&self, index: usize) -> Result<(Child, u64)> {
        let child = self.children.get(index).map(Child::unpack);
        let before = match index.checked_sub(1) {
            Some(previous) => self.children.get(previous).map(count_of),
            None => Some(0),
        };
        match (child, before) {
            (Some(child), Some(before)) if before < child.count_through => Ok((child, before)),
            _ => Err(miscounted()),
        }
    }

    /// How many children have a fence less than `key`.
    #[inline]
    pub(super) fn fences_before(&self, key: Key) -> usize {
        self.children.partition_point(|child| fence_of(child) < key)
    }

    /// How many children have at most so many entries through them.
    #[inline]
    pub(super) fn children_through(&self, count: u64) -> usize {
        self.children
            .partition_point(|child| count_of(child) <= count)
    }
}

/// A node's bytes, understood.
#[derive(Debug, Clone, Copy)]
pub(super) enum Node<'a> {
    Leaf(Leaf<'a>),
    Inner(Inner<'a>),
}

impl<'a> Node<'a> {
    /// # Errors
    ///
    /// `Corrupted` if these are not a node's bytes.
    #[inline]
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self> {
        let node = match is_inner(bytes) {
            true => Self::parse_inner(bytes).map(Self::Inner),
            false => Leaf::parse(bytes).map(Self::Leaf),
        };
        node.ok_or_else(|| malformed(bytes))
    }

    fn parse_inner(bytes: &'a [u8]) -> Option<Inner<'a>> {
        let (&[level, 0, 0, 0], children) = bytes.split_first_chunk::<HEADER_BYTES>()? else {
            return None;
        };
        let (children, rest) = children.as_chunks();
        let is_inner = level <= LEVEL_MAX && rest.is_empty() && !children.is_empty();
        is_inner.then_some(Inner { level, children })
    }

    /// The node of `bytes`, which must be of this level and hold so many entries.
    ///
    /// # Errors
    ///
    /// `Corrupted` if it is not what its parent says.
    #[inline]
    pub(super) fn parse_child(bytes: &'a [u8], level: u8, count: u64) -> Result<Self> {
        let node = Self::parse(bytes)?;
        match node.level() == level && node.count() == count {
            true => Ok(node),
            false => Err(miscounted()),
        }
    }

    #[inline]
    pub(super) fn level(self) -> u8 {
        match self {
            Self::Leaf(_) => 0,
            Self::Inner(inner) => inner.level,
        }
    }

    /// Entries in this node and below it.
    #[inline]
    pub(super) fn count(self) -> u64 {
        match self {
            Self::Leaf(leaf) => leaf.len() as u64,
            Self::Inner(inner) => inner.children.last().map_or(0, count_of),
        }
    }
}

/// Whether these are the bytes of an inner node: a leaf's level is zero.
#[inline]
pub(crate) fn is_inner(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|level| *level > 0)
}

#[cold]
fn malformed(bytes: &[u8]) -> Error {
    Error::corrupted(format!(
        "a node of {} bytes, starting with {:02x?}, is malformed",
        bytes.len(),
        bytes.get(..HEADER_BYTES).unwrap_or(bytes)
    ))
}

#[cold]
pub(super) fn miscounted() -> Error {
    Error::corrupted("an inner node and the nodes below it disagree")
}

/// Writes an inner node's bytes over `buffer`.
pub(super) fn write(level: u8, children: impl Iterator<Item = Child>, buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.extend_from_slice(&[level, 0, 0, 0]);
    children.for_each(|child| child.pack(buffer));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_an_inner_node_are_pinned() {
        let child = Child {
            fence: Key::new(0x0102_0304_0506_0708, 0x1112),
            count_through: 0x2122,
            id: 0x3132,
        };
        let mut bytes = Vec::new();
        write(2, [child].into_iter(), &mut bytes);
        #[rustfmt::skip]
        let golden = [
            2, 0, 0, 0,
            1, 2, 3, 4, 5, 6, 7, 8,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x11, 0x12,
            0x22, 0x21, 0, 0, 0, 0, 0, 0,
            0x32, 0x31, 0, 0, 0, 0, 0, 0,
        ];
        assert_eq!(bytes, golden);
        let node = Node::parse(&golden).unwrap();
        assert_eq!((node.level(), node.count()), (2, 0x2122));
        let Node::Inner(inner) = node else {
            panic!("{node:?}");
        };
        assert_eq!(inner.child(0).unwrap(), (child, 0));
    }

    fn inner(level: u8, counts_through: &[u64]) -> Vec<u8> {
        let children = counts_through.iter().zip(0..).map(|(count, id)| Child {
            fence: Key::new(id, 0),
            count_through: *count,
            id,
        });
        let mut bytes = Vec::new();
        write(level, children, &mut bytes);
        bytes
    }

    #[test]
    fn what_cannot_be_an_inner_node_is_malformed() {
        assert!(Node::parse(&inner(LEVEL_MAX, &[1])).is_ok());
        let (too_high, without_child) = (inner(LEVEL_MAX + 1, &[1]), inner(1, &[]));
        let whole = inner(1, &[1, 2]);
        let cut = &whole[..whole.len() - 1];
        for bytes in [&too_high, &without_child, cut, &whole[..3], &[1, 0, 0, 1]] {
            assert!(Node::parse(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn a_child_has_entries_and_is_there() {
        let bytes = inner(1, &[2, 2, 1, 5]);
        let Node::Inner(inner) = Node::parse(&bytes).unwrap() else {
            panic!("a leaf");
        };
        let is_child = [0, 1, 2, 3, 4].map(|index| inner.child(index).is_ok());
        assert_eq!(is_child, [true, false, false, true, false]);
    }
}
