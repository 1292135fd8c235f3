//! The calls as another language makes them, but for the crossing: that has its tests in the languages.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;
use chrono::{DateTime, TimeDelta, Utc};
use std::fs;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

fn id(number: u128) -> Uuid {
    Uuid(uuid::Uuid::from_u128(number))
}

fn at(hours: i64) -> Instant {
    let start = DateTime::<Utc>::from_timestamp(1_793_520_000, 0).unwrap();
    (start + TimeDelta::hours(hours)).into()
}

fn log(number: u128, end: Option<Instant>) -> SessionLog {
    SessionLog {
        refer_uid: id(number),
        user_refer_uid: id(7),
        user: "Ann".to_owned(),
        client_refer_uid: "PDA-01".to_owned(),
        session_start: at(0),
        session_end: end,
    }
}

fn path(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).to_str().unwrap().to_owned()
}

fn store(folder: &TempDir) -> Arc<Store> {
    Store::create(&path(folder, "store"), None).unwrap()
}

fn refused<T: std::fmt::Debug>(done: Result<T, SessionLogError>, kind: &str) -> String {
    let told = done.unwrap_err().to_string();
    assert!(told.starts_with(&format!("{kind}: ")), "{told}");
    told
}

#[test]
fn what_is_written_is_read_by_every_call() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    let started = store.start(id(7), "Ann", "PDA-01").unwrap();
    let again = store.start_as(started, id(7), "Ann", "PDA-01").unwrap();
    assert_eq!(again, Outcome::AlreadyThere);
    let found = store.get(started).unwrap().unwrap();
    assert_eq!(
        store.end(started, found.session_start).unwrap(),
        Outcome::Ended
    );
    assert_eq!(store.append(log(1, None)).unwrap(), Outcome::Added);
    let batch = vec![log(1, Some(at(1))), log(2, None)];
    assert_eq!(
        store.append_batch(batch).unwrap(),
        [Outcome::Ended, Outcome::Added]
    );
    store.flush().unwrap();
    let open = Query {
        open_sessions_only: true,
        newest_first: true,
        ..Query::default()
    };
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.count(&open).unwrap(), 1);
    let page = store.page(&open, 0, 5).unwrap();
    assert_eq!(
        (page.entries, page.total_page_count),
        (vec![log(2, None)], 1)
    );
    assert_eq!(snapshot.page(&open, 0, 5).unwrap().entries, [log(2, None)]);
    let page = store.page_after(&open, 1, None).unwrap();
    assert_eq!(
        (page.remaining_record_count, page.total_record_count),
        (0, 1)
    );
    let rest = snapshot.page_after(&open, 1, Some(page.next)).unwrap();
    assert!(rest.entries.is_empty());
    let walk = snapshot.walk(&open).unwrap();
    assert_eq!(
        [walk.take(3).unwrap().len(), walk.take(3).unwrap().len()],
        [1, 0]
    );
    assert_eq!(snapshot.get(id(2)).unwrap(), Some(log(2, None)));
    for bucket in [Bucket::Hour, Bucket::Day, Bucket::Month] {
        assert_eq!(store.count_by(&open, bucket).unwrap()[0].count, 1);
    }
    assert_eq!(store.end_open(&open, at(-1)).unwrap().left_open, 1);
    assert_eq!(store.end_open_before(at(1)).unwrap().ended, 1);
    assert_eq!(store.count(&open).unwrap(), 0);
    assert_eq!(store.remove(id(2)).unwrap(), log(2, Some(at(1))));
    let stats = store.stats().unwrap();
    assert_eq!((stats.session_count, stats.snapshot_count), (2, 1));
    assert_eq!(interface_fingerprint(), FINGERPRINT);
}

#[test]
fn a_store_is_kept_in_order_copied_and_salvaged() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    store
        .append_batch(vec![log(1, Some(at(1))), log(2, None)])
        .unwrap();
    let [file, backup, restored, salvaged] =
        ["out.jsonl", "backup", "restored", "salvaged"].map(|name| path(&folder, name));
    assert_eq!(store.export_jsonl(&Query::default(), &file).unwrap(), 2);
    let mut text = fs::read_to_string(&file).unwrap();
    text.push_str("nothing\n");
    fs::write(&file, text).unwrap();
    let done = store.import_jsonl(&file).unwrap();
    assert_eq!(
        (done.already_there, done.rejected, done.rejections[0].line),
        (2, 1, 3)
    );
    assert_eq!(store.backup(&backup).unwrap(), 2);
    assert_eq!(restore(&backup, &restored).unwrap(), 2);
    assert_eq!(store.verify().unwrap().fault_count, 0);
    store.compact().unwrap();
    let age = Duration::from_secs(1);
    // They are in the future, as far as this machine's clock is right.
    let pruned = store.prune(age, true).unwrap();
    assert_eq!(pruned.removed + store.count(&Query::default()).unwrap(), 2);
    store.append(log(3, None)).unwrap();
    assert!(store.erase_user(id(7), true).unwrap().is_secure);
    assert!(!store.erase_user(id(7), false).unwrap().is_secure);
    store.close().unwrap();
    assert_eq!(salvage(&backup, &salvaged).unwrap().session_count, 2);
    let store = Store::open_or_create(&path(&folder, "store"), None).unwrap();
    assert_eq!(store.count(&Query::default()).unwrap(), 0);
}

#[test]
fn every_kind_of_failure_is_told_by_its_name_with_its_causes() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(&folder);
    store.append(log(1, Some(at(1)))).unwrap();
    refused(store.append(log(0, None)), "InvalidInput");
    refused(store.end(id(9), at(1)), "NotFound");
    refused(store.end(id(1), at(2)), "AlreadyEnded");
    let other = SessionLog {
        user: "Anna".to_owned(),
        ..log(1, None)
    };
    match store.append_batch(vec![other]).unwrap_err() {
        SessionLogError::Conflict { refusals, .. } => assert_eq!(refusals[0].index, 0),
        other => panic!("{other}"),
    }
    // A language that knows microseconds alone has this start floored.
    let finer = SessionLog {
        session_start: DateTime::from_timestamp_nanos(1_793_520_000_123_456_700).into(),
        ..log(5, None)
    };
    store.append(finer.clone()).unwrap();
    let floored = DateTime::from_timestamp_nanos(1_793_520_000_123_456_000);
    assert_eq!(store.end(id(5), floored.into()).unwrap(), Outcome::Ended);
    let ended = store.get(id(5)).unwrap().unwrap();
    assert_eq!(ended.session_end, Some(finer.session_start));
    match store.append(log(2, Some(at(-1)))).unwrap_err() {
        SessionLogError::InvalidInput {
            session_start,
            session_end,
            member,
            ..
        } => {
            assert_eq!((session_start, session_end), (Some(at(0)), Some(at(-1))));
            assert_eq!(member.as_deref(), Some("session_end"));
        }
        other => panic!("{other}"),
    }
    let here = path(&folder, "store");
    refused(Store::open(&here, None), "AlreadyOpen");
    refused(Store::open(&path(&folder, "none"), None), "NotAStore");
    let nowhere = path(&folder, "none/file");
    let told = refused(
        store.export_jsonl(&Query::default(), &nowhere),
        "Unavailable",
    );
    assert!(told.contains("none/file"), "{told}");
    refused(store.import_jsonl(&nowhere), "Unavailable");
    fs::write(path(&folder, "zip"), b"\x1f\x8b\x08\0").unwrap();
    refused(store.import_jsonl(&path(&folder, "zip")), "InvalidInput");
    let snapshot = store.snapshot().unwrap();
    store.suspend().unwrap();
    refused(snapshot.count(&Query::default()), "Suspended");
    store.resume().unwrap();
    refused(snapshot.count(&Query::default()), "Expired");
    store.close().unwrap();
    refused(store.flush(), "Closed");
    fs::write(path(&folder, "store/main.redb"), b"").unwrap();
    refused(Store::open_or_create(&here, None), "Corrupted");
    let unsupported = crate::Error::new(crate::ErrorKind::UnsupportedFormat, "version 9");
    refused::<()>(Err(unsupported.into()), "UnsupportedFormat");
}

#[test]
fn options_are_taken_or_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let retention = Retention {
        older_than: Some(Duration::from_secs(3_600)),
        remove_open: true,
        sessions_max: Some(1),
        live_bytes_max: Some(1 << 20),
    };
    let options = Options {
        eventual: true,
        read_only: false,
        check_on_open: true,
        cache_bytes: Some(1 << 20),
        delta_sessions_max: Some(8),
        snapshot_age_max: Some(Duration::from_secs(60)),
        retention: Some(retention.clone()),
    };
    let store = Store::create(&path(&folder, "store"), Some(options.clone())).unwrap();
    store
        .append_batch(vec![log(1, Some(at(0))), log(2, Some(at(1)))])
        .unwrap();
    assert!(store.count(&Query::default()).unwrap() <= 1);
    let endless = Options {
        retention: Some(Retention {
            older_than: Some(Duration::MAX),
            ..retention
        }),
        ..options
    };
    let told = refused(
        Store::open(&path(&folder, "store"), Some(endless)),
        "InvalidInput",
    );
    assert!(told.contains("older_than"), "{told}");
}
