//! One state of a store: what every read is answered from.

use crate::counted::{Direction, Key, Slot, Tree};
use crate::error::{Error, Result};
use crate::family::{Family, Plan};
use crate::format::{Entry, UserId};
use crate::main_index::{Body, MainReader, Pins, guarded};
use crate::names::Names;
use crate::query::{Order, Query};
use crate::session::SessionLog;
use crate::time::{Bucket, Ticks};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use uuid::Uuid;

/// A committed state, and the names that all states share.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) main: MainReader,
    names: Arc<Names>,
    closed: Arc<AtomicBool>,
}

/// Where an answer lies in one view: a range of positions in one family.
///
/// Positions count in the order of the query: zero is the first record of the answer.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    family: Family,
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

/// The answer to a query: its place, and the root of the family it lies in.
#[derive(Debug)]
pub(crate) struct Answer<'v> {
    view: &'v View,
    selection: Selection,
    root: Option<Body<'v>>,
    pins: Pins<'v>,
}

impl View {
    /// `closed` is set once the store is closed: from then on there are no reads.
    pub(crate) fn new(main: MainReader, names: Arc<Names>, closed: Arc<AtomicBool>) -> Self {
        Self {
            main,
            names,
            closed,
        }
    }

    /// Runs a read; see [`guarded`].
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Self) -> Result<T>) -> Result<T> {
        if self.closed.load(Ordering::Acquire) {
            return Err(Error::closed());
        }
        guarded(|| read(self))
    }

    /// The plan of `query`; `None` if no session ever had its user or client.
    fn plan(&self, query: &Query) -> Result<Option<Plan>> {
        let user = match query.user_refer_uid() {
            Some(user) => match self.main.user_id(user)? {
                Some(id) => Some(id),
                None => return Ok(None),
            },
            None => None,
        };
        let client = match query.client_refer_uid() {
            Some(client) => match self.main.client_id(client)? {
                Some(id) => Some(id),
                None => return Ok(None),
            },
            None => None,
        };
        Ok(Some(Plan::new(query, user, client)))
    }

    /// The answer to `query`.
    pub(crate) fn answer(&self, query: &Query) -> Result<Answer<'_>> {
        let mut answer = Answer {
            view: self,
            selection: Selection {
                family: Family::ALL,
                ranks: 0..0,
                order: query.order(),
            },
            root: None,
            pins: Pins::new(&self.main),
        };
        if let Some(plan) = self.plan(query)? {
            answer.selection.family = plan.family;
            answer.root = self.main.root(plan.family)?;
            let tree = answer.tree()?;
            let start = plan.from.map_or(Ok(0), |from| tree.rank(from))?;
            let end = plan.to.map_or(Ok(tree.len()), |to| tree.rank(to))?;
            answer.selection.ranks = start..end.max(start);
        }
        Ok(answer)
    }

    /// An answer that was selected in this view before.
    pub(crate) fn again(&self, selection: &Selection) -> Result<Answer<'_>> {
        Ok(Answer {
            view: self,
            root: self.main.root(selection.family)?,
            selection: selection.clone(),
            pins: Pins::new(&self.main),
        })
    }

    /// How many entries a family has.
    pub(crate) fn len(&self, family: Family) -> Result<u64> {
        let root = self.main.root(family)?;
        Ok(self.main.tree(root.as_ref())?.len())
    }

    pub(crate) fn find(&self, refer_uid: Uuid) -> Result<Option<Entry>> {
        self.main.find(refer_uid)
    }

    /// The record of an entry.
    pub(crate) fn session_log(&self, entry: Entry) -> Result<Option<SessionLog>> {
        Ok(self.names.session_logs(&[entry], &self.main)?.pop())
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
        let name = self.names.user_name(entry.name_id, &self.main)?;
        Ok(name.user_id)
    }
}

impl<'v> Answer<'v> {
    /// How many records match.
    pub(crate) fn len(&self) -> u64 {
        self.selection.len()
    }

    /// Where it lies, without what it borrows from the view.
    pub(crate) fn into_selection(self) -> Selection {
        self.selection
    }

    fn tree(&self) -> Result<Tree<'_, Pins<'v>>> {
        Tree::new(&self.pins, self.root.as_deref())
    }

    /// Up to `count` entries from `position` on.
    pub(crate) fn entries(&self, position: u64, count: u64) -> Result<Vec<Entry>> {
        let ranks = self.selection.ranks(position, count);
        let expected = usize::try_from(ranks.end - ranks.start).unwrap_or(0);
        let mut entries = Vec::with_capacity(expected);
        let mut take = |slot: &Slot| {
            entries.push(Entry::unpack(slot)?);
            Ok(())
        };
        match self.selection.order {
            Order::OldestFirst => self
                .tree()?
                .visit(ranks, Direction::Ascending, &mut |leaf| {
                    leaf.iter().try_for_each(&mut take)
                }),
            Order::NewestFirst => self
                .tree()?
                .visit(ranks, Direction::Descending, &mut |leaf| {
                    leaf.iter().rev().try_for_each(&mut take)
                }),
        }?;
        Ok(entries)
    }

    /// Up to `count` records from `position` on.
    pub(crate) fn session_logs(&self, position: u64, count: u64) -> Result<Vec<SessionLog>> {
        let entries = self.entries(position, count)?;
        self.view.names.session_logs(&entries, &self.view.main)
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
        let rank = self.tree()?.rank(key)?;
        Ok(self.selection.position(rank))
    }

    /// The bucket of the record at `position`: its first tick, and how many records from there on
    /// are in it.
    pub(crate) fn bucket_at(&self, position: u64, bucket: Bucket) -> Result<Option<(Ticks, u64)>> {
        let Some(entry) = self.entries(position, 1)?.pop() else {
            return Ok(None);
        };
        let (start, end) = bucket.around(entry.start);
        let edge = match self.selection.order {
            Order::OldestFirst => end,
            Order::NewestFirst => start,
        };
        let behind = self.position_of(Entry::first_key_at(edge))?;
        match behind.checked_sub(position) {
            // The entry itself is in its bucket.
            None | Some(0) => Err(Error::corrupted("entries are out of order")),
            Some(count) => Ok(Some((start, count))),
        }
    }
}
