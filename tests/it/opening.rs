//! Making, opening and closing stores: what is refused stays as it was.

use crate::support::files::bytes_of;
use crate::{at, log, refused, rewrite_meta, uid};
use sessionlog::storage::MemoryStorage;
use sessionlog::{
    Bucket, Error, ErrorKind, Outcome, PageRequest, Query, QueryBuilder, SessionLog, Store,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

const START: &str = "2026-11-01T08:00:00Z";

fn kind<T: std::fmt::Debug>(result: Result<T, Error>) -> ErrorKind {
    result.unwrap_err().kind()
}

/// Every file of a directory with its bytes.
fn files(path: &Path) -> BTreeMap<String, Vec<u8>> {
    fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect()
}

#[test]
fn what_was_written_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep").join("store");
    let store = Store::create(&path).unwrap();
    store.append(log(1, START, None)).unwrap();
    let before = store.stats().unwrap();
    store.close().unwrap();
    let store = Store::open(&path).unwrap();
    assert_eq!(store.get(uid(1)).unwrap().unwrap(), log(1, START, None));
    let after = store.stats().unwrap();
    assert_eq!(
        (after.store_uid, after.session_count),
        (before.store_uid, 1)
    );
    assert_eq!(
        (after.user_count, after.user_name_count, after.client_count),
        (1, 1, 1)
    );
    assert_eq!((after.open_session_count, after.format_version), (1, 4));
    let bytes = |name| fs::metadata(path.join(name)).unwrap().len();
    assert_eq!(after.log_bytes, bytes("log.0") + bytes("log.1"));
    assert_eq!(after.file_bytes, bytes("main.redb") + after.log_bytes);
}

#[cfg(unix)]
#[test]
fn the_directory_of_a_store_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let new = folder.path().join("new");
    drop(Store::create(&new).unwrap());
    assert_eq!(mode(&new), 0o700);
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    fs::set_permissions(&empty, fs::Permissions::from_mode(0o755)).unwrap();
    drop(Store::create(&empty).unwrap());
    assert_eq!(mode(&empty), 0o700);
}

#[test]
fn a_mistyped_path_is_an_error_and_not_an_empty_store() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("stroe");
    assert_eq!(kind(Store::open(&missing)), ErrorKind::NotAStore);
    assert!(!missing.exists());
    assert_eq!(kind(Store::open(folder.path())), ErrorKind::NotAStore);
    assert!(files(folder.path()).is_empty());
}

#[test]
fn what_is_not_a_store_is_refused_untouched() {
    let cases: [(&str, &[u8], ErrorKind); 3] = [
        (
            "text",
            b"not a database at all, just some text",
            ErrorKind::NotAStore,
        ),
        ("zeros", &[0; 8192], ErrorKind::NotAStore),
        ("empty", b"", ErrorKind::Corrupted),
    ];
    for (name, bytes, expected) in cases {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("main.redb"), bytes).unwrap();
        let before = files(folder.path());
        let error = Store::open(folder.path()).unwrap_err();
        assert_eq!(error.kind(), expected, "{name}: {error}");
        assert!(error.to_string().contains("main.redb"), "{error}");
        assert_eq!(files(folder.path()), before, "{name}");
    }
}

#[test]
fn a_database_of_another_program_is_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let database = redb::Database::create(folder.path().join("main.redb")).unwrap();
    let write = database.begin_write().unwrap();
    let table = redb::TableDefinition::<u64, u64>::new("theirs");
    write.open_table(table).unwrap().insert(1, 2).unwrap();
    write.commit().unwrap();
    drop(database);
    let before = files(folder.path());
    assert_eq!(kind(Store::open(folder.path())), ErrorKind::NotAStore);
    assert_eq!(files(folder.path()), before);
}

/// Changes the row of the store's identity behind the store's back.
fn set_format_version(path: &Path, file: &str, version: u32) {
    if file.starts_with("log") {
        let mut bytes = fs::read(path.join(file)).unwrap();
        bytes[4..8].copy_from_slice(&version.to_le_bytes());
        let checksum = crc32fast::hash(&[b"log".as_slice(), b"identity", &bytes[4..24]].concat());
        bytes[..4].copy_from_slice(&checksum.to_le_bytes());
        return fs::write(path.join(file), bytes).unwrap();
    }
    rewrite_meta(&path.join(file), b"identity", |body| {
        [&version.to_le_bytes(), &body[4..]].concat()
    });
}

#[test]
fn an_unknown_format_version_is_refused_untouched_with_both_versions_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    Store::create(&path).unwrap().close().unwrap();
    for file in ["main.redb", "log.0", "log.1"] {
        for version in [0, 3, 5, u32::MAX] {
            set_format_version(&path, file, version);
            let before = files(&path);
            let error = Store::open(&path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::UnsupportedFormat, "{error}");
            let both =
                format!("{file}: the store has format version {version}; this version reads 4");
            assert_eq!(error.to_string(), both);
            assert_eq!(files(&path), before);
        }
        set_format_version(&path, file, 4);
        assert!(Store::open(&path).is_ok());
    }
}

#[test]
fn a_truncated_file_is_corrupted_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = Store::create(&path).unwrap();
    store
        .append_batch((1..2_000).map(|number| log(number, START, None)))
        .unwrap();
    store.close().unwrap();
    let whole = fs::read(path.join("main.redb")).unwrap();
    for len in [100, 4_096, whole.len() / 2, whole.len() - 1] {
        fs::write(path.join("main.redb"), &whole[..len]).unwrap();
        let before = files(&path);
        match Store::open(&path) {
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Corrupted, "{len}: {error}");
                assert_eq!(files(&path), before);
            }
            Ok(_) => panic!("opened with {len} of {} bytes", whole.len()),
        }
    }
}

/// How many sessions were in the log before its last commit.
const BEFORE_THE_LAST: usize = 240;

/// Wherever a byte has changed: what is stored is read as it was written, all of it, or not at all.
/// What damage hides from the engine, a filter or an id may miss, and a check of the whole file tells.
#[test]
fn a_changed_byte_never_changes_a_record_and_never_shortens_a_list_unnoticed() {
    let storage = Arc::new(MemoryStorage::default());
    let store = Store::options().create_on(storage.clone()).unwrap();
    let logs: Vec<_> = (1..300).map(|number| log(number, START, None)).collect();
    for logs in logs.chunks(BEFORE_THE_LAST / 4) {
        store.append_batch(logs.to_vec()).unwrap();
    }
    // Only in the log so far, and then only in the main index.
    check_changed_bytes(&storage, "log.0", &logs);
    store.close().unwrap();
    check_changed_bytes(&storage, "main.redb", &logs);
}

fn check_changed_bytes(storage: &MemoryStorage, file: &str, logs: &[SessionLog]) {
    let whole = bytes_of(storage, file);
    let used = whole.iter().rposition(|byte| *byte != 0).unwrap();
    let (mut refused, mut damaged, mut sound) = (0, 0, 0);
    for position in (0..=used).step_by(101) {
        let mut bytes = whole.clone();
        bytes[position] ^= 0x55;
        let opened = Store::options().open_on(Arc::new(copy_with(storage, file, &bytes)));
        let store = match opened {
            Ok(store) => store,
            Err(error) => {
                use ErrorKind::{Corrupted, NotAStore, UnsupportedFormat};
                let kinds = [Corrupted, NotAStore, UnsupportedFormat];
                assert!(kinds.contains(&error.kind()), "{position}: {error}");
                refused += 1;
                continue;
            }
        };
        let all = read(&store, Query::builder());
        // The last commit of the log, if it is damaged, looks like one that a crash has cut off.
        let is_cut_off = file == "log.0" && all.as_deref() == Some(&logs[..BEFORE_THE_LAST]);
        let is_whole = all.as_deref().is_none_or(|all| all == logs);
        assert!(is_whole || is_cut_off, "{file} at {position}");
        if !all.is_some_and(|all| is_found_otherwise(&store, &all)) {
            let found = store.verify(|_| ()).unwrap();
            assert!(!found.is_sound(), "{file} at {position}");
            damaged += 1;
        } else if !is_cut_off {
            sound += 1;
        }
    }
    // Free pages are most of a small main index, and damage there harms nothing.
    assert!(refused + damaged > 50, "{file}: {refused} {damaged}");
    assert!(file == "log.0" || sound > 50, "{file}: {sound}");
}

/// The answer to a query, with as many records as it says; nothing if damage keeps it from being read.
fn read(store: &Store, query: QueryBuilder) -> Option<Vec<SessionLog>> {
    let request = PageRequest::new(0, 1_000).unwrap();
    match store.page(&query.build().unwrap(), request) {
        Ok(page) => {
            assert_eq!(page.entries.len() as u64, page.total_record_count);
            Some(page.entries)
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Corrupted, "{error}");
            None
        }
    }
}

/// Whether the filters that all sessions match, and their ids, find what is stored: what they find is
/// that, or nothing.
fn is_found_otherwise(store: &Store, stored: &[SessionLog]) -> bool {
    let filters = [
        Query::builder().user_refer_uid(uid(7)),
        Query::builder()
            .client_refer_uid("PDA-01")
            .open_sessions_only(true),
    ];
    let is_answered = filters.into_iter().all(|query| {
        let found = read(store, query);
        assert!(
            found
                .iter()
                .all(|found| found.is_empty() || found == stored)
        );
        found.is_some_and(|found| found == stored)
    });
    is_answered
        && stored.iter().all(|log| match store.get(log.refer_uid) {
            Ok(found) => {
                assert!(found.iter().all(|found| found == log));
                found.is_some()
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Corrupted, "{error}");
                false
            }
        })
}

/// The same files, but one with these bytes.
fn copy_with(storage: &MemoryStorage, file: &str, bytes: &[u8]) -> MemoryStorage {
    use sessionlog::storage::Storage;
    let copy = MemoryStorage::default();
    for name in ["main.redb", "log.0", "log.1"] {
        let original = bytes_of(storage, name);
        let bytes = if name == file { bytes } else { &original };
        copy.create(name).unwrap().write(0, bytes).unwrap();
    }
    copy
}

/// The store with one of its files as it is in another state of the same directory.
fn mixed(newer: &MemoryStorage, older: &MemoryStorage, old_file: &str) -> MemoryStorage {
    copy_with(newer, old_file, &bytes_of(older, old_file))
}

#[test]
fn files_that_do_not_belong_together_are_corrupted() {
    let before = Arc::new(MemoryStorage::default());
    let store = Store::options().create_on(before.clone()).unwrap();
    store.append(log(1, START, None)).unwrap();
    let early = copy_with(&before, "", &[]);
    store.close().unwrap();
    let late = copy_with(&before, "", &[]);
    let options = Store::options();
    let store = options.clone().open_on(before.clone()).unwrap();
    // Trims what was merged.
    store.append(log(2, START, None)).unwrap();
    store.close().unwrap();
    for (older, lacking) in [(&early, 1), (&late, 2)] {
        let mixed = mixed(&before, older, "main.redb");
        let error = options.clone().open_on(Arc::new(mixed)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupted, "{error}");
        let problem = format!("log.0 and log.1 lack commit {lacking}");
        assert!(error.to_string().contains(&problem), "{error}");
    }
    // An older log has nothing that the main index lacks.
    let opened = options
        .clone()
        .open_on(Arc::new(mixed(&before, &early, "log.0")));
    assert_eq!(opened.unwrap().count(&Query::all()).unwrap(), 2);
    let stranger = Arc::new(MemoryStorage::default());
    drop(options.clone().create_on(stranger.clone()).unwrap());
    let opened = options
        .clone()
        .open_on(Arc::new(mixed(&before, &stranger, "log.1")));
    assert_eq!(kind(opened), ErrorKind::Corrupted);
    let without = MemoryStorage::default();
    {
        use sessionlog::storage::Storage;
        let main = without.create("main.redb").unwrap();
        main.write(0, &bytes_of(&before, "main.redb")).unwrap();
    }
    assert_eq!(
        kind(options.open_on(Arc::new(without))),
        ErrorKind::Corrupted
    );
}

#[test]
fn creating_where_something_is_already_is_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("store");
    drop(Store::create(&store).unwrap());
    let storage: Arc<dyn sessionlog::storage::Storage> = Arc::new(MemoryStorage::default());
    let create = || Store::options().create_on(Arc::clone(&storage));
    drop(create().unwrap());
    assert_eq!(kind(create()), ErrorKind::InvalidInput);
    let strange = folder.path().join("strange");
    fs::create_dir(&strange).unwrap();
    fs::write(strange.join("notes.txt"), "mine").unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "mine").unwrap();
    for path in [&store, &strange, &file] {
        assert_eq!(kind(Store::create(path)), ErrorKind::InvalidInput);
    }
    assert_eq!(files(&strange).len(), 1);
    assert_eq!(fs::read(&file).unwrap(), b"mine");
    assert!(Store::open(&store).is_ok());
}

#[test]
fn an_interrupted_creation_leaves_nothing_that_opens_and_can_be_repeated() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    fs::create_dir(&path).unwrap();
    // It can end before all of them are renamed; those of the log are the first.
    fs::write(path.join("main.redb.new"), "half a file").unwrap();
    fs::write(path.join("log.0"), "of no store").unwrap();
    assert_eq!(kind(Store::open(&path)), ErrorKind::NotAStore);
    let store = Store::create(&path).unwrap();
    store.append(log(1, START, None)).unwrap();
    let names: Vec<String> = files(&path).into_keys().collect();
    assert_eq!(names, ["LOCK", "log.0", "log.1", "main.redb"]);
}

#[test]
fn a_store_open_for_reading_only_changes_no_byte_and_refuses_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = Store::create(&path).unwrap();
    store.append(log(1, START, None)).unwrap();
    store.close().unwrap();
    let before = files(&path);
    let store = Store::options().read_only(true).open(&path).unwrap();
    assert_eq!(store.count(&Query::all()).unwrap(), 1);
    refused(
        store.append(log(2, START, None)),
        ErrorKind::InvalidInput,
        "read_only",
    );
    refused(
        store.end(uid(1), at(START)),
        ErrorKind::InvalidInput,
        "read_only",
    );
    store.flush().unwrap();
    store.close().unwrap();
    assert_eq!(files(&path), before);
    let create = Store::options()
        .read_only(true)
        .create(folder.path().join("new"));
    refused(create, ErrorKind::InvalidInput, "read_only");
}

#[test]
fn every_call_on_a_closed_store_is_closed() {
    let store = Store::in_memory().unwrap();
    let snapshot = store.snapshot().unwrap();
    let mut logs = store.iter(&Query::all()).unwrap();
    assert_eq!(store.append(log(1, START, None)).unwrap(), Outcome::Added);
    let counts = || store.count_by(&Query::all(), Bucket::Day).unwrap();
    let (mut begun, mut ended) = (counts(), counts());
    assert_eq!(ended.by_ref().count(), 1);
    store.close().unwrap();
    store.close().unwrap();
    assert_eq!(kind(begun.next().unwrap()), ErrorKind::Closed);
    assert!(begun.next().is_none() && ended.next().is_none());
    let all = Query::all();
    assert_eq!(kind(store.append(log(2, START, None))), ErrorKind::Closed);
    assert_eq!(kind(store.append_batch([])), ErrorKind::Closed);
    assert_eq!(kind(store.end(uid(1), at(START))), ErrorKind::Closed);
    assert_eq!(kind(store.get(uid(1))), ErrorKind::Closed);
    assert_eq!(
        kind(store.page(&all, PageRequest::default())),
        ErrorKind::Closed
    );
    assert_eq!(kind(store.snapshot()), ErrorKind::Closed);
    assert_eq!(kind(store.stats()), ErrorKind::Closed);
    assert_eq!(kind(store.flush()), ErrorKind::Closed);
    // What outlives the store knows.
    assert_eq!(kind(snapshot.count(&all)), ErrorKind::Closed);
    assert!(logs.next().is_none());
}

#[test]
fn what_outlives_the_last_handle_ends_with_an_error() {
    let store = Store::in_memory().unwrap();
    store
        .append_batch((1..=300).map(|number| log(number, START, None)))
        .unwrap();
    let mut logs = store.iter(&Query::all()).unwrap();
    assert!(logs.next().unwrap().is_ok());
    drop(store);
    let rest: Vec<Result<_, Error>> = logs.collect();
    // What was read ahead comes; then one error, and no silent end.
    let (last, before) = rest.split_last().unwrap();
    assert!(before.iter().all(Result::is_ok) && before.len() < 299);
    assert_eq!(last.as_ref().unwrap_err().kind(), ErrorKind::Closed);
}

#[test]
fn errors_keep_their_source() {
    let folder = tempfile::tempdir().unwrap();
    let error = Store::open(folder.path().join("missing")).unwrap_err();
    let source = std::error::Error::source(&error).unwrap();
    let source = source.downcast_ref::<std::io::Error>().unwrap();
    assert_eq!(source.kind(), std::io::ErrorKind::NotFound);
}

/// Only what an interrupted creation has left may be taken over: it never held a session.
#[test]
fn no_store_is_made_over_the_log_of_one_whose_main_index_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let [path, salvaged] = ["store", "salvaged"].map(|name| folder.path().join(name));
    let store = Store::create(&path).unwrap();
    store.start(uid(7), "Ann", "PDA-01").unwrap();
    let copies = ["log.0", "log.1"].map(|name| fs::read(path.join(name)).unwrap());
    store.close().unwrap();
    fs::remove_file(path.join("main.redb")).unwrap();
    // As the process leaves them that is killed.
    fs::write(path.join("log.0"), &copies[0]).unwrap();
    fs::write(path.join("log.1"), &copies[1]).unwrap();
    for _ in 0..2 {
        let error = Store::create(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupted, "{error}");
        assert!(
            error.to_string().contains("main.redb is missing"),
            "{error}"
        );
    }
    assert_eq!(Store::open(&path).unwrap_err().kind(), ErrorKind::NotAStore);
    let found = Store::salvage(&path, &salvaged, |_| ()).unwrap();
    assert_eq!(found.session_count, 1);
    // Of one whose sessions all came past the log, too.
    let path = folder.path().join("large");
    let store = Store::options()
        .delta_sessions_max(5)
        .create(&path)
        .unwrap();
    let logs = (1..10).map(|number| log(number, START, None));
    store.append_batch(logs).unwrap();
    store.close().unwrap();
    fs::remove_file(path.join("main.redb")).unwrap();
    assert_eq!(kind(Store::create(&path)), ErrorKind::Corrupted);
}
