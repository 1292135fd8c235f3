//! Operations drawn from a string of bytes: the same for proptest and for the fuzzer.

use super::random::Random;
use chrono::{DateTime, TimeDelta, Utc};
use sessionlog::{Erasure, OpenSessions, Order, Query, QueryBuilder, SessionLog, StaleEnd};
use std::collections::HashSet;
use std::mem;
use uuid::Uuid;

/// One step.
#[derive(Debug, Clone)]
pub enum Op {
    Append(SessionLog),
    Batch(Vec<SessionLog>),
    Start(Uuid, &'static str, &'static str),
    StartAs(Uuid, Uuid, &'static str, &'static str),
    End(Uuid, DateTime<Utc>),
    EndOpen(QueryBuilder, DateTime<Utc>),
    Remove(Uuid),
    /// Every session goes, one by one.
    RemoveAll,
    /// What ended longer ago than this goes.
    Prune(TimeDelta, OpenSessions),
    /// The oldest go, until there are so many.
    Retain(u64),
    /// What is open and started before goes to its end.
    EndStale(DateTime<Utc>, StaleEnd),
    /// The injected clock moves on.
    Wait(TimeDelta),
    Flush,
    Reopen,
    /// And resumed.
    Suspend,
    /// A snapshot is taken and kept.
    Snapshot,
    /// A walk with a cursor is begun and kept.
    Walk(QueryBuilder),
    /// The answer to a query is compared in every form.
    Ask(QueryBuilder),
    Compact,
    Rebuild,
    /// Everything of a user goes.
    Erase(Uuid, Erasure),
    /// A copy is made elsewhere and compared.
    Backup,
}

/// Reads small choices from bytes; zeros once they are used up.
#[derive(Debug)]
pub struct Bytes<'a> {
    rest: &'a [u8],
    /// How many ids the records have that are chosen.
    refer_uids: u8,
}

const USERS: [(u128, &str); 5] = [(1, "Ann"), (1, "Anna"), (2, "Ann"), (3, ""), (0, "nil")];
const CLIENTS: [&str; 4] = ["", "PDA-01", "PDA-02", "PDA-01\0"];

/// What some bytes of chance make a store do.
pub fn ops_of(seed: u64, bytes: usize) -> Vec<Op> {
    Bytes::new(&Random::new(seed).bytes(bytes)).ops()
}

/// As much as makes some merges, with everything among it that a store can be told.
pub fn workload(seed: u64) -> Vec<Op> {
    let mut random = Random::new(seed);
    let mut ops = ops_of(seed, 300);
    // Some sessions first, that there is something to be done to.
    let begin = ops.len() / 4;
    for op in one_of_each() {
        ops.insert(begin + random.below(ops.len() - begin), op);
    }
    let kinds: HashSet<_> = ops.iter().map(mem::discriminant).collect();
    // All but the one that leaves nothing.
    assert!(kinds.len() >= 21, "{ops:?}");
    ops
}

fn one_of_each() -> Vec<Op> {
    let [id, user] = [3, 1].map(Uuid::from_u128);
    let time = DateTime::UNIX_EPOCH + TimeDelta::hours(69);
    let log = SessionLog {
        refer_uid: Uuid::from_u128(41),
        user_refer_uid: user,
        user: "Ann".into(),
        client_refer_uid: "PDA-01".into(),
        session_start: DateTime::UNIX_EPOCH,
        session_end: None,
    };
    vec![
        Op::Append(log.clone()),
        Op::Batch(vec![log.clone(), log]),
        Op::Start(user, "Anna", "PDA-02"),
        Op::StartAs(Uuid::from_u128(42), user, "Ann", ""),
        Op::End(Uuid::from_u128(41), time),
        Op::EndOpen(Query::builder().user_refer_uid(user), time),
        Op::Remove(id),
        Op::Prune(TimeDelta::hours(24), OpenSessions::Keep),
        Op::Retain(20),
        Op::EndStale(time, StaleEnd::AfterStart(TimeDelta::hours(12))),
        Op::Wait(TimeDelta::milliseconds(1_200)),
        Op::Flush,
        Op::Reopen,
        Op::Suspend,
        Op::Snapshot,
        Op::Walk(Query::builder()),
        Op::Ask(Query::builder().open_sessions_only(true)),
        Op::Compact,
        Op::Rebuild,
        Op::Erase(user, Erasure::Secure),
        Op::Backup,
    ]
}

impl<'a> Bytes<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self::of_ids(bytes, 40)
    }

    /// With more ids than few there are more sessions, and they meet more seldom.
    pub fn of_ids(rest: &'a [u8], refer_uids: u8) -> Self {
        Self { rest, refer_uids }
    }

    /// Every operation that the bytes hold.
    pub fn ops(mut self) -> Vec<Op> {
        let mut ops = Vec::new();
        while !self.rest.is_empty() {
            ops.push(self.op());
        }
        ops
    }

    fn below(&mut self, bound: u8) -> u8 {
        match self.rest {
            [byte, rest @ ..] => {
                self.rest = rest;
                byte % bound
            }
            [] => 0,
        }
    }

    fn chance(&mut self, one_in: u8) -> bool {
        self.below(one_in) == 1
    }

    /// What keeps a store in order has the bytes that the other operations had one turn more of than
    /// of the rest, so that nearly all bytes still mean what they did before there was any.
    fn op(&mut self) -> Op {
        match self.rest {
            [byte @ 242..=u8::MAX, rest @ ..] => {
                self.rest = rest;
                self.upkeep(*byte)
            }
            _ => self.call(),
        }
    }

    fn upkeep(&mut self, byte: u8) -> Op {
        match byte {
            ..244 => Op::Compact,
            244..246 => Op::Suspend,
            246..248 => Op::Rebuild,
            248..252 => Op::Erase(self.user().0, self.erasure()),
            252.. => Op::Backup,
        }
    }

    fn call(&mut self) -> Op {
        match self.below(22) {
            0..4 => Op::Append(self.log()),
            4..7 => Op::Batch((0..self.below(12)).map(|_| self.log()).collect()),
            7 => {
                let (user, name) = self.user();
                Op::Start(user, name, self.client())
            }
            8 => {
                let (user, name) = self.user();
                Op::StartAs(self.refer_uid(), user, name, self.client())
            }
            9..11 => Op::End(self.refer_uid(), self.time()),
            11 => Op::EndOpen(self.query(), self.time()),
            12..14 => Op::Remove(self.refer_uid()),
            14 => Op::Wait(TimeDelta::milliseconds(
                i64::from(self.below(8)) * 300 - 300,
            )),
            15 => Op::Flush,
            16 => Op::Reopen,
            17 => Op::Snapshot,
            18 => Op::Walk(self.query()),
            20 => Op::Prune(self.age(), self.open_sessions()),
            21 if self.chance(2) => Op::Retain(u64::from(self.below(30))),
            21 => Op::EndStale(self.time(), self.stale_end()),
            19 if self.chance(8) => Op::RemoveAll,
            _ => Op::Ask(self.query()),
        }
    }

    /// Mostly a record that keeps the rules; few ids, so that they meet again.
    fn log(&mut self) -> SessionLog {
        let (user_refer_uid, user) = self.user();
        let session_start = self.time();
        let session_end = match self.below(3) {
            0 => None,
            1 => {
                let length = TimeDelta::nanoseconds(i64::from(self.below(3)) * 80);
                session_start.checked_add_signed(length)
            }
            _ => Some(self.time()),
        };
        SessionLog {
            refer_uid: self.refer_uid(),
            user_refer_uid,
            user: user.into(),
            client_refer_uid: self.client().into(),
            session_start,
            session_end,
        }
    }

    fn refer_uid(&mut self) -> Uuid {
        Uuid::from_u128(u128::from(self.below(self.refer_uids)))
    }

    fn user(&mut self) -> (Uuid, &'static str) {
        let nil = usize::from(self.chance(30)) * 4;
        let (user, name) = USERS[nil.max(self.below(4).into())];
        (Uuid::from_u128(user), name)
    }

    fn client(&mut self) -> &'static str {
        CLIENTS[usize::from(self.below(4))]
    }

    /// Some hours around 1970, some just a tick or less apart; now and then an extreme.
    fn time(&mut self) -> DateTime<Utc> {
        let hours = i64::from(self.below(6)) * 23 - 46;
        let nanos = i64::from(self.below(8)) * 50;
        match self.below(40) {
            1 => DateTime::<Utc>::MIN_UTC,
            2 => DateTime::<Utc>::MAX_UTC,
            3 => DateTime::from_timestamp(-62_135_596_800, 0).unwrap(),
            4 => DateTime::from_timestamp(253_402_300_799, 999_999_999).unwrap(),
            _ => DateTime::UNIX_EPOCH + TimeDelta::hours(hours) + TimeDelta::nanoseconds(nanos),
        }
    }

    /// Mostly one that some sessions have.
    fn age(&mut self) -> TimeDelta {
        TimeDelta::hours(i64::from(self.below(6)) * 12 - 12)
    }

    fn open_sessions(&mut self) -> OpenSessions {
        match self.chance(3) {
            true => OpenSessions::Remove,
            false => OpenSessions::Keep,
        }
    }

    fn erasure(&mut self) -> Erasure {
        match self.chance(2) {
            true => Erasure::Secure,
            false => Erasure::Logical,
        }
    }

    fn stale_end(&mut self) -> StaleEnd {
        match self.chance(2) {
            true => StaleEnd::AfterStart(self.age()),
            false => StaleEnd::At(self.time()),
        }
    }

    fn query(&mut self) -> QueryBuilder {
        let mut query = Query::builder();
        if self.chance(2) {
            query = query.user_refer_uid(self.user().0);
        }
        if self.chance(2) {
            query = query.client_refer_uid(self.client());
        }
        if self.chance(2) {
            query = query.open_sessions_only(true);
        }
        if self.chance(3) {
            query = query.started_after(self.time());
        }
        if self.chance(3) {
            query = query.started_before(self.time());
        }
        if self.chance(2) {
            query = query.order(Order::NewestFirst);
        }
        query
    }
}
