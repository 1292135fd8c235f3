//! How much memory a call takes at once, counted: the allocator is the whole process's, so these tests are
//! alone, and come one after the other.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout)]

use chrono::{DateTime, TimeDelta, Utc};
use sessionlog::storage::{Sharing, Storage, StorageFile};
use sessionlog::{Clock, Merge, OpenSessions, Options, Query, Result, SessionLog, Store};
use std::any::Any;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// The pages that a store keeps, and the most changed sessions that wait in memory.
const CACHE_BYTES: usize = 1 << 20;
const DELTA_SESSIONS: usize = 8_000;

/// How many sessions the smaller of two stores has: more than any call works on at once, which is
/// 32,768 where a file is written anew, and some thousand where sessions are written as any are. The
/// larger has four times as many.
const SESSIONS: u32 = 70_000;
const SESSIONS_FEW: u32 = 20_000;

/// A directory of the file system, as storage: what is in it takes no memory.
#[derive(Debug)]
struct OnDisk(PathBuf);

impl Storage for OnDisk {
    fn open(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        let path = self.0.join(name);
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Box::new(file))
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn StorageFile>> {
        fs::create_dir_all(&self.0)?;
        File::create(self.0.join(name))?;
        self.open(name)
    }

    fn exists(&self, name: &str) -> io::Result<bool> {
        fs::exists(self.0.join(name))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.0.join(from), self.0.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.0.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn is_lockable(&self) -> bool {
        true
    }

    fn lock(&self, _: Sharing) -> Result<Box<dyn Any + Send + Sync>> {
        Ok(Box::new(()))
    }
}

/// The hour after the last session has ended.
#[derive(Debug)]
struct Afterwards(u32);

impl Clock for Afterwards {
    fn now(&self) -> DateTime<Utc> {
        session(self.0).session_start + TimeDelta::hours(1)
    }
}

/// One of 200 users on one of 50 clients, a minute after the one before.
fn session(number: u32) -> SessionLog {
    let start = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::minutes(number.into());
    // Far apart from those before and after, as random ids are.
    let refer_uid = u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    SessionLog {
        refer_uid: Uuid::from_u128(refer_uid),
        user_refer_uid: Uuid::from_u128(u128::from(number % 200) + 1),
        user: format!("User {}", number % 200).into(),
        client_refer_uid: format!("PDA-{}", number % 50).into(),
        session_start: start,
        session_end: Some(start + TimeDelta::seconds(number.into()) / 1_000_000),
    }
}

fn options(sessions: u32) -> Options {
    let options = Store::options().merge(Merge::Inline);
    let options = options.clock(Afterwards(sessions));
    let options = options.cache_bytes(CACHE_BYTES);
    options.delta_sessions_max(DELTA_SESSIONS)
}

/// What the call has in memory, beside what was there before: the most at once, and at its end.
fn measured(call: impl FnOnce()) -> (u64, u64) {
    let profiler = dhat::Profiler::builder().testing();
    let profiler = profiler.trim_backtraces(Some(4)).build();
    call();
    let stats = dhat::HeapStats::get();
    drop(profiler);
    (stats.max_bytes as u64, stats.curr_bytes as u64)
}

fn peak(call: impl FnOnce()) -> u64 {
    measured(call).0
}

static ONE_AFTER_THE_OTHER: Mutex<()> = Mutex::new(());

/// A store on the disk, and places beside it.
struct Place {
    folder: tempfile::TempDir,
    sessions: u32,
    store: Store,
}

impl Place {
    fn new(sessions: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let storage = OnDisk(folder.path().join("store"));
        let store = options(sessions).create_on(Arc::new(storage)).unwrap();
        for first in (0..sessions).step_by(10_000) {
            let batch = (first..first + 10_000).map(session);
            store.append_batch(batch).unwrap();
        }
        Self {
            folder,
            sessions,
            store,
        }
    }

    fn beside(&self, name: &str) -> Arc<OnDisk> {
        Arc::new(OnDisk(self.folder.path().join(name)))
    }

    fn iterate(&self) {
        let logs = self.store.iter(&Query::all()).unwrap();
        assert_eq!(logs.map(Result::unwrap).count(), self.sessions as usize);
    }

    fn verify(&self) {
        assert!(self.store.verify(|_| ()).unwrap().is_sound());
    }

    fn back_up(&self) {
        let copied = self.store.backup_on(&*self.beside("backup"), |_| ());
        assert_eq!(copied.unwrap(), u64::from(self.sessions));
    }

    fn compact(&self) {
        self.store.compact(|_| ()).unwrap();
    }

    fn rebuild(&self) {
        self.store.rebuild(|_| ()).unwrap();
    }

    /// What the store holds, which is not written meanwhile.
    fn salvage(&self) {
        let create = |options: Options| options.create_on(self.beside("salvaged"));
        let options = options(self.sessions);
        let salvaged = options.salvage_on(self.beside("store"), create, &mut |_| ());
        assert_eq!(salvaged.unwrap().session_count, u64::from(self.sessions));
    }

    /// Of the sessions about a half.
    fn prune(&self) {
        let half = TimeDelta::minutes(i64::from(self.sessions / 2));
        let pruned = self.store.prune(half, OpenSessions::Keep, |_| ());
        assert!(pruned.unwrap().removed > u64::from(self.sessions / 3));
    }
}

/// A call, what it is called, and the most bytes it may take.
type Bounded = (&'static str, fn(&Place), u64);

/// Each has the pages that are kept, of both files where one is written. More is:
const OF_MANY: [Bounded; 5] = [
    // The leaf that it is at.
    ("iter", Place::iterate, 2 << 20),
    // The pages of the check of the file, which keeps 4 MiB of its own, and the dictionary.
    ("verify", Place::verify, 6 << 20),
    // 32,768 entries of a family, of 50 to 100 bytes.
    ("backup", Place::back_up, 8 << 20),
    ("compact", Place::compact, 8 << 20),
    // 32,768 sessions that are put into all their families, a kilobyte each.
    ("rebuild", Place::rebuild, 40 << 20),
];
const OF_FEW: [Bounded; 2] = [
    // 10,000 records that are stored at once, and what that merges.
    ("salvage", Place::salvage, 24 << 20),
    // 8,000 changed sessions that wait, about 500 bytes each, and what is merged of them.
    ("prune", Place::prune, 12 << 20),
];

/// What the calls take with a store, and with one of four times the sessions.
fn peaks(calls: &[Bounded], sessions: u32) -> Vec<(u64, u64)> {
    let [small, large] = [sessions, 4 * sessions].map(Place::new);
    let calls = calls.iter().map(|(_, call, _)| call);
    calls
        .map(|call| (peak(|| call(&small)), peak(|| call(&large))))
        .collect()
}

#[test]
fn what_waits_to_be_merged_takes_about_as_much_memory_as_the_statistics_say() {
    let alone = ONE_AFTER_THE_OTHER.lock();
    let _alone = alone.unwrap_or_else(PoisonError::into_inner);
    let place = Place::new(0);
    let store = &place.store;
    assert_eq!(store.stats().unwrap().delta_bytes, 0);
    // Fewer than start a merge; the first has made what a delta needs whatever it holds.
    let waiting = 0..u32::try_from(DELTA_SESSIONS / 4 - 1).unwrap();
    store.append(session(waiting.start)).unwrap();
    let (_, taken) = measured(|| {
        for number in waiting.skip(1) {
            store.append(session(number)).unwrap();
        }
    });
    let told = store.stats().unwrap().delta_bytes;
    println!("{told} bytes are told of {taken}");
    assert!(
        (taken / 2..=taken * 2).contains(&told),
        "{told}, not {taken}"
    );
}

#[test]
fn no_call_that_goes_through_a_store_takes_memory_in_proportion_to_its_sessions() {
    let alone = ONE_AFTER_THE_OTHER.lock();
    let _alone = alone.unwrap_or_else(PoisonError::into_inner);
    let mut too_many = Vec::new();
    for (calls, sessions) in [(&OF_MANY[..], SESSIONS), (&OF_FEW, SESSIONS_FEW)] {
        for ((name, _, bound), (few, many)) in calls.iter().zip(peaks(calls, sessions)) {
            println!("{name}: {few}, then {many} bytes of {bound}");
            // The smaller may fill less of what is kept; in proportion would be four times as much.
            if many > *bound || many > few + few / 2 {
                too_many.push((*name, few, many));
            }
        }
    }
    assert_eq!(too_many, []);
}
