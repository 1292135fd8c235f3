//! What the service says about itself to people, as the original does: `/metadata` and
//! `/{format}/metadata?op=…`. The samples come from the writers that answer.

use super::page::{Frame, Section};
use crate::wire::{
    Format, OPERATION, ServerErrorDetails, UserClientSessionLog, UserClientSessionLogRequest,
    UserClientSessionLogResponse,
};
use axum::http::StatusCode;
use axum::response::Response;
use chrono::{NaiveDate, NaiveTime};
use maud::{Markup, html};
use std::borrow::Cow;

/// The formats that have a page of their own, and their names for people.
const FORMATS: [(Format, &str); 6] = [
    (Format::Xml, "XML"),
    (Format::Json, "JSON"),
    (Format::Jsv, "JSV"),
    (Format::Csv, "CSV"),
    (Format::Soap11, "SOAP 1.1"),
    (Format::Soap12, "SOAP 1.2"),
];

/// Name, type and meaning of each member of the request.
const REQUEST: [[&str; 3]; 11] = [
    ["UserReferUid", "guid", "only sessions of this user"],
    [
        "ClientReferUid",
        "string",
        "only sessions of this client, compared byte by byte",
    ],
    [
        "StartedBefore",
        "dateTime",
        "only sessions that started earlier, itself excluded",
    ],
    [
        "StartedAfter",
        "dateTime",
        "only sessions that started later, itself excluded",
    ],
    [
        "OpenSessionsOnly",
        "boolean",
        "only sessions without an end",
    ],
    ["PageRequestIndex", "int32", "the page, from zero"],
    [
        "RecordsPerPage",
        "int32",
        "sessions on a page; 0 asks for the default",
    ],
    ["PagingEnabled", "boolean", "derived; ignored when read"],
    ["SessionUid", "guid", "the caller's own session; no filter"],
    [
        "DeviceSerialNumber",
        "string",
        "the caller's device; no filter",
    ],
    ["GeneratedAt", "dateTime", "the caller's clock; no filter"],
];

/// Name, type and meaning of each member of the response.
const RESPONSE: [[&str; 3]; 8] = [
    [
        "LogEntries",
        "list of UserClientSessionLog",
        "the sessions, by start and then by id",
    ],
    ["PageIndex", "int32", "the page asked for"],
    [
        "TotalPageCount",
        "int32",
        "how many pages there are, exactly",
    ],
    ["RecordsPerPage", "int32", "the page size used"],
    ["Server", "string", "the name of the server"],
    ["ProcessedAt", "dateTime", "when the answer was made, UTC"],
    ["Result", "enum", "the outcome"],
    [
        "ServerErrorDetails",
        "object",
        "Code, Description and AdditionalMessages of a failure",
    ],
];

/// The format whose page has this name, in any case.
pub(super) fn format_of(name: &str) -> Option<Format> {
    let mut formats = FORMATS.iter().map(|(format, _)| *format);
    formats.find(|format| format.name().eq_ignore_ascii_case(name))
}

/// `/metadata`: the operations, of which there is one.
pub(super) fn index(frame: &Frame) -> Response {
    let content = html! {
        h1 { "Operations" }
        section.prose {
            p.lead { "The service has one operation. Each format shows how it is asked and what it answers." }
            h2 { (OPERATION) }
            (tabs(frame, None))
            (routes())
        }
    };
    frame.page(StatusCode::OK, Section::Metadata, "Metadata", &content)
}

/// `/{format}/metadata?op=…`: the operation in one format, as asked of this host.
pub(super) fn operation(frame: &Frame, format: Format, host: &str) -> Response {
    let name = FORMATS.iter().find(|(known, _)| *known == format);
    let name = name.map_or("", |(_, name)| name);
    let content = html! {
        h1 { (OPERATION) }
        (tabs(frame, Some(format)))
        section.prose { h2 { "Routes" } (routes()) (overriding(format)) }
        section.prose {
            h2 { "HTTP + " (name) }
            p.hint {
                "A sample of the request and of the response, each member with its empty value or type."
                @if is_xml(format) { " The lines are broken for reading." }
            }
            h3 { "Request" }
            pre tabindex="0" { (request_head(format, host)) (body(format, &sample_request().write(format))) }
            h3 { "Response" }
            pre tabindex="0" { (response_head(format)) (body(format, &sample_response().write(format))) }
        }
        section.prose { h2 { "Members of the request" } (members("The request", &REQUEST)) }
        section.prose { h2 { "Members of the response" } (members("The response", &RESPONSE)) }
    };
    let title = format!("{OPERATION} · {name}");
    frame.page(StatusCode::OK, Section::Metadata, &title, &content)
}

fn tabs(frame: &Frame, current: Option<Format>) -> Markup {
    html! {
        nav.tabs aria-label="Formats" {
            @for (format, name) in FORMATS {
                @let path = format!("{}/metadata", format.name());
                a href=(frame.carry_on_with(&path, "op", OPERATION))
                    aria-current=[(current == Some(format)).then_some("page")] { (name) }
            }
        }
    }
}

fn routes() -> Markup {
    let routes = [
        (
            "GET, POST, PUT, DELETE, PATCH",
            "/userclientsession/log".to_owned(),
        ),
        (
            "GET, POST, PUT, DELETE, PATCH",
            format!("/{{xml,json,jsv,csv}}/reply/{OPERATION}"),
        ),
        ("GET, POST, PUT, DELETE, PATCH", format!("/api/{OPERATION}")),
        ("POST", "/soap11".to_owned()),
        ("POST", "/soap12".to_owned()),
    ];
    html! {
        div.scroll { table {
            caption { "Routes" }
            thead { tr { th scope="col" { "Path" } th scope="col" { "Verbs" } } }
            tbody {
                @for (verbs, path) in routes {
                    tr { td { code { (path) } } td { (verbs) } }
                }
            }
        } }
    }
}

fn overriding(format: Format) -> Markup {
    let (name, media_type) = match format {
        Format::Soap11 | Format::Soap12 => return html! {},
        _ => {
            let media_type = format.content_type().split(';').next();
            (format.name(), media_type.unwrap_or_default())
        }
    };
    html! {
        h3 { "To override the Content-Type" }
        ul {
            li { "append the suffix " code { "." (name) } " to the route: " code { "/userclientsession/log." (name) } }
            li { "or add the query " code { "?format=" (name) } }
            li { "or send the HTTP header " code { "Accept: " (media_type) } }
        }
    }
}

fn members(caption: &str, members: &[[&str; 3]]) -> Markup {
    html! {
        div.scroll { table {
            caption { (caption) }
            thead { tr { th scope="col" { "Member" } th scope="col" { "Type" } th scope="col" { "Meaning" } } }
            tbody {
                @for [name, kind, meaning] in members {
                    tr { th scope="row" { code { (name) } } td { (kind) } td { (meaning) } }
                }
            }
        } }
    }
}

fn is_xml(format: Format) -> bool {
    matches!(format, Format::Xml | Format::Soap11 | Format::Soap12)
}

fn request_head(format: Format, host: &str) -> String {
    let (path, action) = match format {
        Format::Soap11 => (
            "/soap11".to_owned(),
            format!("SOAPAction: \"{OPERATION}\"\n"),
        ),
        Format::Soap12 => ("/soap12".to_owned(), String::new()),
        _ => (
            format!("/{}/reply/{OPERATION}", format.name()),
            String::new(),
        ),
    };
    let content_type = format.content_type();
    format!(
        "POST {path} HTTP/1.1\nHost: {host}\nContent-Type: {content_type}\nContent-Length: length\n{action}\n"
    )
}

fn response_head(format: Format) -> String {
    let disposition = match format {
        Format::Csv => format!("Content-Disposition: attachment;filename={OPERATION}.csv\n"),
        _ => String::new(),
    };
    let content_type = format.content_type();
    format!(
        "HTTP/1.1 200 OK\nContent-Type: {content_type}\nContent-Length: length\n{disposition}\n"
    )
}

/// Each member with its empty value, strings with the name of their type: what the original shows.
fn sample_request() -> UserClientSessionLogRequest {
    UserClientSessionLogRequest {
        client_refer_uid: Some("String".to_owned()),
        device_serial_number: Some("String".to_owned()),
        ..UserClientSessionLogRequest::default()
    }
}

fn sample_response() -> UserClientSessionLogResponse {
    let unset = NaiveDate::from_ymd_opt(1, 1, 1);
    let entry = UserClientSessionLog {
        session_end: unset.map(|date| date.and_time(NaiveTime::MIN).and_utc()),
        user: Some("String".into()),
        client_refer_uid: Some("String".into()),
        ..UserClientSessionLog::default()
    };
    UserClientSessionLogResponse {
        log_entries: Some(vec![entry]),
        server: Some("String".to_owned()),
        server_error_details: Some(ServerErrorDetails {
            code: Cow::Borrowed("ClientDataSubmissionFailure"),
            description: Some("String".to_owned()),
            additional_messages: Some(vec!["String".to_owned()]),
        }),
        ..UserClientSessionLogResponse::default()
    }
}

/// What a writer wrote; XML, which is one long line, with lines broken between elements.
fn body(format: Format, written: &[u8]) -> String {
    let text = String::from_utf8_lossy(written);
    match is_xml(format) {
        true => indented(&text),
        false => text.into_owned(),
    }
}

/// XML with a line for each element that holds others, and for each that holds text.
fn indented(xml: &str) -> String {
    let mut out = String::with_capacity(xml.len() * 2);
    let mut depth = 0_usize;
    for (at, part) in xml.split("><").enumerate() {
        let part = part.trim_start_matches('<').trim_end_matches('>');
        let is_end = part.starts_with('/');
        depth = depth.saturating_sub(usize::from(is_end));
        if at > 0 {
            out.push('\n');
        }
        out.extend(std::iter::repeat_n("  ", depth));
        out.push_str(&format!("<{part}>"));
        let is_whole = part.ends_with('/') || part.contains("</") || part.starts_with('?');
        depth += usize::from(!is_end && !is_whole);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_lines_change_nothing_but_white_space() {
        let xml = "<a x=\"1\"><b>text</b><c /><d><e>1</e></d></a>";
        let lines = indented(xml);
        assert_eq!(
            lines,
            "<a x=\"1\">\n  <b>text</b>\n  <c />\n  <d>\n    <e>1</e>\n  </d>\n</a>"
        );
        let joined: String = lines.lines().map(str::trim_start).collect();
        assert_eq!(joined, xml);
    }
}
