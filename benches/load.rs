//! A server under load: a page of 50 in JSON and XML, beside fixed bodies of the same size.
//!
//! `cargo bench --features generate,http --bench load` needs `wrk` on the path. It runs 64
//! connections in turn against the page; against the same router where it has no sessions to find
//! and write, only a name of the server that is as long as the page; and against a bare route
//! behind the layers that the router has. It prints the throughputs and the page's ratio to each,
//! medians of the rounds, and fails if any answer is an error.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use axum::Router;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use sessionlog::Store;
use sessionlog::generate::Profile;
use sessionlog::http::{HttpOptions, ServeOptions, router, serve};
use sessionlog::stores::Embedded;
use sessionlog::wire::{Format, Responder, UserClientSessionLogRequest};
use std::net::SocketAddr;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use tokio::net::TcpListener;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;

const ROUNDS: usize = 5;
const FORMATS: [Format; 2] = [Format::Json, Format::Xml];

fn main() {
    let store = Store::in_memory().unwrap();
    let profile = Profile {
        sessions: 100_000,
        ..Profile::default()
    };
    store.append_batch(profile.session_logs()).unwrap();
    let address = served(&store);
    for format in FORMATS {
        compare(format, address);
    }
}

/// The first page, as the server writes it.
fn body(store: &Store, format: Format) -> Bytes {
    let request = UserClientSessionLogRequest {
        records_per_page: 50,
        ..UserClientSessionLogRequest::default()
    };
    let response = Responder::default().answer(store, &request).unwrap();
    response.write(format).into()
}

/// The routes of a format's fixed bodies: by a router like the page's, and bare.
fn fixed(format: Format, body: Bytes) -> Router {
    let responder = Responder {
        server: Some("s".repeat(body.len())),
        ..Responder::default()
    };
    let options = HttpOptions {
        responder,
        ..HttpOptions::default()
    };
    let name = format.name();
    let bare = Router::new()
        .route(&format!("/bare/{name}"), get(async move || body.clone()))
        .layer(
            ServiceBuilder::new()
                .layer(SetSensitiveRequestHeadersLayer::new([AUTHORIZATION]))
                .layer(TraceLayer::new_for_http())
                .layer(from_fn(pass))
                .layer(header(X_CONTENT_TYPE_OPTIONS, "nosniff"))
                .layer(header(CACHE_CONTROL, "no-store"))
                .layer(CatchPanicLayer::new()),
        );
    let same = router(in_process(Store::in_memory().unwrap()), options);
    bare.nest_service(&format!("/same/{name}"), same)
}

fn in_process(store: Store) -> Embedded {
    Embedded::new(store).unwrap()
}

/// Serves pages and fixed bodies for as long as the process runs.
fn served(store: &Store) -> SocketAddr {
    let fixed = FORMATS.map(|format| fixed(format, body(store, format)));
    let pages = router(in_process(store.clone()), HttpOptions::default());
    let router = fixed.into_iter().fold(pages, Router::merge);
    let (ready, address) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build();
        runtime.unwrap().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            ready.send(listener.local_addr().unwrap()).unwrap();
            serve(
                router,
                listener,
                ServeOptions::default(),
                std::future::pending(),
            )
            .await;
        });
    });
    address.recv().unwrap()
}

fn header(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value))
}

async fn pass(request: Request, next: Next) -> Response {
    next.run(request).await
}

/// Prints the median throughputs of a format, and the median ratios of the page's to the others.
fn compare(format: Format, address: SocketAddr) {
    let name = format.name();
    let query = format!("userclientsession/log.{name}?RecordsPerPage=50");
    let paths = [
        query.clone(),
        format!("same/{name}/{query}"),
        format!("bare/{name}"),
    ];
    let rounds = [(); ROUNDS].map(|()| {
        let [page, same, bare] = paths
            .each_ref()
            .map(|path| throughput(&format!("http://{address}/{path}")));
        [page, same, bare, page / same, page / bare]
    });
    let [page, same, bare, to_same, to_bare] = std::array::from_fn(|at| {
        let mut column = rounds.map(|round| *round.get(at).unwrap());
        column.sort_by(f64::total_cmp);
        *column.get(ROUNDS / 2).unwrap()
    });
    println!(
        "{name}: {page:.0} pages/s, {to_same:.2} of {same:.0} fixed bodies/s by the same router, \
         {to_bare:.2} of {bare:.0} by a bare route"
    );
}

/// Answers a second at 64 connections.
fn throughput(url: &str) -> f64 {
    let output = Command::new("wrk")
        .args([
            "--threads",
            "2",
            "--connections",
            "64",
            "--duration",
            "2s",
            url,
        ])
        .output()
        .expect("the load needs wrk");
    let text = String::from_utf8(output.stdout).unwrap();
    let is_well =
        output.status.success() && !text.contains("Non-2xx") && !text.contains("Socket errors");
    assert!(is_well, "{url}: {text}");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("Requests/sec:"));
    line.unwrap().trim().parse().unwrap()
}
