//! Too many, too slow, broken: what everybody else is answered meanwhile, and what nobody is told.

use super::{Answer, LOG, answer, ask, get, options, post, request};
use crate::support::faulty::FaultyStorage;
use crate::{log, router, store_of};
use axum::Router;
use axum::body::Body;
use axum::http::HeaderValue;
use sessionlog::Store;
use sessionlog::http::{Authorizer, Caller, Deciding, Decision, HttpOptions};
use sessionlog::wire::Format;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Lets everybody in once it is told to.
#[derive(Debug)]
struct Gate {
    entered: Sender<()>,
    opened: Mutex<UnboundedReceiver<()>>,
}

/// A gate, who enters it, and what opens it for one each.
fn gate() -> (Arc<Gate>, Receiver<()>, UnboundedSender<()>) {
    let (entered, enters) = channel();
    let (open, opened) = unbounded_channel();
    let opened = Mutex::new(opened);
    (Arc::new(Gate { entered, opened }), enters, open)
}

impl Authorizer for Gate {
    fn authorize<'a>(&'a self, _: Caller<'a>) -> Deciding<'a> {
        Box::pin(async move {
            self.entered.send(()).unwrap();
            match self.opened.lock().await.recv().await {
                Some(()) => Decision::Allow,
                None => Decision::Forbidden,
            }
        })
    }
}

fn store() -> Store {
    store_of([log(1, "2015-06-01T08:00:00Z", None)])
}

fn assert_unavailable(answer: &Answer, message: &str, retry_after: &str) {
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after"), retry_after);
    assert_eq!(
        answer.error(),
        ("ServiceUnavailable".into(), message.into())
    );
}

#[test]
fn beyond_its_bound_of_requests_it_says_when_to_come_again() {
    let (authorizer, enters, open) = gate();
    let router = router(
        store(),
        HttpOptions {
            authorizer,
            concurrent_requests_max: 1,
            retry_after: Duration::from_secs(7),
            ..options()
        },
    );
    let waiting = {
        let router = router.clone();
        std::thread::spawn(move || get(&router, LOG, &[]))
    };
    enters.recv().unwrap();
    let refused = get(&router, "/userclientsession/log.xml", &[]);
    assert_unavailable(&refused, "too many requests are being answered", "7");
    assert_eq!(refused.format(), Some(Format::Xml));
    open.send(()).unwrap();
    assert_eq!(waiting.join().unwrap().status, 200);
    // There is room again.
    open.send(()).unwrap();
    assert_eq!(get(&router, LOG, &[]).status, 200);
}

#[test]
fn an_authorizer_that_waits_holds_up_nobody_beside() {
    let (authorizer, enters, open) = gate();
    let router = router(
        store(),
        HttpOptions {
            authorizer,
            ..options()
        },
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    // On the one thread of this runtime, the second is answered while the first waits.
    runtime.block_on(async {
        let first = answer(&router, request("GET", LOG, &[], Body::empty()));
        let second = async {
            tokio::task::yield_now().await;
            answer(&router, request("GET", "/healthz", &[], Body::empty())).await
        };
        let second = async {
            let second = second.await;
            enters.recv().unwrap();
            open.send(()).unwrap();
            second
        };
        let (first, second) = tokio::join!(first, second);
        assert_eq!((first.status.as_u16(), second.status.as_u16()), (200, 200));
    });
}

#[test]
fn a_request_that_takes_too_long_is_answered_all_the_same() {
    let (authorizer, _enters, open) = gate();
    let router = router(
        store(),
        HttpOptions {
            authorizer,
            handler_timeout: Duration::from_millis(50),
            ..options()
        },
    );
    let late = get(&router, "/userclientsession/log.jsv", &[]);
    assert_unavailable(&late, "the request took too long", "1");
    assert_eq!(late.format(), Some(Format::Jsv));
    drop(open);
    // So is one whose body never ends.
    let endless = Body::from_stream(futures_util::stream::pending::<std::io::Result<Vec<u8>>>());
    let late = post(&router, LOG, "application/json", endless);
    assert_unavailable(&late, "the request took too long", "1");
}

#[test]
fn a_call_that_outlives_its_request_still_counts() {
    let (authorizer, _enters, open) = gate();
    let router = router(
        store(),
        HttpOptions {
            authorizer,
            concurrent_requests_max: 1,
            handler_timeout: Duration::from_millis(50),
            ..options()
        },
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let ask = || answer(&router, request("GET", LOG, &[], Body::empty()));
        assert_unavailable(&ask().await, "the request took too long", "1");
        assert_unavailable(&ask().await, "too many requests are being answered", "1");
        // One that is let in for the call that nobody waits for, and one for who comes after it.
        open.send(()).unwrap();
        open.send(()).unwrap();
        while ask().await.status != 200 {
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn a_store_whose_disk_is_full_is_to_be_asked_again() {
    let storage = FaultyStorage::default();
    let store = Store::options()
        .create_on(Arc::new(storage.clone()))
        .unwrap();
    let router = router(store, options());
    storage.fail_after(0);
    let record = r#"{"refer_uid":"00000000000000000000000000000001","user_refer_uid":"00000000000000000000000000000007","user":"Ann","client_refer_uid":"PDA-01","session_start":"2015-06-01T08:00:00Z"}"#;
    let answer = post(
        &router,
        "/userclientsession/import",
        "application/jsonl",
        record,
    );
    assert_unavailable(&answer, "the store did not answer", "1");
}

/// A router whose store on disk was closed behind it, and the path of that store.
pub(super) fn broken() -> (Router, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path().join("the-store")).unwrap();
    let router = router(store.clone(), options());
    store.close().unwrap();
    (router, folder)
}

#[test]
fn a_store_that_fails_is_told_in_fixed_words() {
    let (router, folder) = broken();
    for format in Format::NAMED {
        let answer = get(&router, &format!("{LOG}.{}", format.name()), &[]);
        assert_eq!(answer.status, 500);
        assert_eq!(answer.format(), Some(format));
        let expected = (
            "InternalServerError".into(),
            "the store did not answer".into(),
        );
        assert_eq!(answer.error(), expected);
    }
    let message = sessionlog::wire::UserClientSessionLogRequest::default();
    for (path, format) in [("/soap11", Format::Soap11), ("/soap12", Format::Soap12)] {
        let fault = post(&router, path, format.content_type(), message.write(format));
        assert_eq!(fault.status, 500);
        assert!(
            fault.text().contains("the store did not answer"),
            "{}",
            fault.text()
        );
    }
    let page = get(&router, LOG, &[("accept", "text/html")]);
    assert_eq!(page.status, 500);
    for answer in [page, get(&router, LOG, &[])] {
        let inside = [
            folder.path().to_str().unwrap(),
            "the-store",
            "closed",
            "redb",
            ".rs",
        ];
        for word in inside {
            assert!(!answer.text().contains(word), "{word} in {}", answer.text());
        }
    }
}

#[test]
fn no_error_tells_what_is_inside() {
    let (router, _folder) = broken();
    let bodies = [
        ("application/json", "{"),
        ("application/xml", "<a"),
        ("application/jsv", "{a"),
        ("text/csv", "\"a"),
        ("multipart/form-data; boundary=x", "--x"),
    ];
    for (content_type, body) in bodies {
        let answer = post(&router, LOG, content_type, body);
        assert_eq!(answer.status, 400);
        for word in [
            "line ", "column", "serde", "quick", "Error(", "src/", ".rs", "panick",
        ] {
            let (_, message) = answer.error();
            assert!(!message.contains(word), "{word} in {message}");
        }
    }
}

#[test]
fn nobody_keeps_an_answer_or_guesses_its_type() {
    let (broken, _folder) = broken();
    let router = router(
        store(),
        HttpOptions {
            cors_origins: vec![HeaderValue::from_static("https://a.example")],
            ..options()
        },
    );
    let preflight = [
        ("origin", "https://a.example"),
        ("access-control-request-method", "POST"),
    ];
    let answers = [
        (200, get(&router, LOG, &[])),
        (200, get(&router, LOG, &[("accept", "text/html")])),
        (200, ask(&router, request("HEAD", LOG, &[], Body::empty()))),
        (200, get(&router, "/healthz", &[])),
        (
            204,
            ask(&router, request("OPTIONS", LOG, &[], Body::empty())),
        ),
        (
            200,
            ask(&router, request("OPTIONS", LOG, &preflight, Body::empty())),
        ),
        (400, get(&router, &format!("{LOG}?RecordsPerPage=x"), &[])),
        (404, get(&router, "/nosuch", &[])),
        (405, get(&router, "/soap11", &[])),
        (415, post(&router, LOG, "text/plain", "x")),
        (500, get(&broken, LOG, &[])),
        (503, get(&broken, "/readyz", &[])),
    ];
    for (status, answer) in answers {
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("cache-control"), "no-store", "{status}");
        assert_eq!(
            answer.header("x-content-type-options"),
            "nosniff",
            "{status}"
        );
    }
}

mod cors {
    use super::{Answer, LOG, store};
    use crate::http::{ask, get, options, request};
    use crate::router;
    use axum::Router;
    use axum::body::Body;
    use axum::http::HeaderValue;
    use sessionlog::http::HttpOptions;

    const ORIGIN: &str = "https://a.example";

    fn allowing(origins: &[&'static str]) -> Router {
        let cors_origins = origins
            .iter()
            .copied()
            .map(HeaderValue::from_static)
            .collect();
        router(
            store(),
            HttpOptions {
                cors_origins,
                ..options()
            },
        )
    }

    fn preflight(router: &Router, origin: &str) -> Answer {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            (
                "access-control-request-headers",
                "content-type,authorization",
            ),
        ];
        ask(router, request("OPTIONS", LOG, &headers, Body::empty()))
    }

    #[test]
    fn no_page_of_another_origin_reads_answers_unless_it_is_named() {
        let off = allowing(&[]);
        assert_eq!(preflight(&off, ORIGIN).status, 204);
        let named = allowing(&[ORIGIN]);
        for (router, origin) in [
            (&off, ORIGIN),
            (&named, "https://b.example"),
            (&named, "null"),
        ] {
            for answer in [
                preflight(router, origin),
                get(router, LOG, &[("origin", origin)]),
            ] {
                assert!(!answer.headers.contains_key("access-control-allow-origin"));
            }
        }
    }

    #[test]
    fn pages_of_a_named_origin_ask_and_read() {
        let router = allowing(&["https://b.example", ORIGIN]);
        let answer = preflight(&router, ORIGIN);
        assert_eq!(answer.header("access-control-allow-origin"), ORIGIN);
        assert_eq!(
            answer.header("access-control-allow-methods"),
            "GET,HEAD,POST,PUT,PATCH,DELETE"
        );
        let headers = answer.header("access-control-allow-headers");
        assert!(headers.contains("authorization") && headers.contains("content-type"));
        assert!(answer.header("vary").contains("origin"));
        // Also what is refused can be read.
        for path in [LOG, "/nosuch", "/userclientsession/log?RecordsPerPage=x"] {
            let answer = get(&router, path, &[("origin", ORIGIN)]);
            assert_eq!(answer.header("access-control-allow-origin"), ORIGIN);
            let exposed = answer.header("access-control-expose-headers");
            for header in [
                "allow",
                "content-disposition",
                "retry-after",
                "www-authenticate",
            ] {
                assert!(exposed.contains(header), "{exposed}");
            }
            assert!(
                !answer
                    .headers
                    .contains_key("access-control-allow-credentials")
            );
        }
    }

    #[test]
    fn a_refusal_for_lack_of_room_can_be_read_too() {
        let cors_origins = vec![HeaderValue::from_static(ORIGIN)];
        let full = HttpOptions {
            cors_origins,
            concurrent_requests_max: 0,
            ..options()
        };
        let answer = get(&router(store(), full), LOG, &[("origin", ORIGIN)]);
        assert_eq!(answer.status, 503);
        assert_eq!(answer.header("access-control-allow-origin"), ORIGIN);
        assert_eq!(answer.header("retry-after"), "1");
    }

    #[test]
    fn a_star_is_everybody() {
        let router = allowing(&["*"]);
        let answer = get(&router, LOG, &[("origin", ORIGIN)]);
        assert_eq!(answer.header("access-control-allow-origin"), "*");
    }

    #[test]
    fn options_outside_of_a_preflight_tells_the_verbs() {
        let headers = [("origin", ORIGIN)];
        let answer = ask(
            &allowing(&[ORIGIN]),
            request("OPTIONS", LOG, &headers, Body::empty()),
        );
        assert_eq!(answer.status, 204);
        assert!(answer.header("allow").contains("GET"));
    }
}
