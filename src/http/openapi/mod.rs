//! `/openapi.json`: the service for machines that make clients, tests and documents of it.

mod answers;
mod query;
mod schemas;

use answers::{answer, errors, reference, text};
use serde_json::{Map, Value, json};

/// OpenAPI 3.1, of every route that the router answers.
pub(super) fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "sessionlog",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Any page of a session log, with its exact total.",
            "description": "Who was logged in on which client device, from when, and until when. \
                Member names are read in any case but in XML; unknown members are ignored; a value \
                that does not parse is refused, never left out.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "tags": [
            { "name": "query", "description": "Pages of sessions." },
            { "name": "import", "description": "Taking records in." },
            { "name": "service", "description": "The service itself." },
        ],
        // Either of the schemes, or none: what is demanded is the operator's choice.
        "security": [{}, { "bearer": [] }, { "basic": [] }],
        "paths": paths(),
        "components": {
            "schemas": schemas::all(),
            "parameters": query::parameters(),
            "requestBodies": query::bodies(),
            "responses": answers::all(),
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer" },
                "basic": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "For browsers: any name, and the token as the password.",
                },
            },
        },
    })
}

fn paths() -> Value {
    let mut paths = query::paths();
    let mut add = |path: &str, item: Value| {
        paths.insert(path.to_owned(), item);
    };
    add("/userclientsession/import", json!({ "post": import() }));
    add(
        "/metadata",
        get(
            "metadata",
            "The operations, for people.",
            page(),
            &[400, 401, 403, 503],
        ),
    );
    add("/{format}/metadata", metadata());
    let document = answer(
        "This document.",
        &[("application/json", json!({ "type": "object" }))],
    );
    add(
        "/openapi.json",
        get("openapi", "This document.", document, &[400, 401, 403, 503]),
    );
    let metrics = answer("In Prometheus' text format.", &[("text/plain", text())]);
    add(
        "/metrics",
        get(
            "metrics",
            "What is counted while serving.",
            metrics,
            &[400, 401, 403, 503],
        ),
    );
    add("/healthz", health("healthz", "Whether the process is up."));
    add(
        "/readyz",
        health("readyz", "Whether the store can be read."),
    );
    let style = answer("The style sheet.", &[("text/css", text())]);
    add(
        "/style.css",
        public(get("style", "The look of the pages.", style, &[503])),
    );
    Value::Object(paths)
}

fn page() -> Value {
    answer("A page for people.", &[("text/html", text())])
}

/// A path with `GET` alone.
fn get(id: &str, summary: &str, ok: Value, refusals: &[u16]) -> Value {
    let mut responses = errors(refusals);
    responses.insert("200".to_owned(), ok);
    json!({ "get": {
        "operationId": id,
        "summary": summary,
        "tags": ["service"],
        "parameters": [reference("parameters", "SessionUid"), reference("parameters", "DeviceSerialNumber")],
        "responses": responses,
    } })
}

/// The same, asked without credentials.
fn public(mut path: Value) -> Value {
    if let Some(get) = path.get_mut("get").and_then(Value::as_object_mut) {
        get.insert("security".to_owned(), json!([]));
        get.remove("parameters");
    }
    path
}

fn health(id: &str, summary: &str) -> Value {
    let yes = answer("Yes.", &[("text/plain", text())]);
    let mut path = public(get(id, summary, yes, &[]));
    let no = answer(
        "No.",
        &[("text/plain", text()), ("application/json", json!({}))],
    );
    if let Some(responses) = path
        .pointer_mut("/get/responses")
        .and_then(Value::as_object_mut)
    {
        responses.insert("503".to_owned(), no);
    }
    path
}

fn metadata() -> Value {
    let mut path = get(
        "formatMetadata",
        "The operation in one format, for people.",
        page(),
        &[400, 401, 403, 404, 503],
    );
    if let Some(parameters) = path
        .pointer_mut("/get/parameters")
        .and_then(Value::as_array_mut)
    {
        parameters.push(json!({
            "name": "format", "in": "path", "required": true,
            "schema": { "type": "string", "enum": ["xml", "json", "jsv", "csv", "soap11", "soap12"] },
        }));
        parameters.push(json!({
            "name": "op", "in": "query", "description": "The operation; without it, all of them.",
            "schema": { "type": "string", "enum": [crate::wire::OPERATION] },
        }));
    }
    path
}

fn import() -> Value {
    let summary = [("application/json", reference("schemas", "ImportSummary"))];
    let mut responses = errors(&[400, 401, 403, 413, 415, 500, 503]);
    responses.insert(
        "200".to_owned(),
        answer("What was done with the records.", &summary),
    );
    let record = "One record a line: an object with refer_uid, user_refer_uid, user, \
        client_refer_uid, session_start and, once ended, session_end.";
    json!({
        "operationId": "import",
        "summary": "Takes records in: those already there stay as they are.",
        "tags": ["import"],
        "requestBody": {
            "required": true,
            "content": {
                "application/x-ndjson": { "schema": { "type": "string", "description": record } },
                "text/csv": { "schema": { "type": "string", "description": "The same members, named in the first row." } },
            },
        },
        "responses": responses,
    })
}

/// An object of these members.
fn object(members: impl IntoIterator<Item = (String, Value)>) -> Map<String, Value> {
    members.into_iter().collect()
}
