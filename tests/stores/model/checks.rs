//! Whether an engine answers as the model does: every session, and every page of every query.

use crate::support::{Model, start_of};
use chrono::{DateTime, TimeDelta, Utc};
use sessionlog::stores::SessionLogStore;
use sessionlog::{Bucket, Cursor, Order, PageRequest, Query, SessionLog};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Every session by its id, the answer to every query, every name, and how much there is. From round
/// to round the pages are of other sizes.
pub(super) async fn check_all(store: &impl SessionLogStore, model: &Model, round: usize) {
    for log in &model.0 {
        assert_eq!(store.get(log.refer_uid).await.unwrap().as_ref(), Some(log));
    }
    assert_eq!(store.get(Uuid::from_u128(u128::MAX)).await.unwrap(), None);
    for (number, query) in queries().enumerate() {
        let size = [1, 2, 3, 7, 100][(number + round) % 5];
        check_answer(store, model, &query, size).await;
    }
    check_names(store, model).await;
    let stats = store.stats().await.unwrap();
    let open = model.0.iter().filter(|log| log.is_open());
    assert_eq!(stats.session_count, model.0.len() as u64);
    assert_eq!(stats.open_session_count, open.count() as u64);
}

/// Every combination of filters, with bounds on the very ticks that sessions start at, in either
/// order.
fn queries() -> impl Iterator<Item = Query> {
    (0_u8..64).map(|bits| {
        let [user, client, open, after, before, newest] =
            [1, 2, 4, 8, 16, 32].map(|bit| bits & bit != 0);
        let tick =
            |hours| DateTime::UNIX_EPOCH + TimeDelta::hours(hours) + TimeDelta::nanoseconds(100);
        let query = Query::builder()
            .user_refer_uid(user.then_some(Uuid::from_u128(1)))
            .client_refer_uid(client.then_some("PDA-01"))
            .open_sessions_only(open)
            .started_after(after.then(|| tick(-23)))
            .started_before(before.then(|| tick(23)))
            .order(match newest {
                true => Order::NewestFirst,
                false => Order::OldestFirst,
            });
        query.build().unwrap()
    })
}

/// The answer to one query, by every call that gives it.
pub(super) async fn check_answer(
    store: &impl SessionLogStore,
    model: &Model,
    query: &Query,
    size: u32,
) {
    let answer = model.answer(query);
    assert_eq!(store.count(query).await.unwrap(), answer.len() as u64);
    check_pages(store, &answer, query, size).await;
    walk(store, &answer, query, size).await;
    for bucket in [Bucket::Hour, Bucket::Day, Bucket::Month] {
        let start = |log: &SessionLog| start_of(log, bucket);
        let expected = answer.chunk_by(|one, other| start(one) == start(other));
        let expected = expected.map(|logs| (start(&logs[0]), logs.len() as u64));
        let expected: Vec<(DateTime<Utc>, u64)> = expected.collect();
        let counts = store.count_by(query, bucket).await.unwrap();
        let counts = counts.iter().map(|count| (count.start, count.count));
        assert_eq!(counts.collect::<Vec<_>>(), expected);
    }
    check_busiest_users(store, &answer, query).await;
    check_busiest_clients(store, &answer, query).await;
}

/// Every page, one past the end, and one far behind it.
async fn check_pages(
    store: &impl SessionLogStore,
    answer: &[SessionLog],
    query: &Query,
    size: u32,
) {
    let pages: Vec<&[SessionLog]> = answer.chunks(size as usize).collect();
    let last = u32::try_from(pages.len()).unwrap();
    for index in (0..=last).chain([last + 99]) {
        let request = PageRequest::new(index, size).unwrap();
        let page = store.page(query, request).await.unwrap();
        let expected = pages.get(index as usize).copied().unwrap_or_default();
        assert_eq!(page.entries, expected);
        assert_eq!((page.page_index, page.records_per_page), (index, size));
        assert_eq!(page.total_page_count, pages.len() as u64);
        assert_eq!(page.total_record_count, answer.len() as u64);
    }
}

/// From the start to the end and one step on, by cursor.
async fn walk(store: &impl SessionLogStore, answer: &[SessionLog], query: &Query, size: u32) {
    let mut cursor = Cursor::start(query);
    let mut rest = answer;
    loop {
        let page = store.page_after(query, &cursor, size).await.unwrap();
        let (expected, behind) = rest.split_at(rest.len().min(size as usize));
        assert_eq!(page.entries, expected);
        assert_eq!(page.remaining_record_count, behind.len() as u64);
        assert_eq!(page.total_record_count, answer.len() as u64);
        if expected.is_empty() {
            return assert_eq!(page.next, cursor);
        }
        (cursor, rest) = (page.next, behind);
    }
}

/// The sessions of each, oldest first.
fn grouped<K: Ord>(
    answer: &[SessionLog],
    key: impl Fn(&SessionLog) -> K,
) -> BTreeMap<K, Vec<&SessionLog>> {
    let mut in_order: Vec<&SessionLog> = answer.iter().collect();
    in_order.sort_by_key(|log| (log.session_start, log.refer_uid));
    let mut groups: BTreeMap<K, Vec<&SessionLog>> = BTreeMap::new();
    for log in in_order {
        groups.entry(key(log)).or_default().push(log);
    }
    groups
}

/// Those of equal counts come in the order of the engine.
async fn check_busiest_users(store: &impl SessionLogStore, answer: &[SessionLog], query: &Query) {
    let users = grouped(answer, |log| log.user_refer_uid);
    let all = store.busiest_users(query, usize::MAX).await.unwrap();
    assert_eq!(all.total_session_count, answer.len() as u64);
    assert_eq!(all.total_count, users.len() as u64);
    let ids: BTreeSet<Uuid> = all.entries.iter().map(|user| user.user_refer_uid).collect();
    assert_eq!((ids.len(), all.entries.len()), (users.len(), users.len()));
    let count = |user: &sessionlog::UserCount| Reverse(user.session_count);
    assert!(all.entries.is_sorted_by_key(count));
    for user in &all.entries {
        let sessions = &users[&user.user_refer_uid];
        let newest = sessions[sessions.len() - 1];
        assert_eq!(user.session_count, sessions.len() as u64);
        assert_eq!(user.user, newest.user);
        assert_eq!(user.last_session_start, newest.session_start);
    }
    let first = store.busiest_users(query, 1).await.unwrap();
    assert_eq!(first.entries, all.entries[..users.len().min(1)]);
    assert_eq!(first.total_count, all.total_count);
    assert_eq!(first.total_session_count, all.total_session_count);
}

async fn check_busiest_clients(store: &impl SessionLogStore, answer: &[SessionLog], query: &Query) {
    let clients = grouped(answer, |log| log.client_refer_uid.clone());
    let all = store.busiest_clients(query, usize::MAX).await.unwrap();
    assert_eq!(all.total_session_count, answer.len() as u64);
    assert_eq!(all.total_count, clients.len() as u64);
    let ids = all.entries.iter().map(|client| &*client.client_refer_uid);
    let ids: BTreeSet<&str> = ids.collect();
    assert_eq!(
        (ids.len(), all.entries.len()),
        (clients.len(), clients.len())
    );
    let count = |client: &sessionlog::ClientCount| Reverse(client.session_count);
    assert!(all.entries.is_sorted_by_key(count));
    for client in &all.entries {
        let sessions = &clients[&client.client_refer_uid];
        let newest = sessions[sessions.len() - 1];
        assert_eq!(client.session_count, sessions.len() as u64);
        assert_eq!(client.last_session_start, newest.session_start);
    }
    let none = store.busiest_clients(query, 0).await.unwrap();
    assert!(none.entries.is_empty());
    assert_eq!(none.total_count, all.total_count);
}

/// Every name leads to those who have, or had, it.
async fn check_names(store: &impl SessionLogStore, model: &Model) {
    let mut named: BTreeMap<&str, BTreeSet<Uuid>> = BTreeMap::from([("Nobody", BTreeSet::new())]);
    for log in &model.0 {
        let users = named.entry(&log.user).or_default();
        users.insert(log.user_refer_uid);
    }
    for (name, users) in named {
        let found = store.users_named(name).await.unwrap();
        // Those whose sessions under that name were removed may be found, while they have others.
        let has_others = |user: &Uuid| model.0.iter().any(|log| log.user_refer_uid == *user);
        assert!(found.is_sorted() && found.iter().all(has_others));
        assert!(users.iter().all(|user| found.contains(user)), "{name}");
    }
}
