//! A writer who knows what must be there of what only it writes.

use super::{hour, log, shared_log};
use crate::records::on;
use crate::support::random::Random;
use chrono::TimeDelta;
use sessionlog::postgres::Postgres;
use sessionlog::stores::SessionLogStore;
use sessionlog::{Erasure, OpenSessions, Outcome, Query, SessionLog};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use uuid::Uuid;

/// What must be there of a writer in the end.
pub(super) struct Left {
    pub(super) logs: Vec<SessionLog>,
    /// The shared sessions that it was told to have added, and how often.
    pub(super) added: BTreeMap<u128, u32>,
}

pub(super) struct Writer {
    number: u128,
    stores: [Postgres; 2],
    random: Random,
    next: u128,
    mine: BTreeMap<Uuid, SessionLog>,
    /// Those of a user who is erased now and then.
    erasable: u64,
    added: BTreeMap<u128, u32>,
}

impl Writer {
    pub(super) fn new(number: u128, stores: [Postgres; 2]) -> Self {
        Self {
            random: Random::new(u64::try_from(number).unwrap()),
            number,
            stores,
            next: 0,
            mine: BTreeMap::new(),
            erasable: 0,
            added: BTreeMap::new(),
        }
    }

    pub(super) async fn run(mut self, is_over: Arc<AtomicBool>) -> Left {
        while !is_over.load(Ordering::SeqCst) {
            self.step().await;
        }
        self.erase().await;
        Left {
            logs: self.mine.into_values().collect(),
            added: self.added,
        }
    }

    async fn step(&mut self) {
        match self.random.below(60) {
            0 => self.prune().await,
            1 => self.erase().await,
            2 | 3 => self.end_open().await,
            4..=7 => self.append_batch().await,
            8..=15 => self.remove().await,
            16..=23 => self.end().await,
            24..=27 => self.start_as().await,
            28..=33 => self.append_erasable().await,
            34..=37 => self.append_old().await,
            38..=47 => self.append_shared().await,
            _ => self.append().await,
        }
    }

    fn store(&mut self) -> Postgres {
        self.stores[self.random.below(2)].clone()
    }

    fn new_log(&mut self) -> SessionLog {
        self.next += 1;
        let refer_uid = (self.number << 64) | self.next;
        let start = hour(self.random.below(400) as u32);
        let end = self.random.chance(3).then_some(start + TimeDelta::hours(2));
        let client = format!("W{}", self.number);
        SessionLog {
            user_refer_uid: Uuid::from_u128(self.number),
            ..on(&client, log(refer_uid, start, end))
        }
    }

    fn one_of_mine(&mut self) -> Option<SessionLog> {
        let index = self.random.below(self.mine.len().max(1));
        self.mine.values().nth(index).cloned()
    }

    /// One that there is already is appended too, which changes nothing.
    async fn append(&mut self) {
        let store = self.store();
        let again = self.random.chance(4).then(|| self.one_of_mine()).flatten();
        let (log, expected) = match again {
            Some(log) => (log, Outcome::AlreadyThere),
            None => (self.new_log(), Outcome::Added),
        };
        assert_eq!(store.append(log.clone()).await.unwrap(), expected);
        self.mine.insert(log.refer_uid, log);
    }

    async fn append_batch(&mut self) {
        let store = self.store();
        let mut batch: Vec<SessionLog> = (0..20).map(|_| self.new_log()).collect();
        let own = batch.len();
        let from = self.random.below(1_000) as u128;
        batch.extend((from..from + 20).map(shared_log));
        let mut order: Vec<usize> = (0..batch.len()).collect();
        self.random.shuffle(&mut order);
        let shuffled = order.iter().map(|index| batch[*index].clone()).collect();
        let outcomes = store.append_batch(shuffled).await.unwrap();
        for (index, outcome) in order.into_iter().zip(outcomes) {
            match index.checked_sub(own) {
                Some(number) => self.was_shared(from + number as u128, outcome),
                None => assert_eq!(outcome, Outcome::Added),
            }
        }
        let own = batch.into_iter().take(own);
        self.mine.extend(own.map(|log| (log.refer_uid, log)));
    }

    async fn append_shared(&mut self) {
        let number = self.random.below(1_000) as u128;
        let outcome = self.store().append(shared_log(number)).await.unwrap();
        self.was_shared(number, outcome);
    }

    fn was_shared(&mut self, number: u128, outcome: Outcome) {
        match outcome {
            Outcome::Added => *self.added.entry(number).or_default() += 1,
            Outcome::AlreadyThere => {}
            Outcome::Ended => panic!("nobody ends {number}"),
        }
    }

    async fn start_as(&mut self) {
        self.next += 1;
        let refer_uid = Uuid::from_u128((self.number << 64) | self.next);
        let (user, client) = (Uuid::from_u128(self.number), format!("W{}", self.number));
        for expected in [Outcome::Added, Outcome::AlreadyThere] {
            let store = self.store();
            let started = store.start_as(refer_uid, user, "Ann", &client).await;
            assert_eq!(started.unwrap(), expected);
        }
        let log = self.store().get(refer_uid).await.unwrap().unwrap();
        self.mine.insert(refer_uid, log);
    }

    async fn end(&mut self) {
        let (store, Some(mut log)) = (self.store(), self.one_of_mine()) else {
            return;
        };
        let at = log
            .session_end
            .unwrap_or(log.session_start + TimeDelta::hours(1));
        let expected = match log.session_end {
            None => Outcome::Ended,
            Some(_) => Outcome::AlreadyThere,
        };
        assert_eq!(store.end(log.refer_uid, at).await.unwrap(), expected);
        log.session_end = Some(at);
        self.mine.insert(log.refer_uid, log);
    }

    async fn end_open(&mut self) {
        let store = self.store();
        let user = Uuid::from_u128(self.number);
        let query = Query::builder().user_refer_uid(user).build().unwrap();
        let at = hour(200 + self.random.below(250) as u32);
        let (mut ended, mut left_open) = (0, 0);
        for log in self.mine.values_mut().filter(|log| log.is_open()) {
            if log.session_start <= at {
                log.session_end = Some(at);
                ended += 1;
            } else {
                left_open += 1;
            }
        }
        let got = store.end_open(&query, at).await.unwrap();
        assert_eq!((got.ended, got.left_open), (ended, left_open));
    }

    async fn remove(&mut self) {
        let (store, Some(log)) = (self.store(), self.one_of_mine()) else {
            return;
        };
        assert_eq!(store.remove(log.refer_uid).await.unwrap(), log);
        self.mine.remove(&log.refer_uid);
    }

    /// Of a user of its own, on the client that everybody has.
    async fn append_erasable(&mut self) {
        let log = SessionLog {
            user_refer_uid: Uuid::from_u128(200 + self.number),
            ..on("PDA-01", self.new_log())
        };
        assert_eq!(self.store().append(log).await.unwrap(), Outcome::Added);
        self.erasable += 1;
    }

    async fn erase(&mut self) {
        let user = Uuid::from_u128(200 + self.number);
        let store = self.store();
        let erased = store.erase_user(user, Erasure::Logical, |_| ()).await;
        assert_eq!(erased.unwrap().session_count, self.erasable);
        self.erasable = 0;
    }

    /// One that anybody's next pruning removes.
    async fn append_old(&mut self) {
        let start = hour(0) - TimeDelta::days(9);
        let log = SessionLog {
            session_start: start,
            session_end: Some(start + TimeDelta::hours(1)),
            user_refer_uid: Uuid::from_u128(300),
            ..self.new_log()
        };
        assert_eq!(self.store().append(log).await.unwrap(), Outcome::Added);
    }

    async fn prune(&mut self) {
        let age = TimeDelta::days(1);
        let pruned = self.store().prune(age, OpenSessions::Keep, |_| ()).await;
        assert_eq!(pruned.unwrap().kept_open, 0);
    }
}
