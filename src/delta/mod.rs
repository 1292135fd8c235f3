//! What was committed since the main index was last written: in memory, in the log, and on its way
//! into the main index.
//!
//! A delta is a value: every commit makes a new one, and a snapshot keeps the one it has. To each
//! family it says which entries to add to those of the main index, which to put in another's place,
//! and which to leave out. [`View`](crate::view::View) reads it together with the main index.

mod names;
#[cfg(test)]
mod tests;
mod tree;

pub(crate) use names::{Mark, NamesIndex};
pub(crate) use tree::Sums;

use crate::counted::{Edit, Key, Rest, Slot};
use crate::error::{Error, Result};
use crate::family::{Family, FamilyKey};
use crate::format::{Commit, Effect, Entry, Ids};
use std::ops::RangeInclusive;
use std::sync::Arc;
use tree::{Tree, Weigh};
use uuid::Uuid;

/// One state of a delta.
#[derive(Clone)]
pub(crate) struct Delta {
    ops: Tree<Place, Op>,
    sessions: Tree<Uuid, Session>,
    names: Arc<NamesIndex>,
    /// The ids that are free in this state.
    ids: Ids,
}

impl std::fmt::Debug for Delta {
    /// Without what it holds: that is much, and not for logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delta")
            .field("sessions", &self.session_count())
            .field("ids", &self.ids)
            .finish_non_exhaustive()
    }
}

/// Where an entry stands: the key of its family, then its own, in words that compare fast and take
/// little room.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    kind: u8,
    user_and_client: u64,
    start: u64,
    refer_uid: [u64; 2],
}

impl Place {
    fn new(family: FamilyKey, key: Key) -> Self {
        let [kind, ids @ ..] = family;
        let (high, low) = Uuid::from_u128(key.minor()).as_u64_pair();
        Self {
            kind,
            user_and_client: u64::from_be_bytes(ids),
            start: key.major(),
            refer_uid: [high, low],
        }
    }

    fn family(&self) -> FamilyKey {
        let [a, b, c, d, e, f, g, h] = self.user_and_client.to_be_bytes();
        [self.kind, a, b, c, d, e, f, g, h]
    }

    fn key(&self) -> Key {
        let [high, low] = self.refer_uid;
        Key::new(self.start, Uuid::from_u64_pair(high, low).as_u128())
    }
}

/// What a delta makes of one entry of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    /// Adds it: the main index has none with this key.
    Add(Rest),
    /// Puts it in the place of the main index's.
    Replace(Rest),
    /// Leaves out the main index's.
    Remove,
}

impl Op {
    /// What an edit does to the entry whose key it has.
    fn of(edit: Edit) -> Self {
        match edit {
            Edit::Insert(slot) => Self::Add(slot.rest),
            Edit::Replace(slot) => Self::Replace(slot.rest),
            Edit::Remove(_) => Self::Remove,
        }
    }

    /// The edit that does the same to the main index.
    fn edit(self, key: Key) -> Edit {
        match self {
            Self::Add(rest) => Edit::Insert(Slot { key, rest }),
            Self::Replace(rest) => Edit::Replace(Slot { key, rest }),
            Self::Remove => Edit::Remove(key),
        }
    }
}

impl Weigh for Op {
    fn weight(&self) -> i64 {
        match self {
            Self::Add(_) => 1,
            Self::Replace(_) => 0,
            Self::Remove => -1,
        }
    }
}

/// What became of a session.
#[derive(Debug, Clone, Copy)]
struct Session {
    /// Its entry, or nothing if it was removed.
    after: Option<Slot>,
    is_in_main: bool,
}

impl Weigh for Session {
    fn weight(&self) -> i64 {
        0
    }
}

/// A change of the main index's rows by `refer_uid`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SessionEdit {
    /// The main index does not know it.
    Insert(Entry),
    /// It does.
    Replace(Entry),
    Remove,
}

impl SessionEdit {
    /// The session's entry afterwards; none if it is removed.
    pub(crate) fn after(self) -> Option<Entry> {
        match self {
            Self::Insert(entry) | Self::Replace(entry) => Some(entry),
            Self::Remove => None,
        }
    }
}

impl Delta {
    /// Nothing, on top of a main index in which these ids are free.
    pub(crate) fn new(ids: Ids) -> Self {
        Self {
            ops: Tree::default(),
            sessions: Tree::default(),
            names: Arc::default(),
            ids,
        }
    }

    /// Whether it says the same of every family and session.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        let sessions = |delta: &Self| delta.sessions.total().count;
        self.ids == other.ids
            && sessions(self) == sessions(other)
            && self.ops.iter_from(0).eq(other.ops.iter_from(0))
    }

    /// How many sessions it changes.
    pub(crate) fn session_count(&self) -> u64 {
        self.sessions.total().count
    }

    /// Whether it leaves every answer as it is.
    pub(crate) fn is_empty(&self) -> bool {
        self.session_count() == 0
    }

    /// Bytes that it takes in memory, about: its nodes are two thirds full.
    pub(crate) fn bytes(&self) -> u64 {
        let of = |count: u64, bytes: usize| count * bytes as u64 * 3 / 2;
        of(self.ops.total().count, size_of::<(Place, Op)>())
            + of(self.session_count(), size_of::<(Uuid, Session)>())
    }

    pub(crate) fn ids(&self) -> Ids {
        self.ids
    }

    /// Makes this the state after `commits`, which follow on one another.
    ///
    /// # Errors
    ///
    /// `Corrupted` if they do not follow from the state before: it is then changed in part.
    pub(crate) fn apply<'c>(
        &mut self,
        commits: impl IntoIterator<Item = &'c Commit>,
    ) -> Result<()> {
        let mut effects: Vec<&Effect> = Vec::new();
        for commit in commits {
            self.names.add(&commit.names);
            self.ids = commit.ids;
            effects.extend(&commit.effects);
        }
        let mut of_sessions: Vec<(Uuid, &Effect)> = effects
            .iter()
            .map(|effect| (effect.entry.refer_uid, *effect))
            .collect();
        of_sessions.sort_by_key(|(refer_uid, _)| *refer_uid);
        self.sessions.edit(&of_sessions, &followed_session)?;
        let ops = effects.into_iter().flat_map(|effect| {
            let edits = Family::KINDS.filter_map(|kind| effect.edit(kind));
            edits.map(|(family, edit)| (Place::new(family.to_key(), edit.key()), Op::of(edit)))
        });
        let mut ops: Vec<(Place, Op)> = ops.collect();
        ops.sort_by_key(|(place, _)| *place);
        self.ops.edit(&ops, &followed)
    }

    /// What became of a session: its entry or its removal; `None` if it was not changed.
    pub(crate) fn session(&self, refer_uid: Uuid) -> Option<Result<Option<Entry>>> {
        let session = self.sessions.get(&refer_uid)?;
        let entry = session.after.as_ref().map(Entry::unpack);
        Some(entry.transpose())
    }

    /// The sums of what is before `key` in a family, and in all families before it.
    pub(crate) fn before(&self, family: FamilyKey, key: Key) -> Sums {
        self.ops.before(&Place::new(family, key))
    }

    /// The families that it changes, from one key to another, in their order.
    pub(crate) fn families(
        &self,
        keys: RangeInclusive<FamilyKey>,
    ) -> impl Iterator<Item = FamilyKey> {
        let (first, last) = keys.into_inner();
        let from = self.before(first, Key::LEAST).count;
        let families = self.ops.iter_from(from).map(|(place, _)| place.family());
        let mut before = None;
        families
            .take_while(move |family| *family <= last)
            .filter(move |family| before.replace(*family) != Some(*family))
    }

    /// The edits from the one at `index` on, whatever families they are of.
    pub(crate) fn edits_from(&self, index: u64) -> impl Iterator<Item = Edit> {
        let ops = self.ops.iter_from(index);
        ops.map(|(place, op)| op.edit(place.key()))
    }

    /// The edits of every family, by family and key.
    pub(crate) fn edits(&self) -> impl Iterator<Item = (FamilyKey, Edit)> {
        let ops = self.ops.iter_from(0);
        ops.map(|(place, op)| (place.family(), op.edit(place.key())))
    }

    /// The sessions that it changes.
    pub(crate) fn session_ids(&self) -> impl Iterator<Item = Uuid> {
        self.sessions.iter_from(0).map(|(refer_uid, _)| *refer_uid)
    }

    /// The edits of the rows by `refer_uid`, in that order.
    pub(crate) fn session_edits(&self) -> impl Iterator<Item = Result<(Uuid, SessionEdit)>> {
        self.sessions.iter_from(0).map(|(refer_uid, session)| {
            let entry = session.after.as_ref().map(Entry::unpack).transpose()?;
            let edit = match (entry, session.is_in_main) {
                (Some(entry), false) => SessionEdit::Insert(entry),
                (Some(entry), true) => SessionEdit::Replace(entry),
                (None, _) => SessionEdit::Remove,
            };
            Ok((*refer_uid, edit))
        })
    }

    /// The sessions, each with whether the main index has it.
    pub(crate) fn sessions_in_main(&self) -> impl Iterator<Item = (Uuid, bool)> {
        let sessions = self.sessions.iter_from(0);
        sessions.map(|(refer_uid, session)| (*refer_uid, session.is_in_main))
    }

    /// Those rows of the dictionary that the main index does not have.
    pub(crate) fn names(&self) -> &Arc<NamesIndex> {
        &self.names
    }
}

/// What has become of a session after one more effect; nothing to tell if the main index does not
/// know a session that is removed.
#[expect(clippy::unnecessary_wraps, reason = "a change of a tree can fail")]
fn followed_session(known: Option<&Session>, effect: &&Effect) -> Result<Option<Session>> {
    let is_in_main = known.map_or(effect.before().is_some(), |session| session.is_in_main);
    let after = effect.after().map(|entry| entry.pack());
    let is_known = is_in_main || after.is_some();
    Ok(is_known.then_some(Session { after, is_in_main }))
}

/// What an operation has become once another has followed on it.
///
/// # Errors
///
/// `Corrupted` if the other is not of what the first led to.
fn followed(op: Option<&Op>, next: &Op) -> Result<Option<Op>> {
    let is_there = !matches!(op, Some(Op::Remove));
    match (op, *next) {
        (None, Op::Add(rest)) => Ok(Some(Op::Add(rest))),
        (Some(Op::Remove), Op::Add(rest)) => Ok(Some(Op::Replace(rest))),
        (Some(Op::Add(_)), Op::Replace(rest)) => Ok(Some(Op::Add(rest))),
        (_, Op::Replace(rest)) if is_there => Ok(Some(Op::Replace(rest))),
        (Some(Op::Add(_)), Op::Remove) => Ok(None),
        (_, Op::Remove) if is_there => Ok(Some(Op::Remove)),
        (_, Op::Add(_)) => Err(Error::corrupted("a new entry is there already")),
        (_, Op::Replace(_) | Op::Remove) => Err(Error::corrupted("an entry to change is gone")),
    }
}
