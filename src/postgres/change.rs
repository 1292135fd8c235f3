//! What a call that writes makes of the stored sessions, as one transaction.
//!
//! A transaction takes what it needs in an order that all writers keep, so that none waits for one that
//! waits for it: new rows first, then rows that are there, then counters, each of them by slot and key.

use super::connection::Transaction;
use super::counters::{CountedKeys, Counting, Deltas};
use super::failure::Failure;
use super::keys::Keys;
use super::rows::{Stored, column, record};
use super::schema::Dialect;
use super::sql::Sql;
use super::statements;
use crate::error::{Error, ErrorKind};
use crate::session::SessionLog;
use crate::time::Ticks;
use std::collections::{BTreeMap, HashSet};
use uuid::Uuid;

/// Where and how the sessions are stored, and what of them is known to be counted.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) dialect: Dialect,
    pub(super) widths: Vec<i64>,
    pub(super) keys: Keys,
}

/// Sessions that a transaction has taken, and what it makes of each.
#[derive(Debug)]
pub(super) struct Change {
    /// The users and clients that have counters, for as long as the transaction lasts.
    keys: CountedKeys,
    /// What was stored, and what is to be, by key; rows that were added are stored as `inserted`.
    taken: BTreeMap<(i16, Uuid), Taken>,
}

#[derive(Debug)]
struct Taken {
    before: Option<Stored>,
    /// With which end the row was added.
    inserted: Option<Option<Ticks>>,
    after: Option<Stored>,
}

/// One session whose row tells whether a transaction was committed of which nobody knows.
#[derive(Debug, Clone)]
pub(super) enum Witness {
    /// It is there then.
    Added(Stored),
    /// It has this end then.
    Ended((i16, Uuid), Ticks),
    /// It is gone then.
    Removed((i16, Uuid)),
}

impl Change {
    /// Begins a transaction. Until its end no user or client comes to have counters.
    pub(super) async fn begin(transaction: &mut Transaction) -> Result<Self, Failure> {
        Ok(Self {
            keys: transaction.counted_keys().await?,
            taken: BTreeMap::new(),
        })
    }

    /// The same transaction, changing nothing.
    pub(super) fn undone(self) -> Self {
        Self {
            taken: BTreeMap::new(),
            ..self
        }
    }

    /// Adds those of these sessions that are not there: of each id one, sorted by key.
    pub(super) async fn add(
        &mut self,
        transaction: &mut Transaction,
        layout: &Layout,
        records: &[&Stored],
    ) -> Result<HashSet<Uuid>, Failure> {
        let mut added = HashSet::new();
        for statement in statements::insert(layout.dialect, records) {
            for row in transaction.query(&statement).await? {
                added.insert(column(&row, 0)?);
            }
        }
        for record in records
            .iter()
            .filter(|record| added.contains(&record.log.refer_uid))
        {
            let taken = Taken {
                before: None,
                inserted: Some(record.end()),
                after: Some((*record).clone()),
            };
            self.taken.insert(record.key(), taken);
        }
        Ok(added)
    }

    /// Takes the sessions with these keys, sorted, that are there.
    pub(super) async fn take(
        &mut self,
        transaction: &mut Transaction,
        layout: &Layout,
        keys: &[(i16, Uuid)],
    ) -> Result<(), Failure> {
        for statement in statements::lock(layout.dialect, keys) {
            for row in transaction.query(&statement).await? {
                let stored = Stored::new(record(&row)?);
                let (key, before) = (stored.key(), Some(stored.clone()));
                let taken = Taken {
                    before,
                    inserted: None,
                    after: Some(stored),
                };
                self.taken.insert(key, taken);
            }
        }
        Ok(())
    }

    /// The session as it is to be, if it was taken and is not removed.
    pub(super) fn get(&self, key: (i16, Uuid)) -> Option<&SessionLog> {
        let taken = self.taken.get(&key)?;
        taken.after.as_ref().map(|stored| &stored.log)
    }

    /// Ends a session that was taken.
    pub(super) fn end(&mut self, key: (i16, Uuid), end: Ticks) {
        let taken = self.taken.get_mut(&key);
        if let Some(stored) = taken.and_then(|taken| taken.after.as_mut()) {
            stored.log.session_end = Some(end.to_utc());
        }
    }

    /// Removes a session that was taken, and answers what it was.
    pub(super) fn remove(&mut self, key: (i16, Uuid)) -> Option<SessionLog> {
        let taken = self.taken.get_mut(&key)?;
        taken.after.take().map(|stored| stored.log)
    }

    /// A session by which it can be told later whether all of this was done; `None` if nothing is.
    pub(super) fn witness(&self) -> Option<Witness> {
        self.taken
            .iter()
            .find_map(|(key, taken)| match (&taken.before, &taken.after) {
                (None, Some(after)) => Some(Witness::Added(after.clone())),
                (Some(_), None) => Some(Witness::Removed(*key)),
                (Some(before), Some(after)) => {
                    let end = after.end().filter(|_| before.log.is_open())?;
                    Some(Witness::Ended(*key, end))
                }
                (None, None) => None,
            })
    }

    /// The statements that are left to be run, in their order.
    pub(super) fn statements(&self, layout: &Layout) -> Vec<Sql> {
        let (mut ends, mut gone, mut deltas) = (Vec::new(), Vec::new(), Deltas::default());
        let counting = Counting {
            widths: &layout.widths,
            keys: &self.keys,
        };
        for (key, taken) in &self.taken {
            match (&taken.before, &taken.after) {
                (None, Some(after)) => {
                    deltas.count(&counting, after, 1);
                    let end = after.end().filter(|_| taken.inserted == Some(None));
                    ends.extend(end.map(|end| (*key, end)));
                }
                (Some(before), None) => {
                    deltas.count(&counting, before, -1);
                    gone.push(*key);
                }
                (Some(before), Some(after)) => {
                    if let Some(end) = after.end().filter(|_| before.log.is_open()) {
                        deltas.end(&counting, before);
                        ends.push((*key, end));
                    }
                }
                (None, None) => {}
            }
        }
        let mut all = statements::end(layout.dialect, &ends);
        all.extend(statements::delete(layout.dialect, &gone));
        all.extend(deltas.statements(layout.dialect));
        all
    }
}

/// A session that a transaction needs went while it ran: it is tried again.
pub(super) fn outrun() -> Failure {
    let message = "others have changed the same sessions again and again";
    Failure::Passing(Error::new(ErrorKind::Unavailable, message))
}
