//! What every engine is asked, and what it answers.

use crate::Result;
use crate::engines::Engine;
use chrono::{DateTime, TimeDelta, Utc};
use sessionlog::generate::Profile;
use sessionlog::{PageRequest, Query, SessionLog};
use uuid::Uuid;

/// Records on a page.
pub(crate) const PAGE: u32 = 50;

/// One page of one filter.
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) query: Query,
    pub(crate) page: PageRequest,
    /// The record before the page, which engines that page by keyset start from: `None` on the
    /// first page.
    pub(crate) after: Option<(DateTime<Utc>, Uuid)>,
}

/// A page with the exact total of its filter, both of one state.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Answer {
    pub(crate) entries: Vec<SessionLog>,
    pub(crate) total: u64,
}

impl Question {
    /// The first page of a query.
    pub(crate) fn first(query: &Query) -> Result<Self> {
        Ok(Self {
            query: query.clone(),
            page: PageRequest::new(0, PAGE)?,
            after: None,
        })
    }

    /// Any page of a query, with the record before it as `engine` tells it.
    pub(crate) fn at(query: &Query, index: u32, engine: &dyn Engine) -> Result<Self> {
        let mut question = Self::first(query)?;
        if let Some(before) = index.checked_sub(1) {
            question.page = PageRequest::new(before, PAGE)?;
            let last = engine.page(&question)?.entries.pop();
            question.after = last.map(|log| (log.session_start, log.refer_uid));
            question.page = PageRequest::new(index, PAGE)?;
        }
        Ok(question)
    }

    /// How many records to skip, and how many to answer.
    pub(crate) fn skip_and_take(&self) -> (u64, u64) {
        let size = u64::from(self.page.records_per_page());
        (u64::from(self.page.page_request_index()) * size, size)
    }
}

/// A filter with its name: any combination of user, client, open only and one day.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) query: Query,
}

/// Every combination, on the busiest user and client and on one day of the middle of the month.
pub(crate) fn cases(profile: Profile) -> Result<Vec<Case>> {
    (0..16_u8).map(|bits| case(profile, bits)).collect()
}

fn case(profile: Profile, bits: u8) -> Result<Case> {
    let [user, client, open, day] = [1, 2, 4, 8].map(|bit| bits & bit != 0);
    let midnight = Profile::default().end - TimeDelta::days(10);
    let client_refer_uid = client.then(|| profile.client_refer_uid(0));
    let query = Query::builder()
        .user_refer_uid(user.then(|| profile.user_refer_uid(0)))
        .client_refer_uid(client_refer_uid.as_deref())
        .open_sessions_only(open)
        .started_after(day.then(|| midnight - TimeDelta::days(1)))
        .started_before(day.then_some(midnight))
        .build()?;
    let parts = [
        (user, "user"),
        (client, "client"),
        (open, "open"),
        (day, "day"),
    ];
    let name = name(&parts);
    Ok(Case { name, query })
}

fn name(parts: &[(bool, &str)]) -> String {
    let set: Vec<&str> = parts.iter().filter(|part| part.0).map(|p| p.1).collect();
    match set.is_empty() {
        true => "none".to_owned(),
        false => set.join("+"),
    }
}

/// The first page of every combination.
pub(crate) fn first_pages(profile: Profile) -> Result<Vec<Question>> {
    let cases = cases(profile)?;
    cases
        .iter()
        .map(|case| Question::first(&case.query))
        .collect()
}

/// The first, middle and last page of a query, as many as `engine` has records for.
pub(crate) fn places(query: &Query, engine: &dyn Engine) -> Result<[(&'static str, Question); 3]> {
    let total = engine.page(&Question::first(query)?)?.total;
    let last = total.div_ceil(u64::from(PAGE)).saturating_sub(1);
    let last = u32::try_from(last)?;
    Ok([
        ("first", Question::first(query)?),
        ("middle", Question::at(query, last / 2, engine)?),
        ("last", Question::at(query, last, engine)?),
    ])
}
