//! The messages as JSON and JSV, whose structure is the same: derived members first, in the order
//! of their declaration; nulls left out (wire contract, sections 2 and 6).

use super::message::{
    ErrorResponse, ServerErrorDetails, UserClientSessionLog, UserClientSessionLogRequest,
    UserClientSessionLogResponse,
};
use super::names as n;
use super::{date, json, jsv};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// The spelling of names and scalars in one of the two formats.
pub(super) trait Syntax {
    fn name(out: &mut Vec<u8>, name: &str);
    fn text(out: &mut Vec<u8>, text: &str);
    fn guid(out: &mut Vec<u8>, guid: Uuid);
    fn date(out: &mut Vec<u8>, at: DateTime<Utc>);
    fn boolean(out: &mut Vec<u8>, value: bool);
}

pub(super) use json::Json;
pub(super) use jsv::Jsv;

/// An object or list that is being written.
struct Emitter<'a> {
    out: &'a mut Vec<u8>,
    is_first: bool,
}

impl Emitter<'_> {
    fn separate(&mut self) {
        if !std::mem::take(&mut self.is_first) {
            self.out.push(b',');
        }
    }

    fn name<S: Syntax>(&mut self, name: &str) {
        self.separate();
        S::name(self.out, name);
    }

    fn text<S: Syntax>(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.name::<S>(name);
            S::text(self.out, text);
        }
    }

    fn guid<S: Syntax>(&mut self, name: &str, guid: Uuid) {
        self.name::<S>(name);
        S::guid(self.out, guid);
    }

    fn date<S: Syntax>(&mut self, name: &str, at: Option<DateTime<Utc>>) {
        self.name::<S>(name);
        S::date(self.out, at.unwrap_or(date::UNSET));
    }

    fn int32<S: Syntax>(&mut self, name: &str, number: i32) {
        self.name::<S>(name);
        push_number(self.out, i64::from(number));
    }

    fn boolean<S: Syntax>(&mut self, name: &str, value: bool) {
        self.name::<S>(name);
        S::boolean(self.out, value);
    }
}

fn enclosed(out: &mut Vec<u8>, [open, close]: [u8; 2], write: impl FnOnce(&mut Emitter<'_>)) {
    out.push(open);
    write(&mut Emitter {
        out,
        is_first: true,
    });
    out.push(close);
}

fn object(out: &mut Vec<u8>, members: impl FnOnce(&mut Emitter<'_>)) {
    enclosed(out, *b"{}", members);
}

pub(super) fn list<T>(out: &mut Vec<u8>, items: &[T], write: impl Fn(&mut Vec<u8>, &T)) {
    enclosed(out, *b"[]", |list| {
        for item in items {
            list.separate();
            write(list.out, item);
        }
    });
}

pub(super) fn push_number(out: &mut Vec<u8>, number: i64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

pub(super) fn request<S: Syntax>(out: &mut Vec<u8>, request: &UserClientSessionLogRequest) {
    object(out, |o| {
        let user = request.user_refer_uid.unwrap_or_default();
        o.guid::<S>(n::USER_REFER_UID.local, user);
        let client = request.client_refer_uid.as_deref();
        o.text::<S>(n::CLIENT_REFER_UID.local, client);
        o.date::<S>(n::STARTED_BEFORE.local, request.started_before);
        o.date::<S>(n::STARTED_AFTER.local, request.started_after);
        o.boolean::<S>(n::OPEN_SESSIONS_ONLY.local, request.open_sessions_only);
        o.int32::<S>(n::PAGE_REQUEST_INDEX.local, request.page_request_index);
        o.int32::<S>(n::RECORDS_PER_PAGE.local, request.records_per_page);
        o.boolean::<S>(n::PAGING_ENABLED, request.paging_enabled());
        let session = request.session_uid.unwrap_or_default();
        o.guid::<S>(n::SESSION_UID.local, session);
        let device = request.device_serial_number.as_deref();
        o.text::<S>(n::DEVICE_SERIAL_NUMBER.local, device);
        o.date::<S>(n::GENERATED_AT.local, request.generated_at);
    });
}

pub(super) fn response<S: Syntax>(out: &mut Vec<u8>, response: &UserClientSessionLogResponse) {
    object(out, |o| {
        if let Some(entries) = &response.log_entries {
            o.name::<S>(n::LOG_ENTRIES.local);
            list(o.out, entries, entry::<S>);
        }
        o.int32::<S>(n::PAGE_INDEX.local, response.page_index);
        o.int32::<S>(n::TOTAL_PAGE_COUNT.local, response.total_page_count);
        o.int32::<S>(n::RECORDS_PER_PAGE.local, response.records_per_page);
        o.text::<S>(n::SERVER.local, response.server.as_deref());
        o.date::<S>(n::PROCESSED_AT.local, response.processed_at);
        o.text::<S>(n::RESULT.local, Some(&response.result));
        if let Some(details) = &response.server_error_details {
            o.name::<S>(n::SERVER_ERROR_DETAILS.local);
            error_details::<S>(o.out, details);
        }
    });
}

pub(super) fn entry<S: Syntax>(out: &mut Vec<u8>, entry: &UserClientSessionLog) {
    object(out, |o| {
        o.guid::<S>(n::REFER_UID.local, entry.refer_uid);
        o.date::<S>(n::SESSION_START.local, entry.session_start);
        if entry.session_end.is_some() {
            o.date::<S>(n::SESSION_END.local, entry.session_end);
        }
        o.text::<S>(n::USER.local, entry.user.as_deref());
        o.guid::<S>(n::ENTRY_USER_REFER_UID.local, entry.user_refer_uid);
        let client = entry.client_refer_uid.as_deref();
        o.text::<S>(n::ENTRY_CLIENT_REFER_UID.local, client);
    });
}

pub(super) fn error_details<S: Syntax>(out: &mut Vec<u8>, details: &ServerErrorDetails) {
    object(out, |o| {
        o.text::<S>(n::CODE.local, Some(&details.code));
        o.text::<S>(n::DESCRIPTION.local, details.description.as_deref());
        if let Some(messages) = &details.additional_messages {
            o.name::<S>(n::ADDITIONAL_MESSAGES.local);
            list(o.out, messages, |out, message| S::text(out, message));
        }
    });
}

pub(super) fn error<S: Syntax>(out: &mut Vec<u8>, error: &ErrorResponse) {
    object(out, |o| {
        o.name::<S>(n::RESPONSE_STATUS.local);
        response_status::<S>(o.out, error);
    });
}

/// The value of `ResponseStatus`.
pub(super) fn response_status<S: Syntax>(out: &mut Vec<u8>, error: &ErrorResponse) {
    let status = &error.response_status;
    object(out, |o| {
        o.text::<S>(n::ERROR_CODE.local, status.error_code.as_deref());
        o.text::<S>(n::MESSAGE.local, status.message.as_deref());
    });
}
