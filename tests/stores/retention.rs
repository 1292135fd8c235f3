//! What goes because of its age, or since there is too much.

use crate::engines::{Fresh, on_every_engine};
use crate::records::{found, hour, hourly, log, refused, shown, with};
use chrono::TimeDelta;
use sessionlog::stores::SessionLogStore;
use sessionlog::{ErrorKind, OpenSessions, Pruned, Query, RetainedMax, SessionLog};

on_every_engine!(
    what_ended_long_ago_goes_and_what_is_open_is_counted,
    open_sessions_that_are_old_go_only_if_asked,
    an_age_counts_from_the_end_and_its_limit_is_kept,
    an_age_that_is_not_positive_deletes_nothing,
    so_many_stay_and_they_are_the_newest,
    open_sessions_stay_even_if_there_are_too_many,
    pruning_again_changes_nothing_more,
);

/// Sessions that start each hour and end an hour later, but for those that stay open.
fn hourly_ended(count: u32, open: &[u128]) -> Vec<SessionLog> {
    let mut logs = hourly(1..=count);
    for log in &mut logs {
        if !open.contains(&log.refer_uid.as_u128()) {
            log.session_end = Some(log.session_start + TimeDelta::hours(1));
        }
    }
    logs
}

/// A store of these whose clock stands at this hour.
async fn standing<S: SessionLogStore>(fresh: Fresh<S>, at: u32, logs: Vec<SessionLog>) -> S {
    fresh.clock.advance(hour(at) - fresh.clock.time());
    with(fresh.store, logs).await
}

fn pruned(removed: u64, kept_open: u64, oldest_left: Option<u32>) -> Pruned {
    Pruned {
        removed,
        kept_open,
        oldest_left: oldest_left.map(hour),
    }
}

async fn what_ended_long_ago_goes_and_what_is_open_is_counted<S: SessionLogStore>(fresh: Fresh<S>) {
    let store = standing(fresh, 40, hourly_ended(30, &[3, 17, 29])).await;
    let day = TimeDelta::hours(20);
    // Before the hour 20 ended what started in the hours 1 to 18.
    let answer = store.prune(day, OpenSessions::Keep, |_| ()).await.unwrap();
    assert_eq!(answer, pruned(16, 2, Some(3)));
    let mut expected = vec![3, 17];
    expected.extend(19..=30);
    assert_eq!(found(&store, Query::builder()).await, expected);
    shown(&store).await;
}

async fn open_sessions_that_are_old_go_only_if_asked<S: SessionLogStore>(fresh: Fresh<S>) {
    let store = standing(fresh, 40, hourly_ended(30, &[3, 19, 20])).await;
    let day = TimeDelta::hours(20);
    let answer = store
        .prune(day, OpenSessions::Remove, |_| ())
        .await
        .unwrap();
    // What is open is as old as its start.
    assert_eq!(answer, pruned(19, 0, Some(20)));
    assert_eq!(
        found(&store, Query::builder()).await,
        (20..=30).collect::<Vec<_>>()
    );
    let hour = TimeDelta::hours(1);
    let all = store
        .prune(hour, OpenSessions::Remove, |_| ())
        .await
        .unwrap();
    assert_eq!(all, pruned(11, 0, None));
    assert_eq!(shown(&store).await, []);
}

async fn an_age_counts_from_the_end_and_its_limit_is_kept<S: SessionLogStore>(fresh: Fresh<S>) {
    let tick = TimeDelta::nanoseconds(100);
    let logs = vec![
        log(1, hour(1), Some(hour(39))),
        log(2, hour(2), Some(hour(20))),
        log(3, hour(2), Some(hour(20) - tick)),
    ];
    let store = standing(fresh, 40, logs).await;
    let answer = store
        .prune(TimeDelta::hours(20), OpenSessions::Keep, |_| ())
        .await;
    assert_eq!(answer.unwrap(), pruned(1, 0, Some(1)));
    assert_eq!(found(&store, Query::builder()).await, [1, 2]);
}

async fn an_age_that_is_not_positive_deletes_nothing<S: SessionLogStore>(fresh: Fresh<S>) {
    let store = standing(fresh, 40, hourly_ended(5, &[2])).await;
    for age in [
        TimeDelta::zero(),
        TimeDelta::nanoseconds(-1),
        TimeDelta::MIN,
    ] {
        for open in [OpenSessions::Keep, OpenSessions::Remove] {
            let answer = store.prune(age, open, |_| ()).await;
            refused(answer, ErrorKind::InvalidInput, "older_than");
        }
    }
    // Longer than there is time.
    let answer = store
        .prune(TimeDelta::MAX, OpenSessions::Remove, |_| ())
        .await;
    assert_eq!(answer.unwrap(), pruned(0, 0, Some(1)));
    assert_eq!(shown(&store).await, hourly_ended(5, &[2]));
}

async fn so_many_stay_and_they_are_the_newest<S: SessionLogStore>(fresh: Fresh<S>) {
    let store = standing(fresh, 40, hourly_ended(30, &[])).await;
    for (max, answer) in [
        (31, pruned(0, 0, Some(1))),
        (30, pruned(0, 0, Some(1))),
        (29, pruned(1, 0, Some(2))),
        (7, pruned(22, 0, Some(24))),
        (7, pruned(0, 0, Some(24))),
    ] {
        let retained = store
            .retain_at_most(RetainedMax::Sessions(max), |_| ())
            .await;
        assert_eq!(retained.unwrap(), answer);
    }
    assert_eq!(
        found(&store, Query::builder()).await,
        (24..=30).collect::<Vec<_>>()
    );
    let retained = store.retain_at_most(RetainedMax::Sessions(0), |_| ()).await;
    assert_eq!(retained.unwrap(), pruned(7, 0, None));
    assert_eq!(shown(&store).await, []);
}

async fn open_sessions_stay_even_if_there_are_too_many<S: SessionLogStore>(fresh: Fresh<S>) {
    let store = standing(fresh, 40, hourly_ended(10, &[1, 2, 4, 9])).await;
    let retained = store.retain_at_most(RetainedMax::Sessions(7), |_| ()).await;
    // The third of those that ended is the last that has to go.
    assert_eq!(retained.unwrap(), pruned(3, 3, Some(1)));
    assert_eq!(
        found(&store, Query::builder()).await,
        [1, 2, 4, 7, 8, 9, 10]
    );
    let retained = store.retain_at_most(RetainedMax::Sessions(2), |_| ()).await;
    assert_eq!(retained.unwrap(), pruned(3, 4, Some(1)));
    assert_eq!(found(&store, Query::builder()).await, [1, 2, 4, 9]);
    shown(&store).await;
}

async fn pruning_again_changes_nothing_more<S: SessionLogStore>(fresh: Fresh<S>) {
    let store = standing(fresh, 400, hourly_ended(300, &[250])).await;
    let age = TimeDelta::hours(150);
    let first = store.prune(age, OpenSessions::Keep, |_| ()).await.unwrap();
    let again = store.prune(age, OpenSessions::Keep, |_| ()).await.unwrap();
    assert_eq!((first.removed, again.removed), (248, 0));
    assert_eq!(
        (first.oldest_left, again.oldest_left),
        (Some(hour(249)), Some(hour(249)))
    );
    assert_eq!(
        found(&store, Query::builder()).await,
        (249..=300).collect::<Vec<_>>()
    );
}
