//! The filter of the sessions page: a form whose fields are the members of the request, so that
//! every view is a link.

use super::layout::{Frame, caller_of};
use super::text::{is_hidden, local};
use crate::http::reply::Refusal;
use crate::wire::{InvalidRequest, Responder, UserClientSessionLogRequest};
use axum::http::StatusCode;
use maud::{Markup, html};
use std::borrow::Cow;

/// Page sizes to choose from.
const SIZES: [u32; 6] = [25, 50, 100, 250, 500, 1_000];

const USER: &str = "UserReferUid";
const CLIENT: &str = "ClientReferUid";
const AFTER: &str = "StartedAfter";
const BEFORE: &str = "StartedBefore";
const OPEN: &str = "OpenSessionsOnly";
const SIZE: &str = "RecordsPerPage";

/// What is wrong with a filter.
pub(super) struct Problem {
    /// Of the page: what reads and is invalid is answered all the same, as to any client.
    pub(super) status: StatusCode,
    /// In the contract's name, if a member can be told.
    member: Option<String>,
    text: String,
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.error.response_status.message.unwrap_or_default();
        Self {
            status: refusal.status,
            member: refusal.member,
            text: match message.strip_prefix("Unable to bind request: ") {
                Some(problem) => problem.to_owned(),
                None => message,
            },
        }
    }
}

impl From<InvalidRequest> for Problem {
    fn from(InvalidRequest { member, problem }: InvalidRequest) -> Self {
        Self {
            status: StatusCode::OK,
            text: format!("{member}: {problem}"),
            member: Some(member.to_owned()),
        }
    }
}

/// The form as it was sent, with what is wrong with it.
pub(super) struct Form<'a> {
    pub(super) frame: &'a Frame,
    pub(super) responder: &'a Responder,
    /// What was understood.
    pub(super) request: &'a UserClientSessionLogRequest,
    /// The query string, to show again what was not understood.
    pub(super) sent: &'a str,
    pub(super) problem: Option<&'a Problem>,
}

impl Form<'_> {
    pub(super) fn render(&self) -> Markup {
        let caller = caller_of(self.request).write_form();
        html! {
            form.filter method="get" action=(self.frame.link("userclientsession/log.html", "")) aria-label="Filter" {
                @if let Some(problem) = self.problem {
                    div.alert role="alert" {
                        p { strong { "No sessions are shown, because the filter is not valid." } }
                        p #problem { (problem.text) }
                    }
                }
                @for (name, value) in form_urlencoded::parse(caller.as_bytes()) {
                    input type="hidden" name=(name) value=(value);
                }
                (self.user())
                (self.client())
                (self.instant(AFTER, "Started after"))
                (self.instant(BEFORE, "Started before"))
                (self.size())
                (self.open())
                p.actions {
                    button type="submit" { "Show sessions" }
                    a href=(self.frame.carry_on("userclientsession/log.html")) { "Clear" }
                }
            }
        }
    }

    /// The text that was sent for a member.
    fn sent(&self, member: &str) -> Option<Cow<'_, str>> {
        let mut pairs = form_urlencoded::parse(self.sent.as_bytes());
        let found = pairs.find(|(name, _)| name.eq_ignore_ascii_case(member));
        found.map(|(_, value)| value)
    }

    fn is_at_fault(&self, member: &str) -> bool {
        let at_fault = self.problem.and_then(|problem| problem.member.as_deref());
        at_fault == Some(member)
    }

    fn user(&self) -> Markup {
        let value = match self.request.user_refer_uid {
            Some(user) if !self.is_at_fault(USER) => Some(Cow::Owned(user.to_string())),
            _ => self.sent(USER),
        };
        self.text(USER, "User id", value.as_deref(), None)
    }

    fn client(&self) -> Markup {
        let value = match &self.request.client_refer_uid {
            Some(client) => Some(Cow::Borrowed(client.as_str())),
            None => self.sent(CLIENT),
        };
        let cannot_be_sent = value
            .as_deref()
            .is_some_and(|value| value.contains(is_hidden));
        let hint = "This name holds characters that a form cannot send: follow links to keep it.";
        self.text(
            CLIENT,
            "Client",
            value.as_deref(),
            cannot_be_sent.then_some(hint),
        )
    }

    fn text(&self, name: &str, label: &str, value: Option<&str>, hint: Option<&str>) -> Markup {
        let fault = self.is_at_fault(name);
        html! {
            div.field.wide[name == USER].slim[name == CLIENT] {
                label for=(name) { (label) }
                input id=(name) name=(name) type="text" value=[value] autocomplete="off"
                    spellcheck="false" autocapitalize="none"
                    aria-invalid=[fault.then_some("true")]
                    aria-describedby=[fault.then_some("problem")];
                @if let Some(hint) = hint { p.hint { (hint) } }
            }
        }
    }

    /// A bound that lies between two milliseconds, as that of a bar can, stays the text it is: a
    /// `datetime-local` would move it.
    fn instant(&self, name: &str, label: &str) -> Markup {
        let at = match name {
            AFTER => self.request.started_after,
            _ => self.request.started_before,
        };
        let local = at.and_then(local);
        let (kind, value) = match (local, self.sent(name).filter(|sent| !sent.is_empty())) {
            (Some(local), _) => ("datetime-local", Some(Cow::Owned(local))),
            (None, Some(sent)) => ("text", Some(sent)),
            (None, None) => ("datetime-local", None),
        };
        let fault = self.is_at_fault(name);
        let hint = format!("{name}-hint");
        let described = if fault {
            format!("{hint} problem")
        } else {
            hint.clone()
        };
        html! {
            div.field {
                label for=(name) { (label) }
                input id=(name) name=(name) type=(kind) value=[value] step=[(kind != "text").then_some("any")]
                    min=[(kind != "text").then_some("0001-01-02T00:00")] max=[(kind != "text").then_some("9999-12-31T23:59")]
                    aria-invalid=[fault.then_some("true")] aria-describedby=(described);
                p.hint id=(hint) { "UTC, exclusive" }
            }
        }
    }

    fn size(&self) -> Markup {
        let default = self.responder.records_per_page_default;
        let max = self.responder.records_per_page_max;
        let current = match u32::try_from(self.request.records_per_page) {
            Ok(0) | Err(_) => default.min(max),
            Ok(size) => size.min(max),
        };
        let mut sizes: Vec<u32> = SIZES.into_iter().filter(|size| *size <= max).collect();
        sizes.extend([current, default.min(max)]);
        sizes.sort_unstable();
        sizes.dedup();
        let fault = self.is_at_fault(SIZE);
        html! {
            div.field.slim {
                label for=(SIZE) { "Sessions per page" }
                select id=(SIZE) name=(SIZE) aria-invalid=[fault.then_some("true")]
                    aria-describedby=[fault.then_some("problem")] {
                    @for size in sizes {
                        option value=(size) selected[size == current] { (size) }
                    }
                }
            }
        }
    }

    fn open(&self) -> Markup {
        let fault = self.is_at_fault(OPEN);
        html! {
            div.field.check {
                input id=(OPEN) name=(OPEN) type="checkbox" value="true"
                    checked[self.request.open_sessions_only]
                    aria-invalid=[fault.then_some("true")]
                    aria-describedby=[fault.then_some("problem")];
                label for=(OPEN) { "Open sessions only" }
            }
        }
    }
}
