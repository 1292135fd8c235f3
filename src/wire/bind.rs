//! The messages from their members, in any format.

use super::error::{Result, WireError};
use super::message::{
    ErrorResponse, ResponseStatus, ServerErrorDetails, UserClientSessionLog,
    UserClientSessionLogRequest, UserClientSessionLogResponse,
};
use super::names as n;
use super::node::{Members, Name, Node};
use std::borrow::Cow;

/// Sets what the members say; what they leave unset stays as it is.
pub(super) fn request<'a, N: Node<'a>>(
    request: &mut UserClientSessionLogRequest,
    mut members: Members<'a, N>,
) -> Result<()> {
    set(
        &mut request.user_refer_uid,
        members.guid(n::USER_REFER_UID)?,
    );
    let client = members
        .text(n::CLIENT_REFER_UID)?
        .filter(|text| !text.is_empty());
    set(&mut request.client_refer_uid, client.map(Cow::into_owned));
    set(
        &mut request.started_before,
        members.date(n::STARTED_BEFORE)?,
    );
    set(&mut request.started_after, members.date(n::STARTED_AFTER)?);
    let open = members.boolean(n::OPEN_SESSIONS_ONLY)?;
    request.open_sessions_only = open.unwrap_or(request.open_sessions_only);
    let index = members.int32(n::PAGE_REQUEST_INDEX)?;
    request.page_request_index = index.unwrap_or(request.page_request_index);
    let records = members.int32(n::RECORDS_PER_PAGE)?;
    request.records_per_page = records.unwrap_or(request.records_per_page);
    set(&mut request.session_uid, members.guid(n::SESSION_UID)?);
    let device = members
        .text(n::DEVICE_SERIAL_NUMBER)?
        .filter(|text| !text.is_empty());
    set(
        &mut request.device_serial_number,
        device.map(Cow::into_owned),
    );
    set(&mut request.generated_at, members.date(n::GENERATED_AT)?);
    Ok(())
}

fn set<T>(member: &mut Option<T>, value: Option<T>) {
    if value.is_some() {
        *member = value;
    }
}

/// A response; `None` for null.
pub(super) fn response<'a, N: Node<'a>>(node: N) -> Result<Option<UserClientSessionLogResponse>> {
    let Some(mut members) = Members::of(node)? else {
        return Ok(None);
    };
    let unset = UserClientSessionLogResponse::default();
    let entries = list(
        &mut members,
        n::LOG_ENTRIES,
        n::USER_CLIENT_SESSION_LOG,
        entry,
    )?;
    Ok(Some(UserClientSessionLogResponse {
        log_entries: entries,
        page_index: members.int32(n::PAGE_INDEX)?.unwrap_or_default(),
        total_page_count: members.int32(n::TOTAL_PAGE_COUNT)?.unwrap_or_default(),
        records_per_page: members.int32(n::RECORDS_PER_PAGE)?.unwrap_or_default(),
        server: members.text(n::SERVER)?.map(Cow::into_owned),
        processed_at: members.date(n::PROCESSED_AT)?,
        result: word(members.text(n::RESULT)?, unset.result),
        server_error_details: details(&mut members)?,
    }))
}

fn word(text: Option<Cow<'_, str>>, unset: Cow<'static, str>) -> Cow<'static, str> {
    text.map_or(unset, |text| Cow::Owned(text.into_owned()))
}

/// The elements of a list member, each read by `read`.
fn list<'a, N: Node<'a>, T>(
    members: &mut Members<'a, N>,
    name: Name,
    item: Name,
    read: impl Fn(N) -> Result<T>,
) -> Result<Option<Vec<T>>> {
    let Some(node) = members.take(name)? else {
        return Ok(None);
    };
    let read_all = |items: Vec<N>| items.into_iter().map(read).collect();
    node.items(item)
        .and_then(|items| items.map(read_all).transpose())
        .map_err(|error| error.inside(name.local))
}

fn entry<'a, N: Node<'a>>(node: N) -> Result<UserClientSessionLog> {
    let mut members = Members::of(node)?.ok_or_else(|| WireError::new("an entry is null"))?;
    Ok(UserClientSessionLog {
        refer_uid: members.guid(n::REFER_UID)?.unwrap_or_default(),
        session_start: members.date(n::SESSION_START)?,
        session_end: members.date(n::SESSION_END)?,
        user: members.text(n::USER)?.map(Into::into),
        user_refer_uid: members.guid(n::ENTRY_USER_REFER_UID)?.unwrap_or_default(),
        client_refer_uid: members.text(n::ENTRY_CLIENT_REFER_UID)?.map(Into::into),
    })
}

fn details<'a, N: Node<'a>>(members: &mut Members<'a, N>) -> Result<Option<ServerErrorDetails>> {
    let Some(node) = members.take(n::SERVER_ERROR_DETAILS)? else {
        return Ok(None);
    };
    let read = |mut members: Members<'a, N>| {
        Ok(ServerErrorDetails {
            code: word(members.text(n::CODE)?, Cow::Borrowed("")),
            description: members.text(n::DESCRIPTION)?.map(Cow::into_owned),
            additional_messages: list(&mut members, n::ADDITIONAL_MESSAGES, n::STRING, |node| {
                Ok(node.text()?.map(Cow::into_owned).unwrap_or_default())
            })?,
        })
    };
    Members::of(node)
        .and_then(|members| members.map(read).transpose())
        .map_err(|error| error.inside(n::SERVER_ERROR_DETAILS.local))
}

/// An error; `None` for null.
pub(super) fn error<'a, N: Node<'a>>(node: N) -> Result<Option<ErrorResponse>> {
    let Some(mut members) = Members::of(node)? else {
        return Ok(None);
    };
    let status = match members.take(n::RESPONSE_STATUS)? {
        Some(node) => Members::of(node)?,
        None => None,
    };
    let Some(mut status) = status else {
        return Err(WireError::new("it is missing").inside(n::RESPONSE_STATUS.local));
    };
    Ok(Some(ErrorResponse {
        response_status: ResponseStatus {
            error_code: status.text(n::ERROR_CODE)?.map(Cow::into_owned),
            message: status.text(n::MESSAGE)?.map(Cow::into_owned),
        },
    }))
}
