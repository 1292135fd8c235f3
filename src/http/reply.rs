//! Answers in the chosen format, errors too (wire contract, sections 4, 6 and 7).

use super::app::App;
use super::negotiate::{Choice, Wanted};
use super::page;
use crate::stores::SessionLogStore;
use crate::wire::{ErrorResponse, Format, OPERATION, WireError};
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::time::Duration;

/// Why a request is not answered: a status, and what is said about it.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) error: ErrorResponse,
    /// The member at fault, where one can be told.
    pub(super) member: Option<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl Refusal {
    pub(super) fn new(
        status: StatusCode,
        error_code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            status,
            error: ErrorResponse::new(error_code, message),
            member: None,
            headers: Vec::new(),
        }
    }

    /// The same with another header.
    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    pub(super) fn unauthorized() -> Self {
        let message = "the caller is not known: a token or an open session is needed";
        let basic = HeaderValue::from_static("Basic realm=\"sessionlog\", charset=\"UTF-8\"");
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", message)
            .with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
            .with(header::WWW_AUTHENTICATE, basic)
    }

    pub(super) fn forbidden(message: &'static str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden", message)
    }

    pub(super) fn not_found(message: &'static str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", message)
    }

    pub(super) fn method_not_allowed(allow: &'static str) -> Self {
        let message = format!("the verbs here are {allow}");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message)
            .with(header::ALLOW, HeaderValue::from_static(allow))
    }

    pub(super) fn too_large(bytes_max: u64) -> Self {
        let message = format!("the body has more than {bytes_max} bytes");
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        Self::new(status, "RequestEntityTooLarge", message)
    }

    pub(super) fn unsupported(message: impl Into<String>) -> Self {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        Self::new(status, "UnsupportedMediaType", message)
    }

    /// What to say if the request was not read or answered in time.
    pub(super) fn timed_out(app: &App<impl SessionLogStore>) -> Self {
        Self::unavailable(app.options().retry_after, "the request took too long")
    }

    /// What to say if nothing more of a body comes, or too little.
    pub(super) fn stalled() -> Self {
        let status = StatusCode::REQUEST_TIMEOUT;
        Self::new(status, "RequestTimeout", "the body came too slowly")
    }

    pub(super) fn overloaded(app: &App<impl SessionLogStore>) -> Self {
        app.metrics().rejected();
        let message = "too many requests are being answered";
        Self::unavailable(app.options().retry_after, message)
    }

    pub(super) fn unavailable(retry_after: Duration, message: &'static str) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(status, "ServiceUnavailable", message).retried_after(retry_after)
    }

    /// The same, saying when to come again if it does not say so yet.
    pub(super) fn retried_after(self, retry_after: Duration) -> Self {
        let is_said = self
            .headers
            .iter()
            .any(|(name, _)| name == header::RETRY_AFTER);
        match is_said {
            true => self,
            false => {
                let seconds = HeaderValue::from(retry_after.as_secs().max(1));
                self.with(header::RETRY_AFTER, seconds)
            }
        }
    }

    pub(super) fn internal() -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self::new(status, "InternalServerError", "the request failed")
    }

    /// An answer with the headers that go with the refusal.
    fn with_headers(self, mut response: Response) -> Response {
        for (name, value) in self.headers {
            response.headers_mut().append(name, value);
        }
        response
    }

    /// In JSON, where nothing is negotiated.
    pub(super) fn into_json(self) -> Response {
        let json = Choice::of(Wanted::Format(Format::Json));
        Reply::new(json, None).refuse(self)
    }
}

impl From<WireError> for Refusal {
    fn from(error: WireError) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            error: ErrorResponse::from(&error),
            member: error.member().map(str::to_owned),
            headers: Vec::new(),
        }
    }
}

/// How a request is answered.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    choice: Choice,
    /// The function that JSON is passed to.
    callback: Option<String>,
}

/// What was answered, for whoever watches: an extension of the response.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answered {
    pub(super) format: &'static str,
}

const JAVASCRIPT: &str = "application/javascript";

impl Reply {
    pub(super) fn new(choice: Choice, callback: Option<String>) -> Self {
        Self { choice, callback }
    }

    /// The format of a body; for people too, where only a body is to be had.
    pub(super) fn format(&self) -> Format {
        match self.choice.wanted {
            Wanted::Format(format) => format,
            Wanted::Html => Format::Json,
        }
    }

    pub(super) fn is_html(&self) -> bool {
        self.choice.wanted == Wanted::Html
    }

    /// A message as the body of a response.
    pub(super) fn answer(&self, status: StatusCode, message: Vec<u8>) -> Response {
        let format = self.format();
        let content_type = match (&self.callback, self.choice.wanted) {
            (Some(_), _) => JAVASCRIPT,
            (None, Wanted::Html) => Format::Json.content_type(),
            (None, Wanted::Format(_)) => self.choice.content_type,
        };
        let body = match &self.callback {
            Some(callback) => in_call(callback, &message),
            None => message,
        };
        let mut response = (status, Body::from(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        if format == Format::Csv {
            let name = format!("attachment;filename={OPERATION}.csv");
            if let Ok(name) = HeaderValue::try_from(name) {
                headers.insert(header::CONTENT_DISPOSITION, name);
            }
        }
        let format = format.name();
        response.extensions_mut().insert(Answered { format });
        response
    }

    /// A refusal as a response. SOAP has 500 for all faults but those of access and of bounds.
    pub(super) fn refuse(&self, refusal: Refusal) -> Response {
        let status = match (self.format(), refusal.status) {
            (Format::Soap11 | Format::Soap12, StatusCode::BAD_REQUEST) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
            (_, status) => status,
        };
        let response = self.answer(status, refusal.error.write(self.format()));
        refusal.with_headers(response)
    }

    /// As [`refuse`](Self::refuse), with a page for people where the client wants one.
    pub(super) fn refuse_at(&self, path: &str, refusal: Refusal) -> Response {
        match self.is_html() {
            true => {
                let page = page::error(path, refusal.status, &refusal.error);
                refusal.with_headers(page)
            }
            false => self.refuse(refusal),
        }
    }
}

/// `callback(json)`. Two characters that JSON may hold end a line in older JavaScript.
fn in_call(callback: &str, json: &[u8]) -> Vec<u8> {
    let json = String::from_utf8_lossy(json)
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029");
    format!("{callback}({json})").into_bytes()
}

/// The function of `callback=`, for JSON only.
///
/// # Errors
///
/// It is not a name, or the format is not JSON: what a stranger writes is not answered as a script.
pub(super) fn callback(name: Option<&str>, choice: Choice) -> Result<Option<String>, Refusal> {
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    if choice.wanted != Wanted::Format(Format::Json) {
        return Err(Refusal::bad_request("callback: it goes with JSON only"));
    }
    match is_function(name) {
        true => Ok(Some(name.to_owned())),
        false => Err(Refusal::bad_request(
            "callback: it is not a name of letters, digits, _, $ and dots, 64 at most",
        )),
    }
}

/// `[A-Za-z_$][\w$.]{0,63}`.
fn is_function(name: &str) -> bool {
    let is_start = |c: char| c.is_ascii_alphabetic() || c == '_' || c == '$';
    let is_part = |c: char| is_start(c) || c.is_ascii_digit() || c == '.';
    name.len() <= 64 && name.starts_with(is_start) && name.chars().all(is_part)
}
