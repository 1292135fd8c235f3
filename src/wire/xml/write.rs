//! The messages as XML: base members first, then each class's own, in ordinal order.
//!
//! Everything that does not change is one literal: a page has hundreds of tags.

use super::is_char;
use crate::wire::date;
use crate::wire::emit::push_number;
use crate::wire::message::{
    ErrorResponse, ServerErrorDetails, UserClientSessionLog, UserClientSessionLogRequest,
    UserClientSessionLogResponse,
};
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// The literals of one element.
struct Tag {
    open: &'static str,
    close: &'static str,
    empty: &'static str,
    nil: &'static str,
}

/// A member of a base class.
macro_rules! base {
    ($name:literal) => {
        Tag {
            open: concat!(
                "<",
                $name,
                " xmlns=\"http://schemas.servicestack.net/types\">"
            ),
            close: concat!("</", $name, ">"),
            empty: concat!(
                "<",
                $name,
                " xmlns=\"http://schemas.servicestack.net/types\" />"
            ),
            nil: concat!(
                "<",
                $name,
                " i:nil=\"true\" xmlns=\"http://schemas.servicestack.net/types\" />"
            ),
        }
    };
}

/// A member in the namespace around it, which a prefix may name.
macro_rules! member {
    ($($name:literal)+) => {
        Tag {
            open: concat!("<", $($name,)+ ">"),
            close: concat!("</", $($name,)+ ">"),
            empty: concat!("<", $($name,)+ " />"),
            nil: concat!("<", $($name,)+ " i:nil=\"true\" />"),
        }
    };
}

/// The literals that hold a prefix. .NET numbers them by depth, which SOAP adds to.
pub(super) struct Prefixed {
    log_entries: &'static str,
    entry: Tag,
    client_refer_uid: Tag,
    refer_uid: Tag,
    session_end: Tag,
    session_start: Tag,
    user: Tag,
    user_refer_uid: Tag,
    additional_messages: &'static str,
    string: Tag,
}

macro_rules! prefixed {
    ($entries:literal, $arrays:literal) => {
        Prefixed {
            log_entries: concat!(
                "<LogEntries xmlns:", $entries, "=\"http://schemas.datacontract.org/2004/07/",
                "Spirit.Server.Common.DomainModel.Sessions\""
            ),
            entry: member!($entries ":UserClientSessionLog"),
            client_refer_uid: member!($entries ":ClientReferUid"),
            refer_uid: member!($entries ":ReferUid"),
            session_end: member!($entries ":SessionEnd"),
            session_start: member!($entries ":SessionStart"),
            user: member!($entries ":User"),
            user_refer_uid: member!($entries ":UserReferUid"),
            additional_messages: concat!(
                "<AdditionalMessages xmlns:", $arrays,
                "=\"http://schemas.microsoft.com/2003/10/Serialization/Arrays\""
            ),
            string: member!($arrays ":string"),
        }
    };
}

/// Where a response stands. A constant of a type, so that the compiler sees the literals' lengths
/// where they are written.
pub(super) trait Place {
    const PREFIXED: Prefixed;
}

/// In a document of its own.
struct Bare;

impl Place for Bare {
    const PREFIXED: Prefixed = prefixed!("d2p1", "d3p1");
}

/// In the body of an envelope.
pub(super) struct InEnvelope;

impl Place for InEnvelope {
    const PREFIXED: Prefixed = prefixed!("d4p1", "d5p1");
}

macro_rules! root {
    ($name:literal, $namespace:literal) => {
        concat!(
            "<",
            $name,
            " xmlns:i=\"http://www.w3.org/2001/XMLSchema-instance\" xmlns=\"",
            $namespace,
            "\">"
        )
    };
}

fn push(out: &mut Vec<u8>, literal: &str) {
    out.extend_from_slice(literal.as_bytes());
}

impl Tag {
    #[inline]
    fn around(&self, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
        push(out, self.open);
        write(out);
        push(out, self.close);
    }

    fn text(&self, out: &mut Vec<u8>, text: Option<&str>) {
        match text {
            Some("") => push(out, self.empty),
            Some(text) => self.around(out, |out| push_text(out, text)),
            None => push(out, self.nil),
        }
    }

    fn int32(&self, out: &mut Vec<u8>, number: i32) {
        self.around(out, |out| push_number(out, i64::from(number)));
    }

    fn boolean(&self, out: &mut Vec<u8>, value: bool) {
        self.around(out, |out| push(out, if value { "true" } else { "false" }));
    }

    fn guid(&self, out: &mut Vec<u8>, guid: Uuid) {
        self.around(out, |out| {
            let mut digits = [0; uuid::fmt::Hyphenated::LENGTH];
            push(out, guid.hyphenated().encode_lower(&mut digits));
        });
    }

    fn date(&self, out: &mut Vec<u8>, at: Option<DateTime<Utc>>) {
        let at = at.unwrap_or(date::UNSET);
        self.around(out, |out| date::push_text(out, at));
    }
}

/// Text with what markup needs escaped. A line end of CR is one only as a reference, and what XML
/// cannot hold is U+FFFD.
pub(super) fn push_text(out: &mut Vec<u8>, text: &str) {
    // Nearly every text is plain, and without a way out of the loop many bytes are seen at a time.
    let bytes = text.bytes().map(is_special);
    if !bytes.fold(false, |seen, special| seen | special) {
        return push(out, text);
    }
    let mut rest = text;
    while let Some(at) = rest.bytes().position(is_special) {
        let (plain, special) = rest.split_at(at);
        push(out, plain);
        let mut characters = special.chars();
        // The position is that of a character: no byte inside one is special.
        let Some(character) = characters.next() else {
            break;
        };
        rest = characters.as_str();
        match character {
            '<' => push(out, "&lt;"),
            '>' => push(out, "&gt;"),
            '&' => push(out, "&amp;"),
            '\r' => push(out, "&#xD;"),
            _ if is_char(character) => {
                let mut bytes = [0; 4];
                push(out, character.encode_utf8(&mut bytes));
            }
            _ => push(out, "\u{fffd}"),
        }
    }
    push(out, rest);
}

/// Whether a character that begins with this byte may need escaping: U+FFFE and U+FFFF begin with
/// 0xEF, as much else does.
fn is_special(byte: u8) -> bool {
    matches!(byte, b'<' | b'>' | b'&' | 0xef) || (byte < b' ' && !matches!(byte, b'\t' | b'\n'))
}

/// A request as a document.
pub(in crate::wire) fn request(out: &mut Vec<u8>, request: &UserClientSessionLogRequest) {
    push(
        out,
        root!(
            "UserClientSessionLogRequest",
            "http://schemas.datacontract.org/2004/07/Spirit.Server.Common.Message.Sessions"
        ),
    );
    let device = request.device_serial_number.as_deref();
    base!("DeviceSerialNumber").text(out, device);
    base!("GeneratedAt").date(out, request.generated_at);
    base!("SessionUid").guid(out, request.session_uid.unwrap_or_default());
    base!("PageRequestIndex").int32(out, request.page_request_index);
    base!("RecordsPerPage").int32(out, request.records_per_page);
    member!("ClientReferUid").text(out, request.client_refer_uid.as_deref());
    member!("OpenSessionsOnly").boolean(out, request.open_sessions_only);
    member!("StartedAfter").date(out, request.started_after);
    member!("StartedBefore").date(out, request.started_before);
    member!("UserReferUid").guid(out, request.user_refer_uid.unwrap_or_default());
    push(out, "</UserClientSessionLogRequest>");
}

/// A response as a document.
pub(in crate::wire) fn response(out: &mut Vec<u8>, response: &UserClientSessionLogResponse) {
    response_at::<Bare>(out, response);
}

/// A response at some depth.
pub(super) fn response_at<P: Place>(out: &mut Vec<u8>, response: &UserClientSessionLogResponse) {
    push(
        out,
        root!(
            "UserClientSessionLogResponse",
            "http://schemas.datacontract.org/2004/07/Spirit.Server.Common.Message.Sessions"
        ),
    );
    base!("ProcessedAt").date(out, response.processed_at);
    base!("Result").text(out, Some(&response.result));
    base!("Server").text(out, response.server.as_deref());
    let tag = base!("ServerErrorDetails");
    match &response.server_error_details {
        Some(details) => tag.around(out, |out| error_details::<P>(out, details)),
        None => push(out, tag.nil),
    }
    base!("PageIndex").int32(out, response.page_index);
    base!("RecordsPerPage").int32(out, response.records_per_page);
    base!("TotalPageCount").int32(out, response.total_page_count);
    push(out, P::PREFIXED.log_entries);
    let entries = response.log_entries.as_deref();
    list(out, entries, "</LogEntries>", entry::<P>);
    push(out, "</UserClientSessionLogResponse>");
}

/// A list whose tag is open but for its end.
fn list<T>(out: &mut Vec<u8>, items: Option<&[T]>, close: &str, write: impl Fn(&mut Vec<u8>, &T)) {
    match items {
        None => push(out, " i:nil=\"true\" />"),
        Some([]) => push(out, " />"),
        Some(items) => {
            push(out, ">");
            for item in items {
                write(out, item);
            }
            push(out, close);
        }
    }
}

fn error_details<P: Place>(out: &mut Vec<u8>, details: &ServerErrorDetails) {
    push(out, P::PREFIXED.additional_messages);
    let messages = details.additional_messages.as_deref();
    list(out, messages, "</AdditionalMessages>", |out, message| {
        P::PREFIXED.string.text(out, Some(message));
    });
    member!("Code").text(out, Some(&details.code));
    member!("Description").text(out, details.description.as_deref());
}

fn entry<P: Place>(out: &mut Vec<u8>, log: &UserClientSessionLog) {
    let prefixed = P::PREFIXED;
    push(out, prefixed.entry.open);
    let client = log.client_refer_uid.as_deref();
    prefixed.client_refer_uid.text(out, client);
    prefixed.refer_uid.guid(out, log.refer_uid);
    match log.session_end {
        None => push(out, prefixed.session_end.nil),
        end => prefixed.session_end.date(out, end),
    }
    prefixed.session_start.date(out, log.session_start);
    prefixed.user.text(out, log.user.as_deref());
    prefixed.user_refer_uid.guid(out, log.user_refer_uid);
    push(out, prefixed.entry.close);
}

/// An error as a document.
pub(in crate::wire) fn error(out: &mut Vec<u8>, error: &ErrorResponse) {
    let status = &error.response_status;
    push(
        out,
        root!("ErrorResponse", "http://schemas.servicestack.net/types"),
    );
    push(out, "<ResponseStatus>");
    member!("ErrorCode").text(out, status.error_code.as_deref());
    member!("Message").text(out, status.message.as_deref());
    push(out, member!("StackTrace").nil);
    push(out, member!("Errors").nil);
    push(out, "</ResponseStatus></ErrorResponse>");
}
