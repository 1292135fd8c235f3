//! What appending, ending and removing one session does, and what it refuses.

use crate::engines::{Fresh, on_every_engine};
use crate::records::{at, hour, log, of, on, refused, shown, uid};
use chrono::{DateTime, TimeDelta, Utc};
use sessionlog::stores::SessionLogStore;
use sessionlog::{EndBeforeStart, ErrorKind, Outcome, SessionLog, TEXT_BYTES_MAX};
use uuid::Uuid;

on_every_engine!(
    the_same_again_is_already_there_and_kept_once,
    a_conflict_names_the_member_and_changes_nothing,
    an_ended_copy_ends_an_open_session,
    a_late_open_copy_changes_nothing,
    the_first_end_stands,
    the_end_of_an_unknown_session_is_not_found_and_writes_nothing,
    a_session_that_ends_as_it_starts_has_ended,
    what_breaks_a_rule_is_refused_by_its_name,
    an_end_before_the_start_tells_both_times,
    what_was_removed_is_answered_and_then_gone_everywhere,
    what_was_removed_may_come_again_as_another_session,
);

async fn the_same_again_is_already_there_and_kept_once<S: SessionLogStore>(fresh: Fresh<S>) {
    let store = fresh.store;
    for log in [log(1, hour(1), None), log(2, hour(2), Some(hour(3)))] {
        assert_eq!(store.append(log.clone()).await.unwrap(), Outcome::Added);
        for _ in 0..3 {
            let again = store.append(log.clone()).await;
            assert_eq!(again.unwrap(), Outcome::AlreadyThere);
        }
    }
    // Less than a tick is no difference.
    let same = log(1, hour(1) + TimeDelta::nanoseconds(99), None);
    assert_eq!(store.append(same).await.unwrap(), Outcome::AlreadyThere);
    let expected = [log(1, hour(1), None), log(2, hour(2), Some(hour(3)))];
    assert_eq!(shown(&store).await, expected);
}

async fn a_conflict_names_the_member_and_changes_nothing<S: SessionLogStore>(fresh: Fresh<S>) {
    let store = fresh.store;
    let stored = log(1, hour(1), Some(hour(2)));
    store.append(stored.clone()).await.unwrap();
    let other = |member: &'static str, log: SessionLog| (member, log);
    let others = [
        other("user_refer_uid", of(8, "Ann", stored.clone())),
        other("user", of(7, "ann", stored.clone())),
        other("client_refer_uid", on("PDA-02", stored.clone())),
        other("session_start", log(1, hour(0), Some(hour(2)))),
        other("session_end", log(1, hour(1), Some(hour(3)))),
        // Of several the first.
        other("user", of(7, "", on("", log(1, hour(0), None)))),
    ];
    for (member, log) in others {
        let error = refused(store.append(log).await, ErrorKind::Conflict, member);
        assert!(error.to_string().contains(&uid(1).to_string()), "{error}");
        assert!(error.end_before_start().is_none());
    }
    let error = store.append(of(7, "Anna", stored.clone())).await;
    assert_eq!(
        error.unwrap_err().to_string(),
        "session 00000000-0000-0000-0000-000000000001 is stored with user \"Ann\", not \"Anna\""
    );
    assert_eq!(shown(&store).await, [stored]);
}

async fn an_ended_copy_ends_an_open_session<S: SessionLogStore>(fresh: Fresh<S>) {
    let store = fresh.store;
    store.append(log(1, hour(1), None)).await.unwrap();
    let ended = log(1, hour(1), Some(hour(2)));
    let outcome = store.append(ended.clone()).await.unwrap();
    assert_eq!(outcome, Outcome::Ended);
    let again = store.append(ended.clone()).await.unwrap();
    assert_eq!(again, Outcome::AlreadyThere);
    assert_eq!(shown(&store).await, [ended]);
}

async fn a_late_open_copy_changes_nothing<S: SessionLogStore>(fresh: Fresh<S>) {
    let store = fresh.store;
    let ended = log(1, hour(1), Some(hour(2)));
    store.append(ended.clone()).await.unwrap();
    let late = store.append(log(1, hour(1), None)).await.unwrap();
    assert_eq!(late, Outcome::AlreadyThere);
    assert_eq!(shown(&store).await, [ended]);
}

async fn the_first_end_stands<S: SessionLogStore>(fresh: Fresh<S>) {
    let store = fresh.store;
    store.append(log(1, hour(1), None)).await.unwrap();
    let outcome = store.end(uid(1), hour(2)).await.unwrap();
    assert_eq!(outcome, Outcome::Ended);
    for end in [hour(2), hour(2) + TimeDelta::nanoseconds(99)] {
        let again = store.end(uid(1), end).await.unwrap();
        assert_eq!(again, Outcome::AlreadyThere);
    }
    for other in [hour(3), hour(2) + TimeDelta::nanoseconds(100), hour(0)] {
        let ended = store.end(uid(1), other).await;
        refused(ended, ErrorKind::AlreadyEnded, "session_end");
    }
    assert_eq!(shown(&store).await, [log(1, hour(1), Some(hour(2)))]);
}

async fn the_end_of_an_unknown_session_is_not_found_and_writes_nothing<S: SessionLogStore>(
    fresh: Fresh<S>,
) {
    let store = fresh.store;
    for unknown in [uid(1), Uuid::nil()] {
        let ended = store.end(unknown, hour(1)).await;
        let error = refused(ended, ErrorKind::NotFound, "refer_uid");
        assert!(error.to_string().contains(&unknown.to_string()), "{error}");
        let removed = store.remove(unknown).await;
        refused(removed, ErrorKind::NotFound, "refer_uid");
        assert_eq!(store.get(unknown).await.unwrap(), None);
    }
    assert_eq!(shown(&store).await, []);
}

async fn a_session_that_ends_as_it_starts_has_ended<S: SessionLogStore>(fresh: Fresh<S>) {
    let store = fresh.store;
    store.append(log(1, hour(1), Some(hour(1)))).await.unwrap();
    store.append(log(2, hour(1), None)).await.unwrap();
    let ended = store.end(uid(2), hour(1)).await.unwrap();
    assert_eq!(ended, Outcome::Ended);
    let stats = store.stats().await.unwrap();
    assert_eq!((stats.session_count, stats.open_session_count), (2, 0));
    assert!(shown(&store).await.iter().all(|log| !log.is_open()));
}

async fn what_breaks_a_rule_is_refused_by_its_name<S: SessionLogStore>(fresh: Fresh<S>) {
    let store = fresh.store;
    let good = log(1, hour(1), None);
    let long = "ä".repeat(TEXT_BYTES_MAX / 2) + "x";
    let early = at("0001-01-01T00:00:00.000000099Z");
    let starting = |session_start| SessionLog {
        session_start,
        ..good.clone()
    };
    let bad = [
        ("refer_uid", log(0, hour(1), None)),
        ("user_refer_uid", of(0, "Ann", good.clone())),
        ("user", of(7, &long, good.clone())),
        ("client_refer_uid", on(&long, good.clone())),
        ("session_start", starting(early)),
        ("session_start", starting(DateTime::<Utc>::MAX_UTC)),
        ("session_end", log(1, hour(1), Some(hour(0)))),
        ("session_end", log(1, hour(1), Some(early))),
        (
            "session_end",
            log(1, hour(1), Some(DateTime::<Utc>::MAX_UTC)),
        ),
    ];
    for (member, log) in bad {
        let error = refused(store.append(log).await, ErrorKind::InvalidInput, member);
        assert!(error.to_string().starts_with(member), "{error}");
        assert!(error.to_string().len() < 1_000);
    }
    store.append(good.clone()).await.unwrap();
    for end in [early, DateTime::<Utc>::MAX_UTC, hour(0)] {
        let ended = store.end(uid(1), end).await;
        refused(ended, ErrorKind::InvalidInput, "session_end");
    }
    assert_eq!(shown(&store).await, [good]);
}

async fn an_end_before_the_start_tells_both_times<S: SessionLogStore>(fresh: Fresh<S>) {
    let store = fresh.store;
    let times = EndBeforeStart {
        session_start: hour(1),
        session_end: hour(0),
    };
    let appended = store.append(log(1, hour(1), Some(hour(0)))).await;
    assert_eq!(appended.unwrap_err().end_before_start(), Some(times));
    let batch = vec![log(1, hour(1), Some(hour(0)))];
    let refusal = store.append_batch(batch).await.unwrap_err();
    assert_eq!(refusal.refusals()[0].error.end_before_start(), Some(times));
    store.append(log(1, hour(1), None)).await.unwrap();
    let error = store.end(uid(1), hour(0)).await.unwrap_err();
    assert_eq!(error.end_before_start(), Some(times));
    let text = "session_end 2026-11-01T00:00:00Z lies before session_start 2026-11-01T01:00:00Z";
    assert_eq!(error.to_string(), text);
    // Out of range is no time before the start.
    let error = store.end(uid(1), DateTime::<Utc>::MIN_UTC).await;
    assert_eq!(error.unwrap_err().end_before_start(), None);
    assert_eq!(shown(&store).await, [log(1, hour(1), None)]);
}

async fn what_was_removed_is_answered_and_then_gone_everywhere<S: SessionLogStore>(
    fresh: Fresh<S>,
) {
    let store = fresh.store;
    let logs = [
        log(1, hour(1), None),
        log(2, hour(2), Some(hour(4))),
        log(3, hour(3), None),
    ];
    store.append_batch(logs.to_vec()).await.unwrap();
    assert_eq!(store.remove(uid(2)).await.unwrap(), logs[1]);
    assert_eq!(store.remove(uid(3)).await.unwrap(), logs[2]);
    let again = store.remove(uid(2)).await;
    refused(again, ErrorKind::NotFound, "refer_uid");
    assert_eq!(store.get(uid(2)).await.unwrap(), None);
    assert_eq!(shown(&store).await, [logs[0].clone()]);
}

async fn what_was_removed_may_come_again_as_another_session<S: SessionLogStore>(fresh: Fresh<S>) {
    let store = fresh.store;
    store.append(log(1, hour(1), Some(hour(2)))).await.unwrap();
    store.remove(uid(1)).await.unwrap();
    let other = of(8, "Ben", on("PDA-02", log(1, hour(5), None)));
    let outcome = store.append(other.clone()).await.unwrap();
    assert_eq!(outcome, Outcome::Added);
    assert_eq!(shown(&store).await, [other]);
}
