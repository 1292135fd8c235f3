//! Erasing a user.

use crate::engines::{Fresh, on_every_engine};
use crate::records::{found, hour, hourly, log, of, on, refused, shown, uid, with};
use sessionlog::stores::SessionLogStore;
use sessionlog::{Erasure, ErrorKind, Query, SessionLog};
use uuid::Uuid;

on_every_engine!(
    an_erased_user_leaves_no_trace_and_the_others_are_as_they_were,
    erasing_counts_names_and_the_clients_that_nobody_else_has,
    erasing_nobody_does_nothing_and_the_nil_id_is_nobody,
    an_erased_user_may_come_again,
);

async fn an_erased_user_leaves_no_trace_and_the_others_are_as_they_were<S: SessionLogStore>(
    fresh: Fresh<S>,
) {
    let (erased, kept): (Vec<SessionLog>, Vec<SessionLog>) = hourly(1..=30)
        .into_iter()
        .map(|log| match log.refer_uid.as_u128() % 3 {
            0 => of(8, "Ben", on("PDA-02", log)),
            _ => log,
        })
        .partition(|log| log.user_refer_uid == uid(8));
    let store = with(fresh.store, [erased, kept.clone()].concat()).await;
    let answer = store
        .erase_user(uid(8), Erasure::Logical, |_| ())
        .await
        .unwrap();
    assert_eq!((answer.session_count, answer.is_secure), (10, false));
    assert_eq!(shown(&store).await, kept);
    assert_eq!(
        found(&store, Query::builder().user_refer_uid(uid(8))).await,
        []
    );
    assert_eq!(
        found(&store, Query::builder().client_refer_uid("PDA-02")).await,
        []
    );
    assert!(store.users_named("Ben").await.unwrap().is_empty());
    let all = Query::all();
    let busiest = store.busiest_users(&all, usize::MAX).await.unwrap();
    assert_eq!((busiest.total_count, busiest.entries.len()), (1, 1));
    assert_eq!(store.busiest_clients(&all, 9).await.unwrap().total_count, 1);
    assert!(store.verify(|_| ()).await.unwrap().is_sound());
}

async fn erasing_counts_names_and_the_clients_that_nobody_else_has<S: SessionLogStore>(
    fresh: Fresh<S>,
) {
    let logs = vec![
        of(8, "Ben", on("own", log(1, hour(1), None))),
        of(8, "Benno", on("own", log(2, hour(2), Some(hour(3))))),
        of(8, "Ben", on("shared", log(3, hour(3), None))),
        on("shared", log(4, hour(4), None)),
        // Somebody of the same name is somebody else.
        of(9, "Ben", on("other", log(5, hour(5), None))),
    ];
    let store = with(fresh.store, logs).await;
    let erased = store
        .erase_user(uid(8), Erasure::Logical, |_| ())
        .await
        .unwrap();
    assert_eq!(erased.session_count, 3);
    assert_eq!((erased.user_name_count, erased.client_count), (2, 1));
    assert_eq!(found(&store, Query::builder()).await, [4, 5]);
    assert_eq!(store.users_named("Ben").await.unwrap(), [uid(9)]);
    let again = store
        .erase_user(uid(8), Erasure::Logical, |_| ())
        .await
        .unwrap();
    assert_eq!((again.session_count, again.client_count), (0, 0));
}

async fn erasing_nobody_does_nothing_and_the_nil_id_is_nobody<S: SessionLogStore>(fresh: Fresh<S>) {
    let store = with(fresh.store, hourly([1, 2])).await;
    let nobody = store
        .erase_user(uid(99), Erasure::Logical, |_| ())
        .await
        .unwrap();
    assert_eq!((nobody.session_count, nobody.user_name_count), (0, 0));
    let nil = store
        .erase_user(Uuid::nil(), Erasure::Logical, |_| ())
        .await;
    refused(nil, ErrorKind::InvalidInput, "user_refer_uid");
    assert_eq!(shown(&store).await, hourly([1, 2]));
}

async fn an_erased_user_may_come_again<S: SessionLogStore>(fresh: Fresh<S>) {
    let store = with(fresh.store, hourly([1, 2])).await;
    store
        .erase_user(uid(7), Erasure::Logical, |_| ())
        .await
        .unwrap();
    assert_eq!(shown(&store).await, []);
    store.append_batch(hourly([2, 3])).await.unwrap();
    assert_eq!(shown(&store).await, hourly([2, 3]));
    assert_eq!(store.users_named("Ann").await.unwrap(), [uid(7)]);
}
