//! What the demonstration prints, in the 80 columns of a terminal.

use super::tour::Stop;
use crate::cli::screen::{Screen, align_right, lines};
use crate::cli::{chart, text};
use crate::{Bucket, BucketCount, SessionLog, Stats};
use chrono::TimeDelta;
use std::io::{self, Write};
use std::time::Duration;

const PAGES: [&str; 3] = ["first", "middle", "last"];

/// The most days that the chart shows: a month.
const DAYS_MAX: u16 = 31;

/// How many sessions pass each filter, and how long its pages take.
pub(super) fn timings(out: &mut impl Write, stops: &[Stop], screen: Screen) -> io::Result<()> {
    let [first, middle, last] = PAGES;
    let mut table = screen.table(["filter", "sessions", "pages", first, middle, last]);
    align_right(&mut table, 1..6);
    for (index, stop) in stops.iter().enumerate() {
        let name = format!("{} {}", index + 1, stop.filter.name);
        let totals = [stop.total_record_count, stop.total_page_count].map(text::grouped);
        let times = stop.pages.each_ref().map(|page| text::took(page.took));
        table.add_row([name].into_iter().chain(totals).chain(times));
    }
    writeln!(out, "Pages of 50 sessions, and how long each takes to read")?;
    writeln!(out, "{}", lines(&table))
}

/// The first session of each page.
pub(super) fn samples(out: &mut impl Write, stops: &[Stop]) -> io::Result<()> {
    writeln!(
        out,
        "The first session of each page: start in UTC, length, user, client"
    )?;
    for (index, stop) in stops.iter().enumerate() {
        let filter = &stop.filter;
        let colon = if filter.about.is_empty() { "" } else { ": " };
        writeln!(
            out,
            "  {} {}{colon}{}",
            index + 1,
            filter.name,
            filter.about
        )?;
        for (page, read) in PAGES.iter().zip(&stop.pages) {
            if let Some(log) = &read.first {
                writeln!(out, "{}", sample(page, log).trim_end())?;
            }
        }
    }
    writeln!(out)
}

fn sample(page: &str, log: &SessionLog) -> String {
    let length = log.session_end.map(|end| end - log.session_start);
    format!(
        "    {page:<6}  {}  {:>7}  {:<16}  {}",
        text::second(log.session_start),
        length.map_or_else(|| "open".to_owned(), text::lasted),
        text::short(&log.user, 16),
        text::short(&log.client_refer_uid, 20),
    )
}

/// A bar for each of the last days, the empty ones too.
pub(super) fn days(out: &mut impl Write, days: &[BucketCount], screen: Screen) -> io::Result<()> {
    let first = days.last().and_then(|last| {
        let days = TimeDelta::days(i64::from(DAYS_MAX) - 1);
        last.start.checked_sub_signed(days)
    });
    let earlier = days.partition_point(|day| first.is_some_and(|first| day.start < first));
    match earlier {
        0 => writeln!(out, "Sessions per day")?,
        _ => writeln!(out, "Sessions per day, without {earlier} earlier days")?,
    }
    let shown = days.get(earlier..).unwrap_or_default();
    writeln!(out, "{}", chart::bars(shown, Bucket::Day, screen))
}

/// What it took to build the store, and what it takes to keep it.
pub(super) fn cost(out: &mut impl Write, stats: &Stats, took: Duration) -> io::Result<()> {
    let sessions = stats.session_count.max(1);
    let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX).max(1);
    writeln!(
        out,
        "Built in {}.{} s: {} sessions a second",
        text::grouped(millis / 1_000),
        millis % 1_000 / 100,
        text::grouped(sessions.saturating_mul(1_000) / millis)
    )?;
    writeln!(
        out,
        "On disk: {} bytes, {} bytes a session",
        text::grouped(stats.file_bytes),
        text::grouped(stats.file_bytes_per_session)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(start: &str, count: u64) -> BucketCount {
        let start = format!("{start}T00:00:00Z").parse().unwrap();
        BucketCount { start, count }
    }

    fn chart(buckets: &[BucketCount]) -> String {
        let mut out = Vec::new();
        days(&mut out, buckets, Screen::of_stdout().of_80_columns()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_chart_shows_the_last_month_of_a_long_log_and_says_so() {
        let chart = chart(&[
            day("1999-01-01", 1),
            day("2026-10-01", 1),
            day("2026-10-02", 1),
            day("2026-11-01", 1),
        ]);
        let days = chart.lines().filter(|line| line.contains(" 2026-"));
        assert_eq!(days.count(), 31, "{chart}");
        assert!(chart.contains("without 2 earlier days\n"), "{chart}");
    }
}
