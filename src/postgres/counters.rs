//! Counters of sessions by time: which of them change, and which of them answer.

use super::rows::Stored;
use super::schema::Dialect;
use super::sql::{Sql, Value, parts};
use crate::query::Query;
use crate::time::Ticks;
use std::collections::{BTreeMap, HashSet};
use std::fmt::{self, Display, Formatter};
use uuid::Uuid;

/// Of whom a counter counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key(Vec<u8>);

impl Key {
    /// Of all sessions: always counted.
    pub(super) fn all() -> Self {
        Self(vec![0])
    }

    pub(super) fn client(client: &str) -> Self {
        Self([&[1], client.as_bytes()].concat())
    }

    pub(super) fn user(user_refer_uid: Uuid) -> Self {
        Self([&[2], &user_refer_uid.as_bytes()[..]].concat())
    }

    /// Of whose sessions a query asks, if that can have counters: not of a user's on a client.
    pub(super) fn of(query: &Query) -> Option<Self> {
        match (query.user_refer_uid(), query.client_refer_uid()) {
            (None, None) => Some(Self::all()),
            (None, Some(client)) => Some(Self::client(client)),
            (Some(user), None) => Some(Self::user(user)),
            (Some(_), Some(_)) => None,
        }
    }

    pub(super) fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The column and the value by which rows of its sessions are found, if not all are its.
    pub(super) fn column(&self) -> Option<(&'static str, Value)> {
        match self.0.split_first()? {
            (1, client) => Some(("client_refer_uid", Value::Bytes(client.to_vec()))),
            (2, user) => {
                let user = Uuid::from_slice(user).ok()?;
                Some(("user_refer_uid", Value::Uid(user)))
            }
            _ => None,
        }
    }

    /// The bytes of `k`.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.clone()
    }
}

impl Display for Key {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0.split_first() {
            Some((0, [])) => f.write_str("all"),
            Some((1, client)) => write!(f, "client {:?}", String::from_utf8_lossy(client)),
            Some((2, user)) => match Uuid::from_slice(user) {
                Ok(user) => write!(f, "user {user}"),
                Err(_) => write!(f, "k {:02x?}", self.0),
            },
            _ => write!(f, "k {:02x?}", self.0),
        }
    }
}

/// The users and clients that have counters.
pub(super) type CountedKeys = HashSet<Key>;

/// A counter: `slot`, `k`, `lvl` and `bucket`, in the order in which writers take them.
pub(super) type Counter = (i16, Key, i16, i64);

/// What is counted, and by which widths.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counting<'c> {
    pub(super) widths: &'c [i64],
    pub(super) keys: &'c CountedKeys,
}

/// What a transaction changes in the counters: each by so many sessions, and so many open ones.
#[derive(Debug, Default)]
pub(super) struct Deltas(BTreeMap<Counter, (i64, i64)>);

impl Deltas {
    /// A session comes (or, with -1, goes) that is open or not.
    pub(super) fn count(&mut self, counting: &Counting<'_>, session: &Stored, total: i64) {
        let open = if session.log.is_open() { total } else { 0 };
        self.change(counting, session, (total, open));
    }

    /// An open session ends.
    pub(super) fn end(&mut self, counting: &Counting<'_>, session: &Stored) {
        self.change(counting, session, (0, -1));
    }

    fn change(&mut self, counting: &Counting<'_>, session: &Stored, (total, open): (i64, i64)) {
        let start = session.start().since_year_one();
        let user = Key::user(session.log.user_refer_uid);
        let client = Key::client(&session.log.client_refer_uid);
        let listed = [user, client].into_iter();
        let listed = listed.filter(|key| counting.keys.contains(key));
        for key in listed.chain([Key::all()]) {
            for (level, width) in (0..).zip(counting.widths) {
                let counter = (session.slot, key.clone(), level, start / width);
                let change = self.0.entry(counter).or_default();
                change.0 += total;
                change.1 += open;
            }
        }
    }

    /// All of them, by counter.
    pub(super) fn into_counters(self) -> BTreeMap<Counter, (i64, i64)> {
        self.0
    }

    /// The statements that make the changes.
    pub(super) fn statements(self, dialect: Dialect) -> Vec<Sql> {
        let changes: Vec<(Counter, (i64, i64))> = self
            .0
            .into_iter()
            .filter(|(_, change)| *change != (0, 0))
            .collect();
        parts(dialect, &changes, |((slot, ..), _)| *slot)
            .map(|part| upsert(dialect, part))
            .collect()
    }
}

fn upsert(dialect: Dialect, changes: &[(Counter, (i64, i64))]) -> Sql {
    let counters = || changes.iter().map(|(counter, _)| counter);
    let columns = vec![
        (
            "slot",
            Value::Slots(counters().map(|(slot, ..)| *slot).collect()),
        ),
        (
            "k",
            Value::AllBytes(counters().map(|(_, key, ..)| key.bytes()).collect()),
        ),
        (
            "lvl",
            Value::Slots(counters().map(|(_, _, level, _)| *level).collect()),
        ),
        (
            "bucket",
            Value::Longs(counters().map(|(.., bucket)| *bucket).collect()),
        ),
        (
            "total",
            Value::Longs(changes.iter().map(|(_, change)| change.0).collect()),
        ),
        (
            "open",
            Value::Longs(changes.iter().map(|(_, change)| change.1).collect()),
        ),
    ];
    let mut sql = Sql::new("INSERT INTO session_count (slot, k, lvl, bucket, total, open) ");
    sql.insert_rows(dialect, columns).push(
        "ON CONFLICT (slot, k, lvl, bucket) DO UPDATE SET \
         total = session_count.total + excluded.total, open = session_count.open + excluded.open",
    );
    sql
}

/// A span of ticks since year one: its first, and the first behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: i64,
    pub(super) to: i64,
}

impl Span {
    /// The span of all sessions that start in `from..to`, where these are given.
    pub(super) fn new(from: Option<Ticks>, to: Option<Ticks>) -> Self {
        let ticks = |at: Option<Ticks>, or| at.map_or(or, Ticks::since_year_one);
        Self {
            from: ticks(from, 0),
            to: ticks(to, i64::MAX),
        }
    }

    pub(super) fn is_empty(self) -> bool {
        self.from >= self.to
    }
}

/// Whole buckets of one level: the first, and the first behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) level: usize,
    pub(super) from: i64,
    pub(super) to: i64,
}

/// A span as whole buckets, as few as there can be, and what is left over at its ends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Cover {
    pub(super) runs: Vec<Run>,
    pub(super) edges: Vec<Span>,
}

/// Covers a span with buckets of these widths, each a multiple of the one before it.
pub(super) fn cover(widths: &[i64], span: Span) -> Cover {
    let mut cover = Cover::default();
    let (Some(finest), false) = (widths.first(), span.is_empty()) else {
        return cover;
    };
    let (from, to) = (div_ceil(span.from, *finest), span.to / finest);
    if from >= to {
        cover.edges.push(span);
        return cover;
    }
    let whole = Span {
        from: from * finest,
        to: to * finest,
    };
    let before = Span {
        to: whole.from,
        ..span
    };
    let behind = Span {
        from: whole.to,
        ..span
    };
    // Behind the last bucket that there can be is no session.
    let edges = [before, behind].into_iter().filter(|edge| !edge.is_empty());
    cover.edges.extend(edges.filter(|edge| edge.to != i64::MAX));
    runs(widths, 0, (from, to), &mut cover.runs);
    cover
}

fn runs(widths: &[i64], level: usize, (from, to): (i64, i64), found: &mut Vec<Run>) {
    let mut push = |from, to| {
        if from < to {
            found.push(Run { level, from, to });
        }
    };
    let (factor, end) = match (widths.get(level), widths.get(level + 1)) {
        (Some(narrow), Some(wide)) => (wide / narrow, i64::MAX / narrow),
        _ => return push(from, to),
    };
    let (wide_from, wide_to) = (div_ceil(from, factor), to / factor);
    if wide_from >= wide_to {
        return push(from, to);
    }
    push(from, wide_from * factor);
    // What reaches to the end of time is left to the widest.
    if to != end {
        push(wide_to * factor, to);
    }
    runs(widths, level + 1, (wide_from, wide_to), found);
}

fn div_ceil(number: i64, by: i64) -> i64 {
    number / by + i64::from(number % by != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every span of a small time: the cover holds each tick of it once, and no other.
    #[test]
    fn a_cover_has_every_tick_of_its_span_once_in_few_runs() {
        let widths = [3, 12, 24];
        for from in 0..80 {
            for to in from..80 {
                let cover = cover(&widths, Span { from, to });
                let mut ticks: Vec<i64> = cover.edges.iter().flat_map(|e| e.from..e.to).collect();
                for run in &cover.runs {
                    let width = widths[run.level];
                    ticks.extend(run.from * width..run.to * width);
                }
                ticks.sort_unstable();
                assert!(ticks.into_iter().eq(from..to), "{from}..{to}: {cover:?}");
                assert!(cover.runs.len() < 2 * widths.len(), "{cover:?}");
                assert!(cover.edges.iter().all(|edge| edge.to - edge.from < 2 * 3));
            }
        }
    }

    #[test]
    fn all_of_time_is_one_run_of_the_widest() {
        for widths in [vec![36], vec![36, 72], vec![36, 72, 720]] {
            let cover = cover(
                &widths,
                Span {
                    from: 0,
                    to: i64::MAX,
                },
            );
            assert_eq!(cover.edges, []);
            let [run] = cover.runs.as_slice() else {
                panic!("{cover:?}");
            };
            assert_eq!((run.level, run.from), (widths.len() - 1, 0));
        }
    }

    #[test]
    fn keys_are_pinned_and_apart_from_each_other() {
        let user = Uuid::from_u128(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10);
        assert_eq!(Key::all().bytes(), [0]);
        assert_eq!(Key::client("").bytes(), [1]);
        assert_eq!(Key::client("PDA").bytes(), *b"\x01PDA");
        let expected: Vec<u8> = (1..=16).collect();
        assert_eq!(Key::user(user).bytes(), [&[2], &expected[..]].concat());
    }
}
