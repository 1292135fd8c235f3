//! The bytes of a leaf: entries in ascending order of their keys, in rows of equal size.
//!
//! Entries that stand together are alike: they start within days of each other, end soon after, and
//! are often of one user or one client. So numbers are stored less the least of them in the leaf,
//! in as many bytes as the greatest needs, which may be none (frame of reference: Goldstein,
//! Ramakrishnan and Shaft, "Compressing relations and indexes", 1998). As rows are of one size, an
//! entry is still found by its index.

use super::node::NODE_BYTES_MAX;
use super::slot::{Key, Rest, Slot};

/// Bytes before the first row.
const HEADER_BYTES: usize = 24;

/// Bytes of a key's minor: it is random, and stored as it is.
const MINOR_BYTES: usize = 16;

/// The most entries in a leaf, all of whose numbers are the same.
pub(crate) const LEAF_SLOTS_MAX: usize = (NODE_BYTES_MAX - HEADER_BYTES) / MINOR_BYTES;

/// A row begins with these, and the minor is behind them: the key's major, the number, the ids.
const COLUMNS: usize = 4;

/// How the entries of one leaf are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Layout {
    /// Bytes of each column: eight at most, and four for ids.
    widths: [u8; COLUMNS],
    /// What the majors and the ids count from.
    major: u64,
    ids: [u32; 2],
}

impl Layout {
    /// The one that takes the least room, for entries in ascending order.
    fn of(slots: &[Slot]) -> Self {
        let major = slots.first().map_or(0, |slot| slot.key.major());
        let mut least = [u32::MAX; 2];
        let mut greatest = [0; 2];
        let mut number = 0;
        for slot in slots {
            let [one, other] = slot.rest.ids;
            least = [least[0].min(one), least[1].min(other)];
            greatest = [greatest[0].max(one), greatest[1].max(other)];
            number = to_offset(slot.rest.number, slot.key.major()).max(number);
        }
        let last = slots.last().map_or(0, |slot| slot.key.major());
        let one = u64::from(greatest[0].saturating_sub(least[0]));
        let other = u64::from(greatest[1].saturating_sub(least[1]));
        Self {
            widths: [last.saturating_sub(major), number, one, other].map(bytes_of),
            major,
            ids: least,
        }
    }

    fn row_bytes(&self) -> usize {
        self.widths
            .iter()
            .map(|width| usize::from(*width))
            .sum::<usize>()
            + MINOR_BYTES
    }

    /// How many rows fit into a leaf.
    fn capacity(&self) -> usize {
        (NODE_BYTES_MAX - HEADER_BYTES) / self.row_bytes()
    }

    fn write(&self, slots: &[Slot], out: &mut Vec<u8>) {
        let [major, number, one, other] = self.widths;
        out.extend_from_slice(&[0, major, number, one, other, 0, 0, 0]);
        out.extend_from_slice(&self.major.to_le_bytes());
        let ids = self.ids.map(u32::to_le_bytes);
        out.extend_from_slice(ids.as_flattened());
        for slot in slots {
            let [one, other] = slot.rest.ids;
            let columns = [
                slot.key.major().wrapping_sub(self.major),
                to_offset(slot.rest.number, slot.key.major()),
                one.wrapping_sub(self.ids[0]).into(),
                other.wrapping_sub(self.ids[1]).into(),
            ];
            for (column, width) in columns.iter().zip(self.widths) {
                out.extend(column.to_le_bytes().iter().take(width.into()));
            }
            out.extend_from_slice(&slot.key.minor().to_be_bytes());
        }
    }

    /// The layout in a header, if it is one.
    fn read(header: &[u8; HEADER_BYTES]) -> Option<Self> {
        let (&[0, widths @ .., 0, 0, 0], bases) = header.split_first_chunk::<8>()? else {
            return None;
        };
        let (major, ids) = bases.split_first_chunk()?;
        let (one, other) = ids.split_first_chunk()?;
        let [major_width, number_width, ids_widths @ ..] = widths;
        let is_layout =
            major_width <= 8 && number_width <= 8 && ids_widths.iter().all(|width| *width <= 4);
        is_layout.then_some(Self {
            widths,
            major: u64::from_le_bytes(*major),
            ids: [
                u32::from_le_bytes(*one),
                u32::from_le_bytes(*other.first_chunk()?),
            ],
        })
    }
}

/// How many bytes a number takes.
fn bytes_of(number: u64) -> u8 {
    let bits = u64::BITS - number.leading_zeros();
    u8::try_from(bits.div_ceil(8)).unwrap_or(8)
}

/// A number as what it is above `base`, plus one, and the greatest number as zero: another for each,
/// whatever they are.
#[inline]
fn to_offset(number: u64, base: u64) -> u64 {
    match number.wrapping_sub(base).wrapping_add(1) {
        _ if number == u64::MAX => 0,
        // The place that the greatest number leaves.
        0 => base.wrapping_neg(),
        offset => offset,
    }
}

#[inline]
fn from_offset(offset: u64, base: u64) -> u64 {
    match base.wrapping_add(offset).wrapping_sub(1) {
        _ if offset == 0 => u64::MAX,
        u64::MAX => base.wrapping_sub(1),
        number => number,
    }
}

/// Writes a leaf's bytes over `buffer`, and answers how many entries like these fit into a leaf.
pub(super) fn write(slots: &[Slot], buffer: &mut Vec<u8>) -> usize {
    let layout = Layout::of(slots);
    buffer.clear();
    buffer.reserve(HEADER_BYTES + slots.len() * layout.row_bytes());
    layout.write(slots, buffer);
    layout.capacity()
}

/// A root without nodes below it, of entries in ascending order; `None` without any.
pub(crate) fn leaf_of(slots: &[Slot]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    write(slots, &mut bytes);
    (!slots.is_empty()).then_some(bytes)
}

/// How many entries like these fit into a leaf.
pub(super) fn capacity(slots: &[Slot]) -> usize {
    Layout::of(slots).capacity()
}

/// A column: where in a row it begins, and the bits that are of it when eight bytes are read.
#[derive(Debug, Clone, Copy)]
struct Column {
    begin: usize,
    mask: u64,
}

impl Column {
    /// The column's number in a row. Its eight bytes are always within the row, as the minor is
    /// behind all columns.
    #[inline]
    fn of(self, row: &[u8]) -> u64 {
        let bytes = row.get(self.begin..).and_then(<[u8]>::first_chunk);
        u64::from_le_bytes(bytes.copied().unwrap_or_default()) & self.mask
    }
}

/// A leaf's bytes, understood: never without an entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaf<'a> {
    rows: &'a [u8],
    row_bytes: usize,
    columns: [Column; COLUMNS],
    major: u64,
    ids: [u32; 2],
}

impl<'a> Leaf<'a> {
    /// `None` if these are not a leaf's bytes.
    #[inline]
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, rows) = bytes.split_first_chunk()?;
        let layout = Layout::read(header)?;
        let row_bytes = layout.row_bytes();
        let mut begin = 0;
        let columns = layout.widths.map(|width| {
            let column = Column {
                begin,
                mask: u64::MAX.checked_shr(64 - 8 * u32::from(width)).unwrap_or(0),
            };
            begin += usize::from(width);
            column
        });
        let is_leaf = !rows.is_empty() && rows.len().is_multiple_of(row_bytes);
        is_leaf.then_some(Self {
            rows,
            row_bytes,
            columns,
            major: layout.major,
            ids: layout.ids,
        })
    }

    /// How many entries it has.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.rows.len() / self.row_bytes
    }

    #[inline]
    fn row(&self, index: usize) -> &'a [u8] {
        let begin = index * self.row_bytes;
        self.rows
            .get(begin..begin + self.row_bytes)
            .unwrap_or_default()
    }

    #[inline]
    fn major_of(&self, row: &[u8]) -> u64 {
        let [major, ..] = self.columns;
        self.major.wrapping_add(major.of(row))
    }

    #[inline]
    fn key_of(&self, row: &[u8]) -> Key {
        let minor = row.last_chunk().copied().unwrap_or_default();
        Key::new(self.major_of(row), u128::from_be_bytes(minor))
    }

    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the columns of ids have four bytes at most"
    )]
    fn ids_of(&self, row: &[u8]) -> [u32; 2] {
        let [_, _, one, other] = self.columns;
        let id = |base: u32, column: Column| base.wrapping_add(column.of(row) as u32);
        let [first, second] = self.ids;
        [id(first, one), id(second, other)]
    }

    #[inline]
    fn slot_of(&self, row: &[u8]) -> Slot {
        let key = self.key_of(row);
        let [_, number, ..] = self.columns;
        Slot {
            key,
            rest: Rest {
                number: from_offset(number.of(row), key.major()),
                ids: self.ids_of(row),
            },
        }
    }

    /// The key of the entry at `index`, which it has.
    pub(super) fn key(&self, index: usize) -> Key {
        self.key_of(self.row(index))
    }

    /// The entries at these positions; `None` if it has not all of them.
    #[inline]
    pub(super) fn slots(
        self,
        positions: std::ops::Range<usize>,
    ) -> Option<impl Iterator<Item = Slot>> {
        let bytes = positions.start.checked_mul(self.row_bytes)?
            ..positions.end.checked_mul(self.row_bytes)?;
        let rows = self.rows.get(bytes)?.chunks_exact(self.row_bytes);
        Some(rows.map(move |row| self.slot_of(row)))
    }

    /// The entries whose ids pass; of the others nothing else is read.
    pub(super) fn slots_where(
        self,
        passes: &impl Fn([u32; 2]) -> bool,
    ) -> impl Iterator<Item = Slot> {
        let rows = self.rows.chunks_exact(self.row_bytes);
        let passing = rows.filter(move |row| passes(self.ids_of(row)));
        passing.map(move |row| self.slot_of(row))
    }

    /// All entries.
    pub(super) fn to_slots(self) -> Vec<Slot> {
        self.slots(0..self.len()).into_iter().flatten().collect()
    }

    /// How many entries have a key less than `key`.
    #[inline]
    pub(super) fn slots_before(&self, key: Key) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            let row = self.row(middle);
            let major = self.major_of(row);
            let is_before = major < key.major() || (major == key.major() && self.key_of(row) < key);
            match is_before {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low
    }

    /// The entry with this key.
    pub(super) fn get(&self, key: Key) -> Option<Slot> {
        let index = self.slots_before(key);
        let mut slots = (*self).slots(index..index + 1)?;
        slots.next().filter(|slot| slot.key == key)
    }
}

#[cfg(test)]
mod tests;
