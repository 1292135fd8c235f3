//! A second main index, made from one that is read: to take its place, or to be a backup.
//!
//! All of it is written anew from the sessions, never row by row: so names that no session has stay
//! behind, and so do the keys of removed sessions, which fences keep in use.

mod families;
mod names;

use super::known_names::KnownNames;
use super::steps::Steps;
use super::writer::{put_state, write_all, write_dictionary};
use super::{MainIndex, MainReader, Setup, starts};
use crate::delta::Delta;
use crate::engine::{RowWriter, missing};
use crate::error::Result;
use crate::family::Family;
use crate::format::dictionary::MainState;
use crate::format::{Commit, Effect, EffectKind, Entry};
use crate::names::Dictionary;
use crate::storage::Storage;
use redb::WriteTransaction;
use uuid::Uuid;

/// Sessions that are taken at a time.
const TAKEN_AT_ONCE: usize = 1 << 15;

/// What became of a session: its entry, or nothing if there is none.
pub(crate) type Change = (Uuid, Option<Entry>);

/// An index under its [unfinished](crate::engine::unfinished) name.
#[derive(Debug)]
pub(crate) struct MainCopy {
    index: MainIndex,
    setup: Setup,
    state: MainState,
    names: KnownNames,
}

impl MainCopy {
    /// A copy, family by family: each must be whole.
    ///
    /// # Errors
    ///
    /// `Corrupted` if a row is damaged; `Unavailable` if the storage fails. The copy is not finished
    /// then.
    pub(crate) fn of(
        storage: &dyn Storage,
        from: &MainReader,
        setup: Setup,
        steps: &mut Steps<'_>,
    ) -> Result<Self> {
        let mut copy = Self::empty(storage, from, setup)?;
        steps.expect(families::entry_count(from)?);
        steps.expect(2 * from.session_count());
        let mut state = from.state();
        let (names, shape) = (&mut copy.names, setup.shape);
        copy.index.engine.write(|write| {
            let rows = &mut RowWriter::default();
            names::copy(write, from, names, rows, steps)?;
            state.next_node = families::copy(write, from, shape, rows, steps)?;
            let sessions = from.session_count();
            let pairs = starts::in_order(&from.starts, from.levels.len());
            let pairs = pairs.map(|pair| steps.step(1).and(pair));
            starts::write_sorted(write, pairs, sessions, shape.levels, rows)?;
            state.live_bytes = rows.growth().unsigned_abs();
            put_state(write, &state)
        })?;
        copy.state = state;
        Ok(copy)
    }

    /// An index made of the records alone: those of the family of all sessions, their names and
    /// clients by id.
    ///
    /// # Errors
    ///
    /// As [`of`](Self::of), of those.
    pub(crate) fn of_records(
        storage: &dyn Storage,
        from: &MainReader,
        setup: Setup,
        steps: &mut Steps<'_>,
    ) -> Result<Self> {
        let mut copy = Self::empty(storage, from, setup)?;
        steps.expect(from.session_count());
        let root = from.root(Family::ALL.to_key())?;
        let all = from.tree(root.as_ref())?;
        let mut taken = Vec::new();
        all.visit(0..all.len(), &mut |slot| {
            let entry = Entry::unpack(&slot)?;
            taken.push((entry.refer_uid, Some(entry)));
            if taken.len() == TAKEN_AT_ONCE {
                copy.take(from, from.state(), &taken)?;
                taken.clear();
            }
            steps.step(1)
        })?;
        copy.take(from, from.state(), &taken)?;
        Ok(copy)
    }

    fn empty(storage: &dyn Storage, from: &MainReader, setup: Setup) -> Result<Self> {
        let index = MainIndex::create(storage, from.identity(), setup)?;
        Ok(Self {
            index,
            setup,
            state: MainState::START,
            names: KnownNames::new(from.state().ids),
        })
    }

    /// Brings in what became of sessions in another index since this one was copied from it.
    ///
    /// # Errors
    ///
    /// As [`of`](Self::of).
    pub(crate) fn follow(&mut self, other: &MainReader, changed: &[Uuid]) -> Result<()> {
        for changed in changed.chunks(TAKEN_AT_ONCE) {
            let changes = changed.iter().map(|uid| Ok((*uid, other.find(*uid)?)));
            let changes: Vec<Change> = changes.collect::<Result<_>>()?;
            self.take(other, other.state(), &changes)?;
        }
        match self.state.is_same_as(&other.state()) {
            true => Ok(()),
            false => self.take(other, other.state(), &[]),
        }
    }

    /// Brings in what became of sessions, whose names are in a dictionary, and the state in which
    /// they did.
    ///
    /// # Errors
    ///
    /// As [`of`](Self::of).
    pub(crate) fn take(
        &mut self,
        dictionary: &impl Dictionary,
        state: MainState,
        changes: &[Change],
    ) -> Result<()> {
        self.names.make_room(state.ids);
        let entries = changes.iter().filter_map(|(_, entry)| entry.as_ref());
        let new = names::missing(&mut self.names, dictionary, entries)?;
        let mut delta = Delta::new(state.ids);
        for effects in self.effects(changes)? {
            delta.apply([&Commit {
                effects,
                names: Default::default(),
                ids: state.ids,
            }])?;
        }
        let state = MainState {
            next_node: self.state.next_node,
            live_bytes: self.state.live_bytes,
            ..state
        };
        let shape = self.index.shape;
        self.write(|write| write_all(write, &delta, &new, (state, shape)))?;
        self.state = self.index.read()?.state();
        Ok(())
    }

    /// Commits what `write` does.
    fn write(&self, write: impl FnOnce(&WriteTransaction) -> Result<()>) -> Result<()> {
        // Since it was compacted, it may have been opened only to be read.
        self.index.release()?;
        self.index.engine.write(write)
    }

    /// What is removed, and then what is added or ended, by which sessions become what they are to
    /// be.
    fn effects(&self, changes: &[Change]) -> Result<[Vec<Effect>; 2]> {
        let (mut removed, mut changed) = (Vec::new(), Vec::new());
        let now = self.index.read()?;
        let effect = |entry: Entry, kind| -> Result<Effect> {
            let user_id = self.names.user_of(entry.name_id);
            Ok(Effect {
                user_id: user_id.ok_or_else(|| missing("user name", entry.name_id.0))?,
                entry,
                kind,
            })
        };
        for (refer_uid, after) in changes {
            let before = now.find(*refer_uid)?;
            match (before, *after) {
                (before, after) if before == after => {}
                (Some(before), Some(after)) if is_end_of(before, after) => {
                    changed.push(effect(after, EffectKind::Ended)?);
                }
                (before, after) => {
                    let gone = before.map(|before| effect(before, EffectKind::Removed));
                    removed.extend(gone.transpose()?);
                    let new = after.map(|after| effect(after, EffectKind::Added));
                    changed.extend(new.transpose()?);
                }
            }
        }
        Ok([removed, changed])
    }

    /// Keeps the names too that a delta on top of another index has from that.
    ///
    /// # Errors
    ///
    /// As [`of`](Self::of).
    pub(crate) fn keep_names_of(&mut self, delta: &Delta, other: &MainReader) -> Result<()> {
        self.names.make_room(other.state().ids);
        let new = names::of_delta(&mut self.names, delta, other)?;
        if new.is_empty() {
            return Ok(());
        }
        let mut state = self.state;
        self.write(|write| {
            let rows = &mut RowWriter::default();
            write_dictionary(write, &new, rows)?;
            state.live_bytes = state.live_bytes.saturating_add_signed(rows.growth());
            put_state(write, &state)
        })?;
        self.state = state;
        Ok(())
    }

    /// Makes the file as small as what it holds, and all of it durable.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the storage fails.
    pub(crate) fn compact(&mut self, storage: &dyn Storage) -> Result<()> {
        self.index.engine.compact()?;
        // Closing cuts off what compacting has left free, and any other commit would grow the file.
        self.index.engine.close()?;
        self.index = MainIndex::open_unfinished(storage, self.setup)?;
        Ok(())
    }

    pub(crate) fn file_bytes(&self) -> Result<u64> {
        self.index.engine.file_bytes()
    }

    /// The index, to be given its name.
    pub(crate) fn into_index(self) -> MainIndex {
        self.index
    }
}

fn is_end_of(before: Entry, after: Entry) -> bool {
    let end = after.end;
    before.end.is_none() && end.is_some() && Entry { end, ..before } == after
}
