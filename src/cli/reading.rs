//! The commands that read a store.

use super::args;
use super::exit::Failure;
use super::filter::Unresolved;
use super::output;
use crate::{BucketCount, Order, PageRequest, Query, Result as StoreResult, Store};
use serde::Serialize;
use std::path::Path;

/// Opens a store that other readers may have open too.
pub(super) fn open_to_read(path: &Path) -> StoreResult<Store> {
    Store::options().read_only(true).open(path)
}

/// Prints one page.
pub(super) fn query(store: &Path, args: &args::Query) -> Result<(), Failure> {
    let store = open_to_read(store)?;
    let order = match args.newest_first {
        true => Order::NewestFirst,
        false => Order::OldestFirst,
    };
    let query = args.filter.query(&store)?.order(order).build()?;
    let page = store.page(&query, PageRequest::new(args.page, args.per_page)?)?;
    output::answer(|out| Ok(output::page(out, &page, args.answer.output)?))
}

/// Prints one session.
pub(super) fn get(store: &Path, args: &args::Get) -> Result<(), Failure> {
    let log = open_to_read(store)?.get(args.refer_uid)?;
    let log = log.ok_or(Unresolved::Session(args.refer_uid))?;
    output::answer(|out| Ok(output::session(out, &log, args.answer.output)?))
}

/// Prints how many sessions there are.
pub(super) fn count(store: &Path, args: &args::Count) -> Result<(), Failure> {
    let store = open_to_read(store)?;
    let query = args.filter.query(&store)?.build()?;
    let counted = Counted {
        total_record_count: store.count(&query)?,
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
pub(super) fn histogram(store: &Path, args: &args::Histogram) -> Result<(), Failure> {
    let store = open_to_read(store)?;
    let query = args.filter.query(&store)?.build()?;
    let bucket = args.by.bucket();
    let buckets = store.count_by(&query, bucket)?;
    let buckets = buckets.collect::<StoreResult<Vec<BucketCount>>>()?;
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
pub(super) fn users(store: &Path, args: &args::Users) -> Result<(), Failure> {
    let (store, query, top) = ranking(store, &args.ranking)?;
    let users = store.busiest_users(&query, top)?;
    output::answer(|out| Ok(output::users(out, &users, args.ranking.answer.output)?))
}

/// Prints the busiest clients.
pub(super) fn clients(store: &Path, args: &args::Clients) -> Result<(), Failure> {
    let (store, query, top) = ranking(store, &args.ranking)?;
    let clients = store.busiest_clients(&query, top)?;
    output::answer(|out| Ok(output::clients(out, &clients, args.ranking.answer.output)?))
}

fn ranking(store: &Path, args: &args::Ranking) -> Result<(Store, Query, usize), Failure> {
    let store = open_to_read(store)?;
    let query = args.filter.query(&store)?.build()?;
    let top = usize::try_from(args.top).unwrap_or(usize::MAX);
    Ok((store, query, top))
}

/// Prints what the store holds.
pub(super) fn stats(store: &Path, args: &args::Stats) -> Result<(), Failure> {
    let stats = open_to_read(store)?.stats()?;
    output::answer(|out| Ok(output::stats(out, &stats, args.answer.output)?))
}
