//! The one service: a request in any format on any of its routes (wire contract, section 3).

use super::access::Permission;
use super::app::App;
use super::body;
use super::negotiate::choose;
use super::reply::{self, Refusal, Reply};
use super::target::Target;
use crate::wire::UserClientSessionLogRequest;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;

/// Answers every path that has no handler of its own.
pub(super) async fn handle(State(app): State<App>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let target = Target::of(parts.uri.path());
    let path = parts.uri.path().to_owned();
    let reply = match reply(target, &parts) {
        Ok(reply) => reply,
        Err(refusal) => return refusal.into_json(),
    };
    if parts.method == Method::OPTIONS && target != Target::Unknown {
        let allow = HeaderValue::from_static(target.allow());
        return (StatusCode::NO_CONTENT, [(header::ALLOW, allow)]).into_response();
    }
    let answer = timeout(
        app.options().handler_timeout,
        answer(&app, target, &reply, parts, body),
    );
    let answered = answer
        .await
        .unwrap_or_else(|_| Err(Refusal::timed_out(&app)));
    answered.unwrap_or_else(|refusal| reply.refuse_at(&path, refusal))
}

/// How to answer, errors too.
fn reply(target: Target, parts: &Parts) -> Result<Reply, Refusal> {
    let query = parts.uri.query().unwrap_or_default();
    let of_query = |name: &str| {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key.eq_ignore_ascii_case(name))
    };
    let format = of_query("format").map(|(_, format)| format);
    let body = body::kind(target, &parts.headers).and_then(body::Kind::format);
    let choice = choose(target, format.as_deref(), &parts.headers, body);
    let choice = choice.map_err(Refusal::bad_request)?;
    let callback = of_query("callback").map(|(_, callback)| callback);
    let callback = reply::callback(callback.as_deref(), choice)?;
    Ok(Reply::new(choice, callback))
}

async fn answer(
    app: &App,
    target: Target,
    reply: &Reply,
    parts: Parts,
    body: Body,
) -> Result<Response, Refusal> {
    check_verb(target, &parts.method)?;
    let message = body::message(target, &parts, body, app.options().body_bytes_max).await;
    match reply.is_html() {
        true => super::page::respond(app, parts, message).await,
        false => page(app, reply, parts, message?).await,
    }
}

/// The page that a request asks for, in the chosen format.
async fn page(
    app: &App,
    reply: &Reply,
    parts: Parts,
    mut request: UserClientSessionLogRequest,
) -> Result<Response, Refusal> {
    let format = reply.format();
    let body = app.blocking(move |app| {
        app.authorize(Permission::Query, &parts, &mut request)?;
        let response = app.options().responder.answer(app.store(), &request)?;
        Ok(response.write(format))
    });
    Ok(reply.answer(StatusCode::OK, body.await?))
}

fn check_verb(target: Target, method: &Method) -> Result<(), Refusal> {
    match target {
        Target::Unknown => return Err(Refusal::not_found("there is nothing at this path")),
        Target::UnknownOperation { .. } => {
            return Err(Refusal::not_found("there is no such operation"));
        }
        _ => {}
    }
    let allow = target.allow();
    let is_allowed = allow.split(", ").any(|verb| verb == method.as_str());
    match is_allowed {
        true => Ok(()),
        false => Err(Refusal::method_not_allowed(allow)),
    }
}
