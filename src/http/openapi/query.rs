//! The query in the document: its many addresses, its parameters, its bodies.

use super::answers::{answer, errors, reference, text};
use super::object;
use super::schemas::{date_of_request, guid, int32};
use crate::wire::{Format, OPERATION};
use serde_json::{Map, Value, json};

const METHODS: [&str; 5] = ["get", "post", "put", "delete", "patch"];

/// What a path or `format=` can name.
const FORMATS: [&str; 5] = ["json", "xml", "jsv", "csv", "html"];

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

/// An address of the query, and what it takes beside the members.
struct Address {
    path: String,
    id: String,
    more: &'static [&'static str],
}

/// Where the path has a format of its own, `format` says nothing; where that is JSON, it can be
/// wrapped.
fn addresses() -> Vec<Address> {
    let address = |path: String, id: &str, more| Address {
        path,
        id: id.to_owned(),
        more,
    };
    let mut addresses = vec![
        address("/".to_owned(), "root", &[]),
        address("/userclientsession/log".to_owned(), "log", &["format"]),
        address(format!("/api/{OPERATION}"), "api", &["callback"]),
    ];
    for format in FORMATS {
        let more: &[&str] = if format == "json" { &["callback"] } else { &[] };
        let path = format!("/userclientsession/log.{format}");
        addresses.push(address(path, &format!("log.{format}"), more));
    }
    for alias in ["reply", "syncreply", "oneway", "asynconeway"] {
        let path = format!("/{{format}}/{alias}/{OPERATION}");
        addresses.push(address(path, alias, &["of_path", "format"]));
    }
    addresses
}

/// Every address of the query.
pub(super) fn paths() -> Map<String, Value> {
    let of_address = |address: Address| {
        let operations = METHODS.map(|method| (method.to_owned(), operation(&address, method)));
        (address.path.clone(), Value::Object(object(operations)))
    };
    let mut paths = object(addresses().into_iter().map(of_address));
    for format in [Format::Soap11, Format::Soap12] {
        paths.insert(format!("/{}", format.name()), soap(format));
    }
    paths
}

fn operation(address: &Address, method: &str) -> Value {
    let parameters = MEMBERS.iter().chain(address.more);
    let parameters: Vec<Value> = parameters
        .map(|name| reference("parameters", name))
        .collect();
    let mut responses = errors(&[400, 401, 403, 404, 413, 415, 500, 503]);
    responses.insert("200".to_owned(), reference("responses", "Page"));
    let mut operation = object([
        (
            "operationId".to_owned(),
            json!(format!("{}.{method}", address.id)),
        ),
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
        "description": "RFC 3339 to 100 ns, UTC if it has no zone, or /Date(ms)/. Empty is not set.",
        "examples": ["2015-06-01T08:30:00Z"],
        "anyOf": [{ "type": "string", "format": "date-time" }, date_of_request()],
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
    let format = json!({ "type": "string", "enum": FORMATS });
    let callback = json!({ "type": "string", "pattern": r"^(|[A-Za-z_$][A-Za-z0-9_.$]{0,63})$" });
    let of_path = json!({ "name": "format", "in": "path", "required": true, "schema": format });
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
    parameters.insert("of_path".to_owned(), of_path);
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
            "application/xml": { "schema": reference("schemas", "UserClientSessionLogRequestXml") },
            "application/jsv": { "schema": text() },
            "text/csv": { "schema": text() },
        },
    } })
}

fn soap(format: Format) -> Value {
    let media_type = format.content_type().split(';').next().unwrap_or_default();
    let envelope = || json!({ (media_type): { "schema": text() } });
    let mut responses = errors(&[401, 403, 413, 415, 503]);
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
