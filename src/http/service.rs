//! The service about itself: whether it lives, what it has counted, how it is described.

use super::access::Permission;
use super::app::{App, known};
use super::negotiate::choose;
use super::page::{self, Frame};
use super::reply::{Answered, Refusal, Reply};
use super::target::Target;
use super::{metadata, metrics, openapi};
use crate::Query;
use crate::stores::SessionLogStore;
use crate::wire::{OPERATION, UserClientSessionLogRequest};
use axum::extract::{Path, Request, State};
use axum::http::header::{CONTENT_TYPE, HOST};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};

/// The routes beside the query's.
pub(super) fn routes<S: SessionLogStore>() -> Router<App<S>> {
    Router::new()
        .route("/metadata", get(all_metadata::<S>))
        .route("/{format}/metadata", get(metadata_of::<S>))
        .route("/openapi.json", get(document::<S>))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz::<S>))
        .route("/metrics", get(scraped::<S>))
        .route("/style.css", get(page::style))
        .method_not_allowed_fallback(not_allowed)
}

const COUNTED_AS_TEXT: Extension<Answered> = Extension(Answered { format: "text" });

/// The process is up.
async fn healthz() -> impl IntoResponse {
    (COUNTED_AS_TEXT, "ok\n")
}

/// The store can be read: as every page does, it takes the latest state and descends into it.
async fn readyz<S: SessionLogStore>(State(app): State<App<S>>) -> impl IntoResponse {
    let read = app.call(async |app: App<S>| {
        let open = Query::builder().open_sessions_only(true).build()?;
        Ok(app.store().count(&open).await)
    });
    let (status, text) = match read.await.map(known) {
        Ok(Some(_)) => (StatusCode::OK, "ready\n"),
        Err(refusal) if refusal.status == StatusCode::SERVICE_UNAVAILABLE => {
            (StatusCode::SERVICE_UNAVAILABLE, "busy\n")
        }
        Ok(None) | Err(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the store cannot be read\n",
        ),
    };
    (status, COUNTED_AS_TEXT, text)
}

async fn scraped<S: SessionLogStore>(State(app): State<App<S>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let text = match operate(&app, &parts).await {
        // They count everybody's sessions.
        Ok((_, true)) => Err(Refusal::forbidden("the metrics are of all users")),
        Ok(_) => metrics::scrape(&app).await,
        Err(refusal) => Err(refusal),
    };
    match text {
        Ok(text) => {
            let headers = [(CONTENT_TYPE, prometheus::TEXT_FORMAT)];
            (headers, COUNTED_AS_TEXT, text).into_response()
        }
        Err(refusal) => refuse(&parts, refusal),
    }
}

async fn document<S: SessionLogStore>(State(app): State<App<S>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    match operate(&app, &parts).await {
        Ok(_) => {
            let headers = [(CONTENT_TYPE, "application/json; charset=utf-8")];
            let counted = Extension(Answered { format: "json" });
            (headers, counted, openapi::document().to_string()).into_response()
        }
        Err(refusal) => refuse(&parts, refusal),
    }
}

async fn all_metadata<S: SessionLogStore>(State(app): State<App<S>>, request: Request) -> Response {
    let (parts, _) = request.into_parts();
    let answered = described(&app, &parts, None).await;
    answered.unwrap_or_else(|refusal| refuse(&parts, refusal))
}

async fn metadata_of<S: SessionLogStore>(
    State(app): State<App<S>>,
    Path(format): Path<String>,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    let answered = described(&app, &parts, Some(&format)).await;
    answered.unwrap_or_else(|refusal| refuse(&parts, refusal))
}

/// A page of metadata: of the operation in a format, or of all there is.
async fn described(
    app: &App<impl SessionLogStore>,
    parts: &Parts,
    format: Option<&str>,
) -> Result<Response, Refusal> {
    let (caller, _) = operate(app, parts).await?;
    let server = app.options().responder.server.as_deref();
    let frame = Frame::at(parts.uri.path(), server).of_caller(&caller);
    let Some(format) = format else {
        return Ok(metadata::index(&frame));
    };
    let Some(format) = metadata::format_of(format) else {
        return Err(Refusal::not_found("there is no such format"));
    };
    let query = parts.uri.query().unwrap_or_default();
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    match pairs.find(|(name, _)| name.eq_ignore_ascii_case("op")) {
        None => Ok(metadata::index(&frame)),
        Some((_, operation)) if operation.eq_ignore_ascii_case(OPERATION) => {
            Ok(metadata::operation(&frame, format, host(&parts.headers)))
        }
        Some(_) => Err(Refusal::not_found("there is no such operation")),
    }
}

/// As the client calls it.
fn host(headers: &HeaderMap) -> &str {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    host.unwrap_or("localhost")
}

/// Who asks for what only operators may see.
///
/// # Errors
///
/// 400 for a query string that does not read; 401 or 403; 500 if the authorizer failed.
/// Also tells whether the caller may see one user's sessions only.
async fn operate(
    app: &App<impl SessionLogStore>,
    parts: &Parts,
) -> Result<(UserClientSessionLogRequest, bool), Refusal> {
    let query = parts.uri.query().unwrap_or_default();
    let mut caller = UserClientSessionLogRequest::read_form(query)?;
    let parts = parts.clone();
    app.call(async move |app| {
        let is_narrowed = app.authorize(Permission::Operate, &parts, &mut caller);
        let is_narrowed = is_narrowed.await?;
        Ok((caller, is_narrowed))
    })
    .await
}

/// In HTML for a browser, else in the format that the client accepts.
fn refuse(parts: &Parts, refusal: Refusal) -> Response {
    match choose(Target::Unknown, None, &parts.headers, None) {
        Ok(choice) => Reply::new(choice, None).refuse_at(parts.uri.path(), refusal),
        Err(_) => refusal.into_json(),
    }
}

/// The routes here answer `GET` alone.
async fn not_allowed(request: Request) -> Response {
    let (parts, _) = request.into_parts();
    refuse(&parts, Refusal::method_not_allowed("GET, HEAD"))
}
