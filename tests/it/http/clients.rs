//! What real clients sent, byte for byte, and what they are answered.

use super::{Answer, ask, request, responder, routers_of};
use crate::wire::captured;
use crate::{at, log, uid};
use axum::Router;
use sessionlog::wire::{
    Format, UserClientSessionLogRequest as Message, UserClientSessionLogResponse as Response,
};
use sessionlog::{SessionLog, Store};
use std::fs;

const USER: &str = "6f9619ff-8b86-d011-b42d-00c04fc964ff";

/// The names of a client's requests.
fn names(client: &str) -> Vec<String> {
    let root = env!("CARGO_MANIFEST_DIR");
    let files = fs::read_dir(format!("{root}/tests/data/wire/clients/{client}")).unwrap();
    let mut names: Vec<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Each of a client's requests, so many, for each engine that keeps these sessions.
fn requests(store: &Store, client: &str, count: usize) -> Vec<(Router, String)> {
    let names = names(client);
    assert_eq!(names.len(), count);
    let routers = routers_of(store).into_iter();
    let of_router = |(_, router): (&str, Router)| {
        let names = names.clone().into_iter();
        names.map(move |name| (router.clone(), name))
    };
    routers.flat_map(of_router).collect()
}

/// Sends the bytes of a request.
fn send(router: &Router, client: &str, name: &str) -> Answer {
    let bytes = captured(&format!("clients/{client}/{name}"));
    let end = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap();
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let (line, headers) = head.split_once("\r\n").unwrap();
    let [method, path, _] = line.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{line}");
    };
    let headers: Vec<(&str, &str)> = headers
        .split("\r\n")
        .map(|header| header.split_once(": ").unwrap())
        .collect();
    let body = bytes[end + 4..].to_vec();
    ask(router, request(method, path, &headers, body))
}

/// Thirty open sessions for each client that is asked for, and for each filter one more session
/// that only this filter keeps out.
fn store() -> Store {
    let clients = [r#"PDA "01", {x}"#, r#"PDA "01""#, "b", "throw", "other"];
    let asked = clients.into_iter().flat_map(|client| {
        (0..30).map(move |hour| SessionLog {
            user_refer_uid: USER.parse().unwrap(),
            client_refer_uid: client.into(),
            session_start: at("2015-06-01T00:00:00Z") + chrono::TimeDelta::hours(hour),
            ..log(1, "2015-06-01T00:00:00Z", None)
        })
    });
    let asked: Vec<SessionLog> = asked.collect();
    let others = [0, 30].into_iter().flat_map(|kind| {
        let of_kind = &asked[kind];
        [
            SessionLog {
                user_refer_uid: uid(7),
                ..of_kind.clone()
            },
            SessionLog {
                session_end: Some(at("2016-06-01T00:00:00Z")),
                ..of_kind.clone()
            },
            SessionLog {
                session_start: at("2015-01-01T00:00:00Z"),
                ..of_kind.clone()
            },
            SessionLog {
                session_start: at("2016-01-01T00:00:00Z"),
                ..of_kind.clone()
            },
        ]
    });
    let all = asked.iter().cloned().chain(others).enumerate();
    crate::store_of(all.map(|(at, session)| SessionLog {
        refer_uid: uid(1 + at as u128),
        ..session
    }))
}

fn full(client: &str, page_request_index: i32, started_before: &str) -> Message {
    Message {
        user_refer_uid: Some(USER.parse().unwrap()),
        client_refer_uid: Some(client.to_owned()),
        started_before: Some(at(started_before)),
        started_after: Some(at("2015-01-01T00:00:00Z")),
        open_sessions_only: true,
        page_request_index,
        records_per_page: 25,
        ..Message::default()
    }
}

fn of_client(client: &str) -> Message {
    Message {
        client_refer_uid: Some(client.to_owned()),
        ..Message::default()
    }
}

/// The answer is the page of this request, in this format, with this many entries.
#[track_caller]
fn assert_page(answer: &Answer, store: &Store, request: &Message, format: Format, entries: usize) {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.format(), Some(format));
    let response = responder().answer(store, request).unwrap();
    assert_eq!(
        answer.text(),
        std::str::from_utf8(&response.write(format)).unwrap()
    );
    assert_eq!(response.log_entries.unwrap().len(), entries);
}

#[test]
fn clients_of_the_original_are_answered_with_the_page_they_ask_for() {
    let store = store();
    for (router, name) in requests(&store, "dotnet-v3", 15) {
        let format = match &name[..name.find('-').unwrap()] {
            "json" => Format::Json,
            "jsv" => Format::Jsv,
            "xml" => Format::Xml,
            "soap11" => Format::Soap11,
            _ => Format::Soap12,
        };
        let answer = send(&router, "dotnet-v3", &name);
        match name.contains("defaults") {
            true => assert_page(&answer, &store, &Message::default(), format, 50),
            false => {
                let request = full(r#"PDA "01", {x}"#, 1, "2015-12-31T23:59:59.999Z");
                assert_page(&answer, &store, &request, format, 5);
            }
        }
    }
}

#[test]
fn the_client_of_npm_is_answered_with_the_page_it_asks_for() {
    let store = store();
    for (router, name) in requests(&store, "npm", 18) {
        let answer = send(&router, "npm", &name);
        let json = Format::Json;
        // In a query string it sends JavaScript's own text of dates, which has no rule.
        let wrong = match name.as_str() {
            _ if name.starts_with("get-by-url") => Some("StartedAfter"),
            _ if name.starts_with("get-") || name.starts_with("delete-") => Some("StartedBefore"),
            _ => None,
        };
        if let Some(member) = wrong {
            assert_eq!(answer.status, 400, "{name}");
            let (code, message) = answer.error();
            assert_eq!(code, "RequestBindingException");
            assert!(message.contains(&format!("{member}: \"Thu ")), "{message}");
        } else if name.starts_with("post-error") {
            assert_page(&answer, &store, &of_client("throw"), json, 30);
        } else if name.starts_with("postbody") {
            assert_page(&answer, &store, &of_client("b"), json, 30);
        } else {
            let request = full(r#"PDA "01", {x}"#, 1, "2015-12-31T23:59:59.999Z");
            assert_page(&answer, &store, &request, json, 5);
        }
    }
}

#[test]
fn the_client_of_pypi_is_answered_with_the_page_it_asks_for() {
    let store = store();
    for (router, name) in requests(&store, "pypi", 16) {
        let answer = send(&router, "pypi", &name);
        let json = Format::Json;
        if name.contains("naive-and-offset") {
            // Its bounds are crossed: midnight in UTC, and two hours before that.
            assert_eq!(answer.status, 200);
            let response = Response::read(json, &answer.body).unwrap();
            let details = response.server_error_details.unwrap();
            assert_eq!(
                details.description.unwrap(),
                "StartedAfter: 2015-01-01T00:00:00Z does not lie before StartedBefore \
                 2014-12-31T22:00:00Z"
            );
        } else if name.starts_with("post-error") {
            assert_page(&answer, &store, &of_client("throw"), json, 30);
        } else {
            let in_url = name.starts_with("get-") || name.starts_with("delete-");
            let before = match in_url {
                true => "2015-12-31T23:59:59.999Z",
                false => "2015-12-31T23:59:59.999999Z",
            };
            assert_page(&answer, &store, &full(r#"PDA "01""#, 0, before), json, 25);
        }
    }
}
