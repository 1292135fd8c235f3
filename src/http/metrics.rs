//! What is counted while serving, as Prometheus reads it.

use super::app::{App, known};
use super::reply::{Answered, Refusal};
use super::target::Target;
use crate::stores::{SessionLogStore, StoreStats};
use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::Response;
use prometheus::core::Collector;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};
use std::borrow::Cow;
use std::time::Instant;

/// The routes whose answers are pages of sessions.
const PAGES: [&str; 2] = ["query", "soap"];

/// Seconds, from a page out of memory to one out of a slow disk.
const LATENCIES: [f64; 12] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0,
];

/// The counters of one router.
#[derive(Debug)]
pub(super) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    latencies: HistogramVec,
    pages: IntCounter,
    rejected: IntCounter,
    in_flight: IntGauge,
    readable: IntGauge,
    sessions: IntGauge,
    open_sessions: IntGauge,
    store_bytes: IntGauge,
}

/// Names and labels are the constants above: none of them can be refused.
const NAMES_ARE_VALID: &str = "the names of the metrics are valid and differ";

impl Metrics {
    pub(super) fn new() -> Self {
        let registry = Registry::new();
        let requests = Opts::new("sessionlog_http_requests_total", "Requests answered.");
        let latencies = HistogramOpts::new(
            "sessionlog_http_request_duration_seconds",
            "From a request's head to the head of its answer.",
        );
        let labels = &["route", "format", "status"];
        Self {
            requests: register(&registry, IntCounterVec::new(requests, labels)),
            latencies: register(
                &registry,
                HistogramVec::new(latencies.buckets(LATENCIES.to_vec()), &["route"]),
            ),
            pages: counter(
                &registry,
                "sessionlog_pages_served_total",
                "Pages of sessions served.",
            ),
            rejected: counter(
                &registry,
                "sessionlog_http_requests_rejected_total",
                "Requests turned away because too many were being answered.",
            ),
            in_flight: gauge(
                &registry,
                "sessionlog_http_requests_in_flight",
                "Requests being answered.",
            ),
            readable: gauge(
                &registry,
                "sessionlog_store_readable",
                "1 if the store could be read just now.",
            ),
            sessions: gauge(&registry, "sessionlog_sessions", "Sessions in the store."),
            open_sessions: gauge(
                &registry,
                "sessionlog_open_sessions",
                "Sessions without an end.",
            ),
            store_bytes: gauge(
                &registry,
                "sessionlog_store_bytes",
                "Bytes of the store's files, room for growth included.",
            ),
            registry,
        }
    }

    /// A request was turned away because too many were being answered.
    pub(super) fn rejected(&self) {
        self.rejected.inc();
    }

    fn answered(&self, route: &str, response: &Response, begun: Instant) {
        let answered = response.extensions().get::<Answered>();
        let format = answered.map_or("none", |answered| answered.format);
        let status = response.status();
        let labels = [route, format, status.as_str()];
        self.requests.with_label_values(&labels).inc();
        let seconds = begun.elapsed().as_secs_f64();
        self.latencies.with_label_values(&[route]).observe(seconds);
        if PAGES.contains(&route) && status == StatusCode::OK {
            self.pages.inc();
        }
    }

    fn set_store(&self, stats: &StoreStats) {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.readable.set(1);
        self.sessions.set(number(stats.session_count));
        self.open_sessions.set(number(stats.open_session_count));
        self.store_bytes.set(number(stats.stored_bytes));
    }
}

fn register<C: Collector + Clone + 'static>(registry: &Registry, made: prometheus::Result<C>) -> C {
    let collector = made.expect(NAMES_ARE_VALID);
    registry
        .register(Box::new(collector.clone()))
        .expect(NAMES_ARE_VALID);
    collector
}

fn counter(registry: &Registry, name: &str, help: &str) -> IntCounter {
    register(registry, IntCounter::new(name, help))
}

fn gauge(registry: &Registry, name: &str, help: &str) -> IntGauge {
    register(registry, IntGauge::new(name, help))
}

/// Counts a request for as long as it is being answered, be it dropped half way.
struct InFlight(IntGauge);

impl InFlight {
    fn begin(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// The layer around all routes: counts every request and its answer.
pub(super) async fn count<S: SessionLogStore>(
    State(app): State<App<S>>,
    request: Request,
    next: Next,
) -> Response {
    let metrics = app.metrics();
    let begun = Instant::now();
    let route = route(&request);
    let _in_flight = InFlight::begin(&metrics.in_flight);
    let response = next.run(request).await;
    metrics.answered(&route, &response, begun);
    response
}

/// Which part of the router answers: few, whatever is asked for, so that counting stays small.
pub(super) fn route(request: &Request) -> Cow<'static, str> {
    match request.extensions().get::<MatchedPath>() {
        Some(path) => Cow::Owned(path.as_str().to_owned()),
        None => Cow::Borrowed(Target::of(request.uri().path()).name()),
    }
}

/// `GET /metrics`: a store that cannot be read is told by `sessionlog_store_readable`, and its
/// other figures stay what they last were.
pub(super) async fn scrape(app: &App<impl SessionLogStore>) -> Result<String, Refusal> {
    let stats = app.call(async |app| Ok(app.store().stats().await)).await;
    let metrics = app.metrics();
    match stats.map(known) {
        Ok(Some(stats)) => metrics.set_store(&stats),
        // Of a store that nobody could ask just now, nothing is known.
        Err(refusal) if refusal.status == StatusCode::SERVICE_UNAVAILABLE => {}
        Ok(None) | Err(_) => metrics.readable.set(0),
    }
    let text = TextEncoder::new().encode_to_string(&metrics.registry.gather());
    text.map_err(|error| {
        tracing::error!(%error, "the metrics cannot be written");
        Refusal::internal()
    })
}
