//! From a request to its response.

use super::user;
use crate::{at, log, store_of};
use sessionlog::wire::{
    EnumNames, Responder, UserClientSessionLogRequest as Request,
    UserClientSessionLogResponse as Response,
};
use sessionlog::{ErrorKind, PageRequest, Store};

fn five() -> Store {
    store_of((1..=5).map(|number| {
        let end = (number % 2 == 0).then_some("2026-11-02T00:00:00Z");
        log(number, &format!("2026-11-01T0{number}:00:00Z"), end)
    }))
}

fn failure(request: &Request) -> String {
    let response = Responder::default().answer(&five(), request).unwrap();
    assert_eq!(response.result, "Failure");
    assert_eq!(response.log_entries, Some(Vec::new()));
    assert_eq!(response.total_page_count, 0);
    let details = response.server_error_details.unwrap();
    assert_eq!(details.code, "InvalidRequest");
    details.description.unwrap()
}

fn ids(response: &Response) -> Vec<u128> {
    let entries = response.log_entries.iter().flatten();
    entries.map(|entry| entry.refer_uid.as_u128()).collect()
}

#[test]
fn every_filter_of_the_request_filters() {
    let responder = Responder::default();
    let ask = |request: Request| ids(&responder.answer(&five(), &request).unwrap());
    assert_eq!(ask(Request::default()), [1, 2, 3, 4, 5]);
    let open_sessions_only = true;
    assert_eq!(
        ask(Request {
            open_sessions_only,
            ..Request::default()
        }),
        [1, 3, 5]
    );
    let started_after = Some(at("2026-11-01T02:00:00Z"));
    let started_before = Some(at("2026-11-01T04:00:00Z"));
    assert_eq!(
        ask(Request {
            started_after,
            ..Request::default()
        }),
        [3, 4, 5]
    );
    assert_eq!(
        ask(Request {
            started_before,
            ..Request::default()
        }),
        [1, 2, 3]
    );
    assert_eq!(
        ask(Request {
            started_after,
            started_before,
            ..Request::default()
        }),
        [3]
    );
    let user_refer_uid = Some(user(8));
    assert!(
        ask(Request {
            user_refer_uid,
            ..Request::default()
        })
        .is_empty()
    );
    let client_refer_uid = Some("pda-01".to_owned());
    assert!(
        ask(Request {
            client_refer_uid,
            ..Request::default()
        })
        .is_empty()
    );
    // The caller's own members filter nothing.
    let session_uid = Some(user(9));
    let device_serial_number = Some("SN".to_owned());
    let generated_at = started_after;
    let own = Request {
        session_uid,
        device_serial_number,
        generated_at,
        ..Request::default()
    };
    assert_eq!(ask(own), [1, 2, 3, 4, 5]);
}

#[test]
fn pages_have_exact_totals_also_past_the_end() {
    let page = |page_request_index| {
        let request = Request {
            page_request_index,
            records_per_page: 2,
            ..Request::default()
        };
        Responder::default().answer(&five(), &request).unwrap()
    };
    for (index, expected) in [
        (0, vec![1, 2]),
        (2, vec![5]),
        (3, vec![]),
        (i32::MAX, vec![]),
    ] {
        let response = page(index);
        assert_eq!(ids(&response), expected);
        assert_eq!(response.result, "Success");
        assert_eq!(response.page_index, index);
        assert_eq!(
            (response.total_page_count, response.records_per_page),
            (3, 2)
        );
    }
}

#[test]
fn the_page_size_used_is_reported() {
    let responder = Responder {
        records_per_page_default: 3,
        records_per_page_max: 4,
        ..Responder::default()
    };
    for (asked, used) in [(0, 3), (2, 2), (4, 4), (5, 4), (i32::MAX, 4)] {
        let request = Request {
            records_per_page: asked,
            ..Request::default()
        };
        let response = responder.answer(&five(), &request).unwrap();
        assert_eq!(response.records_per_page, used);
    }
}

#[test]
fn a_readable_and_invalid_request_is_a_failure_that_names_member_and_value() {
    let negative = Request {
        page_request_index: -1,
        ..Request::default()
    };
    assert_eq!(failure(&negative), "PageRequestIndex: -1 is negative");
    let negative = Request {
        records_per_page: i32::MIN,
        ..Request::default()
    };
    assert_eq!(
        failure(&negative),
        "RecordsPerPage: -2147483648 is negative"
    );
    let crossed = Request {
        started_after: Some(at("2026-11-01T04:00:00Z")),
        started_before: Some(at("2026-11-01T04:00:00Z")),
        ..Request::default()
    };
    assert_eq!(
        failure(&crossed),
        "StartedAfter: 2026-11-01T04:00:00Z does not lie before StartedBefore 2026-11-01T04:00:00Z"
    );
    let long = Request {
        client_refer_uid: Some("x".repeat(1_025)),
        ..Request::default()
    };
    let description = failure(&long);
    assert!(
        description.starts_with("ClientReferUid: \"xxx"),
        "{description}"
    );
    assert!(!description.contains("client_refer_uid"), "{description}");
}

#[test]
fn server_names_and_clock_are_the_operators() {
    let responder = Responder {
        server: Some("srv-1".to_owned()),
        names: EnumNames {
            success: "Ok".into(),
            ..EnumNames::default()
        },
        ..Responder::default()
    };
    let response = responder.answer(&five(), &Request::default()).unwrap();
    assert_eq!(response.server.as_deref(), Some("srv-1"));
    assert_eq!(response.result, "Ok");
    assert!(response.processed_at.is_some());
}

#[test]
fn a_store_that_cannot_answer_is_no_failure_of_the_request() {
    let store = five();
    store.close().unwrap();
    let error = Responder::default()
        .answer(&store, &Request::default())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
}

#[test]
fn the_limits_of_pages_are_those_of_the_contract() {
    let responder = Responder::default();
    assert_eq!(responder.records_per_page_default, 100);
    assert_eq!(responder.records_per_page_max, 1_000);
    assert!(responder.records_per_page_max <= PageRequest::RECORDS_PER_PAGE_MAX);
}
