//! An index as a whole: checked, and what is left of one that is damaged.

use super::*;
use crate::counted::check::{Part, check};
use crate::counted::remains::{slots_of, visit_remains};

/// Levels of leaves, of inner nodes and of a root.
fn index() -> Index {
    let mut index = Index::default();
    for n in 0..60 {
        let slot = slot(Key::new(u64::from(n) * 3, 0), n);
        index.apply(SMALL, &[Edit::Insert(slot)]);
    }
    index
}

/// The nodes and the entries, in the order in which they are visited.
fn parts(index: &Index) -> Result<(Vec<u64>, Vec<Slot>)> {
    let (mut nodes, mut slots) = (Vec::new(), Vec::new());
    check(&index.nodes, index.root.as_deref(), &mut |part| {
        match part {
            Part::Node(id) => nodes.push(id),
            Part::Entry(slot) => slots.push(slot),
        }
        Ok(())
    })?;
    Ok((nodes, slots))
}

/// What can be read, and how often something keeps more from being read.
fn remains(index: &Index) -> (Vec<Slot>, usize) {
    let (mut found, mut faults) = (Vec::new(), 0);
    let root = index.root.as_deref().unwrap();
    visit_remains(&index.nodes, root, &mut |slots| {
        match slots {
            Ok(slots) => found.extend(slots),
            Err(_) => faults += 1,
        }
        Ok(())
    })
    .unwrap();
    (found, faults)
}

/// The entries below a node.
fn below(index: &Index, id: u64) -> Vec<Slot> {
    let bytes = &index.nodes.nodes[&id];
    match Node::parse(bytes).unwrap() {
        Node::Leaf(leaf) => leaf.to_slots(),
        Node::Inner(inner) => {
            let children = children(inner).into_iter();
            children.flat_map(|child| below(index, child.id)).collect()
        }
    }
}

#[test]
fn every_part_of_an_index_is_visited_once_and_every_entry_in_its_place() {
    let index = index();
    let (mut nodes, slots) = parts(&index).unwrap();
    assert!(slots.iter().eq(index.model.values()));
    nodes.sort_unstable();
    let mut all: Vec<u64> = index.nodes.nodes.keys().copied().collect();
    all.sort_unstable();
    assert_eq!(nodes, all);
    assert_eq!(parts(&Index::default()).unwrap(), (vec![], vec![]));
}

/// Each is as it was written, and most have as many entries as the one in whose place they are.
#[test]
fn a_node_in_the_place_of_another_is_found() {
    let mut index = index();
    let nodes = index.nodes.nodes.clone();
    assert!(nodes.len() > 20);
    for id in nodes.keys() {
        for (_, other) in nodes.iter().filter(|(other, _)| *other != id) {
            index.nodes.nodes.insert(*id, other.clone());
            let error = parts(&index).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupted);
        }
        // What is below it cannot be read then.
        index.nodes.nodes.insert(*id, vec![9; 9]);
        let (found, faults) = remains(&index);
        assert_eq!((found.len() < index.model.len(), faults), (true, 1));
        index.nodes.nodes.insert(*id, nodes[id].clone());
    }
    assert!(parts(&index).is_ok());
}

/// Of two leaves that have each the other's last entry, no count is wrong and no entry before its fence.
#[test]
fn an_entry_behind_those_of_the_next_leaf_is_found() {
    let mut index = index();
    for (id, slots) in leaves(&index) {
        let mut late = slots.clone();
        late.last_mut().unwrap().key = Key::new(1_000, 0);
        let sound = index.nodes.nodes[&id].clone();
        leaf::write(&late, index.nodes.nodes.get_mut(&id).unwrap());
        let is_last = slots.last() == index.model.values().last();
        assert_eq!(parts(&index).is_ok(), is_last, "{slots:?}");
        index.nodes.nodes.insert(id, sound);
    }
}

/// The leaves of an index in their order, by their ids.
fn leaves(index: &Index) -> Vec<(u64, Vec<Slot>)> {
    let leaf = |(id, bytes): (&u64, &Vec<u8>)| match Node::parse(bytes).unwrap() {
        Node::Leaf(leaf) => Some((*id, leaf.to_slots())),
        Node::Inner(_) => None,
    };
    let mut leaves: Vec<_> = index.nodes.nodes.iter().filter_map(leaf).collect();
    leaves.sort_by_key(|(_, slots)| slots[0].key);
    leaves
}

/// Whether leaves that have these entries in the place of their own are found to be wrong.
fn is_found(changed: &[(u64, Vec<Slot>)]) -> bool {
    let mut index = index();
    for (id, slots) in changed {
        leaf::write(slots, index.nodes.nodes.get_mut(id).unwrap());
    }
    parts(&index).is_err()
}

#[test]
fn entries_out_of_order_or_on_the_wrong_side_of_a_fence_are_found() {
    let leaves = leaves(&index());
    for ((left, before), (right, behind)) in leaves.iter().zip(&leaves[1..]) {
        let fence = behind[0].key;
        let (mut late, mut later, mut early) = (before.clone(), behind.clone(), behind.clone());
        // No entry before another here, but one behind the fence of the next leaf.
        late.last_mut().unwrap().key = fence;
        later[0].key = Key::new(fence.major() + 1, 0);
        assert!(!is_found(&[(*right, later.clone())]));
        assert!(is_found(&[(*left, late), (*right, later)]));
        early[0].key = Key::new(fence.major() - 1, 0);
        assert!(is_found(&[(*right, early)]));
        let mut swapped = behind.clone();
        let last = swapped.len() - 1;
        swapped.swap(last - 1, last);
        assert!(is_found(&[(*right, swapped)]));
    }
}

#[test]
fn without_any_node_all_entries_remain_but_those_below_it() {
    let index = index();
    let all: Vec<Slot> = index.model.values().copied().collect();
    assert_eq!(remains(&index), (all.clone(), 0));
    for id in index.nodes.nodes.keys() {
        let lost = below(&index, *id);
        let rest: Vec<Slot> = all
            .iter()
            .filter(|slot| !lost.contains(slot))
            .copied()
            .collect();
        let mut nodes = index.nodes.nodes.clone();
        nodes.remove(id);
        let damaged = Index {
            root: index.root.clone(),
            nodes: MemoryNodes {
                nodes,
                ..MemoryNodes::default()
            },
            ..Index::default()
        };
        assert_eq!(remains(&damaged), (rest, 1));
    }
}

#[test]
fn of_a_root_that_is_no_node_nothing_remains() {
    let mut index = index();
    index.root = Some(vec![1, 2, 3]);
    assert_eq!(remains(&index), (vec![], 1));
}

#[test]
fn entries_are_found_in_leaves_wherever_these_belong() {
    let index = index();
    let nodes = index.nodes.nodes.values();
    let mut slots: Vec<Slot> = nodes.flat_map(|node| slots_of(node).unwrap()).collect();
    slots.sort_by_key(|slot| slot.key);
    assert!(slots.iter().eq(index.model.values()));
    assert!(slots_of(&[]).is_err());
}

#[test]
fn a_root_whose_children_are_counted_backwards_has_no_entries_left_there() {
    let mut index = index();
    let root = index.root.clone().unwrap();
    let Node::Inner(inner) = Node::parse(&root).unwrap() else {
        panic!("a leaf");
    };
    let mut children = children(inner);
    let lost = below(&index, children[1].id);
    children[1].count_through = children[0].count_through - 1;
    let bytes = index.root.as_mut().unwrap();
    bytes.clear();
    node::write(inner.level, children.iter().copied(), bytes);
    let (found, faults) = remains(&index);
    assert!(faults > 0);
    assert!(lost.iter().all(|slot| !found.contains(slot)));
}

/// How many entries the leaves have of an index of one full leaf after one more.
fn leaves_after(late: impl Fn(u64) -> u64) -> (usize, Vec<usize>) {
    let mut index = Index::default();
    let mut full = 0;
    while index.nodes.nodes.is_empty() {
        full += 1;
        index = Index::default();
        for n in 0..=full {
            index.apply(
                Limits::default(),
                &[Edit::Insert(slot(Key::new(n * 10, 0), 1))],
            );
        }
    }
    index = Index::default();
    for n in (0..full).map(|n| n * 10).chain([late(full)]) {
        index.apply(Limits::default(), &[Edit::Insert(slot(Key::new(n, 0), 1))]);
    }
    let nodes = index.nodes.nodes.values();
    let mut lens: Vec<usize> = nodes.map(|node| slots_of(node).unwrap().len()).collect();
    lens.sort_unstable();
    (usize::try_from(full).unwrap(), lens)
}

#[test]
fn a_full_leaf_is_split_evenly_but_at_the_right_edge_with_room_for_few() {
    let (full, lens) = leaves_after(|_| 5);
    let half = full.div_ceil(2);
    assert_eq!(lens, [half, full + 1 - half]);
    let (full, lens) = leaves_after(|full| full * 10);
    assert_eq!(lens.iter().sum::<usize>(), full + 1);
    // A twentieth is free.
    assert!(
        (full * 93 / 100..=full * 96 / 100).contains(&lens[1]),
        "{lens:?} of {full}"
    );
}

#[test]
fn an_emptied_index_leaves_no_node_behind() {
    let mut index = Index::default();
    let keys: Vec<Key> = (0..300).map(|n| Key::new(n, 7)).collect();
    let puts: Vec<Edit> = keys.iter().map(|key| Edit::Insert(slot(*key, 1))).collect();
    index.apply(SMALL, &puts);
    for key in keys.iter().rev().step_by(2).chain(keys.iter().step_by(2)) {
        index.apply(SMALL, &[Edit::Remove(*key)]);
        index.check(SMALL);
    }
    assert_eq!(index.root, None);
}

#[test]
fn a_cleared_index_leaves_no_node_behind() {
    for entries in [0, 1, 4, 5, 13, 300] {
        let mut index = Index::default();
        let puts: Vec<Edit> = (0..entries)
            .map(|n| Edit::Insert(slot(Key::new(n, 7), 1)))
            .collect();
        index.apply(SMALL, &puts);
        index.check(SMALL);
        if let Some(root) = &index.root {
            clear(&mut index.nodes, root).unwrap();
        }
        assert!(index.nodes.nodes.is_empty(), "of {entries} entries");
    }
}

#[test]
fn the_sizes_that_the_format_has_are_pinned() {
    assert_eq!(CHILDREN_MAX, 101);
}
