//! The messages: members, types and defaults as in section 2 of the wire contract.

use super::error::WireError;
use crate::SessionLog;
use chrono::{DateTime, Utc};
use std::borrow::Cow;
use std::sync::Arc;
use uuid::Uuid;

/// `UserClientSessionLogRequest`: which sessions, and which page of them.
///
/// Its empty forms (a missing, null or empty member, the empty guid, the minimum date) all read as
/// "not set". `PagingEnabled` is derived: it is written, and ignored when read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserClientSessionLogRequest {
    /// Only sessions of this user.
    pub user_refer_uid: Option<Uuid>,
    /// Only sessions of this client, compared byte by byte.
    pub client_refer_uid: Option<String>,
    /// Only sessions that started earlier than this, itself excluded; ticks of 100 ns.
    pub started_before: Option<DateTime<Utc>>,
    /// Only sessions that started later than this, itself excluded; ticks of 100 ns.
    pub started_after: Option<DateTime<Utc>>,
    /// Only sessions without an end.
    pub open_sessions_only: bool,
    /// The page, from zero. A negative one is readable, and refused by the answer.
    pub page_request_index: i32,
    /// How many records a page holds; 0 asks for the default.
    pub records_per_page: i32,
    /// The caller's own session: for an authorizer, never a filter.
    pub session_uid: Option<Uuid>,
    /// The caller's device: never a filter.
    pub device_serial_number: Option<String>,
    /// The caller's clock: never a filter.
    pub generated_at: Option<DateTime<Utc>>,
}

impl UserClientSessionLogRequest {
    /// The derived member `PagingEnabled`.
    #[must_use]
    pub fn paging_enabled(&self) -> bool {
        self.records_per_page > 0
    }
}

/// `UserClientSessionLogResponse`: one page, and how many there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserClientSessionLogResponse {
    /// The sessions of the page, oldest first; `None` only where another server sent none.
    pub log_entries: Option<Vec<UserClientSessionLog>>,
    /// The page asked for, from zero.
    pub page_index: i32,
    /// How many pages there are, exactly.
    pub total_page_count: i32,
    /// The page size used.
    pub records_per_page: i32,
    /// The name of the server.
    pub server: Option<String>,
    /// When the answer was made; `None` is the contract's unset date.
    pub processed_at: Option<DateTime<Utc>>,
    /// The name of the outcome: see [`EnumNames`](super::EnumNames).
    pub result: Cow<'static, str>,
    /// What is wrong, if something is.
    pub server_error_details: Option<ServerErrorDetails>,
}

impl Default for UserClientSessionLogResponse {
    fn default() -> Self {
        Self {
            log_entries: None,
            page_index: 0,
            total_page_count: 0,
            records_per_page: 0,
            server: None,
            processed_at: None,
            result: Cow::Borrowed("Unknown"),
            server_error_details: None,
        }
    }
}

/// One entry of a response.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UserClientSessionLog {
    /// The session's own id.
    pub refer_uid: Uuid,
    /// The login; `None` is the contract's unset date.
    pub session_start: Option<DateTime<Utc>>,
    /// The logout; `None` while the session is open.
    pub session_end: Option<DateTime<Utc>>,
    /// The user's name at that time.
    pub user: Option<Arc<str>>,
    /// The user's id.
    pub user_refer_uid: Uuid,
    /// The client device.
    pub client_refer_uid: Option<Arc<str>>,
}

impl From<SessionLog> for UserClientSessionLog {
    fn from(log: SessionLog) -> Self {
        Self {
            refer_uid: log.refer_uid,
            session_start: Some(log.session_start),
            session_end: log.session_end,
            user: Some(log.user),
            user_refer_uid: log.user_refer_uid,
            client_refer_uid: Some(log.client_refer_uid),
        }
    }
}

/// `ServerErrorDetails`: why a readable request was not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerErrorDetails {
    /// The name of the kind of failure: see [`EnumNames`](super::EnumNames).
    pub code: Cow<'static, str>,
    /// What is wrong, for people.
    pub description: Option<String>,
    /// More of it.
    pub additional_messages: Option<Vec<String>>,
}

/// The body of an answer that is no response: its one member is `ResponseStatus`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ErrorResponse {
    /// What is wrong.
    pub response_status: ResponseStatus,
}

/// `ResponseStatus`: what a client's own error type is filled from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ResponseStatus {
    /// The kind of error, for programs: `SerializationException`.
    pub error_code: Option<String>,
    /// What is wrong, for people: never a path, a trace or the text of another error.
    pub message: Option<String>,
}

impl ErrorResponse {
    /// An error of this code and message.
    pub fn new(error_code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            response_status: ResponseStatus {
                error_code: Some(error_code.into()),
                message: Some(message.into()),
            },
        }
    }
}

impl From<&WireError> for ErrorResponse {
    fn from(error: &WireError) -> Self {
        Self::new(error.error_code(), error.to_string())
    }
}
