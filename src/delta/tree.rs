//! A counted tree in memory that is a value: a clone stays as it is, whatever becomes of the
//! original, and changing one copies only those nodes on the way that a clone still holds.
//!
//! A B+-tree whose inner nodes carry cumulative sums of what is below them, like the index in
//! [`counted`](crate::counted), but of any key and value, joined by pointers, and with a weight
//! beside the count. (Path copying: Driscoll, Sarnak, Sleator and Tarjan, "Making data structures
//! persistent", 1989.)

use crate::error::Result;
use std::sync::Arc;

/// The most entries or children of a node. Small, as a change copies whole nodes.
const NODE_MAX: usize = 32;

/// What an entry adds to the length of the sequence that a tree stands for.
pub(super) trait Weigh {
    fn weight(&self) -> i64;
}

/// How many entries there are in a part of a tree, and what they weigh together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sums {
    pub(crate) count: u64,
    pub(crate) weight: i64,
}

impl Sums {
    /// The sums after those of a part of it have changed.
    fn moved(self, was: Self, is: Self) -> Self {
        Self {
            count: self.count - was.count + is.count,
            weight: self.weight - was.weight + is.weight,
        }
    }
}

impl std::ops::Add for Sums {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            weight: self.weight + other.weight,
        }
    }
}

#[derive(Clone)]
enum Node<K, V> {
    Leaf(Vec<(K, V)>),
    /// At least one child.
    Inner(Vec<Child<K, V>>),
}

#[derive(Clone)]
struct Child<K, V> {
    /// No key below is less.
    fence: K,
    /// Of this child and all before it.
    through: Sums,
    node: Arc<Node<K, V>>,
}

/// A map in key order that knows its sums up to any key.
#[derive(Clone)]
pub(super) struct Tree<K, V> {
    root: Arc<Node<K, V>>,
}

impl<K, V> Default for Tree<K, V> {
    fn default() -> Self {
        Self {
            root: Arc::new(Node::Leaf(Vec::new())),
        }
    }
}

impl<K: Ord + Copy, V: Weigh + Clone> Tree<K, V> {
    /// The sums of all entries.
    pub(super) fn total(&self) -> Sums {
        self.root.sums()
    }

    /// The sums of the entries with a key less than `key`.
    pub(super) fn before(&self, key: &K) -> Sums {
        let mut node = &*self.root;
        let mut sums = Sums::default();
        loop {
            match node {
                Node::Leaf(entries) => {
                    let before = entries.partition_point(|(other, _)| other < key);
                    return sums + sum(entries.iter().take(before));
                }
                Node::Inner(children) => {
                    let at = last_at_most(children, key);
                    sums = sums + through(children, at.checked_sub(1));
                    match children.get(at) {
                        Some(child) => node = &child.node,
                        None => return sums,
                    }
                }
            }
        }
    }

    /// The value of `key`.
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        let mut node = &*self.root;
        loop {
            match node {
                Node::Leaf(entries) => {
                    let at = entries.binary_search_by(|(other, _)| other.cmp(key));
                    return at
                        .ok()
                        .and_then(|at| entries.get(at))
                        .map(|(_, value)| value);
                }
                Node::Inner(children) => node = &children.get(last_at_most(children, key))?.node,
            }
        }
    }

    /// Puts what `change` makes of the value of `key` in its place; nothing, and nothing is left.
    ///
    /// # Errors
    ///
    /// Those of `change`; the tree is then as it was.
    pub(super) fn update(
        &mut self,
        key: K,
        change: impl FnOnce(Option<&V>) -> Result<Option<V>>,
    ) -> Result<()> {
        let after = change(self.get(&key))?;
        if let Some(sibling) = update(Arc::make_mut(&mut self.root), key, after) {
            let children = [Arc::clone(&self.root), Arc::new(sibling)];
            self.root = Arc::new(Node::Inner(with_sums(
                children
                    .into_iter()
                    .filter_map(|node| Some((node.first()?, node))),
            )));
        }
        Ok(())
    }

    /// The entries from the one at `index` on.
    pub(super) fn iter_from(&self, index: u64) -> Iter<'_, K, V> {
        let mut iter = Iter {
            inner: Vec::new(),
            leaf: [].iter(),
        };
        iter.descend(&self.root, index);
        iter
    }
}

impl<K: Ord + Copy, V: Weigh + Clone> Node<K, V> {
    fn sums(&self) -> Sums {
        match self {
            Self::Leaf(entries) => sum(entries.iter()),
            Self::Inner(children) => through(children, children.len().checked_sub(1)),
        }
    }

    fn first(&self) -> Option<K> {
        match self {
            Self::Leaf(entries) => entries.first().map(|(key, _)| *key),
            Self::Inner(children) => children.first().map(|child| child.fence),
        }
    }
}

fn sum<'a, K: 'a, V: Weigh + 'a>(entries: impl Iterator<Item = &'a (K, V)>) -> Sums {
    entries.fold(Sums::default(), |sums, (_, value)| Sums {
        count: sums.count + 1,
        weight: sums.weight + value.weight(),
    })
}

fn through<K, V>(children: &[Child<K, V>], at: Option<usize>) -> Sums {
    let child = at.and_then(|at| children.get(at));
    child.map_or(Sums::default(), |child| child.through)
}

/// The child that has `key` if any has: the first for keys less than every fence.
fn last_at_most<K: Ord, V>(children: &[Child<K, V>], key: &K) -> usize {
    let after = children.partition_point(|child| child.fence <= *key);
    after.saturating_sub(1)
}

/// Children over nodes, with their sums.
fn with_sums<K: Ord + Copy, V: Weigh + Clone>(
    nodes: impl Iterator<Item = (K, Arc<Node<K, V>>)>,
) -> Vec<Child<K, V>> {
    let mut through = Sums::default();
    nodes
        .map(|(fence, node)| {
            through = through + node.sums();
            Child {
                fence,
                through,
                node,
            }
        })
        .collect()
}

/// Changes one entry below `node`, and answers the right half of the node if it had to be split.
fn update<K: Ord + Copy, V: Weigh + Clone>(
    node: &mut Node<K, V>,
    key: K,
    after: Option<V>,
) -> Option<Node<K, V>> {
    match node {
        Node::Leaf(entries) => {
            match (
                entries.binary_search_by(|(other, _)| other.cmp(&key)),
                after,
            ) {
                (Ok(at), Some(value)) => entries.splice(at..=at, [(key, value)]).for_each(drop),
                (Ok(at), None) => drop(entries.remove(at)),
                (Err(at), Some(value)) => entries.insert(at, (key, value)),
                (Err(_), None) => {}
            }
            split(entries).map(Node::Leaf)
        }
        Node::Inner(children) => {
            update_below(children, key, after);
            split(children).map(|right| Node::Inner(recounted(right)))
        }
    }
}

/// Nodes that become small stay small, and one that becomes empty goes: a tree lives only until it
/// is merged.
fn update_below<K: Ord + Copy, V: Weigh + Clone>(
    children: &mut Vec<Child<K, V>>,
    key: K,
    after: Option<V>,
) {
    let at = last_at_most(children, &key);
    let before = through(children, at.checked_sub(1));
    let Some(child) = children.get_mut(at) else {
        return;
    };
    let sibling = update(Arc::make_mut(&mut child.node), key, after);
    child.fence = child.fence.min(key);
    let was = std::mem::replace(&mut child.through, before + child.node.sums());
    let mut is = child.through;
    let mut changed = at + 1;
    if let Some(node) = sibling.map(Arc::new)
        && let Some(fence) = node.first()
    {
        is = is + node.sums();
        let through = is;
        children.insert(
            changed,
            Child {
                fence,
                through,
                node,
            },
        );
        changed += 1;
    } else if is == before && children.len() > 1 {
        children.remove(at);
        changed = at;
    }
    for child in children.iter_mut().skip(changed) {
        child.through = child.through.moved(was, is);
    }
}

fn recounted<K: Ord + Copy, V: Weigh + Clone>(children: Vec<Child<K, V>>) -> Vec<Child<K, V>> {
    with_sums(children.into_iter().map(|child| (child.fence, child.node)))
}

/// The right half of what is too much for one node.
fn split<T>(slots: &mut Vec<T>) -> Option<Vec<T>> {
    (slots.len() > NODE_MAX).then(|| slots.split_off(slots.len() / 2))
}

/// Entries in key order.
pub(super) struct Iter<'t, K, V> {
    /// What is left of each inner node on the way down.
    inner: Vec<std::slice::Iter<'t, Child<K, V>>>,
    leaf: std::slice::Iter<'t, (K, V)>,
}

impl<'t, K: Ord + Copy, V: Weigh + Clone> Iter<'t, K, V> {
    /// Goes down to the entry at `index` below `node`.
    fn descend(&mut self, node: &'t Node<K, V>, mut index: u64) {
        let mut node = node;
        loop {
            match node {
                Node::Leaf(entries) => {
                    let index = usize::try_from(index).unwrap_or(usize::MAX);
                    self.leaf = entries.get(index..).unwrap_or_default().iter();
                    return;
                }
                Node::Inner(children) => {
                    let at = children.partition_point(|child| child.through.count <= index);
                    index -= through(children, at.checked_sub(1)).count.min(index);
                    let mut rest = children.get(at..).unwrap_or_default().iter();
                    let Some(child) = rest.next() else { return };
                    self.inner.push(rest);
                    node = &child.node;
                }
            }
        }
    }
}

impl<'t, K: Ord + Copy, V: Weigh + Clone> Iterator for Iter<'t, K, V> {
    type Item = (&'t K, &'t V);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some((key, value)) = self.leaf.next() {
                return Some((key, value));
            }
            let child = loop {
                match self.inner.last_mut()?.next() {
                    Some(child) => break child,
                    None => drop(self.inner.pop()),
                }
            };
            self.descend(&child.node, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    impl Weigh for i64 {
        fn weight(&self) -> i64 {
            *self
        }
    }

    fn check(tree: &Tree<u16, i64>, model: &BTreeMap<u16, i64>) {
        let entries: Vec<(u16, i64)> = tree.iter_from(0).map(|(k, v)| (*k, *v)).collect();
        assert!(
            entries
                .iter()
                .copied()
                .eq(model.iter().map(|(k, v)| (*k, *v)))
        );
        for (index, (key, value)) in entries.iter().enumerate() {
            assert_eq!(tree.get(key), Some(value));
            let before = Sums {
                count: index as u64,
                weight: entries[..index].iter().map(|(_, value)| value).sum(),
            };
            assert_eq!(tree.before(key), before);
            let next = tree.iter_from(index as u64).next();
            assert_eq!(next, Some((key, value)));
        }
        assert_eq!(tree.total(), tree.before(&u16::MAX));
        assert!(tree.iter_from(entries.len() as u64).next().is_none());
    }

    fn run(steps: Vec<(u16, Option<i64>)>) {
        let mut tree = Tree::default();
        let mut model = BTreeMap::new();
        let mut kept = Vec::new();
        for (number, (key, after)) in steps.into_iter().enumerate() {
            if number % 50 == 0 {
                kept.push((tree.clone(), model.clone()));
            }
            tree.update(key, |before| {
                assert_eq!(before, model.get(&key));
                Ok(after)
            })
            .unwrap();
            match after {
                Some(value) => drop(model.insert(key, value)),
                None => drop(model.remove(&key)),
            }
        }
        kept.push((tree, model));
        kept.iter().for_each(|(tree, model)| check(tree, model));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn it_is_a_map_with_sums_and_every_clone_stays(
            steps in proptest::collection::vec((0..500_u16, proptest::option::weighted(0.7, -1..=1_i64)), 0..2_000)
        ) {
            run(steps);
        }
    }

    #[test]
    fn it_grows_to_several_levels_and_empties_again() {
        let up = (0..5_000).map(|key| (key, Some(1)));
        let down = (0..5_000).rev().map(|key| (key, None));
        run(up.chain(down).collect());
    }

    #[test]
    fn a_change_that_is_refused_changes_nothing() {
        let mut tree: Tree<u16, i64> = Tree::default();
        tree.update(1, |_| Ok(Some(1))).unwrap();
        let refused = tree.update(1, |_| Err(crate::error::Error::corrupted("no")));
        assert!(refused.is_err());
        assert_eq!(tree.get(&1), Some(&1));
    }
}
