//! Starting sessions by the clock of the store.

use crate::engines::{Fresh, on_every_engine};
use crate::records::{log, of, on, refused, shown, uid};
use chrono::{DateTime, TimeDelta};
use sessionlog::stores::SessionLogStore;
use sessionlog::{ErrorKind, Outcome, TEXT_BYTES_MAX};
use uuid::Uuid;

on_every_engine!(
    a_start_takes_the_time_of_the_clock_and_the_next_id,
    a_start_that_breaks_a_rule_is_refused_by_name,
    an_id_that_is_taken_is_a_conflict,
    a_start_that_is_repeated_starts_once_and_the_first_stands,
    a_start_under_the_id_of_another_session_is_a_conflict,
);

async fn a_start_takes_the_time_of_the_clock_and_the_next_id<S: SessionLogStore>(fresh: Fresh<S>) {
    let Fresh { store, clock, ids } = fresh;
    clock.advance(TimeDelta::nanoseconds(12_345_678_901));
    let next = ids.next();
    assert_eq!(store.start(uid(7), "Ann", "PDA-01").await.unwrap(), next);
    let start = DateTime::UNIX_EPOCH + TimeDelta::nanoseconds(12_345_678_900);
    let one = log(next.as_u128(), start, None);
    assert_eq!(store.get(next).await.unwrap(), Some(one.clone()));
    let second = store.start(uid(8), "", "").await.unwrap();
    let other = of(8, "", on("", log(second.as_u128(), start, None)));
    assert_eq!(shown(&store).await, [one, other]);
}

async fn a_start_that_breaks_a_rule_is_refused_by_name<S: SessionLogStore>(fresh: Fresh<S>) {
    let store = fresh.store;
    let long = "x".repeat(TEXT_BYTES_MAX + 1);
    let bad = [
        ("user_refer_uid", Uuid::nil(), "Ann", "PDA-01"),
        ("user", uid(7), &*long, "PDA-01"),
        ("client_refer_uid", uid(7), "Ann", &*long),
    ];
    for (member, user, name, client) in bad {
        let started = store.start(user, name, client).await;
        refused(started, ErrorKind::InvalidInput, member);
        let started = store.start_as(uid(1), user, name, client).await;
        refused(started, ErrorKind::InvalidInput, member);
    }
    let started = store.start_as(Uuid::nil(), uid(7), "Ann", "PDA-01").await;
    refused(started, ErrorKind::InvalidInput, "refer_uid");
    assert_eq!(shown(&store).await, []);
}

async fn an_id_that_is_taken_is_a_conflict<S: SessionLogStore>(fresh: Fresh<S>) {
    let Fresh { store, clock, ids } = fresh;
    let taken = log(ids.next().as_u128(), clock.time(), None);
    store.append(taken.clone()).await.unwrap();
    let started = store.start(uid(7), "Ann", "PDA-01").await;
    let error = refused(started, ErrorKind::Conflict, "refer_uid");
    let text = format!("the new refer_uid {} is taken", taken.refer_uid);
    assert_eq!(error.to_string(), text);
    assert_eq!(shown(&store).await, [taken]);
}

async fn a_start_that_is_repeated_starts_once_and_the_first_stands<S: SessionLogStore>(
    fresh: Fresh<S>,
) {
    let Fresh { store, clock, .. } = fresh;
    let start = async || {
        store
            .start_as(uid(1), uid(7), "Ann", "PDA-01")
            .await
            .unwrap()
    };
    assert_eq!(start().await, Outcome::Added);
    let first = clock.time();
    clock.advance(TimeDelta::hours(1));
    assert_eq!(start().await, Outcome::AlreadyThere);
    assert_eq!(shown(&store).await, [log(1, first, None)]);
    let end = clock.time();
    store.end(uid(1), end).await.unwrap();
    assert_eq!(start().await, Outcome::AlreadyThere);
    assert_eq!(shown(&store).await, [log(1, first, Some(end))]);
}

async fn a_start_under_the_id_of_another_session_is_a_conflict<S: SessionLogStore>(
    fresh: Fresh<S>,
) {
    let store = fresh.store;
    store
        .start_as(uid(1), uid(7), "Ann", "PDA-01")
        .await
        .unwrap();
    let before = shown(&store).await;
    for (member, user, name, client) in [
        ("user_refer_uid", uid(8), "Ann", "PDA-01"),
        ("user", uid(7), "ann", "PDA-01"),
        ("client_refer_uid", uid(7), "Ann", "PDA-01 "),
    ] {
        let started = store.start_as(uid(1), user, name, client).await;
        refused(started, ErrorKind::Conflict, member);
    }
    assert_eq!(shown(&store).await, before);
}
