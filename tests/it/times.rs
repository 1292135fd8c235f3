//! Instants: ticks, bounds, extremes, buckets.

use crate::{at, log, refused, store_of, uid};
use chrono::{DateTime, TimeDelta, Utc};
use sessionlog::{Bucket, ErrorKind, Order, Query, QueryBuilder, Store};

fn found(store: &Store, query: QueryBuilder) -> Vec<u128> {
    let logs = store.iter(&query.build().unwrap()).unwrap();
    logs.map(|log| log.unwrap().refer_uid.as_u128()).collect()
}

#[test]
fn times_before_1970_come_before_it_in_order() {
    let starts = [
        "0001-01-01T00:00:00.0000001Z",
        "1900-01-01T00:00:00Z",
        "1969-12-31T00:00:00Z",
        "1969-12-31T23:59:59.9999999Z",
        "1970-01-01T00:00:00Z",
        "9999-12-31T23:59:59.9999999Z",
    ];
    let records = (1..)
        .zip(starts)
        .map(|(number, start)| log(number, start, None));
    let store = store_of(records.rev_sorted());
    assert_eq!(found(&store, Query::builder()), [1, 2, 3, 4, 5, 6]);
    let before = Query::builder().started_before(at("1970-01-01T00:00:00Z"));
    assert_eq!(found(&store, before), [1, 2, 3, 4]);
}

trait RevSorted: Iterator + Sized {
    fn rev_sorted(self) -> std::iter::Rev<std::vec::IntoIter<Self::Item>> {
        self.collect::<Vec<_>>().into_iter().rev()
    }
}

impl<I: Iterator> RevSorted for I {}

#[test]
fn both_bounds_are_exclusive_to_the_tick() {
    let store = store_of([
        log(1, "2026-10-31T23:59:59.9999999Z", None),
        log(2, "2026-11-01T00:00:00Z", None),
        log(3, "2026-11-01T00:00:00.0000001Z", None),
        log(4, "2026-11-30T23:59:59.9999999Z", None),
        log(5, "2026-12-01T00:00:00Z", None),
    ]);
    let november = Query::builder()
        .started_after(at("2026-11-01T00:00:00Z"))
        .started_before(at("2026-12-01T00:00:00Z"));
    assert_eq!(found(&store, november.clone()), [3, 4]);
    // A whole month, its first instant included, asks for what started after the last tick before.
    let whole = november.started_after(at("2026-10-31T23:59:59.9999999Z"));
    assert_eq!(found(&store, whole), [2, 3, 4]);
}

#[test]
fn records_and_lower_bounds_are_floored_and_upper_bounds_rounded_up() {
    let store = store_of([log(1, "2026-11-01T00:00:00.000000199Z", None)]);
    let stored = store.get(uid(1)).unwrap().unwrap();
    assert_eq!(stored.session_start, at("2026-11-01T00:00:00.0000001Z"));
    let after = |text| found(&store, Query::builder().started_after(at(text))).len();
    assert_eq!(after("2026-11-01T00:00:00.000000099Z"), 1);
    assert_eq!(after("2026-11-01T00:00:00.0000001Z"), 0);
    assert_eq!(after("2026-11-01T00:00:00.000000150Z"), 0);
    let before = |text| found(&store, Query::builder().started_before(at(text))).len();
    assert_eq!(before("2026-11-01T00:00:00.0000001Z"), 0);
    assert_eq!(before("2026-11-01T00:00:00.000000101Z"), 1);
    assert_eq!(before("2026-11-01T00:00:00.0000002Z"), 1);
}

#[test]
fn times_out_of_range_are_refused_in_records_with_the_member_named() {
    let store = store_of([]);
    for start in ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000099Z"] {
        let appended = store.append(log(1, start, None));
        refused(appended, ErrorKind::InvalidInput, "session_start");
    }
    let mut late = log(1, "2026-11-01T00:00:00Z", None);
    late.session_end = Some(DateTime::<Utc>::MAX_UTC);
    let error = refused(store.append(late), ErrorKind::InvalidInput, "session_end");
    assert!(error.to_string().contains("262142"), "{error}");
    let extremes = [
        log(1, "0001-01-01T00:00:00.0000001Z", None),
        log(2, "9999-12-31T23:59:59.999999999Z", None),
    ];
    assert_eq!(store.append_batch(extremes).unwrap().len(), 2);
    assert_eq!(store.count(&Query::all()).unwrap(), 2);
}

#[test]
fn bounds_out_of_range_exclude_nothing_on_their_own_side() {
    let store = store_of([
        log(1, "0001-01-01T00:00:00.0000001Z", None),
        log(2, "9999-12-31T23:59:59.9999999Z", None),
    ]);
    let least = at("0001-01-01T00:00:00+14:00");
    let most = at("9999-12-31T23:59:59-14:00");
    let (min, max) = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
    for (after, before) in [(least, most), (min, max)] {
        let both = Query::builder().started_after(after).started_before(before);
        assert_eq!(found(&store, both), [1, 2]);
    }
    // On the other side no session passes: what is set always filters.
    for at in [most, max] {
        assert!(found(&store, Query::builder().started_after(at)).is_empty());
    }
    for at in [least, min] {
        assert!(found(&store, Query::builder().started_before(at)).is_empty());
    }
}

#[test]
fn a_range_that_is_empty_or_reversed_is_refused() {
    let noon = at("2026-11-01T12:00:00Z");
    for before in [noon, noon - TimeDelta::seconds(1)] {
        let query = Query::builder().started_after(noon).started_before(before);
        let error = refused(query.build(), ErrorKind::InvalidInput, "started_after");
        assert!(
            error.to_string().contains("2026-11-01T12:00:00Z"),
            "{error}"
        );
    }
}

#[test]
fn the_hour_that_comes_twice_in_autumn_is_two_hours() {
    let store = store_of([
        log(1, "2026-10-25T02:30:00+02:00", None),
        log(2, "2026-10-25T02:30:00+01:00", None),
    ]);
    assert_eq!(found(&store, Query::builder()), [1, 2]);
    let first = Query::builder().started_before(at("2026-10-25T02:30:00+01:00"));
    assert_eq!(found(&store, first), [1]);
    let second = Query::builder().started_after(at("2026-10-25T02:30:00+02:00"));
    assert_eq!(found(&store, second), [2]);
}

#[test]
fn sessions_open_for_years_are_found_as_open_and_started_before() {
    let store = store_of([
        log(1, "2024-01-01T00:00:00Z", None),
        log(2, "2024-01-02T00:00:00Z", Some("2024-01-02T01:00:00Z")),
        log(3, "2026-11-01T00:00:00Z", None),
    ]);
    let stale = Query::builder()
        .open_sessions_only(true)
        .started_before(at("2026-01-01T00:00:00Z"));
    assert_eq!(found(&store, stale), [1]);
}

#[test]
fn counts_by_bucket_name_just_the_buckets_that_are_not_empty() {
    let store = store_of([
        log(1, "1969-12-31T23:59:59.9999999Z", None),
        log(2, "2024-02-29T12:00:00Z", None),
        log(3, "2024-02-29T12:59:59.9999999Z", None),
        log(4, "2024-02-29T13:00:00Z", Some("2024-02-29T13:00:00Z")),
        log(5, "9999-12-31T23:59:59.9999999Z", None),
    ]);
    let counts = |query: QueryBuilder, bucket| {
        let query = query.build().unwrap();
        let counts = store.count_by(&query, bucket).unwrap();
        let counts = counts.map(|count| count.unwrap());
        counts
            .map(|count| (count.start, count.count))
            .collect::<Vec<_>>()
    };
    let hours = [
        (at("1969-12-31T23:00:00Z"), 1),
        (at("2024-02-29T12:00:00Z"), 2),
        (at("2024-02-29T13:00:00Z"), 1),
        (at("9999-12-31T23:00:00Z"), 1),
    ];
    assert_eq!(counts(Query::builder(), Bucket::Hour), hours);
    let mut newest_first = hours;
    newest_first.reverse();
    let newest = Query::builder().order(Order::NewestFirst);
    assert_eq!(counts(newest, Bucket::Hour), newest_first);
    let open = Query::builder()
        .open_sessions_only(true)
        .started_after(at("2000-01-01T00:00:00Z"));
    let days = [
        (at("2024-02-29T00:00:00Z"), 2),
        (at("9999-12-31T00:00:00Z"), 1),
    ];
    assert_eq!(counts(open, Bucket::Day), days);
    // A bound within a bucket cuts its count, not its name.
    let half = Query::builder()
        .started_after(at("2024-02-29T12:30:00Z"))
        .started_before(at("2024-02-29T13:00:00.0000001Z"));
    assert_eq!(
        counts(half, Bucket::Month),
        [(at("2024-02-01T00:00:00Z"), 2)]
    );
}

#[test]
fn a_query_keeps_its_meaning_through_serde() {
    let query = Query::builder()
        .user_refer_uid(uid(7))
        .client_refer_uid("")
        .started_after(DateTime::<Utc>::MIN_UTC)
        .started_before(at("2026-11-01T00:00:00.000000101Z"))
        .order(Order::NewestFirst)
        .build()
        .unwrap();
    let json = serde_json::to_string(&query).unwrap();
    assert_eq!(serde_json::from_str::<Query>(&json).unwrap(), query);
    assert_eq!(serde_json::from_str::<Query>("{}").unwrap(), Query::all());
    let nil = r#"{"user_refer_uid": "00000000-0000-0000-0000-000000000000"}"#;
    assert!(serde_json::from_str::<Query>(nil).is_err());
    let unknown = r#"{"user_refer_id": "11111111-2222-3333-4444-555555555555"}"#;
    assert!(serde_json::from_str::<Query>(unknown).is_err());
}
