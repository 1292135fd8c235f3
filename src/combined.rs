//! One family as the main index and the delta have it together.
//!
//! The delta adds entries, puts some in others' places and leaves some out; its part of each family
//! is summed up by how many entries it adds, less those it leaves out, before any key. The rank of a
//! key is then the sum of two ranks, and a position is found by one descent of the main index in
//! which every key stands as many places later as the delta has put before it.

use crate::counted::{Edit, Key, Slot, Tree};
use crate::delta::{Delta, Sums};
use crate::error::{Error, Result};
use crate::family::FamilyKey;
use crate::format::Entry;
use crate::main_index::{MainReader, Pins, Root};
use std::iter::Peekable;
use std::ops::Range;

/// A family of one state.
#[derive(Debug)]
pub(crate) struct Combined<'v> {
    root: Option<Root<'v>>,
    pins: Pins<'v>,
    delta: &'v Delta,
    family: FamilyKey,
    /// The sums of the delta before the family, and with it.
    around: Range<Sums>,
}

impl<'v> Combined<'v> {
    pub(crate) fn new(main: &'v MainReader, delta: &'v Delta, family: FamilyKey) -> Result<Self> {
        let around = match delta.is_empty() {
            true => Sums::default()..Sums::default(),
            // No entry has the greatest key: its start is no time.
            false => delta.before(family, Key::LEAST)..delta.before(family, Key::GREATEST),
        };
        Ok(Self {
            root: main.root(family)?,
            pins: Pins::new(main),
            delta,
            family,
            around,
        })
    }

    fn main(&self) -> Result<Tree<'_, Pins<'v>>> {
        Tree::new(&self.pins, self.root.as_deref())
    }

    /// Whether the delta leaves the family as it is.
    fn is_plain(&self) -> bool {
        self.around.start.count == self.around.end.count
    }

    /// The sums of the delta before `key`.
    fn before(&self, key: Key) -> Sums {
        match self.is_plain() {
            true => self.around.start,
            false => self.delta.before(self.family, key),
        }
    }

    /// How many entries more than in the main index there are before `key`.
    fn shift(&self, key: Key) -> i64 {
        self.before(key).weight - self.around.start.weight
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> Result<u64> {
        let shift = self.around.end.weight - self.around.start.weight;
        shifted(self.main()?.len(), shift)
    }

    /// How many entries have a key less than `key`.
    pub(crate) fn rank(&self, key: Key) -> Result<u64> {
        shifted(self.main()?.rank(key)?, self.shift(key))
    }

    /// The entries at these positions, in key order.
    pub(crate) fn entries(&self, positions: Range<u64>) -> Result<Vec<Entry>> {
        let wanted = usize::try_from(positions.end - positions.start).unwrap_or(0);
        let mut entries = Vec::with_capacity(wanted);
        if self.is_plain() {
            let mut push = |slot| Entry::unpack(&slot).map(|entry| entries.push(entry));
            self.main()?.visit(positions, &mut push)?;
            return Ok(entries);
        }
        while entries.len() < wanted {
            let (had, position) = (entries.len(), positions.start + entries.len() as u64);
            self.fill(position, wanted, &mut entries)?;
            if entries.len() == had {
                return Err(disagree());
            }
        }
        Ok(entries)
    }

    /// Appends the entries from `position` on until there are as many as are wanted, or it has
    /// looked at as many of the main index: where it has left out a long run of them, the next
    /// call finds the end of the run by position.
    fn fill(&self, position: u64, wanted: usize, entries: &mut Vec<Entry>) -> Result<()> {
        let (rank, index) = self.seek(position)?;
        let mut merge = Merge {
            edits: self.edits_from(index).peekable(),
            wanted,
            entries,
        };
        // One more than is missing: what the delta adds before it may be all there is.
        let end = rank + merge.missing() + 1;
        let main = self.main()?;
        main.visit(rank..end, &mut |slot| merge.take(&slot))?;
        match end >= main.len() {
            true => merge.add_before(None),
            false => Ok(()),
        }
    }

    /// The edits of the family from the one at `index` on.
    fn edits_from(&self, index: u64) -> impl Iterator<Item = Edit> {
        let left = self.around.end.count.saturating_sub(index);
        let left = usize::try_from(left).unwrap_or(usize::MAX);
        self.delta.edits_from(index).take(left)
    }

    /// Where the entry at `position` is found: at this rank of the main index or at this index of
    /// the delta, whichever has the lesser key.
    fn seek(&self, position: u64) -> Result<(u64, u64)> {
        let main = self.main()?;
        let count = main.count_at_most(position, &|key| self.shift(key))?;
        let Some(last) = count.checked_sub(1) else {
            return Ok((0, self.around.start.count + position));
        };
        let mut key = Key::LEAST;
        main.visit(last..count, &mut |slot| {
            key = slot.key;
            Ok(())
        })?;
        if shifted(last, self.shift(key))? == position {
            return Ok((last, self.before(key).count));
        }
        // Behind this key the delta only adds, up to the next key of the main index.
        let behind = self.before(key.next().unwrap_or(Key::GREATEST));
        let there = shifted(count, behind.weight - self.around.start.weight)?;
        let skipped = position.checked_sub(there).ok_or_else(disagree)?;
        Ok((count, behind.count + skipped))
    }
}

#[cold]
fn disagree() -> Error {
    Error::corrupted("the delta and the main index disagree")
}

fn shifted(rank: u64, shift: i64) -> Result<u64> {
    rank.checked_add_signed(shift).ok_or_else(disagree)
}

/// Entries in the making: those of the main index, as the delta edits them.
struct Merge<'e, I: Iterator<Item = Edit>> {
    edits: Peekable<I>,
    wanted: usize,
    entries: &'e mut Vec<Entry>,
}

impl<I: Iterator<Item = Edit>> Merge<'_, I> {
    fn missing(&self) -> u64 {
        (self.wanted - self.entries.len()) as u64
    }

    /// Takes the next entry of the main index, and what the delta adds before it.
    fn take(&mut self, slot: &Slot) -> Result<()> {
        let key = slot.key;
        self.add_before(Some(key))?;
        match self.edits.next_if(|edit| edit.key() == key) {
            _ if self.missing() == 0 => Ok(()),
            None => self.push(slot),
            Some(Edit::Replace(slot)) => self.push(&slot),
            Some(Edit::Remove(_)) => Ok(()),
            Some(Edit::Insert(_)) => Err(disagree()),
        }
    }

    /// Takes what the delta adds before `key`, or all that is left of it.
    fn add_before(&mut self, key: Option<Key>) -> Result<()> {
        let is_before = |edit: &Edit| key.is_none_or(|key| edit.key() < key);
        while self.missing() > 0
            && let Some(edit) = self.edits.next_if(is_before)
        {
            match edit {
                Edit::Insert(slot) => self.push(&slot)?,
                Edit::Replace(_) | Edit::Remove(_) => return Err(disagree()),
            }
        }
        Ok(())
    }

    fn push(&mut self, slot: &Slot) -> Result<()> {
        self.entries.push(Entry::unpack(slot)?);
        Ok(())
    }
}
