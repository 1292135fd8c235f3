//! A store as anyone would write it down: a `Vec`, searched from end to end.

use chrono::{DateTime, Datelike, TimeDelta, Timelike, Utc};
use sessionlog::{Bucket, EndedOpen, ErrorKind, Order, Outcome, Query, SessionLog};
use uuid::Uuid;

/// The sessions, in the order of their coming.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Model(pub Vec<SessionLog>);

/// The kind of error that is expected, and the member that it names.
pub type Refused = (ErrorKind, Option<&'static str>);

pub(super) fn invalid<T>(member: &'static str) -> Result<T, Refused> {
    Err((ErrorKind::InvalidInput, Some(member)))
}

/// The tick that holds an instant.
pub(super) fn floor(at: DateTime<Utc>) -> DateTime<Utc> {
    let nanos = at.timestamp_subsec_nanos() % 100;
    at - TimeDelta::nanoseconds(nanos.into())
}

pub(super) fn in_range(at: DateTime<Utc>) -> bool {
    let first = DateTime::from_timestamp(-62_135_596_800, 100).unwrap();
    let end = DateTime::from_timestamp(253_402_300_800, 0).unwrap();
    (first..end).contains(&floor(at))
}

/// The record as it is kept, if it keeps the rules.
fn checked(mut log: SessionLog) -> Result<SessionLog, Refused> {
    if log.refer_uid.is_nil() {
        return invalid("refer_uid");
    }
    if log.user_refer_uid.is_nil() {
        return invalid("user_refer_uid");
    }
    if !in_range(log.session_start) {
        return invalid("session_start");
    }
    log.session_start = floor(log.session_start);
    if let Some(end) = log.session_end {
        if !in_range(end) || floor(end) < log.session_start {
            return invalid("session_end");
        }
        log.session_end = Some(floor(end));
    }
    Ok(log)
}

impl Model {
    pub fn get(&self, refer_uid: Uuid) -> Option<&SessionLog> {
        self.0.iter().find(|log| log.refer_uid == refer_uid)
    }

    fn get_mut(&mut self, refer_uid: Uuid) -> Result<&mut SessionLog, Refused> {
        let found = self.0.iter_mut().find(|log| log.refer_uid == refer_uid);
        found.ok_or((ErrorKind::NotFound, Some("refer_uid")))
    }

    pub fn append(&mut self, log: SessionLog) -> Result<Outcome, Refused> {
        let log = checked(log)?;
        let Ok(stored) = self.get_mut(log.refer_uid) else {
            self.0.push(log);
            return Ok(Outcome::Added);
        };
        let conflict = |member| Err((ErrorKind::Conflict, Some(member)));
        if let Some(member) = other_session(stored, &log) {
            return conflict(member);
        }
        if stored.session_start != log.session_start {
            return conflict("session_start");
        }
        match (stored.session_end, log.session_end) {
            (_, None) => Ok(Outcome::AlreadyThere),
            (None, end) => {
                stored.session_end = end;
                Ok(Outcome::Ended)
            }
            (first, end) if first == end => Ok(Outcome::AlreadyThere),
            _ => conflict("session_end"),
        }
    }

    /// All or none; refused with the index and the cause of each refused record.
    pub fn batch(&mut self, logs: Vec<SessionLog>) -> Result<Vec<Outcome>, Vec<(usize, Refused)>> {
        let mut after = self.clone();
        let mut outcomes = Vec::new();
        let mut refused = Vec::new();
        for (index, log) in logs.into_iter().enumerate() {
            match after.append(log) {
                Ok(outcome) => outcomes.push(outcome),
                Err(why) => refused.push((index, why)),
            }
        }
        if !refused.is_empty() {
            return Err(refused);
        }
        *self = after;
        Ok(outcomes)
    }

    pub fn start(&mut self, log: SessionLog) -> Result<Outcome, Refused> {
        let log = checked(log)?;
        let Some(stored) = self.get(log.refer_uid) else {
            self.0.push(log);
            return Ok(Outcome::Added);
        };
        match other_session(stored, &log) {
            Some(member) => Err((ErrorKind::Conflict, Some(member))),
            None => Ok(Outcome::AlreadyThere),
        }
    }

    pub fn end(&mut self, refer_uid: Uuid, at: DateTime<Utc>) -> Result<Outcome, Refused> {
        if !in_range(at) {
            return invalid("session_end");
        }
        let at = floor(at);
        let stored = self.get_mut(refer_uid)?;
        match stored.session_end {
            Some(end) if end == at => Ok(Outcome::AlreadyThere),
            Some(_) => Err((ErrorKind::AlreadyEnded, Some("session_end"))),
            None if at < stored.session_start => invalid("session_end"),
            None => {
                stored.session_end = Some(at);
                Ok(Outcome::Ended)
            }
        }
    }

    pub fn end_open(&mut self, query: &Query, at: DateTime<Utc>) -> Result<EndedOpen, Refused> {
        if !in_range(at) {
            return invalid("session_end");
        }
        let mut counts = EndedOpen {
            ended: 0,
            left_open: 0,
        };
        for log in &mut self.0 {
            if !log.is_open() || !passes(log, query) {
                continue;
            }
            if log.session_start > at {
                counts.left_open += 1;
            } else {
                log.session_end = Some(floor(at));
                counts.ended += 1;
            }
        }
        Ok(counts)
    }

    pub fn remove(&mut self, refer_uid: Uuid) -> Result<SessionLog, Refused> {
        let removed = self.get_mut(refer_uid)?.clone();
        self.0.retain(|log| log.refer_uid != refer_uid);
        Ok(removed)
    }

    /// The whole answer to a query.
    pub fn answer(&self, query: &Query) -> Vec<SessionLog> {
        let passing = self.0.iter().filter(|log| passes(log, query));
        let mut answer: Vec<SessionLog> = passing.cloned().collect();
        answer.sort_by_key(|log| (log.session_start, log.refer_uid));
        if query.order() == Order::NewestFirst {
            answer.reverse();
        }
        answer
    }
}

/// The first member by which two records are not one session.
fn other_session(stored: &SessionLog, log: &SessionLog) -> Option<&'static str> {
    if stored.user_refer_uid != log.user_refer_uid {
        return Some("user_refer_uid");
    }
    if stored.user != log.user {
        return Some("user");
    }
    (stored.client_refer_uid != log.client_refer_uid).then_some("client_refer_uid")
}

/// Whether a kept record passes the filters: bounds as they were given, rounded as documented.
fn passes(log: &SessionLog, query: &Query) -> bool {
    let user = query.user_refer_uid();
    let client = query.client_refer_uid();
    let after = query.started_after();
    user.is_none_or(|user| log.user_refer_uid == user)
        && client.is_none_or(|client| &*log.client_refer_uid == client)
        && (!query.open_sessions_only() || log.is_open())
        && after.is_none_or(|after| log.session_start > floor(after))
        && query
            .started_before()
            .is_none_or(|before| log.session_start < before)
}

/// The first instant of the bucket of a record.
pub fn start_of(log: &SessionLog, bucket: Bucket) -> DateTime<Utc> {
    let start = log.session_start;
    let (date, hour) = match bucket {
        Bucket::Hour => (start.date_naive(), start.hour()),
        Bucket::Day => (start.date_naive(), 0),
        Bucket::Month => (start.date_naive().with_day(1).unwrap(), 0),
    };
    date.and_hms_opt(hour, 0, 0).unwrap().and_utc()
}
