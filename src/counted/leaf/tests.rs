//! Leaves against the entries that they were written of.

use super::*;
use proptest::prelude::*;

fn slot(major: u64, minor: u128, number: u64, ids: [u32; 2]) -> Slot {
    Slot {
        key: Key::new(major, minor),
        rest: Rest { number, ids },
    }
}

fn written(slots: &[Slot]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(slots, &mut bytes);
    bytes
}

#[test]
fn the_bytes_of_a_leaf_are_pinned() {
    let slots = [
        slot(0x0102_0304_0506_0708, 0x11, u64::MAX, [7, 0x0102]),
        slot(
            0x0102_0304_0506_0a09,
            0x12,
            0x0102_0304_0507_0a08,
            [7, 0x0100],
        ),
    ];
    #[rustfmt::skip]
    let golden = [
        0, 2, 3, 0, 1, 0, 0, 0,
        8, 7, 6, 5, 4, 3, 2, 1,
        7, 0, 0, 0, 0, 1, 0, 0,
        0, 0,    0, 0, 0,       2,  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x11,
        1, 3,    0, 0, 1,       0,  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12,
    ];
    assert_eq!(written(&slots), golden);
    assert_eq!(Leaf::parse(&golden).unwrap().to_slots(), slots);
}

#[test]
fn what_cannot_be_a_leaf_is_none() {
    let whole = written(&[slot(1 << 40, 0, 9, [1, 2]), slot(2 << 40, 1, 9, [3, 4])]);
    let row_bytes = (whole.len() - HEADER_BYTES) / 2;
    for len in 0..=whole.len() {
        let is_leaf = len == whole.len() || len == whole.len() - row_bytes;
        assert_eq!(Leaf::parse(&whole[..len]).is_some(), is_leaf, "{len}");
    }
    // The level, and the widths and zeros behind it.
    for (place, most) in [
        (0, 0),
        (1, 8),
        (2, 8),
        (3, 4),
        (4, 4),
        (5, 0),
        (6, 0),
        (7, 0),
    ] {
        for value in 0..=u8::MAX {
            let mut header = [0; HEADER_BYTES];
            header[place] = value;
            assert_eq!(Layout::read(&header).is_some(), value <= most, "{header:?}");
        }
    }
}

#[test]
fn entries_that_are_alike_take_little_room() {
    // A user's sessions of an hour or so within a month, in ticks of 100 ns.
    let of_user = |n: u32| {
        let start = (1 << 63) + u64::from(n) * 250_000_000_000;
        slot(start, 0, start + 36_000_000_000, [7, n * 40])
    };
    let slots: Vec<Slot> = (0..100).map(of_user).collect();
    assert_eq!(written(&slots).len(), HEADER_BYTES + 100 * (6 + 5 + 2 + 16));
    assert_eq!(LEAF_SLOTS_MAX, 252);
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        0..3_u64,
        (u64::MAX - 3)..=u64::MAX,
        1_000..1_010_u64
    ]
}

fn slots() -> impl Strategy<Value = Vec<Slot>> {
    let minor = prop_oneof![any::<u128>(), 0..4_u128];
    let id = prop_oneof![any::<u32>(), 0..300_u32];
    let slot = (number(), minor, number(), id.clone(), id);
    let slot = slot.prop_map(|(major, minor, number, one, other)| {
        super::tests::slot(major, minor, number, [one, other])
    });
    proptest::collection::vec(slot, 1..20).prop_map(|mut slots| {
        slots.sort_by_key(|slot| slot.key);
        slots.dedup_by_key(|slot| slot.key);
        slots
    })
}

proptest! {
    #[test]
    fn a_leaf_is_its_entries(slots in slots()) {
        let bytes = written(&slots);
        let leaf = Leaf::parse(&bytes).unwrap();
        prop_assert_eq!(leaf.len(), slots.len());
        prop_assert_eq!(&leaf.to_slots(), &slots);
        for (index, slot) in slots.iter().enumerate() {
            prop_assert_eq!(leaf.key(index), slot.key);
            prop_assert_eq!(leaf.slots_before(slot.key), index);
            prop_assert_eq!(leaf.get(slot.key), Some(*slot));
            let next = slot.key.next().unwrap_or(slot.key);
            let before = slots.partition_point(|slot| slot.key < next);
            prop_assert_eq!(leaf.slots_before(next), before);
        }
        prop_assert!(leaf.slots(0..slots.len() + 1).is_none());
        if slots.len() <= capacity(&slots) {
            prop_assert!(bytes.len() <= NODE_BYTES_MAX);
        }
    }

    #[test]
    fn every_number_has_an_offset_of_its_own(number in number(), base in number()) {
        prop_assert_eq!(from_offset(to_offset(number, base), base), number);
        prop_assert_eq!(to_offset(from_offset(number, base), base), number);
    }
}
