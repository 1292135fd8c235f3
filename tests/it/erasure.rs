//! A user who is erased leaves no trace: in no answer, and where that is asked for, in no byte.

use crate::support::faulty::FaultyStorage;
use crate::support::files::bytes_of;
use crate::{Stop, at, uid};
use chrono::TimeDelta;
use sessionlog::storage::{MemoryStorage, Storage};
use sessionlog::{Erasure, ErrorKind, Merge, Options, Query, SessionLog, Store};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use uuid::Uuid;

const START: &str = "2026-11-01T08:00:00Z";

/// Of whom no byte is to be left.
const ERASED: Uuid = Uuid::from_u128(0xe1a5_ed00_0000_4000_8000_0000_dead_beef);

fn options() -> Options {
    Store::options().shape(4, 3).merge(Merge::Inline)
}

/// Ids that do not occur by chance.
fn id(number: u128) -> Uuid {
    const ODD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
    let mixed = number.wrapping_mul(ODD);
    uid((mixed ^ mixed >> 67).wrapping_mul(ODD))
}

/// A session of the user who is erased, or of another; they take turns and share some clients.
fn session(number: u128) -> SessionLog {
    let is_erased = number.is_multiple_of(2);
    let start = at(START) + TimeDelta::seconds(i64::try_from(number).unwrap());
    SessionLog {
        refer_uid: id(number),
        user_refer_uid: if is_erased {
            ERASED
        } else {
            uid(number % 9 + 1)
        },
        user: match is_erased {
            true => format!("erased-name-{}", number % 6).into(),
            false => "kept-name".into(),
        },
        client_refer_uid: match (is_erased, number % 5) {
            (true, 0) => format!("erased-client-{}", number % 20).into(),
            _ => format!("shared-client-{}", number % 3).into(),
        },
        session_start: start,
        session_end: number.is_multiple_of(3).then_some(start),
    }
}

const NUMBERS: std::ops::Range<u128> = 1..400;

fn of_others() -> Vec<SessionLog> {
    let logs = NUMBERS.map(session);
    logs.filter(|log| log.user_refer_uid != ERASED).collect()
}

fn all(store: &Store) -> Vec<SessionLog> {
    let logs = store.iter(&Query::all()).unwrap();
    logs.map(Result::unwrap).collect()
}

/// A store in which sessions of both were merged, moved, ended and removed.
fn worn(options: &Options, storage: &MemoryStorage) -> Store {
    let store = options
        .clone()
        .create_on(Arc::new(storage.clone()))
        .unwrap();
    for number in NUMBERS {
        store.append(session(number)).unwrap();
    }
    for number in NUMBERS.step_by(7) {
        store.remove(id(number)).unwrap();
        store.append(session(number)).unwrap();
    }
    store
}

fn no_trace_in_answers(store: &Store) {
    let of_user = Query::builder().user_refer_uid(ERASED).build().unwrap();
    assert_eq!(store.count(&of_user).unwrap(), 0);
    assert_eq!(all(store), of_others());
    for number in NUMBERS.filter(|number| number.is_multiple_of(2)) {
        assert_eq!(store.get(id(number)).unwrap(), None);
    }
    assert!(store.verify(|_| ()).unwrap().is_sound());
}

#[test]
fn an_erased_user_is_in_no_answer_and_clients_of_others_stay() {
    for erasure in [Erasure::Logical, Erasure::Secure] {
        for delta_sessions_max in [1, 60, 100_000] {
            let storage = MemoryStorage::default();
            let options = options().delta_sessions_max(delta_sessions_max);
            let store = worn(&options, &storage);
            let erased = store.erase_user(ERASED, erasure, |_| ()).unwrap();
            assert_eq!(erased.session_count, 199);
            assert_eq!(erased.user_name_count, 3);
            assert_eq!(erased.client_count, 2);
            assert_eq!(erased.is_secure, erasure == Erasure::Secure);
            assert_eq!(erased.snapshot_count, 0);
            no_trace_in_answers(&store);
            let again = store.erase_user(ERASED, erasure, |_| ()).unwrap();
            assert_eq!((again.session_count, again.user_name_count), (0, 0));
            // The user can come back, as anybody new.
            let back = store.start(ERASED, "erased-name-0", "erased-client-0");
            assert_eq!(
                store.get(back.unwrap()).unwrap().unwrap().user_refer_uid,
                ERASED
            );
            store.erase_user(ERASED, erasure, |_| ()).unwrap();
            store.close().unwrap();
            no_trace_in_answers(&options.open_on(Arc::new(storage)).unwrap());
        }
    }
}

/// The names and ids in all files, as text and as bytes.
fn traces(storage: &MemoryStorage) -> Vec<String> {
    let mut found = Vec::new();
    let files = [
        "main.redb",
        "main.redb.new",
        "log.0",
        "log.1",
        "log.0.new",
        "log.1.new",
    ];
    for file in files
        .into_iter()
        .filter(|file| storage.exists(file).unwrap())
    {
        let bytes = bytes_of(storage, file);
        let mut wanted = vec![b"erased-name".to_vec(), b"erased-client".to_vec()];
        let erased = NUMBERS.filter(|number| number.is_multiple_of(2)).map(id);
        for id in erased.chain([ERASED]) {
            let mut reversed = id.into_bytes();
            reversed.reverse();
            wanted.extend([id.into_bytes().to_vec(), reversed.to_vec()]);
            wanted.push(id.to_string().into_bytes());
        }
        for trace in wanted {
            let hits = bytes.windows(trace.len()).filter(|bytes| *bytes == trace);
            let hits = hits.count();
            if hits > 0 {
                found.push(format!("{file} has {trace:02x?} {hits} times"));
            }
        }
    }
    found
}

#[test]
fn a_secure_erasure_leaves_no_byte_of_names_and_ids_in_any_file() {
    for (delta_sessions_max, does_close) in [(1, false), (60, true), (100_000, false)] {
        let storage = MemoryStorage::default();
        let options = options().delta_sessions_max(delta_sessions_max);
        let store = worn(&options, &storage);
        assert!(!traces(&storage).is_empty());
        store.erase_user(ERASED, Erasure::Secure, |_| ()).unwrap();
        assert_eq!(traces(&storage), Vec::<String>::new());
        // Nor does anything come back.
        store.append(session(1_001)).unwrap();
        if does_close {
            store.close().unwrap();
        }
        assert_eq!(traces(&storage), Vec::<String>::new());
    }
}

/// The names and ids in the files of the log.
fn traces_in_log(storage: &MemoryStorage) -> Vec<String> {
    let mut found = traces(storage);
    found.retain(|trace| trace.starts_with("log."));
    found
}

#[test]
fn a_logical_erasure_leaves_no_byte_in_the_log_nor_in_a_backup_made_later() {
    for delta_sessions_max in [1, 60, 100_000] {
        let storage = MemoryStorage::default();
        let store = worn(&options().delta_sessions_max(delta_sessions_max), &storage);
        assert!(!traces_in_log(&storage).is_empty());
        store.erase_user(ERASED, Erasure::Logical, |_| ()).unwrap();
        assert_eq!(traces_in_log(&storage), Vec::<String>::new());
        let backup = MemoryStorage::default();
        store.backup_on(&backup, |_| ()).unwrap();
        assert_eq!(traces(&backup), Vec::<String>::new());
        // Nor does anything come back.
        store.append(session(1_001)).unwrap();
        assert_eq!(traces_in_log(&storage), Vec::<String>::new());
    }
}

#[test]
fn what_an_interrupted_call_has_left_goes_too() {
    let storage = MemoryStorage::default();
    let store = worn(&options(), &storage);
    for file in ["main.redb.new", "log.0.new", "log.1.new"] {
        let file = storage.create(file).unwrap();
        file.write(0, b"erased-name-1").unwrap();
    }
    store.erase_user(ERASED, Erasure::Secure, |_| ()).unwrap();
    assert_eq!(traces(&storage), Vec::<String>::new());
}

#[test]
fn the_report_counts_the_snapshots_that_still_see_what_was_erased() {
    let storage = MemoryStorage::default();
    let store = worn(&options(), &storage);
    let snapshot = store.snapshot().unwrap();
    let erased = store.erase_user(ERASED, Erasure::Secure, |_| ()).unwrap();
    assert_eq!(erased.snapshot_count, 1);
    assert_eq!(snapshot.count(&Query::all()).unwrap(), 399);
    no_trace_in_answers(&store);
}

#[test]
fn an_erasure_while_others_write_takes_the_user_and_nobody_else() {
    let store = Store::options()
        .shape(8, 6)
        .delta_sessions_max(40)
        .in_memory()
        .unwrap();
    store.append_batch(NUMBERS.map(session)).unwrap();
    let is_done = AtomicBool::new(false);
    let written = thread::scope(|scope| {
        let (store, is_done) = (&store, &is_done);
        let writer = scope.spawn(move || {
            let numbers = (1_001_u128..).step_by(2);
            let numbers = numbers.take_while(|_| !is_done.load(Ordering::SeqCst));
            let logs = numbers.map(|number| SessionLog {
                // Clients that the erased user has too.
                client_refer_uid: format!("erased-client-{}", number % 20).into(),
                ..session(number)
            });
            let stored = logs.inspect(|log| {
                store.append(log.clone()).unwrap();
            });
            stored.collect::<Vec<_>>()
        });
        let stop = Stop(is_done);
        for erasure in [Erasure::Logical, Erasure::Secure, Erasure::Secure] {
            store.erase_user(ERASED, erasure, |_| ()).unwrap();
            store
                .start(ERASED, "erased-name-9", "erased-client-1")
                .unwrap();
        }
        store.erase_user(ERASED, Erasure::Logical, |_| ()).unwrap();
        drop(stop);
        writer.join().unwrap()
    });
    let expected: Vec<SessionLog> = of_others().into_iter().chain(written).collect();
    assert_eq!(all(&store), expected);
    assert!(store.verify(|_| ()).unwrap().is_sound());
}

/// Of two users who alone have a client one is erased, and once that has removed the sessions, something
/// else drops the client before it is at that.
#[test]
fn a_client_that_is_dropped_while_its_user_is_erased_is_no_fault() {
    let erases: fn(&Store) = |store| {
        let erased = store.erase_user(uid(8), Erasure::Logical, |_| ()).unwrap();
        assert_eq!((erased.session_count, erased.client_count), (1, 1));
    };
    let removes_and_rewrites: fn(&Store) = |store| {
        store.remove(id(8)).unwrap();
        // It has merged what it does not make smaller, and then a copy has what there is.
        store.compact(|_| ()).unwrap();
        store.rebuild(|_| ()).unwrap();
    };
    for drops_client in [erases, removes_and_rewrites] {
        let store = options().in_memory().unwrap();
        for number in [7, 8] {
            let log = SessionLog {
                refer_uid: id(number),
                user_refer_uid: uid(number),
                ..crate::log(number, START, None)
            };
            store.append(log).unwrap();
        }
        let mut is_first = true;
        let erased = store.erase_user(uid(7), Erasure::Logical, |_| {
            if std::mem::take(&mut is_first) {
                drops_client(&store);
            }
        });
        let erased = erased.unwrap();
        assert_eq!((erased.session_count, erased.client_count), (1, 0));
        assert_eq!(store.count(&Query::all()).unwrap(), 0);
        assert!(store.verify(|_| ()).unwrap().is_sound());
    }
}

/// The copy has the names of the user already when the erasure comes to them.
#[test]
fn a_user_who_is_erased_while_the_store_is_written_anew_does_not_come_back_with_it() {
    let storage = FaultyStorage::default();
    let store = options().create_on(Arc::new(storage.clone())).unwrap();
    store.append_batch(NUMBERS.map(session)).unwrap();
    // Now there is nothing to be merged: the first that is synced is the copy.
    store.compact(|_| ()).unwrap();
    storage.shut("main.redb.new");
    let is_swept = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| store.rebuild(|_| ()).unwrap());
        storage.wait_for_waiting(1);
        scope.spawn(|| {
            let swept = |_| is_swept.store(true, Ordering::SeqCst);
            store.erase_user(ERASED, Erasure::Logical, swept).unwrap();
        });
        while !is_swept.load(Ordering::SeqCst) {
            thread::yield_now();
        }
        // It would have the time to forget the names too.
        thread::sleep(Duration::from_millis(100));
        storage.open_gate();
    });
    no_trace_in_answers(&store);
    store
        .start(ERASED, "erased-name-0", "erased-client-0")
        .unwrap();
    assert!(store.verify(|_| ()).unwrap().is_sound());
    let erased = store.erase_user(ERASED, Erasure::Logical, |_| ()).unwrap();
    assert_eq!((erased.user_name_count, erased.client_count), (1, 1));
    no_trace_in_answers(&store);
}

#[test]
fn a_nil_user_is_refused() {
    let store = Store::in_memory().unwrap();
    let erased = store.erase_user(Uuid::nil(), Erasure::Logical, |_| ());
    crate::refused(erased, ErrorKind::InvalidInput, "user_refer_uid");
}
