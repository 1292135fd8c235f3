//! A suspended store has no file open and no lock, whatever still reads from it, and goes on as if
//! nothing had been once it is resumed: iOS ends a process that holds a lock while it is suspended.

use crate::support::faulty::{Call, Fault, FaultyStorage};
use crate::{Stop, at, log, refused, uid};
use chrono::{DateTime, Utc};
use sessionlog::{
    Bucket, Cursor, Durability, Erasure, Error, ErrorKind, Merge, OpenSessions, PageRequest, Query,
    RetainedMax, SessionLog, StaleEnd, Store,
};
use std::fmt::Debug;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

fn kind<T: Debug>(result: Result<T, Error>) -> ErrorKind {
    result.unwrap_err().kind()
}

fn start() -> DateTime<Utc> {
    at("2026-11-01T08:00:00Z")
}

fn session(number: u128) -> SessionLog {
    log(number, "2026-11-01T08:00:00Z", None)
}

/// What a process has of a store's files: /proc says it.
#[cfg(target_os = "linux")]
mod held {
    use std::fs;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    /// The files below a directory that this process has open, also those that have no name any more.
    pub(super) fn files(directory: &Path) -> Vec<String> {
        let directory = fs::canonicalize(directory).unwrap();
        let open = fs::read_dir("/proc/self/fd").unwrap();
        let paths = open.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
        let inside = paths.filter(|path| path.starts_with(&directory));
        inside.map(|path| path.display().to_string()).collect()
    }

    /// The locks that anybody has on files of a directory.
    pub(super) fn locks(directory: &Path) -> Vec<String> {
        let files = fs::read_dir(directory).unwrap();
        let inodes = files.map(|file| file.unwrap().metadata().unwrap().ino());
        let inodes: Vec<String> = inodes.map(|inode| format!(":{inode} ")).collect();
        let locks = fs::read_to_string("/proc/locks").unwrap();
        let ours = locks
            .lines()
            .filter(|lock| inodes.iter().any(|inode| lock.contains(inode)));
        ours.map(str::to_owned).collect()
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_suspended_store_has_no_file_open_and_no_lock_whoever_still_has_a_snapshot_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = Store::options().merge(Merge::Inline).create(&path).unwrap();
    store.append_batch((1..2_000).map(session)).unwrap();
    let old = store.snapshot().unwrap();
    // The file that this reads from has no name any more.
    store.compact(|_| ()).unwrap();
    store.append(session(2_000)).unwrap();
    let new = store.snapshot().unwrap();
    let mut walk = new.iter(&Query::all()).unwrap();
    walk.next().unwrap().unwrap();
    let open = held::files(&path);
    for file in [
        "main.redb",
        "main.redb.new (deleted)",
        "log.0",
        "log.1",
        "LOCK",
    ] {
        let is_open = open.iter().any(|open| open.ends_with(file));
        // What the old file was called when it went says the file system.
        assert!(is_open || file.contains("deleted"), "{file}: {open:?}");
    }
    assert!(open.iter().any(|open| open.contains("deleted")), "{open:?}");
    assert_eq!(held::locks(&path).len(), 1);

    store.suspend().unwrap();
    assert_eq!(held::files(&path), [""; 0]);
    assert_eq!(held::locks(&path), [""; 0]);

    store.resume().unwrap();
    assert_eq!(held::locks(&path).len(), 1);
    assert_eq!(store.count(&Query::all()).unwrap(), 2_000);
    for snapshot in [old, new] {
        assert_eq!(kind(snapshot.count(&Query::all())), ErrorKind::Expired);
    }
    // It has read some ahead.
    assert_eq!(kind(walk.find(Result::is_err).unwrap()), ErrorKind::Expired);
    store.close().unwrap();
    assert_eq!(held::files(&path), [""; 0]);
}

#[test]
fn every_call_is_suspended_until_the_store_is_resumed_and_then_none_is() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path().join("store")).unwrap();
    store.append_batch((1..10).map(session)).unwrap();
    let snapshot = store.snapshot().unwrap();
    let mut walk = snapshot.iter(&Query::all()).unwrap();
    let page = PageRequest::default();
    let all = Query::all();
    store.suspend().unwrap();
    let calls: Vec<(&str, ErrorKind)> = vec![
        ("append", kind(store.append(session(10)))),
        ("append_batch", kind(store.append_batch([session(10)]))),
        ("start", kind(store.start(uid(7), "Ann", "PDA-01"))),
        (
            "start_as",
            kind(store.start_as(uid(11), uid(7), "Ann", "PDA-01")),
        ),
        ("end", kind(store.end(uid(1), start()))),
        ("end_open", kind(store.end_open(&all, start()))),
        (
            "end_stale",
            kind(store.end_stale(start(), StaleEnd::At(start()), |_| ())),
        ),
        ("remove", kind(store.remove(uid(1)))),
        ("flush", kind(store.flush())),
        ("get", kind(store.get(uid(1)))),
        ("page", kind(store.page(&all, page))),
        (
            "page_after",
            kind(store.page_after(&all, &Cursor::start(&all), 5)),
        ),
        ("count", kind(store.count(&all))),
        ("iter", kind(store.iter(&all))),
        ("count_by", kind(store.count_by(&all, Bucket::Day))),
        ("busiest_users", kind(store.busiest_users(&all, 5))),
        ("busiest_clients", kind(store.busiest_clients(&all, 5))),
        ("users_named", kind(store.users_named("Ann"))),
        ("stats", kind(store.stats())),
        ("snapshot", kind(store.snapshot())),
        ("verify", kind(store.verify(|_| ()))),
        (
            "prune",
            kind(store.prune(chrono::TimeDelta::days(1), OpenSessions::Keep, |_| ())),
        ),
        (
            "retain",
            kind(store.retain_at_most(RetainedMax::Sessions(5), |_| ())),
        ),
        (
            "erase_user",
            kind(store.erase_user(uid(7), Erasure::Secure, |_| ())),
        ),
        ("compact", kind(store.compact(|_| ()))),
        ("rebuild", kind(store.rebuild(|_| ()))),
        (
            "backup",
            kind(store.backup(folder.path().join("backup"), |_| ())),
        ),
        ("a snapshot's count", kind(snapshot.count(&all))),
        ("an iterator's next", kind(walk.next().unwrap())),
    ];
    for (call, kind) in calls {
        assert_eq!(kind, ErrorKind::Suspended, "{call}");
    }
    assert!(!folder.path().join("backup").exists());
    store.suspend().unwrap();
    store.resume().unwrap();
    store.resume().unwrap();
    assert_eq!(store.count(&all).unwrap(), 9);
    assert_eq!(store.verify(|_| ()).unwrap().session_count, 9);
    store.append(session(10)).unwrap();
    store.close().unwrap();
    for result in [store.suspend(), store.resume()] {
        assert_eq!(kind(result), ErrorKind::Closed);
    }
    assert_eq!(kind(snapshot.count(&all)), ErrorKind::Closed);
}

#[test]
fn a_suspended_store_can_be_closed_and_then_everything_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = Store::create(&path).unwrap();
    store.append(session(1)).unwrap();
    store.suspend().unwrap();
    store.close().unwrap();
    assert_eq!(kind(store.count(&Query::all())), ErrorKind::Closed);
    assert_eq!(kind(store.resume()), ErrorKind::Closed);
    assert_eq!(Store::open(&path).unwrap().count(&Query::all()).unwrap(), 1);
}

#[test]
fn a_store_that_another_has_open_meanwhile_is_resumed_once_that_is_closed_with_what_it_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = Store::create(&path).unwrap();
    store.append_batch((1..6).map(session)).unwrap();
    let all = Query::all();
    let page = store.page_after(&all, &Cursor::start(&all), 3).unwrap();
    store.suspend().unwrap();

    let other = Store::open(&path).unwrap();
    assert_eq!(kind(store.resume()), ErrorKind::AlreadyOpen);
    assert_eq!(kind(store.count(&all)), ErrorKind::Suspended);
    other.append(session(6)).unwrap();
    other.remove(uid(5)).unwrap();
    other.erase_user(uid(9), Erasure::Secure, |_| ()).unwrap();
    other.close().unwrap();

    store.resume().unwrap();
    // The cursor goes on where it stood.
    let rest = store.page_after(&all, &page.next, 10).unwrap().entries;
    let rest: Vec<_> = rest.into_iter().map(|log| log.refer_uid).collect();
    assert_eq!(rest, [uid(4), uid(6)]);
}

#[test]
fn another_store_in_the_place_of_a_suspended_one_is_not_taken_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let aside = folder.path().join("aside");
    let store = Store::create(&path).unwrap();
    store.append(session(1)).unwrap();
    store.suspend().unwrap();
    std::fs::rename(&path, &aside).unwrap();
    assert_eq!(kind(store.resume()), ErrorKind::NotAStore);
    // A stranger's directory is left as it was.
    std::fs::create_dir(&path).unwrap();
    assert_eq!(kind(store.resume()), ErrorKind::NotAStore);
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0);
    Store::create(&path).unwrap().close().unwrap();
    assert_eq!(kind(store.resume()), ErrorKind::NotAStore);
    // It is let go of again.
    Store::open(&path).unwrap().close().unwrap();
    std::fs::remove_dir_all(&path).unwrap();
    std::fs::rename(&aside, &path).unwrap();
    store.resume().unwrap();
    assert_eq!(store.count(&Query::all()).unwrap(), 1);
}

#[test]
fn what_was_not_durable_is_so_once_the_store_is_suspended() {
    let storage = FaultyStorage::default();
    let options = Store::options().durability(Durability::Eventual);
    let store = options.create_on(Arc::new(storage.clone())).unwrap();
    store.append_batch((1..10).map(session)).unwrap();
    assert_eq!(storage.sessions_after_power_loss(), 0);
    store.suspend().unwrap();
    assert_eq!(storage.sessions_after_power_loss(), 9);
    store.resume().unwrap();
    assert_eq!(store.count(&Query::all()).unwrap(), 9);
}

#[test]
fn a_store_that_is_only_read_is_suspended_and_resumed_and_no_byte_of_it_is_changed() {
    let storage = FaultyStorage::default();
    let store = Store::options()
        .create_on(Arc::new(storage.clone()))
        .unwrap();
    store.append(session(1)).unwrap();
    store.close().unwrap();
    let before = storage.moment();
    let options = Store::options().read_only(true);
    let reader = options.open_on(Arc::new(storage.clone())).unwrap();
    reader.suspend().unwrap();
    assert_eq!(kind(reader.count(&Query::all())), ErrorKind::Suspended);
    reader.resume().unwrap();
    assert_eq!(reader.count(&Query::all()).unwrap(), 1);
    assert_eq!(storage.moment(), before);
}

/// Suspended from where it tells of its progress, a call would wait for itself.
#[test]
fn a_store_is_not_suspended_from_the_progress_of_a_call_that_is_to_end_first() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path().join("store")).unwrap();
    store.append_batch((1..3_000).map(session)).unwrap();
    let mut refusals = 0;
    let mut suspend = |_| {
        refused(store.suspend(), ErrorKind::InvalidInput, "store");
        store.resume().unwrap();
        refusals += 1;
    };
    store.compact(&mut suspend).unwrap();
    store
        .backup(folder.path().join("backup"), &mut suspend)
        .unwrap();
    assert!(refusals >= 2, "{refusals}");
    store.suspend().unwrap();
}

/// A call that makes this one as it tells of its progress.
type Lasting<'c> = dyn Fn(&dyn Fn()) -> Result<(), Error> + Sync + 'c;

/// The callers find out as they tell of their progress, and leave nothing behind.
#[test]
fn calls_that_last_are_given_up_for_a_suspension() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let backup = folder.path().join("backup");
    let store = Store::create(&path).unwrap();
    store.append_batch((1..40_000).map(session)).unwrap();
    let lasting: [&Lasting; 4] = [
        &|step| store.compact(|_| step()).map(drop),
        &|step| store.rebuild(|_| step()).map(drop),
        &|step| {
            store
                .erase_user(uid(99), Erasure::Secure, |_| step())
                .map(drop)
        },
        &|step| store.backup(&backup, |_| step()).map(drop),
    ];
    for call in lasting {
        let (is_at_it, is_suspending) = (AtomicBool::new(false), AtomicBool::new(false));
        thread::scope(|scope| {
            let given_up = scope.spawn(|| {
                call(&|| {
                    // Whoever makes sure that the store is open does not wait for who suspends it.
                    store.resume().unwrap();
                    is_at_it.store(true, Ordering::SeqCst);
                    // Till the store is about to be suspended, and a moment longer.
                    while !is_suspending.load(Ordering::SeqCst) {
                        thread::yield_now();
                    }
                    thread::sleep(std::time::Duration::from_millis(20));
                })
            });
            while !is_at_it.load(Ordering::SeqCst) && !given_up.is_finished() {
                thread::yield_now();
            }
            is_suspending.store(true, Ordering::SeqCst);
            store.suspend().unwrap();
            // Neither of the store nor of a copy in the making.
            #[cfg(target_os = "linux")]
            assert_eq!(held::files(folder.path()), [""; 0]);
            assert_eq!(kind(given_up.join().unwrap()), ErrorKind::Suspended);
        });
        assert!(!path.join("main.redb.new").exists());
        assert!(!backup.join("main.redb").exists());
        store.resume().unwrap();
        assert_eq!(store.count(&Query::all()).unwrap(), 39_999);
    }
    store.backup(&backup, |_| ()).unwrap();
}

/// Two that follow each other without a pause would keep it waiting.
#[test]
fn no_call_that_lasts_begins_while_a_suspension_waits_for_others() {
    let store = Store::in_memory().unwrap();
    store.append_batch((1..2_000).map(session)).unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stop = Stop(&stop);
        for _ in 0..3 {
            scope.spawn(|| compact_until(&store, &stop));
        }
        for _ in 0..5 {
            store.suspend().unwrap();
            store.resume().unwrap();
        }
    });
    assert_eq!(store.count(&Query::all()).unwrap(), 1_999);
}

#[test]
fn a_store_that_is_closed_from_the_progress_of_a_compaction_leaves_no_copy_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = Store::create(&path).unwrap();
    store.append_batch((1..3_000).map(session)).unwrap();
    let compacted = store.compact(|_| store.close().unwrap());
    assert_eq!(kind(compacted), ErrorKind::Closed);
    assert!(!path.join("main.redb.new").exists());
    drop(store);
    assert_eq!(
        Store::open(&path).unwrap().count(&Query::all()).unwrap(),
        2_999
    );
}

/// A clock that suspends the store as soon as it is told which.
#[derive(Debug, Default, Clone)]
struct SuspendingClock(Arc<std::sync::Mutex<Option<Store>>>);

impl sessionlog::Clock for SuspendingClock {
    fn now(&self) -> DateTime<Utc> {
        let store = self.0.lock().unwrap().take();
        store.inspect(|store| store.suspend().unwrap());
        start() + chrono::TimeDelta::days(1)
    }
}

/// A clock that makes sure that the store is open.
#[derive(Debug, Default, Clone)]
struct ResumingClock(Arc<std::sync::OnceLock<Store>>);

impl sessionlog::Clock for ResumingClock {
    fn now(&self) -> DateTime<Utc> {
        if let Some(store) = self.0.get() {
            // Some of the time another thread waits for this one.
            let _ = store.resume();
        }
        start()
    }
}

#[test]
fn a_clock_that_calls_the_store_keeps_no_suspension_waiting() {
    let clock = ResumingClock::default();
    let options = Store::options().clock(clock.clone()).delta_sessions_max(8);
    let store = options.in_memory().unwrap();
    clock.0.set(store.clone()).unwrap();
    for number in 1..400 {
        match store.append(session(number)) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::Suspended),
        }
        if number % 3 == 0 {
            store.suspend().unwrap();
            store.resume().unwrap();
        }
    }
    assert!(store.count(&Query::all()).unwrap() > 100);
}

/// What is due goes with a write of the next opening.
#[test]
fn sessions_that_are_due_to_go_when_the_store_is_suspended_go_once_it_is_resumed() {
    let clock = SuspendingClock::default();
    let policy = sessionlog::Retention {
        older_than: Some(chrono::TimeDelta::hours(1)),
        ..Default::default()
    };
    let options = Store::options().merge(Merge::Inline).clock(clock.clone());
    let store = options.retention(policy).in_memory().unwrap();
    store.append(session(200)).unwrap();
    let ended = |number| log(number, "2026-11-01T08:00:00Z", Some("2026-11-01T08:00:00Z"));
    store.append_batch((1..100).map(ended)).unwrap();
    *clock.0.lock().unwrap() = Some(store.clone());
    // Half of a run is what the clock is asked for last.
    let pruned = store.prune(chrono::TimeDelta::hours(1), OpenSessions::Keep, |_| ());
    assert_eq!(kind(pruned), ErrorKind::Suspended);
    store.resume().unwrap();
    assert_eq!(store.count(&Query::all()).unwrap(), 100);
    store.compact(|_| ()).unwrap();
    store.append(session(201)).unwrap();
    assert_eq!(store.count(&Query::all()).unwrap(), 2);
}

/// Each change and each read of a suspension and of a resumption failed in turn, once, a few times and
/// for good, with every kind of failure.
#[test]
fn a_suspension_or_resumption_that_fails_loses_nothing_and_can_be_repeated() {
    let kinds = [
        io::ErrorKind::PermissionDenied,
        io::ErrorKind::StorageFull,
        io::ErrorKind::Other,
    ];
    let mut failed = 0;
    for (calls, kind) in [Call::CHANGES, Call::LOOKS]
        .into_iter()
        .zip(kinds.iter().cycle())
    {
        for failures in [1, 2, u64::MAX] {
            for after in 0.. {
                let fault = Fault::of(calls).after(after).times(failures).with(*kind);
                if !suspends_and_resumes(fault) {
                    break;
                }
                failed += 1;
            }
        }
    }
    assert!(failed > 60, "{failed}");
}

/// Answers whether any call has failed.
fn suspends_and_resumes(fault: Fault) -> bool {
    let storage = FaultyStorage::default();
    let options = Store::options().merge(Merge::Inline).delta_sessions_max(8);
    let options = options.durability(Durability::Eventual);
    let store = options.create_on(Arc::new(storage.clone())).unwrap();
    for number in 1..30 {
        store.append(session(number)).unwrap();
    }
    storage.fail(fault);
    let suspended = store.suspend();
    assert_eq!(kind(store.count(&Query::all())), ErrorKind::Suspended);
    // Asked again, it must not seem to have gone well.
    assert_eq!(store.suspend().is_ok(), suspended.is_ok());
    let resumed = store.resume();
    let has_failed = storage.has_failed();
    storage.heal();
    if resumed.is_err() {
        assert_eq!(kind(store.count(&Query::all())), ErrorKind::Suspended);
    }
    for result in [suspended, resumed] {
        if let Err(error) = result {
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
            assert!(has_failed);
        }
    }
    store.resume().unwrap();
    assert_eq!(store.count(&Query::all()).unwrap(), 29);
    store.append(session(30)).unwrap();
    assert_eq!(store.verify(|_| ()).unwrap().faults, [""; 0]);
    store.close().unwrap();
    has_failed
}

/// Threads that write, read and walk find the store open or suspended, and nothing else; whatever was
/// acknowledged is there.
#[test]
fn suspended_and_resumed_beside_others_again_and_again_nothing_is_lost_and_nobody_waits_for_ever() {
    for merge in [Merge::Background, Merge::Inline] {
        let folder = tempfile::tempdir().unwrap();
        let options = Store::options().merge(merge).delta_sessions_max(64);
        let store = options.create(folder.path().join("store")).unwrap();
        let stop = AtomicBool::new(false);
        let written = thread::scope(|scope| {
            let _stop = Stop(&stop);
            let writers = [0, 1].map(|writer| {
                let (store, stop) = (&store, &stop);
                scope.spawn(move || written_until(store, stop, writer << 64))
            });
            scope.spawn(|| read_until(&store, &stop));
            scope.spawn(|| compact_until(&store, &stop));
            for _ in 0..60 {
                store.suspend().unwrap();
                store.resume().unwrap();
                thread::sleep(std::time::Duration::from_millis(2));
            }
            stop.store(true, Ordering::SeqCst);
            writers.map(|writer| writer.join().unwrap())
        });
        let count = store.count(&Query::all()).unwrap();
        assert_eq!(count, written.iter().sum::<u64>());
        assert!(count > 50, "{count}");
        assert!(store.verify(|_| ()).unwrap().is_sound());
    }
}

/// Appends until told to stop, each session again until it is there.
fn written_until(store: &Store, stop: &AtomicBool, first: u128) -> u64 {
    let mut number = 1;
    while !stop.load(Ordering::SeqCst) {
        match store.append(session(first + number)) {
            Ok(_) => number += 1,
            Err(error) => assert_eq!(error.kind(), ErrorKind::Suspended, "{error:?}"),
        }
    }
    (number - 1) as u64
}

fn read_until(store: &Store, stop: &AtomicBool) {
    let all = Query::all();
    while !stop.load(Ordering::SeqCst) {
        let walked = store
            .iter(&all)
            .and_then(|walk| walk.collect::<Result<Vec<_>, _>>());
        if let Err(error) = walked {
            let kinds = [ErrorKind::Suspended, ErrorKind::Expired];
            assert!(kinds.contains(&error.kind()), "{error:?}");
        }
        if let Err(error) = store.page(&all, PageRequest::default()) {
            // One call of the store asks again, and may find it suspended a second time.
            let kinds = [ErrorKind::Suspended, ErrorKind::Unavailable];
            assert!(kinds.contains(&error.kind()), "{error:?}");
        }
    }
}

fn compact_until(store: &Store, stop: &AtomicBool) {
    while !stop.load(Ordering::SeqCst) {
        if let Err(error) = store.compact(|_| ()) {
            assert_eq!(error.kind(), ErrorKind::Suspended, "{error:?}");
        }
    }
}
