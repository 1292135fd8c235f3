//! Records, and what is asked of them, in few words.

use chrono::{DateTime, Utc};
use sessionlog::stores::SessionLogStore;
use sessionlog::{Cursor, Error, ErrorKind, PageRequest, Query, QueryBuilder, Result, SessionLog};
use std::fmt::Debug;
use uuid::Uuid;

/// An instant from RFC 3339 text.
pub fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

/// An hour of one day, and of those after it.
pub fn hour(number: u32) -> DateTime<Utc> {
    at("2026-11-01T00:00:00Z") + chrono::TimeDelta::hours(number.into())
}

pub fn uid(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// A session of user 7, Ann, on PDA-01.
pub fn log(refer_uid: u128, start: DateTime<Utc>, end: Option<DateTime<Utc>>) -> SessionLog {
    SessionLog {
        refer_uid: uid(refer_uid),
        user_refer_uid: uid(7),
        user: "Ann".into(),
        client_refer_uid: "PDA-01".into(),
        session_start: start,
        session_end: end,
    }
}

/// The same on another client.
pub fn on(client: &str, log: SessionLog) -> SessionLog {
    SessionLog {
        client_refer_uid: client.into(),
        ..log
    }
}

/// The same of another user.
pub fn of(user: u128, name: &str, log: SessionLog) -> SessionLog {
    SessionLog {
        user_refer_uid: uid(user),
        user: name.into(),
        ..log
    }
}

/// Open sessions, each started in the hour of its number.
pub fn hourly(numbers: impl IntoIterator<Item = u32>) -> Vec<SessionLog> {
    let numbers = numbers.into_iter();
    numbers
        .map(|number| log(number.into(), hour(number), None))
        .collect()
}

pub fn numbers(logs: &[SessionLog]) -> Vec<u128> {
    logs.iter().map(|log| log.refer_uid.as_u128()).collect()
}

/// The error is of this kind, and names this member.
pub fn refused<T: Debug>(result: Result<T>, kind: ErrorKind, member: &str) -> Error {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    assert_eq!(error.member(), Some(member), "{error}");
    error
}

/// Every session that matches, by page, by cursor and by its id: the same, with the same totals.
pub async fn answer(store: &impl SessionLogStore, query: QueryBuilder) -> Vec<SessionLog> {
    let query = query.build().unwrap();
    let total = store.count(&query).await.unwrap();
    let (mut paged, mut cursor) = (Vec::new(), Cursor::start(&query));
    for index in 0..=total.div_ceil(3) {
        let request = PageRequest::new(u32::try_from(index).unwrap(), 3).unwrap();
        let page = store.page(&query, request).await.unwrap();
        assert_eq!(page.total_record_count, total);
        assert_eq!(page.total_page_count, total.div_ceil(3));
        let next = store.page_after(&query, &cursor, 3).await.unwrap();
        assert_eq!(next.entries, page.entries);
        assert_eq!(next.total_record_count, total);
        paged.extend(page.entries);
        assert_eq!(next.remaining_record_count, total - paged.len() as u64);
        cursor = next.next;
    }
    assert_eq!(paged.len() as u64, total);
    for log in &paged {
        assert_eq!(store.get(log.refer_uid).await.unwrap().as_ref(), Some(log));
    }
    paged
}

/// The numbers of every session that matches.
pub async fn found(store: &impl SessionLogStore, query: QueryBuilder) -> Vec<u128> {
    numbers(&answer(store, query).await)
}

/// Everything that the store shows, and its counts.
pub async fn shown(store: &impl SessionLogStore) -> Vec<SessionLog> {
    let all = answer(store, Query::builder()).await;
    let open = answer(store, Query::builder().open_sessions_only(true)).await;
    let stats = store.stats().await.unwrap();
    assert_eq!(stats.session_count, all.len() as u64);
    assert_eq!(stats.open_session_count, open.len() as u64);
    all
}

/// A store that has these sessions.
pub async fn with<S: SessionLogStore>(store: S, logs: Vec<SessionLog>) -> S {
    store.append_batch(logs).await.unwrap();
    store
}
