//! Faults that others had, asked of this router.

use super::{Answer, LOG, get, post, router_of};
use crate::{at, log, store_of, uid};
use axum::Router;
use sessionlog::SessionLog;
use sessionlog::wire::{Format, UserClientSessionLogResponse as Response};

#[track_caller]
fn response(answer: &Answer) -> Response {
    assert_eq!(answer.status, 200, "{}", answer.text());
    Response::read(answer.format().unwrap(), &answer.body).unwrap()
}

fn ids(response: &Response) -> Vec<u128> {
    let entries = response.log_entries.iter().flatten();
    entries.map(|entry| entry.refer_uid.as_u128()).collect()
}

/// A session at each of these times, numbered from 1.
fn starting(starts: &[&str]) -> Router {
    let numbered = starts.iter().zip(1..);
    router_of(&store_of(
        numbered.map(|(start, number)| log(number, start, None)),
    ))
}

fn asked(router: &Router, query: &str) -> Vec<u128> {
    let query = query.replace('+', "%2B");
    ids(&response(&get(router, &format!("{LOG}?{query}"), &[])))
}

// P07
#[test]
fn a_page_that_is_no_number_is_refused_and_a_negative_one_is_a_failure() {
    let router = starting(&["2015-06-01T08:00:00Z"; 5]);
    for member in ["PageRequestIndex", "RecordsPerPage"] {
        for value in ["abc", "1.5", "1e1", "0x1", "%E2%80%931", "2147483648"] {
            let answer = get(&router, &format!("{LOG}?{member}={value}"), &[]);
            assert_eq!(answer.status, 400, "{value}");
            assert!(answer.error().1.contains(&format!("{member}: ")));
        }
        let negative = response(&get(&router, &format!("{LOG}?{member}=-1"), &[]));
        assert_eq!(negative.result, "Failure");
        let details = negative.server_error_details.unwrap();
        assert_eq!(
            details.description.unwrap(),
            format!("{member}: -1 is negative")
        );
    }
    let page = |query: &str| {
        let response = response(&get(&router, &format!("{LOG}?{query}"), &[]));
        (
            response.page_index,
            response.records_per_page,
            response.total_page_count,
        )
    };
    assert_eq!(page("PageRequestIndex=&RecordsPerPage="), (0, 50, 1));
    assert_eq!(
        page("PageRequestIndex=%201%20&RecordsPerPage=%202%20"),
        (1, 2, 3)
    );
    assert_eq!(page("PageRequestIndex=00&RecordsPerPage=00"), (0, 50, 1));
    assert_eq!(page("PageRequestIndex=%2B1&RecordsPerPage=0002"), (1, 2, 3));
}

// T03, T12. That the machine's zone is not looked at needs no test: chrono is built without it.
#[test]
fn a_time_without_a_zone_is_one_of_utc_in_winter_and_in_summer() {
    for day in ["2014-08-27", "2014-01-27"] {
        let midnight = format!("{day}T00:00:00Z");
        let before = at(&midnight) - chrono::TimeDelta::nanoseconds(100);
        let before = before.to_rfc3339();
        let after = format!("{day}T00:00:00.0000001Z");
        let router = starting(&[&before, &midnight, &after]);
        for bound in [
            day.to_owned(),
            format!("{day}T00:00:00"),
            midnight.clone(),
            format!("{day}T02:00:00+02:00"),
            format!("/Date({})/", at(&midnight).timestamp_millis()),
        ] {
            assert_eq!(
                asked(&router, &format!("StartedAfter={bound}")),
                [3],
                "{bound}"
            );
            assert_eq!(
                asked(&router, &format!("StartedBefore={bound}")),
                [1],
                "{bound}"
            );
            let json = format!("{{\"StartedAfter\":\"{bound}\"}}");
            let answer = post(&router, LOG, "application/json", json);
            assert_eq!(ids(&response(&answer)), [3], "{bound}");
        }
        let xml = format!(
            "<UserClientSessionLogRequest xmlns=\"http://schemas.datacontract.org/2004/07/\
             Spirit.Server.Common.Message.Sessions\"><StartedAfter>{day}T00:00:00</StartedAfter>\
             </UserClientSessionLogRequest>"
        );
        assert_eq!(ids(&response(&post(&router, LOG, "text/xml", xml))), [3]);
    }
}

// T05
#[test]
fn a_day_is_found_between_its_date_and_the_next() {
    let router = starting(&[
        "2015-05-31T23:59:59.9999999Z",
        "2015-06-01T00:00:00.0000001Z",
        "2015-06-01T12:00:00Z",
        "2015-06-01T23:59:59.9999999Z",
        "2015-06-02T00:00:00Z",
    ]);
    let day = "StartedAfter=2015-06-01&StartedBefore=2015-06-02";
    assert_eq!(asked(&router, day), [2, 3, 4]);
    // Both bounds exclude: from a day to the same day is nothing, and says so.
    let same = format!("{LOG}?StartedAfter=2015-06-01&StartedBefore=2015-06-01");
    let same = response(&get(&router, &same, &[]));
    assert_eq!(same.result, "Failure");
    let description = same.server_error_details.unwrap().description.unwrap();
    assert!(description.starts_with("StartedAfter: "), "{description}");
}

// T09
#[test]
fn the_ends_of_time_are_no_bound_or_refused_with_any_zone() {
    let router = starting(&["2015-06-01T08:00:00Z"]);
    for bound in [
        "0001-01-01T00:00:00",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "0001-01-01T00:00:00-14:00",
        "0001-01-01",
        "/Date(-62135596800000)/",
    ] {
        for member in ["StartedAfter", "StartedBefore"] {
            assert_eq!(
                asked(&router, &format!("{member}={bound}")),
                [1],
                "{member}={bound}"
            );
        }
    }
    for bound in [
        "0001-01-01T00:00:01+14:00",
        "9999-12-31T23:59:59-14:00",
        "/Date(253402300800000)/",
        "/Date(-99999999999999999999)/",
    ] {
        let query = format!("{LOG}?StartedAfter={}", bound.replace('+', "%2B"));
        let answer = get(&router, &query, &[]);
        assert_eq!(answer.status, 400, "{bound}");
        assert!(answer.error().1.contains("StartedAfter: "));
    }
    assert!(asked(&router, "StartedAfter=9999-12-31T23:59:59.9999999Z").is_empty());
}

// T13
#[test]
fn an_open_session_is_one_without_an_end_in_every_format() {
    let router = router_of(&store_of([
        log(1, "2015-06-01T08:00:00Z", None),
        log(2, "2015-06-01T08:00:00Z", Some("2015-06-01T08:00:00Z")),
        log(3, "2015-06-01T09:00:00Z", None),
    ]));
    for format in Format::NAMED {
        let answer = get(&router, &format!("{LOG}.{}", format.name()), &[]);
        assert!(!answer.text().contains("0001-01-01"), "{}", answer.text());
        let entries = response(&answer).log_entries.unwrap();
        let ends: Vec<_> = entries.iter().map(|entry| entry.session_end).collect();
        assert_eq!(
            ends,
            [None, Some(at("2015-06-01T08:00:00Z")), None],
            "{format:?}"
        );
        let open = format!("{LOG}.{}?OpenSessionsOnly=1", format.name());
        assert_eq!(ids(&response(&get(&router, &open, &[]))), [1, 3]);
    }
}

// B04
#[test]
fn an_id_is_the_same_in_every_spelling() {
    let id = "3cd53ad8-54d3-4f4a-b116-1f09957af330";
    let router = router_of(&store_of([
        SessionLog {
            user_refer_uid: id.parse().unwrap(),
            ..log(1, "2015-06-01T08:00:00Z", None)
        },
        log(2, "2015-06-01T08:00:00Z", None),
    ]));
    let (bare, upper) = (id.replace('-', ""), id.to_uppercase());
    let [braced, bracketed] = [format!("{{{upper}}}"), format!("({id})")];
    for spelling in [id, &bare, &upper, &braced, &bracketed] {
        let in_query = spelling.replace('{', "%7B").replace('}', "%7D");
        assert_eq!(
            asked(&router, &format!("UserReferUid={in_query}")),
            [1],
            "{spelling}"
        );
        let json = format!("{{\"UserReferUid\":\"{spelling}\"}}");
        let answer = post(&router, LOG, "application/json", json);
        assert_eq!(ids(&response(&answer)), [1], "{spelling}");
    }
    // Its bytes in the order of .NET are another id.
    let mixed = "d83ad53cd3544a4fb1161f09957af330";
    assert!(asked(&router, &format!("UserReferUid={mixed}")).is_empty());
    let json = get(&router, &format!("{LOG}.json?UserReferUid={bare}"), &[]);
    assert!(
        json.text()
            .contains(&format!("\"UserReferUid\":\"{bare}\""))
    );
    let xml = get(&router, &format!("{LOG}.xml?UserReferUid={bare}"), &[]);
    assert!(xml.text().contains(&format!("UserReferUid>{id}<")));
    assert_eq!(response(&xml).log_entries.unwrap()[0].refer_uid, uid(1));
}
