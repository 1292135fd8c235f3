//! Forged rows and log records under right checksums: a store that has them opens or is refused, and
//! is read, verified, written and salvaged without a panic.
#![no_main]

use sessionlog::fuzzing::{forge_row, log_file};
use sessionlog::storage::{MemoryStorage, Storage};
use sessionlog::{Error, Options, PageRequest, Query, SessionLog, Store};
use std::sync::Arc;
use uuid::Uuid;

const FILES: [&str; 3] = ["main.redb", "log.0", "log.1"];

/// A session of one of three users on one of five clients.
fn session(number: u128) -> SessionLog {
    SessionLog {
        refer_uid: Uuid::from_u128(number),
        user_refer_uid: Uuid::from_u128(1000 + number % 3),
        user: format!("user {}", number % 4).into(),
        client_refer_uid: format!("client {}", number % 5).into(),
        session_start: chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::hours(number as i64 % 40),
        session_end: None,
    }
}

fn options() -> Options {
    Store::options().shape(4, 3).cache_bytes(0)
}

/// A closed store of 60 sessions: its files, and its id.
fn files() -> &'static ([Vec<u8>; 3], Uuid) {
    static FILES_OF: std::sync::OnceLock<([Vec<u8>; 3], Uuid)> = std::sync::OnceLock::new();
    FILES_OF.get_or_init(|| {
        let storage = MemoryStorage::default();
        let store = options().create_on(Arc::new(storage.clone())).unwrap();
        store.append_batch((1..61).map(session)).unwrap();
        let store_uid = store.stats().unwrap().store_uid;
        store.close().unwrap();
        let files = FILES.map(|name| {
            let file = storage.open(name).unwrap();
            let mut bytes = vec![0; file.len().unwrap() as usize];
            file.read(0, &mut bytes).unwrap();
            bytes
        });
        (files, store_uid)
    })
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((&kind, bytes)) = bytes.split_first() else {
        return;
    };
    let storage = MemoryStorage::default();
    let (files, store_uid) = files();
    for (name, bytes) in FILES.iter().zip(files) {
        storage.create(name).unwrap().write(0, bytes).unwrap();
    }
    match kind % 3 {
        0 => {
            let bodies: Vec<&[u8]> = bytes.split(|byte| *byte == b'|').collect();
            let log = log_file(*store_uid, 1, &bodies);
            storage.create("log.0").unwrap().write(0, &log).unwrap();
        }
        // One row, or two.
        1 => forge_row(&storage, bytes).unwrap(),
        _ => {
            let (one, two) = bytes.split_at(bytes.len() / 2);
            forge_row(&storage, one).unwrap();
            forge_row(&storage, two).unwrap();
        }
    }
    let opened = no_panic(options().open_on(Arc::new(storage.clone())));
    if let Some(store) = opened {
        use_it(&store);
    }
    let salvaged = options().salvage_on(
        Arc::new(storage),
        |options| options.in_memory(),
        &mut |_| (),
    );
    no_panic(salvaged);
});

fn use_it(store: &Store) {
    no_panic(store.verify(|_| ()));
    for user in [None, Some(1000), Some(1002)] {
        let mut query = Query::builder().open_sessions_only(user.is_some());
        if let Some(user) = user {
            query = query.user_refer_uid(Uuid::from_u128(user));
        }
        let query = query.build().unwrap();
        for index in [0, 3, 11] {
            no_panic(store.page(&query, PageRequest::new(index, 5).unwrap()));
        }
        if let Some(logs) = no_panic(store.iter(&query)) {
            // A list may not be longer than all that there is.
            for log in logs.take(1_000) {
                no_panic(log);
            }
        }
    }
    for number in 1..70 {
        no_panic(store.get(Uuid::from_u128(number)));
    }
    no_panic(store.end(
        Uuid::from_u128(7),
        chrono::DateTime::UNIX_EPOCH + chrono::TimeDelta::days(9),
    ));
    no_panic(store.append(session(61)));
    no_panic(store.remove(Uuid::from_u128(9)));
    no_panic(store.compact(|_| ()));
    no_panic(store.rebuild(|_| ()));
    no_panic(store.close());
}

/// What is forged is refused as such: damage is for the engine to panic over, whose pages are well here.
fn no_panic<T>(done: Result<T, Error>) -> Option<T> {
    match done {
        Ok(done) => Some(done),
        Err(error) => {
            assert!(!format!("{error:?}").contains("panicked"), "{error:?}");
            None
        }
    }
}
