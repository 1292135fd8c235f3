//! The bytes of a login record (`struct utmp` of utmp(5)) in any of its layouts.

use chrono::{DateTime, Utc};
use std::ops::Range;

/// How a machine lays its login records out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    /// Whether times have 64 bits (400 bytes a record) or 32 (384 bytes).
    pub(super) is_wide: bool,
    pub(super) is_big_endian: bool,
}

/// What the fields before the times have in common: offset and size of each text.
const LINE: (usize, usize) = (8, 32);
const USER: (usize, usize) = (44, 32);
const HOST: (usize, usize) = (76, 256);

/// From 1980, because clocks that lost their time say 1970, to 2242.
const CREDIBLE_SECONDS: Range<i64> = 315_532_800..1 << 33;

/// The first second that no session log can have.
const YEAR_10000_SECONDS: i64 = 253_402_300_800;

impl Layout {
    /// In the order in which they are taken where nothing speaks for another.
    pub(super) const ALL: [Self; 4] = [
        Self::new(false, false),
        Self::new(true, false),
        Self::new(false, true),
        Self::new(true, true),
    ];

    const fn new(is_wide: bool, is_big_endian: bool) -> Self {
        Self {
            is_wide,
            is_big_endian,
        }
    }

    pub(super) fn record_bytes(self) -> usize {
        match self.is_wide {
            true => 400,
            false => 384,
        }
    }

    /// The layout that makes the most sense of the first bytes of a file, or all of them, if any
    /// does. NULs make no sense, but do no harm either.
    pub(super) fn detect(start: &[u8], is_whole: bool) -> Option<Self> {
        let best = Self::ALL
            .into_iter()
            .map(|layout| (layout.sense_of(start, is_whole), layout))
            .rev()
            .max_by_key(|(sense, _)| *sense);
        let is_empty = start.iter().all(|byte| *byte == 0);
        best.filter(|(sense, _)| *sense > 0 || is_empty)
            .map(|(_, layout)| layout)
    }

    fn sense_of(self, start: &[u8], is_whole: bool) -> u32 {
        let records = start.chunks_exact(self.record_bytes());
        let is_even = is_whole && records.remainder().is_empty();
        let cut_off = match start.len() < self.record_bytes() {
            true => Record::new(self, start).sense(),
            false => 0,
        };
        let sense: u32 = records
            .map(|record| Record::new(self, record).sense())
            .sum();
        match sense {
            0 => cut_off.min(1),
            _ => sense + u32::from(is_even),
        }
    }
}

/// One record. What lies past the end of its bytes reads as zero.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    layout: Layout,
    bytes: &'a [u8],
}

impl<'a> Record<'a> {
    pub(super) fn new(layout: Layout, bytes: &'a [u8]) -> Self {
        Self { layout, bytes }
    }

    pub(super) fn kind(self) -> u64 {
        self.unsigned(0, 2)
    }

    pub(super) fn pid(self) -> u64 {
        self.unsigned(4, 4)
    }

    /// The terminal line.
    pub(super) fn line(self) -> Result<&'a str, String> {
        self.text("line", LINE)
    }

    pub(super) fn user(self) -> Result<&'a str, String> {
        self.text("user", USER)
    }

    pub(super) fn host(self) -> Result<&'a str, String> {
        self.text("host", HOST)
    }

    /// The time, to the microsecond.
    pub(super) fn time(self) -> Result<DateTime<Utc>, String> {
        let (seconds, micros) = (self.seconds(), self.micros());
        let nanos = u32::try_from(micros).ok().filter(|m| *m < 1_000_000);
        let nanos = nanos.ok_or_else(|| format!("{micros} microseconds are more than a second"))?;
        DateTime::from_timestamp(seconds, nanos * 1_000)
            .filter(|_| (0..YEAR_10000_SECONDS).contains(&seconds))
            .ok_or_else(|| format!("{seconds} seconds from 1970 are out of range"))
    }

    /// Seconds from 1970. Those of 32 bits are taken as unsigned: they reach to the year 2106 and
    /// hold no time before 1970, when there were no such files.
    fn seconds(self) -> i64 {
        match self.layout.is_wide {
            true => self.unsigned(344, 8).cast_signed(),
            false => self.unsigned(340, 4).cast_signed(),
        }
    }

    fn micros(self) -> u64 {
        match self.layout.is_wide {
            true => self.unsigned(352, 8),
            false => self.unsigned(344, 4),
        }
    }

    fn unsigned(self, offset: usize, size: usize) -> u64 {
        let bytes = self.field((offset, size)).iter();
        let append = |number: u64, byte: &u8| (number << 8) | u64::from(*byte);
        match self.layout.is_big_endian {
            true => bytes.fold(0, append),
            false => bytes.rev().fold(0, append),
        }
    }

    /// A text of UTF-8 that ends at the first NUL, or else fills its field.
    fn text(self, name: &str, field: (usize, usize)) -> Result<&'a str, String> {
        let mut parts = self.field(field).split(|byte| *byte == 0);
        let bytes = parts.next().unwrap_or_default();
        let text = std::str::from_utf8(bytes)
            .map_err(|_| format!("the {name} \"{}\" is not UTF-8", bytes.escape_ascii()))?;
        match text.contains(char::is_control) {
            true => Err(format!("the {name} {text:?} has a control character")),
            false => Ok(text),
        }
    }

    fn field(self, (offset, size): (usize, usize)) -> &'a [u8] {
        let rest = self.bytes.get(offset..).unwrap_or_default();
        rest.get(..size).unwrap_or(rest)
    }

    /// How much this looks like a login record: none at all, somewhat, or much.
    fn sense(self) -> u32 {
        let has_texts = self.line().is_ok() && self.user().is_ok() && self.host().is_ok();
        let is_record = (1..=9).contains(&self.kind()) && has_texts && self.time().is_ok();
        let is_credible = CREDIBLE_SECONDS.contains(&self.seconds());
        u32::from(is_record) + u32::from(is_record && is_credible)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A login record with a big value in each number.
    fn sample(layout: Layout) -> Vec<u8> {
        let mut bytes = vec![0; layout.record_bytes()];
        let mut put = |offset: usize, size: usize, value: u64| {
            let field = &mut bytes[offset..offset + size];
            match layout.is_big_endian {
                true => field.copy_from_slice(&value.to_be_bytes()[8 - size..]),
                false => field.copy_from_slice(&value.to_le_bytes()[..size]),
            }
        };
        put(0, 2, 7);
        put(4, 4, 4_194_303);
        match layout.is_wide {
            true => {
                put(344, 8, 4_294_967_296);
                put(352, 8, 999_999);
            }
            false => {
                put(340, 4, 4_294_967_295);
                put(344, 4, 999_999);
            }
        }
        bytes[8..13].copy_from_slice(b"pts/0");
        bytes[44..76].fill(b'u');
        bytes[76..332].fill(b'h');
        bytes
    }

    #[test]
    fn every_field_of_every_layout_is_where_it_belongs() {
        for layout in Layout::ALL {
            let bytes = sample(layout);
            let record = Record::new(layout, &bytes);
            assert_eq!((record.kind(), record.pid()), (7, 4_194_303));
            assert_eq!(record.line().unwrap(), "pts/0");
            assert_eq!(record.user().unwrap(), "u".repeat(32));
            assert_eq!(record.host().unwrap(), "h".repeat(256));
            let expected = match layout.is_wide {
                true => 4_294_967_296_999_999,
                false => 4_294_967_295_999_999,
            };
            assert_eq!(record.time().unwrap().timestamp_micros(), expected);
        }
    }

    #[test]
    fn each_layout_is_detected_from_one_record_and_from_several() {
        for layout in Layout::ALL {
            for count in [1, 2, 3, 50] {
                let file = sample(layout).repeat(count);
                for is_whole in [true, false] {
                    let found = Layout::detect(&file, is_whole);
                    assert_eq!(found, Some(layout), "{count}");
                }
            }
        }
    }

    #[test]
    fn a_layout_is_detected_whatever_damage_comes_first() {
        for layout in Layout::ALL {
            let mut file = vec![0xFF; layout.record_bytes() * 5];
            file.extend(sample(layout));
            assert_eq!(Layout::detect(&file, true), Some(layout));
        }
    }

    #[test]
    fn times_that_no_session_log_can_have_are_corrupt() {
        let layout = Layout::ALL[1];
        let mut bytes = sample(layout);
        bytes[351] = 0x80;
        assert!(Record::new(layout, &bytes).time().is_err());
        bytes[351] = 0;
        bytes[349] = 0x7F;
        assert!(Record::new(layout, &bytes).time().is_err());
    }
}
