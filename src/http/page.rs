//! The operator's page.

use super::app::App;
use super::reply::Refusal;
use crate::wire::UserClientSessionLogRequest;
use axum::http::request::Parts;
use axum::response::Response;

/// The page for people.
pub(super) async fn respond(
    _app: &App,
    _parts: Parts,
    _request: UserClientSessionLogRequest,
) -> Result<Response, Refusal> {
    Err(Refusal::not_found("there is no page yet"))
}
