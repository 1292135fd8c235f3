//! Which slot a session is in: what its rows and its counters are spread by.
//!
//! A frozen format: the numbers are stored, as part of every key.

use uuid::Uuid;

/// Slots of a schema: enough that writers seldom wait for each other's counters, few enough to sum up.
pub(super) const SLOTS: i16 = 32;

const OFFSET_BASIS: u32 = 0x811c_9dc5;
const PRIME: u32 = 0x0100_0193;

/// The slot of a session, in 0..[`SLOTS`]: FNV-1a, 32 bits, of the id's bytes (Fowler, Noll and Vo,
/// `draft-eastlake-fnv`), folded, since the low bits alone are worse than the whole.
pub(super) fn slot_of(refer_uid: Uuid) -> i16 {
    let hash = refer_uid
        .as_bytes()
        .iter()
        .fold(OFFSET_BASIS, |hash, byte| {
            (hash ^ u32::from(*byte)).wrapping_mul(PRIME)
        });
    let folded = hash ^ (hash >> 15);
    // The remainder is less than the number of slots.
    i16::try_from(folded % SLOTS.unsigned_abs() as u32).unwrap_or(0)
}

/// Every slot.
pub(super) fn all_slots() -> Vec<i16> {
    (0..SLOTS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slots_of_ids_are_pinned() {
        let ids = [
            0,
            1,
            2,
            u128::MAX,
            0x6f96_19ff_8b86_d011_b42d_00c0_4fc9_64ff,
        ];
        let slots = ids.map(|id| slot_of(Uuid::from_u128(id)));
        assert_eq!(slots, [23, 0, 13, 27, 16]);
    }

    #[test]
    fn consecutive_ids_and_ids_by_time_fill_all_slots_evenly() {
        let by_time = |id: u128| Uuid::from_u128((id << 80) | (7 << 76) | (0b10 << 62) | id);
        for make in [Uuid::from_u128, by_time] {
            let mut counts = [0_u32; SLOTS as usize];
            for id in 0..32_000 {
                counts[usize::try_from(slot_of(make(id))).unwrap()] += 1;
            }
            assert!(
                counts.iter().all(|count| (700..1_300).contains(count)),
                "{counts:?}"
            );
        }
    }
}
