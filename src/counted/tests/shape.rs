//! What nodes an index has after a change, and which of them are read: what is true of every answer, but
//! makes it cost more.

use super::*;

const TEN: Limits = Limits {
    leaf_slots_max: 10,
    children_max: 10,
};

/// The key of an entry of a leaf.
fn key(leaf: usize, place: usize) -> Key {
    Key::new(leaf as u64 * 1_000 + place as u64 * 10, 0)
}

/// An index of a root over leaves with so many entries.
fn of_leaves(lens: &[usize]) -> Index {
    let mut index = Index::default();
    let mut children = Vec::new();
    for (leaf, len) in lens.iter().enumerate() {
        let slots: Vec<Slot> = (0..*len).map(|place| slot(key(leaf, place), 1)).collect();
        let (id, mut bytes) = (index.nodes.allocate(), Vec::new());
        leaf::write(&slots, &mut bytes);
        index.nodes.put(id, &bytes).unwrap();
        index
            .model
            .extend(slots.iter().map(|slot| (slot.key, *slot)));
        children.push(Child {
            fence: slots[0].key,
            count_through: index.model.len() as u64,
            id,
        });
    }
    let mut root = Vec::new();
    node::write(1, children.into_iter(), &mut root);
    index.root = Some(root);
    index
}

/// How many entries each leaf below the root has after these edits.
fn after(mut index: Index, edits: &[Edit]) -> Vec<usize> {
    index.apply(TEN, edits);
    index.check(TEN);
    let root = index.root.unwrap();
    let Node::Inner(inner) = Node::parse(&root).unwrap() else {
        return Vec::new();
    };
    assert_eq!(inner.level, 1);
    let leaves = children(inner).into_iter();
    leaves
        .map(|child| index.nodes.nodes[&child.id].as_slice())
        .map(|bytes| remains::slots_of(bytes).unwrap().len())
        .collect()
}

fn put(key: Key) -> Edit {
    Edit::Insert(slot(key, 1))
}

#[test]
fn only_what_is_added_behind_all_others_leaves_room_for_more() {
    assert_eq!(after(of_leaves(&[5, 10]), &[put(key(1, 10))]), [5, 9, 2]);
    // Behind all others of a leaf.
    assert_eq!(after(of_leaves(&[10, 5]), &[put(key(0, 10))]), [6, 5, 5]);
    // Within the last.
    let within = Key::new(1_005, 0);
    assert_eq!(after(of_leaves(&[5, 10]), &[put(within)]), [5, 6, 5]);
    let last = Edit::Replace(slot(key(1, 9), 2));
    assert_eq!(after(of_leaves(&[5, 10]), &[put(within), last]), [5, 6, 5]);
}

#[test]
fn a_leaf_that_has_become_small_is_joined_with_its_neighbour_if_both_fill_little_of_one() {
    let first = [Edit::Remove(key(0, 0))];
    assert_eq!(after(of_leaves(&[4, 3, 9]), &first), [6, 9]);
    assert_eq!(after(of_leaves(&[4, 4, 9]), &first), [3, 4, 9]);
    // Not small.
    assert_eq!(after(of_leaves(&[5, 2, 9]), &first), [4, 2, 9]);
    // Not just written.
    let third = [Edit::Remove(key(2, 0))];
    assert_eq!(after(of_leaves(&[2, 2, 9, 9]), &third), [2, 2, 8, 9]);
    // Appends are about to fill the last.
    assert_eq!(after(of_leaves(&[4, 3]), &first), [3, 3]);
}

#[test]
fn a_root_that_is_full_gets_no_node_between_it_and_its_leaves() {
    let mut index = of_leaves(&[10; 9]);
    index.apply(TEN, &[put(Key::new(5, 0))]);
    index.check(TEN);
    assert_eq!((index.nodes.nodes.len(), index.nodes.next), (10, 10));
}

#[test]
fn a_cleared_index_is_so_without_a_look_at_its_leaves() {
    let mut index = of_leaves(&[3, 3]);
    index.nodes.nodes.values_mut().for_each(Vec::clear);
    clear(&mut index.nodes, index.root.as_deref().unwrap()).unwrap();
    assert!(index.nodes.nodes.is_empty());
}

#[test]
fn a_range_without_positions_has_no_node_read() {
    let mut index = of_leaves(&[3, 3]);
    index.nodes.nodes.clear();
    for range in [0..0, 2..2, 3..3, 6..6, 6..9] {
        assert_eq!(index.visited(range), []);
    }
}

#[test]
fn an_entry_just_before_the_next_leaf_is_found_by_its_key() {
    let mut index = Index::default();
    let keys = (0..40).map(|minor| Key::new(7, minor));
    index.apply(SMALL, &keys.map(put).collect::<Vec<_>>());
    index.check(SMALL);
}
