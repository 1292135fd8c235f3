//! The pages of a file that the engine cannot go through, taken apart without it.
//!
//! With a page of the engine's own, all is lost to it that is below that; but the rows are in their pages
//! still, and each has a checksum over its table, its key and itself. Pages that are free may hold rows as
//! they were. How a leaf page is laid out is in the engine's design document ("B+tree pages").

use super::io_error;
use super::rows::Rows;
use crate::error::Result;
use crate::format::unseal;
use crate::storage::{Storage, StorageFile};
use redb::{Key, TableHandle};

/// A page begins at a multiple of this.
pub(super) const PAGE_BYTES: usize = 4_096;

/// No leaf with rows of ours is longer: a name has a thousand bytes.
const LEAF_BYTES_MAX: usize = 4 * PAGE_BYTES;

/// Bytes that are read at a time.
const READ_AT_ONCE: usize = 256 * PAGE_BYTES;

/// A leaf page's first byte.
const LEAF: u8 = 1;

/// The pages of one file.
#[derive(Debug)]
pub(crate) struct Pages {
    name: &'static str,
    file: Box<dyn StorageFile>,
}

impl Pages {
    /// # Errors
    ///
    /// `Unavailable` if the file cannot be opened.
    pub(crate) fn open(storage: &dyn Storage, name: &'static str) -> Result<Self> {
        let file = storage.open(name);
        let file = file.map_err(|error| io_error("open", name, error))?;
        Ok(Self { name, file })
    }

    /// Visits every page that may be a leaf, until `visit` says that it is enough.
    ///
    /// # Errors
    ///
    /// Those of `visit`; `Unavailable` if the storage fails.
    pub(crate) fn each(&self, visit: &mut dyn FnMut(Page<'_>) -> Result<bool>) -> Result<()> {
        let failed = |error| io_error("read", self.name, error);
        let len = self.file.len().map_err(failed)?;
        let mut buffer = Vec::new();
        for from in (0..len).step_by(READ_AT_ONCE) {
            let most = READ_AT_ONCE + LEAF_BYTES_MAX;
            buffer.resize(
                usize::try_from(len - from).map_or(most, |left| left.min(most)),
                0,
            );
            self.file.read(from, &mut buffer).map_err(failed)?;
            let begins = (0..buffer.len().min(READ_AT_ONCE)).step_by(PAGE_BYTES);
            for begin in begins {
                let page = buffer.get(begin..).unwrap_or_default();
                if page.first() == Some(&LEAF) && !visit(Page(page))? {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// What begins with a page, and goes on behind it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page<'p>(&'p [u8]);

impl<'p> Page<'p> {
    /// The rows of a table that are in this page as they were written, each with the bytes of its key.
    pub(crate) fn rows<K: Key>(self, rows: Rows<K>) -> impl Iterator<Item = (&'p [u8], &'p [u8])> {
        let pairs = Pairs::of(self.0, K::fixed_width());
        let pairs = pairs.into_iter().flat_map(Pairs::all);
        pairs.filter_map(move |(key, row)| Some((key, unseal(rows.name(), key, row).ok()?)))
    }
}

/// Where the keys and rows of a leaf page are.
#[derive(Debug, Clone, Copy)]
struct Pairs<'p> {
    page: &'p [u8],
    count: usize,
    /// Of each key, unless their ends are told.
    key_bytes: Option<usize>,
}

impl<'p> Pairs<'p> {
    fn of(page: &'p [u8], key_bytes: Option<usize>) -> Option<Self> {
        let count = u16::from_le_bytes(*page.get(2..)?.first_chunk()?);
        (count > 0).then_some(Self {
            page,
            count: count.into(),
            key_bytes,
        })
    }

    fn all(self) -> impl Iterator<Item = (&'p [u8], &'p [u8])> {
        // What is no leaf of this table has ends anywhere.
        (0..self.count).map_while(move |index| self.pair(index))
    }

    fn pair(self, index: usize) -> Option<(&'p [u8], &'p [u8])> {
        let key = self.key_end(index.checked_sub(1))?..self.key_end(Some(index))?;
        let row = match index.checked_sub(1) {
            Some(before) => self.row_end(before)?,
            None => self.key_end(Some(self.count - 1))?,
        }..self.row_end(index)?;
        Some((self.page.get(key)?, self.page.get(row)?))
    }

    /// Where the key ends that has this index, or the first begins.
    fn key_end(self, index: Option<usize>) -> Option<usize> {
        match (self.key_bytes, index) {
            (Some(bytes), _) => Some(self.begin() + bytes * index.map_or(0, |index| index + 1)),
            (None, None) => Some(self.begin()),
            (None, Some(index)) => self.end(index),
        }
    }

    fn row_end(self, index: usize) -> Option<usize> {
        self.end(self.key_ends() + index)
    }

    /// How many ends of keys are told.
    fn key_ends(self) -> usize {
        self.key_bytes.map_or(self.count, |_| 0)
    }

    /// Where the first key begins: behind all ends.
    fn begin(self) -> usize {
        4 + 4 * (self.key_ends() + self.count)
    }

    fn end(self, index: usize) -> Option<usize> {
        let bytes = self.page.get(4 + 4 * index..)?.first_chunk()?;
        usize::try_from(u32::from_le_bytes(*bytes)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::seal;
    use proptest::prelude::*;

    const FIXED: Rows<u32> = Rows::new("fixed");
    const ANY: Rows<&'static [u8]> = Rows::new("any");

    /// A leaf page of these keys, and of rows of their tables.
    fn page(table: &str, keys: &[&[u8]], tells_keys: bool) -> Vec<u8> {
        let rows = keys.iter().map(|key| {
            let mut row = Vec::new();
            seal(table, key, &key.repeat(3), &mut row);
            row
        });
        let rows: Vec<Vec<u8>> = rows.collect();
        let ends = keys.len() * if tells_keys { 2 } else { 1 };
        let mut end = 4 + 4 * ends;
        let mut ends_of = |parts: &mut dyn Iterator<Item = usize>| -> Vec<u8> {
            let ends = parts.map(|len| {
                end += len;
                u32::try_from(end).unwrap().to_le_bytes()
            });
            ends.collect::<Vec<_>>().concat()
        };
        let key_ends = ends_of(&mut keys.iter().map(|key| key.len()));
        let row_ends = ends_of(&mut rows.iter().map(Vec::len));
        let count = u16::try_from(keys.len()).unwrap().to_le_bytes();
        let mut page = [&[LEAF, 0], &count[..]].concat();
        page.extend_from_slice(if tells_keys { &key_ends } else { &[] });
        page.extend(row_ends);
        page.extend(keys.concat());
        page.extend(rows.concat());
        page
    }

    #[test]
    fn the_rows_of_a_leaf_are_found_and_those_of_another_table_are_not() {
        let keys: [&[u8]; 3] = [b"abcd", b"efgh", b"ijkl"];
        let bodies = keys.map(|key| key.repeat(3));
        let fixed = page("fixed", &keys, false);
        let found = Page(&fixed).rows(FIXED);
        assert!(found.eq(keys.into_iter().zip(bodies.iter().map(Vec::as_slice))));
        assert_eq!(Page(&fixed).rows(ANY).count(), 0);
        let keys: [&[u8]; 3] = [b"", b"ab", b"abcdef"];
        let bodies = keys.map(|key| key.repeat(3));
        let mut any = page("any", &keys, true);
        let found = Page(&any).rows(ANY);
        assert!(found.eq(keys.into_iter().zip(bodies.iter().map(Vec::as_slice))));
        assert_eq!(Page(&any).rows(FIXED).count(), 0);
        // A damaged row keeps no other from being found.
        let last = any.len() - 1;
        any[last] ^= 1;
        assert_eq!(Page(&any).rows(ANY).count(), 2);
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_apart_without_a_panic(
            bytes in proptest::collection::vec(prop_oneof![Just(0), Just(1), any::<u8>()], 0..200),
        ) {
            prop_assert_eq!(Page(&bytes).rows(FIXED).count(), 0);
            prop_assert_eq!(Page(&bytes).rows(ANY).count(), 0);
        }
    }
}
