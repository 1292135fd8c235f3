//! What the model makes of the calls that go through many sessions, some at a time.

use super::model::{Model, Refused, floor, in_range, invalid};
use chrono::{DateTime, TimeDelta, Utc};
use sessionlog::{EndedOpen, OpenSessions, Pruned, Query, SessionLog, StaleEnd};
use std::collections::BTreeSet;
use uuid::Uuid;

/// What becomes of a session.
enum Fate {
    Keep,
    Spare,
    Remove,
    End(DateTime<Utc>),
}

/// Sessions that were changed, that could not be, and the states behind each commit.
#[derive(Default)]
struct Swept {
    changed: u64,
    spared: u64,
    states: Vec<Model>,
}

/// What a call answers, and the states that it leaves behind each of its commits.
pub type Sweep<T> = Result<(T, Vec<Model>), Refused>;

impl Model {
    pub fn prune(
        &mut self,
        at_once: usize,
        (older_than, open): (TimeDelta, OpenSessions),
        now: DateTime<Utc>,
    ) -> Sweep<Pruned> {
        if older_than <= TimeDelta::zero() {
            return invalid("older_than");
        }
        let cutoff = now - older_than;
        let query = Query::builder().started_before(cutoff).build().unwrap();
        let swept = self.sweep(at_once, &query, u64::MAX, |log| {
            match (log.session_end, open) {
                (Some(end), _) if end >= cutoff => Fate::Keep,
                (None, OpenSessions::Keep) => Fate::Spare,
                _ => Fate::Remove,
            }
        });
        Ok(self.pruned(swept))
    }

    pub fn retain(&mut self, at_once: usize, max: u64) -> Sweep<Pruned> {
        let too_many = (self.0.len() as u64).saturating_sub(max);
        let swept = self.sweep(at_once, &Query::all(), too_many, |log| {
            match log.session_end {
                Some(_) => Fate::Remove,
                None => Fate::Spare,
            }
        });
        Ok(self.pruned(swept))
    }

    pub fn end_stale(
        &mut self,
        at_once: usize,
        started_before: DateTime<Utc>,
        end: StaleEnd,
    ) -> Sweep<EndedOpen> {
        match end {
            StaleEnd::At(at) if !in_range(at) => return invalid("session_end"),
            StaleEnd::AfterStart(length) if length <= TimeDelta::zero() => {
                return invalid("after_start");
            }
            _ => {}
        }
        let query = Query::builder().open_sessions_only(true);
        let query = query.started_before(started_before).build().unwrap();
        let swept = self.sweep(at_once, &query, u64::MAX, |log| {
            let at = match end {
                StaleEnd::At(at) => Some(at),
                StaleEnd::AfterStart(length) => log.session_start.checked_add_signed(length),
            };
            let at = at.filter(|at| in_range(*at)).map(floor);
            let at = at.filter(|at| *at >= log.session_start);
            at.map_or(Fate::Spare, Fate::End)
        });
        let ended = EndedOpen {
            ended: swept.changed,
            left_open: swept.spared,
        };
        Ok((ended, swept.states))
    }

    /// How many sessions go, and how many clients that nobody else's have.
    pub fn erase(&mut self, at_once: usize, user: Uuid) -> Sweep<(u64, u64)> {
        if user.is_nil() {
            return invalid("user_refer_uid");
        }
        let query = Query::builder().user_refer_uid(user).build().unwrap();
        let erased = self.answer(&query);
        let swept = self.sweep(at_once, &query, u64::MAX, |_| Fate::Remove);
        let clients = erased.iter().map(|log| &log.client_refer_uid);
        let mut clients: BTreeSet<_> = clients.collect();
        clients.retain(|client| self.0.iter().all(|log| log.client_refer_uid != **client));
        Ok(((swept.changed, clients.len() as u64), swept.states))
    }

    /// Every name under which a user has a session.
    pub fn names_of(&self, user: Uuid) -> BTreeSet<&str> {
        let logs = self.0.iter().filter(|log| log.user_refer_uid == user);
        logs.map(|log| &*log.user).collect()
    }

    fn pruned(&self, swept: Swept) -> (Pruned, Vec<Self>) {
        let left = self.0.iter().map(|log| log.session_start);
        let pruned = Pruned {
            removed: swept.changed,
            kept_open: swept.spared,
            oldest_left: left.min(),
        };
        (pruned, swept.states)
    }

    fn sweep(
        &mut self,
        at_once: usize,
        query: &Query,
        mut removable: u64,
        fate: impl Fn(&SessionLog) -> Fate,
    ) -> Swept {
        let mut swept = Swept::default();
        for logs in self.answer(query).chunks(at_once) {
            let changed = swept.changed;
            for log in logs {
                if removable == 0 {
                    break;
                }
                match fate(log) {
                    Fate::Keep => {}
                    Fate::Spare => swept.spared += 1,
                    Fate::Remove => {
                        self.remove(log.refer_uid).unwrap();
                        removable -= 1;
                        swept.changed += 1;
                    }
                    Fate::End(end) => {
                        self.end(log.refer_uid, end).unwrap();
                        swept.changed += 1;
                    }
                }
            }
            if swept.changed > changed {
                swept.states.push(self.clone());
            }
        }
        swept
    }
}
