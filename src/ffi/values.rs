//! Times and ids, as they cross the boundary.

use crate::ffi::SessionLogError;
use chrono::{DateTime, TimeDelta, Utc};
use std::time::Duration;

/// A UTC instant, in ticks of 100 ns since 1970.
///
/// - Kotlin: `java.time.Instant`, exactly; what lies between two ticks is floored.
/// - Python: an aware `datetime.datetime` in UTC, floored to a microsecond; a naive one is a `TypeError`.
/// - Swift: `Date`, floored to a microsecond, which it keeps exactly from the year 1697 to 2242.
///
/// Sessions that a store of these bindings starts itself do so on a whole microsecond, so that every
/// language has the instant that is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instant(i64);

uniffi::custom_type!(Instant, i64, {
    lower: |instant| instant.0,
    try_lift: |ticks| Ok(Instant(ticks)),
});

const TICKS_PER_SECOND: i64 = 10_000_000;

impl Instant {
    /// As a language has it that knows microseconds alone.
    pub(super) fn floored(self) -> Self {
        Self(self.0.div_euclid(10).saturating_mul(10))
    }

    /// The most and the least that it can be lie far outside the range of records.
    pub(super) fn to_utc(self) -> DateTime<Utc> {
        let seconds = self.0.div_euclid(TICKS_PER_SECOND);
        let ticks = self.0.rem_euclid(TICKS_PER_SECOND);
        let time = DateTime::from_timestamp(seconds, 0);
        let time = time.unwrap_or(DateTime::<Utc>::MAX_UTC);
        time.checked_add_signed(TimeDelta::nanoseconds(ticks * 100))
            .unwrap_or(time)
    }
}

impl From<DateTime<Utc>> for Instant {
    fn from(time: DateTime<Utc>) -> Self {
        let ticks = i64::from(time.timestamp_subsec_nanos() / 100);
        let seconds = time.timestamp().saturating_mul(TICKS_PER_SECOND);
        Self(seconds.saturating_add(ticks))
    }
}

/// An id of 16 bytes, in the order of RFC 9562: `java.util.UUID`, `uuid.UUID` or Foundation's `UUID`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uuid(pub(super) uuid::Uuid);

uniffi::custom_type!(Uuid, Vec<u8>, {
    lower: |id| id.0.as_bytes().to_vec(),
    try_lift: |bytes| Ok(Uuid(uuid::Uuid::from_slice(&bytes)?)),
});

/// A length of time, as the core has it.
///
/// # Errors
///
/// `InvalidInput` for one that is too long.
pub(super) fn length(member: &str, length: Duration) -> Result<TimeDelta, SessionLogError> {
    TimeDelta::from_std(length).map_err(|_| {
        SessionLogError::invalid(member, format_args!("is {length:?}, which is too long"))
    })
}

/// The operating system's time, floored to a microsecond.
#[derive(Debug, Clone, Copy)]
pub(super) struct MicrosecondClock;

impl crate::Clock for MicrosecondClock {
    fn now(&self) -> DateTime<Utc> {
        let now = crate::SystemClock.now();
        let beyond = TimeDelta::nanoseconds(i64::from(now.timestamp_subsec_nanos() % 1_000));
        now.checked_sub_signed(beyond).unwrap_or(now)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Clock;
    use proptest::prelude::*;

    #[test]
    fn ticks_are_floored_before_1970_too_and_extremes_stay_outside_the_range_of_records() {
        let at = |seconds, nanos| DateTime::from_timestamp(seconds, nanos).unwrap();
        assert_eq!(Instant::from(at(-1, 999_999_950)).0, -1);
        assert_eq!(Instant(-1).to_utc(), at(-1, 999_999_900));
        assert_eq!(
            Instant::from(at(-62_135_596_800, 100)).0,
            -621_355_967_999_999_999
        );
        let year = |ticks| chrono::Datelike::year(&Instant(ticks).to_utc());
        assert!(year(i64::MIN) < 0 && year(i64::MAX) > 9_999);
        let now = MicrosecondClock.now();
        assert_eq!(now.timestamp_subsec_nanos() % 1_000, 0);
    }

    proptest! {
        #[test]
        fn every_tick_is_the_same_there_and_back(ticks: i64) {
            prop_assert_eq!(Instant::from(Instant(ticks).to_utc()), Instant(ticks));
        }
    }
}
