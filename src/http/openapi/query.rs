//! The query in the document: its many addresses, its parameters, its bodies.

use super::answers::{answer, errors, reference, text};
use super::object;
use super::schemas::{guid, int32};
use crate::wire::{Format, OPERATION};
use serde_json::{Map, Value, json};

const METHODS: [&str; 5] = ["get", "post", "put", "delete", "patch"];

const MEMBERS: [&str; 10] = [
    "UserReferUid",
    "ClientReferUid",
    "StartedBefore",
    "StartedAfter",
    "OpenSessionsOnly",
    "PageRequestIndex",
    "RecordsPerPage",
    "SessionUid",
    "DeviceSerialNumber",
    "GeneratedAt",
];

/// Every address of the query.
pub(super) fn paths() -> Map<String, Value> {
    let mut paths = Map::new();
    let mut add = |path: &str, id: &str, by_path: bool| {
        paths.insert(path.to_owned(), operations(id, by_path));
    };
    add("/", "root", false);
    add("/userclientsession/log", "log", false);
    for format in Format::NAMED.map(Format::name).into_iter().chain(["html"]) {
        add(
            &format!("/userclientsession/log.{format}"),
            &format!("log.{format}"),
            false,
        );
    }
    for alias in ["reply", "syncreply", "oneway", "asynconeway"] {
        add(&format!("/{{format}}/{alias}/{OPERATION}"), alias, true);
    }
    add(&format!("/api/{OPERATION}"), "api", false);
    for format in [Format::Soap11, Format::Soap12] {
        paths.insert(format!("/{}", format.name()), soap(format));
    }
    paths
}

fn operations(id: &str, by_path: bool) -> Value {
    let mut item = object(METHODS.map(|method| (method.to_owned(), operation(id, method))));
    if by_path {
        let format = json!([{
            "name": "format", "in": "path", "required": true,
            "schema": { "type": "string", "enum": Format::NAMED.map(Format::name) },
        }]);
        item.insert("parameters".to_owned(), format);
    }
    Value::Object(item)
}

fn operation(id: &str, method: &str) -> Value {
    let parameters = MEMBERS.into_iter().chain(["format", "callback"]);
    let parameters: Vec<Value> = parameters
        .map(|name| reference("parameters", name))
        .collect();
    let mut responses = errors(&[400, 401, 403, 408, 413, 415, 500, 503]);
    responses.insert("200".to_owned(), reference("responses", "Page"));
    let mut operation = object([
        ("operationId".to_owned(), json!(format!("{id}.{method}"))),
        ("summary".to_owned(), json!("One page of sessions.")),
        ("tags".to_owned(), json!(["query"])),
        ("parameters".to_owned(), json!(parameters)),
        ("responses".to_owned(), Value::Object(responses)),
    ]);
    if method != "get" {
        operation.insert(
            "requestBody".to_owned(),
            reference("requestBodies", "Query"),
        );
    }
    Value::Object(operation)
}

/// The answer of the query.
pub(super) fn page() -> Value {
    answer(
        "One page, with exact totals.",
        &[
            (
                "application/json",
                reference("schemas", "UserClientSessionLogResponse"),
            ),
            ("application/javascript", text()),
            ("application/xml", text()),
            ("application/jsv", text()),
            ("text/jsv", text()),
            ("text/csv", text()),
            ("text/html", text()),
        ],
    )
}

pub(super) fn parameters() -> Value {
    let date = json!({
        "type": "string",
        "description": "RFC 3339 to 100 ns, UTC if it has no zone, or /Date(ms)/. Empty is not set.",
        "examples": ["2015-06-01T08:30:00Z"],
    });
    let schema = |name: &str| match name {
        "UserReferUid" | "SessionUid" => guid(),
        "StartedBefore" | "StartedAfter" | "GeneratedAt" => date.clone(),
        "OpenSessionsOnly" => json!({ "type": "boolean" }),
        "PageRequestIndex" | "RecordsPerPage" => int32(),
        _ => text(),
    };
    let members = MEMBERS.map(|name| {
        (
            name.to_owned(),
            parameter(name, meaning(name), schema(name)),
        )
    });
    let mut parameters = object(members);
    let format = json!({ "type": "string", "enum": Format::NAMED.map(Format::name) });
    let callback = json!({ "type": "string", "pattern": r"^[A-Za-z_$][A-Za-z0-9_.$]{0,63}$" });
    let more = [
        ("format", "The format of the answer, before Accept.", format),
        (
            "callback",
            "Wraps JSON in a call of this function.",
            callback,
        ),
    ];
    for (name, description, schema) in more {
        parameters.insert(name.to_owned(), parameter(name, description, schema));
    }
    Value::Object(parameters)
}

fn meaning(member: &str) -> &'static str {
    match member {
        "UserReferUid" => "Only sessions of this user.",
        "ClientReferUid" => "Only sessions of this client, compared byte by byte.",
        "StartedBefore" => "Only sessions that started earlier, itself excluded.",
        "StartedAfter" => "Only sessions that started later, itself excluded.",
        "OpenSessionsOnly" => "Only sessions without an end.",
        "PageRequestIndex" => "The page, from zero.",
        "RecordsPerPage" => "Sessions on a page; 0 asks for the default.",
        "SessionUid" => "The caller's own session; no filter.",
        "DeviceSerialNumber" => "The caller's device; no filter.",
        _ => "The caller's clock; no filter.",
    }
}

fn parameter(name: &str, description: &str, schema: Value) -> Value {
    json!({ "name": name, "in": "query", "description": description, "schema": schema })
}

pub(super) fn bodies() -> Value {
    let request = || reference("schemas", "UserClientSessionLogRequest");
    json!({ "Query": {
        "description": "The members of the request; those of the query string override them.",
        "content": {
            "application/json": { "schema": request() },
            "application/x-www-form-urlencoded": { "schema": request() },
            "multipart/form-data": { "schema": request() },
            "application/xml": { "schema": text() },
            "application/jsv": { "schema": text() },
            "text/csv": { "schema": text() },
        },
    } })
}

fn soap(format: Format) -> Value {
    let media_type = format.content_type().split(';').next().unwrap_or_default();
    let envelope = || json!({ (media_type): { "schema": text() } });
    let mut responses = errors(&[401, 403, 408, 413, 415, 503]);
    let answer = |description: &str| json!({ "description": description, "content": envelope() });
    responses.insert("200".to_owned(), answer("One page, in an envelope."));
    responses.insert("500".to_owned(), answer("A fault."));
    json!({ "post": {
        "operationId": format.name(),
        "summary": "One page of sessions.",
        "tags": ["query"],
        "requestBody": { "required": true, "content": envelope() },
        "responses": responses,
    } })
}
