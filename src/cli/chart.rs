//! How many sessions started when, as bars.

use super::screen::{Screen, align_right, lines};
use super::text;
use crate::{Bucket, BucketCount};
use chrono::{DateTime, Datelike, Months, TimeDelta, Utc};
use comfy_table::{Cell, Color, ContentArrangement, Table};

/// The most empty buckets in a row that have a line each.
const EMPTY_MAX: u64 = 31;

/// The blanks around three columns.
const PADDING: usize = 6;

/// The length of the longest bar on a screen of any width.
const BAR_MAX: u64 = 120;

/// A line for each bucket from the first to the last, oldest first; one for many empty ones in a row.
pub(super) fn bars(buckets: &[BucketCount], bucket: Bucket, screen: Screen) -> String {
    let mut chart = Chart::new(buckets, bucket, screen);
    let mut next = None;
    for found in buckets {
        if let Some(first) = next {
            chart.add_empty(first, found.start);
        }
        chart.add(found.start, found.count);
        next = after(found.start, bucket);
    }
    // There are columns once there are rows.
    align_right(&mut chart.table, [1]);
    lines(&chart.table)
}

fn after(start: DateTime<Utc>, bucket: Bucket) -> Option<DateTime<Utc>> {
    match bucket {
        Bucket::Hour => start.checked_add_signed(TimeDelta::hours(1)),
        Bucket::Day => start.checked_add_signed(TimeDelta::days(1)),
        Bucket::Month => start.checked_add_months(Months::new(1)),
    }
}

/// How many buckets begin from the start of one up to that of another.
fn between(first: DateTime<Utc>, end: DateTime<Utc>, bucket: Bucket) -> u64 {
    let months = |at: DateTime<Utc>| i64::from(at.year()) * 12 + i64::from(at.month());
    let buckets = match bucket {
        Bucket::Hour => (end - first).num_hours(),
        Bucket::Day => (end - first).num_days(),
        Bucket::Month => months(end) - months(first),
    };
    u64::try_from(buckets).unwrap_or(0)
}

/// What one bar stands for.
pub(super) fn name(bucket: Bucket) -> &'static str {
    match bucket {
        Bucket::Hour => "hour",
        Bucket::Day => "day",
        Bucket::Month => "month",
    }
}

/// Bars in the making.
struct Chart {
    table: Table,
    bucket: Bucket,
    /// The highest count, and the length of its bar.
    most: u64,
    longest: u64,
}

impl Chart {
    fn new(buckets: &[BucketCount], bucket: Bucket, screen: Screen) -> Self {
        let most = buckets.iter().map(|bucket| bucket.count).max().unwrap_or(0);
        let beside = label(DateTime::UNIX_EPOCH, bucket).len() + text::grouped(most).len();
        let left = usize::from(screen.columns).saturating_sub(beside + PADDING);
        let mut table = screen.bare_table();
        // The bars are made to fit; broken ones would tell nothing.
        table.set_content_arrangement(ContentArrangement::Disabled);
        Self {
            table,
            bucket,
            most: most.max(1),
            longest: (left as u64).clamp(1, BAR_MAX),
        }
    }

    fn add(&mut self, start: DateTime<Utc>, count: u64) {
        let length = u128::from(count) * u128::from(self.longest);
        let length = usize::try_from(length.div_ceil(self.most.into())).unwrap_or(0);
        let bar = Cell::new("█".repeat(length));
        self.table.add_row([
            Cell::new(label(start, self.bucket)),
            Cell::new(text::grouped(count)),
            if length > 0 {
                bar.fg(Color::DarkCyan)
            } else {
                bar
            },
        ]);
    }

    /// Adds the buckets from one up to another, of which none has a session.
    fn add_empty(&mut self, first: DateTime<Utc>, end: DateTime<Utc>) {
        let bucket = self.bucket;
        let count = between(first, end, bucket);
        if count > EMPTY_MAX {
            let count = text::counted(count, name(bucket));
            let gap = format!("{count} without a session");
            let fits = gap.len() as u64 <= self.longest;
            let gap = if fits { gap } else { count };
            self.table.add_row(["⋮".to_owned(), String::new(), gap]);
            return;
        }
        let next = |start: &DateTime<Utc>| after(*start, bucket);
        let buckets = std::iter::successors(Some(first), next);
        let empty = buckets.take_while(|start| *start < end);
        empty.for_each(|start| self.add(start, 0));
    }
}

fn label(start: DateTime<Utc>, bucket: Bucket) -> String {
    let format = match bucket {
        Bucket::Hour => "%Y-%m-%d %H:00",
        Bucket::Day => "%Y-%m-%d",
        Bucket::Month => "%Y-%m",
    };
    start.format(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(start: &str, count: u64) -> BucketCount {
        let start = start.parse().unwrap();
        BucketCount { start, count }
    }

    fn chart(buckets: &[BucketCount], bucket: Bucket, columns: u16) -> String {
        let screen = Screen {
            columns,
            has_colours: false,
            now: DateTime::UNIX_EPOCH,
        };
        bars(buckets, bucket, screen)
    }

    #[test]
    fn the_longest_bar_fills_the_screen_and_every_session_is_seen() {
        let days = [
            found("2026-10-30T00:00:00Z", 54_000),
            found("2026-11-01T00:00:00Z", 1),
        ];
        let full = "█".repeat(80 - 22);
        let expected =
            format!(" 2026-10-30  54,000  {full}\n 2026-10-31       0\n 2026-11-01       1  █\n");
        assert_eq!(chart(&days, Bucket::Day, 80), expected);
        let narrow = chart(&days, Bucket::Day, 10);
        assert!(
            narrow.lines().next().unwrap().ends_with("54,000  █"),
            "{narrow}"
        );
        let huge = [found("2026-10-30T00:00:00Z", u64::MAX)];
        assert!(chart(&huge, Bucket::Day, 1_000).ends_with(&format!("  {}\n", "█".repeat(120))));
    }

    #[test]
    fn each_bucket_has_its_label() {
        let hours = [
            found("2026-10-30T23:00:00Z", 2),
            found("2026-10-31T01:00:00Z", 1),
        ];
        let expected =
            " 2026-10-30 23:00  2  ████\n 2026-10-31 00:00  0\n 2026-10-31 01:00  1  ██\n";
        assert_eq!(chart(&hours, Bucket::Hour, 27), expected);
        let months = [
            found("2026-10-01T00:00:00Z", 2),
            found("2026-12-01T00:00:00Z", 2),
        ];
        let expected = " 2026-10  2  █\n 2026-11  0\n 2026-12  2  █\n";
        assert_eq!(chart(&months, Bucket::Month, 15), expected);
    }

    #[test]
    fn many_empty_buckets_in_a_row_are_one_line() {
        let days = [
            found("1999-01-01T00:00:00Z", 1),
            found("2026-11-01T00:00:00Z", 1),
        ];
        for (columns, gap) in [(80, "10,165 days without a session"), (40, "10,165 days")] {
            let chart = chart(&days, Bucket::Day, columns);
            let lines: Vec<&str> = chart.lines().collect();
            assert_eq!(lines.len(), 3, "{chart}");
            assert_eq!(lines[1], format!(" ⋮              {gap}"));
        }
        let all = [
            found("0001-01-01T00:00:00Z", 1),
            found("9999-12-01T00:00:00Z", 1),
        ];
        for (bucket, gap) in [
            (Bucket::Hour, " 87,648,671 hours "),
            (Bucket::Month, " 119,986 months "),
        ] {
            let chart = chart(&all, bucket, 80);
            assert!(chart.contains(gap), "{chart}");
        }
    }

    #[test]
    fn no_bucket_is_no_line() {
        assert_eq!(chart(&[], Bucket::Month, 80), "");
    }
}
