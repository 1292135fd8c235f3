//! A store goes from one machine to another: whatever the word size and the byte order of the one that
//! wrote it, the other reads it, finds it sound and writes on, and would have made the same files, byte
//! for byte.
//!
//! By itself the test is both machines. `SESSIONLOG_EXCHANGE_WRITE` names a folder that it is to make
//! instead, and `SESSIONLOG_EXCHANGE_READ` one that it made elsewhere.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod support;

use chrono::{DateTime, TimeDelta};
use sessionlog::{
    Cursor, Merge, OpenSessions, Options, Outcome, Query, SessionLog, Store, TEXT_BYTES_MAX,
};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use support::random::Random;
use support::settings::{Consecutive, ManualClock, swept_at_once};
use support::{Model, check_all};
use uuid::Uuid;

const WRITE: &str = "SESSIONLOG_EXCHANGE_WRITE";
const READ: &str = "SESSIONLOG_EXCHANGE_READ";

/// What is in the folder: one store as a process leaves it that is killed, closed, and as a backup.
const STORES: [&str; 3] = ["killed", "closed", "backup"];
const FILES: [&str; 3] = ["main.redb", "log.0", "log.1"];

/// A place in the answer to [`walked`].
const CURSOR: &str = "cursor";

const SEED: u64 = 1;
const DELTA_SESSIONS_MAX: usize = 600;

#[test]
fn a_store_from_another_machine_is_read_and_written_on_and_is_the_same_bytes() {
    if let Some(folder) = env::var_os(WRITE) {
        write(Path::new(&folder));
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().join("here");
    let model = write(&here);
    let there = match env::var_os(READ) {
        Some(there) => PathBuf::from(there),
        None => {
            let there = folder.path().join("there");
            write(&there);
            there
        }
    };
    for store in STORES {
        for file in FILES {
            let [one, other] = [&here, &there].map(|folder| folder.join(store).join(file));
            let is_same = fs::read(one).unwrap() == fs::read(&other).unwrap();
            assert!(is_same, "{} has other bytes", other.display());
        }
        read(&there.join(store), model.clone());
    }
    read_on(&there, &model);
}

/// Every step is the same in every run, and on every machine.
fn options(clock: &ManualClock, ids: &Consecutive) -> Options {
    let options = Store::options().clock(clock.clone()).ids(ids.clone());
    options
        .merge(Merge::Inline)
        .delta_sessions_max(DELTA_SESSIONS_MAX)
}

/// A session that nobody else draws, of any of the users, names and clients, from before 1970 or after.
fn session(random: &mut Random) -> SessionLog {
    let refer_uid = u128::from(random.next()) << 64 | u128::from(random.next());
    let user = random.below(9).saturating_sub(2);
    let names = ["Ann", "Åsa", "", "kai\u{feff}", "\0", "李", "Zoë"];
    let long = "é".repeat(TEXT_BYTES_MAX / 2);
    // Ticks of 100 ns, some days long.
    let start = i64::try_from(random.next() % 100_000_000_000_000).unwrap() - 50_000_000_000_000;
    let start = match random.below(50) {
        // Far from all others.
        0 => start.saturating_mul(1_000),
        _ => start,
    };
    let start = DateTime::UNIX_EPOCH
        + TimeDelta::microseconds(start / 10)
        + TimeDelta::nanoseconds(start % 10 * 100);
    let ticks = i64::try_from(random.next() >> random.below(64) >> 8).unwrap();
    let end = start + TimeDelta::microseconds(ticks % 1_000_000_000_000_000);
    SessionLog {
        refer_uid: Uuid::from_u128(refer_uid),
        user_refer_uid: Uuid::from_u128(user as u128 + 1),
        user: match random.chance(20) {
            true => long.into(),
            false => names[user].into(),
        },
        client_refer_uid: format!("PDA-{:02}", random.below(12)).into(),
        session_start: start,
        session_end: (!random.chance(5)).then_some(end),
    }
}

/// Makes the stores in a folder, and tells what they hold.
fn write(folder: &Path) -> Model {
    let (clock, ids) = (ManualClock::default(), Consecutive::default());
    fs::create_dir_all(folder).unwrap();
    let [killed, closed, backup] = STORES.map(|store| folder.join(store));
    let store = options(&clock, &ids).create(&closed).unwrap();
    let mut model = Model::default();
    let mut random = Random::new(SEED);
    for round in 0..16 {
        clock.advance(TimeDelta::minutes(77));
        let batch: Vec<SessionLog> = (0..200).map(|_| session(&mut random)).collect();
        let stored = store.append_batch(batch.clone()).unwrap();
        assert_eq!(Ok(stored), model.batch(batch));
        write_some(&store, &mut model, &clock, &mut random);
        if round == 12 {
            prune(&store, &mut model, &clock);
        }
    }
    let stats = store.stats().unwrap();
    assert!(stats.last_merge.is_some(), "nothing is merged");
    assert!(stats.delta_session_count > 200, "all is merged: {stats:?}");
    // As a killed process leaves it: nothing but what the system has of the files.
    fs::create_dir(&killed).unwrap();
    for file in FILES {
        fs::copy(closed.join(file), killed.join(file)).unwrap();
    }
    let query = walked();
    let page = store.page_after(&query, &Cursor::start(&query), 100);
    fs::write(folder.join(CURSOR), page.unwrap().next.to_string()).unwrap();
    store.backup(&backup, |_| ()).unwrap();
    store.close().unwrap();
    model
}

/// Starts sessions, ends some and removes some, each in a commit of its own.
fn write_some(store: &Store, model: &mut Model, clock: &ManualClock, random: &mut Random) {
    for _ in 0..20 {
        let mut log = session(random);
        let started = store.start(log.user_refer_uid, &log.user, &log.client_refer_uid);
        log.refer_uid = started.unwrap();
        log.session_start = clock.time();
        log.session_end = None;
        assert_eq!(model.start(log), Ok(Outcome::Added));
        let mut drawn = || model.0[random.below(model.0.len())].clone();
        let (removed, ended) = (drawn(), drawn());
        assert_eq!(store.remove(removed.refer_uid).unwrap(), removed);
        model.remove(removed.refer_uid).unwrap();
        if ended.is_open() && ended != removed {
            let at = ended.session_start + TimeDelta::microseconds(1);
            let outcome = store.end(ended.refer_uid, at).unwrap();
            assert_eq!(model.end(ended.refer_uid, at), Ok(outcome));
        }
    }
}

/// Removes what is old, and ends what is open on one client.
fn prune(store: &Store, model: &mut Model, clock: &ManualClock) {
    let (age, open) = (TimeDelta::days(40), OpenSessions::Keep);
    let pruned = store.prune(age, open, |_| ()).unwrap();
    assert!(pruned.removed > 100, "{pruned:?}");
    let at_once = swept_at_once(DELTA_SESSIONS_MAX);
    let (expected, _) = model.prune(at_once, (age, open), clock.time()).unwrap();
    assert_eq!(pruned, expected);
    let query = Query::builder().client_refer_uid("PDA-02").build().unwrap();
    let ended = store.end_open(&query, clock.time()).unwrap();
    assert!(ended.ended > 10, "{ended:?}");
    assert_eq!(model.end_open(&query, clock.time()), Ok(ended));
}

/// A store from elsewhere is what it must be: as it came, and after it was written on.
fn read(from: &Path, mut model: Model) {
    let folder = tempfile::tempdir().unwrap();
    for file in FILES {
        fs::copy(from.join(file), folder.path().join(file)).unwrap();
    }
    let (clock, ids) = (ManualClock::default(), Consecutive::default());
    let options = options(&clock, &ids);
    let open = |options: Options| options.open(folder.path()).unwrap();
    let store = open(options.clone().read_only(true));
    check(&store, &model);
    store.close().unwrap();
    let store = open(options.clone());
    check(&store, &model);
    let mut random = Random::new(SEED + 1);
    // More than may wait to be merged.
    for _ in 0..4 {
        let batch: Vec<SessionLog> = (0..200).map(|_| session(&mut random)).collect();
        let stored = store.append_batch(batch.clone()).unwrap();
        assert_eq!(Ok(stored), model.batch(batch));
    }
    check(&store, &model);
    store.compact(|_| ()).unwrap();
    store.close().unwrap();
    check(&open(options), &model);
}

fn check(store: &Store, model: &Model) {
    let found = store.verify(|_| ()).unwrap();
    assert_eq!(found.faults, Vec::<String>::new());
    assert_eq!(found.session_count, model.0.len() as u64);
    check_all(&store.snapshot().unwrap(), model).unwrap();
}

/// What a cursor walks through.
fn walked() -> Query {
    Query::builder()
        .user_refer_uid(Uuid::from_u128(1))
        .build()
        .unwrap()
}

/// A walk that began elsewhere goes on.
fn read_on(there: &Path, model: &Model) {
    let store = Store::options().read_only(true);
    let store = store.open(there.join("closed")).unwrap();
    let cursor = fs::read_to_string(there.join(CURSOR)).unwrap();
    let rest = store.page_after(&walked(), &cursor.parse().unwrap(), 1_000);
    assert_eq!(rest.unwrap().entries, model.answer(&walked())[100..]);
}
