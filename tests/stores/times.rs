//! Times from one end of the range to the other.

use crate::engines::{Fresh, on_every_engine};
use crate::records::{at, found, hour, log, shown, uid, with};
use chrono::TimeDelta;
use sessionlog::stores::SessionLogStore;
use sessionlog::{Bucket, ErrorKind, Order, Outcome, Query};

on_every_engine!(
    times_at_both_ends_of_the_range_are_kept_to_the_tick,
    times_before_1970_come_before_it_in_order,
    buckets_at_both_ends_of_the_range_have_their_first_instants,
    a_tick_is_never_lost_or_rounded_into_the_next_second,
);

const FIRST: &str = "0001-01-01T00:00:00.0000001Z";
const LAST: &str = "9999-12-31T23:59:59.9999999Z";

async fn times_at_both_ends_of_the_range_are_kept_to_the_tick<S: SessionLogStore>(fresh: Fresh<S>) {
    let (first, last) = (at(FIRST), at(LAST));
    let logs = vec![
        log(1, first, Some(first)),
        log(2, first, Some(last)),
        log(3, last, Some(last)),
        log(4, last, None),
    ];
    let store = with(fresh.store, logs.clone()).await;
    assert_eq!(shown(&store).await, logs);
    let nanos = TimeDelta::nanoseconds(99);
    let ended = store.end(uid(4), last + nanos).await.unwrap();
    assert_eq!(ended, Outcome::Ended);
    let tick = TimeDelta::nanoseconds(100);
    for out in [first - tick, last + tick] {
        let error = store.append(log(5, out, None)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert_eq!(error.member(), Some("session_start"));
    }
    assert_eq!(store.count(&Query::all()).await.unwrap(), 4);
}

async fn times_before_1970_come_before_it_in_order<S: SessionLogStore>(fresh: Fresh<S>) {
    let starts = [
        FIRST,
        "1900-01-01T00:00:00Z",
        "1969-12-31T00:00:00Z",
        "1969-12-31T23:59:59.9999999Z",
        "1970-01-01T00:00:00Z",
        "1999-12-31T23:59:59.9999999Z",
        "2000-01-01T00:00:00Z",
        LAST,
    ];
    let logs = (1..)
        .zip(starts)
        .map(|(number, start)| log(number, at(start), None));
    let store = with(fresh.store, logs.rev_sorted()).await;
    let expected: Vec<u128> = (1..=8).collect();
    assert_eq!(found(&store, Query::builder()).await, expected);
    let mut newest = found(&store, Query::builder().order(Order::NewestFirst)).await;
    newest.reverse();
    assert_eq!(newest, expected);
    let before = Query::builder().started_before(at("1970-01-01T00:00:00Z"));
    assert_eq!(found(&store, before).await, [1, 2, 3, 4]);
    let after = Query::builder().started_after(at("1969-12-31T23:59:59.9999999Z"));
    assert_eq!(found(&store, after).await, [5, 6, 7, 8]);
}

trait RevSorted: Iterator + Sized {
    fn rev_sorted(self) -> Vec<Self::Item> {
        let mut items: Vec<Self::Item> = self.collect();
        items.reverse();
        items
    }
}

impl<I: Iterator> RevSorted for I {}

async fn buckets_at_both_ends_of_the_range_have_their_first_instants<S: SessionLogStore>(
    fresh: Fresh<S>,
) {
    let starts = [
        FIRST,
        "1969-12-31T23:59:59.9999999Z",
        "2024-02-29T23:30:00Z",
        LAST,
    ];
    let logs = (1..)
        .zip(starts)
        .map(|(number, start)| log(number, at(start), None));
    let store = with(fresh.store, logs.collect()).await;
    let expected = [
        (
            Bucket::Hour,
            [
                "0001-01-01T00",
                "1969-12-31T23",
                "2024-02-29T23",
                "9999-12-31T23",
            ],
        ),
        (
            Bucket::Day,
            [
                "0001-01-01T00",
                "1969-12-31T00",
                "2024-02-29T00",
                "9999-12-31T00",
            ],
        ),
        (
            Bucket::Month,
            [
                "0001-01-01T00",
                "1969-12-01T00",
                "2024-02-01T00",
                "9999-12-01T00",
            ],
        ),
    ];
    for (bucket, starts) in expected {
        let counts = store.count_by(&Query::all(), bucket).await.unwrap();
        let counts = counts.iter().map(|count| (count.start, count.count));
        let starts = starts.map(|start| (at(&format!("{start}:00:00Z")), 1));
        assert_eq!(counts.collect::<Vec<_>>(), starts);
    }
}

async fn a_tick_is_never_lost_or_rounded_into_the_next_second<S: SessionLogStore>(fresh: Fresh<S>) {
    let nanos = |count| hour(1) + TimeDelta::nanoseconds(count);
    let logs = vec![
        log(1, nanos(999_999_950), Some(nanos(999_999_999))),
        log(2, nanos(999_999_900), Some(nanos(1_000_000_000))),
        log(3, nanos(1_000_000_000), None),
        log(4, nanos(1_234_567_800), None),
    ];
    let store = with(fresh.store, logs.clone()).await;
    let mut expected = logs;
    expected[0] = log(1, nanos(999_999_900), Some(nanos(999_999_900)));
    assert_eq!(shown(&store).await, expected);
    let second = Query::builder().started_before(nanos(1_000_000_000));
    assert_eq!(found(&store, second).await, [1, 2]);
}
