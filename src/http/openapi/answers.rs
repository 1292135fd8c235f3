//! The answers in the document, by status.

use super::{object, query};
use serde_json::{Map, Value, json};

/// Status, name and meaning of each refusal.
const REFUSALS: [(u16, &str, &str); 9] = [
    (
        400,
        "BadRequest",
        "The request does not read: the message names the member and the value.",
    ),
    (401, "Unauthorized", "The caller is not known."),
    (403, "Forbidden", "The caller is known, and may not."),
    (404, "NotFound", "There is no such operation or format."),
    (
        405,
        "MethodNotAllowed",
        "Allow says which methods there are.",
    ),
    (
        413,
        "RequestEntityTooLarge",
        "The body is larger than the limit.",
    ),
    (
        415,
        "UnsupportedMediaType",
        "The body has a type or encoding that is not read.",
    ),
    (500, "InternalServerError", "The store failed."),
    (
        503,
        "ServiceUnavailable",
        "Too many requests at once, or the store does not answer: Retry-After says when to come back.",
    ),
];

/// A reference to a component.
pub(super) fn reference(kind: &str, name: &str) -> Value {
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

/// The schema of any text.
pub(super) fn text() -> Value {
    json!({ "type": "string" })
}

/// An answer with a body of one of these media types.
pub(super) fn answer(description: &str, content: &[(&str, Value)]) -> Value {
    let content = content
        .iter()
        .map(|(media_type, schema)| ((*media_type).to_owned(), json!({ "schema": schema })));
    json!({ "description": description, "content": object(content) })
}

/// References to these refusals, by status.
pub(super) fn errors(statuses: &[u16]) -> Map<String, Value> {
    let known = REFUSALS
        .iter()
        .filter(|(status, ..)| statuses.contains(status));
    object(known.map(|(status, name, _)| (status.to_string(), reference("responses", name))))
}

/// The page, and every refusal, in the format that the request negotiates.
pub(super) fn all() -> Value {
    let refusals = REFUSALS
        .iter()
        .map(|(status, name, description)| ((*name).to_owned(), refusal(*status, description)));
    let mut answers = object(refusals);
    answers.insert("Page".to_owned(), query::page());
    Value::Object(answers)
}

fn refusal(status: u16, description: &str) -> Value {
    let mut answer = answer(
        description,
        &[
            ("application/json", reference("schemas", "ErrorResponse")),
            ("application/javascript", text()),
            ("application/xml", text()),
            ("application/jsv", text()),
            ("text/jsv", text()),
            ("text/csv", text()),
            ("text/html", text()),
            ("text/xml", text()),
            ("application/soap+xml", text()),
        ],
    );
    let header = match status {
        401 => Some(("WWW-Authenticate", text())),
        405 => Some(("Allow", text())),
        503 => Some(("Retry-After", json!({ "type": "integer", "minimum": 0 }))),
        _ => None,
    };
    if let (Some((name, schema)), Some(answer)) = (header, answer.as_object_mut()) {
        answer.insert("headers".to_owned(), json!({ name: { "schema": schema } }));
    }
    answer
}
