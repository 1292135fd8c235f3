//! The query over HTTP, as the clients of the *MobileConnect Application Server* speak it, and
//! what operators need around it (feature `http`).
//!
//! [`router`] makes an [`axum::Router`] of a store, to be mounted in anyone's server:
//!
//! ```
//! use axum::body::Body;
//! use axum::http::{Request, StatusCode};
//! use sessionlog::Store;
//! use sessionlog::http::{HttpOptions, router};
//! use sessionlog::stores::Embedded;
//! use tower::ServiceExt;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let store = Embedded::new(Store::in_memory()?)?;
//! let router = router(store, HttpOptions::default());
//! let request = Request::get("/userclientsession/log.json?RecordsPerPage=50");
//! let response = router.oneshot(request.body(Body::empty())?).await?;
//! assert_eq!(response.status(), StatusCode::OK);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod access;
mod app;
mod body;
mod cors;
mod host;
mod import;
mod lasting;
mod metadata;
mod metrics;
mod negotiate;
mod openapi;
mod options;
mod page;
mod query;
mod reply;
mod serve;
mod service;
mod target;
mod tokens;

pub use access::{Authorizer, Caller, Deciding, Decision, NoAuth, OpenSession, Permission};
pub use options::HttpOptions;
pub use serve::{ServeOptions, Tls, TlsError, serve};
pub use tokens::{TokenFile, TokenFileError};

use crate::stores::SessionLogStore;
use app::App;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::set_header::SetResponseHeaderLayer;
use tower_http::trace::TraceLayer;

/// Everything that is served of a store, under one root.
///
/// What the store was asked goes on when its request has ended. Mounted below a path with
/// [`nest_service`](axum::Router::nest_service), it answers all of that path.
pub fn router<S: SessionLogStore>(store: S, options: HttpOptions) -> axum::Router {
    let origins = options.cors_origins.clone();
    let hosts = options.hosts.clone();
    let app = App::new(store, options);
    let router = service::routes::<S>()
        .merge(import::routes())
        .fallback(query::handle::<S>)
        .with_state(app.clone());
    host::only(cors::allow(router, &origins), hosts).layer(
        // One stack rather than a layer after the other: each `Router::layer` boxes every request.
        ServiceBuilder::new()
            .layer(SetSensitiveRequestHeadersLayer::new(SECRETS))
            .layer(
                TraceLayer::new_for_http()
                    .make_span_with(span)
                    .on_failure(()),
            )
            .layer(middleware::from_fn_with_state(app, metrics::count::<S>))
            // Answers hold personal data, and what strangers wrote: nobody keeps them, nobody
            // guesses a type.
            .layer(SetResponseHeaderLayer::overriding(
                header::X_CONTENT_TYPE_OPTIONS,
                HeaderValue::from_static("nosniff"),
            ))
            .layer(SetResponseHeaderLayer::if_not_present(
                header::CACHE_CONTROL,
                HeaderValue::from_static("no-store"),
            ))
            .layer(CatchPanicLayer::custom(|_| {
                reply::Refusal::internal().into_json()
            })),
    )
}

/// What a log says of a request: the query string and the headers are personal data.
fn span(request: &Request) -> tracing::Span {
    tracing::info_span!("request", method = %request.method(), route = %metrics::route(request))
}

/// What is not shown where headers are, in a log of an authorizer for one.
const SECRETS: [HeaderName; 3] = [
    header::AUTHORIZATION,
    header::COOKIE,
    header::PROXY_AUTHORIZATION,
];
