//! What a call that writes makes of the stored sessions, as one transaction.
//!
//! A transaction takes what it needs in an order that all writers keep, so that none waits for one that
//! waits for it: new rows first, then rows that are there, then counters, each of them by slot and key.

use super::connection::Transaction;
use super::counters::{CountedKeys, Counting, Deltas};
use super::failure::Failure;
use super::keys::Keys;
use super::rows::{Stored, column, is_same, record};
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
    /// What was stored, and what is to be, by key.
    taken: BTreeMap<(i16, Uuid), Taken>,
    /// Whether it is to be committed though it is of no session.
    is_marked: bool,
}

#[derive(Debug)]
struct Taken {
    before: Option<Stored>,
    /// Whether the row was added by this transaction, without an end.
    was_added_open: bool,
    after: Option<Stored>,
}

/// What a transaction makes of a session that it has taken.
enum Made<'t> {
    Added(&'t Stored),
    /// What was open, and its end.
    Ended(&'t Stored, Ticks),
    Removed(&'t Stored),
}

impl Taken {
    /// `None` if the session stays as it is.
    fn made(&self) -> Option<Made<'_>> {
        match (&self.before, &self.after) {
            (None, Some(after)) => Some(Made::Added(after)),
            (Some(before), None) => Some(Made::Removed(before)),
            (Some(before), Some(after)) => {
                let end = after.end().filter(|_| before.log.is_open())?;
                Some(Made::Ended(before, end))
            }
            (None, None) => None,
        }
    }
}

impl Made<'_> {
    /// Whether a session that is found so now is what was made of it.
    fn is_found(&self, now: Option<&SessionLog>) -> bool {
        match (self, now) {
            // Somebody may have ended it since.
            (Self::Added(added), Some(now)) => {
                let is_ended = added.log.is_open() || now.session_end == added.log.session_end;
                is_same(&added.log, now) && is_ended
            }
            (Self::Ended(_, end), Some(now)) => now.session_end == Some(end.to_utc()),
            _ => false,
        }
    }

    fn is_removal(&self) -> bool {
        matches!(self, Self::Removed(_))
    }
}

impl Change {
    /// Begins a transaction. Until its end no user or client comes to have counters.
    pub(super) async fn begin(transaction: &mut Transaction) -> Result<Self, Failure> {
        Ok(Self {
            keys: transaction.counted_keys().await?,
            taken: BTreeMap::new(),
            is_marked: false,
        })
    }

    /// Writes a mark into the server's log: where commits wait for a standby, that one has all that was
    /// committed before then.
    pub(super) async fn mark(&mut self, transaction: &mut Transaction) -> Result<(), Failure> {
        let mark = "SELECT pg_logical_emit_message(true, 'sessionlog', '')";
        transaction.query(&Sql::new(mark)).await?;
        self.is_marked = true;
        Ok(())
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
                was_added_open: record.log.is_open(),
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
                    was_added_open: false,
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

    /// Whether nothing is to be changed.
    pub(super) fn is_empty(&self) -> bool {
        self.made().next().is_none()
    }

    /// Whether no session was taken, and nothing else is to be committed.
    pub(super) fn is_of_nothing(&self) -> bool {
        self.taken.is_empty() && !self.is_marked
    }

    fn made(&self) -> impl Iterator<Item = (&(i16, Uuid), Made<'_>)> {
        let taken = self.taken.iter();
        taken.filter_map(|(key, taken)| Some((key, taken.made()?)))
    }

    /// Whether all of this was done, by a commit of which nobody knows. Asked in another transaction, in
    /// a way that waits for the one in question, should the server still be at it.
    ///
    /// Every session is looked at: another writer may have written some of them again, and those alone.
    /// What was removed is added and removed again, which tells whether it was there, and is something
    /// that a commit can wait for.
    pub(super) async fn was_done(
        &self,
        transaction: &mut Transaction,
        layout: &Layout,
    ) -> Result<bool, Failure> {
        let mut now = Self::begin(transaction).await?;
        let (mut rows, mut kept, mut gone) = (Vec::new(), Vec::new(), Vec::new());
        for (key, made) in self.made() {
            let (row, keys) = match made {
                Made::Added(row) => (Some(row), &mut kept),
                Made::Removed(row) => (Some(row), &mut gone),
                Made::Ended(..) => (None, &mut kept),
            };
            rows.extend(row);
            keys.push(*key);
        }
        let absent = now.add(transaction, layout, &rows).await?;
        if absent != gone.iter().map(|(_, refer_uid)| *refer_uid).collect() {
            // What was added is not there: it must not be now either, without its counters. Or what was
            // removed is.
            return Ok(false);
        }
        for statement in statements::delete(layout.dialect, &gone) {
            transaction.query(&statement).await?;
        }
        now.take(transaction, layout, &kept).await?;
        let mut kept = self.made().filter(|(_, made)| !made.is_removal());
        Ok(kept.all(|(key, made)| made.is_found(now.get(*key))))
    }

    /// The statements that are left to be run, in their order.
    pub(super) fn statements(&self, layout: &Layout) -> Vec<Sql> {
        let (mut ends, mut gone, mut deltas) = (Vec::new(), Vec::new(), Deltas::default());
        let counting = Counting {
            widths: &layout.widths,
            keys: &self.keys,
        };
        for (key, made) in self.made() {
            match made {
                Made::Added(after) => {
                    deltas.count(&counting, after, 1);
                    let end = after.end().filter(|_| self.was_added_open(*key));
                    ends.extend(end.map(|end| (*key, end)));
                }
                Made::Removed(before) => {
                    deltas.count(&counting, before, -1);
                    gone.push(*key);
                }
                Made::Ended(before, end) => {
                    deltas.end(&counting, before);
                    ends.push((*key, end));
                }
            }
        }
        let mut all = statements::end(layout.dialect, &ends);
        all.extend(statements::delete(layout.dialect, &gone));
        all.extend(deltas.statements(layout.dialect));
        all
    }

    fn was_added_open(&self, key: (i16, Uuid)) -> bool {
        let taken = self.taken.get(&key);
        taken.is_some_and(|taken| taken.was_added_open)
    }
}

/// A session that a transaction needs went while it ran: it is tried again.
pub(super) fn outrun() -> Failure {
    let message = "others have changed the same sessions again and again";
    Failure::Passing(Error::new(ErrorKind::Unavailable, message))
}
