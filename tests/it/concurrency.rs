//! Readers beside a writer.

use crate::{at, log, uid};
use chrono::TimeDelta;
use sessionlog::storage::MemoryStorage;
use sessionlog::{PageRequest, Query, SessionLog, Store};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Sessions are written in batches of this many, so that every state holds a multiple.
const BATCH: u64 = 7;

#[test]
fn totals_match_rows_in_every_answer_beside_a_writer_without_pause() {
    totals_match_rows(Store::in_memory().unwrap());
}

#[test]
fn totals_match_rows_in_every_answer_beside_a_writer_and_merges() {
    let options = Store::options().delta_sessions_max(64).shape(4, 3);
    totals_match_rows(options.in_memory().unwrap());
}

fn totals_match_rows(store: Store) {
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..8)
        .map(|number| {
            let (store, done) = (store.clone(), Arc::clone(&done));
            thread::spawn(move || read_until(&store, &done, number))
        })
        .collect();
    write(&store, 300);
    done.store(true, Ordering::Release);
    let answers: u64 = readers
        .into_iter()
        .map(|reader| reader.join().unwrap())
        .sum();
    assert!(answers >= 8, "{answers}");
    assert_eq!(store.count(&Query::all()).unwrap(), 300 * BATCH);
}

/// Batches of open sessions, each ended in one commit after the next came.
fn write(store: &Store, batches: u64) {
    let start = at("2026-11-01T00:00:00Z");
    for batch in 0..batches {
        let begin = start + TimeDelta::hours(i64::try_from(batch).unwrap());
        let records = (0..BATCH).map(|number| SessionLog {
            session_start: begin + TimeDelta::seconds(i64::try_from(number).unwrap()),
            user_refer_uid: uid(u128::from(number % 3) + 1),
            ..log(
                u128::from(batch * BATCH + number) + 1,
                "2026-11-01T00:00:00Z",
                None,
            )
        });
        store.append_batch(records).unwrap();
        store
            .end_open(&Query::all(), begin - TimeDelta::minutes(1))
            .unwrap();
    }
}

fn read_until(store: &Store, done: &AtomicBool, number: u32) -> u64 {
    let query = match number % 4 {
        0 => Query::builder(),
        1 => Query::builder().user_refer_uid(uid(2)),
        2 => Query::builder().open_sessions_only(true),
        _ => Query::builder()
            .client_refer_uid("PDA-01")
            .started_after(at("2026-11-02T00:00:00Z")),
    };
    let query = query.build().unwrap();
    let mut answers = 0;
    while !done.load(Ordering::Acquire) || answers == 0 {
        check(store, &query, number);
        answers += 1;
    }
    answers
}

fn check(store: &Store, query: &Query, number: u32) {
    let snapshot = store.snapshot().unwrap();
    let total = snapshot.count(query).unwrap();
    let rows = snapshot.iter(query).unwrap().map(|log| log.unwrap());
    assert_eq!(rows.count() as u64, total);
    if number.is_multiple_of(4) {
        assert_eq!(total % BATCH, 0, "half a batch was seen");
    }
    let page = store
        .page(query, PageRequest::new(number, 10).unwrap())
        .unwrap();
    let before = u64::from(number) * 10;
    let expected = page.total_record_count.saturating_sub(before).min(10);
    assert_eq!(page.entries.len() as u64, expected);
    assert_eq!(page.total_page_count, page.total_record_count.div_ceil(10));
}

#[test]
fn writers_in_many_threads_lose_nothing() {
    let storage = Arc::new(MemoryStorage::default());
    // Merges all the time.
    let options = Store::options().delta_sessions_max(16).shape(4, 3);
    let store = options.clone().create_on(storage.clone()).unwrap();
    let writers: Vec<_> = (0..8_u128)
        .map(|writer| {
            let store = store.clone();
            thread::spawn(move || {
                for number in 0..50 {
                    let refer_uid = writer * 1_000 + number + 1;
                    store
                        .append(log(refer_uid, "2026-11-01T08:00:00Z", None))
                        .unwrap();
                }
            })
        })
        .collect();
    writers
        .into_iter()
        .for_each(|writer| writer.join().unwrap());
    let is_whole = |store: &Store| {
        assert_eq!(store.count(&Query::all()).unwrap(), 400);
        assert_eq!(store.iter(&Query::all()).unwrap().count(), 400);
        let stats = store.stats().unwrap();
        assert_eq!((stats.user_count, stats.client_count), (1, 1));
    };
    is_whole(&store);
    let merge = store.stats().unwrap().last_merge.unwrap();
    assert_eq!(merge.error, None);
    store.close().unwrap();
    let store = options.open_on(storage).unwrap();
    is_whole(&store);
    assert_eq!(store.stats().unwrap().delta_session_count, 0);
}

#[test]
fn a_store_and_its_parts_may_go_to_any_thread() {
    fn check<T: Send + Sync>() {}
    check::<Store>();
    check::<sessionlog::Snapshot>();
    check::<sessionlog::SessionLogs>();
    check::<sessionlog::BucketCounts>();
    check::<sessionlog::Cursor>();
    check::<sessionlog::Error>();
}
