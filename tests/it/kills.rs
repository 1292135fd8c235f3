//! Real processes, killed at any moment: what they were told is stored is there afterwards.

use crate::processes::{command, tell};
use crate::{log, uid};
use sessionlog::{ErrorKind, Query, SessionLog, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

const START: &str = "2026-11-01T08:00:00Z";

/// Names the store to the process that writes, and the first number of its sessions.
const STORE: &str = "SESSIONLOG_TEST_STORE";
const FIRST: &str = "SESSIONLOG_TEST_FIRST";

/// Threads that write, and the numbers that each has.
const WRITERS: u128 = 3;
const NUMBERS: u128 = 1_000_000;

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
    let store = options.clone().open(&path);
    let store = match store {
        Err(error) if error.kind() == ErrorKind::NotAStore => options.create(&path),
        opened => opened,
    };
    let store = store.unwrap();
    println!("opened");
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
            let end = log(number, START, None).session_start;
            store.end(uid(number), end).unwrap();
            tell(&format!("ended {number}"));
        }
        number += count;
    }
}

/// The batch that begins with a number: one to five sessions.
fn batch(number: u128) -> Vec<SessionLog> {
    let count = number * 7 % 5 + 1;
    let session = |number: u128| SessionLog {
        user_refer_uid: uid(number % 9 + 1),
        ..log(number, START, None)
    };
    (number..number + count).map(session).collect()
}

/// What a process was told.
#[derive(Default)]
struct Told {
    appended: BTreeSet<u128>,
    ended: BTreeSet<u128>,
}

impl Told {
    fn take(&mut self, line: &str) {
        let number = |text: &str| text.parse().unwrap();
        if let Some(first) = line.strip_prefix("appended ") {
            self.appended.insert(number(first));
        } else if let Some(ended) = line.strip_prefix("ended ") {
            self.ended.insert(number(ended));
        }
    }
}

/// Runs a process that writes until it is killed, so long after its start.
fn run_and_kill(path: &Path, first: u128, after: Duration, told: &mut Told) {
    let mut command = command("kills::writer");
    command.env(STORE, path).env(FIRST, first.to_string());
    let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let killer = thread::spawn(move || {
        thread::sleep(after);
        process.kill().unwrap();
        assert!(!process.wait().unwrap().success());
    });
    // A line that was cut off by the kill has no end, and is the last.
    let lines: Vec<String> = lines.map_while(Result::ok).collect();
    lines.iter().for_each(|line| told.take(line));
    killer.join().unwrap();
}

/// All that was told is there, no batch in part, and every table is right.
fn check(path: &Path, told: &Told) {
    let store = match Store::options().shape(8, 6).open(path) {
        Err(error) if error.kind() == ErrorKind::NotAStore && told.appended.is_empty() => return,
        opened => opened.unwrap(),
    };
    let found = store.verify(|_| ()).unwrap();
    assert_eq!(found.faults, Vec::<String>::new());
    let logs = store.iter(&Query::all()).unwrap().map(Result::unwrap);
    let logs: BTreeMap<u128, SessionLog> = logs.map(|log| (log.refer_uid.as_u128(), log)).collect();
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
}

#[test]
fn no_kill_at_any_moment_loses_or_splits_what_was_acknowledged() {
    let rounds = std::env::var(ROUNDS).map_or(200, |rounds| rounds.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let mut random = Random(1);
    let mut told = Told::default();
    for round in 0..rounds {
        let after = Duration::from_micros(500 + random.below(40_000));
        let first = u128::from(round) * WRITERS * NUMBERS + 1;
        run_and_kill(&path, first, after, &mut told);
        // Every other time the next process finds what this one has left.
        if random.below(2) == 0 {
            check(&path, &told);
        }
    }
    check(&path, &told);
    assert!(
        told.appended.len() as u64 > rounds,
        "hardly anything was written"
    );
}
