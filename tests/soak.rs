//! A store under chance: everything that can be told it, on a storage that fails now and then, with
//! the process killed and the power lost at any moment, compared with a plain model.
//!
//! A few seconds long, or `SOAK_SECONDS`. It is many lives of a store, some short and some long, each
//! from a seed of its own, which is printed if it fails: `SOAK_SEED` begins with that one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;
#[path = "soak/threads.rs"]
mod threads;

use sessionlog::storage::Storage;
use sessionlog::{Clock, Durability, Erasure, SystemClock};
use std::env;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};
use support::faulty::{Call, Disk, Fault, FaultyStorage, Kept};
use support::random::Random;
use support::settings::Settings;
use support::{Bytes, Model, OnPanic, Op, World};
use uuid::Uuid;

const SECONDS: u64 = 3;

/// More sessions than these are ended and pruned: or the model would come to take all the time.
const SESSIONS_MAX: usize = 250;

/// Ids that the operations choose from.
const REFER_UIDS: u8 = 150;

/// A call that fails is of any of these kinds.
const ERRORS: [io::ErrorKind; 4] = [
    io::ErrorKind::StorageFull,
    io::ErrorKind::TimedOut,
    io::ErrorKind::PermissionDenied,
    io::ErrorKind::Other,
];

/// What a process that ended in the middle of it leaves unfinished.
const UNFINISHED: [&str; 3] = ["main.redb.new", "log.0.new", "log.1.new"];

#[test]
fn a_store_under_chance_is_its_model_after_every_fault() {
    let seconds = number("SOAK_SECONDS").unwrap_or(SECONDS);
    let first = number("SOAK_SEED").unwrap_or_else(of_the_clock);
    say(&format!("SOAK_SEED={first} SOAK_SECONDS={seconds}"));
    let end = Instant::now() + Duration::from_secs(seconds);
    let mut done = Done::default();
    for seed in first.. {
        let _seed = OnPanic(format!("SOAK_SEED={seed} repeats this"));
        Life::new(seed).run(end, &mut done);
        if Instant::now() > end {
            break;
        }
    }
    say(&format!("{done:?}"));
    let counts = [done.kills, done.losses, done.faults, done.orders];
    assert!(counts.iter().all(|count| *count > 0), "{done:?}");
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is {text}, which is no number")),
    )
}

fn of_the_clock() -> u64 {
    let now = SystemClock.now().timestamp_micros();
    // Small enough to be typed.
    now.unsigned_abs() % 1_000_000_000
}

/// Past the test harness, which keeps back what is printed until a test has failed.
#[allow(clippy::explicit_write)]
fn say(text: &str) {
    writeln!(io::stderr(), "{text}").unwrap();
}

/// What there was.
#[derive(Debug, Default)]
struct Done {
    lives: u64,
    steps: u64,
    kills: u64,
    losses: u64,
    /// Calls that keep a store in order, and those of them that a kill or a loss of power came into.
    orders: u64,
    broken_orders: u64,
    /// Files that were left unfinished.
    leftovers: u64,
    /// Calls of the storage that failed.
    faults: u64,
    closings: u64,
    checks: u64,
    sessions_most: usize,
}

/// One store, from its making on.
struct Life {
    random: Random,
    storage: FaultyStorage,
    world: World,
    steps: usize,
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let storage = FaultyStorage::default();
        let settings = settings(&mut random);
        let world = World::create(Arc::new(storage.clone()), settings).unwrap();
        let steps = random.one_of(&[300, 1_000, 3_000, 30_000]);
        Self {
            random,
            storage,
            world,
            steps,
        }
    }

    fn run(&mut self, end: Instant, done: &mut Done) {
        done.lives += 1;
        for _ in 0..self.steps {
            if Instant::now() > end {
                break;
            }
            done.steps += 1;
            self.step(done);
            done.sessions_most = done.sessions_most.max(self.world.session_count());
        }
        self.heal(done);
        done.faults += self.storage.failures();
        self.world.check();
    }

    fn step(&mut self, done: &mut Done) {
        match self.random.below(300) {
            0..3 => self.kill(done),
            3..6 => self.lose_power(done),
            6..18 => self.fail(),
            18..30 => self.heal(done),
            30..33 => {
                let settings = settings(&mut self.random);
                self.world.reopen(settings);
                done.closings += 1;
            }
            33..36 => {
                self.world.check_soundness();
                done.checks += 1;
            }
            36..44 => self.world.forget_snapshots(),
            44..54 => self.world.forget_walks(),
            54..58 => {
                self.fail();
                self.keep_in_order(done);
            }
            58..61 => self.keep_in_order(done),
            _ => self.act(),
        }
        if self.world.session_count() > SESSIONS_MAX {
            self.world.make_room(SESSIONS_MAX as u64 / 3);
        }
    }

    /// Does what some bytes of chance say.
    fn act(&mut self) {
        let bytes = self.random.bytes(120);
        let op = Bytes::of_ids(&bytes, REFER_UIDS).ops().swap_remove(0);
        // There would be few sessions at any time.
        let is_much = matches!(op, Op::RemoveAll | Op::Retain(_) | Op::Erase(..));
        if !is_much || self.random.chance(10) {
            self.world.step(op);
        }
    }

    fn keep_in_order(&mut self, done: &mut Done) {
        done.orders += 1;
        let user = Uuid::from_u128(self.random.one_of(&[1, 2, 3]));
        let op = match self.random.below(8) {
            0..3 => Op::Compact,
            3..5 => Op::Rebuild,
            5 => Op::Erase(user, Erasure::Logical),
            6 => Op::Erase(user, Erasure::Secure),
            _ => Op::Backup,
        };
        self.world.step(op);
    }

    /// Some calls fail from some time on.
    fn fail(&mut self) {
        let random = &mut self.random;
        let calls = match random.below(4) {
            0 => Call::CHANGES,
            1 => Call::LOOKS,
            _ => {
                let all: Vec<Call> = Call::all().collect();
                random.one_of(&all).alone()
            }
        };
        let fault = Fault::of(calls).named(random.one_of(&["", "", "log.", "main."]));
        let fault = fault.with(random.one_of(&ERRORS));
        let after = 1 << random.below(8);
        let fault = fault.after(random.below(after) as u64);
        let times = random.one_of(&[1, 1, 2, 3, 5, u64::MAX]);
        self.storage.fail(fault.times(times));
        self.world.set_can_fail(true);
    }

    /// The storage is well, and everything is compared.
    fn heal(&mut self, done: &mut Done) {
        self.storage.heal();
        self.world.set_can_fail(false);
        self.world.check_soundness();
        done.checks += 1;
    }

    /// The process ends, between two steps or within the next, and another opens the store as it is
    /// seen.
    fn kill(&mut self, done: &mut Done) {
        done.kills += 1;
        let mut possible = self.world.after_kill();
        if self.random.chance(3) {
            return self.go_on(self.storage.killed(), possible, done);
        }
        let disk = self.disk_within_a_step(done);
        possible.extend(self.world.passed().to_vec());
        possible.extend(self.world.after_kill());
        self.go_on(FaultyStorage::on(disk), possible, done);
    }

    /// The power is lost, between two steps or within the next.
    fn lose_power(&mut self, done: &mut Done) {
        done.losses += 1;
        let mut possible = self.world.after_power_loss();
        let kept = match self.random.below(4) {
            0 => Kept::Nothing,
            1 => Kept::All,
            _ => Kept::Some(self.random.next()),
        };
        if self.random.chance(3) {
            return self.go_on(self.storage.without_power(kept), possible, done);
        }
        let disk = self.disk_within_a_step(done);
        possible.extend(self.world.passed().to_vec());
        possible.extend(self.world.after_power_loss());
        self.go_on(FaultyStorage::on(disk.without_power(kept)), possible, done);
    }

    /// Makes a step, and answers the disk as it was at some moment of it.
    fn disk_within_a_step(&mut self, done: &mut Done) -> Disk {
        let begun = self.storage.moment();
        match self.random.chance(2) {
            true => {
                self.keep_in_order(done);
                done.broken_orders += 1;
            }
            false => self.act(),
        }
        let changes = self.storage.moment() - begun;
        let moment = begun + self.random.below(changes + 1);
        self.storage.disk_at(moment)
    }

    /// The storage that is left may fail at once; most is well.
    fn go_on(&mut self, storage: FaultyStorage, possible: Vec<Model>, done: &mut Done) {
        done.faults += self.storage.failures();
        self.storage = storage;
        if self.random.chance(3) {
            self.leave_unfinished(done);
        }
        let settings = settings(&mut self.random);
        let can_fail = self.random.chance(4);
        if can_fail {
            self.fail();
        }
        let storage = Arc::new(self.storage.clone());
        self.world.move_to(storage, settings, possible, can_fail);
        if !can_fail {
            let left = UNFINISHED
                .iter()
                .filter(|name| self.storage.exists(name).unwrap());
            assert_eq!(left.count(), 0);
        }
        self.world.check_soundness();
        done.checks += 1;
    }

    /// Somebody has begun files, of which nobody knows what is in them.
    fn leave_unfinished(&mut self, done: &mut Done) {
        for name in UNFINISHED {
            if self.random.chance(2) {
                let bytes = self.random.below(5_000);
                let bytes = self.random.bytes(bytes);
                self.storage.create(name).unwrap().write(0, &bytes).unwrap();
                done.leftovers += 1;
            }
        }
    }
}

fn settings(random: &mut Random) -> Settings {
    Settings {
        durability: random.one_of(&[Durability::Immediate, Durability::Eventual]),
        delta_sessions_max: random.one_of(&[1, 3, 9, 30, 1_000]),
        cache_bytes: random.one_of(&[0, 0, 1 << 20]),
    }
}
