//! Cursors and snapshots: places and states that hold while others write.

use crate::{at, log, refused, store_of, uid};
use sessionlog::{Cursor, ErrorKind, Order, PageRequest, Query, SessionLog, Store};

fn hour(number: u128) -> String {
    format!("2026-11-01T{:02}:00:00Z", number % 24)
}

fn numbers(logs: &[SessionLog]) -> Vec<u128> {
    logs.iter().map(|log| log.refer_uid.as_u128()).collect()
}

fn hourly(numbers: impl IntoIterator<Item = u128>) -> Store {
    store_of(
        numbers
            .into_iter()
            .map(|number| log(number, &hour(number), None)),
    )
}

#[test]
fn a_cursor_neither_repeats_nor_skips_while_others_write() {
    let store = hourly([2, 4, 6, 8, 10]);
    let query = Query::all();
    let first = store.page_after(&query, &Cursor::start(&query), 2).unwrap();
    assert_eq!(numbers(&first.entries), [2, 4]);
    assert_eq!(
        (first.remaining_record_count, first.total_record_count),
        (3, 5)
    );
    store.append(log(1, &hour(1), None)).unwrap();
    store.append(log(5, &hour(5), None)).unwrap();
    store.remove(uid(4)).unwrap();
    let second = store.page_after(&query, &first.next, 2).unwrap();
    assert_eq!(numbers(&second.entries), [5, 6]);
    assert_eq!(
        (second.remaining_record_count, second.total_record_count),
        (2, 6)
    );
}

#[test]
fn a_page_index_shifts_with_writes_before_it_as_documented() {
    let store = hourly([2, 4, 6, 8]);
    let page = |index| {
        let page = store.page(&Query::all(), PageRequest::new(index, 2).unwrap());
        numbers(&page.unwrap().entries)
    };
    assert_eq!(page(0), [2, 4]);
    // An older session pushes one over to the next page; a newer one shifts nothing.
    store.append(log(1, &hour(1), None)).unwrap();
    store.append(log(9, &hour(9), None)).unwrap();
    assert_eq!(page(1), [4, 6]);
    store.remove(uid(2)).unwrap();
    assert_eq!(page(1), [6, 8]);
}

#[test]
fn a_cursor_at_the_end_goes_on_with_what_comes_later() {
    let store = hourly([1, 2]);
    let query = Query::all();
    let all = store
        .page_after(&query, &Cursor::start(&query), 10)
        .unwrap();
    assert_eq!(all.remaining_record_count, 0);
    let nothing = store.page_after(&query, &all.next, 10).unwrap();
    assert!(nothing.entries.is_empty());
    assert_eq!(nothing.next, all.next);
    store.append(log(3, &hour(3), None)).unwrap();
    let new = store.page_after(&query, &nothing.next, 10).unwrap();
    assert_eq!(numbers(&new.entries), [3]);
}

#[test]
fn a_cursor_of_another_query_is_refused() {
    let store = hourly([1, 2, 3]);
    let query = Query::builder().client_refer_uid("PDA-01").build().unwrap();
    let page = store.page_after(&query, &Cursor::start(&query), 1).unwrap();
    let others = [
        Query::builder(),
        Query::builder().client_refer_uid("PDA-02"),
        Query::builder()
            .client_refer_uid("PDA-01")
            .user_refer_uid(uid(7)),
        Query::builder()
            .client_refer_uid("PDA-01")
            .open_sessions_only(true),
        Query::builder()
            .client_refer_uid("PDA-01")
            .order(Order::NewestFirst),
        Query::builder()
            .client_refer_uid("PDA-01")
            .started_after(at(&hour(1))),
        Query::builder()
            .client_refer_uid("PDA-01")
            .started_before(at(&hour(1))),
    ];
    for other in others {
        let other = other.build().unwrap();
        let answer = store.page_after(&other, &page.next, 1);
        refused(answer, ErrorKind::InvalidInput, "cursor");
    }
    let same = query.clone();
    assert!(store.page_after(&same, &page.next, 1).is_ok());
}

#[test]
fn a_cursor_travels_as_text_and_survives_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path().join("store")).unwrap();
    store
        .append_batch((1..=4).map(|n| log(n, &hour(n), None)))
        .unwrap();
    let query = Query::builder().order(Order::NewestFirst).build().unwrap();
    let page = store.page_after(&query, &Cursor::start(&query), 3).unwrap();
    let text = serde_json::to_string(&page.next).unwrap();
    store.close().unwrap();
    let store = Store::open(folder.path().join("store")).unwrap();
    let cursor: Cursor = serde_json::from_str(&text).unwrap();
    let rest = store.page_after(&query, &cursor, 3).unwrap();
    assert_eq!(numbers(&rest.entries), [1]);
    assert!(serde_json::from_str::<Cursor>(r#""00""#).is_err());
}

#[test]
fn a_snapshot_stays_as_it_was() {
    let store = hourly([1, 2, 3]);
    let snapshot = store.snapshot().unwrap();
    store.remove(uid(1)).unwrap();
    store.end_open(&Query::all(), at(&hour(23))).unwrap();
    store
        .append_batch((4..300).map(|n| log(n, &hour(n), None)))
        .unwrap();
    let all: Vec<SessionLog> = snapshot
        .iter(&Query::all())
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(numbers(&all), [1, 2, 3]);
    assert!(all.iter().all(SessionLog::is_open));
    assert_eq!(snapshot.count(&Query::all()).unwrap(), 3);
    assert_eq!(store.count(&Query::all()).unwrap(), 298);
}

#[test]
fn an_iterator_reads_one_state_however_long_it_takes() {
    let store = hourly(1..=600);
    let mut logs = store.iter(&Query::all()).unwrap();
    assert_eq!(logs.size_hint(), (0, Some(600)));
    let first = logs.next().unwrap().unwrap();
    store
        .end_open(&Query::all(), at("2026-12-01T00:00:00Z"))
        .unwrap();
    store.append(log(601, &hour(0), None)).unwrap();
    let rest: Vec<SessionLog> = logs.map(Result::unwrap).collect();
    assert_eq!(rest.len(), 599);
    assert!(first.is_open() && rest.iter().all(SessionLog::is_open));
}
