//! The power lost at any moment: between any two changes of the disk, with any part of what is not
//! durable, what was acknowledged is there, and what was not is there whole or not at all.

use crate::support::faulty::{Disk, FaultyStorage, Kept};
use crate::support::random::Random;
use crate::support::settings::Settings;
use crate::support::{Model, OnPanic, World, ops_of, workload};
use sessionlog::{Durability, ErrorKind, Query, Store};
use std::sync::Arc;

fn settings(durability: Durability, delta_sessions_max: usize) -> Settings {
    Settings {
        durability,
        delta_sessions_max,
        cache_bytes: 0,
    }
}

/// What may be left at the end of a step, and during it.
struct Step {
    /// How many changes of the disk there were at its end.
    end: usize,
    after: Vec<Model>,
    during: Vec<Model>,
}

/// A run on a disk that never fails.
struct Run {
    seed: u64,
    settings: Settings,
    storage: FaultyStorage,
    world: World,
    steps: Vec<Step>,
}

impl Run {
    fn new(seed: u64, settings: Settings) -> Self {
        let storage = FaultyStorage::default();
        let mut world = World::create(Arc::new(storage.clone()), settings).unwrap();
        let mut steps = vec![Step {
            end: storage.moment(),
            after: world.after_power_loss(),
            during: Vec::new(),
        }];
        for op in workload(seed) {
            let mut during = world.after_power_loss();
            world.step(op);
            during.extend(world.passed().to_vec());
            during.extend(world.after_power_loss());
            steps.push(Step {
                end: storage.moment(),
                after: world.after_power_loss(),
                during,
            });
        }
        Self {
            seed,
            settings,
            storage,
            world,
            steps,
        }
    }

    /// What a loss of power may leave after so many changes of the disk.
    fn possible(&self, moment: usize) -> &[Model] {
        let begun = self.steps.partition_point(|step| step.end < moment);
        let ended = self.steps.partition_point(|step| step.end <= moment);
        match begun < ended {
            true => &self.steps[ended - 1].after,
            false => &self.steps[begun].during,
        }
    }

    /// Opens what a loss of power has left, compares, and goes on for a few steps, behind which the
    /// power is lost again.
    fn check(&self, moment: usize, disk: &Disk, kept: Kept) {
        let _seed = self.told(moment, kept);
        let left = FaultyStorage::on(disk.without_power(kept));
        let possible = self.possible(moment).to_vec();
        let mut world = self
            .world
            .with(Arc::new(left.clone()), self.settings, possible);
        world.check_soundness();
        for op in ops_of(self.seed + moment as u64, 30) {
            world.step(op);
        }
        world.check_soundness();
        let left = Arc::new(left.without_power(kept));
        let possible = world.after_power_loss();
        world.with(left, self.settings, possible).check_soundness();
    }

    /// Loses the power again while the first loss of it is being made good, at each moment of that,
    /// and answers how many there are.
    fn check_twice(&self, moment: usize, disk: &Disk, kept: Kept) -> u64 {
        let _seed = self.told(moment, kept);
        let left = FaultyStorage::on(disk.without_power(kept));
        let possible = self.possible(moment).to_vec();
        let world = self
            .world
            .with(Arc::new(left.clone()), self.settings, possible);
        let possible = world.after_power_loss();
        let mut losses = 0;
        left.moments(|_, disk| {
            losses += 1;
            let kept = Kept::Some(self.seed + moment as u64 + losses);
            let again = Arc::new(FaultyStorage::on(disk.without_power(kept)));
            let mut world = self.world.with(again, self.settings, possible.clone());
            world.check_soundness();
        });
        losses
    }

    fn told(&self, moment: usize, kept: Kept) -> OnPanic {
        let (seed, settings) = (self.seed, self.settings);
        OnPanic(format!(
            "seed {seed}, {settings:?}, after {moment} changes, {kept:?} kept"
        ))
    }
}

fn at_every_moment(seed: u64, settings: Settings) {
    let run = Run::new(seed, settings);
    let first = run.steps[0].end;
    let mut moments = 0;
    run.storage.moments(|moment, disk| {
        if moment < first {
            return;
        }
        moments += 1;
        // One after the other: each moment is much like those beside it.
        run.check(
            moment,
            disk,
            match moment % 3 {
                0 => Kept::Nothing,
                1 => Kept::All,
                _ => Kept::Some(seed + moment as u64),
            },
        );
    });
    assert!(moments > 100, "{moments} changes");
}

#[test]
fn whenever_the_power_is_lost_what_was_acknowledged_is_there_and_nothing_in_part() {
    for delta_sessions_max in [1, 9, 1_000] {
        at_every_moment(1, settings(Durability::Immediate, delta_sessions_max));
    }
}

#[test]
fn whenever_the_power_is_lost_while_little_is_durable_the_last_commits_are_gone_and_no_other() {
    for delta_sessions_max in [1, 9, 1_000] {
        at_every_moment(2, settings(Durability::Eventual, delta_sessions_max));
    }
}

/// Every fifth moment or so, and from there on each moment of the opening.
#[test]
fn a_loss_of_power_while_another_is_made_good_takes_no_more_than_that() {
    for durability in [Durability::Immediate, Durability::Eventual] {
        let run = Run::new(3, settings(durability, 9));
        let first = run.steps[0].end;
        let mut random = Random::new(3);
        let mut losses = 0;
        run.storage.moments(|moment, disk| {
            if moment >= first && random.chance(5) {
                losses += run.check_twice(moment, disk, Kept::Some(random.next()));
            }
        });
        assert!(losses > 100, "{losses}");
    }
}

/// While a store is made there is none, or an empty one that is whole; it can be made then.
#[test]
fn whenever_the_power_is_lost_while_a_store_is_made_it_can_be_made_then() {
    let storage = FaultyStorage::default();
    let settings = settings(Durability::Immediate, 9);
    drop(World::create(Arc::new(storage.clone()), settings).unwrap());
    let mut made = 0;
    storage.moments(|moment, disk| {
        let some = (0..5).map(|seed| Kept::Some(seed + 5 * moment as u64));
        for kept in [Kept::Nothing, Kept::All].into_iter().chain(some) {
            let _seed = OnPanic(format!("after {moment} changes, {kept:?} kept"));
            let left = Arc::new(FaultyStorage::on(disk.without_power(kept)));
            let opened = Store::options().open_on(left.clone());
            match opened.map_err(|error| error.kind()) {
                Ok(store) => assert_eq!(store.count(&Query::all()).unwrap(), 0),
                Err(ErrorKind::NotAStore) => World::create(left, settings).unwrap().finish(),
                Err(kind) => panic!("{kind:?}"),
            }
            made += 1;
        }
    });
    assert!(made > 100, "{made}");
}
