//! Pages, totals, counts: the same rows from every route.

use crate::{at, log, refused, store_of, uid};
use sessionlog::{ErrorKind, Order, PageRequest, Query, QueryBuilder, SessionLog, Store};

const START: &str = "2026-11-01T08:00:00Z";

fn page(store: &Store, query: QueryBuilder, index: u32, size: u32) -> sessionlog::Page {
    let request = PageRequest::new(index, size).unwrap();
    store.page(&query.build().unwrap(), request).unwrap()
}

/// Reads every page and joins them.
fn walk(store: &Store, query: &QueryBuilder, size: u32) -> Vec<SessionLog> {
    let pages = page(store, query.clone(), 0, size).total_page_count;
    let pages = 0..u32::try_from(pages).unwrap();
    pages
        .flat_map(|index| page(store, query.clone(), index, size).entries)
        .collect()
}

#[test]
fn the_last_page_counts_even_if_it_is_not_full() {
    let size = 5;
    for (total, pages) in [(0, 0), (1, 1), (4, 1), (5, 1), (6, 2), (10, 2), (11, 3)] {
        let store = store_of((1..=total).map(|number| log(number, START, None)));
        let first = page(&store, Query::builder(), 0, size);
        assert_eq!(first.total_page_count, pages, "{total} sessions");
        assert_eq!(first.total_record_count, total as u64);
        assert_eq!(walk(&store, &Query::builder(), size).len() as u128, total);
    }
}

#[test]
fn a_page_past_the_end_is_empty_with_true_totals() {
    let store = store_of((1..=11).map(|number| log(number, START, None)));
    for (index, size) in [
        (3, 5),
        (4, 5),
        (1, 10_000),
        (u32::MAX, 1),
        (u32::MAX, 10_000),
    ] {
        for order in [Order::OldestFirst, Order::NewestFirst] {
            let past = page(&store, Query::builder().order(order), index, size);
            assert!(past.entries.is_empty());
            assert_eq!(past.page_index, index);
            assert_eq!(past.total_record_count, 11);
            assert_eq!(past.total_page_count, 11_u64.div_ceil(size.into()));
        }
    }
}

#[test]
fn a_page_size_out_of_range_is_refused_with_its_value() {
    for size in [0, 10_001, u32::MAX] {
        let request = PageRequest::new(0, size);
        let error = refused(request, ErrorKind::InvalidInput, "records_per_page");
        assert!(error.to_string().contains(&size.to_string()), "{error}");
    }
    assert_eq!(PageRequest::default().records_per_page(), 100);
    let read = serde_json::from_str::<PageRequest>(r#"{"page_request_index": 3}"#).unwrap();
    assert_eq!(
        (read.page_request_index(), read.records_per_page()),
        (3, 100)
    );
    assert!(serde_json::from_str::<PageRequest>(r#"{"records_per_page": 0}"#).is_err());
    let store = Store::options()
        .records_per_page_max(10)
        .in_memory()
        .unwrap();
    let request = PageRequest::new(0, 11).unwrap();
    let page = store.page(&Query::all(), request);
    refused(page, ErrorKind::InvalidInput, "records_per_page");
}

#[test]
fn all_sessions_of_a_client_can_be_reached_whatever_the_page_size() {
    let store = store_of((1..=250).map(|number| log(number, START, None)));
    let query = Query::builder().client_refer_uid("PDA-01");
    for size in [1, 100, 249, 250, 10_000] {
        let logs = walk(&store, &query, size);
        let numbers: Vec<u128> = logs.iter().map(|log| log.refer_uid.as_u128()).collect();
        assert_eq!(numbers, (1..=250).collect::<Vec<u128>>());
    }
}

#[test]
fn a_page_holds_no_more_than_asked_when_many_users_share_a_client() {
    let store = store_of((1..=40).map(|number| SessionLog {
        user_refer_uid: uid(number),
        user: format!("user {number}").into(),
        ..log(number, START, None)
    }));
    let shared = page(&store, Query::builder().client_refer_uid("PDA-01"), 0, 10);
    assert_eq!((shared.entries.len(), shared.total_record_count), (10, 40));
}

#[test]
fn no_row_is_on_two_pages() {
    let store = store_of(
        (1..=21).map(|number| log(number, &format!("2026-11-01T08:00:{number:02}Z"), None)),
    );
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let query = Query::builder().order(order);
        for index in 0..2 {
            let one = page(&store, query.clone(), index, 10);
            let next = page(&store, query.clone(), index + 1, 10);
            assert_ne!(one.entries.last(), next.entries.first());
        }
        assert_eq!(walk(&store, &query, 10).len(), 21);
    }
}

#[test]
fn the_orders_are_exact_reverses_ties_included() {
    let store = store_of([3, 1, 2].map(|number| log(number, START, None)));
    let oldest = walk(&store, &Query::builder(), 2);
    let newest = walk(&store, &Query::builder().order(Order::NewestFirst), 2);
    let ids = |logs: &[SessionLog]| {
        logs.iter()
            .map(|log| log.refer_uid.as_u128())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(&oldest), [1, 2, 3]);
    assert_eq!(ids(&newest), [3, 2, 1]);
}

#[test]
fn a_filter_that_is_set_always_filters() {
    let nowhere = SessionLog {
        client_refer_uid: "".into(),
        ..log(2, START, None)
    };
    let store = store_of([log(1, START, None), nowhere]);
    let clients = |client: &str| {
        let query = Query::builder().client_refer_uid(client);
        walk(&store, &query, 10).len()
    };
    assert_eq!(
        [
            clients("PDA-01"),
            clients(""),
            clients("pda-01"),
            clients("PDA-0")
        ],
        [1, 1, 0, 0]
    );
    let stranger = Query::builder().user_refer_uid(uid(8));
    assert!(walk(&store, &stranger, 10).is_empty());
    let both = Query::builder()
        .user_refer_uid(uid(8))
        .client_refer_uid("PDA-01");
    assert!(walk(&store, &both, 10).is_empty());
}

/// Enough sessions for families of several levels, through every combination of filters.
#[test]
fn every_route_finds_the_same_rows_before_and_after_changes() {
    let mut logs = population(12_000);
    let store = Store::in_memory().unwrap();
    for batch in logs.chunks(1_700) {
        store.append_batch(batch.to_vec()).unwrap();
    }
    check_routes(&store, &logs);
    for log in logs.iter_mut().filter(|log| log.is_open()).step_by(2) {
        store.end(log.refer_uid, log.session_start).unwrap();
        log.session_end = Some(log.session_start);
    }
    check_routes(&store, &logs);
    let gone = logs.split_off(10_000);
    for log in gone {
        assert_eq!(store.remove(log.refer_uid).unwrap(), log);
    }
    check_routes(&store, &logs);
}

/// Sessions of few users on few clients, in no order.
fn population(count: u64) -> Vec<SessionLog> {
    let mix = |number: u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    (1..=count)
        .map(|number| {
            let user = mix(number) % 5 + 1;
            let minutes = i64::try_from(mix(number + 77) % 20_000).unwrap();
            let start = at("2026-01-01T00:00:00Z") + chrono::TimeDelta::minutes(minutes);
            SessionLog {
                refer_uid: uid(mix(number + 5).into()),
                user_refer_uid: uid(user.into()),
                user: format!("user {}", mix(number) % 7).into(),
                client_refer_uid: format!("PDA-{}", mix(number + 9) % 4).into(),
                session_start: start,
                session_end: (mix(number + 3) % 3 > 0).then_some(start),
            }
        })
        .collect()
}

fn check_routes(store: &Store, logs: &[SessionLog]) {
    let mut sorted: Vec<&SessionLog> = logs.iter().collect();
    sorted.sort_by_key(|log| (log.session_start, log.refer_uid));
    for bits in 0..16 {
        let [user, client, open, window] = [1, 2, 4, 8].map(|bit| bits & bit != 0);
        let (from, to) = (at("2026-01-03T00:00:00Z"), at("2026-01-09T07:00:00Z"));
        let query = Query::builder()
            .user_refer_uid(user.then(|| uid(2)))
            .client_refer_uid(client.then_some("PDA-3"))
            .open_sessions_only(open)
            .started_after(window.then_some(from))
            .started_before(window.then_some(to));
        let expected: Vec<SessionLog> = sorted
            .iter()
            .filter(|log| !user || log.user_refer_uid == uid(2))
            .filter(|log| !client || &*log.client_refer_uid == "PDA-3")
            .filter(|log| !open || log.is_open())
            .filter(|log| !window || (log.session_start > from && log.session_start < to))
            .map(|log| (*log).clone())
            .collect();
        assert!(walk(store, &query, 997) == expected, "{query:?}");
        let newest = query.order(Order::NewestFirst).build().unwrap();
        let iterated = store.iter(&newest).unwrap().map(Result::unwrap);
        assert!(iterated.eq(expected.into_iter().rev()), "{newest:?}");
    }
}
