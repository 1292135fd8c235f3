//! Answers that pages of other origins may read, where the options name such origins.

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tower::ServiceExt;
use tower_http::cors::{AllowOrigin, CorsLayer};

/// The router with CORS for these origins, `*` being all of them; as it was if there are none.
pub(super) fn allow(router: Router, origins: &[HeaderValue]) -> Router {
    if origins.is_empty() {
        return router;
    }
    let plain = router.clone();
    router
        .layer(layer(origins))
        .layer(middleware::from_fn(move |request, next| {
            around(plain.clone(), request, next)
        }))
}

fn layer(origins: &[HeaderValue]) -> CorsLayer {
    let allowed = match origins.iter().any(|origin| origin == "*") {
        true => AllowOrigin::any(),
        false => AllowOrigin::list(origins.iter().cloned()),
    };
    let methods = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
    ];
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods(methods)
        .allow_headers([header::ACCEPT, header::AUTHORIZATION, header::CONTENT_TYPE])
        .expose_headers([
            header::ALLOW,
            header::CONTENT_DISPOSITION,
            header::RETRY_AFTER,
            header::WWW_AUTHENTICATE,
        ])
}

/// The layer takes every `OPTIONS` for one of a browser that asks before it sends; one of anybody
/// else is answered as without it.
async fn around(plain: Router, request: Request, next: Next) -> Response {
    let is_browsers = request
        .headers()
        .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    match request.method() == Method::OPTIONS && !is_browsers {
        true => plain.oneshot(request).await.into_response(),
        false => next.run(request).await,
    }
}
