//! CSV: a line of names and a line of values, with lists and objects as JSV in one field.

use super::date;
use super::emit::{self, Jsv, Syntax};
use super::error::{Result, WireError};
use super::jsv;
use super::message::{ErrorResponse, UserClientSessionLogRequest, UserClientSessionLogResponse};
use super::names as n;
use super::node::{Name, Named, Node, Spelling};
use super::value;
use chrono::{DateTime, Utc};
use csv::{ReaderBuilder, StringRecord, Terminator, WriterBuilder};
use std::borrow::Cow;
use uuid::Uuid;

/// A document: the names, and the one row below them.
pub(super) struct Document {
    names: StringRecord,
    row: StringRecord,
}

/// Splits a document into its fields.
pub(super) fn read(text: &str) -> Result<Document> {
    check_quotes(text)?;
    let malformed = |error| WireError::syntax("CSV", error);
    let mut reader = ReaderBuilder::new().from_reader(text.as_bytes());
    let names = reader.headers().map_err(malformed)?.clone();
    let mut rows = reader.into_records();
    let Some(row) = rows.next() else {
        return Err(WireError::new("there is no row below the names"));
    };
    if rows.next().is_some() {
        return Err(WireError::new("there is more than one row below the names"));
    }
    Ok(Document {
        names,
        row: row.map_err(malformed)?,
    })
}

impl Document {
    /// Refuses a column that has none of these names.
    pub(super) fn check_names(&self, known: &[&str]) -> Result<()> {
        let is_known = |name: &str| known.iter().any(|known| known.eq_ignore_ascii_case(name));
        let mut names = self.names.iter().map(value::trim);
        match names.find(|name| !is_known(name)) {
            Some(name) => Err(WireError::value(name, "is no column of a request")),
            None => Ok(()),
        }
    }
}

/// Refuses quotes as the library does not: one that is never closed, and text behind a closed one.
fn check_quotes(text: &str) -> Result<()> {
    let mut rest = text;
    let mut is_start = true;
    while let Some(character) = rest.chars().next() {
        if character == '"' && is_start {
            let Some((_, behind)) = value::split_quoted(rest) else {
                return Err(WireError::value(rest, "has no end quote"));
            };
            if !behind.is_empty() && !behind.starts_with([',', '\r', '\n']) {
                return Err(WireError::value(behind, "stands behind a closed quote"));
            }
            rest = behind;
            is_start = false;
            continue;
        }
        is_start = matches!(character, ',' | '\r' | '\n');
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
    }
    Ok(())
}

/// A part of a document.
pub(super) enum Value<'a> {
    Row(&'a Document),
    Field(&'a str),
    /// Inside a field.
    Jsv(jsv::Value<'a>),
}

impl<'a> Node<'a> for Value<'a> {
    const SPELLING: Spelling = Spelling::Lenient;

    /// An empty field is null.
    fn text(self) -> Result<Option<Cow<'a, str>>> {
        match self {
            Self::Field("") => Ok(None),
            Self::Field(text) => Ok(Some(Cow::Borrowed(text))),
            Self::Jsv(value) => value.text(),
            Self::Row(_) => Err(WireError::new("a row is no scalar")),
        }
    }

    fn members(self) -> Result<Option<Named<'a, Self>>> {
        match self {
            Self::Row(document) => {
                let fields = document.names.iter().zip(&document.row);
                let member = |(name, field)| (Cow::Borrowed(name), Self::Field(field));
                Ok(Some(fields.map(member).collect()))
            }
            Self::Field(text) => Self::Jsv(jsv::read(text)?).members(),
            Self::Jsv(value) => {
                let member = |(name, value)| (name, Self::Jsv(value));
                let members = value.members()?;
                Ok(members.map(|members| members.into_iter().map(member).collect()))
            }
        }
    }

    fn items(self, name: Name) -> Result<Option<Vec<Self>>> {
        let value = match self {
            Self::Field(text) => jsv::read(text)?,
            Self::Jsv(value) => value,
            Self::Row(_) => return Err(WireError::new("a row is no list")),
        };
        let items = value.items(name)?;
        Ok(items.map(|items| items.into_iter().map(Self::Jsv).collect()))
    }
}

pub(super) fn request(out: &mut Vec<u8>, request: &UserClientSessionLogRequest) {
    let mut table = Table::default();
    table.guid(n::USER_REFER_UID.local, request.user_refer_uid);
    table.text(
        n::CLIENT_REFER_UID.local,
        request.client_refer_uid.as_deref(),
    );
    table.date(n::STARTED_BEFORE.local, request.started_before);
    table.date(n::STARTED_AFTER.local, request.started_after);
    table.boolean(n::OPEN_SESSIONS_ONLY.local, request.open_sessions_only);
    table.int32(n::PAGE_REQUEST_INDEX.local, request.page_request_index);
    table.int32(n::RECORDS_PER_PAGE.local, request.records_per_page);
    table.boolean(n::PAGING_ENABLED, request.paging_enabled());
    table.guid(n::SESSION_UID.local, request.session_uid);
    let device = request.device_serial_number.as_deref();
    table.text(n::DEVICE_SERIAL_NUMBER.local, device);
    table.date(n::GENERATED_AT.local, request.generated_at);
    table.write(out);
}

pub(super) fn response(out: &mut Vec<u8>, response: &UserClientSessionLogResponse) {
    let mut table = Table::default();
    table.jsv(n::LOG_ENTRIES.local, |field| {
        if let Some(entries) = &response.log_entries {
            emit::list(field, entries, emit::entry::<Jsv>);
        }
    });
    table.int32(n::PAGE_INDEX.local, response.page_index);
    table.int32(n::TOTAL_PAGE_COUNT.local, response.total_page_count);
    table.int32(n::RECORDS_PER_PAGE.local, response.records_per_page);
    table.text(n::SERVER.local, response.server.as_deref());
    table.date(n::PROCESSED_AT.local, response.processed_at);
    table.text(n::RESULT.local, Some(&response.result));
    table.jsv(n::SERVER_ERROR_DETAILS.local, |field| {
        if let Some(details) = &response.server_error_details {
            emit::error_details::<Jsv>(field, details);
        }
    });
    table.write(out);
}

pub(super) fn error(out: &mut Vec<u8>, error: &ErrorResponse) {
    let mut table = Table::default();
    table.jsv(n::RESPONSE_STATUS.local, |field| {
        emit::response_status::<Jsv>(field, error);
    });
    table.write(out);
}

/// The two lines that are being made.
#[derive(Default)]
struct Table {
    names: Vec<&'static str>,
    fields: Vec<Vec<u8>>,
}

impl Table {
    fn jsv(&mut self, name: &'static str, write: impl FnOnce(&mut Vec<u8>)) {
        let mut field = Vec::new();
        write(&mut field);
        self.names.push(name);
        self.fields.push(field);
    }

    /// Null is an empty field, as is the empty string.
    fn text(&mut self, name: &'static str, text: Option<&str>) {
        self.jsv(name, |field| field.extend(text.unwrap_or_default().bytes()));
    }

    fn guid(&mut self, name: &'static str, guid: Option<Uuid>) {
        self.jsv(name, |field| Jsv::guid(field, guid.unwrap_or_default()));
    }

    fn date(&mut self, name: &'static str, at: Option<DateTime<Utc>>) {
        self.jsv(name, |field| Jsv::date(field, at.unwrap_or(date::UNSET)));
    }

    fn boolean(&mut self, name: &'static str, value: bool) {
        self.jsv(name, |field| Jsv::boolean(field, value));
    }

    fn int32(&mut self, name: &'static str, number: i32) {
        self.jsv(name, |field| emit::push_number(field, i64::from(number)));
    }

    fn write(self, out: &mut Vec<u8>) {
        let mut writer = WriterBuilder::new()
            .terminator(Terminator::CRLF)
            .from_writer(out);
        // Writing to memory does not fail, and both lines have the same length.
        let _ = writer.write_record(&self.names);
        let _ = writer.write_record(&self.fields);
        let _ = writer.flush();
    }
}
