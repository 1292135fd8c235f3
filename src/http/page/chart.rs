//! How many sessions started when: a bar for each hour, day or month.

use super::text::{counted, number};
use crate::stores::SessionLogStore;
use crate::{BucketCount, Order, Query, QueryBuilder, Result};
use chrono::{DateTime, Datelike, DurationRound, Months, NaiveTime, TimeDelta, Utc};
use maud::{Markup, html};

/// Sessions that all lie so close to each other are counted by the hour.
const DAYS_BY_HOUR: i64 = 2;
/// The most days that have a bar each: a longer span is counted by the month.
const DAYS_MAX: i64 = 92;
/// The most months that have a bar each: of a longer span, the latest.
const MONTHS_MAX: u32 = 60;

/// The shortest time between two instants of a store.
const TICK: TimeDelta = TimeDelta::nanoseconds(100);

/// What one bar stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bucket {
    Hour,
    Day,
    Month,
}

impl Bucket {
    /// The one that gives neither too many bars nor too few.
    fn of_span(span: TimeDelta) -> Self {
        let days = span.num_days();
        if days < DAYS_BY_HOUR {
            Self::Hour
        } else if days < DAYS_MAX {
            Self::Day
        } else {
            Self::Month
        }
    }

    fn counted(self) -> crate::Bucket {
        match self {
            Self::Hour => crate::Bucket::Hour,
            Self::Day => crate::Bucket::Day,
            Self::Month => crate::Bucket::Month,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Month => "month",
        }
    }

    fn format(self) -> &'static str {
        match self {
            Self::Hour => "%Y-%m-%d %H:00",
            Self::Day => "%Y-%m-%d",
            Self::Month => "%Y-%m",
        }
    }

    /// The first instant of the bucket that holds `at`.
    fn start(self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::Hour => at.duration_trunc(TimeDelta::hours(1)).ok(),
            Self::Day => Some(at.date_naive().and_time(NaiveTime::MIN).and_utc()),
            Self::Month => Some(
                at.date_naive()
                    .with_day(1)?
                    .and_time(NaiveTime::MIN)
                    .and_utc(),
            ),
        }
    }

    /// The first instant of the next bucket.
    fn next(self, start: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match self {
            Self::Hour => start.checked_add_signed(TimeDelta::hours(1)),
            Self::Day => start.checked_add_signed(TimeDelta::days(1)),
            Self::Month => start.checked_add_months(Months::new(1)),
        }
    }
}

/// The bars of an answer, in the order of time, empty ones included.
pub(super) struct Chart {
    bucket: Bucket,
    bars: Vec<BucketCount>,
    /// Whether older sessions match that have no bar.
    is_cut: bool,
}

impl Chart {
    /// Counts what matches and started between these two, both included; `None` if nothing does any
    /// more. The work is bounded, whatever the store holds.
    pub(super) async fn read(
        store: &impl SessionLogStore,
        query: &Query,
        (first, last): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<Option<Self>> {
        // They were read one beside the other: what was written meanwhile can have turned them around.
        let (first, last) = (first.min(last), first.max(last));
        let bucket = Bucket::of_span(last - first);
        let latest = match bucket {
            Bucket::Month => last.checked_sub_months(Months::new(MONTHS_MAX - 1)),
            Bucket::Hour | Bucket::Day => None,
        };
        let from = latest.map_or(first, |latest| latest.max(first));
        let Some(from) = bucket.start(from) else {
            return Ok(None);
        };
        let counts = between(query, (from, last))?;
        let counts = store.count_by(&counts, bucket.counted()).await?;
        Ok((!counts.is_empty()).then(|| Self {
            bucket,
            bars: bars(bucket, from, counts),
            is_cut: first < from,
        }))
    }
}

/// Those that started in a span, both ends included: no newer one has a bar, however many come.
fn between(query: &Query, (from, last): (DateTime<Utc>, DateTime<Utc>)) -> Result<Query> {
    let after = query.started_after().max(from.checked_sub_signed(TICK));
    let before = [query.started_before(), last.checked_add_signed(TICK)];
    QueryBuilder::from(query.clone())
        .order(Order::OldestFirst)
        .started_after(after)
        .started_before(before.into_iter().flatten().min())
        .build()
}

/// With the empty ones between those that are not.
fn bars(bucket: Bucket, from: DateTime<Utc>, counts: Vec<BucketCount>) -> Vec<BucketCount> {
    let mut bars = Vec::new();
    let mut next = Some(from);
    for found in counts {
        while let Some(start) = next.filter(|start| *start < found.start) {
            bars.push(BucketCount { start, count: 0 });
            next = bucket.next(start);
        }
        bars.push(found);
        next = bucket.next(found.start);
    }
    bars
}

/// Where a bar leads.
pub(super) struct Span {
    pub(super) started_after: Option<DateTime<Utc>>,
    pub(super) started_before: Option<DateTime<Utc>>,
}

impl Chart {
    /// The bars as a picture and as a table; `link` gives the address of the sessions of a span.
    pub(super) fn figure(&self, link: impl Fn(&Span) -> String) -> Markup {
        let per = format!("Sessions per {}", self.bucket.name());
        let most = self
            .bars
            .iter()
            .map(|bar| bar.count)
            .max()
            .unwrap_or(1)
            .max(1);
        html! {
            figure.chart aria-labelledby="chart-title" {
                figcaption {
                    h2 #chart-title { (per) }
                    p.hint { (self.extent()) }
                }
                div.plot {
                    div.scale aria-hidden="true" {
                        span { (number(most)) } span { (number(most / 2)) } span { "0" }
                    }
                    (self.picture(most, &link))
                    div.axis aria-hidden="true" {
                        @for label in self.labels() { span { (label) } }
                    }
                }
                details {
                    summary { (per) " as a table" }
                    (self.table(&per, &link))
                }
            }
        }
    }

    fn extent(&self) -> String {
        let name = |bar: Option<&BucketCount>| bar.map(|bar| self.label(bar)).unwrap_or_default();
        let (first, last) = (name(self.bars.first()), name(self.bars.last()));
        let span = match first == last {
            true => format!("{first}, UTC."),
            false => format!("{first} to {last}, UTC."),
        };
        match self.is_cut {
            true => format!("{span} Older sessions match, too."),
            false => span,
        }
    }

    fn label(&self, bar: &BucketCount) -> String {
        bar.start.format(self.bucket.format()).to_string()
    }

    /// The first, the middle and the last bar; fewer if there are fewer.
    fn labels(&self) -> Vec<String> {
        let last = self.bars.len().saturating_sub(1);
        let mut places = vec![0, last / 2, last];
        places.dedup();
        let bars = places.iter().filter_map(|at| self.bars.get(*at));
        bars.map(|bar| self.label(bar)).collect()
    }

    fn span(&self, bar: &BucketCount) -> Span {
        Span {
            started_after: bar.start.checked_sub_signed(TICK),
            started_before: self.bucket.next(bar.start),
        }
    }

    /// For the eye and the mouse alone: all that it says and all that it links to is in the table.
    fn picture(&self, most: u64, link: &impl Fn(&Span) -> String) -> Markup {
        let width = self.bars.len();
        html! {
            svg aria-hidden="true" focusable="false" preserveAspectRatio="none"
                viewBox=(format!("0 0 {width} 100")) {
                @for y in [0, 50, 100] {
                    line.grid x1="0" x2=(width) y1=(y) y2=(y) {}
                }
                @for (at, bar) in self.bars.iter().enumerate() {
                    a href=(link(&self.span(bar))) tabindex="-1" {
                        title { (self.label(bar)) ": " (counted(bar.count, "session")) }
                        rect.space x=(at) y="0" width="1" height="100" {}
                        (rectangle(at, bar.count, most))
                    }
                }
            }
        }
    }

    fn table(&self, caption: &str, link: &impl Fn(&Span) -> String) -> Markup {
        html! {
            div.scroll tabindex="0" role="region" aria-label=(caption) {
                table.counts {
                    caption { (caption) }
                    thead { tr {
                        th scope="col" { (self.bucket.name()) " (UTC)" }
                        th.number scope="col" { "Sessions" }
                    } }
                    tbody {
                        @for bar in &self.bars {
                            tr {
                                th scope="row" { a href=(link(&self.span(bar))) { (self.label(bar)) } }
                                td.number { (number(bar.count)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// One bar, in units of a hundredth of the largest; what is not zero can be seen.
fn rectangle(at: usize, count: u64, most: u64) -> Markup {
    let thousandths = u128::from(count) * 100_000 / u128::from(most);
    let height = match (count, thousandths) {
        (0, _) => 0,
        (_, thousandths) => thousandths.max(1_000),
    };
    let decimal = |thousandths: u128| format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000);
    html! {
        rect.bar-of x=(format!("{at}.1")) width="0.8"
            y=(decimal(100_000 - height)) height=(decimal(height)) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stores::Embedded;
    use crate::{SessionLog, Store};
    use uuid::Uuid;

    fn at(hour: u32) -> DateTime<Utc> {
        let text = format!("2015-06-01T{hour:02}:30:00Z");
        DateTime::parse_from_rfc3339(&text).unwrap().to_utc()
    }

    /// The hours that have bars, and their counts, of a store with a session in each hour up to the tenth.
    fn bars_of(query: &Query, ends: (DateTime<Utc>, DateTime<Utc>)) -> Option<Vec<(u32, u64)>> {
        let store = Store::in_memory().unwrap();
        let (user, id) = (Uuid::from_u128(7), |hour: u32| Uuid::from_u128(hour.into()));
        let logs = (1..=10)
            .map(|hour| SessionLog::new(id(hour), user, "Ann", "PDA-01", at(hour), None).unwrap());
        store.append_batch(logs).unwrap();
        let store = Embedded::with_threads(store, 1).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let chart = runtime.unwrap().block_on(Chart::read(&store, query, ends));
        let bars = chart.unwrap()?.bars;
        let hour = |bar: &BucketCount| chrono::Timelike::hour(&bar.start);
        Some(bars.iter().map(|bar| (hour(bar), bar.count)).collect())
    }

    #[test]
    fn ends_that_were_read_while_others_wrote_make_a_chart_all_the_same() {
        let all = Query::all();
        assert_eq!(bars_of(&all, (at(4), at(5))), Some(vec![(4, 1), (5, 1)]));
        // A newer session was removed before the older one came.
        assert_eq!(bars_of(&all, (at(5), at(4))), Some(vec![(4, 1), (5, 1)]));
        // All that there was is gone.
        assert_eq!(bars_of(&all, (at(12), at(13))), None);
        assert_eq!(bars_of(&all, (at(0), at(0))), None);
    }

    #[test]
    fn the_ends_of_all_time_have_bars() {
        let last = DateTime::<Utc>::MAX_UTC;
        assert_eq!(bars_of(&Query::all(), (last, last)), None);
        let bounded = Query::builder().started_after(at(4)).started_before(at(6));
        let bounded = bounded.build().unwrap();
        assert_eq!(bars_of(&bounded, (at(5), at(5))), Some(vec![(5, 1)]));
    }
}
