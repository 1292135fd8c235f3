//! Every recorded exchange with the original, held against ours.

mod differences;

use super::{Answer, ask, request, responder, routers_of};
use crate::wire::captured::{Exchange, exchanges};
use crate::{at, log, uid};
use axum::Router;
use chrono::{DateTime, TimeDelta, Utc};
use differences::{BODIES, Difference, NEGOTIATION, Ours};
use sessionlog::wire::{Format, UserClientSessionLogRequest as Message};
use sessionlog::{SessionLog, Store};
use std::collections::{BTreeMap, BTreeSet};

const FILES: [&str; 7] = [
    "routing-and-negotiation",
    "query-binding",
    "json-jsv-form-bodies",
    "extra",
    "xml-bodies",
    "xml-nodes",
    "soap",
];

fn all() -> Vec<Exchange> {
    FILES.iter().flat_map(|file| exchanges(file)).collect()
}

fn differences() -> BTreeMap<&'static str, &'static Difference> {
    let differences = NEGOTIATION.iter().chain(BODIES);
    let named =
        differences.flat_map(|difference| difference.3.iter().map(move |name| (*name, difference)));
    let mut by_name = BTreeMap::new();
    for (name, difference) in named {
        assert!(by_name.insert(name, difference).is_none(), "{name} twice");
    }
    by_name
}

/// What an exchange must come to.
#[derive(Debug, PartialEq)]
struct Expected {
    status: u16,
    content_type: String,
    body: Body,
}

#[derive(Debug, PartialEq)]
enum Body {
    /// The page of this request.
    Page(Message),
    /// `ErrorCode`, but for faults of SOAP.
    Error(String),
    /// A page for people.
    Html,
    Nothing,
}

impl Expected {
    fn of_original(exchange: &Exchange) -> Self {
        let body = match (&exchange.bound, exchange.status) {
            (Some(bound), 200) => Body::Page(bound.clone()),
            (_, 200) => Body::Nothing,
            _ => Body::Error(error_code(&exchange.answer)),
        };
        Self {
            status: exchange.status,
            content_type: exchange.content_type.clone(),
            body,
        }
    }

    fn of_ours(exchange: &Exchange, (_, ours, content_type, _): &Difference) -> Self {
        let (status, body) = match *ours {
            Ours::Same => (200, Body::Page(exchange.bound.clone().unwrap())),
            Ours::Reads(form) => (200, Body::Page(Message::read_form(form).unwrap())),
            Ours::Refuses(status, code) => (status, Body::Error(code.to_owned())),
            Ours::Page => (200, Body::Html),
            Ours::Verb(status) => (status, Body::Nothing),
        };
        let content_type = match *content_type {
            "" => &exchange.content_type,
            "none" => "",
            other => other,
        };
        Self {
            status,
            content_type: content_type.to_owned(),
            body,
        }
    }

    fn request(&self) -> Option<&Message> {
        match &self.body {
            Body::Page(request) => Some(request),
            _ => None,
        }
    }

    /// What of this an answer does not keep, if anything.
    fn broken_by(&self, answer: &Answer, store: &Store) -> Option<String> {
        if answer.status != self.status || answer.header("content-type") != self.content_type {
            let content_type = answer.header("content-type");
            return Some(format!("{} {content_type}, not {self:?}", answer.status));
        }
        let is_kept = match &self.body {
            Body::Page(request) => {
                let response = responder().answer(store, request).unwrap();
                let format = answer.format().unwrap_or(Format::Json);
                *in_call(answer) == response.write(format)
            }
            Body::Error(_) if matches!(answer.format(), Some(Format::Soap11 | Format::Soap12)) => {
                answer.text().contains("Fault>")
            }
            Body::Error(code) => answer.error().0 == *code,
            Body::Html => answer.text().starts_with("<!DOCTYPE html>"),
            Body::Nothing => answer.body.is_empty(),
        };
        (!is_kept).then(|| format!("{}, not {self:?}", String::from_utf8_lossy(&answer.body)))
    }
}

/// The `ErrorCode` of the original, in whatever format it is.
fn error_code(text: &str) -> String {
    let is_letter = |c: &char| c.is_ascii_alphabetic();
    let after = text.split_once("ErrorCode").map_or("", |(_, after)| after);
    after
        .chars()
        .skip_while(|c| !is_letter(c))
        .take_while(is_letter)
        .collect()
}

/// The body, without the JavaScript around it.
fn in_call(answer: &Answer) -> &[u8] {
    if answer.header("content-type") != "application/javascript" {
        return &answer.body;
    }
    let call = answer.text().split_once('(');
    call.unwrap().1.strip_suffix(')').unwrap().as_bytes()
}

/// Sessions at, before and after every bound that any request names, of every user and client,
/// open and ended: what is read wrongly is answered wrongly.
fn telling_store<'a>(requests: impl Iterator<Item = &'a Message> + Clone) -> Store {
    let tick = TimeDelta::nanoseconds(100);
    let latest = at("9999-12-31T23:59:59.9999999Z");
    let bounds = requests
        .clone()
        .flat_map(|request| [request.started_after, request.started_before])
        .flatten();
    let starts: BTreeSet<DateTime<Utc>> = bounds
        .flat_map(|bound| [bound - tick, bound, bound + tick])
        .filter(|start| *start <= latest)
        .collect();
    let callers: BTreeSet<(u128, &str)> = requests
        .map(|request| {
            let user = request.user_refer_uid.unwrap_or(uid(7)).as_u128();
            (user, request.client_refer_uid.as_deref().unwrap_or("other"))
        })
        .collect();
    let at_bounds = starts.into_iter().map(|start| (7, "other", start, false));
    let noon = at("2015-06-01T12:00:00Z");
    let of_callers = callers
        .into_iter()
        .flat_map(|(user, client)| [true, false].map(|is_open| (user, client, noon, is_open)));
    let sessions = at_bounds.chain(of_callers).enumerate();
    let sessions = sessions.map(|(at, (user, client, session_start, is_open))| SessionLog {
        refer_uid: uid(1 + at as u128),
        user_refer_uid: uid(user),
        client_refer_uid: client.into(),
        session_start,
        session_end: (!is_open).then_some(session_start),
        ..log(1, "2015-06-01T08:00:00Z", None)
    });
    crate::store_of(sessions)
}

fn replay(router: &Router, exchange: &Exchange) -> Answer {
    let headers = exchange.headers.iter();
    let headers: Vec<_> = headers
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let body = exchange.body.clone();
    ask(
        router,
        request(&exchange.method, &exchange.path, &headers, body),
    )
}

#[test]
fn every_exchange_is_answered_as_by_the_original_but_for_the_listed_differences() {
    let exchanges = all();
    assert_eq!(exchanges.len(), 476);
    let mut differences = differences();
    let expected: Vec<_> = exchanges
        .iter()
        .map(
            |exchange| match differences.remove(exchange.name.as_str()) {
                Some(difference) => Expected::of_ours(exchange, difference),
                None => Expected::of_original(exchange),
            },
        )
        .collect();
    assert!(differences.is_empty(), "no such exchange: {differences:?}");
    let store = telling_store(expected.iter().filter_map(Expected::request));
    for (engine, router) in routers_of(&store) {
        let broken: Vec<String> = exchanges
            .iter()
            .zip(&expected)
            .filter_map(|(exchange, expected)| {
                let broken = expected.broken_by(&replay(&router, exchange), &store)?;
                Some(format!("{}: {broken:.600}", exchange.name))
            })
            .collect();
        assert!(broken.is_empty(), "{engine}: {}", broken.join("\n"));
    }
}

#[test]
fn no_difference_is_listed_where_there_is_none() {
    let differences = differences();
    for exchange in all() {
        if let Some(difference) = differences.get(exchange.name.as_str()) {
            let original = Expected::of_original(&exchange);
            let ours = Expected::of_ours(&exchange, difference);
            assert_ne!(original, ours, "{}", exchange.name);
        }
    }
}
