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

use super::app::App;
use crate::wire::{ErrorResponse, UserClientSessionLogRequest, WireError};
use crate::{PageRequest, Query, Result};
use axum::body::Body;
use axum::http::{Response, StatusCode};
use filter::{Form, Problem};
use maud::{Markup, html};
use sessions::{Sessions, View};
use text::Name;

/// The sessions page of a request, which `sent` is the query string of.
///
/// An invalid request shows what is wrong beside the form, and no sessions.
///
/// # Errors
///
/// Those of the store.
pub(super) async fn sessions(
    app: &App,
    path: &str,
    sent: &str,
    request: Result<UserClientSessionLogRequest, WireError>,
) -> Result<Response<Body>> {
    let responder = &app.options().responder;
    let (request, checked) = match request {
        Ok(request) => {
            let checked = responder.check(&request).map_err(Problem::from);
            (request, checked)
        }
        Err(error) => (
            UserClientSessionLogRequest::default(),
            Err(Problem::from(&error)),
        ),
    };
    let frame = Frame::at(path, responder.server.as_deref()).of_caller(&request);
    let form = |problem| Form {
        frame: &frame,
        responder,
        request: &request,
        sent,
        problem,
    };
    let (query, page) = match checked {
        Ok(checked) => checked,
        Err(problem) => {
            let content = html! { h1 { "Sessions" } (form(Some(&problem)).render()) };
            return Ok(frame.page(
                StatusCode::BAD_REQUEST,
                Section::Sessions,
                "Sessions",
                &content,
            ));
        }
    };
    let view = read(app, query, page).await?;
    let sessions = Sessions {
        view: &view,
        request: &request,
        frame: &frame,
        now: responder.clock.now(),
    };
    let content = html! { h1 { "Sessions" } (form(None).render()) (sessions.render()) };
    Ok(frame.page(StatusCode::OK, Section::Sessions, "Sessions", &content))
}

async fn read(app: &App, query: Query, page: PageRequest) -> Result<View> {
    app.blocking(move |store| View::read(store, &query, page))
        .await
}

/// An error, for a browser at this path.
pub(super) fn error(path: &str, status: StatusCode, error: &ErrorResponse) -> Response<Body> {
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
