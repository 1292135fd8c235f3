//! Who is in a store, and how many when.

use crate::engines::{Fresh, on_every_engine};
use crate::records::{hour, hourly, log, of, on, uid, with};
use chrono::{DateTime, Utc};
use sessionlog::stores::SessionLogStore;
use sessionlog::{Bucket, Order, Query, SessionLog};
use std::collections::BTreeMap;

on_every_engine!(
    buckets_that_are_empty_are_left_out_and_the_rest_come_in_order,
    buckets_are_right_wherever_a_span_begins_and_ends,
    the_busiest_come_first_with_the_totals_of_all,
    a_user_is_called_as_in_the_newest_of_the_sessions,
    everybody_who_has_a_name_is_found_by_it,
    an_empty_store_answers_nothing_to_everything,
);

async fn buckets_that_are_empty_are_left_out_and_the_rest_come_in_order<S: SessionLogStore>(
    fresh: Fresh<S>,
) {
    let store = with(fresh.store, hourly([1, 5, 24, 25, 26, 800])).await;
    let counts = async |query: &Query, bucket| {
        let counts = store.count_by(query, bucket).await.unwrap();
        let counts = counts.iter().map(|count| (count.start, count.count));
        counts.collect::<Vec<_>>()
    };
    let all = Query::all();
    let days = [(hour(0), 2), (hour(24), 3), (hour(792), 1)];
    assert_eq!(counts(&all, Bucket::Day).await, days);
    assert_eq!(counts(&all, Bucket::Hour).await.len(), 6);
    // The month after begins 30 days later.
    let months = [(hour(0), 5), (hour(720), 1)];
    assert_eq!(counts(&all, Bucket::Month).await, months);
    let newest = Query::builder().order(Order::NewestFirst);
    let newest = newest.started_after(hour(1)).started_before(hour(26));
    let days = [(hour(24), 2), (hour(0), 1)];
    assert_eq!(counts(&newest.build().unwrap(), Bucket::Day).await, days);
}

/// Spans that hold no whole hour, and such as hold some.
async fn buckets_are_right_wherever_a_span_begins_and_ends<S: SessionLogStore>(fresh: Fresh<S>) {
    let minutes = |minutes: i64| hour(0) + chrono::TimeDelta::minutes(minutes);
    let starts: Vec<_> = (0..200)
        .map(|number| minutes(20 * 60 + number * 7))
        .collect();
    let logs = (1..)
        .zip(&starts)
        .map(|(number, start)| log(number, *start, None));
    let store = with(fresh.store, logs.collect()).await;
    for (from, length) in [
        (20, 3),
        (22, 1),
        (22, 2),
        (23, 1),
        (23, 2),
        (23, 3),
        (30, 40),
    ] {
        for offset in [0, 30, 59] {
            let (from, to) = (
                minutes(from * 60 + offset),
                minutes((from + length) * 60 + 30),
            );
            let query = Query::builder().started_after(from).started_before(to);
            let query = query.order(Order::OldestFirst).build().unwrap();
            let inside = starts.iter().filter(|start| **start > from && **start < to);
            let hours = counted(inside.clone(), 3_600);
            let days = counted(inside, 86_400);
            for (bucket, expected) in [(Bucket::Hour, hours), (Bucket::Day, days)] {
                let counts = store.count_by(&query, bucket).await.unwrap();
                let counts = counts
                    .iter()
                    .map(|count| (count.start.timestamp(), count.count));
                assert_eq!(counts.collect::<Vec<_>>(), expected, "{query:?}");
            }
        }
    }
}

/// How many of these instants are in each span of so many seconds that has any.
fn counted<'s>(starts: impl Iterator<Item = &'s DateTime<Utc>>, seconds: i64) -> Vec<(i64, u64)> {
    let mut counts = BTreeMap::new();
    for start in starts {
        *counts
            .entry(start.timestamp() / seconds * seconds)
            .or_default() += 1;
    }
    counts.into_iter().collect()
}

/// User 1 has one session, user 2 has two, and so on, each on as many clients.
fn pyramid() -> Vec<SessionLog> {
    let pairs = (1..=6_u32).flat_map(|user| (1..=user).map(move |client| (user, client)));
    let logs = (1..).zip(pairs).map(|(number, (user, client))| {
        let log = log(number.into(), hour(number), None);
        of(
            user.into(),
            &format!("user {user}"),
            on(&format!("PDA-{client}"), log),
        )
    });
    logs.collect()
}

async fn the_busiest_come_first_with_the_totals_of_all<S: SessionLogStore>(fresh: Fresh<S>) {
    let store = with(fresh.store, pyramid()).await;
    let busiest = store.busiest_users(&Query::all(), 3).await.unwrap();
    let users = busiest.entries.iter();
    let users = users.map(|user| {
        (
            user.user_refer_uid.as_u128(),
            &*user.user,
            user.session_count,
        )
    });
    let expected = [(6, "user 6", 6), (5, "user 5", 5), (4, "user 4", 4)];
    assert_eq!(users.collect::<Vec<_>>(), expected);
    assert_eq!((busiest.total_count, busiest.total_session_count), (6, 21));
    assert_eq!(busiest.entries[0].last_session_start, hour(21));
    let query = Query::builder().started_before(hour(16)).build().unwrap();
    let busiest = store.busiest_clients(&query, 2).await.unwrap();
    let clients = busiest.entries.iter();
    let clients = clients.map(|client| (&*client.client_refer_uid, client.session_count));
    assert_eq!(clients.collect::<Vec<_>>(), [("PDA-1", 5), ("PDA-2", 4)]);
    assert_eq!((busiest.total_count, busiest.total_session_count), (5, 15));
    let nobody = store.busiest_users(&query, 0).await.unwrap();
    assert_eq!((nobody.entries.len(), nobody.total_count), (0, 5));
    let of_client = Query::builder().client_refer_uid("PDA-6").build().unwrap();
    let one = store.busiest_users(&of_client, usize::MAX).await.unwrap();
    assert_eq!((one.entries.len(), one.total_session_count), (1, 1));
}

async fn a_user_is_called_as_in_the_newest_of_the_sessions<S: SessionLogStore>(fresh: Fresh<S>) {
    let logs = vec![
        of(7, "newest", log(3, hour(3), None)),
        of(7, "oldest", log(1, hour(1), None)),
        // Of those that start together the one with the higher id.
        of(7, "other", log(2, hour(3), None)),
    ];
    let store = with(fresh.store, logs).await;
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let query = Query::builder().order(order).build().unwrap();
        let busiest = store.busiest_users(&query, 1).await.unwrap();
        assert_eq!(&*busiest.entries[0].user, "newest");
    }
    let query = Query::builder().started_before(hour(2)).build().unwrap();
    let busiest = store.busiest_users(&query, 1).await.unwrap();
    assert_eq!(&*busiest.entries[0].user, "oldest");
}

async fn everybody_who_has_a_name_is_found_by_it<S: SessionLogStore>(fresh: Fresh<S>) {
    let logs = vec![
        of(9, "Ann", log(1, hour(1), None)),
        of(u128::MAX, "Ann", log(2, hour(2), None)),
        of(7, "Ann", log(3, hour(3), None)),
        of(7, "Anna", log(4, hour(4), None)),
        of(8, "Anna", log(5, hour(5), None)),
    ];
    let store = with(fresh.store, logs).await;
    let named = async |name| store.users_named(name).await.unwrap();
    assert_eq!(named("Ann").await, [uid(7), uid(9), uid(u128::MAX)]);
    assert_eq!(named("Anna").await, [uid(7), uid(8)]);
    assert!(named("ann").await.is_empty());
    assert!(named("").await.is_empty());
}

async fn an_empty_store_answers_nothing_to_everything<S: SessionLogStore>(fresh: Fresh<S>) {
    let (store, all) = (fresh.store, Query::all());
    assert_eq!(store.count(&all).await.unwrap(), 0);
    assert_eq!(store.count_by(&all, Bucket::Day).await.unwrap(), []);
    let busiest = store.busiest_users(&all, 5).await.unwrap();
    assert_eq!((busiest.total_count, busiest.total_session_count), (0, 0));
    let busiest = store.busiest_clients(&all, 5).await.unwrap();
    assert!(busiest.entries.is_empty());
    let stats = store.stats().await.unwrap();
    assert_eq!((stats.session_count, stats.open_session_count), (0, 0));
    let verified = store.verify(|_| ()).await.unwrap();
    assert!(verified.is_sound() && verified.session_count == 0);
    store.flush().await.unwrap();
    assert!(store.users_named("Ann").await.unwrap().is_empty());
}
