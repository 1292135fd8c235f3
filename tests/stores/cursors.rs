//! Cursors: places that hold while others write, and in another engine.

use crate::engines::{Fresh, on_every_engine, on_every_pair};
use crate::records::{hour, hourly, log, numbers, on, refused, uid, with};
use sessionlog::stores::SessionLogStore;
use sessionlog::{Cursor, ErrorKind, Order, Query};

on_every_engine!(
    a_cursor_neither_repeats_nor_skips_while_others_write,
    a_cursor_whose_record_was_removed_goes_on_behind_it,
    a_cursor_at_the_end_goes_on_with_what_comes_later,
    a_cursor_of_another_query_is_refused,
    a_cursor_among_ties_goes_on_between_them,
);

on_every_pair!(a_cursor_of_one_store_goes_on_in_another_that_has_the_same);

async fn a_cursor_neither_repeats_nor_skips_while_others_write<S: SessionLogStore>(
    fresh: Fresh<S>,
) {
    let store = with(fresh.store, hourly([2, 4, 6, 8, 10])).await;
    for (order, expected) in [
        (
            Order::OldestFirst,
            [vec![2, 4], vec![5, 6], vec![8, 10], vec![]],
        ),
        (
            Order::NewestFirst,
            [vec![10, 8], vec![6, 5], vec![2, 1], vec![]],
        ),
    ] {
        let query = Query::builder().order(order).build().unwrap();
        let mut cursor = Cursor::start(&query);
        for (step, expected) in expected.into_iter().enumerate() {
            let page = store.page_after(&query, &cursor, 2).await.unwrap();
            assert_eq!(numbers(&page.entries), expected, "{order:?}");
            cursor = page.next.to_string().parse().unwrap();
            if step == 0 {
                store.append_batch(hourly([1, 5])).await.unwrap();
                store.remove(uid(4)).await.unwrap();
            }
        }
        // For the other order.
        let _ = store.append_batch(hourly([4])).await.unwrap();
    }
}

async fn a_cursor_whose_record_was_removed_goes_on_behind_it<S: SessionLogStore>(fresh: Fresh<S>) {
    let store = with(fresh.store, hourly(1..=6)).await;
    let query = Query::builder().open_sessions_only(true).build().unwrap();
    let page = store
        .page_after(&query, &Cursor::start(&query), 3)
        .await
        .unwrap();
    assert_eq!(
        (page.remaining_record_count, page.total_record_count),
        (3, 6)
    );
    store.remove(uid(3)).await.unwrap();
    // A session that ends is no longer in the answer either.
    store.end(uid(4), hour(9)).await.unwrap();
    let page = store.page_after(&query, &page.next, 3).await.unwrap();
    assert_eq!(numbers(&page.entries), [5, 6]);
    assert_eq!(
        (page.remaining_record_count, page.total_record_count),
        (0, 4)
    );
}

async fn a_cursor_at_the_end_goes_on_with_what_comes_later<S: SessionLogStore>(fresh: Fresh<S>) {
    let store = with(fresh.store, hourly([1, 2])).await;
    let query = Query::all();
    let all = store
        .page_after(&query, &Cursor::start(&query), 10)
        .await
        .unwrap();
    assert_eq!(all.remaining_record_count, 0);
    let nothing = store.page_after(&query, &all.next, 10).await.unwrap();
    assert_eq!((nothing.entries.len(), &nothing.next), (0, &all.next));
    store.append_batch(hourly([3])).await.unwrap();
    let new = store.page_after(&query, &nothing.next, 10).await.unwrap();
    assert_eq!(numbers(&new.entries), [3]);
}

async fn a_cursor_of_another_query_is_refused<S: SessionLogStore>(fresh: Fresh<S>) {
    let store = with(fresh.store, hourly([1, 2, 3])).await;
    let query = Query::builder().client_refer_uid("PDA-01");
    let of_client = query.clone().build().unwrap();
    let page = store
        .page_after(&of_client, &Cursor::start(&of_client), 1)
        .await
        .unwrap();
    for other in [
        Query::builder(),
        query.clone().client_refer_uid("PDA-02"),
        query.clone().user_refer_uid(uid(7)),
        query.clone().open_sessions_only(true),
        query.clone().started_after(hour(0)),
        query.clone().started_before(hour(9)),
        query.order(Order::NewestFirst),
    ] {
        let other = other.build().unwrap();
        let read = store.page_after(&other, &page.next, 1).await;
        let error = refused(read, ErrorKind::InvalidInput, "cursor");
        let text = format!("cursor {} belongs to another query", page.next);
        assert_eq!(error.to_string(), text);
    }
}

async fn a_cursor_among_ties_goes_on_between_them<S: SessionLogStore>(fresh: Fresh<S>) {
    let logs = (1..=20).map(|number| log(number, hour(1), None));
    let store = with(fresh.store, logs.collect()).await;
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let query = Query::builder().order(order).build().unwrap();
        let (mut cursor, mut seen) = (Cursor::start(&query), Vec::new());
        loop {
            let page = store.page_after(&query, &cursor, 3).await.unwrap();
            if page.entries.is_empty() {
                break;
            }
            seen.extend(numbers(&page.entries));
            cursor = page.next;
        }
        if order == Order::NewestFirst {
            seen.reverse();
        }
        assert_eq!(seen, (1..=20).collect::<Vec<_>>());
    }
}

async fn a_cursor_of_one_store_goes_on_in_another_that_has_the_same<A, B>(
    one: Fresh<A>,
    other: Fresh<B>,
) where
    A: SessionLogStore,
    B: SessionLogStore,
{
    let logs: Vec<_> = hourly(1..=30)
        .into_iter()
        .map(|log| on("a\0b", log))
        .collect();
    // They come to the other in another order.
    let one = with(one.store, logs.clone()).await;
    let other = with(other.store, logs.into_iter().rev().collect()).await;
    let query = Query::builder()
        .user_refer_uid(uid(7))
        .client_refer_uid("a\0b");
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let query = query
            .clone()
            .started_after(hour(2))
            .order(order)
            .build()
            .unwrap();
        let (mut cursor, mut seen) = (Cursor::start(&query), 0);
        for step in 0..7 {
            let page = match step % 2 {
                0 => one.page_after(&query, &cursor, 5).await.unwrap(),
                _ => other.page_after(&query, &cursor, 5).await.unwrap(),
            };
            let same = other.page_after(&query, &cursor, 5).await.unwrap();
            assert_eq!(page, same);
            seen += page.entries.len();
            assert_eq!(page.remaining_record_count, 28 - seen as u64);
            cursor = page.next;
        }
        assert_eq!(seen, 28);
    }
}
