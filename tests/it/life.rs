//! The rules of a session's life.

use crate::{at, log, refused, store_of, uid};
use chrono::{DateTime, Utc};
use sessionlog::storage::MemoryStorage;
use sessionlog::{Clock, ErrorKind, IdSource, Order, Outcome, Query, SessionLog, Store};
use std::sync::Arc;
use uuid::Uuid;

const START: &str = "2026-11-01T08:00:00Z";
const END: &str = "2026-11-01T09:00:00Z";
const LATER: &str = "2026-11-01T10:00:00Z";

#[test]
fn appending_the_same_record_again_changes_nothing_and_says_so() {
    for end in [None, Some(END)] {
        let store = store_of([]);
        assert_eq!(store.append(log(1, START, end)).unwrap(), Outcome::Added);
        let outcome = store.append(log(1, START, end)).unwrap();
        assert_eq!(outcome, Outcome::AlreadyThere);
        assert_eq!(store.count(&Query::all()).unwrap(), 1);
        assert_eq!(store.get(uid(1)).unwrap().unwrap(), log(1, START, end));
    }
}

#[test]
fn an_ended_copy_of_an_open_record_ends_it() {
    let store = store_of([log(1, START, None)]);
    let outcome = store.append(log(1, START, Some(END))).unwrap();
    assert_eq!(outcome, Outcome::Ended);
    let stored = store.get(uid(1)).unwrap().unwrap();
    assert_eq!(stored.session_end, Some(at(END)));
}

#[test]
fn a_late_open_copy_of_an_ended_record_changes_nothing() {
    let store = store_of([log(1, START, Some(END))]);
    let outcome = store.append(log(1, START, None)).unwrap();
    assert_eq!(outcome, Outcome::AlreadyThere);
    let stored = store.get(uid(1)).unwrap().unwrap();
    assert_eq!(stored.session_end, Some(at(END)));
}

#[test]
fn anything_else_under_a_known_refer_uid_is_a_conflict_that_names_the_member() {
    let stored = log(1, START, Some(END));
    let store = store_of([stored.clone()]);
    type Change = fn(&mut SessionLog);
    let changes: [(&str, Change); 5] = [
        ("user_refer_uid", |log| log.user_refer_uid = uid(8)),
        ("user", |log| log.user = "Anna".into()),
        ("client_refer_uid", |log| log.client_refer_uid = "".into()),
        ("session_start", |log| {
            log.session_start = at("2026-11-01T07:59:59.9999999Z")
        }),
        ("session_end", |log| log.session_end = Some(at(LATER))),
    ];
    for (member, change) in changes {
        let mut other = stored.clone();
        change(&mut other);
        let error = refused(store.append(other), ErrorKind::Conflict, member);
        assert!(error.to_string().contains(member), "{error}");
        assert_eq!(store.get(uid(1)).unwrap().unwrap(), stored);
    }
}

#[test]
fn the_first_end_stands() {
    let store = store_of([log(1, START, None)]);
    assert_eq!(store.end(uid(1), at(END)).unwrap(), Outcome::Ended);
    assert_eq!(store.end(uid(1), at(END)).unwrap(), Outcome::AlreadyThere);
    for other in [LATER, START, "2026-11-01T07:00:00Z"] {
        let again = store.end(uid(1), at(other));
        refused(again, ErrorKind::AlreadyEnded, "session_end");
    }
    let other = store.append(log(1, START, Some(LATER)));
    refused(other, ErrorKind::Conflict, "session_end");
    let stored = store.get(uid(1)).unwrap().unwrap();
    assert_eq!(stored.session_end, Some(at(END)));
}

#[test]
fn an_end_before_the_start_is_refused() {
    let store = store_of([log(1, START, None)]);
    let before = "2026-11-01T07:59:59.9999999Z";
    let ended = store.end(uid(1), at(before));
    let error = refused(ended, ErrorKind::InvalidInput, "session_end");
    assert!(error.to_string().contains(before), "{error}");
    let appended = store.append(log(2, START, Some(before)));
    refused(appended, ErrorKind::InvalidInput, "session_end");
    assert!(store.get(uid(1)).unwrap().unwrap().is_open());
    assert_eq!(store.get(uid(2)).unwrap(), None);
}

#[test]
fn a_session_that_ends_as_it_starts_is_closed() {
    let store = store_of([log(1, START, Some(START)), log(2, START, None)]);
    store.end(uid(2), at(START)).unwrap();
    let open = Query::builder().open_sessions_only(true).build().unwrap();
    assert_eq!(store.count(&open).unwrap(), 0);
    assert_eq!(store.count(&Query::all()).unwrap(), 2);
}

#[test]
fn ending_or_removing_an_unknown_session_is_not_found_and_writes_nothing() {
    let store = store_of([log(1, START, None)]);
    refused(store.end(uid(2), at(END)), ErrorKind::NotFound, "refer_uid");
    refused(store.remove(uid(2)), ErrorKind::NotFound, "refer_uid");
    assert_eq!(store.get(uid(2)).unwrap(), None);
    assert_eq!(store.count(&Query::all()).unwrap(), 1);
}

#[test]
fn nil_ids_are_refused_in_records_and_in_queries() {
    let store = store_of([]);
    let nil = SessionLog {
        refer_uid: uid(0),
        ..log(1, START, None)
    };
    refused(store.append(nil), ErrorKind::InvalidInput, "refer_uid");
    let nil = SessionLog {
        user_refer_uid: uid(0),
        ..log(1, START, None)
    };
    refused(store.append(nil), ErrorKind::InvalidInput, "user_refer_uid");
    let started = store.start(uid(0), "nobody", "PDA-01");
    refused(started, ErrorKind::InvalidInput, "user_refer_uid");
    let query = Query::builder().user_refer_uid(uid(0)).build();
    refused(query, ErrorKind::InvalidInput, "user_refer_uid");
    assert_eq!(store.count(&Query::all()).unwrap(), 0);
}

#[test]
fn strings_are_kept_exactly_up_to_1024_bytes() {
    let strings = [
        String::new(),
        "\0\u{1}\u{1f}\u{fffe}]]><&\"'>".to_owned(),
        "\u{feff}kai".to_owned(),
        "e\u{301}\u{301}".to_owned(),
        "🦀".repeat(256),
    ];
    let store = store_of([]);
    for (number, text) in strings.iter().enumerate() {
        let record = SessionLog {
            user: text.as_str().into(),
            client_refer_uid: text.as_str().into(),
            ..log(number as u128 + 1, START, None)
        };
        store.append(record.clone()).unwrap();
        assert_eq!(store.get(record.refer_uid).unwrap().unwrap(), record);
        let query = Query::builder().client_refer_uid(text.as_str()).build();
        assert_eq!(store.count(&query.unwrap()).unwrap(), 1);
    }
    let long: String = "🦀".repeat(256) + "!";
    for member in ["user", "client_refer_uid"] {
        let mut record = log(99, START, None);
        match member {
            "user" => record.user = long.as_str().into(),
            _ => record.client_refer_uid = long.as_str().into(),
        }
        let error = refused(store.append(record), ErrorKind::InvalidInput, member);
        assert!(error.to_string().contains("1025"), "{error}");
    }
}

/// A clock that stands still, and an id source that gives one id.
#[derive(Debug)]
struct Fixed(&'static str, Uuid);

impl Clock for Fixed {
    fn now(&self) -> DateTime<Utc> {
        at(self.0)
    }
}

impl IdSource for Fixed {
    fn refer_uid(&self, _: DateTime<Utc>) -> Uuid {
        self.1
    }
}

#[test]
fn a_run_with_its_own_clock_and_ids_replays() {
    let fixed = Arc::new(Fixed("2026-11-01T08:00:00.00000019Z", uid(5)));
    let options = Store::options().clock(Arc::clone(&fixed)).ids(fixed);
    let store = options.in_memory().unwrap();
    assert_eq!(store.start(uid(7), "Ann", "PDA-01").unwrap(), uid(5));
    let expected = log(5, "2026-11-01T08:00:00.0000001Z", None);
    assert_eq!(store.get(uid(5)).unwrap().unwrap(), expected);
    assert_eq!(store.stats().unwrap().store_uid, uid(5));
    // An id that was given before is no new session, not even the same user's.
    let again = store.start(uid(7), "Ann", "PDA-01");
    refused(again, ErrorKind::Conflict, "refer_uid");
}

#[test]
fn new_ids_carry_the_time_of_the_start() {
    let fixed = Fixed("2026-11-01T08:00:00.123Z", uid(5));
    let store = Store::options().clock(fixed).in_memory().unwrap();
    let refer_uid = store.start(uid(7), "Ann", "PDA-01").unwrap();
    let (seconds, nanos) = refer_uid.get_timestamp().unwrap().to_unix();
    let start = at("2026-11-01T08:00:00.123Z");
    assert_eq!(seconds as i64, start.timestamp());
    assert_eq!(nanos, start.timestamp_subsec_nanos());
}

#[test]
fn starting_gives_each_session_a_new_id() {
    let store = store_of([]);
    let one = store.start(uid(7), "Ann", "PDA-01").unwrap();
    let other = store.start(uid(7), "Ann", "PDA-01").unwrap();
    assert_ne!(one, other);
    assert_eq!(one.get_version_num(), 7);
    let started = store.get(one).unwrap().unwrap();
    assert!(started.is_open());
    assert_eq!(&*started.user, "Ann");
}

#[test]
fn a_retried_start_cannot_start_twice() {
    let store = store_of([]);
    let start = || store.start_as(uid(1), uid(7), "Ann", "PDA-01");
    assert_eq!(start().unwrap(), Outcome::Added);
    let first = store.get(uid(1)).unwrap().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(2));
    assert_eq!(start().unwrap(), Outcome::AlreadyThere);
    assert_eq!(store.get(uid(1)).unwrap().unwrap(), first);
    store.end(uid(1), first.session_start).unwrap();
    assert_eq!(start().unwrap(), Outcome::AlreadyThere);
    assert_eq!(store.count(&Query::all()).unwrap(), 1);
    let other = store.start_as(uid(1), uid(8), "Bob", "PDA-01");
    refused(other, ErrorKind::Conflict, "user_refer_uid");
}

#[test]
fn a_batch_acts_as_its_records_appended_in_order() {
    let store = store_of([]);
    let outcomes = store.append_batch([
        log(1, START, None),
        log(1, START, None),
        log(1, START, Some(END)),
        log(1, START, None),
        log(2, START, Some(END)),
    ]);
    use Outcome::{Added, AlreadyThere, Ended};
    let expected = [Added, AlreadyThere, Ended, AlreadyThere, Added];
    assert_eq!(outcomes.unwrap(), expected);
    assert_eq!(store.append_batch([]).unwrap(), []);
}

#[test]
fn a_refused_batch_changes_nothing_and_lists_every_refused_record() {
    let store = store_of([log(1, START, Some(END))]);
    let error = store
        .append_batch([
            log(2, START, None),
            log(0, START, None),
            log(1, START, Some(LATER)),
            log(3, START, None),
            log(3, END, None),
        ])
        .unwrap_err();
    let refusals: Vec<_> = error
        .refusals()
        .iter()
        .map(|refusal| (refusal.index, refusal.error.kind(), refusal.error.member()))
        .collect();
    let expected = [
        (1, ErrorKind::InvalidInput, Some("refer_uid")),
        (2, ErrorKind::Conflict, Some("session_end")),
        (4, ErrorKind::Conflict, Some("session_start")),
    ];
    assert_eq!(refusals, expected);
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(store.count(&Query::all()).unwrap(), 1);
}

#[test]
fn the_iterator_of_a_batch_is_drained_before_the_store_is_locked() {
    let store = store_of([]);
    let inner = store.clone();
    // Under a lock this would deadlock.
    let records = (1..=3).map(|number| {
        inner.append(log(number + 100, START, None)).unwrap();
        log(number, START, None)
    });
    store.append_batch(records).unwrap();
    assert_eq!(store.count(&Query::all()).unwrap(), 6);
}

#[test]
fn a_panic_in_the_iterator_of_a_batch_leaves_nothing_half_done() {
    let store = store_of([]);
    let records = (1..=3).map(|number| match number {
        3 => panic!("in the caller's code"),
        number => log(number, START, None),
    });
    let appended =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| store.append_batch(records)));
    assert!(appended.is_err());
    assert_eq!(store.count(&Query::all()).unwrap(), 0);
    store.append(log(1, START, None)).unwrap();
}

#[test]
fn an_endless_batch_is_refused_at_its_limit() {
    let store = Store::options().batch_records_max(10).in_memory().unwrap();
    let endless = (1..).map(|number| log(number, START, None));
    let error = refused(
        store.append_batch(endless),
        ErrorKind::InvalidInput,
        "batch",
    );
    assert!(error.to_string().contains("10"), "{error}");
    let full = (1..=10).map(|number| log(number, START, None));
    assert_eq!(store.append_batch(full).unwrap().len(), 10);
}

#[test]
fn ending_the_open_sessions_of_a_client_leaves_all_others_alone() {
    let elsewhere = SessionLog {
        client_refer_uid: "PDA-02".into(),
        ..log(3, START, None)
    };
    let store = store_of([
        log(1, START, None),
        log(2, START, Some(END)),
        elsewhere.clone(),
        log(4, LATER, None),
    ]);
    let query = Query::builder()
        .client_refer_uid("PDA-01")
        .order(Order::NewestFirst)
        .build()
        .unwrap();
    let ended = store.end_open(&query, at(END)).unwrap();
    assert_eq!((ended.ended, ended.left_open), (1, 1));
    let ends = |number| store.get(uid(number)).unwrap().unwrap().session_end;
    assert_eq!(
        [ends(1), ends(2), ends(3), ends(4)],
        [Some(at(END)), Some(at(END)), None, None]
    );
    let again = store.end_open(&query, at(END)).unwrap();
    assert_eq!((again.ended, again.left_open), (0, 1));
}

#[test]
fn ending_never_deletes_and_removing_is_a_call_of_its_own() {
    let store = store_of([log(1, START, None), log(2, START, None)]);
    store.end_open(&Query::all(), at(END)).unwrap();
    assert_eq!(store.count(&Query::all()).unwrap(), 2);
    let removed = store.remove(uid(1)).unwrap();
    assert_eq!(removed, log(1, START, Some(END)));
    assert_eq!(store.get(uid(1)).unwrap(), None);
    assert_eq!(store.count(&Query::all()).unwrap(), 1);
    let again = store.append(log(1, LATER, None)).unwrap();
    assert_eq!(again, Outcome::Added);
}

#[test]
fn a_renamed_user_is_still_the_same_user() {
    let renamed = SessionLog {
        user: "Ann Smith".into(),
        ..log(2, LATER, None)
    };
    let store = store_of([log(1, START, None), renamed]);
    let query = Query::builder().user_refer_uid(uid(7)).build().unwrap();
    let names: Vec<_> = store
        .iter(&query)
        .unwrap()
        .map(|log| log.unwrap().user)
        .collect();
    assert_eq!(names, ["Ann".into(), "Ann Smith".into()]);
}

#[test]
fn deserializing_a_record_checks_what_the_constructor_checks() {
    let good = serde_json::to_value(log(1, START, Some(END))).unwrap();
    let read: SessionLog = serde_json::from_value(good.clone()).unwrap();
    assert_eq!(read, log(1, START, Some(END)));
    for (member, bad) in [
        ("refer_uid", "00000000-0000-0000-0000-000000000000"),
        ("user_refer_uid", "00000000-0000-0000-0000-000000000000"),
        ("user", &"x".repeat(1_025)),
        ("session_start", "0001-01-01T00:00:00Z"),
        ("session_end", START.replace("08", "07").as_str()),
    ] {
        let mut value = good.clone();
        value[member] = bad.into();
        let error = serde_json::from_value::<SessionLog>(value).unwrap_err();
        assert!(error.to_string().contains(member), "{error}");
    }
}

#[test]
fn a_session_is_there_that_comes_once_all_others_were_removed_before_a_merge() {
    for others in [1, 10, 40, 400] {
        let storage = Arc::new(MemoryStorage::default());
        let store = Store::options().create_on(storage.clone()).unwrap();
        store
            .append_batch((2..2 + others).map(|number| log(number, START, None)))
            .unwrap();
        for number in 2..2 + others {
            store.remove(uid(number)).unwrap();
        }
        store.append(log(1, START, None)).unwrap();
        let check = |store: &Store| {
            assert_eq!(store.count(&Query::all()).unwrap(), 1, "of {others}");
            assert_eq!(store.get(uid(1)).unwrap(), Some(log(1, START, None)));
        };
        check(&store);
        store.close().unwrap();
        check(&Store::options().open_on(storage).unwrap());
    }
}
