//! A server under load: a page of 50 in JSON and XML, beside a fixed body of the same size from the
//! same server, through the layers that the router has.
//!
//! `cargo bench --features generate,http --bench load` needs `wrk` on the path. It runs 64
//! connections against the page and the fixed body in turn, and prints both throughputs and their
//! ratio, the median of the pairs. It fails if any answer is an error.
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

const PAIRS: usize = 5;

fn main() {
    let store = Store::in_memory().unwrap();
    let profile = Profile {
        sessions: 100_000,
        ..Profile::default()
    };
    store.append_batch(profile.session_logs()).unwrap();
    let address = served(&store);
    for format in [Format::Json, Format::Xml] {
        let name = format.name();
        let page = format!("http://{address}/userclientsession/log.{name}?RecordsPerPage=50");
        compare(name, &page, &format!("http://{address}/fixed/{name}"));
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

/// Serves pages and fixed bodies for as long as the process runs.
fn served(store: &Store) -> SocketAddr {
    let (json, xml) = (body(store, Format::Json), body(store, Format::Xml));
    let fixed = Router::new()
        .route("/fixed/json", get(async move || json.clone()))
        .route("/fixed/xml", get(async move || xml.clone()))
        .layer(
            ServiceBuilder::new()
                .layer(SetSensitiveRequestHeadersLayer::new([AUTHORIZATION]))
                .layer(TraceLayer::new_for_http())
                .layer(from_fn(pass))
                .layer(header(X_CONTENT_TYPE_OPTIONS, "nosniff"))
                .layer(header(CACHE_CONTROL, "no-store"))
                .layer(CatchPanicLayer::new()),
        );
    let router = router(store.clone(), HttpOptions::default()).merge(fixed);
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

/// Prints the pair of throughputs whose ratio is the median.
fn compare(name: &str, page: &str, fixed: &str) {
    let mut pairs: Vec<(f64, f64)> = (0..PAIRS)
        .map(|_| (throughput(page), throughput(fixed)))
        .collect();
    pairs.sort_by(|one, other| (one.0 / one.1).total_cmp(&(other.0 / other.1)));
    let (page, fixed) = *pairs.get(PAIRS / 2).unwrap();
    let ratio = page / fixed;
    println!("{name}: {page:.0} pages/s, {fixed:.0} fixed bodies/s, {ratio:.2}");
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
