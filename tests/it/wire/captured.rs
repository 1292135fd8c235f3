//! Requests that were recorded with what the original read in them.

use super::captured;
use crate::at;
use chrono::{DateTime, Utc};
use serde_json::Value;
use sessionlog::wire::UserClientSessionLogRequest as Request;
use std::collections::BTreeMap;

/// One exchange with the original.
#[cfg_attr(
    not(feature = "http"),
    expect(dead_code, reason = "the tests of HTTP read all of it")
)]
pub(crate) struct Exchange {
    pub(crate) name: String,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) status: u16,
    pub(crate) content_type: String,
    /// Its body, where it is on record.
    pub(crate) answer: String,
    /// What its operation received, if it ran.
    pub(crate) bound: Option<Request>,
}

/// The exchanges of a file.
pub(crate) fn exchanges(file: &str) -> Vec<Exchange> {
    let lines = String::from_utf8(captured(&format!("http/{file}.jsonl"))).unwrap();
    lines.lines().map(exchange).collect()
}

fn exchange(line: &str) -> Exchange {
    let value: Value = serde_json::from_str(line).unwrap();
    let request = &value["request"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let headers = request["headers"].as_object().unwrap().iter();
    Exchange {
        name: text(&value["name"]),
        method: text(&request["method"]),
        path: text(&request["path"]),
        headers: headers
            .map(|(name, value)| (name.clone(), text(value)))
            .collect(),
        body: match request["body"]["base64"].as_str() {
            Some(base64) => unbase64(base64),
            None => text(&request["body"]["text"]).into_bytes(),
        },
        status: text(&value["status"])[..3].parse().unwrap(),
        content_type: text(&value["headers"]["content-type"]),
        answer: text(&value["body"]["text"]),
        bound: value["bound"].as_str().map(bound),
    }
}

fn unbase64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.bytes().filter(|byte| *byte != b'=');
    let digit = |byte| DIGITS.iter().position(|digit| *digit == byte).unwrap() as u32;
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0, 0);
    for value in digits.map(digit) {
        bits = bits << 6 | value;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
            bits &= (1 << held) - 1;
        }
    }
    bytes
}

/// What the operation received: `User=… Client='…' Before=… After=… Open=…` and so on.
fn bound(text: &str) -> Request {
    let keys = [
        "User", "Client", "Before", "After", "Open", "Page", "Rpp", "PE", "Sess", "Dev", "Gen",
    ];
    let mut members = BTreeMap::new();
    let mut rest = text;
    for (at, key) in keys.iter().enumerate() {
        rest = rest.strip_prefix(&format!("{key}=")).unwrap();
        let end = keys.get(at + 1).map(|next| format!(" {next}="));
        let end = end.and_then(|end| rest.find(&end)).unwrap_or(rest.len());
        members.insert(*key, &rest[..end]);
        rest = rest[end..].trim_start_matches(' ');
    }
    Request {
        user_refer_uid: members["User"]
            .parse()
            .ok()
            .filter(|id: &uuid::Uuid| !id.is_nil()),
        client_refer_uid: unquoted(members["Client"]),
        started_before: date(members["Before"]),
        started_after: date(members["After"]),
        open_sessions_only: members["Open"] == "True",
        page_request_index: members["Page"].parse().unwrap(),
        records_per_page: members["Rpp"].parse().unwrap(),
        session_uid: members["Sess"]
            .parse()
            .ok()
            .filter(|id: &uuid::Uuid| !id.is_nil()),
        device_serial_number: unquoted(members["Dev"]),
        generated_at: date(members["Gen"]),
    }
}

/// Empty text is not set.
fn unquoted(text: &str) -> Option<String> {
    let text = text.strip_prefix('\'')?.strip_suffix('\'')?;
    (!text.is_empty()).then(|| text.to_owned())
}

/// The original ran in UTC, so that its local and unspecified times are times of UTC.
pub(crate) fn date(text: &str) -> Option<DateTime<Utc>> {
    let (time, _) = text.split_once('/').unwrap();
    (!time.starts_with("0001-01-01T00:00:00.0000000")).then(|| at(&format!("{time}Z")))
}
