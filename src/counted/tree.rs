//! Changing an index: one recursive pass that reads and writes each touched node once, and then
//! joins neighbours that have become small.

use super::NodeWriter;
use super::node::{self, Child, Key, NODE_SLOTS_MAX, Node, Slot, key_of};
use crate::error::{Error, Result};
use std::borrow::Cow;

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
            Self::Insert(slot) | Self::Replace(slot) => key_of(slot),
            Self::Remove(key) => *key,
        }
    }
}

/// How many slots a node may hold; smaller in tests, to force splits and merges.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// At least two.
    pub(crate) leaf_slots_max: usize,
    /// At least two.
    pub(crate) inner_slots_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            leaf_slots_max: NODE_SLOTS_MAX,
            inner_slots_max: NODE_SLOTS_MAX,
        }
    }
}

impl Limits {
    fn at(self, level: u8) -> usize {
        match level {
            0 => self.leaf_slots_max,
            _ => self.inner_slots_max,
        }
    }
}

/// A child while its parent is being changed.
#[derive(Debug, Clone, Copy)]
struct Part {
    fence: Key,
    /// Entries below this child alone.
    count: u64,
    id: u64,
    /// How many slots its node has, known once it was written.
    slots: Option<usize>,
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
    match root.map(Node::parse).transpose()? {
        Some(root) if root.level > 0 => {
            let parts = pass.edit_children(root, edits, true)?;
            pass.finish(root.level, parts)
        }
        leaf => {
            let old = leaf.map_or(&[][..], |leaf| leaf.slots);
            let at_right_edge = appends(old, edits);
            let slots = merged(old, edits)?;
            if slots.len() <= limits.leaf_slots_max {
                return Ok(pass.root(0, &slots));
            }
            let parts = pass.write_pieces(0, None, &slots, at_right_edge)?;
            pass.finish(1, parts)
        }
    }
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
    if node.level == 0 {
        return Ok(());
    }
    for part in parts_of(node)? {
        if node.level > 1 {
            let bytes = store.node(part.id)?.to_vec();
            clear_below(
                store,
                Node::parse_child(&bytes, node.level - 1, part.count)?,
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
        node: Node<'_>,
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
        edited: &mut Vec<Part>,
    ) -> Result<()> {
        let bytes = self.store.node(part.id)?.to_vec();
        let child = Node::parse_child(&bytes, level, part.count)?;
        let (slots, at_right_edge) = if level == 0 {
            let appended = rightmost && appends(child.slots, edits);
            (merged(child.slots, edits)?, appended)
        } else {
            (
                packed(&self.edit_children(child, edits, rightmost)?),
                rightmost,
            )
        };
        if slots.is_empty() {
            return self.store.remove(part.id);
        }
        // A key below the first child's fence lands in it: the fence is lowered, never the key
        // rejected.
        let lowest = edits.first().map_or(part.fence, Edit::key);
        let fence = part.fence.min(lowest);
        let id = self.id_for_change(level, part.id)?;
        edited.extend(self.write_pieces(level, Some((id, fence)), &slots, at_right_edge)?);
        Ok(())
    }

    /// The id under which a node goes on that changes: a leaf's own, and a new one for an inner
    /// node, whose id stands for one content for ever, so that readers may keep it in memory.
    fn id_for_change(&mut self, level: u8, id: u64) -> Result<u64> {
        if level == 0 {
            return Ok(id);
        }
        self.store.remove(id)?;
        Ok(self.store.allocate())
    }

    /// Writes `slots` as one node or as many as they need; the first takes over an id and a fence.
    fn write_pieces(
        &mut self,
        level: u8,
        mut first: Option<(u64, Key)>,
        slots: &[Slot],
        at_right_edge: bool,
    ) -> Result<Vec<Part>> {
        let mut parts = Vec::new();
        let mut rest = slots;
        let mut before = 0;
        for size in piece_sizes(slots.len(), self.limits.at(level), at_right_edge) {
            let (piece, later) = rest.split_at(size);
            rest = later;
            let piece = counted_from(level, piece, before);
            before += Node {
                level,
                slots: &piece,
            }
            .count();
            let lowest = piece.first().map_or(Key::new(0, 0), key_of);
            let (id, fence) = match first.take() {
                Some((id, fence)) => (id, fence),
                None => (self.store.allocate(), lowest),
            };
            parts.push(self.write_node(level, id, fence, &piece)?);
        }
        Ok(parts)
    }

    fn write_node(&mut self, level: u8, id: u64, fence: Key, slots: &[Slot]) -> Result<Part> {
        node::write(level, slots, &mut self.buffer);
        self.store.put(id, &self.buffer)?;
        Ok(Part {
            fence,
            count: Node { level, slots }.count(),
            id,
            slots: Some(slots.len()),
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
            let joined = match right_is_last {
                true => None,
                false => self.joined(level, left, right)?,
            };
            match joined {
                Some(slots) => {
                    self.store.remove(right.id)?;
                    let id = self.id_for_change(level, left.id)?;
                    let part = self.write_node(level, id, left.fence, &slots)?;
                    parts.splice(index..index + 2, [part]);
                }
                None => index += 1,
            }
        }
        Ok(())
    }

    /// The slots of two neighbours together, if one has just become small and both fit in a node
    /// with room to spare.
    fn joined(&mut self, level: u8, left: Part, right: Part) -> Result<Option<Vec<Slot>>> {
        let max = self.limits.at(level);
        let is_small = |part: Part| part.slots.is_some_and(|slots| slots <= max * 3 / 10);
        if !is_small(left) && !is_small(right) {
            return Ok(None);
        }
        let left_bytes = self.store.node(left.id)?.to_vec();
        let right_bytes = self.store.node(right.id)?;
        let left = Node::parse_child(&left_bytes, level, left.count)?;
        let right = Node::parse_child(&right_bytes, level, right.count)?;
        if left.slots.len() + right.slots.len() > max * 6 / 10 {
            return Ok(None);
        }
        if level == 0 {
            return Ok(Some([left.slots, right.slots].concat()));
        }
        let mut parts = parts_of(left)?;
        parts.extend(parts_of(right)?);
        Ok(Some(packed(&parts)))
    }

    /// The root over `parts`, children of a node at `level`: with inner nodes between where they
    /// are too many, and lowered where there is just one.
    fn finish(&mut self, mut level: u8, mut parts: Vec<Part>) -> Result<Option<Vec<u8>>> {
        while parts.len() > self.limits.inner_slots_max {
            parts = self.write_pieces(level, None, &packed(&parts), true)?;
            level += 1;
        }
        while let [only] = parts.as_slice() {
            let bytes = self.store.node(only.id)?.to_vec();
            self.store.remove(only.id)?;
            level -= 1;
            let node = Node::parse_child(&bytes, level, only.count)?;
            if level == 0 {
                return Ok(Some(bytes));
            }
            parts = parts_of(node)?;
        }
        Ok(self.root(level, &packed(&parts)))
    }

    fn root(&mut self, level: u8, slots: &[Slot]) -> Option<Vec<u8>> {
        if slots.is_empty() {
            return None;
        }
        node::write(level, slots, &mut self.buffer);
        Some(std::mem::take(&mut self.buffer))
    }
}

/// An inner node's children, each with its own count.
fn parts_of(node: Node<'_>) -> Result<Vec<Part>> {
    let mut before = 0;
    node.slots
        .iter()
        .map(|slot| {
            let child = Child::unpack(slot);
            let count = child.count_through.checked_sub(before);
            before = child.count_through;
            Ok(Part {
                fence: child.fence,
                count: count.ok_or_else(node::miscounted)?,
                id: child.id,
                slots: None,
            })
        })
        .collect()
}

/// The slots of an inner node with these children.
fn packed(parts: &[Part]) -> Vec<Slot> {
    let mut count_through = 0;
    parts
        .iter()
        .map(|part| {
            count_through += part.count;
            Child {
                fence: part.fence,
                count_through,
                id: part.id,
            }
            .pack()
        })
        .collect()
}

/// The slots of a node cut from a longer row of slots, `before` entries into it: an inner node's
/// counts start anew.
fn counted_from(level: u8, slots: &[Slot], before: u64) -> Cow<'_, [Slot]> {
    if level == 0 || before == 0 {
        return Cow::Borrowed(slots);
    }
    let recounted = slots.iter().map(|slot| {
        let mut child = Child::unpack(slot);
        child.count_through -= before;
        child.pack()
    });
    Cow::Owned(recounted.collect())
}

/// Whether the edits add behind the last entry.
fn appends(old: &[Slot], edits: &[Edit]) -> bool {
    match (old.last(), edits.last()) {
        (Some(old), Some(edit)) => key_of(old) < edit.key(),
        (None, _) => true,
        (_, None) => false,
    }
}

/// The entries of a leaf after `edits`.
fn merged(old: &[Slot], edits: &[Edit]) -> Result<Vec<Slot>> {
    let mut slots = Vec::with_capacity(old.len() + edits.len());
    let mut rest = old;
    for edit in edits {
        let key = edit.key();
        let kept;
        (kept, rest) = rest.split_at(rest.partition_point(|slot| key_of(slot) < key));
        slots.extend_from_slice(kept);
        let same = rest.first().is_some_and(|slot| key_of(slot) == key);
        match (edit, same) {
            (Edit::Insert(slot), false) => slots.push(*slot),
            (Edit::Replace(slot), true) => slots.push(*slot),
            (Edit::Remove(_), true) => {}
            (_, true) => return Err(Error::corrupted("a new entry is there already")),
            (_, false) => return Err(Error::corrupted("an entry to change is missing")),
        }
        rest = rest.get(usize::from(same)..).unwrap_or_default();
    }
    slots.extend_from_slice(rest);
    Ok(slots)
}

/// How to cut `slots` into nodes of at most `max`.
///
/// At the right edge all but the last piece keep 5 % free for late arrivals, and the last takes
/// what remains and fills up; elsewhere the pieces are even.
fn piece_sizes(slots: usize, max: usize, at_right_edge: bool) -> Vec<usize> {
    if slots <= max {
        return vec![slots];
    }
    let mut sizes = Vec::new();
    let mut left = slots;
    if at_right_edge {
        let filled = (max * 95 / 100).max(2);
        while left > max {
            sizes.push(filled);
            left -= filled;
        }
        sizes.push(left);
        return sizes;
    }
    let pieces = slots.div_ceil(max);
    for piece in 0..pieces {
        let size = left.div_ceil(pieces - piece);
        sizes.push(size);
        left -= size;
    }
    sizes
}
