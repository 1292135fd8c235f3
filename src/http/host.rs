//! By which name a server is asked for.

use super::reply::Refusal;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use std::sync::Arc;

/// The router for those alone who ask for one of these names; for everybody if there are none.
pub(super) fn only(router: Router, hosts: Vec<String>) -> Router {
    if hosts.is_empty() {
        return router;
    }
    router.layer(middleware::from_fn_with_state(Arc::from(hosts), check))
}

async fn check(State(hosts): State<Arc<[String]>>, request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST);
    let host = host.and_then(|host| host.to_str().ok()).map(without_port);
    let is_one = |host: &str| hosts.iter().any(|known| known.eq_ignore_ascii_case(host));
    match host.is_some_and(is_one) {
        true => next.run(request).await,
        false => Refusal::new(
            StatusCode::MISDIRECTED_REQUEST,
            "MisdirectedRequest",
            "Host: the server is not asked for by this name",
        )
        .into_json(),
    }
}

fn without_port(host: &str) -> &str {
    match host.rfind(':') {
        Some(at) if !host.ends_with(']') => host.get(..at).unwrap_or_default(),
        _ => host,
    }
}
