//! Whether a store answers as its model does.

use super::model::{Model, start_of};
use chrono::{DateTime, TimeDelta, Utc};
use sessionlog::{Bucket, Error, PageRequest, Query, SessionLog, Snapshot};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Every session by its id, and the answer to every query.
///
/// # Errors
///
/// Those of a read that fails: the caller knows whether one may.
pub fn check_all(snapshot: &Snapshot, model: &Model) -> Result<(), Error> {
    for log in &model.0 {
        assert_eq!(snapshot.get(log.refer_uid)?.as_ref(), Some(log));
    }
    assert_eq!(snapshot.get(Uuid::from_u128(u128::MAX))?, None);
    for query in queries() {
        check_answer(snapshot, model, &query)?;
    }
    check_names(snapshot, model)
}

/// Every name leads to those who have, or had, it.
fn check_names(snapshot: &Snapshot, model: &Model) -> Result<(), Error> {
    let mut named: BTreeMap<&str, BTreeSet<Uuid>> = BTreeMap::from([("Nobody", BTreeSet::new())]);
    for log in &model.0 {
        let users = named.entry(&log.user).or_default();
        users.insert(log.user_refer_uid);
    }
    for (name, users) in named {
        let found = snapshot.users_named(name)?;
        // Those whose sessions under that name were removed are found too, while they have others.
        let has_others = |user: &Uuid| model.0.iter().any(|log| log.user_refer_uid == *user);
        assert!(found.is_sorted() && found.iter().all(has_others));
        assert!(users.iter().all(|user| found.contains(user)), "{name}");
    }
    Ok(())
}

/// Every combination of filters, and either order.
pub(super) fn queries() -> impl Iterator<Item = Query> {
    (0_u8..32).map(|bits| {
        let [user, client, open, window, newest] = [1, 2, 4, 8, 16].map(|bit| bits & bit != 0);
        let noon = DateTime::UNIX_EPOCH;
        let query = Query::builder()
            .user_refer_uid(user.then_some(Uuid::from_u128(1)))
            .client_refer_uid(client.then_some("PDA-01"))
            .open_sessions_only(open)
            .started_after(window.then_some(noon - TimeDelta::hours(24)))
            .started_before(window.then_some(noon + TimeDelta::hours(24)))
            .order(match newest {
                true => sessionlog::Order::NewestFirst,
                false => sessionlog::Order::OldestFirst,
            });
        query.build().unwrap()
    })
}

/// The answer to one query, by every call that gives it.
pub(super) fn check_answer(snapshot: &Snapshot, model: &Model, query: &Query) -> Result<(), Error> {
    let answer = model.answer(query);
    let total = answer.len() as u64;
    assert_eq!(snapshot.count(query)?, total);
    let iterated: Result<Vec<SessionLog>, Error> = snapshot.iter(query)?.collect();
    assert_eq!(iterated?, answer);
    for size in [1_u32, 3, 7] {
        let pages: Vec<&[SessionLog]> = answer.chunks(size as usize).collect();
        for index in [
            0,
            1,
            pages.len() / 2,
            pages.len().saturating_sub(1),
            pages.len(),
            99,
        ] {
            let request = PageRequest::new(u32::try_from(index).unwrap(), size).unwrap();
            let page = snapshot.page(query, request)?;
            assert_eq!(page.entries, pages.get(index).copied().unwrap_or_default());
            assert_eq!(page.total_record_count, total);
            assert_eq!(page.total_page_count, pages.len() as u64);
        }
    }
    check_busiest(snapshot, &answer, query)?;
    for bucket in [Bucket::Hour, Bucket::Day, Bucket::Month] {
        check_buckets(snapshot, &answer, query, bucket)?;
    }
    Ok(())
}

/// The users and clients of an answer, by number of sessions.
fn check_busiest(snapshot: &Snapshot, answer: &[SessionLog], query: &Query) -> Result<(), Error> {
    let mut in_order = answer.to_vec();
    in_order.sort_by_key(|log| (log.session_start, log.refer_uid));
    let (mut users, mut clients) = (BTreeMap::new(), BTreeMap::new());
    for log in &in_order {
        let user: &mut Vec<&SessionLog> = users.entry(log.user_refer_uid).or_default();
        user.push(log);
        let client: &mut Vec<&SessionLog> = clients.entry(&log.client_refer_uid).or_default();
        client.push(log);
    }
    let found = snapshot.busiest_users(query, usize::MAX)?;
    assert_eq!(found.total_session_count, answer.len() as u64);
    assert_eq!(
        (found.total_count, found.entries.len()),
        (users.len() as u64, users.len())
    );
    assert!(
        found
            .entries
            .is_sorted_by_key(|user| Reverse(user.session_count))
    );
    for user in &found.entries {
        let sessions = &users[&user.user_refer_uid];
        let newest = sessions[sessions.len() - 1];
        assert_eq!(
            (user.session_count, &user.user),
            (sessions.len() as u64, &newest.user)
        );
        assert_eq!(user.last_session_start, newest.session_start);
    }
    let found = snapshot.busiest_clients(query, usize::MAX)?;
    assert_eq!(
        (found.total_count, found.entries.len()),
        (clients.len() as u64, clients.len())
    );
    assert!(
        found
            .entries
            .is_sorted_by_key(|client| Reverse(client.session_count))
    );
    for client in &found.entries {
        let sessions = &clients[&client.client_refer_uid];
        assert_eq!(client.session_count, sessions.len() as u64);
        assert_eq!(
            client.last_session_start,
            sessions[sessions.len() - 1].session_start
        );
    }
    Ok(())
}

fn check_buckets(
    snapshot: &Snapshot,
    answer: &[SessionLog],
    query: &Query,
    bucket: Bucket,
) -> Result<(), Error> {
    let start = |log: &SessionLog| start_of(log, bucket);
    let expected: Vec<(DateTime<Utc>, u64)> = answer
        .chunk_by(|one, other| start(one) == start(other))
        .map(|logs| (start(&logs[0]), logs.len() as u64))
        .collect();
    let counts = snapshot.count_by(query, bucket)?;
    let counts: Result<Vec<(DateTime<Utc>, u64)>, Error> = counts
        .map(|count| count.map(|count| (count.start, count.count)))
        .collect();
    assert_eq!(counts?, expected);
    Ok(())
}
