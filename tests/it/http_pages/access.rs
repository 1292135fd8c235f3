//! Who may see the pages, and how much of them.

use super::{Answer, ask, between, browse};
use crate::{in_process, log, router, store_of, uid};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use sessionlog::http::{
    Authorizer, Caller, Deciding, Decision, HttpOptions, OpenSession, Permission,
};
use sessionlog::{SessionLog, Store};
use std::sync::{Arc, Barrier};
use std::thread;

/// Two open sessions, of users 7 and 8.
fn store() -> Store {
    let of_bob = SessionLog {
        user_refer_uid: uid(8),
        user: "Bob".into(),
        ..log(2, "2015-06-01T09:00:00Z", None)
    };
    store_of([log(1, "2015-06-01T08:00:00Z", None), of_bob])
}

fn guarded(store: &Store, authorizer: impl Authorizer + 'static) -> Router {
    let authorizer = Arc::new(authorizer);
    let options = HttpOptions {
        authorizer,
        ..HttpOptions::default()
    };
    router(store.clone(), options)
}

/// Gives nobody what it names, and everybody the rest.
#[derive(Debug)]
struct Without(Permission);

impl Authorizer for Without {
    fn authorize<'a>(&'a self, caller: Caller<'a>) -> Deciding<'a> {
        Box::pin(async move {
            match caller.permission == self.0 {
                true => Decision::Unauthorized,
                false => Decision::Allow,
            }
        })
    }
}

#[test]
fn a_caller_sees_its_own_sessions_through_every_view() {
    let store = store();
    let router = guarded(&store, OpenSession::new(in_process(&store)));
    let session = uid(1).simple();
    let page = browse(&router, &format!("/?SessionUid={session}")).body;
    assert_eq!(between(&page, "<dd>", "</dd>"), ["1", "1", "1"]);
    assert!(page.contains(&uid(1).to_string()));
    assert!(!page.contains("Bob") && !page.contains(&uid(2).to_string()));
    let other = format!("/?SessionUid={session}&UserReferUid={}", uid(8).simple());
    assert_eq!(browse(&router, &other).status, StatusCode::FORBIDDEN);
    let invalid = browse(
        &router,
        &format!("/?SessionUid={session}&StartedAfter=soon"),
    );
    assert_eq!(invalid.status, StatusCode::BAD_REQUEST);
    assert!(!invalid.body.contains("Bob"));
    assert_eq!(browse(&router, "/").status, StatusCode::UNAUTHORIZED);
}

#[test]
fn what_is_for_operators_is_for_them_alone() {
    let router = guarded(&store(), Without(Permission::Operate));
    for path in [
        "/",
        "/userclientsession/log.html",
        "/metadata",
        "/xml/metadata?op=UserClientSessionLogRequest",
        "/openapi.json",
        "/metrics",
    ] {
        let page = browse(&router, path);
        assert_eq!(page.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert!(page.headers.contains_key("www-authenticate"), "{path}");
        assert!(!page.body.contains("Ann"), "{path}");
    }
    for path in [
        "/healthz",
        "/readyz",
        "/style.css",
        "/userclientsession/log.json",
    ] {
        assert_eq!(browse(&router, path).status, StatusCode::OK, "{path}");
    }
}

#[test]
fn an_operator_without_the_right_to_query_sees_no_sessions() {
    let router = guarded(&store(), Without(Permission::Query));
    assert_eq!(browse(&router, "/").status, StatusCode::UNAUTHORIZED);
    assert_eq!(browse(&router, "/metadata").status, StatusCode::OK);
}

fn accept(router: &Router, path: &str, accept: &str) -> Answer {
    let request = Request::get(path).header("Accept", accept);
    ask(router, request.body(Body::empty()).unwrap())
}

#[test]
fn a_refusal_has_the_form_that_the_client_reads() {
    let router = guarded(&store(), Without(Permission::Operate));
    for (asked, answered) in [
        ("*/*", "application/json; charset=utf-8"),
        ("application/xml", "application/xml"),
        ("text/html", "text/html; charset=utf-8"),
    ] {
        let answer = accept(&router, "/metrics", asked);
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.header("content-type"), answered);
    }
}

#[test]
fn a_router_that_is_busy_says_so_and_lives() {
    let options = HttpOptions {
        concurrent_requests_max: 0,
        ..HttpOptions::default()
    };
    let router = router(store(), options);
    for path in ["/", "/userclientsession/log.json", "/readyz"] {
        let answer = browse(&router, path);
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
    }
    assert_eq!(browse(&router, "/").header("retry-after"), "1");
    assert_eq!(browse(&router, "/healthz").status, StatusCode::OK);
}

/// Holds up those who query until they are waited for.
#[derive(Debug)]
struct Slow(Arc<Barrier>);

impl Authorizer for Slow {
    fn authorize<'a>(&'a self, caller: Caller<'a>) -> Deciding<'a> {
        Box::pin(async move {
            let barrier = Arc::clone(&self.0);
            let hold_up = move || [barrier.wait(), barrier.wait()];
            if caller.permission == Permission::Query {
                tokio::task::spawn_blocking(hold_up).await.unwrap();
            }
            Decision::Allow
        })
    }
}

#[test]
fn what_is_turned_away_is_counted() {
    let barrier = Arc::new(Barrier::new(2));
    let options = HttpOptions {
        authorizer: Arc::new(Slow(Arc::clone(&barrier))),
        concurrent_requests_max: 1,
        ..HttpOptions::default()
    };
    let router = router(store(), options);
    let path = "/userclientsession/log.json";
    let held_up = thread::scope(|scope| {
        let held_up = scope.spawn(|| browse(&router, path));
        barrier.wait();
        let turned_away = browse(&router, path);
        barrier.wait();
        assert_eq!(turned_away.status, StatusCode::SERVICE_UNAVAILABLE);
        held_up.join().unwrap()
    });
    assert_eq!(held_up.status, StatusCode::OK);
    let metrics = accept(&router, "/metrics", "text/plain").body;
    assert!(
        metrics.contains("sessionlog_http_requests_rejected_total 1\n"),
        "{metrics}"
    );
}
