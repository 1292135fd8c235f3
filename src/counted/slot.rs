//! Keys and entries.

/// Bytes of a key.
pub(super) const KEY_BYTES: usize = 24;

/// Bytes of an entry by itself.
pub(crate) const SLOT_BYTES: usize = KEY_BYTES + 16;

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

/// What an entry holds besides its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rest {
    /// Takes the less room, the less it is above the key's major; the greatest number takes none.
    pub(crate) number: u64,
    pub(crate) ids: [u32; 2],
}

/// An entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) key: Key,
    pub(crate) rest: Rest,
}

impl Slot {
    /// The entry by itself, outside of any leaf: the key, then little-endian numbers.
    pub(crate) fn to_bytes(self) -> [u8; SLOT_BYTES] {
        let mut bytes = [0; SLOT_BYTES];
        let [one, other] = self.rest.ids;
        let fields: [&[u8]; 4] = [
            &self.key.to_bytes(),
            &self.rest.number.to_le_bytes(),
            &one.to_le_bytes(),
            &other.to_le_bytes(),
        ];
        let fields = fields.into_iter().flatten();
        bytes
            .iter_mut()
            .zip(fields)
            .for_each(|(to, from)| *to = *from);
        bytes
    }

    pub(crate) fn from_bytes(bytes: &[u8; SLOT_BYTES]) -> Self {
        let (key, rest) = bytes.split_first_chunk().unwrap_or((&[0; KEY_BYTES], &[]));
        let (number, ids) = rest.split_first_chunk().unwrap_or((&[0; 8], &[]));
        let (one, other) = ids.split_first_chunk().unwrap_or((&[0; 4], &[]));
        let other = other.first_chunk().unwrap_or(&[0; 4]);
        Self {
            key: Key::from_bytes(key),
            rest: Rest {
                number: u64::from_le_bytes(*number),
                ids: [u32::from_le_bytes(*one), u32::from_le_bytes(*other)],
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
