//! What people and machines see of the router: pages, metadata, OpenAPI, health, metrics.

mod access;
mod links;
mod machines;
mod sessions;

use crate::router;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use sessionlog::Store;
use sessionlog::http::HttpOptions;
use tower::ServiceExt;

/// An answer, read whole.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

fn router_of(store: &Store) -> Router {
    router(store.clone(), HttpOptions::default())
}

/// `GET`, as a browser sends it.
fn browse(router: &Router, path: &str) -> Answer {
    let request =
        Request::get(path).header("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8");
    ask(router, request.body(Body::empty()).unwrap())
}

fn get(router: &Router, path: &str) -> Answer {
    ask(router, Request::get(path).body(Body::empty()).unwrap())
}

fn ask(router: &Router, request: Request<Body>) -> Answer {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let answer = router.clone().oneshot(request).await.unwrap();
        let (head, body) = answer.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: head.status,
            headers: head.headers,
            body: String::from_utf8(bytes.to_vec()).unwrap(),
        }
    })
}

/// Every text between two others.
fn between<'a>(text: &'a str, start: &str, end: &str) -> Vec<&'a str> {
    let parts = text.split(start).skip(1);
    parts.map(|part| part.split(end).next().unwrap()).collect()
}

/// Text of HTML as it is read.
fn unescaped(text: &str) -> String {
    let text = text.replace("&lt;", "<").replace("&gt;", ">");
    text.replace("&quot;", "\"").replace("&amp;", "&")
}
