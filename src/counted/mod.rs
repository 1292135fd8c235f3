//! The counted index: an ordered set of fixed-size entries that answers "how many before this key"
//! (rank) and "which ones from position n" (select) in O(log n).
//!
//! It is a B+-tree whose inner nodes carry cumulative counts of the entries below them, known as a
//! counted B+-tree or rank index. Every node is one row of a node store; the root travels
//! separately, so that a small set is a single row. The index knows keys and entries and nothing of
//! what they mean.

mod check;
mod edit;
mod leaf;
mod node;
mod read;
mod remains;
mod slot;
#[cfg(test)]
mod tests;
mod tree;

pub(crate) use check::{Part, check};
pub(crate) use edit::{Edit, Limits};
pub(crate) use leaf::leaf_of;
pub(crate) use node::{CHILDREN_MAX, NODE_BYTES_MAX, is_inner};
pub(crate) use read::Tree;
pub(crate) use remains::{slots_of, visit_remains};
pub(crate) use slot::{Key, Rest, SLOT_BYTES, Slot};
pub(crate) use tree::{apply, clear};

use crate::error::Result;
use std::ops::Deref;

/// Reads nodes by id.
pub(crate) trait NodeReader {
    /// A node's bytes, borrowed or copied.
    type Bytes<'a>: Deref<Target = [u8]>
    where
        Self: 'a;

    /// The bytes of the node `id`, exactly as they were put. An inner node's id never gets other
    /// bytes than its first.
    ///
    /// # Errors
    ///
    /// `Corrupted` if there is no such node or its bytes are not those that were put.
    fn node(&self, id: u64) -> Result<Self::Bytes<'_>>;
}

/// Changes nodes by id.
pub(crate) trait NodeWriter: NodeReader {
    /// An id that no node has or had.
    fn allocate(&mut self) -> u64;

    /// Makes `bytes` the node `id`.
    fn put(&mut self, id: u64, bytes: &[u8]) -> Result<()>;

    /// Removes the node `id`.
    fn remove(&mut self, id: u64) -> Result<()>;
}
