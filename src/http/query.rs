//! The one service: a request in any format on any of its routes (wire contract, section 3).

use super::access::Permission;
use super::app::App;
use super::body;
use super::negotiate::{Choice, choose};
use super::reply::{self, Refusal, Reply};
use super::target::Target;
use crate::stores::SessionLogStore;
use crate::wire::UserClientSessionLogRequest;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::borrow::Cow;
use std::sync::Arc;
use tokio::time::timeout;

/// Answers every path that has no handler of its own.
pub(super) async fn handle<S: SessionLogStore>(
    State(app): State<App<S>>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    // Shared, as they go through several futures, each of which would have room for its own.
    let parts = Arc::new(parts);
    let target = Target::of(parts.uri.path());
    if parts.method == Method::OPTIONS && target.is_known() {
        let allow = HeaderValue::from_static(target.allow());
        return (StatusCode::NO_CONTENT, [(header::ALLOW, allow)]).into_response();
    }
    let choice = match choice(target, &parts) {
        Ok(choice) => choice,
        Err(refusal) => return refusal.into_json(),
    };
    let path = parts.uri.path();
    let reply = match callback(&app, target, &parts, choice) {
        Ok(callback) => Reply::new(choice, callback),
        Err(refusal) => return Reply::new(choice, None).refuse_at(path, refusal),
    };
    let answer = timeout(
        app.options().handler_timeout,
        answer(&app, target, &reply, parts.clone(), body),
    );
    let answered = answer
        .await
        .unwrap_or_else(|_| Err(Refusal::timed_out(&app)));
    answered.unwrap_or_else(|refusal| reply.refuse_at(path, refusal))
}

/// The format of the answer, errors too.
fn choice(target: Target, parts: &Parts) -> Result<Choice, Refusal> {
    let format = once("format", target, parts)?;
    let body = body::kind(target, &parts.headers).and_then(body::Kind::format);
    choose(target, format.as_deref(), &parts.headers, body).map_err(Refusal::bad_request)
}

/// The function that JSON is passed to. A script reads what it loads, from wherever its page is:
/// so a browser that says it asks for another site's page gets none, unless all may read answers.
fn callback(
    app: &App<impl SessionLogStore>,
    target: Target,
    parts: &Parts,
    choice: Choice,
) -> Result<Option<String>, Refusal> {
    let callback = once("callback", target, parts)?;
    let callback = reply::callback(callback.as_deref(), choice)?;
    let site = parts.headers.get("sec-fetch-site");
    let is_foreign = site.is_some_and(|site| site == "cross-site");
    let may_all = app
        .options()
        .cors_origins
        .iter()
        .any(|origin| origin == "*");
    match callback.is_some() && is_foreign && !may_all {
        true => Err(Refusal::forbidden(
            "callback: pages of other sites may not read answers here",
        )),
        false => Ok(callback),
    }
}

/// A value of the query string that is for the router itself.
///
/// # Errors
///
/// It is there twice: which of the two was meant cannot be told.
fn once<'a>(
    name: &'static str,
    target: Target,
    parts: &'a Parts,
) -> Result<Option<Cow<'a, str>>, Refusal> {
    let pairs = form_urlencoded::parse(body::query_string(target, parts).as_bytes());
    let mut values = pairs.filter(|(key, _)| key.eq_ignore_ascii_case(name));
    let value = values.next().map(|(_, value)| value);
    match values.next() {
        None => Ok(value),
        Some(_) => Err(Refusal::bad_request(format!(
            "{name}: it is given more than once"
        ))),
    }
}

async fn answer(
    app: &App<impl SessionLogStore>,
    target: Target,
    reply: &Reply,
    parts: Arc<Parts>,
    body: Body,
) -> Result<Response, Refusal> {
    check_verb(target, &parts.method)?;
    let message = body::message(app, target, &parts, body).await;
    match reply.is_html() {
        // Boxed for the same reason as a body.
        true => Box::pin(super::page::respond(app, parts, message)).await,
        false => page(app, reply, parts, message?).await,
    }
}

/// The page that a request asks for, in the chosen format.
async fn page(
    app: &App<impl SessionLogStore>,
    reply: &Reply,
    parts: Arc<Parts>,
    mut request: UserClientSessionLogRequest,
) -> Result<Response, Refusal> {
    let format = reply.format();
    let body = app.call(async move |app| {
        app.authorize(Permission::Query, &parts, &mut request)
            .await?;
        let responder = &app.options().responder;
        let page = match responder.check(&request) {
            Ok((query, page)) => Ok(app.store().page(&query, page).await?),
            Err(invalid) => Err(invalid),
        };
        Ok(responder.response(&request, page).write(format))
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
