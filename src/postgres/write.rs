//! Calls that write sessions they name: several of them in one transaction, as if one after the other.

use super::change::{Change, Layout, outrun};
use super::connection::Transaction;
use super::engine::{Engine, Writing};
use super::failure::Failure;
use super::rows::Stored;
use super::slot::slot_of;
use crate::error::{Error, Refusal, Result};
use crate::session::{self, Checked, Outcome, SessionLog};
use crate::time::Ticks;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// A call that writes one session.
#[derive(Debug, Clone)]
pub(super) enum Call {
    /// Appends a record.
    Append(Checked),
    /// Starts a session, unless it was started before.
    Start(Checked),
    /// Ends a session.
    End(Uuid, Ticks),
}

impl Call {
    fn refer_uid(&self) -> Uuid {
        match self {
            Self::Append(record) | Self::Start(record) => record.log.refer_uid,
            Self::End(refer_uid, _) => *refer_uid,
        }
    }

    /// What finds the session.
    pub(super) fn key(&self) -> (i16, Uuid) {
        let refer_uid = self.refer_uid();
        (slot_of(refer_uid), refer_uid)
    }

    fn record(&self) -> Option<&Checked> {
        match self {
            Self::Append(record) | Self::Start(record) => Some(record),
            Self::End(..) => None,
        }
    }

    /// What the call does to the session as it stands.
    fn apply(&self, change: &mut Change) -> Result<Outcome> {
        let key = self.key();
        let stored = change.get(key).ok_or_else(|| session::not_found(key.1))?;
        let (outcome, end) = match self {
            Self::Append(record) => (session::reappend(stored, record)?, record.end),
            Self::Start(record) => (session::restart(stored, &record.log)?, None),
            Self::End(refer_uid, at) => {
                let start = Ticks::floor(stored.session_start);
                let end = stored.session_end.map(Ticks::floor);
                (session::end(*refer_uid, start, end, *at)?, Some(*at))
            }
        };
        if let (Outcome::Ended, Some(end)) = (outcome, end) {
            change.end(key, end);
        }
        Ok(outcome)
    }
}

/// Calls that come one after the other, each with its own answer: one that is refused changes nothing,
/// and keeps none of the others.
#[derive(Debug)]
pub(super) struct Calls<'c>(pub(super) &'c [Call]);

impl Writing for Calls<'_> {
    type Answer = Vec<Result<Outcome>>;

    async fn attempt(
        &self,
        transaction: &mut Transaction,
        layout: &Layout,
    ) -> Result<(Self::Answer, Change), Failure> {
        let mut change = Change::begin(transaction).await?;
        let mut new = self.add(transaction, layout, &mut change).await?;
        let answers = self.0.iter().map(|call| {
            // A call of before it was there has not seen it.
            let is_early = call.record().is_none() && new.contains(&call.refer_uid());
            match is_early {
                true => Err(session::not_found(call.refer_uid())),
                false if new.remove(&call.refer_uid()) => Ok(Outcome::Added),
                false => call.apply(&mut change),
            }
        });
        let answers = answers.collect();
        Ok((answers, change))
    }
}

impl Calls<'_> {
    /// Adds the sessions that are not there, and takes those that are: gives the ids of those that were
    /// added, each by the first record that has it.
    async fn add(
        &self,
        transaction: &mut Transaction,
        layout: &Layout,
        change: &mut Change,
    ) -> Result<BTreeSet<Uuid>, Failure> {
        let mut firsts = BTreeMap::new();
        for call in self.0 {
            if let Some(record) = call.record() {
                let first = || Stored::new(record.log.clone());
                firsts.entry(call.key()).or_insert_with(first);
            }
        }
        let records: Vec<&Stored> = firsts.values().collect();
        let added = change.add(transaction, layout, &records).await?;
        let keys: BTreeSet<_> = self.0.iter().map(Call::key).collect();
        let there: Vec<_> = keys
            .into_iter()
            .filter(|(_, refer_uid)| !added.contains(refer_uid))
            .collect();
        change.take(transaction, layout, &there).await?;
        let is_gone = |key: &&(i16, Uuid)| firsts.contains_key(key) && change.get(**key).is_none();
        match there.iter().find(is_gone) {
            // It was there when it was to be added, and is not any more.
            Some(_) => Err(outrun()),
            None => Ok(added.into_iter().collect()),
        }
    }
}

/// Calls that are done all or none: if one is refused, or one beside them is, nothing is changed.
#[derive(Debug)]
pub(super) struct AllOrNone<'c> {
    pub(super) calls: &'c [Call],
    pub(super) is_refused: bool,
}

impl Writing for AllOrNone<'_> {
    type Answer = Vec<Result<Outcome>>;

    async fn attempt(
        &self,
        transaction: &mut Transaction,
        layout: &Layout,
    ) -> Result<(Self::Answer, Change), Failure> {
        let (answers, change) = Calls(self.calls).attempt(transaction, layout).await?;
        match self.is_refused || answers.iter().any(Result::is_err) {
            true => Ok((answers, change.undone())),
            false => Ok((answers, change)),
        }
    }
}

impl Engine {
    /// Appends records in one transaction, all or none.
    ///
    /// # Errors
    ///
    /// Of the whole batch, listing what was refused.
    pub(super) async fn append_batch(&self, logs: Vec<SessionLog>) -> Result<Vec<Outcome>> {
        let (count, max) = (logs.len(), self.options.batch_records_max);
        if count > max {
            let problem = format_args!("holds more than {max} records");
            return Err(Error::invalid("batch", problem));
        }
        let (mut calls, mut places, mut refusals) = (Vec::new(), Vec::new(), Vec::new());
        for (index, log) in logs.into_iter().enumerate() {
            match Checked::new(log) {
                Ok(record) => {
                    calls.push(Call::Append(record));
                    places.push(index);
                }
                Err(error) => refusals.push(Refusal { index, error }),
            }
        }
        let batch = AllOrNone {
            calls: &calls,
            is_refused: !refusals.is_empty(),
        };
        let mut outcomes = Vec::with_capacity(count);
        for (answer, index) in self.write(&batch).await?.into_iter().zip(places) {
            match answer {
                Ok(outcome) => outcomes.push(outcome),
                Err(error) => refusals.push(Refusal { index, error }),
            }
        }
        refusals.sort_by_key(|refusal| refusal.index);
        match refusals.is_empty() {
            true => Ok(outcomes),
            false => Err(Error::refused(refusals, count)),
        }
    }

    /// Removes a session, and answers what it was.
    pub(super) async fn remove(&self, refer_uid: Uuid) -> Result<SessionLog> {
        self.write(&Removal(refer_uid)).await
    }
}

/// The removal of one session.
struct Removal(Uuid);

impl Writing for Removal {
    type Answer = SessionLog;

    async fn attempt(
        &self,
        transaction: &mut Transaction,
        layout: &Layout,
    ) -> Result<(Self::Answer, Change), Failure> {
        let mut change = Change::begin(transaction).await?;
        let key = (slot_of(self.0), self.0);
        change.take(transaction, layout, &[key]).await?;
        let removed = change
            .remove(key)
            .ok_or_else(|| session::not_found(self.0))?;
        Ok((removed, change))
    }
}
