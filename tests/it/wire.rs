//! The messages in every format: against bytes of the original, and against each other.

mod answers;
pub(crate) mod captured;
mod round_trips;
mod soap;
mod text_formats;
mod xml;
mod xml_differences;
mod xml_syntax;

use crate::{at, uid};
use sessionlog::wire::{
    Format, ServerErrorDetails, UserClientSessionLog, UserClientSessionLogResponse, WireError,
};
use uuid::Uuid;

/// The bytes of a captured message.
pub(crate) fn captured(name: &str) -> Vec<u8> {
    let root = env!("CARGO_MANIFEST_DIR");
    let path = format!("{root}/tests/data/wire/{name}");
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The entry of the captured answers.
fn entry() -> UserClientSessionLog {
    UserClientSessionLog {
        refer_uid: "6f9619ff-8b86-d011-b42d-00c04fc964ff".parse().unwrap(),
        session_start: Some(at("2015-06-01T08:00:00Z")),
        session_end: None,
        user: Some("Ann".into()),
        user_refer_uid: "11111111-2222-3333-4444-555555555555".parse().unwrap(),
        client_refer_uid: Some("PDA-01".into()),
    }
}

/// The rest of the captured answers.
fn response(entries: Vec<UserClientSessionLog>) -> UserClientSessionLogResponse {
    UserClientSessionLogResponse {
        total_page_count: i32::from(!entries.is_empty()),
        log_entries: Some(entries),
        page_index: 0,
        records_per_page: 50,
        server: Some("srv-1".into()),
        processed_at: Some(at("2015-06-01T09:30:00Z")),
        result: "Success".into(),
        server_error_details: None,
    }
}

/// The captured answers by name, as messages.
fn captured_responses() -> Vec<(&'static str, UserClientSessionLogResponse)> {
    let ended = UserClientSessionLog {
        session_end: Some(at("2015-06-01T08:45:30Z")),
        ..entry()
    };
    let failure = UserClientSessionLogResponse {
        result: "Failure".into(),
        server_error_details: Some(ServerErrorDetails {
            code: "Other".into(),
            description: Some("RecordsPerPage must not be negative, got -1".into()),
            additional_messages: Some(vec!["a".into(), "b,c".into()]),
        }),
        ..response(Vec::new())
    };
    vec![
        ("defaults", UserClientSessionLogResponse::default()),
        ("empty-page", response(Vec::new())),
        ("closed-and-open", response(vec![ended, entry()])),
        ("error", failure),
    ]
}

/// The refusal names this member.
#[track_caller]
fn refused_member<T: std::fmt::Debug>(result: Result<T, WireError>, member: &str) -> WireError {
    let error = result.unwrap_err();
    assert_eq!(error.member(), Some(member), "{error}");
    assert!(error.to_string().contains(member), "{error}");
    error
}

const TEXT_FORMATS: [Format; 3] = [Format::Json, Format::Jsv, Format::Csv];

fn user(number: u128) -> Uuid {
    uid(number)
}
