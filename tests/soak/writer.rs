//! One thread that writes to a store beside others, and the model of its own sessions.

use super::{Claims, Life, REFER_UIDS, all_of, count, user};
use crate::support::Model;
use crate::support::random::Random;
use crate::support::settings::swept_at_once;
use chrono::{DateTime, TimeDelta, Utc};
use sessionlog::{Durability, Erasure, Error, ErrorKind, SessionLog, Store};
use std::fmt::Debug;
use std::sync::MutexGuard;
use uuid::Uuid;

/// What a call makes of a model by itself: the answer, and the states behind each of its commits.
type Expected<T> = Result<(T, Vec<Model>), (ErrorKind, Option<&'static str>)>;

pub(super) struct Writer<'l> {
    life: &'l Life<'l>,
    number: usize,
    random: Random,
    /// What the store shows, as far as is known.
    model: Model,
    /// What it may come to show besides: a write has failed.
    doubts: Vec<Model>,
}

impl<'l> Writer<'l> {
    pub(super) fn new(life: &'l Life<'l>, number: usize, random: Random) -> Self {
        let model = Model::default();
        Self {
            life,
            number,
            random,
            model,
            doubts: Vec::new(),
        }
    }

    pub(super) fn run(mut self) {
        while self.life.goes_on() {
            if self.doubts.is_empty() || self.look() {
                self.step();
            }
        }
    }

    fn step(&mut self) {
        count(&self.life.done.writes);
        let query = all_of(self.number);
        match self.random.below(100) {
            0..40 => {
                let log = self.log();
                self.write(
                    |store| store.append(log.clone()),
                    |model| {
                        model
                            .append(log.clone())
                            .map(|outcome| (outcome, Vec::new()))
                    },
                );
            }
            40..50 => self.batch(),
            50..65 => {
                let (refer_uid, at) = (self.refer_uid(), self.time());
                self.write(
                    |store| store.end(refer_uid, at),
                    |model| {
                        model
                            .end(refer_uid, at)
                            .map(|outcome| (outcome, Vec::new()))
                    },
                );
            }
            65..80 => {
                let refer_uid = self.refer_uid();
                self.write(
                    |store| store.remove(refer_uid),
                    |model| model.remove(refer_uid).map(|removed| (removed, Vec::new())),
                );
            }
            80..83 => {
                let at = self.time();
                self.write(
                    |store| store.end_open(&query, at),
                    |model| model.end_open(&query, at).map(|ended| (ended, Vec::new())),
                );
            }
            83 => self.erase(),
            84..87 => {
                if self.life.unless_failed(self.life.store.flush()).is_some() {
                    self.all_is_durable();
                }
            }
            _ => drop(self.look()),
        }
    }

    fn log(&mut self) -> SessionLog {
        let session_start = self.time();
        let shared = ["PDA-01", "PDA-02"];
        let own = ["PDA-11", "PDA-12", "PDA-13"];
        SessionLog {
            refer_uid: self.refer_uid(),
            user_refer_uid: user(self.number),
            user: self.random.one_of(&["Ann", "Anna"]).into(),
            client_refer_uid: match self.random.below(3) {
                0 => own[self.number].into(),
                _ => self.random.one_of(&shared).into(),
            },
            session_start,
            session_end: self.random.chance(2).then_some(session_start),
        }
    }

    fn refer_uid(&mut self) -> Uuid {
        let chosen = self.random.below(REFER_UIDS) as u128;
        Uuid::from_u128((self.number as u128 + 1) << 64 | chosen)
    }

    fn time(&mut self) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(self.random.below(5_000) as i64)
    }

    /// Only records of sessions that are not there, so that none is refused.
    fn batch(&mut self) {
        let mut after = self.model.clone();
        let logs: Vec<SessionLog> = (0..10).map(|_| self.log()).collect();
        let logs = logs.into_iter();
        let logs: Vec<SessionLog> = logs
            .filter(|log| after.get(log.refer_uid).is_none() && after.append(log.clone()).is_ok())
            .collect();
        self.write(
            |store| store.append_batch(logs.clone()),
            |model| Ok((model.batch(logs.clone()).unwrap(), Vec::new())),
        );
    }

    fn erase(&mut self) {
        let erasure = self.random.one_of(&[Erasure::Logical, Erasure::Secure]);
        let user = user(self.number);
        let at_once = swept_at_once(self.life.delta_sessions_max);
        let is_done = self.write(
            |store| {
                let erased = store.erase_user(user, erasure, |_| ())?;
                Ok(erased.session_count)
            },
            // How many clients go depends on the others.
            |model| {
                let ((sessions, _), states) = model.erase(at_once, user)?;
                Ok((sessions, states))
            },
        );
        if is_done {
            self.all_is_durable();
        }
    }

    /// Makes one call, and answers whether it was done.
    fn write<T: PartialEq + Debug>(
        &mut self,
        call: impl FnOnce(&Store) -> Result<T, Error>,
        expected: impl FnOnce(&mut Model) -> Expected<T>,
    ) -> bool {
        let mut after = self.model.clone();
        let (expected, states) = match expected(&mut after) {
            Ok((answer, states)) => (Ok(answer), states),
            Err(refused) => (Err(refused), Vec::new()),
        };
        let mut now = vec![self.model.clone()];
        now.extend(states.clone());
        now.push(after.clone());
        now.extend(self.doubts.clone());
        self.claims().now = now;
        let got = call(&self.life.store);
        if let Err(error) = &got
            && self.life.is_failure(error)
        {
            count(&self.life.done.doubts);
            if !states.is_empty() || !error.to_string().contains("nothing was written") {
                self.doubts.extend(states);
                self.doubts.push(after);
            }
            self.claim();
            return false;
        }
        let got = got.map_err(|error| (error.kind(), error.member()));
        assert_eq!(got, expected);
        if after != self.model {
            let before = std::mem::replace(&mut self.model, after);
            let shown_before = std::mem::take(&mut self.doubts);
            if self.life.durability == Durability::Eventual {
                let at_risk = shown_before.into_iter().chain([before]).chain(states);
                self.claims().at_risk.extend(at_risk);
            }
        }
        self.claim();
        got.is_ok()
    }

    fn claims(&self) -> MutexGuard<'l, Claims> {
        self.life.claims[self.number].lock().unwrap()
    }

    /// No call goes on.
    fn claim(&self) {
        let known = [self.model.clone()].into_iter();
        self.claims().now = known.chain(self.doubts.clone()).collect();
    }

    fn all_is_durable(&mut self) {
        self.doubts.clear();
        self.claims().at_risk.clear();
        self.claim();
    }

    /// Compares what the store shows with what it may, and answers whether it could be seen.
    fn look(&mut self) -> bool {
        let query = all_of(self.number);
        let logs = self.life.store.iter(&query);
        let logs = logs.and_then(|logs| logs.collect::<Result<Vec<SessionLog>, Error>>());
        let logs = match logs {
            Err(error) if self.life.can_fail && error.kind() == ErrorKind::Expired => return false,
            logs => self.life.unless_failed(logs),
        };
        let Some(logs) = logs else {
            return false;
        };
        let mut possible = vec![self.model.clone()];
        possible.append(&mut self.doubts);
        let shown = possible
            .iter()
            .position(|model| model.answer(&query) == logs);
        let shown = shown.unwrap_or_else(|| panic!("{logs:#?} is none of {possible:#?}"));
        self.model = possible.swap_remove(shown);
        possible.retain(|model| *model != self.model);
        self.doubts = possible;
        true
    }
}
