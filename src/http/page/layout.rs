//! What every page has: its head, its header, and the headers of its answer.

use super::text::Name;
use crate::http::reply::Answered;
use crate::wire::UserClientSessionLogRequest;
use axum::Extension;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use maud::{DOCTYPE, Markup, html};

/// The one style sheet.
const STYLE: &str = include_str!("style.css");

/// Nothing is loaded but the style sheet, nothing runs, and no other site can frame a page.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// A page's place among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Section {
    Sessions,
    Metadata,
    Error,
}

/// The frame of one page.
#[derive(Debug, Clone)]
pub(in crate::http) struct Frame {
    root: String,
    server: Option<String>,
    /// What a link carries on: the caller's own session.
    caller: String,
}

impl Frame {
    /// For a page at this path: its links are relative, so that the router can be mounted anywhere.
    pub(in crate::http) fn at(path: &str, server: Option<&str>) -> Self {
        let depth = path.matches('/').count().saturating_sub(1);
        let root = match depth {
            0 => "./".to_owned(),
            depth => "../".repeat(depth),
        };
        Self {
            root,
            server: server.map(str::to_owned),
            caller: String::new(),
        }
    }

    /// The same, its links carrying the caller's own session on.
    pub(in crate::http) fn of_caller(mut self, request: &UserClientSessionLogRequest) -> Self {
        self.caller = caller_of(request).write_form();
        self
    }

    /// The address of a path of the router with a query string, which may be empty.
    pub(in crate::http) fn link(&self, path: &str, query: &str) -> String {
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{path}{mark}{query}", self.root)
    }

    /// The address of a path, the caller's own session carried on.
    pub(in crate::http) fn carry_on(&self, path: &str) -> String {
        self.link(path, &self.caller)
    }

    /// The same, with one more pair in its query string.
    pub(in crate::http) fn carry_on_with(&self, path: &str, name: &str, value: &str) -> String {
        let mut query = form_urlencoded::Serializer::new(self.caller.clone());
        self.link(path, &query.append_pair(name, value).finish())
    }

    /// The whole page.
    pub(in crate::http) fn page(
        &self,
        status: StatusCode,
        section: Section,
        title: &str,
        content: &Markup,
    ) -> Response {
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="robots" content="noindex, nofollow";
                    title { (title) " · Session log" }
                    link rel="stylesheet" href=(self.link("style.css", &style_version()));
                }
                body {
                    a.skip href="#content" { "Skip to content" }
                    (self.header(section))
                    main #content tabindex="-1" { (content) }
                }
            }
        };
        let headers = [
            (
                CONTENT_TYPE,
                HeaderValue::from_static("text/html; charset=utf-8"),
            ),
            (CONTENT_SECURITY_POLICY, POLICY),
            // Addresses hold ids of users and sessions.
            (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
        ];
        let counted = Extension(Answered { format: "html" });
        (status, headers, counted, page.into_string()).into_response()
    }

    fn header(&self, section: Section) -> Markup {
        let links = [
            (
                Some(Section::Sessions),
                "userclientsession/log.html",
                "Sessions",
            ),
            (Some(Section::Metadata), "metadata", "Metadata"),
            (None, "openapi.json", "OpenAPI"),
            (None, "metrics", "Metrics"),
        ];
        html! {
            header.site {
                p.brand {
                    strong { "Session log" }
                    @if let Some(server) = &self.server { span.server { (Name(server)) } }
                }
                nav aria-label="Site" {
                    @for (place, path, name) in links {
                        @let current = (place == Some(section)).then_some("page");
                        a href=(self.carry_on(path)) aria-current=[current] { (name) }
                    }
                }
            }
        }
    }
}

/// A request that says who asks, and nothing else.
pub(super) fn caller_of(request: &UserClientSessionLogRequest) -> UserClientSessionLogRequest {
    UserClientSessionLogRequest {
        session_uid: request.session_uid,
        device_serial_number: request.device_serial_number.clone(),
        ..UserClientSessionLogRequest::default()
    }
}

/// Another style has another address, so that a browser can keep the one it has.
fn style_version() -> String {
    format!("v={:08x}", crc32fast::hash(STYLE.as_bytes()))
}

/// `GET /style.css`: public, and the same for everybody.
pub(in crate::http) async fn style() -> impl IntoResponse {
    let headers = [
        (
            CONTENT_TYPE,
            HeaderValue::from_static("text/css; charset=utf-8"),
        ),
        (
            CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=86400"),
        ),
    ];
    (headers, STYLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_back_to_the_root_from_any_depth() {
        for (path, root) in [
            ("/", "./"),
            ("/metadata", "./"),
            ("/userclientsession/log", "../"),
            ("/userclientsession/log/", "../../"),
            ("//userclientsession//log", "../../../"),
        ] {
            assert_eq!(Frame::at(path, None).link("", ""), root, "{path}");
        }
    }
}
