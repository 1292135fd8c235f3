//! Changing an index: one recursive pass that reads and writes each touched node once, and then
//! joins neighbours that have become small.

use super::NodeWriter;
use super::edit::{Edit, Limits, appends, edited, pieces};
use super::leaf::{self, Leaf, leaf_of};
use super::node::{self, Child, Inner, Node};
use super::slot::{Key, Slot};
use crate::error::Result;

/// A child while its parent is being changed.
#[derive(Debug, Clone, Copy)]
struct Part {
    fence: Key,
    /// Entries below this child alone.
    count: u64,
    id: u64,
    /// Whether its node has just been written and has become small.
    is_small: bool,
}

/// Applies `edits`, in ascending key order with no key twice, to the index with this root, and
/// answers its new root: `None` once it is empty.
///
/// # Errors
///
/// `Corrupted` if an edit meets what it must not: an entry to insert that is there, or one to
/// replace or remove that is not. Else what the store fails with. The store then holds part of the
/// change and must be rolled back.
pub(crate) fn apply<S: NodeWriter>(
    store: &mut S,
    limits: Limits,
    root: Option<&[u8]>,
    edits: &[Edit],
) -> Result<Option<Vec<u8>>> {
    debug_assert!(edits.is_sorted_by(|a, b| a.key() < b.key()));
    let mut pass = Pass {
        store,
        limits,
        buffer: Vec::new(),
    };
    let old = match root.map(Node::parse).transpose()? {
        Some(Node::Inner(root)) => {
            let parts = pass.edit_children(root, edits, true)?;
            return pass.finish(root.level, parts);
        }
        Some(Node::Leaf(leaf)) => leaf.to_slots(),
        None => Vec::new(),
    };
    let slots = edited(&old, edits)?;
    if slots.len() <= leaf_slots_max(limits, &slots) {
        return Ok(leaf_of(&slots));
    }
    let parts = pass.write_leaves(None, &slots, appends(&old, edits))?;
    pass.finish(1, parts)
}

/// Removes every node below this root from the store: the index is to be no more.
///
/// # Errors
///
/// `Corrupted` if a node is missing or malformed.
pub(crate) fn clear<S: NodeWriter>(store: &mut S, root: &[u8]) -> Result<()> {
    clear_below(store, Node::parse(root)?)
}

fn clear_below<S: NodeWriter>(store: &mut S, node: Node<'_>) -> Result<()> {
    let Node::Inner(inner) = node else {
        return Ok(());
    };
    for part in parts_of(inner)? {
        if inner.level > 1 {
            let bytes = store.node(part.id)?.to_vec();
            clear_below(
                store,
                Node::parse_child(&bytes, inner.level - 1, part.count)?,
            )?;
        }
        store.remove(part.id)?;
    }
    Ok(())
}

struct Pass<'s, S> {
    store: &'s mut S,
    limits: Limits,
    buffer: Vec<u8>,
}

impl<S: NodeWriter> Pass<'_, S> {
    /// Applies `edits` below `node` and answers its children as they are then.
    ///
    /// `rightmost`: whether nothing in the index comes after this node.
    fn edit_children(
        &mut self,
        node: Inner<'_>,
        edits: &[Edit],
        rightmost: bool,
    ) -> Result<Vec<Part>> {
        let children = parts_of(node)?;
        let mut edited = Vec::with_capacity(children.len() + 2);
        let mut rest = edits;
        for (index, part) in children.iter().enumerate() {
            let next = children.get(index + 1);
            let mine = next.map_or(rest.len(), |next| {
                rest.partition_point(|edit| edit.key() < next.fence)
            });
            let (edits, later) = rest.split_at(mine);
            rest = later;
            if edits.is_empty() {
                edited.push(*part);
            } else {
                let rightmost = rightmost && next.is_none();
                self.edit_child(node.level - 1, *part, edits, rightmost, &mut edited)?;
            }
        }
        self.merge_neighbours(node.level - 1, &mut edited, rightmost)?;
        Ok(edited)
    }

    /// Applies `edits` to one child and appends what becomes of it: nothing, itself, or pieces.
    fn edit_child(
        &mut self,
        level: u8,
        part: Part,
        edits: &[Edit],
        rightmost: bool,
        parts: &mut Vec<Part>,
    ) -> Result<()> {
        let bytes = self.store.node(part.id)?.to_vec();
        // A key below the first child's fence lands in it: the fence is lowered, never the key
        // rejected.
        let lowest = edits.first().map_or(part.fence, Edit::key);
        let fence = part.fence.min(lowest);
        let pieces = match Node::parse_child(&bytes, level, part.count)? {
            Node::Leaf(leaf) => {
                let old = leaf.to_slots();
                let slots = edited(&old, edits)?;
                let at_right_edge = rightmost && appends(&old, edits);
                self.write_leaves(Some((part.id, fence)), &slots, at_right_edge)?
            }
            Node::Inner(inner) => {
                let children = self.edit_children(inner, edits, rightmost)?;
                let first = self.store.allocate();
                self.store.remove(part.id)?;
                self.write_inners(level, Some((first, fence)), &children, rightmost)?
            }
        };
        if pieces.is_empty() && level == 0 {
            return self.store.remove(part.id);
        }
        parts.extend(pieces);
        Ok(())
    }

    /// Writes entries as one leaf or as many as they need; the first takes over an id and a fence.
    fn write_leaves(
        &mut self,
        mut first: Option<(u64, Key)>,
        slots: &[Slot],
        at_right_edge: bool,
    ) -> Result<Vec<Part>> {
        let limits = self.limits;
        let max = |slots: &[Slot]| leaf_slots_max(limits, slots);
        let parts = pieces(slots, max, at_right_edge).map(|piece| {
            let lowest = piece.first().map_or(Key::LEAST, |slot| slot.key);
            let (id, fence) = first
                .take()
                .unwrap_or_else(|| (self.store.allocate(), lowest));
            self.write_leaf(id, fence, piece)
        });
        parts.collect()
    }

    fn write_leaf(&mut self, id: u64, fence: Key, slots: &[Slot]) -> Result<Part> {
        let capacity = leaf::write(slots, &mut self.buffer);
        self.store.put(id, &self.buffer)?;
        Ok(Part {
            fence,
            count: slots.len() as u64,
            id,
            is_small: is_small(slots.len(), self.limits.leaf_slots_max.min(capacity)),
        })
    }

    /// Writes children as one inner node or as many as they need, as [`write_leaves`] does entries.
    ///
    /// [`write_leaves`]: Self::write_leaves
    fn write_inners(
        &mut self,
        level: u8,
        mut first: Option<(u64, Key)>,
        children: &[Part],
        at_right_edge: bool,
    ) -> Result<Vec<Part>> {
        let max = self.limits.children_max;
        let parts = pieces(children, |_| max, at_right_edge).map(|piece| {
            let lowest = piece.first().map_or(Key::LEAST, |part| part.fence);
            let (id, fence) = first
                .take()
                .unwrap_or_else(|| (self.store.allocate(), lowest));
            self.write_inner(level, id, fence, piece)
        });
        parts.collect()
    }

    fn write_inner(&mut self, level: u8, id: u64, fence: Key, children: &[Part]) -> Result<Part> {
        node::write(level, counted(children), &mut self.buffer);
        self.store.put(id, &self.buffer)?;
        Ok(Part {
            fence,
            count: children.iter().map(|part| part.count).sum(),
            id,
            is_small: is_small(children.len(), self.limits.children_max),
        })
    }

    /// Joins neighbours that have become small, so that removals do not leave a tree of crumbs.
    ///
    /// Never into the right-most node of the index, which appends are about to fill.
    fn merge_neighbours(
        &mut self,
        level: u8,
        parts: &mut Vec<Part>,
        rightmost: bool,
    ) -> Result<()> {
        let mut index = 0;
        while let [left, right, later @ ..] = parts.get(index..).unwrap_or_default() {
            let right_is_last = rightmost && later.is_empty();
            let (left, right) = (*left, *right);
            let joined = match (left.is_small || right.is_small) && !right_is_last {
                true => self.joined(level, left, right)?,
                false => None,
            };
            match joined {
                Some(part) => drop(parts.splice(index..index + 2, [part])),
                None => index += 1,
            }
        }
        Ok(())
    }

    /// Two neighbours as one, if both fit in a node with room to spare.
    fn joined(&mut self, level: u8, left: Part, right: Part) -> Result<Option<Part>> {
        let bytes = self.store.node(left.id)?.to_vec();
        let first = Node::parse_child(&bytes, level, left.count)?;
        let bytes = self.store.node(right.id)?.to_vec();
        let second = Node::parse_child(&bytes, level, right.count)?;
        let fits = |len: usize, max: usize| len <= max * 6 / 10;
        match (first, second) {
            (Node::Leaf(first), Node::Leaf(second)) => {
                let slots = [first, second].map(Leaf::to_slots).concat();
                if !fits(slots.len(), leaf_slots_max(self.limits, &slots)) {
                    return Ok(None);
                }
                self.store.remove(right.id)?;
                self.write_leaf(left.id, left.fence, &slots).map(Some)
            }
            (Node::Inner(first), Node::Inner(second)) => {
                let children = [parts_of(first)?, parts_of(second)?].concat();
                if !fits(children.len(), self.limits.children_max) {
                    return Ok(None);
                }
                self.store.remove(left.id)?;
                self.store.remove(right.id)?;
                let id = self.store.allocate();
                self.write_inner(level, id, left.fence, &children).map(Some)
            }
            _ => Err(node::miscounted()),
        }
    }

    /// The root over `parts`, children of a node at `level`: with inner nodes between where they
    /// are too many, and lowered where there is just one.
    fn finish(&mut self, mut level: u8, mut parts: Vec<Part>) -> Result<Option<Vec<u8>>> {
        while parts.len() > self.limits.children_max {
            parts = self.write_inners(level, None, &parts, true)?;
            level += 1;
        }
        while let [only] = parts.as_slice() {
            let bytes = self.store.node(only.id)?.to_vec();
            self.store.remove(only.id)?;
            level -= 1;
            match Node::parse_child(&bytes, level, only.count)? {
                Node::Leaf(_) => return Ok(Some(bytes)),
                Node::Inner(inner) => parts = parts_of(inner)?,
            }
        }
        if parts.is_empty() {
            return Ok(None);
        }
        node::write(level, counted(&parts), &mut self.buffer);
        Ok(Some(std::mem::take(&mut self.buffer)))
    }
}

/// How many of the first of these entries a leaf may have.
fn leaf_slots_max(limits: Limits, slots: &[Slot]) -> usize {
    let mut max = slots.len().clamp(1, limits.leaf_slots_max);
    // Fewer may be more alike, so that more of them fit than of all.
    loop {
        let first = slots.get(..max).unwrap_or(slots);
        match leaf::capacity(first) {
            capacity if capacity < max => max = capacity,
            // More than were looked at may be less alike.
            _ if max < slots.len() => return max,
            capacity => return limits.leaf_slots_max.min(capacity),
        }
    }
}

fn is_small(len: usize, max: usize) -> bool {
    len <= max * 3 / 10
}

/// An inner node's children, each with its own count.
fn parts_of(node: Inner<'_>) -> Result<Vec<Part>> {
    let children = (0..node.len()).map(|index| {
        let (child, before) = node.child(index)?;
        Ok(Part {
            fence: child.fence,
            count: child.count_through - before,
            id: child.id,
            is_small: false,
        })
    });
    children.collect()
}

/// The children of an inner node with these parts.
fn counted(parts: &[Part]) -> impl Iterator<Item = Child> {
    let mut count_through = 0;
    parts.iter().map(move |part| {
        count_through += part.count;
        Child {
            fence: part.fence,
            count_through,
            id: part.id,
        }
    })
}
