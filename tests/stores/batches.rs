//! Batches: all or nothing, as if one record came after the other.

use crate::engines::{Fresh, on_every_engine};
use crate::records::{hour, hourly, log, of, on, shown, uid, with};
use chrono::TimeDelta;
use sessionlog::stores::SessionLogStore;
use sessionlog::{ErrorKind, Outcome, Query};

on_every_engine!(
    a_batch_with_refusals_is_refused_whole_and_lists_every_index,
    a_batch_that_clashes_with_what_is_stored_leaves_it_as_it_was,
    duplicates_within_a_batch_act_one_after_the_other,
    a_batch_that_clashes_with_itself_is_refused_where_it_does,
    a_batch_of_nothing_does_nothing,
    a_batch_of_thousands_is_all_there,
);

async fn a_batch_with_refusals_is_refused_whole_and_lists_every_index<S: SessionLogStore>(
    fresh: Fresh<S>,
) {
    let store = with(fresh.store, hourly([1])).await;
    let batch = vec![
        log(2, hour(2), None),
        log(0, hour(2), None),
        log(3, hour(3), None),
        on("PDA-02", log(1, hour(1), None)),
        log(4, hour(4), Some(hour(3))),
    ];
    let error = store.append_batch(batch).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.member()),
        (ErrorKind::InvalidInput, None)
    );
    let refusals = error.refusals().iter();
    let refusals = refusals.map(|refusal| {
        let error = &refusal.error;
        (refusal.index, error.kind(), error.member().unwrap())
    });
    let expected = [
        (1, ErrorKind::InvalidInput, "refer_uid"),
        (3, ErrorKind::Conflict, "client_refer_uid"),
        (4, ErrorKind::InvalidInput, "session_end"),
    ];
    assert_eq!(refusals.collect::<Vec<_>>(), expected);
    let text = error.to_string();
    let start = "the batch was refused whole: 3 of 5 records are at fault; record 1: refer_uid ";
    assert!(text.starts_with(start), "{text}");
    assert_eq!(shown(&store).await, hourly([1]));
}

async fn a_batch_that_clashes_with_what_is_stored_leaves_it_as_it_was<S: SessionLogStore>(
    fresh: Fresh<S>,
) {
    let store = with(fresh.store, hourly([1, 3, 7])).await;
    // The end of a session that is there would be new, but for the clash behind it.
    let ended = log(3, hour(3), Some(hour(4)));
    let batch = vec![hourly([2]).remove(0), ended, log(7, hour(8), None)];
    let error = store.append_batch(batch).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let refused = &error.refusals()[0];
    assert_eq!((refused.index, error.refusals().len()), (2, 1));
    assert_eq!(refused.error.member(), Some("session_start"));
    assert_eq!(shown(&store).await, hourly([1, 3, 7]));
    let outcomes = store.append_batch(hourly([2, 7, 14])).await.unwrap();
    let expected = [Outcome::Added, Outcome::AlreadyThere, Outcome::Added];
    assert_eq!(outcomes, expected);
    assert_eq!(shown(&store).await, hourly([1, 2, 3, 7, 14]));
}

async fn duplicates_within_a_batch_act_one_after_the_other<S: SessionLogStore>(fresh: Fresh<S>) {
    let store = fresh.store;
    let ended = log(1, hour(1), Some(hour(2)));
    let batch = vec![
        log(1, hour(1), None),
        log(1, hour(1), None),
        ended.clone(),
        log(1, hour(1), None),
        ended.clone(),
        log(2, hour(0), None),
    ];
    let outcomes = store.append_batch(batch.clone()).await.unwrap();
    let expected = [
        Outcome::Added,
        Outcome::AlreadyThere,
        Outcome::Ended,
        Outcome::AlreadyThere,
        Outcome::AlreadyThere,
        Outcome::Added,
    ];
    assert_eq!(outcomes, expected);
    let again = store.append_batch(batch).await.unwrap();
    assert_eq!(again, [Outcome::AlreadyThere; 6]);
    assert_eq!(shown(&store).await, [log(2, hour(0), None), ended]);
}

async fn a_batch_that_clashes_with_itself_is_refused_where_it_does<S: SessionLogStore>(
    fresh: Fresh<S>,
) {
    let store = fresh.store;
    let batch = vec![
        log(1, hour(1), Some(hour(2))),
        of(7, "Anna", log(1, hour(1), None)),
        log(1, hour(1), Some(hour(3))),
        log(1, hour(1), Some(hour(2))),
    ];
    let error = store.append_batch(batch).await.unwrap_err();
    let members = error.refusals().iter();
    let members = members.map(|refusal| (refusal.index, refusal.error.member().unwrap()));
    let expected = [(1, "user"), (2, "session_end")];
    assert_eq!(members.collect::<Vec<_>>(), expected);
    assert_eq!(store.get(uid(1)).await.unwrap(), None);
    assert_eq!(shown(&store).await, []);
}

async fn a_batch_of_nothing_does_nothing<S: SessionLogStore>(fresh: Fresh<S>) {
    let store = fresh.store;
    assert_eq!(store.append_batch(Vec::new()).await.unwrap(), []);
    assert_eq!(shown(&store).await, []);
}

async fn a_batch_of_thousands_is_all_there<S: SessionLogStore>(fresh: Fresh<S>) {
    let store = fresh.store;
    let logs: Vec<_> = (1..=5_000)
        .map(|number: u32| {
            let start = hour(0) + TimeDelta::seconds(i64::from(number) * 7 % 5_000);
            on(
                &format!("PDA-{}", number % 90),
                log(number.into(), start, None),
            )
        })
        .collect();
    let outcomes = store.append_batch(logs.clone()).await.unwrap();
    assert_eq!(outcomes, vec![Outcome::Added; 5_000]);
    assert_eq!(store.count(&Query::all()).await.unwrap(), 5_000);
    let again = store.append_batch(logs.clone()).await.unwrap();
    assert_eq!(again, vec![Outcome::AlreadyThere; 5_000]);
    let request = sessionlog::PageRequest::new(0, 10_000).unwrap();
    let mut expected = logs;
    expected.sort_by_key(|log| (log.session_start, log.refer_uid));
    let page = store.page(&Query::all(), request).await.unwrap();
    assert!(page.entries == expected);
}
