//! One state of a store: what every read is answered from, the main index and the delta on top.

use crate::combined::Combined;
use crate::counted::Key;
use crate::delta::Delta;
use crate::error::{Error, ErrorKind, Result};
use crate::family::{Family, FamilyKey, Plan};
use crate::format::{ClientId, Entry, NameId, UserId, UserName};
use crate::life::Opened;
use crate::main_index::MainReader;
use crate::names::{Dictionary, Names};
use crate::query::{Order, Query};
use crate::session::SessionLog;
use crate::time::{Bucket, Ticks};
use std::ops::Range;
use std::sync::Arc;
use uuid::Uuid;

/// A committed state, and the names that all states share.
#[derive(Debug, Clone)]
pub(crate) struct View {
    pub(crate) main: Arc<MainReader>,
    pub(crate) delta: Delta,
    names: Arc<Names>,
    /// Whether its names may be kept in memory: their ids are given out again if they are not
    /// committed.
    is_committed: bool,
    opened: Opened,
}

/// Where an answer lies in one view: a range of positions in one family.
///
/// Positions count in the order of the query: zero is the first record of the answer.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    family: FamilyKey,
    /// The answer's ranks in the family, which is oldest first.
    ranks: Range<u64>,
    order: Order,
}

impl Selection {
    /// How many records match.
    pub(crate) fn len(&self) -> u64 {
        self.ranks.end - self.ranks.start
    }

    /// The ranks of up to `count` records from `position` on.
    fn ranks(&self, position: u64, count: u64) -> Range<u64> {
        let first = position.min(self.len());
        let end = position.saturating_add(count).min(self.len());
        match self.order {
            Order::OldestFirst => self.ranks.start + first..self.ranks.start + end,
            Order::NewestFirst => self.ranks.end - end..self.ranks.end - first,
        }
    }

    /// The position of the record that has `rank`, or would have.
    fn position(&self, rank: u64) -> u64 {
        let rank = rank.clamp(self.ranks.start, self.ranks.end);
        match self.order {
            Order::OldestFirst => rank - self.ranks.start,
            Order::NewestFirst => self.ranks.end - rank,
        }
    }
}

/// The answer to a query: its place, and the family it lies in, if that was ever used.
#[derive(Debug)]
pub(crate) struct Answer<'v> {
    view: &'v View,
    selection: Selection,
    family: Option<Combined<'v>>,
}

impl View {
    /// A state of this opening: once that has ended there are no reads.
    pub(crate) fn new(
        main: Arc<MainReader>,
        delta: Delta,
        names: Arc<Names>,
        opened: Opened,
    ) -> Self {
        Self {
            main,
            delta,
            names,
            is_committed: true,
            opened,
        }
    }

    /// The same, to become the state after a commit.
    pub(crate) fn draft(&self) -> Self {
        Self {
            is_committed: false,
            ..self.clone()
        }
    }

    /// The same, committed.
    pub(crate) fn committed(self) -> Self {
        Self {
            is_committed: true,
            ..self
        }
    }

    /// The opening whose state it is.
    pub(crate) fn opened(&self) -> &Opened {
        &self.opened
    }

    /// Another state of the same store.
    pub(crate) fn with(&self, main: Arc<MainReader>, delta: Delta) -> Self {
        Self {
            main,
            delta,
            names: Arc::clone(&self.names),
            is_committed: self.is_committed,
            opened: self.opened.clone(),
        }
    }

    /// Runs a read; see [`MainReader::guarded`].
    ///
    /// # Errors
    ///
    /// Besides those of the read: `Expired` if the storage has failed before, or the main index was
    /// opened again since; `Suspended` or `Closed` if the store is.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        self.opened.check()?;
        let had_failed = self.main.has_failed();
        let done = self.main.guarded(|| read(self));
        done.map_err(|error| self.ended(error, had_failed))
    }

    /// What a read is told that failed, be it that its files were closed meanwhile.
    #[cold]
    fn ended(&self, error: Error, had_failed: bool) -> Error {
        let ended = || match self.opened.check() {
            Ok(()) => Error::expired("the storage has failed"),
            Err(ended) => ended,
        };
        match error.kind() {
            ErrorKind::Closed => ended().caused_by(error),
            // The engine does nothing more, whatever the storage does.
            ErrorKind::Unavailable if had_failed || self.opened.check().is_err() => {
                ended().caused_by(error)
            }
            _ => error,
        }
    }

    /// The plan of `query`; `None` if no session ever had its user or client.
    pub(crate) fn plan(&self, query: &Query) -> Result<Option<Plan>> {
        let user = match query.user_refer_uid() {
            Some(user) => match self.user_id(user)? {
                Some(id) => Some(id),
                None => return Ok(None),
            },
            None => None,
        };
        let client = match query.client_refer_uid() {
            Some(client) => match self.client_id(client)? {
                Some(id) => Some(id),
                None => return Ok(None),
            },
            None => None,
        };
        Ok(Some(Plan::new(query, user, client)))
    }

    /// The answer to `query`.
    pub(crate) fn answer(&self, query: &Query) -> Result<Answer<'_>> {
        match self.plan(query)? {
            Some(plan) => self.answer_to(&plan, query.order()),
            None => Ok(Answer {
                view: self,
                selection: Selection {
                    family: Family::ALL.to_key(),
                    ranks: 0..0,
                    order: query.order(),
                },
                family: None,
            }),
        }
    }

    /// The answer that lies where a plan says.
    pub(crate) fn answer_to(&self, plan: &Plan, order: Order) -> Result<Answer<'_>> {
        let family = self.family(plan.family.to_key())?;
        let start = plan.from.map_or(Ok(0), |from| family.rank(from))?;
        let end = plan.to.map_or_else(|| family.len(), |to| family.rank(to))?;
        Ok(Answer {
            view: self,
            selection: Selection {
                family: plan.family.to_key(),
                ranks: start..end.max(start),
                order,
            },
            family: Some(family),
        })
    }

    fn family(&self, family: FamilyKey) -> Result<Combined<'_>> {
        Combined::new(&self.main, &self.delta, family)
    }

    /// An answer that was selected in this view before.
    pub(crate) fn again(&self, selection: &Selection) -> Result<Answer<'_>> {
        Ok(Answer {
            view: self,
            family: Some(self.family(selection.family)?),
            selection: selection.clone(),
        })
    }

    /// How many entries a family has.
    pub(crate) fn len(&self, family: Family) -> Result<u64> {
        self.family(family.to_key())?.len()
    }

    pub(crate) fn find(&self, refer_uid: Uuid) -> Result<Option<Entry>> {
        match self.delta.session(refer_uid) {
            Some(entry) => entry,
            None => self.main.find(refer_uid),
        }
    }

    pub(crate) fn user_id(&self, user_refer_uid: Uuid) -> Result<Option<UserId>> {
        let new = self.delta.names().user_id(user_refer_uid).map(Some);
        new.map_or_else(|| self.main.user_id(user_refer_uid), Ok)
    }

    pub(crate) fn name_id(&self, user_refer_uid: Uuid, user: &Arc<str>) -> Result<Option<NameId>> {
        let new = self.delta.names().name_id(user_refer_uid, user).map(Some);
        new.map_or_else(|| self.main.name_id(user_refer_uid, user), Ok)
    }

    pub(crate) fn client_id(&self, client_refer_uid: &str) -> Result<Option<ClientId>> {
        let new = self.delta.names().client_id(client_refer_uid).map(Some);
        new.map_or_else(|| self.main.client_id(client_refer_uid), Ok)
    }

    /// The records of entries, in their order.
    fn session_logs(&self, entries: &[Entry]) -> Result<Vec<SessionLog>> {
        self.names.session_logs(entries, self, self.is_committed)
    }

    /// The record of an entry.
    pub(crate) fn session_log(&self, entry: Entry) -> Result<Option<SessionLog>> {
        Ok(self.session_logs(&[entry])?.pop())
    }

    /// The record with this `refer_uid`.
    pub(crate) fn get(&self, refer_uid: Uuid) -> Result<Option<SessionLog>> {
        match self.find(refer_uid)? {
            Some(entry) => self.session_log(entry),
            None => Ok(None),
        }
    }

    /// The user of an entry.
    pub(crate) fn user_of(&self, entry: &Entry) -> Result<UserId> {
        let name = self.names.user_name(entry.name_id, self)?;
        Ok(name.user_id)
    }
}

impl Dictionary for View {
    fn user_name(&self, id: NameId) -> Result<UserName> {
        let new = self.delta.names().user_name(id);
        new.map_or_else(|| self.main.user_name(id), Ok)
    }

    fn client(&self, id: ClientId) -> Result<Arc<str>> {
        let new = self.delta.names().client(id);
        new.map_or_else(|| self.main.client(id), Ok)
    }
}

impl Answer<'_> {
    /// How many records match.
    pub(crate) fn len(&self) -> u64 {
        self.selection.len()
    }

    /// Where it lies, without what it borrows from the view.
    pub(crate) fn into_selection(self) -> Selection {
        self.selection
    }

    /// Up to `count` entries from `position` on.
    pub(crate) fn entries(&self, position: u64, count: u64) -> Result<Vec<Entry>> {
        let Some(family) = &self.family else {
            return Ok(Vec::new());
        };
        let mut entries = family.entries(self.selection.ranks(position, count))?;
        if self.selection.order == Order::NewestFirst {
            entries.reverse();
        }
        Ok(entries)
    }

    /// Up to `count` records from `position` on.
    pub(crate) fn session_logs(&self, position: u64, count: u64) -> Result<Vec<SessionLog>> {
        let entries = self.entries(position, count)?;
        self.view.session_logs(&entries)
    }

    /// The position of the first record that lies behind `last` in the order of the query.
    pub(crate) fn position_after(&self, last: Key) -> Result<u64> {
        match (self.selection.order, last.next()) {
            (Order::OldestFirst, Some(next)) => self.position_of(next),
            (Order::OldestFirst, None) => Ok(self.len()),
            (Order::NewestFirst, _) => self.position_of(last),
        }
    }

    /// How many records of the answer come before a key, in the order of the query: those with a
    /// lesser key if that is oldest first, else all others.
    pub(crate) fn position_of(&self, key: Key) -> Result<u64> {
        let rank = self
            .family
            .as_ref()
            .map_or(Ok(0), |family| family.rank(key))?;
        Ok(self.selection.position(rank))
    }

    /// The bucket of the record at `position`: its first tick, and how many records from there on
    /// are in it.
    pub(crate) fn bucket_at(&self, position: u64, bucket: Bucket) -> Result<(Ticks, u64)> {
        let entry = self.entries(position, 1)?.pop();
        let entry = entry.ok_or_else(|| Error::corrupted("an entry is missing"))?;
        let (start, end) = bucket.around(entry.start);
        let edge = match self.selection.order {
            Order::OldestFirst => end,
            Order::NewestFirst => start,
        };
        let behind = self.position_of(Entry::first_key_at(edge))?;
        match behind.checked_sub(position) {
            // The entry itself is in its bucket.
            None | Some(0) => Err(Error::corrupted("entries are out of order")),
            Some(count) => Ok((start, count)),
        }
    }
}
