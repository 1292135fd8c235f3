//! The query over HTTP, by requests to the router.

mod access;
mod bodies;
mod bounds;
mod cases;
mod clients;
mod replay;
#[cfg(feature = "cli")]
mod traces;
mod verbs;

use crate::{at, router};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use chrono::{DateTime, Utc};
use sessionlog::http::HttpOptions;
use sessionlog::wire::{ErrorResponse, Format, Responder};
use sessionlog::{Clock, Store};
use std::sync::{Arc, OnceLock};
use tokio::runtime::Runtime;
use tower::ServiceExt;

const LOG: &str = "/userclientsession/log";

/// The time of every answer.
#[derive(Debug)]
struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> DateTime<Utc> {
        at("2015-06-01T09:30:00Z")
    }
}

/// As the captured server is set up.
fn responder() -> Responder {
    Responder {
        server: Some("srv-1".to_owned()),
        records_per_page_default: 50,
        clock: Arc::new(Fixed),
        ..Responder::default()
    }
}

fn options() -> HttpOptions {
    HttpOptions {
        responder: responder(),
        ..HttpOptions::default()
    }
}

fn router_of(store: &Store) -> Router {
    router(store.clone(), options())
}

/// The same sessions on each engine that there is here, under its name.
fn routers_of(store: &Store) -> Vec<(&'static str, Router)> {
    let embedded = ("embedded", router_of(store));
    let database = database_of(store).map(|router| ("postgres", router));
    [embedded].into_iter().chain(database).collect()
}

#[cfg(all(feature = "postgres", target_os = "linux"))]
fn database_of(store: &Store) -> Option<Router> {
    use sessionlog::postgres::{Postgres, PostgresOptions, migrate};
    let cluster = crate::cluster::shared()?;
    let address = cluster.url("postgres", &cluster.database());
    let address = address.parse().unwrap();
    let database = runtime().block_on(async {
        migrate(&address, false).await.unwrap();
        let database = Postgres::connect(&address, PostgresOptions::default());
        let database = database.await.unwrap();
        let source = crate::in_process(store);
        database.copy_from(&source, drop).await.unwrap();
        database
    });
    Some(sessionlog::http::router(database, options()))
}

#[cfg(not(all(feature = "postgres", target_os = "linux")))]
fn database_of(_: &Store) -> Option<Router> {
    None
}

/// What requests are answered on: connections to a database live on it from one to the next.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        runtime.worker_threads(2).enable_all().build().unwrap()
    })
}

/// An answer, read whole.
#[derive(Debug)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The format of the body, by its type.
    fn format(&self) -> Option<Format> {
        let content_type = self.header("content-type");
        let media_type = content_type.split(';').next().unwrap();
        match content_type {
            "text/xml; charset=utf-8" => Some(Format::Soap11),
            _ if media_type == "application/soap+xml" => Some(Format::Soap12),
            _ => Format::of_media_type(media_type),
        }
    }

    /// `ErrorCode` and `Message`, in whatever format they are.
    fn error(&self) -> (String, String) {
        let error = ErrorResponse::read(self.format().unwrap(), &self.body).unwrap();
        let status = error.response_status;
        (status.error_code.unwrap(), status.message.unwrap())
    }
}

fn request(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Body>,
) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    let request = headers.iter().fold(request, |request, (name, value)| {
        request.header(*name, *value)
    });
    request.body(body.into()).unwrap()
}

fn ask(router: &Router, request: Request<Body>) -> Answer {
    runtime().block_on(answer(router, request))
}

async fn answer(router: &Router, request: Request<Body>) -> Answer {
    let answer = router.clone().oneshot(request).await.unwrap();
    let (head, body) = answer.into_parts();
    Answer {
        status: head.status,
        headers: head.headers,
        body: to_bytes(body, usize::MAX).await.unwrap().to_vec(),
    }
}

fn get(router: &Router, path: &str, headers: &[(&str, &str)]) -> Answer {
    ask(router, request("GET", path, headers, Body::empty()))
}

fn post(router: &Router, path: &str, content_type: &str, body: impl Into<Body>) -> Answer {
    ask(
        router,
        request("POST", path, &[("content-type", content_type)], body),
    )
}
