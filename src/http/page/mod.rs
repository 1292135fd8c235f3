//! The pages for people: sessions, errors, and what all of them look like.
//!
//! They need no scripts, load nothing but their style sheet, and link by relative addresses, so
//! that the router can be mounted below any path.

mod chart;
mod filter;
mod layout;
mod sessions;
mod text;

pub(super) use layout::{Frame, Section, style};

use super::access::Permission;
use super::app::App;
use super::reply::Refusal;
use crate::stores::SessionLogStore;
use crate::wire::{ErrorResponse, Responder, UserClientSessionLogRequest};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use filter::{Form, Problem};
use maud::{Markup, html};
use sessions::{Sessions, View};
use std::sync::Arc;
use text::Name;

/// The sessions page of a request.
///
/// A request that does not read, or is invalid, shows what is wrong beside the form, and no
/// sessions.
///
/// # Errors
///
/// The caller may not see it, or the store fails.
pub(super) async fn respond(
    app: &App<impl SessionLogStore>,
    parts: Arc<Parts>,
    message: Result<UserClientSessionLogRequest, Refusal>,
) -> Result<Response, Refusal> {
    let sent = parts.uri.clone();
    let query = sent.query().unwrap_or_default();
    let (request, unread) = match message {
        Ok(request) => (request, None),
        Err(refusal) if refusal.status == StatusCode::BAD_REQUEST => {
            (understood(query), Some(refusal))
        }
        Err(refusal) => return Err(refusal),
    };
    let read = app.call(async move |app| read(&app, &parts, request, unread).await);
    Ok(read
        .await?
        .render(&app.options().responder, sent.path(), query))
}

/// Those members of a query string that read, to show them again and to know who asks: no query
/// is ever made of them.
fn understood(query: &str) -> UserClientSessionLogRequest {
    let mut request = UserClientSessionLogRequest::default();
    for pair in query.split('&') {
        // What does not read is shown as it was sent.
        let _ = request.set_form(pair);
    }
    request
}

/// A request, narrowed to what its caller may see, with what there is to see.
struct Read {
    request: UserClientSessionLogRequest,
    view: Result<View, Problem>,
}

async fn read(
    app: &App<impl SessionLogStore>,
    parts: &Parts,
    mut request: UserClientSessionLogRequest,
    unread: Option<Refusal>,
) -> Result<Read, Refusal> {
    for permission in [Permission::Operate, Permission::Query] {
        app.authorize(permission, parts, &mut request).await?;
    }
    let checked = match unread {
        Some(refusal) => Err(Problem::from(refusal)),
        None => app
            .options()
            .responder
            .check(&request)
            .map_err(Problem::from),
    };
    let view = match checked {
        Ok((query, page)) => Ok(View::read(app.store(), &query, page).await?),
        Err(problem) => Err(problem),
    };
    Ok(Read { request, view })
}

impl Read {
    fn render(&self, responder: &Responder, path: &str, sent: &str) -> Response {
        let server = responder.server.as_deref();
        let frame = Frame::at(path, server).of_caller(&self.request);
        let form = Form {
            frame: &frame,
            responder,
            request: &self.request,
            sent,
            problem: self.view.as_ref().err(),
        };
        let sessions = self.view.as_ref().ok().map(|view| {
            let (request, frame, now) = (&self.request, &frame, responder.clock.now());
            Sessions {
                view,
                request,
                frame,
                now,
            }
            .render()
        });
        let content = html! { h1 { "Sessions" } (form.render()) @if let Some(sessions) = &sessions { (sessions) } };
        let status = form
            .problem
            .map_or(StatusCode::OK, |problem| problem.status);
        frame.page(status, Section::Sessions, "Sessions", &content)
    }
}

/// An error, for a browser at this path.
pub(super) fn error(path: &str, status: StatusCode, error: &ErrorResponse) -> Response {
    let frame = Frame::at(path, None);
    let title = status.canonical_reason().unwrap_or("Error");
    frame.page(status, Section::Error, title, &notice(status, title, error))
}

fn notice(status: StatusCode, title: &str, error: &ErrorResponse) -> Markup {
    let error = &error.response_status;
    html! {
        div.notice {
            p.status { (status.as_u16()) }
            h1 { (title) }
            @if let Some(message) = &error.message { p { (Name(message)) } }
            @if let Some(code) = &error.error_code { p.hint { code { (code) } } }
        }
    }
}
