//! Ending many sessions at once.

use crate::engines::{Fresh, on_every_engine};
use crate::records::{answer, found, hour, hourly, log, of, on, refused, shown, with};
use chrono::{DateTime, TimeDelta, Utc};
use sessionlog::stores::SessionLogStore;
use sessionlog::{EndedOpen, ErrorKind, Query, SessionLog, StaleEnd};

on_every_engine!(
    all_open_sessions_of_a_client_end_and_nobody_elses,
    later_starts_stay_open_and_are_counted,
    what_has_ended_keeps_its_end,
    an_end_of_all_out_of_range_is_refused,
    stale_sessions_end_at_one_instant_or_so_long_after_their_start,
    stale_sessions_that_cannot_have_the_end_stay_open_and_are_counted,
    sessions_that_rot_are_found_by_their_age,
);

fn ended(ended: u64, left_open: u64) -> EndedOpen {
    EndedOpen { ended, left_open }
}

fn open() -> sessionlog::QueryBuilder {
    Query::builder().open_sessions_only(true)
}

async fn all_open_sessions_of_a_client_end_and_nobody_elses<S: SessionLogStore>(fresh: Fresh<S>) {
    let logs = (1..=12_u32).map(|number| {
        let client = format!("PDA-0{}", number % 2);
        of(
            u128::from(number % 3) + 1,
            "Ann",
            on(&client, log(number.into(), hour(number), None)),
        )
    });
    let store = with(fresh.store, logs.collect()).await;
    let of_client = Query::builder().client_refer_uid("PDA-01").build().unwrap();
    let counts = store.end_open(&of_client, hour(20)).await.unwrap();
    assert_eq!(counts, ended(6, 0));
    assert_eq!(found(&store, open()).await, [2, 4, 6, 8, 10, 12]);
    let closed = answer(&store, Query::builder().client_refer_uid("PDA-01")).await;
    let has_end = |log: &SessionLog| log.session_end == Some(hour(20));
    assert!(closed.len() == 6 && closed.iter().all(has_end));
    // Again, and there is nothing more to end.
    let again = store.end_open(&of_client, hour(20)).await.unwrap();
    assert_eq!(again, ended(0, 0));
    let bounded = Query::builder()
        .started_after(hour(2))
        .started_before(hour(8));
    let counts = store.end_open(&bounded.build().unwrap(), hour(20)).await;
    assert_eq!(counts.unwrap(), ended(2, 0));
    assert_eq!(found(&store, open()).await, [2, 8, 10, 12]);
}

async fn later_starts_stay_open_and_are_counted<S: SessionLogStore>(fresh: Fresh<S>) {
    let store = with(fresh.store, hourly(1..=10)).await;
    let counts = store.end_open(&Query::all(), hour(6)).await.unwrap();
    assert_eq!(counts, ended(6, 4));
    assert_eq!(found(&store, open()).await, [7, 8, 9, 10]);
    // A session that starts as it is to end has ended.
    let last = shown(&store).await.remove(5);
    assert_eq!(last, log(6, hour(6), Some(hour(6))));
}

async fn what_has_ended_keeps_its_end<S: SessionLogStore>(fresh: Fresh<S>) {
    let logs = vec![log(1, hour(1), Some(hour(2))), log(2, hour(1), None)];
    let store = with(fresh.store, logs.clone()).await;
    let counts = store.end_open(&Query::all(), hour(5)).await.unwrap();
    assert_eq!(counts, ended(1, 0));
    let stale = store
        .end_stale(hour(9), StaleEnd::At(hour(7)), |_| ())
        .await;
    assert_eq!(stale.unwrap(), ended(0, 0));
    let expected = [logs[0].clone(), log(2, hour(1), Some(hour(5)))];
    assert_eq!(shown(&store).await, expected);
}

async fn an_end_of_all_out_of_range_is_refused<S: SessionLogStore>(fresh: Fresh<S>) {
    let store = with(fresh.store, hourly([1, 2])).await;
    for out in [DateTime::<Utc>::MIN_UTC, DateTime::<Utc>::MAX_UTC] {
        let counts = store.end_open(&Query::all(), out).await;
        refused(counts, ErrorKind::InvalidInput, "session_end");
        let counts = store.end_stale(hour(9), StaleEnd::At(out), |_| ()).await;
        refused(counts, ErrorKind::InvalidInput, "session_end");
    }
    for length in [TimeDelta::zero(), TimeDelta::hours(-1), TimeDelta::MIN] {
        let end = StaleEnd::AfterStart(length);
        let counts = store.end_stale(hour(9), end, |_| ()).await;
        refused(counts, ErrorKind::InvalidInput, "after_start");
    }
    assert_eq!(shown(&store).await, hourly([1, 2]));
}

async fn stale_sessions_end_at_one_instant_or_so_long_after_their_start<S: SessionLogStore>(
    fresh: Fresh<S>,
) {
    let store = with(fresh.store, hourly(1..=9)).await;
    // The limit is exclusive.
    let counts = store
        .end_stale(hour(4), StaleEnd::At(hour(20)), |_| ())
        .await;
    assert_eq!(counts.unwrap(), ended(3, 0));
    let eight = StaleEnd::AfterStart(TimeDelta::hours(8));
    let counts = store.end_stale(hour(7), eight, |_| ()).await;
    assert_eq!(counts.unwrap(), ended(3, 0));
    let counts = store.end_stale(hour(7), eight, |_| ()).await;
    assert_eq!(counts.unwrap(), ended(0, 0));
    let expected = hourly(1..=9).into_iter().map(|mut log| {
        let number = log.refer_uid.as_u128();
        log.session_end = match number {
            ..4 => Some(hour(20)),
            4..7 => Some(log.session_start + TimeDelta::hours(8)),
            _ => None,
        };
        log
    });
    assert_eq!(shown(&store).await, expected.collect::<Vec<_>>());
}

async fn stale_sessions_that_cannot_have_the_end_stay_open_and_are_counted<S: SessionLogStore>(
    fresh: Fresh<S>,
) {
    let store = with(fresh.store, hourly(1..=9)).await;
    let counts = store
        .end_stale(hour(8), StaleEnd::At(hour(5)), |_| ())
        .await;
    assert_eq!(counts.unwrap(), ended(5, 2));
    assert_eq!(found(&store, open()).await, [6, 7, 8, 9]);
    let beyond = StaleEnd::AfterStart(TimeDelta::MAX);
    let counts = store.end_stale(hour(8), beyond, |_| ()).await;
    assert_eq!(counts.unwrap(), ended(0, 2));
    assert_eq!(found(&store, open()).await, [6, 7, 8, 9]);
}

async fn sessions_that_rot_are_found_by_their_age<S: SessionLogStore>(fresh: Fresh<S>) {
    let mut logs = hourly(1..=200);
    for log in logs
        .iter_mut()
        .filter(|log| log.refer_uid.as_u128() % 50 != 1)
    {
        log.session_end = Some(log.session_start);
    }
    let store = with(fresh.store, logs).await;
    assert_eq!(
        found(&store, open().started_before(hour(150))).await,
        [1, 51, 101]
    );
}
