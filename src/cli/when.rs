//! Times as people write them: RFC 3339, less of it, or so long ago; and days, months and years.
//!
//! Whatever leaves its zone out is UTC, on any machine and in any season.

use crate::{Clock, SystemClock};
use chrono::{DateTime, Datelike, Days, Months, NaiveDate, TimeDelta, Utc};

/// The most digits of a second that a store keeps.
const FRACTION_DIGITS_MAX: usize = 7;

/// What a store keeps of a time.
const TICK: TimeDelta = TimeDelta::nanoseconds(100);

/// What a time may look like, for a message.
const TIMES: &str = "it is no time, such as 2026-11-01T08:00:00Z, 2026-11-01 08:00 or 2026-11-01 \
                     (UTC unless it says otherwise), and no age in s, m, h, d or w, such as 90m, 24h or 7d";

/// A time as the command line takes it; clap names the value in front of what is wrong with it.
pub(super) fn time(text: &str) -> Result<DateTime<Utc>, String> {
    time_at(SystemClock.now(), text)
}

fn time_at(now: DateTime<Utc>, text: &str) -> Result<DateTime<Utc>, String> {
    if text == "now" {
        return Ok(now);
    }
    if let Some(age) = age(text) {
        let age = TimeDelta::from_std(age).ok();
        let at = age.and_then(|age| now.checked_sub_signed(age));
        return at.ok_or_else(|| "it is longer ago than there are times".to_owned());
    }
    let at = completed(text).ok_or_else(|| TIMES.to_owned())?;
    let digits = fraction_digits(text);
    if digits > FRACTION_DIGITS_MAX {
        return Err(format!(
            "it has {digits} fraction digits; a store keeps up to {FRACTION_DIGITS_MAX}"
        ));
    }
    Ok(at)
}

/// An age in the units that the help names: of others, such as M, few would know what they are.
fn age(text: &str) -> Option<std::time::Duration> {
    let is_unit = |character: char| "smhdw".contains(character);
    let is_part = |character: char| character.is_ascii_digit() || is_unit(character);
    let is_age = text.contains(is_unit) && text.chars().all(|c| is_part(c) || c == ' ');
    is_age
        .then(|| humantime::parse_duration(text).ok())
        .flatten()
}

/// The time that a text says once what it leaves out is put in: midnight, the full minute, UTC.
fn completed(text: &str) -> Option<DateTime<Utc>> {
    let rests = ["", "Z", ":00Z", "T00:00:00Z"].map(|rest| format!("{text}{rest}"));
    // As in 2026-11-01T08:00+02:00.
    let split = text.split_at_checked("2026-11-01T08:00".len());
    let with_seconds = split.map(|(minute, offset)| format!("{minute}:00{offset}"));
    let mut texts = rests.into_iter().chain(with_seconds);
    texts.find_map(|text| Some(DateTime::parse_from_rfc3339(&text).ok()?.to_utc()))
}

fn fraction_digits(text: &str) -> usize {
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    fraction.bytes().take_while(u8::is_ascii_digit).count()
}

/// A UTC day, month or year, by the two bounds that exclude themselves and all else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Period {
    pub(super) started_after: DateTime<Utc>,
    pub(super) started_before: DateTime<Utc>,
}

/// A period as the command line takes it.
pub(super) fn period(text: &str) -> Result<Period, String> {
    period_at(SystemClock.now().date_naive(), text).ok_or_else(|| {
        "it is no day, month or year, such as 2026-11-01, 2026-11, 2026, today, yesterday, \
         this-month or last-month"
            .to_owned()
    })
}

fn period_at(today: NaiveDate, text: &str) -> Option<Period> {
    let (year, month, day) = (Months::new(12), Months::new(1), Days::new(1));
    let this_month = || today.format("%Y-%m").to_string();
    match text {
        "today" => Period::from(today, |first| first.checked_add_days(day)),
        "yesterday" => Period::from(today.pred_opt()?, |first| first.checked_add_days(day)),
        "this-month" => period_at(today, &this_month()),
        "last-month" => {
            let first = date(&format!("{}-01", this_month()))?;
            Period::from(first.checked_sub_months(month)?, |_| Some(first))
        }
        _ => match text.len() {
            4 => Period::from(date(&format!("{text}-01-01"))?, |first| {
                first.checked_add_months(year)
            }),
            7 => Period::from(date(&format!("{text}-01"))?, |first| {
                first.checked_add_months(month)
            }),
            10 => Period::from(date(text)?, |first| first.checked_add_days(day)),
            _ => None,
        },
    }
}

/// A date in four, two and two digits, of the years that a session can have.
fn date(text: &str) -> Option<NaiveDate> {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    let is_it = date.format("%Y-%m-%d").to_string() == text;
    (is_it && date.year() > 0).then_some(date)
}

impl Period {
    /// From the first instant of a day up to that of another.
    fn from(first: NaiveDate, end: impl Fn(NaiveDate) -> Option<NaiveDate>) -> Option<Self> {
        let midnight = |day: NaiveDate| day.and_time(chrono::NaiveTime::MIN).and_utc();
        Some(Self {
            started_after: midnight(first).checked_sub_signed(TICK)?,
            started_before: midnight(end(first)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn parsed(text: &str) -> Result<DateTime<Utc>, String> {
        time_at(at("2026-11-28T12:00:00Z"), text)
    }

    #[test]
    fn what_a_time_leaves_out_is_midnight_the_full_minute_and_utc() {
        for (text, expected) in [
            (
                "2026-11-01T08:00:00.1234567Z",
                "2026-11-01T08:00:00.1234567Z",
            ),
            ("2026-11-01T10:00:00.5+02:00", "2026-11-01T08:00:00.5Z"),
            ("2026-11-01 08:00:00", "2026-11-01T08:00:00Z"),
            ("2026-11-01T08:00:00.5", "2026-11-01T08:00:00.5Z"),
            ("2026-11-01 08:00", "2026-11-01T08:00:00Z"),
            ("2026-11-01T08:00+02:00", "2026-11-01T06:00:00Z"),
            ("2026-11-01T08:00Z", "2026-11-01T08:00:00Z"),
            ("2026-11-01", "2026-11-01T00:00:00Z"),
            ("0001-01-01T00:00:00+14:00", "-0001-12-31T10:00:00Z"),
        ] {
            let expected = match expected.strip_prefix('-') {
                None => at(expected),
                Some(_) => at("0001-01-01T00:00:00Z") - TimeDelta::hours(14),
            };
            assert_eq!(parsed(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn ages_are_counted_back_from_now() {
        for (text, expected) in [
            ("now", "2026-11-28T12:00:00Z"),
            ("24h", "2026-11-27T12:00:00Z"),
            ("90m", "2026-11-28T10:30:00Z"),
            ("7d", "2026-11-21T12:00:00Z"),
            ("1h 30m", "2026-11-28T10:30:00Z"),
            ("0s", "2026-11-28T12:00:00Z"),
        ] {
            assert_eq!(parsed(text), Ok(at(expected)), "{text}");
        }
        assert_eq!(parsed("2w 1s"), Ok(at("2026-11-14T11:59:59Z")));
        assert!(parsed("99999999999w").unwrap_err().contains("longer ago"));
    }

    #[test]
    fn what_is_no_time_is_refused_with_what_one_looks_like() {
        for text in [
            "",
            "yesterday",
            "1793520000",
            "24",
            "0",
            "1M",
            "1.5h",
            "1month",
            "-24h",
            "01/11/2026",
            "2026-02-30",
            "2026-11-01T08",
            "2026-11-01T08:0é",
            "2026-11-01T25:00:00Z",
            "+12026-11-01T08:00:00Z",
        ] {
            assert!(
                parsed(text).unwrap_err().contains("2026-11-01 08:00"),
                "{text}"
            );
        }
        for text in [
            "2026-11-01T08:00:00.12345670Z",
            "2026-11-01T10:00:00.12345678+02:00",
            "2026-11-01 10:00:00.12345678",
        ] {
            assert!(parsed(text).unwrap_err().contains("8 fraction digits"));
        }
    }

    #[test]
    fn a_period_is_all_of_a_day_month_or_year_and_nothing_else() {
        let today = date("2026-03-01").unwrap();
        for (text, first, end) in [
            ("2026-10-05", "2026-10-05", "2026-10-06"),
            ("2024-02", "2024-02-01", "2024-03-01"),
            ("2026", "2026-01-01", "2027-01-01"),
            ("today", "2026-03-01", "2026-03-02"),
            ("yesterday", "2026-02-28", "2026-03-01"),
            ("this-month", "2026-03-01", "2026-04-01"),
            ("last-month", "2026-02-01", "2026-03-01"),
        ] {
            let period = period_at(today, text).unwrap();
            let midnight = |day: &str| at(&format!("{day}T00:00:00Z"));
            assert_eq!(period.started_after, midnight(first) - TICK, "{text}");
            assert_eq!(period.started_before, midnight(end), "{text}");
        }
        for text in [
            "",
            "2026-13",
            "2026-02-30",
            "26",
            "2026-1-05",
            "tomorrow",
            "2026- 1",
            "2026-11- 1",
            " 026",
            "+026",
            "0000",
            "0000-01-01",
            "202é-1",
        ] {
            assert_eq!(period_at(today, text), None, "{text}");
        }
    }
}
