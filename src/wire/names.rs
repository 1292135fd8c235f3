//! Every name of the messages with its XML namespace (wire contract, section 2).

use super::node::Name;

/// Namespaces.
pub(super) const BASE: &str = "http://schemas.servicestack.net/types";
pub(super) const MESSAGE_NAMESPACE: &str =
    "http://schemas.datacontract.org/2004/07/Spirit.Server.Common.Message.Sessions";
pub(super) const ENTRY_NAMESPACE: &str =
    "http://schemas.datacontract.org/2004/07/Spirit.Server.Common.DomainModel.Sessions";
pub(super) const ARRAYS: &str = "http://schemas.microsoft.com/2003/10/Serialization/Arrays";
pub(super) const INSTANCE: &str = "http://www.w3.org/2001/XMLSchema-instance";

const fn base(local: &'static str) -> Name {
    name(local, BASE)
}

const fn message(local: &'static str) -> Name {
    name(local, MESSAGE_NAMESPACE)
}

const fn entry(local: &'static str) -> Name {
    name(local, ENTRY_NAMESPACE)
}

const fn name(local: &'static str, namespace: &'static str) -> Name {
    Name { local, namespace }
}

/// The request's element, and the name of the operation.
pub(super) const REQUEST: Name = message("UserClientSessionLogRequest");
pub(super) const DEVICE_SERIAL_NUMBER: Name = base("DeviceSerialNumber");
pub(super) const GENERATED_AT: Name = base("GeneratedAt");
pub(super) const SESSION_UID: Name = base("SessionUid");
pub(super) const PAGE_REQUEST_INDEX: Name = base("PageRequestIndex");
/// Of the request and of the response.
pub(super) const RECORDS_PER_PAGE: Name = base("RecordsPerPage");
pub(super) const CLIENT_REFER_UID: Name = message("ClientReferUid");
pub(super) const OPEN_SESSIONS_ONLY: Name = message("OpenSessionsOnly");
pub(super) const STARTED_AFTER: Name = message("StartedAfter");
pub(super) const STARTED_BEFORE: Name = message("StartedBefore");
pub(super) const USER_REFER_UID: Name = message("UserReferUid");
/// Derived, and so no member of the XML.
pub(super) const PAGING_ENABLED: &str = "PagingEnabled";

/// Every member of the request.
pub(super) const REQUEST_MEMBERS: [&str; 11] = [
    USER_REFER_UID.local,
    CLIENT_REFER_UID.local,
    STARTED_BEFORE.local,
    STARTED_AFTER.local,
    OPEN_SESSIONS_ONLY.local,
    PAGE_REQUEST_INDEX.local,
    RECORDS_PER_PAGE.local,
    PAGING_ENABLED,
    SESSION_UID.local,
    DEVICE_SERIAL_NUMBER.local,
    GENERATED_AT.local,
];

pub(super) const RESPONSE: Name = message("UserClientSessionLogResponse");
pub(super) const PROCESSED_AT: Name = base("ProcessedAt");
pub(super) const RESULT: Name = base("Result");
pub(super) const SERVER: Name = base("Server");
pub(super) const SERVER_ERROR_DETAILS: Name = base("ServerErrorDetails");
pub(super) const ADDITIONAL_MESSAGES: Name = base("AdditionalMessages");
pub(super) const STRING: Name = name("string", ARRAYS);
pub(super) const CODE: Name = base("Code");
pub(super) const DESCRIPTION: Name = base("Description");
pub(super) const PAGE_INDEX: Name = base("PageIndex");
pub(super) const TOTAL_PAGE_COUNT: Name = base("TotalPageCount");
pub(super) const LOG_ENTRIES: Name = message("LogEntries");

pub(super) const USER_CLIENT_SESSION_LOG: Name = entry("UserClientSessionLog");
pub(super) const REFER_UID: Name = entry("ReferUid");
pub(super) const SESSION_START: Name = entry("SessionStart");
pub(super) const SESSION_END: Name = entry("SessionEnd");
pub(super) const USER: Name = entry("User");
pub(super) const ENTRY_USER_REFER_UID: Name = entry("UserReferUid");
pub(super) const ENTRY_CLIENT_REFER_UID: Name = entry("ClientReferUid");

pub(super) const ERROR_RESPONSE: Name = base("ErrorResponse");
pub(super) const RESPONSE_STATUS: Name = base("ResponseStatus");
pub(super) const ERROR_CODE: Name = base("ErrorCode");
pub(super) const MESSAGE: Name = base("Message");
