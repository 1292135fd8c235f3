//! One store, one writer: a second opening is refused, in this process and in others.

use crate::Stop;
use sessionlog::{Error, ErrorKind, Query, Store};
use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

fn kind<T: std::fmt::Debug>(result: Result<T, Error>) -> ErrorKind {
    result.unwrap_err().kind()
}

#[test]
fn a_second_open_is_already_open_and_closing_frees_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = Store::create(&path).unwrap();
    assert_eq!(kind(Store::open(&path)), ErrorKind::AlreadyOpen);
    let roundabout = folder.path().join("store/../store");
    assert_eq!(kind(Store::open(&roundabout)), ErrorKind::AlreadyOpen);
    let reader = Store::options().read_only(true);
    assert_eq!(kind(reader.clone().open(&path)), ErrorKind::AlreadyOpen);
    let clone = store.clone();
    store.close().unwrap();
    let one = reader.clone().open(&path).unwrap();
    let other = reader.open(&path).unwrap();
    assert_eq!(kind(Store::open(&path)), ErrorKind::AlreadyOpen);
    drop((one, other));
    assert!(Store::open(&path).is_ok());
    assert_eq!(kind(clone.count(&Query::all())), ErrorKind::Closed);
}

#[cfg(unix)]
#[test]
fn a_store_that_another_process_has_open_is_already_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    drop(Store::create(&path).unwrap());
    let lock = fs::File::open(path.join("LOCK")).unwrap();
    // A lock belongs to an open file, not to a process: this handle is a stranger to the store.
    lock.lock().unwrap();
    assert_eq!(kind(Store::open(&path)), ErrorKind::AlreadyOpen);
    lock.unlock().unwrap();
    assert!(Store::open(&path).is_ok());
}

/// A process that is being started has all files open for a moment that this one has.
#[cfg(unix)]
#[test]
fn a_closed_store_can_be_opened_at_once_also_while_other_processes_are_started() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    drop(Store::create(&path).unwrap());
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stop = Stop(&stop);
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    let started = Command::new("true").status();
                    assert!(started.unwrap().success());
                }
            });
        }
        for _ in 0..200 {
            Store::open(&path).unwrap().close().unwrap();
        }
    });
}

/// Nobody can be refused by the lock of a file that is gone: as on a platform where locks do nothing.
#[cfg(unix)]
#[test]
fn a_store_is_open_once_in_this_process_also_where_file_locks_do_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let remove_lock = || fs::remove_file(path.join("LOCK")).unwrap();
    let reader = Store::options().read_only(true);
    let store = Store::create(&path).unwrap();
    remove_lock();
    assert_eq!(kind(Store::open(&path)), ErrorKind::AlreadyOpen);
    assert_eq!(kind(reader.clone().open(&path)), ErrorKind::AlreadyOpen);
    store.close().unwrap();
    // A reader makes no such file, and each of them counts.
    let readers = [(); 2].map(|()| reader.clone().open(&path).unwrap());
    for reader in readers {
        assert_eq!(kind(Store::open(&path)), ErrorKind::AlreadyOpen);
        drop(reader);
    }
    let store = Store::open(&path).unwrap();
    remove_lock();
    assert_eq!(kind(Store::open(&path)), ErrorKind::AlreadyOpen);
    drop(store);
    assert!(Store::open(&path).is_ok());
}

#[test]
fn a_path_that_is_a_file_or_leads_through_one_is_told_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "not a directory").unwrap();
    let inside = file.join("store");
    for path in [&file, &inside] {
        let opened = Store::open(path).unwrap_err();
        let created = Store::create(path).unwrap_err();
        assert_eq!(opened.kind(), ErrorKind::NotAStore, "{opened}");
        assert_eq!(created.kind(), ErrorKind::InvalidInput, "{created}");
        for error in [opened, created] {
            assert!(
                error.to_string().contains(path.to_str().unwrap()),
                "{error}"
            );
        }
    }
    assert_eq!(fs::read(&file).unwrap(), b"not a directory");
}

#[test]
fn a_lock_that_cannot_be_opened_is_unavailable_and_the_store_can_be_opened_then() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    Store::create(&path).unwrap().close().unwrap();
    let lock = path.join("LOCK");
    fs::remove_file(&lock).unwrap();
    fs::create_dir(&lock).unwrap();
    let error = Store::open(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("cannot lock"), "{error}");
    fs::remove_dir(&lock).unwrap();
    assert!(Store::open(&path).is_ok());
}
