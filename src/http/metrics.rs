//! What is counted while serving, as Prometheus reads it.

use super::app::App;
use crate::{Stats, Store};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Response, StatusCode};
use axum::middleware::Next;
use axum::response::IntoResponse;
use prometheus::core::Collector;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};
use std::time::Instant;

/// The part of the router that answered: few, whatever is asked for, so that counting stays small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counted {
    /// `query`, `page`, `import`, …
    pub(super) route: &'static str,
    /// The short name of the format of the answer.
    pub(super) format: &'static str,
    /// Whether it holds a page of sessions.
    pub(super) is_page: bool,
}

impl Counted {
    /// An answer of this route that is no page of sessions.
    pub(super) fn new(route: &'static str, format: &'static str) -> Self {
        let is_page = false;
        Self {
            route,
            format,
            is_page,
        }
    }

    /// The answer, to be counted as this.
    pub(super) fn mark(self, answer: impl IntoResponse) -> Response<Body> {
        let mut answer = answer.into_response();
        answer.extensions_mut().insert(self);
        answer
    }
}

/// An answer that no part of the router claims.
const UNKNOWN: Counted = Counted {
    route: "unknown",
    format: "none",
    is_page: false,
};

/// Seconds, from a page out of memory to one out of a slow disk.
const LATENCIES: [f64; 12] = [
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0,
];

/// The counters of one router.
#[derive(Debug, Clone)]
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

    fn answered(&self, answer: &Response<Body>, begun: Instant) {
        let counted = answer.extensions().get().unwrap_or(&UNKNOWN);
        let status = answer.status();
        let labels = [counted.route, counted.format, status.as_str()];
        self.requests.with_label_values(&labels).inc();
        let seconds = begun.elapsed().as_secs_f64();
        self.latencies
            .with_label_values(&[counted.route])
            .observe(seconds);
        if counted.is_page && status.is_success() {
            self.pages.inc();
        }
    }

    fn set_store(&self, stats: &Stats) {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.sessions.set(number(stats.session_count));
        self.open_sessions.set(number(stats.open_session_count));
        self.store_bytes.set(number(stats.file_bytes));
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
pub(super) async fn count(
    State(metrics): State<Metrics>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let begun = Instant::now();
    let _in_flight = InFlight::begin(&metrics.in_flight);
    let answer = next.run(request).await;
    metrics.answered(&answer, begun);
    answer
}

/// `GET /metrics`: a store that cannot be read is told by `sessionlog_store_readable`, and its
/// other figures stay what they last were.
pub(super) async fn scrape(app: &App) -> Response<Body> {
    let stats = app.blocking(Store::stats).await;
    let metrics = app.metrics();
    metrics.readable.set(stats.is_ok().into());
    match stats {
        Ok(stats) => metrics.set_store(&stats),
        Err(error) => tracing::warn!(%error, "the store cannot be read"),
    }
    let counted = Counted::new("metrics", "text");
    match TextEncoder::new().encode_to_string(&metrics.registry.gather()) {
        Ok(text) => counted.mark(([(CONTENT_TYPE, prometheus::TEXT_FORMAT)], text)),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            counted.mark(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}
