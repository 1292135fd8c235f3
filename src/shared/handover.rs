//! Who commits: calls that come at the same time share one commit, made by one of their threads.
//!
//! The first to come leads. Whoever comes while it commits waits, and all of them are one group
//! together when it is done, led by the first of them. No thread works for others for longer than
//! one commit, and nobody waits for more than two. (Group commit: DeWitt et al., "Implementation
//! techniques for main memory database systems", 1984.)

use std::collections::VecDeque;

/// Who leads and who waits: nothing but that, to be locked for a moment at a time.
#[derive(Debug)]
pub(super) struct Handover<J> {
    is_led: bool,
    waiting: VecDeque<J>,
}

/// What somebody is to do who has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Role<J> {
    /// Commit this, and what has come meanwhile.
    Lead(J),
    /// Wait to be told.
    Follow,
}

impl<J> Default for Handover<J> {
    fn default() -> Self {
        Self {
            is_led: false,
            waiting: VecDeque::new(),
        }
    }
}

impl<J> Handover<J> {
    /// Somebody comes.
    pub(super) fn join(&mut self, job: J) -> Role<J> {
        match std::mem::replace(&mut self.is_led, true) {
            false => Role::Lead(job),
            true => {
                self.waiting.push_back(job);
                Role::Follow
            }
        }
    }

    /// The leader takes those who wait into its group: in the order of their coming, for as long
    /// as their weights, its own first, come to no more than `weight_max`.
    pub(super) fn take(
        &mut self,
        own: usize,
        weight: impl Fn(&J) -> usize,
        weight_max: usize,
    ) -> Vec<J> {
        let mut sum = own;
        let fitting = self.waiting.iter().take_while(|job| {
            sum = sum.saturating_add(weight(job));
            sum <= weight_max
        });
        let count = fitting.count();
        self.waiting.drain(..count).collect()
    }

    /// The leader is done: the first of those who wait leads from here on.
    #[must_use = "whoever leads must be told"]
    pub(super) fn retire(&mut self) -> Option<J> {
        let next = self.waiting.pop_front();
        self.is_led = next.is_some();
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Threads as an outsider sees them, and how many jobs have been committed.
    #[derive(Debug, Clone)]
    struct World {
        waiting: VecDeque<u8>,
        leader: Option<(u8, bool)>,
        to_come: Vec<u8>,
        committed: Vec<u8>,
    }

    /// Every order in which the jobs can come, groups be taken and leaders retire.
    fn explore(world: &World, max: usize, ends: &mut usize) {
        let mut handover = Handover {
            is_led: world.leader.is_some(),
            waiting: world.waiting.clone(),
        };
        let mut moved = false;
        for (at, job) in world.to_come.iter().enumerate() {
            let mut next = world.clone();
            next.to_come.remove(at);
            let mut handover = Handover {
                is_led: handover.is_led,
                waiting: handover.waiting.clone(),
            };
            match handover.join(*job) {
                Role::Lead(lead) => {
                    assert!(world.leader.is_none(), "two leaders");
                    next.leader = Some((lead, false));
                }
                Role::Follow => assert!(world.leader.is_some(), "nobody leads"),
            }
            next.waiting = handover.waiting;
            explore(&next, max, ends);
            moved = true;
        }
        if let Some((leader, has_taken)) = world.leader {
            let mut next = world.clone();
            if has_taken {
                next.leader = handover.retire().map(|next| (next, false));
            } else {
                let group = handover.take(1, |_| 1, max);
                assert!(group.len() < max);
                next.committed.push(leader);
                next.committed.extend(group);
                next.leader = Some((leader, true));
            }
            next.waiting = handover.waiting;
            explore(&next, max, ends);
            moved = true;
        }
        if !moved {
            *ends += 1;
            assert!(
                world.waiting.is_empty(),
                "somebody waits for ever: {world:?}"
            );
            let mut committed = world.committed.clone();
            committed.sort_unstable();
            assert_eq!(committed, [1, 2, 3, 4, 5], "each is committed once");
        }
    }

    #[test]
    fn in_every_order_each_job_is_committed_once_by_one_leader_at_a_time() {
        for max in [1, 2, 5] {
            let world = World {
                waiting: VecDeque::new(),
                leader: None,
                to_come: vec![1, 2, 3, 4, 5],
                committed: Vec::new(),
            };
            let mut ends = 0;
            explore(&world, max, &mut ends);
            assert!(ends > 1_000, "{ends}");
        }
    }

    #[test]
    fn a_group_weighs_no_more_than_it_may() {
        let mut handover = Handover::default();
        assert_eq!(handover.join(3), Role::Lead(3));
        for job in [4, 2, 2, 1] {
            assert_eq!(handover.join(job), Role::Follow);
        }
        assert_eq!(handover.take(3, |job| *job, 9), [4, 2]);
        assert_eq!(handover.retire(), Some(2));
        assert!(handover.take(2, |job| *job, 2).is_empty());
        assert_eq!(handover.retire(), Some(1));
        assert_eq!(handover.retire(), None);
        assert_eq!(handover.join(7), Role::Lead(7));
    }
}
