//! Applying edits: one pass that makes each touched node anew once.

use super::{Child, NODE_MAX, Node, Sums, Weigh, last_at_most, through, with_sums};
use crate::error::Result;
use std::sync::Arc;

/// Applies edits below `node`, and answers what has to stand behind it if it had to be split.
///
/// Nodes that become small stay small, and those that become empty go: a tree lives only until it
/// is merged.
pub(super) fn edit<K: Ord + Copy, V: Weigh + Clone, E>(
    node: &mut Arc<Node<K, V>>,
    edits: &[(K, E)],
    change: &impl Fn(Option<&V>, &E) -> Result<Option<V>>,
) -> Result<Vec<Arc<Node<K, V>>>> {
    if let Node::Leaf(entries) = &**node {
        let mut leaves = pieces(merged(entries, edits, change)?).map(Node::Leaf);
        *node = Arc::new(leaves.next().unwrap_or_default());
        return Ok(leaves.map(Arc::new).collect());
    }
    let Node::Inner(children) = Arc::make_mut(node) else {
        return Ok(Vec::new());
    };
    edit_children(children, edits, change)?;
    if children.is_empty() {
        *node = Arc::default();
        return Ok(Vec::new());
    }
    if children.len() <= NODE_MAX {
        return Ok(Vec::new());
    }
    let nodes = std::mem::take(children).into_iter();
    let nodes: Vec<_> = nodes.map(|child| child.node).collect();
    let mut split = pieces(nodes).map(|piece| Node::Inner(with_sums(Sums::default(), piece)));
    *node = Arc::new(split.next().unwrap_or_default());
    Ok(split.map(Arc::new).collect())
}

/// Edits the children one after the other, from the last on: so those before are as they were.
fn edit_children<K: Ord + Copy, V: Weigh + Clone, E>(
    children: &mut Vec<Child<K, V>>,
    edits: &[(K, E)],
    change: &impl Fn(Option<&V>, &E) -> Result<Option<V>>,
) -> Result<()> {
    let mut rest = edits;
    while let Some((last, _)) = rest.last() {
        let at = last_at_most(children, last);
        let first = match children.get(at) {
            Some(child) if at > 0 => rest.partition_point(|(key, _)| *key < child.fence),
            _ => 0,
        };
        let mine;
        (rest, mine) = rest.split_at(first);
        edit_child(children, at, mine, change)?;
    }
    Ok(())
}

/// Edits one child, and moves the sums of those behind it.
fn edit_child<K: Ord + Copy, V: Weigh + Clone, E>(
    children: &mut Vec<Child<K, V>>,
    at: usize,
    edits: &[(K, E)],
    change: &impl Fn(Option<&V>, &E) -> Result<Option<V>>,
) -> Result<()> {
    let before = through(children, at.checked_sub(1));
    let Some(child) = children.get_mut(at) else {
        return Ok(());
    };
    let was = child.through;
    let siblings = edit(&mut child.node, edits, change)?;
    let (now, behind) = match child.node.first() {
        None => {
            children.remove(at);
            (before, at)
        }
        Some(fence) => {
            child.fence = fence;
            child.through = before + child.node.sums();
            (child.through, at + 1)
        }
    };
    let (now, behind) = match siblings.is_empty() {
        true => (now, behind),
        false => {
            let siblings = with_sums(now, siblings);
            let end = through(&siblings, siblings.len().checked_sub(1));
            let count = siblings.len();
            children.splice(behind..behind, siblings);
            (end, behind + count)
        }
    };
    for child in children.iter_mut().skip(behind) {
        child.through = child.through - was + now;
    }
    Ok(())
}

/// The entries of a leaf after `edits`.
fn merged<K: Ord + Copy, V: Clone, E>(
    old: &[(K, V)],
    edits: &[(K, E)],
    change: &impl Fn(Option<&V>, &E) -> Result<Option<V>>,
) -> Result<Vec<(K, V)>> {
    let mut entries = Vec::with_capacity(old.len() + edits.len());
    let mut rest = old;
    for edits in edits.chunk_by(|(one, _), (other, _)| one == other) {
        let Some((key, _)) = edits.first() else {
            continue;
        };
        let (before, behind) = rest.split_at(rest.partition_point(|(other, _)| other < key));
        entries.extend_from_slice(before);
        let known = behind.first().filter(|(other, _)| other == key);
        rest = behind
            .get(usize::from(known.is_some())..)
            .unwrap_or_default();
        let mut value = known.map(|(_, value)| value.clone());
        for (_, edit) in edits {
            value = change(value.as_ref(), edit)?;
        }
        entries.extend(value.map(|value| (*key, value)));
    }
    entries.extend_from_slice(rest);
    Ok(entries)
}

/// What fits into one node, or even parts of what does not.
pub(super) fn pieces<T>(slots: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    let (one, many) = match slots.len() <= NODE_MAX {
        true => (Some(slots), Vec::new()),
        false => (None, slots),
    };
    let mut left = many.len().div_ceil(NODE_MAX);
    let mut many = many.into_iter();
    let parts = std::iter::from_fn(move || {
        let size = many.len().div_ceil(left.max(1));
        left = left.checked_sub(1)?;
        Some(many.by_ref().take(size).collect())
    });
    one.into_iter().chain(parts)
}
