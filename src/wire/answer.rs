//! From a readable request to its response (wire contract, sections 7 and 9).

use super::date;
use super::message::{
    ServerErrorDetails, UserClientSessionLogRequest, UserClientSessionLogResponse,
};
use crate::{Clock, Error, Page, PageRequest, Query, Result, Store, SystemClock};
use chrono::{DateTime, Utc};
use std::borrow::Cow;
use std::sync::Arc;

/// The names of outcomes and failures that are written. The original's own are not known but for
/// `Unknown` and `ClientDataSubmissionFailure`, and an XML client of the original refuses a name
/// that its build does not have: an operator who knows them sets them here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnumNames {
    /// `Result` of an answered request.
    pub success: Cow<'static, str>,
    /// `Result` of a request that was not answered.
    pub failure: Cow<'static, str>,
    /// `Code` of a request that is readable and invalid.
    pub invalid_request: Cow<'static, str>,
}

impl Default for EnumNames {
    fn default() -> Self {
        Self {
            success: Cow::Borrowed("Success"),
            failure: Cow::Borrowed("Failure"),
            invalid_request: Cow::Borrowed("InvalidRequest"),
        }
    }
}

/// Answers requests from a store: what a transport has between reading and writing.
#[derive(Debug, Clone)]
pub struct Responder {
    /// The `Server` of every answer.
    pub server: Option<String>,
    /// The page size of a request that asks for none, in 1..=[`PageRequest::RECORDS_PER_PAGE_MAX`].
    pub records_per_page_default: u32,
    /// The largest page size: a request for more gets this one, as the answer says. In
    /// 1..=[`PageRequest::RECORDS_PER_PAGE_MAX`], and no larger than the store's own limit.
    pub records_per_page_max: u32,
    /// The names that are written.
    pub names: EnumNames,
    /// Where `ProcessedAt` comes from.
    pub clock: Arc<dyn Clock>,
}

impl Default for Responder {
    /// Pages of 100 records and 1,000 at most, no server name, the system's clock.
    fn default() -> Self {
        Self {
            server: None,
            records_per_page_default: PageRequest::RECORDS_PER_PAGE_DEFAULT,
            records_per_page_max: 1_000,
            names: EnumNames::default(),
            clock: Arc::new(SystemClock),
        }
    }
}

/// Why a readable request is not answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidRequest {
    /// The member at fault, in the contract's name.
    pub member: &'static str,
    /// What is wrong with it, for people.
    pub problem: String,
}

impl InvalidRequest {
    fn new(member: &'static str, problem: String) -> Self {
        Self { member, problem }
    }
}

impl Responder {
    /// The page that a request asks for; for one that is readable and invalid (a negative index
    /// or size, `StartedAfter` not before `StartedBefore`, a client id that is too long, more
    /// pages than `TotalPageCount` can say), a response whose `Result` is a failure and whose
    /// `ServerErrorDetails` name the member and the value.
    ///
    /// Blocks on the store.
    ///
    /// # Errors
    ///
    /// Those of [`Store::page`] that are no fault of the request.
    pub fn answer(
        &self,
        store: &Store,
        request: &UserClientSessionLogRequest,
    ) -> Result<UserClientSessionLogResponse> {
        let page = match self.check(request) {
            Ok((query, page)) => Ok(store.page(&query, page)?),
            Err(invalid) => Err(invalid),
        };
        Ok(self.response(request, page))
    }

    /// What a request asks of a store.
    ///
    /// # Errors
    ///
    /// The request is invalid, as [`answer`](Self::answer) says.
    pub fn check(
        &self,
        request: &UserClientSessionLogRequest,
    ) -> std::result::Result<(Query, PageRequest), InvalidRequest> {
        let page = page_request(self, request)?;
        Ok((query(request)?, page))
    }

    /// The response to a request, as [`answer`](Self::answer) says: with the page that was asked for,
    /// wherever it comes from, or with what [`check`](Self::check) says against the request.
    #[must_use]
    pub fn response(
        &self,
        request: &UserClientSessionLogRequest,
        page: std::result::Result<Page, InvalidRequest>,
    ) -> UserClientSessionLogResponse {
        let response = page.and_then(|page| self.success(page, request.page_request_index));
        response.unwrap_or_else(|invalid| self.failure(request, invalid))
    }

    fn success(
        &self,
        page: Page,
        page_index: i32,
    ) -> std::result::Result<UserClientSessionLogResponse, InvalidRequest> {
        let total = page.total_page_count;
        let Ok(total_page_count) = i32::try_from(total) else {
            let problem = format!("{total} pages are more than TotalPageCount can say");
            return Err(InvalidRequest::new("RecordsPerPage", problem));
        };
        Ok(UserClientSessionLogResponse {
            log_entries: Some(page.entries.into_iter().map(Into::into).collect()),
            page_index,
            total_page_count,
            records_per_page: i32::try_from(page.records_per_page).unwrap_or(i32::MAX),
            server: self.server.clone(),
            processed_at: Some(self.now()),
            result: self.names.success.clone(),
            server_error_details: None,
        })
    }

    fn failure(
        &self,
        request: &UserClientSessionLogRequest,
        InvalidRequest { member, problem }: InvalidRequest,
    ) -> UserClientSessionLogResponse {
        UserClientSessionLogResponse {
            log_entries: Some(Vec::new()),
            page_index: request.page_request_index,
            total_page_count: 0,
            records_per_page: request.records_per_page,
            server: self.server.clone(),
            processed_at: Some(self.now()),
            result: self.names.failure.clone(),
            server_error_details: Some(ServerErrorDetails {
                code: self.names.invalid_request.clone(),
                description: Some(format!("{member}: {problem}")),
                additional_messages: Some(Vec::new()),
            }),
        }
    }

    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}

/// The checked query of a request.
fn query(request: &UserClientSessionLogRequest) -> std::result::Result<Query, InvalidRequest> {
    if let (Some(after), Some(before)) = (request.started_after, request.started_before)
        && after >= before
    {
        let [after, before] = [after, before].map(date::to_text);
        let problem = format!("{after} does not lie before StartedBefore {before}");
        return Err(InvalidRequest::new("StartedAfter", problem));
    }
    Query::builder()
        .user_refer_uid(request.user_refer_uid)
        .client_refer_uid(request.client_refer_uid.as_deref())
        .open_sessions_only(request.open_sessions_only)
        .started_after(request.started_after)
        .started_before(request.started_before)
        .build()
        .map_err(|error| invalid(&error))
}

fn page_request(
    responder: &Responder,
    request: &UserClientSessionLogRequest,
) -> std::result::Result<PageRequest, InvalidRequest> {
    let not_negative = |member, number: i32| {
        u32::try_from(number)
            .map_err(|_| InvalidRequest::new(member, format!("{number} is negative")))
    };
    let index = not_negative("PageRequestIndex", request.page_request_index)?;
    let records = match not_negative("RecordsPerPage", request.records_per_page)? {
        0 => responder.records_per_page_default,
        records => records,
    }
    .min(responder.records_per_page_max);
    PageRequest::new(index, records).map_err(|error| invalid(&error))
}

/// A refusal of the core in the contract's names.
fn invalid(error: &Error) -> InvalidRequest {
    let text = error.to_string();
    let member = error.member().unwrap_or_default();
    let problem = text.strip_prefix(member).unwrap_or(&text).trim_start();
    let name = match member {
        "user_refer_uid" => "UserReferUid",
        "client_refer_uid" => "ClientReferUid",
        "records_per_page" => "RecordsPerPage",
        _ => super::OPERATION,
    };
    InvalidRequest::new(name, problem.to_owned())
}
