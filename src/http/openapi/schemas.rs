//! The messages in the document: their JSON.

use super::answers::reference;
use super::object;
use serde_json::{Map, Value, json};

/// 32 hexadecimal digits, or 8-4-4-4-12 of them.
const GUID: &str = "^(|[0-9A-Fa-f]{32}|[0-9A-Fa-f]{8}-([0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12})$";

/// Milliseconds since 1970 in UTC.
const DATE: &str = r"^/Date\(-?[0-9]{1,15}\)/$";

/// The same as a request can say it without leaving the years 0001 to 9999.
const DATE_OF_REQUEST: &str = r"^(|/Date\(-?[0-9]{1,13}\)/)$";

/// A guid of a request; empty is not set.
pub(super) fn guid() -> Value {
    json!({ "type": "string", "pattern": GUID, "examples": ["6f9619ff8b86d011b42d00c04fc964ff"] })
}

/// A whole number of 32 bits.
pub(super) fn int32() -> Value {
    json!({ "type": "integer", "format": "int32", "minimum": i32::MIN, "maximum": i32::MAX })
}

pub(super) fn all() -> Value {
    json!({
        "UserClientSessionLogRequest": request(),
        "UserClientSessionLogRequestXml": request_in_xml(),
        "UserClientSessionLogResponse": response(),
        "UserClientSessionLog": entry(),
        "ErrorResponse": {
            "type": "object",
            "required": ["ResponseStatus"],
            "properties": { "ResponseStatus": {
                "type": "object",
                "required": ["ErrorCode", "Message"],
                "properties": { "ErrorCode": { "type": "string" }, "Message": { "type": "string" } },
                "additionalProperties": false,
            } },
            "additionalProperties": false,
        },
        "ImportSummary": import_summary(),
    })
}

/// A date of a request in the spelling of JSON; empty is not set.
pub(super) fn date_of_request() -> Value {
    json!({
        "type": "string", "pattern": DATE_OF_REQUEST, "examples": ["/Date(1433145600000)/"],
        "description": "Milliseconds since 1970 in UTC. RFC 3339 is read, too, to 100 ns; without a zone it is UTC.",
    })
}

fn request() -> Value {
    json!({
        "type": "object",
        "description": "Which sessions, and which page of them. What is missing, null or empty does not filter.",
        "properties": members(&date_of_request()),
    })
}

/// The same in XML, where names have their own case and namespaces.
fn request_in_xml() -> Value {
    let date = json!({ "type": "string", "format": "date-time" });
    let mut members = members(&date);
    for (name, member) in &mut members {
        let (prefix, namespace) = match BASE_MEMBERS.contains(&name.as_str()) {
            true => ("b", BASE),
            false => ("m", MESSAGE),
        };
        if let Some(member) = member.as_object_mut() {
            let xml = json!({ "prefix": prefix, "namespace": namespace });
            member.insert("xml".to_owned(), xml);
        }
    }
    members.remove("PagingEnabled");
    json!({
        "type": "object",
        "description": "In any order. What is missing, nil or empty does not filter.",
        "xml": { "name": crate::wire::OPERATION, "prefix": "m", "namespace": MESSAGE },
        "properties": members,
    })
}

const BASE: &str = "http://schemas.servicestack.net/types";
const MESSAGE: &str =
    "http://schemas.datacontract.org/2004/07/Spirit.Server.Common.Message.Sessions";

/// The members of [`BASE`]; the others are of [`MESSAGE`].
const BASE_MEMBERS: [&str; 5] = [
    "DeviceSerialNumber",
    "GeneratedAt",
    "SessionUid",
    "PageRequestIndex",
    "RecordsPerPage",
];

fn members(date: &Value) -> Map<String, Value> {
    let members = [
        ("UserReferUid", guid()),
        ("ClientReferUid", json!({ "type": "string" })),
        ("StartedBefore", date.clone()),
        ("StartedAfter", date.clone()),
        ("OpenSessionsOnly", json!({ "type": "boolean" })),
        ("PageRequestIndex", int32()),
        ("RecordsPerPage", int32()),
        (
            "PagingEnabled",
            json!({ "description": "Derived; ignored when read." }),
        ),
        ("SessionUid", guid()),
        ("DeviceSerialNumber", json!({ "type": "string" })),
        ("GeneratedAt", date.clone()),
    ];
    object(members.map(|(name, schema)| (name.to_owned(), schema)))
}

fn response() -> Value {
    let details = json!({
        "type": "object",
        "required": ["Code"],
        "properties": {
            "Code": { "type": "string" },
            "Description": { "type": "string" },
            "AdditionalMessages": { "type": "array", "items": { "type": "string" } },
        },
        "additionalProperties": false,
    });
    json!({
        "type": "object",
        "description": "One page. Result is a failure if the request reads and is invalid: ServerErrorDetails says why.",
        "required": ["LogEntries", "PageIndex", "TotalPageCount", "RecordsPerPage", "ProcessedAt", "Result"],
        "properties": {
            "LogEntries": { "type": "array", "items": reference("schemas", "UserClientSessionLog") },
            "PageIndex": int32(),
            "TotalPageCount": { "type": "integer", "format": "int32", "minimum": 0, "maximum": i32::MAX },
            "RecordsPerPage": int32(),
            "Server": { "type": "string" },
            "ProcessedAt": date(),
            "Result": { "type": "string" },
            "ServerErrorDetails": details,
        },
        "additionalProperties": false,
    })
}

fn entry() -> Value {
    let guid = json!({ "type": "string", "pattern": "^[0-9a-f]{32}$" });
    json!({
        "type": "object",
        "required": ["ReferUid", "SessionStart", "User", "UserReferUid", "ClientReferUid"],
        "properties": {
            "ReferUid": guid,
            "SessionStart": date(),
            "SessionEnd": { "type": "string", "pattern": DATE, "description": "Missing while the session is open." },
            "User": { "type": "string" },
            "UserReferUid": guid,
            "ClientReferUid": { "type": "string" },
        },
        "additionalProperties": false,
    })
}

fn date() -> Value {
    json!({ "type": "string", "pattern": DATE })
}

fn import_summary() -> Value {
    let count = json!({ "type": "integer", "minimum": 0 });
    json!({
        "type": "object",
        "required": ["accepted", "already_there", "ended", "rejected", "rejections", "rejections_left_out"],
        "properties": {
            "accepted": count,
            "already_there": count,
            "ended": count,
            "rejected": count,
            "rejections_left_out": count,
            "rejections": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["line", "reason"],
                    "properties": {
                        "line": { "type": "integer", "minimum": 1 },
                        "reason": { "type": "string" },
                    },
                },
            },
        },
    })
}
