//! Instants in ticks of 100 ns: their range, their conversion, their text, and the clock.

use crate::error::{Error, Result};
use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, SecondsFormat, TimeZone, Timelike, Utc};
use serde::{Deserialize, Serialize};
use std::fmt::Debug;
use std::sync::Arc;

/// The current time, as the store sees it.
///
/// A store takes every instant that its caller does not give from its clock, so that a test or a
/// simulation can replay a run.
pub trait Clock: Debug + Send + Sync {
    /// The current instant.
    fn now(&self) -> DateTime<Utc>;
}

impl<T: Clock + ?Sized> Clock for Arc<T> {
    fn now(&self) -> DateTime<Utc> {
        (**self).now()
    }
}

/// The operating system's clock: the default.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the clock"
    )]
    fn now(&self) -> DateTime<Utc> {
        std::time::SystemTime::now().into()
    }
}

/// An instant in ticks of 100 ns (the .NET tick) since 1970-01-01T00:00:00Z.
///
/// Always within [`Ticks::FLOOR`]..=[`Ticks::CEILING`], so that it converts to a `DateTime` and
/// back. Records lie strictly between the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ticks(i64);

const TICKS_PER_SECOND: i64 = 10_000_000;
const NANOS_PER_TICK: u32 = 100;

/// Adding this to the sign bit makes unsigned order the order of instants.
const SIGN: u64 = 1 << 63;

impl Ticks {
    /// 0001-01-01T00:00:00Z, one tick before the first instant a record can have.
    pub(crate) const FLOOR: Self = Self(-62_135_596_800 * TICKS_PER_SECOND);
    /// 10000-01-01T00:00:00Z, one tick after the last instant a record can have.
    pub(crate) const CEILING: Self = Self(253_402_300_800 * TICKS_PER_SECOND);

    /// The tick that holds `at`, clamped to the range of ticks.
    ///
    /// A leap second counts as the second that follows it.
    pub(crate) fn floor(at: DateTime<Utc>) -> Self {
        let ticks_in_second = i64::from(at.timestamp_subsec_nanos() / NANOS_PER_TICK);
        Self::clamped(at.timestamp(), ticks_in_second)
    }

    /// The first tick that does not lie before `at`, clamped to the range of ticks.
    pub(crate) fn ceil(at: DateTime<Utc>) -> Self {
        let ticks_in_second = i64::from(at.timestamp_subsec_nanos().div_ceil(NANOS_PER_TICK));
        Self::clamped(at.timestamp(), ticks_in_second)
    }

    fn clamped(seconds: i64, ticks_in_second: i64) -> Self {
        let ticks = seconds
            .saturating_mul(TICKS_PER_SECOND)
            .saturating_add(ticks_in_second);
        Self(ticks.clamp(Self::FLOOR.0, Self::CEILING.0))
    }

    /// The tick of a record's `member`, floored.
    ///
    /// # Errors
    ///
    /// `InvalidInput` outside 0001-01-01T00:00:00.0000001Z..=9999-12-31T23:59:59.9999999Z.
    pub(crate) fn of_record(member: &'static str, at: DateTime<Utc>) -> Result<Self> {
        let ticks = Self::floor(at);
        if ticks.is_record_time() {
            return Ok(ticks);
        }
        Err(Error::invalid(
            member,
            format_args!(
                "{} lies outside 0001-01-01T00:00:00.0000001Z..=9999-12-31T23:59:59.9999999Z",
                at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
            ),
        ))
    }

    pub(crate) fn is_record_time(self) -> bool {
        self > Self::FLOOR && self < Self::CEILING
    }

    /// The tick after this one; the last stays itself.
    pub(crate) fn next(self) -> Self {
        Self((self.0 + 1).min(Self::CEILING.0))
    }

    pub(crate) fn to_utc(self) -> DateTime<Utc> {
        Calendar::default().date_time(self)
    }

    /// Ticks since 0001-01-01T00:00:00Z (`DateTime.Ticks` of .NET): never negative.
    #[cfg(feature = "postgres")]
    pub(crate) fn since_year_one(self) -> i64 {
        self.0 - Self::FLOOR.0
    }

    /// The reverse of [`Ticks::since_year_one`]; `None` outside the range of ticks.
    #[cfg(feature = "postgres")]
    pub(crate) fn from_year_one(ticks: i64) -> Option<Self> {
        let ticks = Self(ticks.checked_add(Self::FLOOR.0)?);
        (Self::FLOOR..=Self::CEILING)
            .contains(&ticks)
            .then_some(ticks)
    }

    /// An unsigned number in the order of instants, for keys.
    pub(crate) fn to_sortable(self) -> u64 {
        self.0.cast_unsigned() ^ SIGN
    }

    /// The reverse of [`Ticks::to_sortable`]; `None` outside the range of ticks.
    pub(crate) fn from_sortable(sortable: u64) -> Option<Self> {
        let ticks = Self((sortable ^ SIGN).cast_signed());
        (Self::FLOOR..=Self::CEILING)
            .contains(&ticks)
            .then_some(ticks)
    }
}

/// Converts ticks to dates and remembers the day: finding the date takes most of the time of a
/// conversion, and neighbours in an answer mostly share it.
#[derive(Debug, Default)]
pub(crate) struct Calendar {
    /// Days since 1970-01-01.
    day: i64,
    date: NaiveDate,
}

impl Calendar {
    #[inline]
    pub(crate) fn date_time(&mut self, at: Ticks) -> DateTime<Utc> {
        const TICKS_PER_DAY: i64 = 86_400 * TICKS_PER_SECOND;
        let day = at.0.div_euclid(TICKS_PER_DAY);
        if day != self.day {
            self.day = day;
            // In range, as every tick is.
            self.date =
                NaiveDate::from_epoch_days(i32::try_from(day).unwrap_or(0)).unwrap_or_default();
        }
        let ticks = at.0.rem_euclid(TICKS_PER_DAY);
        let second = u32::try_from(ticks / TICKS_PER_SECOND).unwrap_or(0);
        let nanos = u32::try_from(ticks % TICKS_PER_SECOND).unwrap_or(0) * NANOS_PER_TICK;
        let time = NaiveTime::from_num_seconds_from_midnight_opt(second, nanos);
        self.date.and_time(time.unwrap_or_default()).and_utc()
    }
}

/// A span of UTC time to count by: see [`Store::count_by`](crate::Store::count_by).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Bucket {
    /// From one full hour to the next.
    Hour,
    /// From one midnight to the next.
    Day,
    /// From the first of one month to the first of the next.
    Month,
}

impl Bucket {
    /// The bucket that holds `at`: its first tick, and the first tick after it.
    pub(crate) fn around(self, at: Ticks) -> (Ticks, Ticks) {
        match self {
            Self::Hour => aligned(at, 3_600),
            Self::Day => aligned(at, 86_400),
            Self::Month => month_around(at.to_utc()),
        }
    }
}

fn aligned(at: Ticks, seconds: i64) -> (Ticks, Ticks) {
    let span = seconds * TICKS_PER_SECOND;
    let start = at.0 - at.0.rem_euclid(span);
    (Ticks(start), Ticks((start + span).min(Ticks::CEILING.0)))
}

fn month_around(at: DateTime<Utc>) -> (Ticks, Ticks) {
    let (year, month) = (at.year(), at.month());
    let (next_year, next_month) = if month == 12 {
        (year + 1, 1)
    } else {
        (year, month + 1)
    };
    (
        first_of_month(year, month),
        first_of_month(next_year, next_month),
    )
}

fn first_of_month(year: i32, month: u32) -> Ticks {
    Utc.with_ymd_and_hms(year, month, 1, 0, 0, 0)
        .single()
        .map_or(Ticks::CEILING, Ticks::floor)
}

/// RFC 3339 in UTC with as many fraction digits as the instant needs, seven at most for a record.
pub(crate) fn to_text(at: DateTime<Utc>) -> String {
    let nanos = at.nanosecond();
    if nanos >= 1_000_000_000 || !(1..=9999).contains(&at.year()) {
        return at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
    }
    let mut text = at.format("%Y-%m-%dT%H:%M:%S").to_string();
    if nanos != 0 {
        let fraction = format!(".{nanos:09}");
        text.push_str(fraction.trim_end_matches('0'));
    }
    text.push('Z');
    text
}

/// `serde(with = …)` for an instant as RFC 3339 text; any offset is read, UTC is written.
pub(crate) mod text {
    use super::{DateTime, Utc};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::borrow::Cow;

    pub(crate) fn serialize<S: Serializer>(
        at: &DateTime<Utc>,
        to: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        to.serialize_str(&super::to_text(*at))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> std::result::Result<DateTime<Utc>, D::Error> {
        let text = Cow::<str>::deserialize(from)?;
        parse(&text).map_err(D::Error::custom)
    }

    pub(super) fn parse(text: &str) -> std::result::Result<DateTime<Utc>, String> {
        // A year outside 0000..=9999 carries a sign, as ISO 8601 asks; RFC 3339 has no such years.
        let parsed = match text.starts_with(['+', '-']) {
            true => text.parse::<DateTime<Utc>>(),
            false => DateTime::parse_from_rfc3339(text).map(|at| at.to_utc()),
        };
        parsed.map_err(|error| format!("{text:?} is not an RFC 3339 time: {error}"))
    }
}

/// As [`text`], for an instant that may be absent.
pub(crate) mod text_option {
    use super::{DateTime, Utc};
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::borrow::Cow;

    pub(crate) fn serialize<S: Serializer>(
        at: &Option<DateTime<Utc>>,
        to: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        match at {
            Some(at) => to.serialize_some(&super::to_text(*at)),
            None => to.serialize_none(),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> std::result::Result<Option<DateTime<Utc>>, D::Error> {
        Option::<Cow<str>>::deserialize(from)?
            .map(|text| super::text::parse(&text).map_err(D::Error::custom))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text::parse(text).unwrap()
    }

    #[test]
    fn times_before_1970_floor_towards_the_past() {
        let just_before = DateTime::from_timestamp(-1, 999_999_950).unwrap();
        assert_eq!(Ticks::floor(just_before), Ticks(-1));
        assert_eq!(Ticks::ceil(just_before), Ticks(0));
    }

    #[test]
    fn sortable_numbers_are_in_the_order_of_instants() {
        let times = [
            "0001-01-01T00:00:00.0000001Z",
            "1900-01-01T00:00:00Z",
            "1969-12-31T23:59:59.9999999Z",
            "1970-01-01T00:00:00Z",
            "1970-01-01T00:00:00.0000001Z",
            "9999-12-31T23:59:59.9999999Z",
        ];
        let keys: Vec<u64> = times
            .iter()
            .map(|t| Ticks::floor(at(t)).to_sortable())
            .collect();
        assert!(keys.is_sorted_by(|a, b| a < b), "{keys:?}");
        for (key, text) in keys.iter().zip(times) {
            assert_eq!(to_text(Ticks::from_sortable(*key).unwrap().to_utc()), text);
        }
    }

    #[test]
    fn numbers_outside_the_range_of_ticks_are_no_ticks() {
        assert_eq!(Ticks::from_sortable(0), None);
        assert_eq!(Ticks::from_sortable(u64::MAX), None);
    }

    #[test]
    fn instants_that_chrono_can_hold_and_ticks_cannot_are_clamped() {
        assert_eq!(Ticks::floor(DateTime::<Utc>::MIN_UTC), Ticks::FLOOR);
        assert_eq!(Ticks::ceil(DateTime::<Utc>::MAX_UTC), Ticks::CEILING);
        assert!(Ticks::of_record("session_start", DateTime::<Utc>::MAX_UTC).is_err());
    }

    #[test]
    fn a_leap_second_counts_as_the_second_that_follows() {
        let leap = at("2016-12-31T23:59:60.5Z");
        assert_eq!(
            Ticks::floor(leap),
            Ticks::floor(at("2017-01-01T00:00:00.5Z"))
        );
    }

    #[test]
    fn buckets_hold_their_instant_and_touch_each_other() {
        for text in [
            "0001-01-01T00:00:00.0000001Z",
            "1969-12-31T23:59:59.9999999Z",
            "2024-02-29T12:34:56Z",
            "2026-12-31T23:59:59.9999999Z",
            "9999-12-31T23:59:59.9999999Z",
        ] {
            let tick = Ticks::floor(at(text));
            for bucket in [Bucket::Hour, Bucket::Day, Bucket::Month] {
                let (start, end) = bucket.around(tick);
                assert!(start <= tick && tick < end, "{text} {bucket:?}");
                assert_eq!(bucket.around(start), (start, end));
                if end < Ticks::CEILING {
                    assert_eq!(bucket.around(end).0, end);
                }
            }
        }
    }

    #[test]
    fn text_has_the_digits_it_needs_and_reads_back() {
        for text in [
            "2026-11-01T00:00:00Z",
            "2026-11-01T00:00:00.5Z",
            "0001-01-01T00:00:00.0000001Z",
            "+20000-01-01T00:00:00Z",
        ] {
            assert_eq!(to_text(at(text)), text);
        }
        assert_eq!(
            to_text(at("2026-11-01T02:00:00+02:00")),
            "2026-11-01T00:00:00Z"
        );
    }
}
