//! Who is answered what.

mod tokens;

use super::{Answer, LOG, ask, get, options, post, request};
use crate::{at, in_process, log, router, store_of, uid};
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::HeaderMap;
use sessionlog::http::{
    Authorizer, Caller, Deciding, Decision, HttpOptions, NoAuth, OpenSession, Permission,
};
use sessionlog::wire::{
    Format, UserClientSessionLogRequest as Message, UserClientSessionLogResponse as Response,
};
use sessionlog::{SessionLog, Store};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use uuid::Uuid;

/// User 7 has an ended session 1 and an open one, 2; user 8 has the open session 3.
fn store() -> Store {
    let of_eight = SessionLog {
        user_refer_uid: uid(8),
        user: "Bob".into(),
        ..log(3, "2015-06-01T10:00:00Z", None)
    };
    store_of([
        log(1, "2015-06-01T08:00:00Z", Some("2015-06-01T08:30:00Z")),
        log(2, "2015-06-01T09:00:00Z", None),
        of_eight,
    ])
}

fn guarded(store: &Store, authorizer: impl Authorizer + 'static) -> Router {
    let authorizer = Arc::new(authorizer);
    router(
        store.clone(),
        HttpOptions {
            authorizer,
            ..options()
        },
    )
}

/// The ids of the answered page.
#[track_caller]
fn ids(answer: &Answer) -> Vec<u128> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    let response = Response::read(answer.format().unwrap(), &answer.body).unwrap();
    let entries = response.log_entries.unwrap();
    entries
        .iter()
        .map(|entry| entry.refer_uid.as_u128())
        .collect()
}

fn of_session(session: u128) -> String {
    format!("{LOG}?SessionUid={}", uid(session))
}

#[test]
fn without_an_authorizer_everybody_sees_everything() {
    let router = guarded(&store(), NoAuth);
    assert_eq!(ids(&get(&router, LOG, &[])), [1, 2, 3]);
}

#[test]
fn the_owner_of_an_open_session_sees_its_own_sessions_and_their_totals() {
    let store = store();
    let router = guarded(&store, OpenSession::new(in_process(&store)));
    assert_eq!(ids(&get(&router, &of_session(2), &[])), [1, 2]);
    assert_eq!(ids(&get(&router, &of_session(3), &[])), [3]);
    let answer = get(&router, &format!("{}&RecordsPerPage=1", of_session(2)), &[]);
    let response = Response::read(Format::Json, &answer.body).unwrap();
    assert_eq!(response.total_page_count, 2);
    let own = format!("{}&UserReferUid={}", of_session(2), uid(7));
    assert_eq!(ids(&get(&router, &own, &[])), [1, 2]);
}

#[test]
fn nobody_else_is_let_in() {
    let store = store();
    let router = guarded(&store, OpenSession::new(in_process(&store)));
    let unknown = [
        LOG.to_owned(),
        of_session(99),
        of_session(1),
        format!("{LOG}?SessionUid={}", Uuid::nil()),
        format!("{LOG}?SessionUid="),
    ];
    for path in unknown {
        let answer = get(&router, &path, &[]);
        assert_eq!(answer.status, 401, "{path}");
        assert_eq!(answer.error().0, "Unauthorized");
    }
    let of_other = format!("{}&UserReferUid={}", of_session(2), uid(8));
    let answer = get(&router, &of_other, &[]);
    assert_eq!(answer.status, 403);
    let (code, message) = answer.error();
    assert_eq!(code, "Forbidden");
    assert!(message.starts_with("UserReferUid: "), "{message}");
    // A session that ends takes its owner's access with it.
    store.end(uid(2), at("2015-06-01T11:00:00Z")).unwrap();
    assert_eq!(get(&router, &of_session(2), &[]).status, 401);
}

#[test]
fn the_session_is_found_in_every_format() {
    let store = store();
    let router = guarded(&store, OpenSession::new(in_process(&store)));
    let message = Message {
        session_uid: Some(uid(2)),
        ..Message::default()
    };
    for format in Format::NAMED {
        let answer = post(&router, LOG, format.content_type(), message.write(format));
        assert_eq!(ids(&answer), [1, 2], "{format:?}");
    }
    for (path, format) in [("/soap11", Format::Soap11), ("/soap12", Format::Soap12)] {
        let answer = post(&router, path, format.content_type(), message.write(format));
        assert_eq!(ids(&answer), [1, 2], "{format:?}");
    }
    let form = "application/x-www-form-urlencoded";
    assert_eq!(ids(&post(&router, LOG, form, message.write_form())), [1, 2]);
}

#[test]
fn a_denial_is_told_in_the_negotiated_format_and_as_a_fault() {
    let store = store();
    let router = guarded(&store, OpenSession::new(in_process(&store)));
    for format in Format::NAMED {
        let answer = get(&router, &format!("{LOG}.{}", format.name()), &[]);
        assert_eq!(answer.status, 401);
        assert_eq!(answer.format(), Some(format));
        assert_eq!(answer.error().0, "Unauthorized");
        let asked: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
        assert_eq!(asked.len(), 2, "{asked:?}");
        assert!(asked[0].to_str().unwrap().starts_with("Bearer"));
        assert!(asked[1].to_str().unwrap().starts_with("Basic realm="));
    }
    let script = get(&router, &format!("{LOG}?callback=f"), &[]);
    assert_eq!(script.status, 401);
    assert!(script.text().starts_with("f({\"ResponseStatus\""));
    for (path, format) in [("/soap11", Format::Soap11), ("/soap12", Format::Soap12)] {
        let nobody = Message::default().write(format);
        let answer = post(&router, path, format.content_type(), nobody);
        assert_eq!(answer.status, 401);
        assert_eq!(answer.format(), Some(format));
        assert!(answer.text().contains("Fault>"), "{}", answer.text());
        assert!(answer.headers.contains_key("www-authenticate"));
    }
}

#[test]
fn a_store_that_cannot_say_who_asks_is_no_fault_of_the_caller() {
    let store = store();
    let sessions = self::store();
    let router = guarded(&store, OpenSession::new(in_process(&sessions)));
    sessions.close().unwrap();
    let answer = get(&router, &of_session(2), &[]);
    assert_eq!(answer.status, 500);
    assert_eq!(
        answer.error(),
        ("InternalServerError".into(), "the request failed".into())
    );
}

/// Answers as told, and keeps what it was told.
#[derive(Debug)]
struct Fixed {
    decision: Decision,
    seen: Arc<Mutex<Vec<Seen>>>,
}

#[derive(Debug)]
struct Seen {
    permission: Permission,
    session_uid: Option<Uuid>,
    device_serial_number: Option<String>,
    peer: Option<SocketAddr>,
    headers: HeaderMap,
    shown: String,
}

impl Authorizer for Fixed {
    fn authorize<'a>(&'a self, caller: Caller<'a>) -> Deciding<'a> {
        Box::pin(async move {
            self.seen.lock().unwrap().push(Seen {
                permission: caller.permission,
                session_uid: caller.session_uid,
                device_serial_number: caller.device_serial_number.map(str::to_owned),
                peer: caller.peer,
                headers: caller.headers.clone(),
                shown: format!("{caller:?}"),
            });
            self.decision
        })
    }
}

fn fixed(decision: Decision) -> (Router, Arc<Mutex<Vec<Seen>>>) {
    let seen = Arc::default();
    let authorizer = Fixed {
        decision,
        seen: Arc::clone(&seen),
    };
    (guarded(&store(), authorizer), seen)
}

#[test]
fn an_authorizer_sees_who_asks_and_from_where() {
    let (router, seen) = fixed(Decision::Allow);
    let path = format!("{}&DeviceSerialNumber=SN1", of_session(2));
    let headers = [
        ("authorization", "Bearer very-secret-token"),
        ("x-own", "1"),
    ];
    let mut asked = request("GET", &path, &headers, Body::empty());
    let peer: SocketAddr = "192.0.2.7:4711".parse().unwrap();
    asked.extensions_mut().insert(ConnectInfo(peer));
    assert_eq!(ask(&router, asked).status, 200);
    let seen = seen.lock().unwrap();
    let caller = &seen[0];
    assert_eq!(seen.len(), 1);
    assert_eq!(caller.permission, Permission::Query);
    assert_eq!(caller.session_uid, Some(uid(2)));
    assert_eq!(caller.device_serial_number.as_deref(), Some("SN1"));
    assert_eq!(caller.peer, Some(peer));
    assert_eq!(caller.headers["x-own"], "1");
    assert_eq!(caller.headers["authorization"], "Bearer very-secret-token");
    assert!(!caller.shown.contains("very-secret"), "{}", caller.shown);
}

#[test]
fn an_authorizer_narrows_every_query_to_one_user() {
    let (router, _) = fixed(Decision::AllowOnly {
        user_refer_uid: uid(8),
    });
    assert_eq!(ids(&get(&router, LOG, &[])), [3]);
    let own = format!("{LOG}?UserReferUid={}", uid(8));
    assert_eq!(ids(&get(&router, &own, &[])), [3]);
    let other = format!("{LOG}?UserReferUid={}", uid(7));
    assert_eq!(get(&router, &other, &[]).status, 403);
    // The metrics count everybody's sessions.
    assert_eq!(get(&router, "/metrics", &[]).status, 403);
    // Narrowed to nobody is not narrowed to nothing.
    let (router, _) = fixed(Decision::AllowOnly {
        user_refer_uid: Uuid::nil(),
    });
    let answer = get(&router, LOG, &[]);
    let response = Response::read(Format::Json, &answer.body).unwrap();
    assert_eq!(
        (response.result.as_ref(), response.total_page_count),
        ("Failure", 0)
    );
}

#[test]
fn each_decision_has_its_status() {
    for (decision, status) in [
        (Decision::Allow, 200),
        (Decision::Unauthorized, 401),
        (Decision::Forbidden, 403),
        (Decision::Failed, 500),
        (Decision::Unavailable, 503),
    ] {
        let (router, seen) = fixed(decision);
        assert_eq!(get(&router, LOG, &[]).status, status, "{decision:?}");
        let page = get(&router, "/metadata", &[("accept", "text/html")]);
        assert_eq!(page.status, status, "{decision:?}");
        let permissions: Vec<_> = seen
            .lock()
            .unwrap()
            .iter()
            .map(|seen| seen.permission)
            .collect();
        assert_eq!(permissions, [Permission::Query, Permission::Operate]);
    }
}

/// Panics once, then lets everybody in.
#[derive(Debug, Default)]
struct PanicsOnce(Mutex<bool>);

impl Authorizer for PanicsOnce {
    fn authorize<'a>(&'a self, _: Caller<'a>) -> Deciding<'a> {
        Box::pin(async move {
            let mut has_panicked = self
                .0
                .lock()
                .unwrap_or_else(|poisoned| poisoned.into_inner());
            assert!(
                std::mem::replace(&mut *has_panicked, true),
                "a secret of the authorizer"
            );
            Decision::Allow
        })
    }
}

#[test]
fn an_authorizer_that_panics_takes_one_answer_with_it() {
    let store = store();
    let authorizer = Arc::new(PanicsOnce::default());
    let concurrent_requests_max = 1;
    let options = HttpOptions {
        authorizer,
        concurrent_requests_max,
        ..options()
    };
    let router = router(store, options);
    let answer = get(&router, LOG, &[]);
    assert_eq!(answer.status, 500);
    assert!(!answer.text().contains("secret"), "{}", answer.text());
    assert_eq!(get(&router, LOG, &[]).status, 200);
}

#[test]
fn a_server_of_this_machine_answers_to_its_own_names_alone() {
    let options = HttpOptions {
        hosts: vec!["localhost".to_owned(), "[::1]".to_owned()],
        ..options()
    };
    let router = router(store_of([]), options);
    for host in ["localhost", "LOCALHOST:9001", "[::1]", "[::1]:9001"] {
        assert_eq!(get(&router, LOG, &[("Host", host)]).status, 200, "{host}");
    }
    for host in [
        "evil.example",
        "evil.example:9001",
        "localhost.evil.example",
        "::1",
        "",
    ] {
        let answer = get(&router, LOG, &[("Host", host)]);
        assert_eq!(answer.status, 421, "{host}");
        assert_eq!(answer.error().0, "MisdirectedRequest");
    }
    assert_eq!(get(&router, LOG, &[]).status, 421);
}
