//! Query strings and urlencoded forms: pairs of names and values.

use super::error::{Result, WireError};
use super::message::UserClientSessionLogRequest;
use super::node::{Name, Named, Node, Spelling};
use super::{date, names as n};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use uuid::Uuid;

/// The value of a pair.
pub(super) struct Value<'a>(pub(super) Cow<'a, str>);

impl<'a> Node<'a> for Value<'a> {
    const SPELLING: Spelling = Spelling::Lenient;

    /// A form has no null: an empty value is not set.
    fn text(self) -> Result<Option<Cow<'a, str>>> {
        Ok(Some(self.0))
    }

    fn members(self) -> Result<Option<Named<'a, Self>>> {
        Err(WireError::new("a form has no objects"))
    }

    fn items(self, _: Name) -> Result<Option<Vec<Self>>> {
        Err(WireError::new("a form has no lists"))
    }
}

/// The decoded pairs of `a=1&b=two+words`, in their order.
///
/// # Errors
///
/// A name or value is not UTF-8 once decoded: what a filter said cannot be told then.
pub(super) fn pairs(text: &str) -> Result<Named<'_, Cow<'_, str>>> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = decoded(name).map_err(WireError::binding)?;
            match decoded(value) {
                Ok(value) => Ok((name, value)),
                Err(error) => Err(error.inside(name.into_owned()).binding()),
            }
        })
        .collect()
}

fn decoded(text: &str) -> Result<Cow<'_, str>> {
    let not_utf8 = |_| WireError::value(text, "is not UTF-8 once decoded");
    match text.contains('+') {
        false => percent_decode_str(text).decode_utf8().map_err(not_utf8),
        true => {
            let spaced = text.replace('+', " ");
            let decoded = percent_decode_str(&spaced).decode_utf8();
            Ok(Cow::Owned(decoded.map_err(not_utf8)?.into_owned()))
        }
    }
}

/// The members that are set, as ServiceStack's clients write them into a query string.
pub(super) fn write(request: &UserClientSessionLogRequest) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    let mut pair = |name: Name, value: Option<String>| {
        if let Some(value) = value {
            form.append_pair(name.local, &value);
        }
    };
    pair(n::USER_REFER_UID, request.user_refer_uid.map(guid));
    pair(n::CLIENT_REFER_UID, request.client_refer_uid.clone());
    pair(n::STARTED_BEFORE, request.started_before.map(date::to_text));
    pair(n::STARTED_AFTER, request.started_after.map(date::to_text));
    let open = request.open_sessions_only.then(|| "true".to_owned());
    pair(n::OPEN_SESSIONS_ONLY, open);
    pair(n::PAGE_REQUEST_INDEX, number(request.page_request_index));
    pair(n::RECORDS_PER_PAGE, number(request.records_per_page));
    pair(n::SESSION_UID, request.session_uid.map(guid));
    pair(
        n::DEVICE_SERIAL_NUMBER,
        request.device_serial_number.clone(),
    );
    pair(n::GENERATED_AT, request.generated_at.map(date::to_text));
    form.finish()
}

fn guid(guid: Uuid) -> String {
    guid.simple().to_string()
}

fn number(number: i32) -> Option<String> {
    (number != 0).then(|| number.to_string())
}
