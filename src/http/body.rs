//! The message of a request: from its query string, and from its body in any format
//! (wire contract, section 5).

use super::app::App;
use super::negotiate::Wanted;
use super::reply::Refusal;
use super::target::Target;
use crate::stores::SessionLogStore;
use crate::wire::{Format, UserClientSessionLogRequest, WireError};
use axum::body::HttpBody;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use mediatype::{MediaTypeBuf, ReadParams};
use std::borrow::Cow;

/// What a body is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Message(Format),
    Form,
    Multipart,
}

impl Kind {
    /// The format that an answer has where the client does not care.
    pub(super) fn format(self) -> Option<Format> {
        match self {
            Self::Message(format) => Some(format),
            Self::Form | Self::Multipart => None,
        }
    }
}

/// What a body of this request would be read as; `None` if its type says nothing that is known.
pub(super) fn kind(target: Target, headers: &HeaderMap) -> Option<Kind> {
    if !headers.contains_key(header::CONTENT_TYPE) {
        return untyped(target);
    }
    let essence = content_type(headers)?.essence().to_string();
    let is = |known: &str| essence.eq_ignore_ascii_case(known);
    match target {
        Target::Soap(format) => {
            let is_soap = is("text/xml") || is("application/xml") || is("application/soap+xml");
            is_soap.then_some(Kind::Message(format))
        }
        _ if is("application/x-www-form-urlencoded") => Some(Kind::Form),
        _ if is("multipart/form-data") => Some(Kind::Multipart),
        _ => Format::of_media_type(&essence).map(Kind::Message),
    }
}

/// The media type of a body, if it has one that is well-formed.
pub(super) fn content_type(headers: &HeaderMap) -> Option<MediaTypeBuf> {
    let content_type = headers.get(header::CONTENT_TYPE)?;
    content_type.to_str().ok()?.parse().ok()
}

/// Bodies are read as they are.
pub(super) fn check_encoding(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    match encodings.all(|encoding| encoding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        true => Ok(()),
        false => Err(Refusal::unsupported(
            "Content-Encoding: bodies are read as they are",
        )),
    }
}

/// The path's own format stands in for a type that is missing.
fn untyped(target: Target) -> Option<Kind> {
    match target {
        Target::Soap(format)
        | Target::Reply {
            format: Wanted::Format(format),
        } => Some(Kind::Message(format)),
        _ => None,
    }
}

/// The part of a path after the question mark; nothing in SOAP, where the envelope says all.
pub(super) fn query_string(target: Target, parts: &Parts) -> &str {
    match target {
        Target::Soap(_) => "",
        _ => parts.uri.query().unwrap_or_default(),
    }
}

/// The message of a request.
///
/// # Errors
///
/// 400, 413 or 415: the body or query string is not one, or cannot be read as one.
pub(super) async fn message(
    app: &App<impl SessionLogStore>,
    target: Target,
    parts: &Parts,
    body: Body,
) -> Result<UserClientSessionLogRequest, Refusal> {
    match parts.method == Method::GET || parts.method == Method::HEAD {
        true => of_query_string(query_string(target, parts)),
        // Boxed, so that the many requests without a body are not moved around with room for one.
        false => Box::pin(of_body(app, target, parts, body)).await,
    }
}

fn of_query_string(query: &str) -> Result<UserClientSessionLogRequest, Refusal> {
    Ok(UserClientSessionLogRequest::read_form(query)?)
}

async fn of_body(
    app: &App<impl SessionLogStore>,
    target: Target,
    parts: &Parts,
    body: Body,
) -> Result<UserClientSessionLogRequest, Refusal> {
    let query = query_string(target, parts);
    let bytes = bytes(parts, body, app.options().body_bytes_max).await?;
    if bytes.is_empty() && !matches!(target, Target::Soap(_)) {
        return of_query_string(query);
    }
    let Some(kind) = kind(target, &parts.headers) else {
        return Err(Refusal::unsupported(
            "Content-Type: it is not one of application/json, application/xml, application/jsv, \
             text/csv, application/x-www-form-urlencoded and multipart/form-data",
        ));
    };
    check_charset(kind, &parts.headers)?;
    read(app, kind, parts, (query, bytes)).await
}

/// The most bytes of a message that is read then and there. A larger one takes its time, which is not
/// the async threads' to give.
const READ_AT_ONCE_MAX: usize = 64 << 10;

/// A message and the query string over it, or a form over the query string.
async fn read(
    app: &App<impl SessionLogStore>,
    kind: Kind,
    parts: &Parts,
    (query, bytes): (&str, Bytes),
) -> Result<UserClientSessionLogRequest, Refusal> {
    let mut request = UserClientSessionLogRequest::default();
    match kind {
        Kind::Message(format) => {
            let is_large = bytes.len() > READ_AT_ONCE_MAX;
            let read = move || UserClientSessionLogRequest::read(format, &bytes);
            request = match is_large {
                true => app.call(async |_| unblocked(read).await).await?,
                false => read()?,
            };
            request.set_form(query)?;
        }
        Kind::Form => {
            request.set_form(query)?;
            let text = std::str::from_utf8(&bytes).map_err(|_| unbound("the form is not UTF-8"))?;
            request.set_form(text)?;
        }
        Kind::Multipart => {
            request.set_form(query)?;
            request.set_pairs(fields(parts, bytes).await?)?;
        }
    }
    Ok(request)
}

/// What does not fit on the async threads.
async fn unblocked<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, WireError> + Send + 'static,
) -> Result<T, Refusal> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(Refusal::internal()),
    }
}

async fn bytes(parts: &Parts, body: Body, bytes_max: usize) -> Result<Bytes, Refusal> {
    check_encoding(&parts.headers)?;
    let too_large = || Refusal::too_large(u64::try_from(bytes_max).unwrap_or(u64::MAX));
    // A client that waits for "100 Continue" is told before it sends anything.
    if usize::try_from(body.size_hint().lower()).map_or(true, |bytes| bytes > bytes_max) {
        return Err(too_large());
    }
    let limited = http_body_util::Limited::new(body, bytes_max);
    match http_body_util::BodyExt::collect(limited).await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(too_large()),
        Err(_) => Err(Refusal::bad_request("the body is cut off")),
    }
}

/// Text is UTF-8; XML says itself what it is, unless the header says what no reader of ours knows.
fn check_charset(kind: Kind, headers: &HeaderMap) -> Result<(), Refusal> {
    let content_type = content_type(headers);
    let mut params = content_type
        .iter()
        .flat_map(|media_type| media_type.params());
    let charset = params.find(|(name, _)| name.as_str().eq_ignore_ascii_case("charset"));
    let Some((_, charset)) = charset else {
        return Ok(());
    };
    let charset = charset.unquoted_str().to_ascii_lowercase();
    let is_xml = matches!(
        kind,
        Kind::Message(Format::Xml | Format::Soap11 | Format::Soap12)
    );
    match charset.as_str() {
        "utf-8" | "utf8" | "us-ascii" => Ok(()),
        "utf-16" | "utf-16le" | "utf-16be" if is_xml => Ok(()),
        _ => Err(Refusal::new(
            StatusCode::BAD_REQUEST,
            "SerializationException",
            "Content-Type: its charset is not read; send utf-8",
        )),
    }
}

/// A form that cannot be read at all, in the words of one whose value cannot.
fn unbound(problem: &str) -> Refusal {
    let message = format!("Unable to bind request: {problem}");
    Refusal::new(StatusCode::BAD_REQUEST, "RequestBindingException", message)
}

/// The fields of a form that was taken whole: its size is bounded already.
async fn fields<'a>(
    parts: &Parts,
    bytes: Bytes,
) -> Result<Vec<(Cow<'a, str>, Cow<'a, str>)>, Refusal> {
    let malformed = || unbound("the multipart form is malformed");
    let mut request = Request::from_parts(parts.clone(), Body::from(bytes));
    // The library's own bound could be the smaller one.
    DefaultBodyLimit::disable().apply(&mut request);
    let form = Multipart::from_request(request, &()).await;
    let mut form = form.map_err(|_| malformed())?;
    let mut fields = Vec::new();
    while let Some(field) = form.next_field().await.map_err(|_| malformed())? {
        // A filter whose name cannot be told must not be taken for an unknown member.
        let name = field.name().ok_or_else(malformed)?.to_owned();
        let value = field.bytes().await.map_err(|_| malformed())?;
        let value = String::from_utf8(value.into())
            .map_err(|_| unbound(&format!("{name:.64}: it is not UTF-8")))?;
        fields.push((name.into(), value.into()));
    }
    match fields.is_empty() {
        true => Err(malformed()),
        false => Ok(fields),
    }
}
