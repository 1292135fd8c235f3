//! The bytes of a node: a header, then slots of equal size.
//!
//! A leaf's slots are entries; an inner node's are children: the fence key (no key below the child
//! is less), the **cumulative** count of entries up to and including the child's, and its node id.

use crate::error::{Error, Result};

/// Bytes of a slot: an entry or a child.
pub(crate) const SLOT_BYTES: usize = 40;

/// Bytes of a key, at the start of every slot.
const KEY_BYTES: usize = 24;

/// Bytes before the first slot: the level (zero for a leaf), then zeros.
const HEADER_BYTES: usize = 4;

/// The most slots in a node: with its header, checksum and key it fills one page of 4 KiB.
pub(crate) const NODE_SLOTS_MAX: usize = 100;

/// No index of 2^64 entries is higher, whatever its nodes hold.
const LEVEL_MAX: u8 = 64;

/// An entry or a child, packed.
pub(crate) type Slot = [u8; SLOT_BYTES];

/// What a slot holds behind its key.
pub(crate) type Rest = [u8; SLOT_BYTES - KEY_BYTES];

/// What entries are ordered by. The order of keys is the order of their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    major: u64,
    minor: u128,
}

impl Key {
    /// No key is less.
    pub(crate) const LEAST: Self = Self::new(0, 0);
    /// No key is greater.
    pub(crate) const GREATEST: Self = Self::new(u64::MAX, u128::MAX);

    pub(crate) const fn new(major: u64, minor: u128) -> Self {
        Self { major, minor }
    }

    pub(crate) const fn major(self) -> u64 {
        self.major
    }

    pub(crate) const fn minor(self) -> u128 {
        self.minor
    }

    /// The next key in order; the last has none.
    pub(crate) fn next(self) -> Option<Self> {
        match self.minor.checked_add(1) {
            Some(minor) => Some(Self { minor, ..self }),
            None => Some(Self::new(self.major.checked_add(1)?, 0)),
        }
    }

    pub(crate) fn to_bytes(self) -> [u8; KEY_BYTES] {
        let mut bytes = [0; KEY_BYTES];
        if let Some((major, minor)) = bytes.split_first_chunk_mut::<8>() {
            *major = self.major.to_be_bytes();
            minor.copy_from_slice(&self.minor.to_be_bytes());
        }
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8; KEY_BYTES]) -> Self {
        let [a, b, c, d, e, f, g, h, minor @ ..] = *bytes;
        Self {
            major: u64::from_be_bytes([a, b, c, d, e, f, g, h]),
            minor: u128::from_be_bytes(minor),
        }
    }
}

/// The key at the start of a slot.
#[inline]
pub(crate) fn key_of(slot: &Slot) -> Key {
    let [
        a,
        b,
        c,
        d,
        e,
        f,
        g,
        h, //
        i,
        j,
        k,
        l,
        m,
        n,
        o,
        p,
        q,
        r,
        s,
        t,
        u,
        v,
        w,
        x, //
        ..,
    ] = *slot;
    Key {
        major: u64::from_be_bytes([a, b, c, d, e, f, g, h]),
        minor: u128::from_be_bytes([i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x]),
    }
}

/// What is behind the key of a slot.
pub(crate) fn rest_of(slot: &Slot) -> Rest {
    slot.last_chunk().copied().unwrap_or_default()
}

/// The slot of a key and what is behind it.
pub(crate) fn slot_of(key: Key, rest: Rest) -> Slot {
    let mut slot = [0; SLOT_BYTES];
    if let Some((first, last)) = slot.split_first_chunk_mut() {
        *first = key.to_bytes();
        last.copy_from_slice(&rest);
    }
    slot
}

/// A child of an inner node, as its slot holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Child {
    pub(super) fence: Key,
    /// Entries below this child and all children before it.
    pub(super) count_through: u64,
    pub(super) id: u64,
}

impl Child {
    pub(super) fn pack(self) -> Slot {
        let mut slot = [0; SLOT_BYTES];
        if let Some((fence, rest)) = slot.split_first_chunk_mut::<KEY_BYTES>() {
            *fence = self.fence.to_bytes();
            if let Some((count, id)) = rest.split_first_chunk_mut::<8>() {
                *count = self.count_through.to_le_bytes();
                id.copy_from_slice(&self.id.to_le_bytes());
            }
        }
        slot
    }

    #[inline]
    pub(super) fn unpack(slot: &Slot) -> Self {
        let [
            ..,
            a,
            b,
            c,
            d,
            e,
            f,
            g,
            h, //
            i,
            j,
            k,
            l,
            m,
            n,
            o,
            p,
        ] = *slot;
        Self {
            fence: key_of(slot),
            count_through: u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            id: u64::from_le_bytes([i, j, k, l, m, n, o, p]),
        }
    }
}

/// A node's bytes, understood.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'a> {
    /// Zero for a leaf; a child's level is one less than its parent's.
    pub(super) level: u8,
    pub(super) slots: &'a [Slot],
}

impl<'a> Node<'a> {
    /// # Errors
    ///
    /// `Corrupted` if these are not a node's bytes.
    #[inline]
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self> {
        match bytes.split_first_chunk::<HEADER_BYTES>() {
            Some((&[level, 0, 0, 0], body)) if level <= LEVEL_MAX => {
                let (slots, rest) = body.as_chunks();
                if rest.is_empty() && !slots.is_empty() {
                    return Ok(Self { level, slots });
                }
                Err(malformed(bytes))
            }
            _ => Err(malformed(bytes)),
        }
    }

    /// The node of `bytes`, which must be of this level and hold so many entries.
    ///
    /// # Errors
    ///
    /// `Corrupted` if it is not what its parent says.
    #[inline]
    pub(super) fn parse_child(bytes: &'a [u8], level: u8, count: u64) -> Result<Self> {
        let node = Self::parse(bytes)?;
        match node.level == level && node.count() == count {
            true => Ok(node),
            false => Err(miscounted()),
        }
    }

    /// Entries in this node and below it.
    #[inline]
    pub(super) fn count(self) -> u64 {
        match self.slots.last() {
            Some(last) if self.level > 0 => Child::unpack(last).count_through,
            _ => self.slots.len() as u64,
        }
    }

    /// How many slots have a key less than `key`.
    #[inline]
    pub(super) fn slots_before(self, key: Key) -> usize {
        self.slots.partition_point(|slot| key_of(slot) < key)
    }
}

/// Whether these are the bytes of an inner node.
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

/// A root without nodes below it, of entries in ascending order; `None` without any.
pub(crate) fn leaf_of(slots: &[Slot]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + slots.as_flattened().len());
    write(0, slots, &mut bytes);
    (!slots.is_empty()).then_some(bytes)
}

/// Writes a node's bytes over `buffer`.
pub(super) fn write(level: u8, slots: &[Slot], buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.extend_from_slice(&[level, 0, 0, 0]);
    buffer.extend_from_slice(slots.as_flattened());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_a_node_are_pinned() {
        let child = Child {
            fence: Key::new(0x0102_0304_0506_0708, 0x1112),
            count_through: 0x2122,
            id: 0x3132,
        };
        let mut bytes = Vec::new();
        write(2, &[child.pack()], &mut bytes);
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
        assert_eq!((node.level, node.count()), (2, 0x2122));
        assert_eq!(Child::unpack(&node.slots[0]), child);
    }

    #[test]
    fn the_next_key_is_the_least_greater_one() {
        assert_eq!(Key::new(1, 2).next(), Some(Key::new(1, 3)));
        assert_eq!(Key::new(1, u128::MAX).next(), Some(Key::new(2, 0)));
        assert_eq!(Key::new(u64::MAX, u128::MAX).next(), None);
    }

    #[test]
    fn the_order_of_keys_is_the_order_of_their_bytes() {
        let keys = [
            (0, 0),
            (0, 1 << 127),
            (1, 0),
            (255, 5),
            (256, 4),
            (1 << 63, 0),
        ];
        let bytes = keys.map(|(major, minor)| Key::new(major, minor).to_bytes());
        assert!(bytes.is_sorted());
        for bytes in bytes {
            assert_eq!(Key::from_bytes(&bytes).to_bytes(), bytes);
        }
    }
}
