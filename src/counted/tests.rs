//! The index against a sorted `Vec`, over a node store in memory, with small nodes.

use super::node::{Child, Inner, Node};
use super::*;
use crate::error::{Error, ErrorKind};
use proptest::prelude::*;
use std::collections::{BTreeMap, HashMap};

mod shape;
mod whole;

#[derive(Debug, Default)]
struct MemoryNodes {
    nodes: HashMap<u64, Vec<u8>>,
    next: u64,
    /// Every inner node that ever was.
    inner: HashMap<u64, Vec<u8>>,
}

impl NodeReader for MemoryNodes {
    type Bytes<'a> = &'a [u8];

    fn node(&self, id: u64) -> Result<&[u8]> {
        self.nodes
            .get(&id)
            .map(Vec::as_slice)
            .ok_or_else(|| Error::corrupted(format!("no node {id}")))
    }
}

impl NodeWriter for MemoryNodes {
    fn allocate(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn put(&mut self, id: u64, bytes: &[u8]) -> Result<()> {
        assert!(bytes.len() <= node::NODE_BYTES_MAX);
        if is_inner(bytes) {
            let first = self.inner.entry(id).or_insert_with(|| bytes.to_vec());
            assert_eq!(first, bytes, "an inner node changed under its id");
        }
        self.nodes.insert(id, bytes.to_vec());
        Ok(())
    }

    fn remove(&mut self, id: u64) -> Result<()> {
        assert!(self.nodes.remove(&id).is_some(), "node {id} removed twice");
        Ok(())
    }
}

const SMALL: Limits = Limits {
    leaf_slots_max: 4,
    children_max: 3,
};

fn slot(key: Key, payload: u8) -> Slot {
    let rest = Rest {
        number: key.major() + u64::from(payload),
        ids: [payload.into(), 7],
    };
    Slot { key, rest }
}

/// An index and what it should hold.
#[derive(Debug, Default)]
struct Index {
    nodes: MemoryNodes,
    root: Option<Vec<u8>>,
    model: BTreeMap<Key, Slot>,
}

impl Index {
    fn apply(&mut self, limits: Limits, edits: &[Edit]) {
        self.root = apply(&mut self.nodes, limits, self.root.as_deref(), edits).unwrap();
        for edit in edits {
            match edit {
                Edit::Insert(slot) | Edit::Replace(slot) => self.model.insert(slot.key, *slot),
                Edit::Remove(key) => self.model.remove(key),
            };
        }
    }

    fn tree(&self) -> Tree<'_, MemoryNodes> {
        Tree::new(&self.nodes, self.root.as_deref()).unwrap()
    }

    fn visited(&self, range: std::ops::Range<u64>) -> Vec<Slot> {
        let mut slots = Vec::new();
        let mut visit = |slot| {
            slots.push(slot);
            Ok(())
        };
        self.tree().visit(range, &mut visit).unwrap();
        slots
    }

    /// Every position is found where other entries stand between these, or some are left out.
    fn check_shifted(&self, model: &[Slot], shift: impl Fn(i64) -> i64) {
        let rank_of = |key: Key| model.partition_point(|slot| slot.key < key) as i64;
        let places = (0..model.len() as i64).map(|rank| (rank + shift(rank)) as u64);
        let places: Vec<u64> = places.collect();
        for position in 0..places.last().map_or(1, |last| last + 2) {
            let count = places.partition_point(|place| *place <= position) as u64;
            let shift = |key| shift(rank_of(key));
            let found = self.tree().count_at_most(position, &shift);
            assert_eq!(found.unwrap(), count);
        }
    }

    /// Every answer equals the model's, and every node keeps the rules of the structure.
    fn check(&self, limits: Limits) {
        let model: Vec<Slot> = self.model.values().copied().collect();
        let len = model.len() as u64;
        assert_eq!(self.tree().len(), len);
        assert_eq!(self.visited(0..u64::MAX), model);
        for (position, entry) in model.iter().enumerate() {
            let key = entry.key;
            assert_eq!(self.tree().rank(key).unwrap(), position as u64);
            assert_eq!(self.tree().get(key).unwrap(), Some(*entry));
            let after = key.next().unwrap();
            assert_eq!(self.tree().rank(after).unwrap(), position as u64 + 1);
            if !self.model.contains_key(&after) {
                assert_eq!(self.tree().get(after).unwrap(), None);
            }
        }
        for (start, end) in [
            (0, len / 2),
            (len / 3, len),
            (len / 2, len / 2 + 3),
            (len, len + 9),
        ] {
            let to = usize::try_from(end.min(len)).unwrap();
            let from = usize::try_from(start).unwrap().min(to);
            assert_eq!(self.visited(start..end), model[from..to]);
        }
        let passes = |[one, _]: [u32; 2]| one % 3 == 1;
        let passing = model.iter().filter(|slot| passes(slot.rest.ids)).copied();
        let found = self.tree().slots_where(&passes).unwrap();
        assert!(found.into_iter().eq(passing));
        self.check_shifted(&model, |rank| rank * 2);
        self.check_shifted(&model, |rank| -(rank / 2));
        let mut reached = 0;
        if let Some(root) = &self.root {
            self.check_node(Node::parse(root).unwrap(), limits, &mut reached);
        }
        assert_eq!(reached, self.nodes.nodes.len(), "a node is out of reach");
    }

    fn check_node(&self, node: Node<'_>, limits: Limits, reached: &mut usize) {
        let inner = match node {
            Node::Leaf(leaf) => {
                let slots = leaf.to_slots();
                assert!(slots.is_sorted_by(|a, b| a.key < b.key));
                assert!((1..=limits.leaf_slots_max).contains(&slots.len()));
                return;
            }
            Node::Inner(inner) => inner,
        };
        assert!((1..=limits.children_max).contains(&inner.len()));
        let mut before = 0;
        let children = children(inner);
        for (index, child) in children.iter().enumerate() {
            let below = Node::parse(self.nodes.node(child.id).unwrap()).unwrap();
            assert_eq!(below.level() + 1, inner.level);
            assert_eq!(below.count(), child.count_through - before);
            let (first, last) = ends(below);
            assert!(child.fence <= first);
            assert!(children.get(index + 1).is_none_or(|next| last < next.fence));
            before = child.count_through;
            *reached += 1;
            self.check_node(below, limits, reached);
        }
    }
}

fn children(inner: Inner<'_>) -> Vec<Child> {
    let children = (0..inner.len()).map(|index| inner.child(index).unwrap().0);
    children.collect()
}

/// The first and the last key or fence of a node.
fn ends(node: Node<'_>) -> (Key, Key) {
    let keys: Vec<Key> = match node {
        Node::Leaf(leaf) => leaf.to_slots().iter().map(|slot| slot.key).collect(),
        Node::Inner(inner) => children(inner).iter().map(|child| child.fence).collect(),
    };
    (keys[0], *keys.last().unwrap())
}

/// A node without its last entry or child.
fn cut(bytes: &[u8]) -> Vec<u8> {
    let mut cut = Vec::new();
    match Node::parse(bytes).unwrap() {
        Node::Leaf(leaf) => {
            let slots = leaf.to_slots();
            leaf::write(&slots[..slots.len() - 1], &mut cut);
        }
        Node::Inner(inner) => {
            let fewer = children(inner).into_iter().take(inner.len() - 1);
            node::write(inner.level, fewer, &mut cut);
        }
    }
    cut
}

impl Index {
    /// These puts and removals as edits that suit what is there, sorted, without doubles.
    fn edits(&self, wanted: Vec<(u8, bool, u8)>) -> Vec<Edit> {
        let by_key: BTreeMap<u8, (bool, u8)> =
            wanted.into_iter().map(|(k, p, v)| (k, (p, v))).collect();
        by_key
            .into_iter()
            .filter_map(|(key, (put, payload))| {
                let key = Key::new(u64::from(key / 4), u128::from(key % 4) << 64);
                match (put, self.model.contains_key(&key)) {
                    (true, false) => Some(Edit::Insert(slot(key, payload))),
                    (true, true) => Some(Edit::Replace(slot(key, payload))),
                    (false, true) => Some(Edit::Remove(key)),
                    (false, false) => None,
                }
            })
            .collect()
    }
}

/// Bytes that may pass for a node: a header of some layout or level, and rows.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let widths = prop_oneof![
        (0..9_u8, 0..9_u8, 0..5_u8, 0..5_u8),
        any::<(u8, u8, u8, u8)>()
    ];
    let header = (0..3_u8, widths, any::<[u8; 16]>()).prop_map(|(level, (a, b, c, d), bases)| {
        let row = 16 + [a, b, c, d].map(usize::from).iter().sum::<usize>();
        match level {
            0 => ([&[0, a, b, c, d, 0, 0, 0], &bases[..]].concat(), row),
            _ => (vec![level, 0, 0, 0], 40),
        }
    });
    let rows = (0..9_usize, 0..3_usize, any::<u64>());
    (header, rows).prop_map(|((mut bytes, row), (rows, more, seed))| {
        // Any bytes will do; small ones are likelier to be counts.
        let tail = (0..rows * row + more / 2).map(|at| match at % 3 {
            0 => 0,
            _ => seed.to_le_bytes()[at % 8],
        });
        bytes.extend(tail);
        bytes
    })
}

proptest! {
    #[test]
    fn the_index_is_a_sorted_vec(
        batches in proptest::collection::vec(
            proptest::collection::vec((any::<u8>(), proptest::bool::weighted(0.6), any::<u8>()), 0..40),
            1..12,
        ),
        leaf_slots_max in 2_usize..6,
        children_max in 2_usize..5,
    ) {
        let limits = Limits { leaf_slots_max, children_max };
        let mut index = Index::default();
        for batch in batches {
            let edits = index.edits(batch);
            index.apply(limits, &edits);
            index.check(limits);
        }
    }

    #[test]
    fn any_bytes_are_read_without_a_panic(
        root in damaged(),
        node in damaged(),
        position in any::<u64>(),
        shift in any::<i64>(),
    ) {
        let mut nodes = MemoryNodes::default();
        for id in 0..4 {
            nodes.nodes.insert(id, node.clone());
        }
        if let Ok(tree) = Tree::new(&nodes, Some(&root)) {
            let _ = tree.rank(Key::new(5, 5));
            let _ = tree.get(Key::new(5, 5));
            let _ = tree.count_at_most(position, &|_| shift);
            let _ = tree.visit(0..u64::MAX, &mut |_| Ok(()));
        }
    }
}

#[test]
fn appends_fill_leaves_and_leave_little_slack() {
    let mut index = Index::default();
    for n in 0..1_000 {
        index.apply(Limits::default(), &[Edit::Insert(slot(Key::new(n, 0), 0))]);
    }
    index.check(Limits::default());
    // Of 19 bytes an entry.
    assert_eq!(index.nodes.nodes.len(), 5);
}

#[test]
fn an_entry_that_is_unlike_all_others_makes_no_leaf_small_but_its_own() {
    let nodes_of = |last: u64| {
        let mut index = Index::default();
        let keys = (0..10_000).chain([last]).map(|n| Key::new(n, 0));
        let puts: Vec<Edit> = keys.map(|key| Edit::Insert(slot(key, 1))).collect();
        index.apply(Limits::default(), &puts);
        index.check(Limits::default());
        index.nodes.nodes.len()
    };
    assert!(nodes_of(u64::MAX - 10) <= nodes_of(10_000) + 1);
}

proptest! {
    /// What is put is checked by the store of nodes.
    #[test]
    fn no_node_has_too_many_bytes_however_unlike_its_entries_are(
        widths in proptest::collection::vec((0_u32..64, 0_u32..64, 0_u32..32), 1..6),
        runs in proptest::collection::vec((0_usize..6, 1_usize..200), 1..8),
    ) {
        let width = |of: usize| widths[of % widths.len()];
        let of_slots = runs.iter().flat_map(|(of, len)| std::iter::repeat_n(width(*of), *len));
        let mut major = 0_u64;
        let slots: Vec<Slot> = of_slots.map(|(step, number, id)| {
            major += 1 + (1 << step) / 1_000;
            let rest = Rest { number: major.wrapping_add(1 << number), ids: [1 << id, 7] };
            Slot { key: Key::new(major, 0), rest }
        }).collect();
        // From the first to the last and the other way round, at once and some at a time.
        let (whole, backwards) = (slots.clone(), slots.into_iter().rev().collect());
        for (slots, at_once) in [(&whole, usize::MAX), (&whole, 7), (&backwards, 150)] {
            let mut index = Index::default();
            for slots in slots.chunks(at_once) {
                let mut edits: Vec<Edit> = slots.iter().copied().map(Edit::Insert).collect();
                edits.sort_by_key(Edit::key);
                index.apply(Limits::default(), &edits);
            }
            index.check(Limits::default());
        }
    }
}

#[test]
fn keys_below_every_fence_are_found_again() {
    let mut index = Index::default();
    for n in (0..200).rev() {
        index.apply(SMALL, &[Edit::Insert(slot(Key::new(n, 0), 0))]);
    }
    index.check(SMALL);
}

#[test]
fn removals_in_the_middle_join_small_neighbours() {
    let mut index = Index::default();
    let puts: Vec<Edit> = (0..2_000)
        .map(|n| Edit::Insert(slot(Key::new(n, 0), 1)))
        .collect();
    index.apply(Limits::default(), &puts);
    let removals: Vec<Edit> = (0..2_000)
        .filter(|n| n % 20 != 0)
        .map(|n| Edit::Remove(Key::new(n, 0)))
        .collect();
    index.apply(Limits::default(), &removals);
    index.check(Limits::default());
    assert!(index.nodes.nodes.len() <= 4, "{}", index.nodes.nodes.len());
}

#[test]
fn an_edit_that_does_not_suit_what_is_there_is_corrupted() {
    let mut index = Index::default();
    let inserts: Vec<Edit> = (0..20)
        .map(|n| Edit::Insert(slot(Key::new(n, 0), 1)))
        .collect();
    index.apply(SMALL, &inserts);
    for edit in [
        Edit::Insert(slot(Key::new(7, 0), 2)),
        Edit::Replace(slot(Key::new(7, 1), 2)),
        Edit::Remove(Key::new(7, 1)),
    ] {
        let root = index.root.as_deref();
        let applied = apply(&mut index.nodes, SMALL, root, &[edit]);
        assert_eq!(applied.unwrap_err().kind(), ErrorKind::Corrupted);
    }
    index.check(SMALL);
}

#[test]
fn a_node_that_is_not_what_its_parent_says_is_never_written_on() {
    let mut index = Index::default();
    let inserts: Vec<Edit> = (0..20)
        .map(|n| Edit::Insert(slot(Key::new(n, 0), 1)))
        .collect();
    index.apply(SMALL, &inserts);
    let root = Node::parse(index.root.as_deref().unwrap()).unwrap();
    let Node::Inner(inner) = root else {
        panic!("{root:?}");
    };
    let (first, _) = inner.child(0).unwrap();
    let stale = cut(&index.nodes.nodes[&first.id]);
    index.nodes.nodes.insert(first.id, stale);
    let root = index.root.as_deref();
    let edit = [Edit::Replace(slot(Key::new(0, 0), 2))];
    let applied = apply(&mut index.nodes, SMALL, root, &edit);
    assert_eq!(applied.unwrap_err().kind(), ErrorKind::Corrupted);
}

#[test]
fn a_child_that_holds_less_than_its_parent_says_is_corrupted() {
    let mut index = Index::default();
    let puts: Vec<Edit> = (0..20)
        .map(|n| Edit::Insert(slot(Key::new(n, 0), 1)))
        .collect();
    index.apply(SMALL, &puts);
    let ids: Vec<u64> = index.nodes.nodes.keys().copied().collect();
    for id in ids {
        let whole = index.nodes.nodes[&id].clone();
        index.nodes.nodes.insert(id, cut(&whole));
        let read = index.tree().visit(0..20, &mut |_| Ok(()));
        assert!(read.is_err(), "node {id}");
        index.nodes.nodes.insert(id, whole);
    }
}
