//! A counted tree in memory that is a value: a clone stays as it is, whatever becomes of the
//! original, and changing one copies only those nodes on the way that a clone still holds.
//!
//! A B+-tree whose inner nodes carry cumulative sums of what is below them, like the index in
//! [`counted`](crate::counted), but of any key and value, joined by pointers, and with a weight
//! beside the count. (Path copying: Driscoll, Sarnak, Sleator and Tarjan, "Making data structures
//! persistent", 1989.)

mod edit;

use crate::error::Result;
use edit::{edit, pieces};
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

impl std::ops::Add for Sums {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            count: self.count + other.count,
            weight: self.weight + other.weight,
        }
    }
}

impl std::ops::Sub for Sums {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            count: self.count - other.count,
            weight: self.weight - other.weight,
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
            root: Arc::default(),
        }
    }
}

impl<K, V> Default for Node<K, V> {
    fn default() -> Self {
        Self::Leaf(Vec::new())
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

    /// Applies edits in ascending order of their keys: `change` makes of a value and an edit of its
    /// key what is there then, or nothing. Those of one key follow on one another.
    ///
    /// # Errors
    ///
    /// Those of `change`; the tree then holds an unknown part of it all.
    pub(super) fn edit<E>(
        &mut self,
        edits: &[(K, E)],
        change: &impl Fn(Option<&V>, &E) -> Result<Option<V>>,
    ) -> Result<()> {
        debug_assert!(edits.is_sorted_by_key(|(key, _)| *key));
        let mut nodes = edit(&mut self.root, edits, change)?;
        while !nodes.is_empty() {
            nodes.insert(0, std::mem::take(&mut self.root));
            let mut above =
                pieces(nodes).map(|piece| Arc::new(Node::Inner(with_sums(Sums::default(), piece))));
            self.root = above.next().unwrap_or_default();
            nodes = above.collect();
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

/// Children over nodes that are not empty, with their sums, `before` of them before the first.
fn with_sums<K: Ord + Copy, V: Weigh + Clone>(
    before: Sums,
    nodes: Vec<Arc<Node<K, V>>>,
) -> Vec<Child<K, V>> {
    let mut through = before;
    let children = nodes.into_iter().filter_map(|node| {
        through = through + node.sums();
        Some(Child {
            fence: node.first()?,
            through,
            node,
        })
    });
    children.collect()
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

    fn check_width(node: &Node<u16, i64>) {
        let width = match node {
            Node::Leaf(entries) => entries.len(),
            Node::Inner(children) => {
                children.iter().for_each(|child| check_width(&child.node));
                children.len()
            }
        };
        assert!(width <= NODE_MAX);
    }

    fn check(tree: &Tree<u16, i64>, model: &BTreeMap<u16, i64>) {
        check_width(&tree.root);
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

    /// Applies steps in runs of so many, and checks every state after each.
    fn run(steps: &[(u16, Option<i64>)], at_once: usize) {
        let mut tree = Tree::default();
        let mut model = BTreeMap::new();
        let mut kept = Vec::new();
        for steps in steps.chunks(at_once) {
            kept.push((tree.clone(), model.clone()));
            assert!(!matches!(&*tree.root, Node::Inner(children) if children.is_empty()));
            let mut sorted = steps.to_vec();
            sorted.sort_by_key(|(key, _)| *key);
            tree.edit(&sorted, &|_, after| Ok(*after)).unwrap();
            for (key, after) in steps {
                match after {
                    Some(value) => drop(model.insert(*key, *value)),
                    None => drop(model.remove(key)),
                }
            }
        }
        kept.push((tree, model));
        let some = kept.iter().rev().step_by(kept.len().div_ceil(40));
        some.for_each(|(tree, model)| check(tree, model));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn it_is_a_map_with_sums_and_every_clone_stays(
            steps in proptest::collection::vec((0..500_u16, proptest::option::weighted(0.7, -1..=1_i64)), 0..2_000),
            at_once in prop_oneof![1..10_usize, 1..1_000_usize],
        ) {
            run(&steps, at_once);
        }
    }

    #[test]
    fn it_grows_to_several_levels_and_empties_and_grows_again() {
        let up = (0..5_000).map(|key| (key, Some(1)));
        let down = (0..5_000).rev().map(|key| (key, None));
        let steps: Vec<_> = up.clone().chain(down).chain(up).collect();
        for at_once in [1, 32, 33, 5_000] {
            run(&steps, at_once);
        }
    }

    #[test]
    fn a_change_sees_what_the_one_before_has_made_of_the_same_key() {
        let mut tree: Tree<u16, i64> = Tree::default();
        let count = |known: Option<&i64>, more: &i64| Ok(Some(known.map_or(0, |n| *n) + more));
        tree.edit(&[(1, 1), (1, 1), (2, 5)], &count).unwrap();
        tree.edit(&[(1, 1), (2, 1)], &count).unwrap();
        assert_eq!((tree.get(&1), tree.get(&2)), (Some(&3), Some(&6)));
    }

    #[test]
    fn a_change_that_is_refused_leaves_clones_as_they_were() {
        let mut tree: Tree<u16, i64> = Tree::default();
        let all: Vec<(u16, i64)> = (0..1_000).map(|key| (key, 1)).collect();
        tree.edit(&all, &|_, value| Ok(Some(*value))).unwrap();
        let kept = tree.clone();
        let refused = |_: Option<&i64>, value: &i64| match value {
            0 => Err(crate::error::Error::corrupted("no")),
            _ => Ok(None),
        };
        assert!(tree.edit(&[(1, 1), (999, 0)], &refused).is_err());
        check(&kept, &all.into_iter().collect());
    }
}
