//! Rank, select, range and lookup.

use super::NodeReader;
use super::leaf::Leaf;
use super::node::{Child, Inner, Node, miscounted};
use super::slot::{Key, Slot};
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
        let inner = match node {
            Node::Leaf(leaf) => return Ok(leaf.slots_before(key) as u64),
            Node::Inner(inner) => inner,
        };
        let Some(index) = inner.fences_before(key).checked_sub(1) else {
            return Ok(0);
        };
        let (child, before) = inner.child(index)?;
        let bytes = self.store.node(child.id)?;
        let below = self.rank_in(child_node(&bytes, inner, child, before)?, key)?;
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
        let inner = match node {
            Node::Leaf(leaf) => return Ok(leaf.get(key)),
            Node::Inner(inner) => inner,
        };
        let at_most = key
            .next()
            .map_or(inner.len(), |next| inner.fences_before(next));
        let Some(index) = at_most.checked_sub(1) else {
            return Ok(None);
        };
        let (child, before) = inner.child(index)?;
        let bytes = self.store.node(child.id)?;
        self.get_in(child_node(&bytes, inner, child, before)?, key)
    }

    /// Visits the entries at positions `range` in order, and every node on the way once. The part
    /// of the range past the end is empty.
    pub(crate) fn visit(
        &self,
        range: Range<u64>,
        visit: &mut impl FnMut(Slot) -> Result<()>,
    ) -> Result<()> {
        let range = range.start..range.end.min(self.len());
        self.visit_leaves(range, &mut |leaf, positions| {
            let mut slots = leaf.slots(positions);
            slots
                .as_mut()
                .ok_or_else(miscounted)?
                .try_for_each(&mut *visit)
        })
    }

    /// The entries whose ids pass, in order: every node is read.
    pub(crate) fn slots_where(&self, passes: &impl Fn([u32; 2]) -> bool) -> Result<Vec<Slot>> {
        let mut slots = Vec::with_capacity(usize::try_from(self.len()).unwrap_or(0));
        self.visit_leaves(0..self.len(), &mut |leaf, _| {
            slots.extend(leaf.slots_where(passes));
            Ok(())
        })?;
        Ok(slots)
    }

    /// Visits the leaves that have the entries at positions `range`, in order, each with the
    /// positions in it.
    fn visit_leaves(
        &self,
        range: Range<u64>,
        visit: &mut impl FnMut(Leaf<'_>, Range<usize>) -> Result<()>,
    ) -> Result<()> {
        match self.root {
            Some(root) if range.start < range.end => self.visit_in(root, range, visit),
            _ => Ok(()),
        }
    }

    fn visit_in(
        &self,
        node: Node<'_>,
        range: Range<u64>,
        visit: &mut impl FnMut(Leaf<'_>, Range<usize>) -> Result<()>,
    ) -> Result<()> {
        let inner = match node {
            Node::Leaf(leaf) => {
                let index = |position: u64| usize::try_from(position).unwrap_or(usize::MAX);
                return visit(leaf, index(range.start)..index(range.end));
            }
            Node::Inner(inner) => inner,
        };
        let first = inner.children_through(range.start);
        let last = inner.children_through(range.end.saturating_sub(1));
        for index in first..=last {
            let (child, before) = inner.child(index)?;
            let bytes = self.store.node(child.id)?;
            let below = child_node(&bytes, inner, child, before)?;
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
        let passes = |key: Key, before: u64| -> Result<bool> {
            let place = offset.checked_add(before);
            let moved = place.and_then(|place| place.checked_add_signed(shift(key)));
            Ok(moved.ok_or_else(miscounted)? <= position)
        };
        let inner = match node {
            Node::Leaf(leaf) => {
                let passing = partition(leaf.len(), |at| passes(leaf.key(at), at as u64))?;
                return offset.checked_add(passing as u64).ok_or_else(miscounted);
            }
            Node::Inner(inner) => inner,
        };
        let passing = partition(inner.len(), |at| {
            let (child, before) = inner.child(at)?;
            passes(child.fence, before)
        })?;
        let Some(index) = passing.checked_sub(1) else {
            return Ok(offset);
        };
        let (child, before) = inner.child(index)?;
        let bytes = self.store.node(child.id)?;
        let below = child_node(&bytes, inner, child, before)?;
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

pub(super) fn child_node<'b>(
    bytes: &'b [u8],
    parent: Inner<'_>,
    child: Child,
    before: u64,
) -> Result<Node<'b>> {
    Node::parse_child(bytes, parent.level - 1, child.count_through - before)
        .map_err(|error| error.stored_in(format_args!("node {}", child.id)))
}
