//! How often a page allocates, counted: the allocator is the whole process's, so this test is alone.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use chrono::{DateTime, TimeDelta, Utc};
use sessionlog::storage::MemoryStorage;
use sessionlog::{Merge, PageRequest, Query, QueryBuilder, SessionLog, Store};
use std::sync::Arc;
use uuid::Uuid;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const SESSIONS: u32 = 6_000;

fn session(number: u32) -> SessionLog {
    let start = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::minutes(number.into());
    SessionLog {
        refer_uid: Uuid::from_u128(u128::from(number) + 1),
        user_refer_uid: Uuid::from_u128(u128::from(number % 3) + 1),
        user: "Ann".into(),
        client_refer_uid: format!("PDA-{}", number % 5).into(),
        session_start: start,
        session_end: (!number.is_multiple_of(4)).then_some(start),
    }
}

fn filters() -> Vec<QueryBuilder> {
    let filters = (0..16).map(|bits| {
        let [user, client, open, window] = [1, 2, 4, 8].map(|bit| bits & bit != 0);
        Query::builder()
            .user_refer_uid(user.then(|| Uuid::from_u128(1)))
            .client_refer_uid(client.then_some("PDA-0"))
            .open_sessions_only(open)
            .started_after(window.then(|| session(200).session_start))
    });
    filters.collect()
}

/// Allocations of one page of 50, the caches warm.
fn allocations(store: &Store, query: &QueryBuilder) -> u64 {
    let query = query.clone().build().unwrap();
    let page = PageRequest::new(0, 50).unwrap();
    assert_eq!(store.page(&query, page).unwrap().entries.len(), 50);
    let before = dhat::HeapStats::get().total_blocks;
    let answer = store.page(&query, page).unwrap();
    let allocations = dhat::HeapStats::get().total_blocks - before;
    drop(answer);
    allocations
}

/// A store of all sessions, the last of which wait to be merged.
fn store(in_delta: u32) -> Store {
    let storage = Arc::new(MemoryStorage::default());
    let options = Store::options().merge(Merge::Inline);
    let store = options.clone().create_on(storage.clone()).unwrap();
    let merged = SESSIONS - in_delta;
    store.append_batch((0..merged).map(session)).unwrap();
    store.close().unwrap();
    let store = options.open_on(storage).unwrap();
    store.append_batch((merged..SESSIONS).map(session)).unwrap();
    assert_eq!(
        store.stats().unwrap().delta_session_count,
        u64::from(in_delta)
    );
    store
}

/// Whatever the filter, and however many of the sessions wait to be merged.
#[test]
fn a_page_allocates_a_few_times_however_many_records_it_has() {
    let _profiler = dhat::Profiler::builder().testing().build();
    for in_delta in [0, SESSIONS / 2, SESSIONS] {
        let store = store(in_delta);
        for query in filters() {
            let allocations = allocations(&store, &query);
            assert!(
                allocations <= 10,
                "{allocations} with {in_delta} to be merged: {query:?}"
            );
        }
    }
}
