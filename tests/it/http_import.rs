//! `POST /userclientsession/import`, by requests to the router; and `sessionlog import --to`.

#[cfg(feature = "cli")]
mod to_server;

use crate::{log, router, uid};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use sessionlog::http::{Authorizer, Caller, Deciding, Decision, HttpOptions, Permission};
use sessionlog::{Durability, Query, SessionLog, Store};
use std::io;
use std::sync::Arc;
use tower::ServiceExt;

const PATH: &str = "/userclientsession/import";
const JSON_LINES: &str = "application/x-ndjson";

fn ask(router: &Router, request: Request<Body>) -> (StatusCode, Value) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let answer = router.clone().oneshot(request).await.unwrap();
        let status = answer.status();
        let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    })
}

fn post(router: &Router, content_type: &str, body: impl Into<Body>) -> (StatusCode, Value) {
    let request = Request::post(PATH).header(header::CONTENT_TYPE, content_type);
    ask(router, request.body(body.into()).unwrap())
}

fn of(store: &Store) -> Router {
    router(store.clone(), HttpOptions::default())
}

fn line(log: &SessionLog) -> String {
    serde_json::to_string(log).unwrap() + "\n"
}

fn open(number: u128) -> SessionLog {
    log(number, "2026-11-01T08:00:00Z", None)
}

fn lines(numbers: impl IntoIterator<Item = u128>) -> String {
    numbers
        .into_iter()
        .map(|number| line(&open(number)))
        .collect()
}

const CSV_HEADER: &str = "refer_uid,user_refer_uid,user,client_refer_uid,session_start,session_end";

fn count(store: &Store) -> u64 {
    store.count(&Query::all()).unwrap()
}

#[test]
fn lines_are_stored_once_however_often_they_are_sent() {
    let store = Store::in_memory().unwrap();
    let router = of(&store);
    let expected = |accepted: u64, already_there: u64| {
        json!({
            "accepted": accepted, "already_there": already_there, "ended": 0, "rejected": 0,
            "rejections": [], "rejections_left_out": 0,
        })
    };
    let first = post(&router, JSON_LINES, lines(1..=3));
    assert_eq!(first, (StatusCode::OK, expected(3, 0)));
    let second = post(&router, "application/jsonl; charset=utf-8", lines(1..=3));
    assert_eq!(second, (StatusCode::OK, expected(0, 3)));
    assert_eq!(count(&store), 3);
}

#[test]
fn csv_is_taken_as_well() {
    let store = Store::in_memory().unwrap();
    let body = "refer_uid,user_refer_uid,user,client_refer_uid,session_start,session_end\n\
                6f9619ff-8b86-d011-b42d-00c04fc964ff,11111111-2222-3333-4444-555555555555,Ann,\
                PDA-01,2026-11-01T08:00:00Z,\n";
    let (status, report) = post(&of(&store), "text/csv", body);
    assert_eq!((status, &report["accepted"]), (StatusCode::OK, &json!(1)));
    let wrong = body.replace("session_end", "session_ende");
    let (status, error) = post(&of(&store), "text/csv", wrong);
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let message = error["ResponseStatus"]["Message"].as_str().unwrap();
    assert!(
        message.contains("\"session_ende\" is no column"),
        "{message}"
    );
}

#[test]
fn refused_lines_are_answered_by_number_and_keep_no_others_out() {
    let store = Store::in_memory().unwrap();
    let conflict = SessionLog {
        user: "Bob".into(),
        ..open(1)
    };
    let body = [
        line(&open(1)),
        "bogus\n".into(),
        "\n".into(),
        line(&conflict),
        line(&open(2)),
    ];
    let (status, report) = post(&of(&store), JSON_LINES, body.concat());
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        (&report["accepted"], &report["rejected"]),
        (&json!(2), &json!(2))
    );
    let rejections = report["rejections"].as_array().unwrap();
    let numbers: Vec<_> = rejections
        .iter()
        .map(|rejection| &rejection["line"])
        .collect();
    assert_eq!(numbers, [2, 4]);
    assert!(rejections[1]["reason"].as_str().unwrap().contains("user"));
}

#[test]
fn the_answer_lists_so_many_refusals_and_counts_the_rest() {
    let store = Store::in_memory().unwrap();
    let (_, report) = post(&of(&store), JSON_LINES, "x\n".repeat(20_007));
    assert_eq!(report["rejected"], json!(20_007));
    assert_eq!(report["rejections"].as_array().unwrap().len(), 20_000);
    assert_eq!(report["rejections_left_out"], json!(7));
}

#[test]
fn what_is_answered_is_durable_whatever_the_store_is_set_to() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let options = || Store::options().durability(Durability::Eventual);
    let store = options().create(&path).unwrap();
    let (status, _) = post(&of(&store), JSON_LINES, lines(1..=10));
    assert_eq!(status, StatusCode::OK);
    // The files as they are while the store is open, as after a loss of power.
    let copy = folder.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    for file in std::fs::read_dir(&path).unwrap() {
        let file = file.unwrap();
        if file.file_name() != "LOCK" {
            std::fs::copy(file.path(), copy.join(file.file_name())).unwrap();
        }
    }
    assert_eq!(count(&Store::open(&copy).unwrap()), 10);
}

/// A body that is sent in these pieces.
fn in_pieces(pieces: Vec<io::Result<String>>) -> Body {
    Body::from_stream(stream::iter(pieces))
}

#[test]
fn a_body_in_pieces_is_read_as_one() {
    let store = Store::in_memory().unwrap();
    let text = lines(1..=50);
    let pieces = text.as_bytes().chunks(7);
    let pieces = pieces.map(|piece| Ok(String::from_utf8(piece.to_vec()).unwrap()));
    let (status, report) = post(&of(&store), JSON_LINES, in_pieces(pieces.collect()));
    assert_eq!((status, &report["accepted"]), (StatusCode::OK, &json!(50)));
}

#[test]
fn a_body_that_breaks_off_is_refused_and_leaves_no_half_record() {
    let store = Store::in_memory().unwrap();
    let half = lines(1..=2).trim_end_matches("}\n").to_owned();
    let broken = in_pieces(vec![Ok(half), Err(io::Error::other("gone"))]);
    let (status, error) = post(&of(&store), JSON_LINES, broken);
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(
        error["ResponseStatus"]["Message"],
        json!("the body is cut off")
    );
    assert_eq!(count(&store), 1);
    let (_, report) = post(&of(&store), JSON_LINES, lines(1..=2));
    assert_eq!(report["accepted"], json!(1));
}

#[test]
fn a_body_that_stalls_is_given_up_on() {
    let store = Store::in_memory().unwrap();
    let options = HttpOptions {
        import_stall_timeout: std::time::Duration::from_millis(50),
        ..HttpOptions::default()
    };
    let endless = stream::iter([Ok::<_, io::Error>(lines(1..=2))]).chain(stream::pending());
    let router = router(store.clone(), options);
    let (status, error) = post(&router, JSON_LINES, Body::from_stream(endless));
    assert_eq!(status, StatusCode::REQUEST_TIMEOUT);
    assert_eq!(
        error["ResponseStatus"]["ErrorCode"],
        json!("RequestTimeout")
    );
    assert_eq!(post(&router, JSON_LINES, lines(1..=2)).0, StatusCode::OK);
}

#[test]
fn a_body_that_trickles_is_given_up_on() {
    let store = Store::in_memory().unwrap();
    let options = HttpOptions {
        import_stall_timeout: std::time::Duration::from_millis(200),
        ..HttpOptions::default()
    };
    let trickle = stream::unfold(0_u32, async |number| {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        Some((Ok::<_, io::Error>(" "), number + 1))
    });
    let router = router(store, options);
    let (status, _) = post(&router, JSON_LINES, Body::from_stream(trickle));
    assert_eq!(status, StatusCode::REQUEST_TIMEOUT);
}

#[test]
fn a_line_that_is_too_long_is_refused_by_itself() {
    let store = Store::in_memory().unwrap();
    let long = "x".repeat(2 * sessionlog::import::LINE_BYTES_MAX);
    let body = format!("{}{long}\n{}", lines([1]), lines([2]));
    let (status, report) = post(&of(&store), JSON_LINES, body);
    assert_eq!((status, &report["accepted"]), (StatusCode::OK, &json!(2)));
    assert_eq!(report["rejections"][0]["line"], json!(2));
}

#[test]
fn what_is_too_large_or_of_another_kind_is_refused() {
    let store = Store::in_memory().unwrap();
    let options = HttpOptions {
        import_bytes_max: 1_000,
        ..HttpOptions::default()
    };
    let small = router(store.clone(), options);
    let (status, error) = post(&small, JSON_LINES, lines(1..=50));
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(
        error["ResponseStatus"]["ErrorCode"],
        json!("RequestEntityTooLarge")
    );
    let rows = "x\n".repeat(1_000);
    let (status, _) = post(&small, "text/csv", format!("{CSV_HEADER}\n{rows}"));
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    for content_type in ["application/json", "text/plain", "garbage"] {
        let (status, _) = post(&small, content_type, lines(1..=1));
        assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{content_type}");
    }
    let zipped = Request::post(PATH)
        .header(header::CONTENT_TYPE, JSON_LINES)
        .header(header::CONTENT_ENCODING, "gzip");
    let (status, _) = ask(&small, zipped.body(lines(1..=1).into()).unwrap());
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let (status, error) = post(&small, JSON_LINES, b"\x1F\x8B\x08\x00\x00\x00".to_vec());
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let message = &error["ResponseStatus"]["Message"];
    assert_eq!(message, &json!("the body is compressed with gzip"));
    let (status, _) = ask(&small, Request::get(PATH).body(Body::empty()).unwrap());
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(count(&store), 0);
}

/// Lets some do one thing only.
#[derive(Debug)]
struct Only(Permission, Decision);

impl Authorizer for Only {
    fn authorize<'a>(&'a self, caller: Caller<'a>) -> Deciding<'a> {
        Box::pin(async move {
            match caller.permission == self.0 {
                true => self.1,
                false => Decision::Unauthorized,
            }
        })
    }
}

#[test]
fn an_import_needs_its_own_permission() {
    let store = Store::in_memory().unwrap();
    let user_refer_uid = uid(7);
    for (authorizer, status) in [
        (
            Only(Permission::Query, Decision::Allow),
            StatusCode::UNAUTHORIZED,
        ),
        (
            Only(Permission::Import, Decision::Forbidden),
            StatusCode::FORBIDDEN,
        ),
        (
            Only(Permission::Import, Decision::AllowOnly { user_refer_uid }),
            StatusCode::FORBIDDEN,
        ),
    ] {
        let options = HttpOptions {
            authorizer: Arc::new(authorizer),
            ..HttpOptions::default()
        };
        let router = router(store.clone(), options);
        assert_eq!(post(&router, JSON_LINES, lines(1..=1)).0, status);
    }
    assert_eq!(count(&store), 0);
    let authorizer = Arc::new(Only(Permission::Import, Decision::Allow));
    let options = HttpOptions {
        authorizer,
        ..HttpOptions::default()
    };
    let router = router(store.clone(), options);
    assert_eq!(post(&router, JSON_LINES, lines(1..=1)).0, StatusCode::OK);
}

#[test]
fn imports_beyond_the_bound_are_told_to_come_again() {
    let store = Store::in_memory().unwrap();
    let options = HttpOptions {
        concurrent_imports_max: 0,
        ..HttpOptions::default()
    };
    let full = router(store.clone(), options);
    let (status, error) = post(&full, JSON_LINES, lines(1..=1));
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        error["ResponseStatus"]["ErrorCode"],
        json!("ServiceUnavailable")
    );
    assert_eq!(count(&store), 0);
}
