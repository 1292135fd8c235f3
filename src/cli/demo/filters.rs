//! The six filters of the demonstration, chosen so that each has something to show.

use crate::cli::text;
use crate::{BucketCount, Query, QueryBuilder, Result, Store};
use chrono::TimeDelta;
use std::sync::Arc;

/// A question, in words and as a query.
pub(super) struct Filter {
    /// What is asked.
    pub(super) name: &'static str,
    /// Whom or what it is asked of, in the data at hand.
    pub(super) about: String,
    pub(super) query: Query,
}

impl Filter {
    fn new(name: &'static str, about: &str, query: QueryBuilder) -> Result<Self> {
        Ok(Self {
            name,
            about: text::short(about, 40),
            query: query.build()?,
        })
    }
}

/// The filters for a store that is not empty and has sessions on these `days`.
pub(super) fn six(store: &Store, days: &[BucketCount]) -> Result<Vec<Filter>> {
    let users = store.busiest_users(&Query::all(), 1)?.entries.into_iter();
    let (user, user_name) = users
        .map(|user| (user.user_refer_uid, user.user))
        .next()
        .unwrap_or_default();
    let of_user = Query::builder().user_refer_uid(user);
    let client = busiest_client(store, Query::builder())?;
    let usual = busiest_client(store, of_user.clone())?;
    let both = of_user.clone().client_refer_uid(&*usual);
    let of_client = Query::builder().client_refer_uid(&*client);
    let open = Query::builder().open_sessions_only(true);
    let (day, of_day) = busiest_day(days);
    Ok(vec![
        Filter::new("every session", "", Query::builder())?,
        Filter::new("the busiest user", &user_name, of_user)?,
        Filter::new("the busiest client", &client, of_client)?,
        Filter::new("that user on their usual client", &usual, both)?,
        Filter::new("open sessions", "", open)?,
        Filter::new("the busiest day", &day, of_day)?,
    ])
}

fn busiest_client(store: &Store, of: QueryBuilder) -> Result<Arc<str>> {
    let clients = store.busiest_clients(&of.build()?, 1)?.entries;
    let client = clients.into_iter().next();
    Ok(client
        .map(|client| client.client_refer_uid)
        .unwrap_or_default())
}

/// The day's date, and the sessions that started on it: the bounds exclude themselves.
fn busiest_day(days: &[BucketCount]) -> (String, QueryBuilder) {
    let Some(day) = days.iter().max_by_key(|day| day.count) else {
        return (String::new(), Query::builder());
    };
    let tick = TimeDelta::nanoseconds(100);
    let of_day = Query::builder()
        .started_after(day.start.checked_sub_signed(tick))
        .started_before(day.start.checked_add_signed(TimeDelta::days(1)));
    (day.start.format("%Y-%m-%d").to_string(), of_day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Bucket;
    use crate::generate::Profile;

    #[test]
    fn every_filter_finds_something_and_the_right_number() {
        let store = Store::in_memory().unwrap();
        let profile = Profile {
            sessions: 500,
            users: 20,
            clients: 10,
            seed: 3,
            ..Profile::default()
        };
        let logs: Vec<_> = profile.session_logs().collect();
        store.append_batch(logs.iter().cloned()).unwrap();
        let days = store.count_by(&Query::all(), Bucket::Day).unwrap();
        let days: Vec<BucketCount> = days.map(Result::unwrap).collect();
        let counts: Vec<u64> = six(&store, &days)
            .unwrap()
            .iter()
            .map(|filter| store.count(&filter.query).unwrap())
            .collect();
        let open = logs.iter().filter(|log| log.is_open()).count() as u64;
        let day = days.iter().map(|day| day.count).max().unwrap();
        assert_eq!((counts[0], counts[4], counts[5]), (500, open, day));
        assert!(counts[1] >= 500 / 20 && counts[2] >= 500 / 10, "{counts:?}");
        assert!((1..=counts[1]).contains(&counts[3]), "{counts:?}");
    }
}
