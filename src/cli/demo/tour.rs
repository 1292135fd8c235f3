//! The first, the middle and the last page of each filter, with the time that each takes.

use super::filters::Filter;
use crate::{Page, PageRequest, Query, Result, SessionLog, Store};
use std::time::{Duration, Instant};

const RECORDS_PER_PAGE: u32 = 50;

/// How many times a page is read to tell how long that takes: the median of an odd number.
const CALLS: usize = 21;

/// What a filter answers.
pub(super) struct Stop {
    pub(super) filter: Filter,
    pub(super) total_record_count: u64,
    pub(super) total_page_count: u64,
    /// The first, the middle and the last page.
    pub(super) pages: [Read; 3],
}

/// One page that was read.
pub(super) struct Read {
    /// Its first session.
    pub(super) first: Option<SessionLog>,
    pub(super) took: Duration,
}

/// Goes through the pages of every filter.
pub(super) fn take(store: &Store, filters: Vec<Filter>) -> Result<Vec<Stop>> {
    filters
        .into_iter()
        .map(|filter| visit(store, filter))
        .collect()
}

fn visit(store: &Store, filter: Filter) -> Result<Stop> {
    let (first, took) = read(store, &filter.query, 0)?;
    let (total_record_count, total_page_count) = (first.total_record_count, first.total_page_count);
    let last = u32::try_from(total_page_count.saturating_sub(1)).unwrap_or(u32::MAX);
    let (middle, middle_took) = read(store, &filter.query, last / 2)?;
    let (end, end_took) = read(store, &filter.query, last)?;
    Ok(Stop {
        total_record_count,
        total_page_count,
        pages: [(first, took), (middle, middle_took), (end, end_took)].map(Read::new),
        filter,
    })
}

impl Read {
    fn new((page, took): (Page, Duration)) -> Self {
        let first = page.entries.into_iter().next();
        Self { first, took }
    }
}

/// A page, and the median time of reading it again.
fn read(store: &Store, query: &Query, index: u32) -> Result<(Page, Duration)> {
    let request = PageRequest::new(index, RECORDS_PER_PAGE)?;
    let page = store.page(query, request)?;
    let mut times = [Duration::ZERO; CALLS];
    for time in &mut times {
        let started = Instant::now();
        store.page(query, request)?;
        *time = started.elapsed();
    }
    times.sort_unstable();
    let median = times.get(CALLS / 2).copied();
    Ok((page, median.unwrap_or_default()))
}
