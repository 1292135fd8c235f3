//! What is left of an index that is damaged.

use super::NodeReader;
use super::node::Node;
use super::read::child_node;
use super::slot::Slot;
use crate::error::{Error, Result};

/// The entries of a node by itself, wherever it belongs; none if it is an inner one.
///
/// # Errors
///
/// `Corrupted` if these are not a node's bytes.
pub(crate) fn slots_of(node: &[u8]) -> Result<Vec<Slot>> {
    match Node::parse(node)? {
        Node::Leaf(leaf) => Ok(leaf.to_slots()),
        Node::Inner(_) => Ok(Vec::new()),
    }
}

/// Visits the entries of every leaf that can be read, in order, and what keeps others from being read.
///
/// # Errors
///
/// Those of `visit`.
pub(crate) fn visit_remains(
    store: &impl NodeReader,
    root: &[u8],
    visit: &mut impl FnMut(Result<Vec<Slot>>) -> Result<()>,
) -> Result<()> {
    match Node::parse(root) {
        Ok(node) => visit_below(store, node, visit),
        Err(error) => visit(Err(error)),
    }
}

fn visit_below(
    store: &impl NodeReader,
    node: Node<'_>,
    visit: &mut impl FnMut(Result<Vec<Slot>>) -> Result<()>,
) -> Result<()> {
    let inner = match node {
        Node::Leaf(leaf) => return visit(Ok(leaf.to_slots())),
        Node::Inner(inner) => inner,
    };
    for index in 0..inner.len() {
        let mut damage: Option<Error> = None;
        match inner.child(index) {
            Err(error) => damage = Some(error),
            Ok((child, before)) => match store.node(child.id) {
                Err(error) => damage = Some(error),
                Ok(bytes) => match child_node(&bytes, inner, child, before) {
                    Err(error) => damage = Some(error),
                    Ok(below) => visit_below(store, below, visit)?,
                },
            },
        }
        if let Some(error) = damage {
            visit(Err(error))?;
        }
    }
    Ok(())
}
