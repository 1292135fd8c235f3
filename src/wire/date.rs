//! Dates of the wire (contract, section 5, "Dates"): read in every form, written in two.
//!
//! One rule whatever the machine's zone: a date without a zone is UTC, and a date without a time
//! is its midnight. Resolution is the .NET tick of 100 ns.

use super::error::{Result, WireError};
use super::node::Spelling;
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Timelike, Utc};

const NANOS_PER_TICK: u32 = 100;
const TICK_DIGITS: usize = 7;

/// The contract's unset date, 0001-01-01T00:00:00, wherever it stands.
pub(super) const UNSET: DateTime<Utc> = match DateTime::from_timestamp(-62_135_596_800, 0) {
    Some(unset) => unset,
    None => panic!("in range"),
};

/// An instant, or `None` for the unset date in any zone. The text is trimmed.
///
/// XML has the forms of XML Schema only: `2015-06-01T08:30:00.1234567+02:00` with fraction and
/// zone optional, and `2015-06-01`. Elsewhere seconds may be missing, a space may stand for the
/// `T`, the offset may lack its colon, and `/Date(ms)/` counts milliseconds of UTC.
pub(super) fn read(text: &str, spelling: Spelling) -> Result<Option<DateTime<Utc>>> {
    let at = match (spelling, milliseconds(text)) {
        (Spelling::Lenient, Some(digits)) => of_milliseconds(digits),
        _ => of_text(text, spelling),
    };
    match at {
        Some(at) if at == UNSET => Ok(None),
        Some(at) if is_in_range(at) => Ok(Some(at)),
        Some(_) => Err(WireError::value(
            text,
            "lies outside the years 0001 to 9999",
        )),
        None => Err(WireError::value(
            text,
            "is not a date such as 2015-06-01T08:30:00Z",
        )),
    }
}

fn is_in_range(at: DateTime<Utc>) -> bool {
    at > UNSET && at.year() <= 9_999
}

/// The digits of `/Date(ms)/` or `\/Date(ms±hhmm)\/`. The offset says in which zone the sender
/// was; the milliseconds are of UTC all the same.
fn milliseconds(text: &str) -> Option<&str> {
    let text = text.strip_prefix('\\').unwrap_or(text);
    let text = text.strip_prefix("/Date(")?;
    let text = text
        .strip_suffix(")/")
        .or_else(|| text.strip_suffix(")\\/"))?;
    let sign_of_offset = text.rfind(['+', '-']).filter(|at| *at > 0);
    match sign_of_offset {
        Some(at) => {
            let (digits, offset) = text.split_at(at);
            let is_offset = offset.len() == 5 && offset.bytes().skip(1).all(|b| b.is_ascii_digit());
            is_offset.then_some(digits)
        }
        None => Some(text),
    }
}

fn of_milliseconds(digits: &str) -> Option<DateTime<Utc>> {
    // What does not fit is out of range, as is what no calendar holds.
    let is_number = digits.strip_prefix('-').unwrap_or(digits);
    if is_number.is_empty() || !is_number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number = digits
        .parse()
        .ok()
        .and_then(DateTime::from_timestamp_millis);
    Some(number.unwrap_or(DateTime::<Utc>::MAX_UTC))
}

/// Reads a text from its start.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    /// Exactly `count` digits.
    fn digits(&mut self, count: usize) -> Option<u32> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        let number = digits.iter().try_fold(0_u32, |number, byte| {
            let digit = char::from(*byte).to_digit(10)?;
            Some(number * 10 + digit)
        })?;
        self.0 = rest;
        Some(number)
    }

    fn byte(&mut self, wanted: u8) -> Option<()> {
        let (first, rest) = self.0.split_first()?;
        (*first == wanted).then(|| self.0 = rest)
    }

    fn date(&mut self) -> Option<NaiveDate> {
        let year = i32::try_from(self.digits(4)?).ok()?;
        self.byte(b'-')?;
        let month = self.digits(2)?;
        self.byte(b'-')?;
        let day = self.digits(2)?;
        NaiveDate::from_ymd_opt(year, month, day).filter(|date| date.year() > 0)
    }

    /// The time of day, and what its fraction adds.
    fn time(&mut self, spelling: Spelling) -> Option<(NaiveTime, TimeDelta)> {
        let hour = self.digits(2)?;
        self.byte(b':')?;
        let minute = self.digits(2)?;
        if spelling == Spelling::Lenient && self.0.first() != Some(&b':') {
            return Some((NaiveTime::from_hms_opt(hour, minute, 0)?, TimeDelta::zero()));
        }
        self.byte(b':')?;
        let second = self.digits(2)?;
        let fraction = match self.byte(b'.') {
            Some(()) => self.fraction()?,
            None => TimeDelta::zero(),
        };
        Some((NaiveTime::from_hms_opt(hour, minute, second)?, fraction))
    }

    /// One digit at least; rounded half up to ticks, which can make a whole second.
    fn fraction(&mut self) -> Option<TimeDelta> {
        let count = self.0.iter().take_while(|b| b.is_ascii_digit()).count();
        let (digits, rest) = self.0.split_at_checked(count)?;
        digits.first()?;
        self.0 = rest;
        let digit = |at: usize| digits.get(at).map_or(0, |byte| i64::from(byte - b'0'));
        let ticks = (0..TICK_DIGITS).fold(0, |ticks, at| ticks * 10 + digit(at));
        let rounded = ticks + i64::from(digit(TICK_DIGITS) >= 5);
        Some(TimeDelta::nanoseconds(rounded * i64::from(NANOS_PER_TICK)))
    }

    /// The offset from UTC, zero if there is none.
    fn offset(&mut self, spelling: Spelling) -> Option<TimeDelta> {
        let sign = match self.0.split_first() {
            None => return Some(TimeDelta::zero()),
            Some((b'Z' | b'z', rest)) => {
                self.0 = rest;
                return Some(TimeDelta::zero());
            }
            Some((b'+', rest)) => (1, rest),
            Some((b'-', rest)) => (-1, rest),
            Some(_) => return None,
        };
        self.0 = sign.1;
        let hours = self.digits(2).filter(|hours| *hours < 24)?;
        if self.byte(b':').is_none() && spelling == Spelling::Strict {
            return None;
        }
        let minutes = self.digits(2).filter(|minutes| *minutes < 60)?;
        let total = i64::from(hours) * 60 + i64::from(minutes);
        Some(TimeDelta::minutes(sign.0 * total))
    }
}

fn of_text(text: &str, spelling: Spelling) -> Option<DateTime<Utc>> {
    let mut reader = Reader(text.as_bytes());
    let date = reader.date()?;
    let between = reader.0.first().copied();
    let (time, fraction) = match (between, spelling) {
        (Some(b'T'), _) | (Some(b' '), Spelling::Lenient) => {
            reader.0 = reader.0.get(1..)?;
            reader.time(spelling)?
        }
        _ => (NaiveTime::MIN, TimeDelta::zero()),
    };
    let offset = reader.offset(spelling)?;
    let local = date.and_time(time).checked_add_signed(fraction)?;
    let is_all_read = reader.0.is_empty();
    is_all_read.then(|| to_utc(local, offset))
}

/// The unset date is unset in any zone.
fn to_utc(local: NaiveDateTime, offset: TimeDelta) -> DateTime<Utc> {
    if local == UNSET.naive_utc() {
        return UNSET;
    }
    let utc = local.checked_sub_signed(offset);
    utc.map_or(DateTime::<Utc>::MAX_UTC, |utc| utc.and_utc())
}

/// `2015-06-01T08:30:00.12Z`: up to seven fraction digits; the unset date has no zone.
pub(super) fn push_text(out: &mut Vec<u8>, at: DateTime<Utc>) {
    let (date, time) = (at.naive_utc().date(), at.naive_utc().time());
    push_date(out, date);
    let [hour, minute, second] = [time.hour(), time.minute(), time.second()].map(two_digits);
    let text = [
        b'T', hour[0], hour[1], b':', minute[0], minute[1], b':', second[0], second[1],
    ];
    out.extend_from_slice(&text);
    push_fraction(out, time.nanosecond());
    if at != UNSET {
        out.push(b'Z');
    }
}

/// As [`push_text`].
pub(super) fn to_text(at: DateTime<Utc>) -> String {
    let mut out = Vec::new();
    push_text(&mut out, at);
    String::from_utf8(out).unwrap_or_default()
}

/// As [`push_text`], but only `2015-06-01` at midnight.
pub(super) fn push_jsv(out: &mut Vec<u8>, at: DateTime<Utc>) {
    match at.naive_utc().time() == NaiveTime::MIN {
        true => push_date(out, at.naive_utc().date()),
        false => push_text(out, at),
    }
}

/// The milliseconds of `/Date(ms)/`, rounded down.
pub(super) fn milliseconds_of(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis()
}

fn push_date(out: &mut Vec<u8>, date: NaiveDate) {
    let year = u32::try_from(date.year()).unwrap_or(0);
    let [century, year] = [year / 100, year % 100].map(two_digits);
    let [month, day] = [date.month(), date.day()].map(two_digits);
    let text = [
        century[0], century[1], year[0], year[1], b'-', month[0], month[1], b'-', day[0], day[1],
    ];
    out.extend_from_slice(&text);
}

fn push_fraction(out: &mut Vec<u8>, nanos: u32) {
    let ticks = nanos / NANOS_PER_TICK;
    if ticks == 0 {
        return;
    }
    let [a, b, c] = [ticks / 100_000, ticks / 1_000 % 100, ticks / 10 % 100].map(two_digits);
    let [_, last] = two_digits(ticks % 10);
    let digits = [b'.', a[0], a[1], b[0], b[1], c[0], c[1], last];
    let end = digits.iter().rposition(|digit| *digit != b'0');
    out.extend_from_slice(digits.get(..=end.unwrap_or(0)).unwrap_or_default());
}

/// A number below 100.
fn two_digits(number: u32) -> [u8; 2] {
    let digit = |number: u32| b'0' + u8::try_from(number % 10).unwrap_or(0);
    [digit(number / 10), digit(number)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lenient(text: &str) -> Option<String> {
        written(read(text, Spelling::Lenient).unwrap())
    }

    fn written(at: Option<DateTime<Utc>>) -> Option<String> {
        at.map(|at| {
            let mut out = Vec::new();
            push_text(&mut out, at);
            String::from_utf8(out).unwrap()
        })
    }

    /// Each reads as this instant in every format.
    const IN_ALL: [(&str, &str); 14] = [
        ("2015-06-01T08:30:00Z", "2015-06-01T08:30:00Z"),
        ("2015-06-01T08:30:00z", "2015-06-01T08:30:00Z"),
        ("2015-06-01T08:30:00", "2015-06-01T08:30:00Z"),
        ("2015-12-01T08:30:00", "2015-12-01T08:30:00Z"),
        ("2015-06-01T08:30:00+02:00", "2015-06-01T06:30:00Z"),
        ("2015-06-01T08:30:00-05:00", "2015-06-01T13:30:00Z"),
        ("2015-06-01T08:30:00-00:00", "2015-06-01T08:30:00Z"),
        ("2015-06-01", "2015-06-01T00:00:00Z"),
        ("2015-06-01Z", "2015-06-01T00:00:00Z"),
        ("2015-06-01T08:30:00.1", "2015-06-01T08:30:00.1Z"),
        (
            "2015-06-01T08:30:00.12345678Z",
            "2015-06-01T08:30:00.1234568Z",
        ),
        ("2015-06-01T08:30:00.99999999Z", "2015-06-01T08:30:01Z"),
        ("2016-02-29T00:00:00", "2016-02-29T00:00:00Z"),
        (
            "9999-12-31T23:59:59.9999999Z",
            "9999-12-31T23:59:59.9999999Z",
        ),
    ];

    #[test]
    fn a_date_is_one_instant_in_every_format() {
        for (text, instant) in IN_ALL {
            for spelling in [Spelling::Strict, Spelling::Lenient] {
                let read = written(read(text, spelling).unwrap());
                assert_eq!(read.as_deref(), Some(instant), "{text}");
            }
        }
    }

    #[test]
    fn text_formats_know_more_forms_than_xml() {
        for (text, instant) in [
            ("2015-06-01 08:30:00", "2015-06-01T08:30:00Z"),
            ("2015-06-01T08:30", "2015-06-01T08:30:00Z"),
            ("2015-06-01T08:30Z", "2015-06-01T08:30:00Z"),
            ("2015-06-01T08:30:00-0500", "2015-06-01T13:30:00Z"),
            ("/Date(1433147400000)/", "2015-06-01T08:30:00Z"),
            ("\\/Date(1433147400000)\\/", "2015-06-01T08:30:00Z"),
            ("/Date(1433147400000+0200)/", "2015-06-01T08:30:00Z"),
            ("/Date(-1-0500)/", "1969-12-31T23:59:59.999Z"),
            ("/Date(253402300799999)/", "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(lenient(text).as_deref(), Some(instant), "{text}");
            assert!(read(text, Spelling::Strict).is_err(), "{text}");
        }
    }

    #[test]
    fn the_minimum_is_unset_in_any_zone() {
        for text in [
            "0001-01-01",
            "0001-01-01T00:00:00",
            "0001-01-01T00:00:00Z",
            "0001-01-01T00:00:00+14:00",
            "0001-01-01T00:00:00-05:00",
            "/Date(-62135596800000)/",
            "/Date(-62135596800000-0000)/",
        ] {
            assert_eq!(lenient(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_an_error_that_quotes_it() {
        for text in [
            "bogus",
            "now",
            "2015",
            "2015-06",
            "20150601",
            "2015-13-01",
            "2015-02-29",
            "2015-6-1T0:0:0",
            "0000-01-01",
            "0000-00-00",
            "-0001-01-01",
            "10000-01-01T00:00:00",
            "2015-06-01T24:00:00",
            "2015-06-30T23:59:60Z",
            "2015-06-01T08:30:00.",
            "2015-06-01T08:30:00.Z",
            "2015-06-01t08:30:00Z",
            "2015-06-01T08:30:00+24:00",
            "2015-06-01T08:30:00ZZ",
            "01/06/2015",
            "Mon, 01 Jun 2015 08:30:00 GMT",
            "Mon Jun 01 2015 08:30:00 GMT+0200",
            "1433147400000",
            "/Date(abc)/",
            "/Date()/",
            "/Date(-)/",
            "/Date(1433147400000+02)/",
            "/Date(1433147400000",
            "2015-06-01T08:30:00é",
        ] {
            let error = read(text, Spelling::Lenient).unwrap_err().to_string();
            assert!(
                error.contains(&format!("{text:?} is not a date")),
                "{error}"
            );
        }
    }

    #[test]
    fn what_lies_outside_the_calendar_after_its_offset_is_an_error() {
        for text in [
            "0001-01-01T00:00:00.0000001+02:00",
            "0001-01-01T01:00:00+14:00",
            "9999-12-31T23:59:59-14:00",
            "9999-12-31T23:59:59.99999999",
            "/Date(253402300800000)/",
            "/Date(99999999999999999)/",
            "/Date(-99999999999999999999999)/",
        ] {
            let error = read(text, Spelling::Lenient).unwrap_err().to_string();
            assert!(error.contains("outside the years"), "{text}: {error}");
        }
    }

    #[test]
    fn jsv_leaves_midnight_out_and_the_unset_date_has_no_zone() {
        let jsv = |text: &str| {
            let mut out = Vec::new();
            let at = read(text, Spelling::Lenient).unwrap().unwrap_or(UNSET);
            push_jsv(&mut out, at);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(jsv("2015-06-01"), "2015-06-01");
        assert_eq!(jsv("2015-06-01T00:00:00.5"), "2015-06-01T00:00:00.5Z");
        assert_eq!(jsv("0001-01-01"), "0001-01-01");
        assert_eq!(written(Some(UNSET)).unwrap(), "0001-01-01T00:00:00");
    }
}
