//! Pages and totals.

use crate::engines::{Fresh, on_every_engine};
use crate::records::{answer, found, hour, hourly, log, numbers, of, on, refused, uid, with};
use sessionlog::stores::SessionLogStore;
use sessionlog::{Cursor, ErrorKind, Order, PageRequest, Query, QueryBuilder, SessionLog};

on_every_engine!(
    the_page_count_is_right_at_every_edge,
    pages_past_the_end_are_empty_with_true_totals,
    every_record_is_on_one_page_however_many_there_are,
    a_page_has_as_many_as_asked_for_however_many_users_share_a_client,
    a_page_index_shifts_with_what_is_written_before_it,
    a_session_is_found_by_every_route_or_by_none,
    page_sizes_out_of_bounds_are_refused,
);

async fn the_page_count_is_right_at_every_edge<S: SessionLogStore>(fresh: Fresh<S>) {
    let store = fresh.store;
    let size = 4;
    for total in 0..=9_u32 {
        let request = PageRequest::new(0, size).unwrap();
        let page = store.page(&Query::all(), request).await.unwrap();
        assert_eq!(page.total_record_count, u64::from(total));
        assert_eq!(page.total_page_count, u64::from(total.div_ceil(size)));
        store.append(hourly([total + 1]).remove(0)).await.unwrap();
    }
}

async fn pages_past_the_end_are_empty_with_true_totals<S: SessionLogStore>(fresh: Fresh<S>) {
    let store = with(fresh.store, hourly(1..=7)).await;
    let open = Query::builder().open_sessions_only(true);
    let none = Query::builder().client_refer_uid("PDA-99");
    for (query, total) in [(Query::builder(), 7), (open, 7), (none, 0)] {
        for order in [Order::OldestFirst, Order::NewestFirst] {
            let query = query.clone().order(order).build().unwrap();
            for index in [3, 4, 1_000, u32::MAX] {
                for size in [3, 10_000] {
                    let request = PageRequest::new(index, size).unwrap();
                    let page = store.page(&query, request).await.unwrap();
                    assert_eq!(page.entries, []);
                    assert_eq!((page.page_index, page.records_per_page), (index, size));
                    assert_eq!(page.total_record_count, total);
                    assert_eq!(page.total_page_count, total.div_ceil(size.into()));
                }
            }
        }
    }
}

async fn every_record_is_on_one_page_however_many_there_are<S: SessionLogStore>(fresh: Fresh<S>) {
    let store = with(fresh.store, hourly(1..=250)).await;
    let query = Query::builder().client_refer_uid("PDA-01");
    let expected: Vec<u128> = (1..=250).collect();
    assert_eq!(found(&store, query.clone()).await, expected);
    let query = query.build().unwrap();
    let mut seen = Vec::new();
    for index in 0..3 {
        let request = PageRequest::new(index, 100).unwrap();
        let page = store.page(&query, request).await.unwrap();
        assert_eq!((page.total_record_count, page.total_page_count), (250, 3));
        seen.extend(numbers(&page.entries));
    }
    assert_eq!(seen, expected);
}

async fn a_page_has_as_many_as_asked_for_however_many_users_share_a_client<S: SessionLogStore>(
    fresh: Fresh<S>,
) {
    let shared = hourly(1..=40).into_iter().map(|log| {
        let user = log.refer_uid.as_u128();
        of(user, "Ann", log)
    });
    let store = with(fresh.store, shared.collect()).await;
    let query = Query::builder().client_refer_uid("PDA-01").build().unwrap();
    let page = store.page(&query, PageRequest::new(1, 10).unwrap()).await;
    assert_eq!(
        numbers(&page.unwrap().entries),
        (11..=20).collect::<Vec<_>>()
    );
}

async fn a_page_index_shifts_with_what_is_written_before_it<S: SessionLogStore>(fresh: Fresh<S>) {
    let store = with(fresh.store, hourly([2, 4, 6, 8])).await;
    let page = async |index| {
        let request = PageRequest::new(index, 2).unwrap();
        let page = store.page(&Query::all(), request).await.unwrap();
        numbers(&page.entries)
    };
    assert_eq!(page(0).await, [2, 4]);
    store.append_batch(hourly([1, 9])).await.unwrap();
    assert_eq!(page(1).await, [4, 6]);
    store.remove(uid(2)).await.unwrap();
    assert_eq!(page(1).await, [6, 8]);
}

async fn a_session_is_found_by_every_route_or_by_none<S: SessionLogStore>(fresh: Fresh<S>) {
    let mut logs: Vec<SessionLog> = Vec::new();
    for number in 1..=60_u32 {
        let end = number.is_multiple_of(3).then(|| hour(number + 2));
        let user = u128::from(number % 4) + 1;
        let log = log(number.into(), hour(number), end);
        let client = format!("PDA-{}", number % 5);
        logs.push(of(user, "Ann", on(&client, log)));
    }
    let store = with(fresh.store, logs.clone()).await;
    let finds = async |query: QueryBuilder, number| found(&store, query).await.contains(&number);
    for log in logs.iter().step_by(7) {
        let (number, user, client) = (
            log.refer_uid.as_u128(),
            log.user_refer_uid,
            &*log.client_refer_uid,
        );
        let tick = chrono::TimeDelta::nanoseconds(100);
        let range = Query::builder()
            .started_after(log.session_start - tick)
            .started_before(log.session_start + tick);
        let query = Query::builder;
        let both = query().user_refer_uid(user).client_refer_uid(client);
        for route in [
            query(),
            query().user_refer_uid(user),
            query().client_refer_uid(client),
            both.clone(),
            range.clone(),
            range.user_refer_uid(user).client_refer_uid(client),
        ] {
            assert!(finds(route.clone(), number).await);
            let open = route.open_sessions_only(true);
            assert_eq!(finds(open, number).await, log.is_open());
        }
        assert!(!finds(both.user_refer_uid(uid(99)), number).await);
    }
    let open = answer(&store, Query::builder().open_sessions_only(true)).await;
    assert!(open.iter().all(SessionLog::is_open));
    assert_eq!(open.len(), 40);
}

async fn page_sizes_out_of_bounds_are_refused<S: SessionLogStore>(fresh: Fresh<S>) {
    let store = with(fresh.store, hourly([1])).await;
    let (all, max) = (Query::all(), PageRequest::RECORDS_PER_PAGE_MAX);
    let start = Cursor::start(&all);
    for size in [0, max + 1, u32::MAX] {
        let page = store.page_after(&all, &start, size).await;
        let error = refused(page, ErrorKind::InvalidInput, "records_per_page");
        let text = format!("records_per_page {size} lies outside 1..={max}");
        assert_eq!(error.to_string(), text);
        let request = PageRequest::new(0, size);
        refused(request, ErrorKind::InvalidInput, "records_per_page");
    }
    for size in [1, max] {
        let page = store.page_after(&all, &start, size).await.unwrap();
        assert_eq!(numbers(&page.entries), [1]);
    }
}
