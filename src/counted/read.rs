//! Rank, select, range and lookup.

use super::NodeReader;
use super::node::{Child, Key, Node, Slot, key_of, miscounted};
use crate::error::Result;
use std::ops::Range;

/// One index: its root and the store of its other nodes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tree<'a, S> {
    store: &'a S,
    /// `None` for an empty index.
    root: Option<Node<'a>>,
}

impl<'a, S: NodeReader> Tree<'a, S> {
    /// # Errors
    ///
    /// `Corrupted` if `root` is not a node.
    pub(crate) fn new(store: &'a S, root: Option<&'a [u8]>) -> Result<Self> {
        let root = root.map(Node::parse).transpose()?;
        Ok(Self { store, root })
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> u64 {
        self.root.map_or(0, Node::count)
    }

    /// How many entries have a key less than `key`: one node read a level.
    pub(crate) fn rank(&self, key: Key) -> Result<u64> {
        match self.root {
            Some(root) => self.rank_in(root, key),
            None => Ok(0),
        }
    }

    fn rank_in(&self, node: Node<'_>, key: Key) -> Result<u64> {
        if node.level == 0 {
            return Ok(node.slots_before(key) as u64);
        }
        let Some(index) = node.slots_before(key).checked_sub(1) else {
            return Ok(0);
        };
        let (child, before) = child_at(node, index)?;
        let bytes = self.store.node(child.id)?;
        let below = self.rank_in(child_node(&bytes, node, child, before)?, key)?;
        before.checked_add(below).ok_or_else(miscounted)
    }

    /// The entry with this key.
    pub(crate) fn get(&self, key: Key) -> Result<Option<Slot>> {
        match self.root {
            Some(root) => self.get_in(root, key),
            None => Ok(None),
        }
    }

    fn get_in(&self, node: Node<'_>, key: Key) -> Result<Option<Slot>> {
        if node.level == 0 {
            let slot = node.slots.get(node.slots_before(key));
            return Ok(slot.filter(|slot| key_of(slot) == key).copied());
        }
        let at_most = node.slots.partition_point(|slot| key_of(slot) <= key);
        let Some(index) = at_most.checked_sub(1) else {
            return Ok(None);
        };
        let (child, before) = child_at(node, index)?;
        let bytes = self.store.node(child.id)?;
        self.get_in(child_node(&bytes, node, child, before)?, key)
    }

    /// Visits the entries at positions `range` in order, leaf by leaf, and every node on the way
    /// once. The part of the range past the end is empty.
    pub(crate) fn visit(
        &self,
        range: Range<u64>,
        visit: &mut impl FnMut(&[Slot]) -> Result<()>,
    ) -> Result<()> {
        let range = range.start..range.end.min(self.len());
        match self.root {
            Some(root) if range.start < range.end => self.visit_in(root, range, visit),
            _ => Ok(()),
        }
    }

    fn visit_in(
        &self,
        node: Node<'_>,
        range: Range<u64>,
        visit: &mut impl FnMut(&[Slot]) -> Result<()>,
    ) -> Result<()> {
        if node.level == 0 {
            return visit(leaf_slots(node, range)?);
        }
        let through = |slot: &Slot| Child::unpack(slot).count_through;
        let first = node
            .slots
            .partition_point(|slot| through(slot) <= range.start);
        let last = node.slots.partition_point(|slot| through(slot) < range.end);
        for index in first..=last {
            let (child, before) = child_at(node, index)?;
            let bytes = self.store.node(child.id)?;
            let below = child_node(&bytes, node, child, before)?;
            let start = range.start.saturating_sub(before);
            let end = range.end.min(child.count_through).checked_sub(before);
            self.visit_in(below, start..end.ok_or_else(miscounted)?, visit)?;
        }
        Ok(())
    }

    /// How many entries come at most at `position` in a sequence in which each stands at its own
    /// position moved by `shift` of its key: others have been added, or left out, before it.
    ///
    /// Positions in that sequence must not decrease from one entry to the next.
    pub(crate) fn count_at_most(&self, position: u64, shift: &impl Fn(Key) -> i64) -> Result<u64> {
        match self.root {
            Some(root) => self.count_at_most_in(root, 0, position, shift),
            None => Ok(0),
        }
    }

    fn count_at_most_in(
        &self,
        node: Node<'_>,
        offset: u64,
        position: u64,
        shift: &impl Fn(Key) -> i64,
    ) -> Result<u64> {
        let passes = |index: usize| -> Result<bool> {
            let key = node.slots.get(index).map(key_of).ok_or_else(miscounted)?;
            let before = match node.level {
                0 => index as u64,
                _ => child_at(node, index)?.1,
            };
            let place = offset.checked_add(before);
            let moved = place.and_then(|place| place.checked_add_signed(shift(key)));
            Ok(moved.ok_or_else(miscounted)? <= position)
        };
        let passing = partition(node.slots.len(), passes)?;
        if node.level == 0 {
            return offset.checked_add(passing as u64).ok_or_else(miscounted);
        }
        let Some(index) = passing.checked_sub(1) else {
            return Ok(offset);
        };
        let (child, before) = child_at(node, index)?;
        let bytes = self.store.node(child.id)?;
        let below = child_node(&bytes, node, child, before)?;
        let offset = offset.checked_add(before).ok_or_else(miscounted)?;
        self.count_at_most_in(below, offset, position, shift)
    }
}

/// How many of the first indices pass, where those that do come first.
fn partition(len: usize, passes: impl Fn(usize) -> Result<bool>) -> Result<usize> {
    let (mut low, mut high) = (0, len);
    while low < high {
        let middle = low.midpoint(high);
        match passes(middle)? {
            true => low = middle + 1,
            false => high = middle,
        }
    }
    Ok(low)
}

fn leaf_slots(node: Node<'_>, range: Range<u64>) -> Result<&[Slot]> {
    let index = |position: u64| usize::try_from(position).unwrap_or(usize::MAX);
    let range = index(range.start)..index(range.end);
    node.slots.get(range).ok_or_else(miscounted)
}

/// The child at `index` and how many entries come before it in `node`.
fn child_at(node: Node<'_>, index: usize) -> Result<(Child, u64)> {
    let child = node.slots.get(index).map(Child::unpack);
    let before = match index.checked_sub(1) {
        Some(previous) => node
            .slots
            .get(previous)
            .map(|slot| Child::unpack(slot).count_through),
        None => Some(0),
    };
    match (child, before) {
        (Some(child), Some(before)) if before < child.count_through => Ok((child, before)),
        _ => Err(miscounted()),
    }
}

fn child_node<'b>(
    bytes: &'b [u8],
    parent: Node<'_>,
    child: Child,
    before: u64,
) -> Result<Node<'b>> {
    Node::parse_child(bytes, parent.level - 1, child.count_through - before)
}
