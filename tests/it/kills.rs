//! Real processes, killed at any moment: what they were told is stored is there afterwards.

use crate::processes::{begin_to_tell, command, tell};
use crate::{at, log, uid};
use chrono::TimeDelta;
use sessionlog::{ErrorKind, Query, SessionLog, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

const START: &str = "2026-11-01T08:00:00Z";

/// Names the store to the process that writes, and the first number of its sessions.
const STORE: &str = "SESSIONLOG_TEST_STORE";
const FIRST: &str = "SESSIONLOG_TEST_FIRST";

/// Threads that write, and the numbers that each has.
const WRITERS: u128 = 3;
const NUMBERS: u128 = 1_000_000;

/// As long as it takes to open the store, and more, on a fast machine and on a slow one.
const OPENING_MICROS: [u64; 2] = [400, 4_000];

/// Set it for more.
const ROUNDS: &str = "SESSIONLOG_KILL_ROUNDS";

/// What the process that is killed does; by itself, nothing.
#[test]
fn writer() {
    let (Ok(path), Ok(first)) = (std::env::var(STORE), std::env::var(FIRST)) else {
        return;
    };
    let first: u128 = first.parse().unwrap();
    // It merges all the time, and is written anew all the time.
    let options = Store::options().delta_sessions_max(40).shape(8, 6);
    begin_to_tell();
    tell("opening");
    let store = options.clone().open(&path);
    let store = match store {
        Err(error) if error.kind() == ErrorKind::NotAStore => options.create(&path),
        opened => opened,
    };
    let store = store.unwrap();
    tell("opened");
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let store = &store;
            scope.spawn(move || write(store, first + writer * NUMBERS));
        }
        scope.spawn(|| {
            loop {
                store.compact(|_| ()).unwrap();
                store.rebuild(|_| ()).unwrap();
            }
        });
    });
}

/// Appends batches for ever, ends some sessions of the batch before, and tells of each that is done.
fn write(store: &Store, first: u128) {
    let mut number = first;
    loop {
        let batch = batch(number);
        let count = batch.len() as u128;
        store.append_batch(batch).unwrap();
        tell(&format!("appended {number}"));
        if number > first && number.is_multiple_of(3) {
            store
                .end(uid(number), session(number).session_start)
                .unwrap();
            tell(&format!("ended {number}"));
        }
        number += count;
    }
}

/// The batch that begins with a number: one to five sessions.
fn batch(number: u128) -> Vec<SessionLog> {
    let count = number * 7 % 5 + 1;
    (number..number + count).map(session).collect()
}

/// An open session, which tells from others by more than its id.
fn session(number: u128) -> SessionLog {
    SessionLog {
        user_refer_uid: uid(number % 9 + 1),
        user: format!("User {}", number % 90).into(),
        client_refer_uid: format!("PDA-{}", number % 7).into(),
        session_start: at(START) + TimeDelta::seconds(number as i64 % 100_000_000),
        ..log(number, START, None)
    }
}

/// What a process was told.
#[derive(Default)]
struct Told {
    /// How many processes have begun to open the store or to make it, and how many had done so.
    opening: u64,
    opened: u64,
    appended: BTreeSet<u128>,
    ended: BTreeSet<u128>,
}

impl Told {
    fn take(&mut self, line: &str) {
        let number = |text: &str| text.parse().unwrap();
        self.opening += u64::from(line == "opening");
        self.opened += u64::from(line == "opened");
        if let Some(first) = line.strip_prefix("appended ") {
            self.appended.insert(number(first));
        } else if let Some(ended) = line.strip_prefix("ended ") {
            self.ended.insert(number(ended));
        }
    }

    fn killed_while_opening(&self) -> u64 {
        self.opening - self.opened
    }
}

/// When a process is killed: so long after its start, or after it has begun to open its store.
enum Moment {
    AfterStart(Duration),
    WhileOpening(Duration),
}

/// Runs a process that writes until it is killed.
fn run_and_kill(path: &Path, first: u128, moment: Moment, told: &mut Told) {
    let mut command = command("kills::writer");
    command.env(STORE, path).env(FIRST, first.to_string());
    let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let (opening, is_opening) = mpsc::channel();
    let killer = thread::spawn(move || {
        match moment {
            Moment::AfterStart(after) => thread::sleep(after),
            Moment::WhileOpening(after) => {
                is_opening.recv().unwrap();
                thread::sleep(after);
            }
        }
        process.kill().unwrap();
        assert!(!process.wait().unwrap().success());
    });
    // A line that was cut off by the kill has no end, and is the last.
    for line in lines.map_while(Result::ok) {
        if line == "opening" {
            // If nobody waits for that, it is no matter.
            let _ = opening.send(());
        }
        told.take(&line);
    }
    // Who waits for what a process never said fails, and does not wait for ever.
    drop(opening);
    killer.join().unwrap();
}

/// All that was told is there, no batch in part, as it was written, and every table is right.
fn check(path: &Path, told: &Told) {
    let options = Store::options().shape(8, 6);
    let store = match options.clone().open(path) {
        // What is left of the making of one is in nobody's way.
        Err(error) if error.kind() == ErrorKind::NotAStore && told.opened == 0 => {
            options.create(path)
        }
        opened => opened,
    };
    let store = store.unwrap();
    let found = store.verify(|_| ()).unwrap();
    assert_eq!(found.faults, Vec::<String>::new());
    let logs = store.iter(&Query::all()).unwrap().map(Result::unwrap);
    let logs: BTreeMap<u128, SessionLog> = logs.map(|log| (log.refer_uid.as_u128(), log)).collect();
    for (number, log) in &logs {
        // An end may be there that nobody was told of any more.
        let end = log.session_end.filter(|_| number.is_multiple_of(3));
        let end = end.map(|_| log.session_start);
        let written = SessionLog {
            session_end: end,
            ..session(*number)
        };
        assert_eq!(log, &written);
    }
    for first in &told.appended {
        assert!(logs.contains_key(first), "batch {first} is lost");
    }
    for number in &told.ended {
        assert!(!logs[number].is_open(), "the end of {number} is lost");
    }
    let mut numbers = logs.keys().copied();
    while let Some(first) = numbers.next() {
        let others = batch(first).len() - 1;
        let rest: Vec<u128> = numbers.by_ref().take(others).collect();
        assert!(
            rest.into_iter().eq(first + 1..=first + others as u128),
            "batch {first} is split"
        );
    }
    store.close().unwrap();
}

/// A linear congruential generator (Knuth, TAOCP volume 2, section 3.3.4, line 26), its high bits.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % limit
    }

    fn micros(&mut self, limit: u64) -> Duration {
        Duration::from_micros(self.below(limit))
    }
}

fn rounds() -> u64 {
    std::env::var(ROUNDS).map_or(200, |rounds| rounds.parse().unwrap())
}

#[test]
fn no_kill_at_any_moment_loses_or_splits_what_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let mut random = Random(1);
    let mut told = Told::default();
    for round in 0..rounds() {
        let moment = match round % 4 {
            // It repairs what the one before has left.
            0 => Moment::WhileOpening(random.micros(OPENING_MICROS[round as usize / 4 % 2])),
            _ => Moment::AfterStart(random.micros(40_000)),
        };
        let first = u128::from(round) * WRITERS * NUMBERS + 1;
        run_and_kill(&path, first, moment, &mut told);
        // Every other time the next process finds what this one has left.
        if random.below(2) == 0 {
            check(&path, &told);
        }
    }
    check(&path, &told);
    assert!(
        told.appended.len() as u64 > rounds(),
        "hardly anything was written"
    );
    assert!(
        told.killed_while_opening() > 0,
        "none was killed while it opened the store"
    );
}

#[test]
fn no_kill_while_a_store_is_made_leaves_a_part_of_one() {
    let folder = tempfile::tempdir().unwrap();
    let mut random = Random(2);
    let mut killed_while_making = 0;
    for round in 0..rounds().div_ceil(5) {
        let path = folder.path().join(round.to_string());
        let mut told = Told::default();
        // Soon enough wherever making one is fast, and late enough where it is slow.
        let limit = if round % 2 == 0 { 5_000 } else { 50_000 };
        let moment = Moment::WhileOpening(random.micros(limit));
        run_and_kill(&path, 1, moment, &mut told);
        killed_while_making += told.killed_while_opening();
        // Another goes on with what it has left.
        let moment = Moment::WhileOpening(random.micros(limit));
        run_and_kill(&path, WRITERS * NUMBERS + 1, moment, &mut told);
        check(&path, &told);
    }
    assert!(killed_while_making > 0, "none was killed while it made one");
}
