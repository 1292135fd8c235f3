//! The commands that read a store.

use super::args;
use super::exit::Failure;
use super::filter::Unresolved;
use super::output;
use super::store::{AnyStore, Opened, Site};
use crate::stores::SessionLogStore;
use crate::{Order, PageRequest, Query};
use serde::Serialize;
use uuid::Uuid;

/// Prints one page.
pub(super) fn query(site: &Site<'_>, args: &args::Query) -> Result<(), Failure> {
    let store = site.open_to_read()?;
    let order = match args.newest_first {
        true => Order::NewestFirst,
        false => Order::OldestFirst,
    };
    let query = args.filter.query(&store)?.order(order).build()?;
    let request = PageRequest::new(args.page, args.per_page)?;
    let page = store.wait(async |store| store.page(&query, request).await)?;
    output::answer(|out| Ok(output::page(out, &page, args.answer.output)?))
}

/// Prints one session.
pub(super) fn get(site: &Site<'_>, args: &args::Get) -> Result<(), Failure> {
    let store = site.open_to_read()?;
    let log = store.wait(async |store| store.get(args.refer_uid).await)?;
    let log = log.ok_or(Unresolved::Session(args.refer_uid))?;
    output::answer(|out| Ok(output::session(out, &log, args.answer.output)?))
}

/// Prints how many sessions there are.
pub(super) fn count(site: &Site<'_>, args: &args::Count) -> Result<(), Failure> {
    let store = site.open_to_read()?;
    let query = args.filter.query(&store)?.build()?;
    let counted = Counted {
        total_record_count: store.wait(async |store| store.count(&query).await)?,
    };
    // Plain digits, also for people: shells calculate with them.
    output::report(&counted, args.answer.output, |counted| {
        counted.total_record_count.to_string()
    })
}

#[derive(Serialize)]
struct Counted {
    total_record_count: u64,
}

/// Draws how many sessions started when.
pub(super) fn histogram(site: &Site<'_>, args: &args::Histogram) -> Result<(), Failure> {
    let store = site.open_to_read()?;
    let query = args.filter.query(&store)?.build()?;
    let bucket = args.by.bucket();
    let buckets = store.wait(async |store| store.count_by(&query, bucket).await)?;
    output::answer(|out| {
        Ok(output::histogram(
            out,
            &buckets,
            bucket,
            args.answer.output,
        )?)
    })
}

/// Prints the busiest users.
pub(super) fn users(site: &Site<'_>, args: &args::Users) -> Result<(), Failure> {
    let (store, query, top) = ranking(site, &args.ranking)?;
    let users = store.wait(async |store| store.busiest_users(&query, top).await)?;
    output::answer(|out| Ok(output::users(out, &users, args.ranking.answer.output)?))
}

/// Prints the busiest clients.
pub(super) fn clients(site: &Site<'_>, args: &args::Clients) -> Result<(), Failure> {
    let (store, query, top) = ranking(site, &args.ranking)?;
    let clients = store.wait(async |store| store.busiest_clients(&query, top).await)?;
    output::answer(|out| Ok(output::clients(out, &clients, args.ranking.answer.output)?))
}

fn ranking(site: &Site<'_>, args: &args::Ranking) -> Result<(Opened, Query, usize), Failure> {
    let store = site.open_to_read()?;
    let query = args.filter.query(&store)?.build()?;
    let top = usize::try_from(args.top).unwrap_or(usize::MAX);
    Ok((store, query, top))
}

/// What a database tells of the store in it.
#[derive(Debug, Serialize)]
pub(super) struct DatabaseStats {
    pub(super) store_uid: Uuid,
    pub(super) session_count: u64,
    pub(super) open_session_count: u64,
    pub(super) stored_bytes: u64,
}

/// Prints what the store holds.
pub(super) fn stats(site: &Site<'_>, args: &args::Stats) -> Result<(), Failure> {
    let (store, output) = (site.open_to_read()?, args.answer.output);
    match store.store() {
        AnyStore::Embedded(embedded) => {
            let stats = embedded.store().stats()?;
            output::answer(|out| Ok(output::stats(out, &stats, output)?))
        }
        AnyStore::Postgres(database) => {
            let stats = store.wait(async |store| store.stats().await)?;
            let stats = DatabaseStats {
                store_uid: database.store_uid(),
                session_count: stats.session_count,
                open_session_count: stats.open_session_count,
                stored_bytes: stats.stored_bytes,
            };
            output::answer(|out| Ok(output::database_stats(out, &stats, output)?))
        }
    }
}
