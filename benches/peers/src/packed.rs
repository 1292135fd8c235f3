//! A session as the peers store it: numbers of fixed size, names behind ids.

use chrono::{DateTime, Utc};
use std::ops::Range;
use uuid::Uuid;

use crate::question::Question;

/// [`Packed::end`] of an open session.
const OPEN: i64 = i64::MIN;

/// Ticks of 100 ns a second.
const TICKS: i64 = 10_000_000;

/// A session log without its texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Packed {
    /// Ticks of the start since 1970.
    pub(crate) start: i64,
    pub(crate) refer_uid: Uuid,
    end: i64,
    pub(crate) user: u32,
    pub(crate) client: u32,
}

impl Packed {
    pub(crate) fn new(
        start: i64,
        refer_uid: Uuid,
        end: Option<i64>,
        [user, client]: [u32; 2],
    ) -> Self {
        Self {
            start,
            refer_uid,
            end: end.unwrap_or(OPEN),
            user,
            client,
        }
    }

    pub(crate) fn end(&self) -> Option<i64> {
        (self.end != OPEN).then_some(self.end)
    }

    pub(crate) fn ended_at(self, end: i64) -> Self {
        Self { end, ..self }
    }
}

/// The tick at or before an instant.
pub(crate) fn ticks(at: DateTime<Utc>) -> i64 {
    at.timestamp() * TICKS + i64::from(at.timestamp_subsec_nanos() / 100)
}

/// The instant of a tick.
pub(crate) fn instant(ticks: i64) -> DateTime<Utc> {
    let nanos = u32::try_from(ticks.rem_euclid(TICKS) * 100).unwrap_or(0);
    DateTime::from_timestamp(ticks.div_euclid(TICKS), nanos).unwrap_or_default()
}

/// The starts that pass a question's window, which the harness gives in whole ticks.
pub(crate) fn window(question: &Question) -> Range<i64> {
    let query = &question.query;
    let from = query.started_after().map_or(i64::MIN, |at| ticks(at) + 1);
    from..query.started_before().map_or(i64::MAX, ticks)
}

/// The families that a session is in: {all, a user's, a client's, a user's on a client} × {all,
/// open only}, as bits.
pub(crate) mod family {
    pub(crate) const USER: u8 = 1;
    pub(crate) const CLIENT: u8 = 2;
    pub(crate) const OPEN: u8 = 4;

    /// Those that every session is in.
    pub(crate) const OF_ALL: std::ops::Range<u8> = 0..OPEN;
    /// Those that an open session is in besides.
    pub(crate) const OF_OPEN: std::ops::Range<u8> = OPEN..2 * OPEN;

    /// The family that answers a query.
    pub(crate) fn of(query: &sessionlog::Query) -> u8 {
        let bit = |set: bool, bit: u8| if set { bit } else { 0 };
        bit(query.user_refer_uid().is_some(), USER)
            | bit(query.client_refer_uid().is_some(), CLIENT)
            | bit(query.open_sessions_only(), OPEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_instants_and_back_before_1970_too() {
        for tick in [-10_000_001, -1, 0, 1, 17_934_912_000_000_007] {
            assert_eq!(ticks(instant(tick)), tick);
        }
    }
}
