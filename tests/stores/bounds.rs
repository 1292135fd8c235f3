//! Bounds and order, to the tick.

use crate::engines::{Fresh, on_every_engine};
use crate::records::{at, found, hour, log, uid, with};
use chrono::{DateTime, TimeDelta, Utc};
use sessionlog::stores::SessionLogStore;
use sessionlog::{ErrorKind, Order, Query};

on_every_engine!(
    bounds_exclude_the_very_tick,
    records_and_lower_bounds_are_floored_and_upper_bounds_rounded_up,
    bounds_beyond_the_range_of_times_exclude_nothing_or_everything,
    bounds_across_the_end_of_a_month_or_year_let_nothing_from_outside_in,
    the_same_local_time_twice_is_two_instants,
    ties_are_in_the_order_of_their_ids_as_unsigned_numbers,
);

async fn bounds_exclude_the_very_tick<S: SessionLogStore>(fresh: Fresh<S>) {
    let tick = TimeDelta::nanoseconds(100);
    let noon = hour(12);
    let starts = [noon - tick, noon, noon + tick];
    let logs = (1..)
        .zip(starts)
        .map(|(number, start)| log(number, start, None));
    let store = with(fresh.store, logs.collect()).await;
    for open in [false, true] {
        let query = Query::builder().open_sessions_only(open);
        let after = |at| query.clone().started_after(at);
        let before = |at| query.clone().started_before(at);
        assert_eq!(found(&store, after(noon)).await, [3]);
        assert_eq!(found(&store, after(noon - tick)).await, [2, 3]);
        assert_eq!(found(&store, before(noon)).await, [1]);
        assert_eq!(found(&store, before(noon + tick)).await, [1, 2]);
        let between = after(noon - tick).started_before(noon + tick);
        assert_eq!(found(&store, between.order(Order::NewestFirst)).await, [2]);
        // Between two neighbours there is nothing.
        let nothing = after(noon).started_before(noon + tick);
        assert_eq!(found(&store, nothing).await, []);
    }
}

async fn records_and_lower_bounds_are_floored_and_upper_bounds_rounded_up<S: SessionLogStore>(
    fresh: Fresh<S>,
) {
    let nanos = |count| hour(1) + TimeDelta::nanoseconds(count);
    let store = with(fresh.store, vec![log(1, nanos(199), Some(nanos(250)))]).await;
    let stored = store.get(uid(1)).await.unwrap().unwrap();
    assert_eq!(stored, log(1, nanos(100), Some(nanos(200))));
    let after = |count| Query::builder().started_after(nanos(count));
    let before = |count| Query::builder().started_before(nanos(count));
    assert_eq!(found(&store, after(99)).await, [1]);
    assert_eq!(found(&store, after(100)).await, []);
    assert_eq!(found(&store, after(199)).await, []);
    assert_eq!(found(&store, before(100)).await, []);
    assert_eq!(found(&store, before(101)).await, [1]);
}

async fn bounds_beyond_the_range_of_times_exclude_nothing_or_everything<S: SessionLogStore>(
    fresh: Fresh<S>,
) {
    let first = at("0001-01-01T00:00:00.0000001Z");
    let last = at("9999-12-31T23:59:59.9999999Z");
    let logs = vec![log(1, first, None), log(2, last, None)];
    let store = with(fresh.store, logs).await;
    let (min, max) = (DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC);
    let query = Query::builder;
    let year_one = at("0001-01-01T00:00:00+14:00");
    for early in [min, year_one, at("0001-01-01T00:00:00Z")] {
        assert_eq!(found(&store, query().started_after(early)).await, [1, 2]);
        assert_eq!(found(&store, query().started_before(early)).await, []);
    }
    for late in [max, at("9999-12-31T23:59:59-14:00")] {
        assert_eq!(found(&store, query().started_before(late)).await, [1, 2]);
        assert_eq!(found(&store, query().started_after(late)).await, []);
    }
    assert_eq!(found(&store, query().started_after(first)).await, [2]);
    assert_eq!(found(&store, query().started_before(last)).await, [1]);
    assert_eq!(found(&store, query().started_after(last)).await, []);
    let whole = query().started_after(min).started_before(max);
    assert_eq!(found(&store, whole).await, [1, 2]);
    let nothing = query().started_after(hour(1)).started_before(hour(1));
    let error = nothing.build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

async fn bounds_across_the_end_of_a_month_or_year_let_nothing_from_outside_in<S>(fresh: Fresh<S>)
where
    S: SessionLogStore,
{
    let starts = [
        "2025-12-31T23:58:59Z",
        "2025-12-31T23:59:59.9999999Z",
        "2026-01-01T00:00:00Z",
        "2026-01-31T23:59:59.9999999Z",
        "2026-02-01T00:00:00Z",
        "2026-02-01T00:01:01Z",
    ];
    let logs = (1..)
        .zip(starts)
        .map(|(number, start)| log(number, at(start), None));
    let store = with(fresh.store, logs.collect()).await;
    let january = Query::builder()
        .started_after(at("2025-12-31T23:59:59.9999999Z"))
        .started_before(at("2026-02-01T00:00:00Z"));
    assert_eq!(found(&store, january).await, [3, 4]);
}

async fn the_same_local_time_twice_is_two_instants<S: SessionLogStore>(fresh: Fresh<S>) {
    let (summer, winter) = (
        at("2026-10-25T01:30:00+02:00"),
        at("2026-10-25T01:30:00+01:00"),
    );
    let logs = vec![log(1, summer, None), log(2, winter, None)];
    let store = with(fresh.store, logs).await;
    assert_eq!(
        found(&store, Query::builder().started_after(summer)).await,
        [2]
    );
    assert_eq!(
        found(&store, Query::builder().started_before(winter)).await,
        [1]
    );
}

async fn ties_are_in_the_order_of_their_ids_as_unsigned_numbers<S: SessionLogStore>(
    fresh: Fresh<S>,
) {
    let ids = [u128::MAX, 1, 1 << 127, (1 << 127) - 1, 1 << 64, 0xff];
    let logs = ids.map(|id| log(id, hour(1), None));
    let store = with(fresh.store, logs.to_vec()).await;
    let mut sorted = ids;
    sorted.sort_unstable();
    for filtered in [
        Query::builder(),
        Query::builder().user_refer_uid(uid(7)),
        Query::builder().client_refer_uid("PDA-01"),
        Query::builder()
            .open_sessions_only(true)
            .started_after(hour(0)),
    ] {
        assert_eq!(found(&store, filtered.clone()).await, sorted);
        let mut newest_first = found(&store, filtered.order(Order::NewestFirst)).await;
        newest_first.reverse();
        assert_eq!(newest_first, sorted);
    }
}
