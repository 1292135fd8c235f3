//! Small values by ids that are given out one after the other.

use std::collections::BTreeMap;

/// Ids whose values lie together.
const BLOCK: u32 = 16;

/// The values of some ids, in a few bytes each. Memory goes by those that have one: how many ids were
/// given is only what a file says.
#[derive(Debug)]
pub(super) struct ById<T> {
    given: u32,
    blocks: BTreeMap<u32, Box<[Option<T>; BLOCK as usize]>>,
}

impl<T: Copy> ById<T> {
    /// Of none of so many ids.
    pub(super) fn new(given: u32) -> Self {
        Self {
            given,
            blocks: BTreeMap::new(),
        }
    }

    /// More ids were given out since.
    pub(super) fn make_room(&mut self, given: u32) {
        self.given = self.given.max(given);
    }

    pub(super) fn get(&self, id: u32) -> Option<T> {
        let block = self.blocks.get(&(id / BLOCK))?;
        block.get(place(id)).copied().flatten()
    }

    /// Sets the value of an id, and answers the one that it had; nothing if it is still to be given.
    pub(super) fn insert(&mut self, id: u32, value: T) -> Option<Option<T>> {
        if id >= self.given {
            return None;
        }
        let block = self
            .blocks
            .entry(id / BLOCK)
            .or_insert_with(|| Box::new([None; _]));
        let slot = block.get_mut(place(id))?;
        Some(slot.replace(value))
    }

    pub(super) fn values(&self) -> impl Iterator<Item = T> {
        let blocks = self.blocks.values();
        blocks.flat_map(|block| block.iter().copied().flatten())
    }
}

fn place(id: u32) -> usize {
    (id % BLOCK) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forged_count_of_ids_costs_no_memory_and_ids_behind_it_are_refused() {
        let mut values = ById::new(u32::MAX);
        assert_eq!(values.insert(u32::MAX, 1), None);
        assert_eq!(values.insert(u32::MAX - 1, 1), Some(None));
        assert_eq!(values.insert(7, 2), Some(None));
        assert_eq!(values.insert(7, 3), Some(Some(2)));
        assert_eq!(values.blocks.len(), 2);
        assert_eq!(
            (values.get(7), values.get(8), values.get(99)),
            (Some(3), None, None)
        );
        assert_eq!(values.values().collect::<Vec<_>>(), [3, 1]);
    }

    #[test]
    fn there_is_room_for_what_was_given_since() {
        let mut values = ById::new(1);
        assert_eq!(values.insert(1, ()), None);
        values.make_room(2);
        values.make_room(1);
        assert_eq!(values.insert(1, ()), Some(None));
    }
}
