//! Copies of a store: consistent while others write, and never taken for good when they are not.

use crate::{Stop, log, uid};
use sessionlog::{Error, ErrorKind, Merge, Query, Store};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

const START: &str = "2026-11-01T08:00:00Z";

fn restore(backup: &Path, to: &Path) -> Result<u64, Error> {
    Store::restore(backup, to, |_| ())
}

/// Batches of ten, in order: a copy has all of one or nothing, and none without those before.
#[test]
fn a_backup_is_one_state_while_others_write_and_a_restored_one_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::options()
        .merge(Merge::Background)
        .delta_sessions_max(50)
        .create(folder.path().join("store"))
        .unwrap();
    let is_done = AtomicBool::new(false);
    let counts = thread::scope(|scope| {
        let (store, is_done) = (&store, &is_done);
        let writer = scope.spawn(move || {
            let batches = (0..).take_while(|_| !is_done.load(Ordering::SeqCst));
            batches.fold(0, |_, batch: u128| {
                let numbers = batch * 10 + 1..=batch * 10 + 10;
                let batch = numbers.map(|number| log(number, START, None));
                store.append_batch(batch).unwrap();
                store.count(&Query::all()).unwrap()
            })
        });
        let stop = Stop(is_done);
        let counts: Vec<u64> = (0..4)
            .map(|number| {
                let backup = folder.path().join(format!("backup {number}"));
                let restored = folder.path().join(format!("restored {number}"));
                store.backup(&backup, |_| ()).unwrap();
                restore(&backup, &restored).unwrap();
                check(&restored)
            })
            .collect();
        drop(stop);
        writer.join().unwrap();
        counts
    });
    assert!(counts.is_sorted(), "{counts:?}");
    assert!(counts.iter().all(|count| count % 10 == 0), "{counts:?}");
    store.backup(folder.path().join("last"), |_| ()).unwrap();
    let store_uid = store.stats().unwrap().store_uid;
    let last = Store::open(folder.path().join("last")).unwrap();
    assert_eq!(last.stats().unwrap().store_uid, store_uid);
    let count = |store: &Store| store.count(&Query::all()).unwrap();
    assert_eq!(count(&last), count(&store));
}

/// A restored store has what its count says, and takes more.
fn check(path: &Path) -> u64 {
    let store = Store::open(path).unwrap();
    assert!(store.verify(|_| ()).unwrap().is_sound());
    let count = store.count(&Query::all()).unwrap();
    let logs = store.iter(&Query::all()).unwrap().map(Result::unwrap);
    let expected = (1..=u128::from(count)).map(|number| log(number, START, None));
    assert!(logs.eq(expected));
    store
        .append(log(u128::from(count) + 1, START, None))
        .unwrap();
    store.close().unwrap();
    count
}

#[test]
fn a_backup_of_an_empty_store_is_an_empty_store() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::in_memory().unwrap();
    store.backup(folder.path().join("backup"), |_| ()).unwrap();
    let backup = Store::open(folder.path().join("backup")).unwrap();
    assert_eq!(backup.count(&Query::all()).unwrap(), 0);
}

#[test]
fn a_backup_never_goes_over_anything() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path().join("store")).unwrap();
    store.append(log(1, START, None)).unwrap();
    let refused = |to: &Path| store.backup(to, |_| ()).unwrap_err().kind();
    assert_eq!(
        refused(&folder.path().join("store")),
        ErrorKind::InvalidInput
    );
    store.backup(folder.path().join("backup"), |_| ()).unwrap();
    assert_eq!(
        refused(&folder.path().join("backup")),
        ErrorKind::InvalidInput
    );
    fs::write(folder.path().join("file"), "of somebody").unwrap();
    assert_eq!(
        refused(&folder.path().join("file")),
        ErrorKind::InvalidInput
    );
    assert_eq!(
        fs::read(folder.path().join("file")).unwrap(),
        b"of somebody"
    );
}

#[test]
fn a_read_only_store_can_be_backed_up_with_what_its_log_has() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = Store::create(&path).unwrap();
    store.append(log(1, START, None)).unwrap();
    // As a process that was killed leaves it.
    let copy = folder.path().join("copy");
    fs::create_dir(&copy).unwrap();
    for file in ["main.redb", "log.0", "log.1"] {
        fs::copy(path.join(file), copy.join(file)).unwrap();
    }
    let store = Store::options().read_only(true).open(&copy).unwrap();
    store.backup(folder.path().join("backup"), |_| ()).unwrap();
    let backup = Store::open(folder.path().join("backup")).unwrap();
    assert_eq!(backup.count(&Query::all()).unwrap(), 1);
}

#[test]
fn what_is_no_store_or_damaged_is_not_restored() {
    let folder = tempfile::tempdir().unwrap();
    let (backup, to) = (folder.path().join("backup"), folder.path().join("to"));
    let refused = || restore(&backup, &to).unwrap_err().kind();
    assert_eq!(refused(), ErrorKind::NotAStore);
    fs::create_dir(&backup).unwrap();
    assert_eq!(refused(), ErrorKind::NotAStore);
    fs::remove_dir(&backup).unwrap();

    let store = Store::in_memory().unwrap();
    store
        .append_batch((1..2_000).map(|number| log(number, START, None)))
        .unwrap();
    store.backup(&backup, |_| ()).unwrap();
    let main = backup.join("main.redb");
    let whole = fs::read(&main).unwrap();
    let mut refusals = 0;
    for at in (5_000..whole.len()).step_by(whole.len() / 20) {
        let mut damaged = whole.clone();
        damaged[at] ^= 4;
        fs::write(&main, &damaged).unwrap();
        match restore(&backup, &to) {
            // That byte was free.
            Ok(_) => fs::remove_dir_all(&to).unwrap(),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Corrupted, "byte {at}: {error}");
                assert!(!to.join("main.redb").exists());
                refusals += 1;
            }
        }
        assert_eq!(fs::read(&main).unwrap(), damaged);
    }
    assert!(refusals > 10, "{refusals}");
    fs::write(&main, &whole[..whole.len() / 2]).unwrap();
    assert_eq!(refused(), ErrorKind::Corrupted);
    fs::write(&main, &whole).unwrap();
    fs::remove_file(backup.join("log.1")).unwrap();
    assert_eq!(refused(), ErrorKind::Corrupted);
}

#[test]
fn a_copy_of_an_older_main_index_beside_a_newer_log_is_told_from_a_backup() {
    let folder = tempfile::tempdir().unwrap();
    let (path, backup) = (folder.path().join("store"), folder.path().join("backup"));
    let store = Store::options().merge(Merge::Inline).create(&path).unwrap();
    store.append(log(1, START, None)).unwrap();
    store.backup(&backup, |_| ()).unwrap();
    for number in 2..5 {
        store.append(log(number, START, None)).unwrap();
    }
    store.compact(|_| ()).unwrap();
    store.append(log(5, START, None)).unwrap();
    store.close().unwrap();
    fs::copy(backup.join("main.redb"), path.join("main.redb")).unwrap();
    let error = Store::open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupted, "{error}");
    // By itself it is whole.
    let backup = Store::open(&backup).unwrap();
    assert!(backup.get(uid(1)).unwrap().is_some());
    assert_eq!(backup.count(&Query::all()).unwrap(), 1);
}
