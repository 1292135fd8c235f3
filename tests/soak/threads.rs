//! Many threads on one store that merges in the background: writers, one that writes it anew over and
//! over, and readers, on a storage that is well or fails now and then, of which copies are taken at any
//! moment as a kill or a loss of power would leave them.
//!
//! No seed repeats that. But each writer has a user of its own, whose sessions nobody else changes, and
//! a model of them: what the store shows of that user is known at any time.

mod writer;

use crate::support::faulty::{Call, Fault, FaultyStorage, Kept};
use crate::support::random::Random;
use crate::support::{Model, OnPanic};
use crate::{ERRORS, SECONDS, number, of_the_clock, say};
use sessionlog::storage::MemoryStorage;
use sessionlog::{
    Durability, Error, ErrorKind, Merge, Options, Query, SessionLog, Snapshot, Store,
};
use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use uuid::Uuid;
use writer::Writer;

/// Ids that a writer chooses from.
const REFER_UIDS: usize = 60;

#[test]
fn whatever_threads_do_to_a_store_at_once_each_has_what_it_was_told() {
    let seconds = number("SOAK_SECONDS").unwrap_or(SECONDS);
    let first = number("SOAK_SEED").unwrap_or_else(of_the_clock);
    let end = Instant::now() + Duration::from_secs(seconds);
    let done = Done::default();
    for seed in first.. {
        let _seed = OnPanic(format!(
            "threads of SOAK_SEED={seed}, which may not repeat this"
        ));
        let mut random = Random::new(seed);
        Life::new(&mut random, &done).run(&mut random, end);
        if Instant::now() > end {
            break;
        }
    }
    say(&format!("{done:?}"));
    let counts = [&done.writes, &done.rewrites, &done.reads, &done.cuts];
    let counts = counts.map(|count| count.load(Ordering::Relaxed));
    assert!(counts.iter().all(|count| *count > 0), "{done:?}");
}

/// What there was.
#[derive(Debug, Default)]
struct Done {
    lives: AtomicU64,
    writes: AtomicU64,
    /// Writes of which it was not known what became of them.
    doubts: AtomicU64,
    rewrites: AtomicU64,
    reads: AtomicU64,
    /// Copies of the files, taken while all went on.
    cuts: AtomicU64,
    faults: AtomicU64,
}

fn count(what: &AtomicU64) {
    what.fetch_add(1, Ordering::Relaxed);
}

/// What the files may hold of the sessions of one writer.
struct Claims {
    /// What is shown, or may come to be: by a call that goes on, or has failed.
    now: Vec<Model>,
    /// What was shown since all of it was durable.
    at_risk: Vec<Model>,
}

impl Claims {
    fn new() -> Self {
        Self {
            now: vec![Model::default()],
            at_risk: Vec::new(),
        }
    }
}

/// One store and all that its threads share.
struct Life<'d> {
    storage: FaultyStorage,
    durability: Durability,
    delta_sessions_max: usize,
    options: Options,
    store: Store,
    can_fail: bool,
    is_over: AtomicBool,
    /// Of each writer. It holds this when it begins a call and when it takes note of the answer, but
    /// not between.
    claims: Vec<Mutex<Claims>>,
    done: &'d Done,
}

impl<'d> Life<'d> {
    fn new(random: &mut Random, done: &'d Done) -> Self {
        count(&done.lives);
        let storage = FaultyStorage::default();
        let durability = random.one_of(&[Durability::Immediate, Durability::Eventual]);
        let delta_sessions_max = random.one_of(&[1, 7, 40, 1_000]);
        let options = Store::options()
            .shape(4, 3)
            .durability(durability)
            .merge(Merge::Background)
            .delta_sessions_max(delta_sessions_max)
            .cache_bytes(random.one_of(&[0, 1 << 20]));
        let made = options.clone().create_on(Arc::new(storage.clone()));
        let writers = random.one_of(&[2, 3]);
        Self {
            storage,
            durability,
            delta_sessions_max,
            options,
            store: made.unwrap(),
            can_fail: random.chance(2),
            is_over: AtomicBool::new(false),
            claims: (0..writers).map(|_| Mutex::new(Claims::new())).collect(),
            done,
        }
    }

    fn run(self, random: &mut Random, end: Instant) {
        let end = end.min(Instant::now() + Duration::from_millis(700));
        let cuts: Vec<(FaultyStorage, Vec<Vec<Model>>)> = thread::scope(|scope| {
            let life = &self;
            for number in 0..life.claims.len() {
                let random = Random::new(random.next());
                scope.spawn(move || Writer::new(life, number, random).run());
            }
            let [orderly, reading] = [(); 2].map(|()| Random::new(random.next()));
            scope.spawn(move || life.keep_in_order(orderly));
            scope.spawn(move || life.read(reading));
            let cuts = life.disturb(random, end);
            life.is_over.store(true, Ordering::SeqCst);
            cuts
        });
        for (files, possible) in cuts {
            self.check(files, &possible);
        }
        self.done
            .faults
            .fetch_add(self.storage.failures(), Ordering::Relaxed);
        self.storage.heal();
        self.store.close().unwrap();
        assert!(!self.storage.was_changed_unlocked());
        let possible = self.claims.iter();
        let possible: Vec<_> = possible
            .map(|claims| claims.lock().unwrap().now.clone())
            .collect();
        self.check(self.storage.clone(), &possible);
    }

    fn goes_on(&self) -> bool {
        !self.is_over.load(Ordering::SeqCst)
    }

    /// Lets the storage fail and be well again, and takes a copy of its files now and then.
    fn disturb(&self, random: &mut Random, end: Instant) -> Vec<(FaultyStorage, Vec<Vec<Model>>)> {
        let mut cuts = Vec::new();
        while Instant::now() < end {
            thread::sleep(Duration::from_micros(random.below(8_000) as u64));
            match random.below(6) {
                0 => cuts.push(self.cut(random)),
                1..3 if self.can_fail => {
                    let all: Vec<Call> = Call::all().collect();
                    let fault = Fault::of(random.one_of(&all).alone());
                    let fault = fault.named(random.one_of(&["", "log.", "main.", "main.redb.new"]));
                    let fault = fault.with(random.one_of(&ERRORS));
                    let fault = fault.after(random.below(40) as u64);
                    self.storage
                        .fail(fault.times(random.one_of(&[1, 1, 3, u64::MAX])));
                }
                _ => self.storage.heal(),
            }
        }
        cuts
    }

    /// The files as a kill or a loss of power would leave them now, and what they may hold then.
    fn cut(&self, random: &mut Random) -> (FaultyStorage, Vec<Vec<Model>>) {
        count(&self.done.cuts);
        let claims: Vec<_> = self
            .claims
            .iter()
            .map(|claims| claims.lock().unwrap())
            .collect();
        let is_kill = random.chance(3);
        let files = match is_kill {
            true => self.storage.killed(),
            false => self.storage.without_power(match random.below(3) {
                0 => Kept::Nothing,
                _ => Kept::Some(random.next()),
            }),
        };
        let possible = claims.iter().map(|claims| {
            let mut possible = claims.now.clone();
            if !is_kill {
                possible.extend(claims.at_risk.clone());
            }
            possible
        });
        (files, possible.collect())
    }

    /// Opens files, which are sound and show one of the possible states of each writer.
    fn check(&self, files: FaultyStorage, possible: &[Vec<Model>]) {
        let options = self.options.clone().merge(Merge::Inline);
        let store = options.open_on(Arc::new(files)).unwrap();
        let verified = store.verify(|_| ()).unwrap();
        assert_eq!(verified.faults, Vec::<String>::new());
        let mut sum = 0;
        for (number, possible) in possible.iter().enumerate() {
            let query = all_of(number);
            let logs: Vec<SessionLog> = store.iter(&query).unwrap().map(Result::unwrap).collect();
            let mut possible = possible.iter().map(|model| model.answer(&query));
            let count = possible.len();
            assert!(
                possible.any(|possible| possible == logs),
                "{number} has {logs:#?}, which is none of {count} possible states"
            );
            sum += logs.len() as u64;
        }
        assert_eq!(verified.session_count, sum);
    }

    /// What a call answers; nothing if it failed because the storage did.
    fn unless_failed<T>(&self, got: Result<T, Error>) -> Option<T> {
        match got {
            Ok(answer) => Some(answer),
            Err(error) if self.is_failure(&error) => None,
            Err(error) => panic!("{error:?}"),
        }
    }

    fn is_failure(&self, error: &Error) -> bool {
        self.can_fail && error.kind() == ErrorKind::Unavailable
    }

    fn keep_in_order(&self, mut random: Random) {
        while self.goes_on() {
            let store = &self.store;
            let done = match random.below(8) {
                0..4 => store.compact(|_| ()).map(drop),
                4..6 => store.rebuild(|_| ()).map(drop),
                6 => store.verify(|_| ()).map(|verified| {
                    assert_eq!(verified.faults, Vec::<String>::new());
                }),
                _ => self.back_up(),
            };
            if self.unless_failed(done).is_some() {
                count(&self.done.rewrites);
            }
        }
    }

    fn back_up(&self) -> Result<(), Error> {
        let to = MemoryStorage::default();
        self.store.backup_on(&to, |_| ())?;
        let backup = self.options.clone().open_on(Arc::new(to)).unwrap();
        assert_eq!(backup.verify(|_| ())?.faults, Vec::<String>::new());
        Ok(())
    }

    /// Takes snapshots, and reads each twice: what it shows is of one moment, and stays.
    fn read(&self, mut random: Random) {
        let mut held: Vec<(Snapshot, Vec<SessionLog>)> = Vec::new();
        while self.goes_on() {
            if held.len() > 4 {
                let (snapshot, logs) = held.swap_remove(random.below(5));
                let again = self.logs_of(&snapshot);
                assert!(again.is_none_or(|again| again == logs));
            }
            let Some(snapshot) = self.unless_failed(self.store.snapshot()) else {
                continue;
            };
            if let Some(logs) = self.logs_of(&snapshot) {
                count(&self.done.reads);
                held.push((snapshot, logs));
            }
        }
    }

    /// Everything that a snapshot shows, which is as much as it counts; nothing if the storage has
    /// failed.
    fn logs_of(&self, snapshot: &Snapshot) -> Option<Vec<SessionLog>> {
        let read = || -> Result<Vec<SessionLog>, Error> {
            let all = Query::all();
            let logs = snapshot
                .iter(&all)?
                .collect::<Result<Vec<SessionLog>, Error>>()?;
            assert_eq!(snapshot.count(&all)?, logs.len() as u64);
            for number in 0..self.claims.len() {
                let of_one = logs.iter().filter(|log| log.user_refer_uid == user(number));
                assert_eq!(snapshot.count(&all_of(number))?, of_one.count() as u64);
            }
            Ok(logs)
        };
        match read() {
            Err(error) if self.can_fail && error.kind() == ErrorKind::Expired => None,
            logs => self.unless_failed(logs),
        }
    }
}

/// The user of a writer.
fn user(number: usize) -> Uuid {
    Uuid::from_u128(number as u128 + 1)
}

fn all_of(number: usize) -> Query {
    let query = Query::builder().user_refer_uid(user(number));
    query.build().unwrap()
}
