//! The members of a record as the text formats write them: what is wrong with one names it, and its
//! value.

use chrono::{DateTime, Utc};
use uuid::Uuid;

pub(super) fn id(member: &str, text: &str) -> Result<Uuid, String> {
    let id = text.parse();
    id.map_err(|error| format!("{member} {text:?} is not a UUID: {error}"))
}

pub(super) fn time(member: &str, text: &str) -> Result<DateTime<Utc>, String> {
    match DateTime::parse_from_rfc3339(text) {
        Ok(at) => Ok(at.to_utc()),
        Err(error) => Err(format!(
            "{member} {text:?} is not an RFC 3339 time: {error}"
        )),
    }
}
