//! An index checked as a whole: what reading one path takes for granted.

use super::NodeReader;
use super::leaf::Leaf;
use super::node::{Node, miscounted};
use super::read::child_node;
use super::slot::{Key, Slot};
use crate::error::{Error, Result};

/// A part of an index.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    /// A node below the root.
    Node(u64),
    Entry(Slot),
}

/// Visits every part of the index with this root: a node before what is below it, entries in order.
///
/// # Errors
///
/// `Corrupted` if counts, levels, fences or the order of entries are not what they must be for each
/// entry to be found by its key and its position; what `visit` fails with.
pub(crate) fn check<S: NodeReader>(
    store: &S,
    root: Option<&[u8]>,
    visit: &mut impl FnMut(Part) -> Result<()>,
) -> Result<()> {
    let walk = &mut Walk {
        store,
        visit,
        last: None,
    };
    match root.map(Node::parse).transpose()? {
        Some(root) => walk.node(root, Key::LEAST),
        None => Ok(()),
    }
}

struct Walk<'w, S, V> {
    store: &'w S,
    visit: &'w mut V,
    /// The key of the last entry so far.
    last: Option<Key>,
}

impl<S: NodeReader, V: FnMut(Part) -> Result<()>> Walk<'_, S, V> {
    /// Checks a node none of whose entries may come before `fence`.
    fn node(&mut self, node: Node<'_>, fence: Key) -> Result<()> {
        let inner = match node {
            Node::Leaf(leaf) => return self.leaf(leaf, fence),
            Node::Inner(inner) => inner,
        };
        for index in 0..inner.len() {
            let (child, before) = inner.child(index)?;
            // The first child also has what comes before its fence in an index that has shrunk.
            if index > 0 && self.last.is_none_or(|last| last >= child.fence) {
                return Err(out_of_order(child.fence));
            }
            (self.visit)(Part::Node(child.id))?;
            let bytes = self.store.node(child.id)?;
            self.node(
                child_node(&bytes, inner, child, before)?,
                fence.max(child.fence),
            )?;
        }
        Ok(())
    }

    fn leaf(&mut self, leaf: Leaf<'_>, fence: Key) -> Result<()> {
        for slot in leaf.slots(0..leaf.len()).ok_or_else(miscounted)? {
            if slot.key < fence || self.last.is_some_and(|last| last >= slot.key) {
                return Err(out_of_order(slot.key));
            }
            self.last = Some(slot.key);
            (self.visit)(Part::Entry(slot))?;
        }
        Ok(())
    }
}

#[cold]
fn out_of_order(key: Key) -> Error {
    Error::corrupted(format!(
        "an index is out of order at {:016x}, {:032x}",
        key.major(),
        key.minor()
    ))
}
