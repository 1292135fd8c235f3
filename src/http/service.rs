//! The service about itself: whether it lives, what it has counted, how it is described.

use super::app::App;
use super::metrics::Counted;
use super::openapi;
use crate::Query;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderValue, Response, StatusCode};

const NOT_KEPT: (axum::http::HeaderName, HeaderValue) =
    (CACHE_CONTROL, HeaderValue::from_static("no-store"));

/// `GET /healthz`: the process is up.
pub(super) async fn healthz() -> Response<Body> {
    Counted::new("healthz", "text").mark(([NOT_KEPT], "ok\n"))
}

/// `GET /readyz`: the store can be read.
pub(super) async fn readyz(State(app): State<App>) -> Response<Body> {
    // A page needs what this needs: the latest state, and a descent into its index.
    let read = app.blocking(|store| {
        let open = Query::builder().open_sessions_only(true).build()?;
        store.count(&open)
    });
    let (status, text) = match read.await {
        Ok(_) => (StatusCode::OK, "ready\n"),
        Err(error) => {
            tracing::warn!(%error, "the store cannot be read");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the store cannot be read\n",
            )
        }
    };
    Counted::new("readyz", "text").mark((status, [NOT_KEPT], text))
}

/// `GET /openapi.json`.
pub(super) async fn openapi() -> Response<Body> {
    let json = [(
        CONTENT_TYPE,
        HeaderValue::from_static("application/json; charset=utf-8"),
    )];
    Counted::new("openapi", "json").mark((json, openapi::document().to_string()))
}
