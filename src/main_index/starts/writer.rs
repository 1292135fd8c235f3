//! The part of a merge that concerns starts.

use super::page::{self, Pair};
use super::{Change, Levels, behind, find, key, levels, page_at};
use crate::delta::{Delta, SessionEdit};
use crate::engine::{META, RowWriter, engine_error, missing};
use crate::error::{Error, Result};
use crate::format::dictionary::{Level, LevelsRow, Row};
use crate::main_index::tables::{LEVELS, STARTS, StartsKey};
use redb::{Table, WriteTransaction};
use uuid::Uuid;

type Meta<'txn> = Table<'txn, &'static [u8], &'static [u8]>;

/// The fence of a level's last page.
const LAST: u128 = u128::MAX;

/// Applies what a delta says of sessions.
///
/// A session that ends keeps its start, unless another took its `refer_uid`.
pub(in crate::main_index) fn write_starts(
    write: &WriteTransaction,
    delta: &Delta,
    limits: Levels,
    rows: &mut RowWriter,
) -> Result<()> {
    let mut meta = write.open_table(META).map_err(engine_error)?;
    let levels = levels(&meta)?;
    let table = write.open_table(STARTS).map_err(engine_error)?;
    let mut starts = Starts {
        table,
        rows,
        levels,
        limits,
    };
    for (level, changes) in starts.changes(delta)?.iter().enumerate() {
        starts.change(level, changes)?;
    }
    starts.spill()?;
    put_levels(&mut meta, starts.levels)
}

/// Writes the starts of a new index, which come in ascending order: all of them to the first level
/// that may have as many.
///
/// # Errors
///
/// `Corrupted` if there are not `count` of them, each behind the one before.
pub(in crate::main_index) fn write_sorted(
    write: &WriteTransaction,
    pairs: impl Iterator<Item = Result<Pair>>,
    count: u64,
    limits: Levels,
    rows: &mut RowWriter,
) -> Result<()> {
    let last = (0..)
        .find(|level| limits.level_max(*level) >= count)
        .unwrap_or(0);
    let mut starts = Starts {
        table: write.open_table(STARTS).map_err(engine_error)?,
        rows,
        levels: vec![Level::default(); last + 1],
        limits,
    };
    starts.fill(last, pairs)?;
    if starts.level(last)?.count != count {
        return Err(Error::corrupted(format!(
            "there are {} starts, not those of {count} sessions",
            starts.level(last)?.count
        )));
    }
    let mut meta = write.open_table(META).map_err(engine_error)?;
    put_levels(&mut meta, starts.levels)
}

/// Makes the first level.
pub(in crate::main_index) fn make_levels(meta: &mut Meta<'_>) -> Result<()> {
    put_levels(meta, vec![Level::default()])
}

fn put_levels(meta: &mut Meta<'_>, levels: Vec<Level>) -> Result<()> {
    let body = LevelsRow { levels }.to_body()?;
    RowWriter::default().put(meta, META, LEVELS, &body)
}

/// The levels, to be changed.
struct Starts<'txn, 'r> {
    table: Table<'txn, StartsKey, &'static [u8]>,
    rows: &'r mut RowWriter,
    levels: Vec<Level>,
    limits: Levels,
}

/// What pages that lie next to one another come to hold, as far as it is not written yet.
#[derive(Default)]
struct Group {
    pairs: Vec<Pair>,
    /// That of the last of the pages.
    fence: Option<u128>,
}

impl Starts<'_, '_> {
    /// What is to become of each level: what is new goes to the first, the rest is where it is.
    fn changes(&self, delta: &Delta) -> Result<Vec<Vec<Change>>> {
        let mut changes = vec![Vec::new(); self.levels.len()];
        for edit in delta.session_edits() {
            let (refer_uid, edit) = edit?;
            let (entry, found) = match edit {
                SessionEdit::Insert(entry) => (Some(entry), None),
                SessionEdit::Replace(entry) => (Some(entry), Some(self.find(refer_uid)?)),
                SessionEdit::Remove => (None, Some(self.find(refer_uid)?)),
            };
            let start = entry.map(|entry| entry.start.to_sortable());
            if found.is_some_and(|(_, found)| start == Some(found)) {
                continue;
            }
            let refer_uid = refer_uid.as_u128();
            let level = found.map_or(0, |(level, _)| level);
            if let Some(changes) = changes.get_mut(level) {
                changes.push(Change { refer_uid, start });
            }
        }
        Ok(changes)
    }

    /// Writes every page of a level that is empty.
    fn fill(&mut self, level: usize, pairs: impl Iterator<Item = Result<Pair>>) -> Result<()> {
        let mut page: Vec<Pair> = Vec::new();
        for pair in pairs {
            let pair = pair?;
            if page.last().is_some_and(|last| last.0 >= pair.0) {
                return Err(Error::corrupted("starts are out of order"));
            }
            if page.len() == self.limits.pairs_max {
                self.put(level, &page, None)?;
                page.clear();
            }
            page.push(pair);
            self.level(level)?.count += 1;
        }
        self.put(level, &page, Some(LAST))
    }

    /// The level and the start of a session that is stored.
    fn find(&self, refer_uid: Uuid) -> Result<(usize, u64)> {
        let found = find(&self.table, 0..self.levels.len(), refer_uid)?;
        found.ok_or_else(|| missing("the start of session", refer_uid))
    }

    /// The fence of the page that a `refer_uid` belongs to, and what the page holds.
    fn page(&self, level: usize, refer_uid: u128) -> Result<Option<(u128, Vec<Pair>)>> {
        page_at(&self.table, level, refer_uid, page::pairs)
    }

    fn level(&mut self, level: usize) -> Result<&mut Level> {
        let known = self.levels.get_mut(level);
        known.ok_or_else(|| missing("level", level))
    }

    /// Applies changes of one level, in ascending order.
    fn change(&mut self, level: usize, changes: &[Change]) -> Result<()> {
        let mut group = Group::default();
        let mut rest = changes;
        while let Some(first) = rest.first() {
            let from = group.fence.map_or(first.refer_uid, behind);
            let page = self.page(level, from)?;
            let (fence, pairs) = page.unwrap_or((LAST, Vec::new()));
            if fence < first.refer_uid {
                // The pages from here to the one of this change stay as they are.
                self.close(level, &mut group)?;
                continue;
            }
            let (now, later) = rest.split_at(rest.partition_point(|one| one.refer_uid <= fence));
            self.extend(level, &mut group, (fence, pairs), now)?;
            rest = later;
        }
        self.close(level, &mut group)
    }

    /// Takes the next page into a group, with what becomes of it, and writes what fills pages.
    fn extend(
        &mut self,
        level: usize,
        group: &mut Group,
        (fence, pairs): (u128, Vec<Pair>),
        changes: &[Change],
    ) -> Result<()> {
        let before = group.pairs.len() + pairs.len();
        page::merge(pairs, changes, &mut group.pairs);
        let count = &mut self.level(level)?.count;
        *count = count
            .saturating_add(group.pairs.len() as u64)
            .saturating_sub(before as u64);
        if let Some(fence) = group.fence.replace(fence) {
            self.rows.remove(&mut self.table, &key(level, fence))?;
        }
        let full = self.limits.pairs_max;
        // Less than two pages' worth is left to be shared out evenly, if nothing follows.
        let pages = (group.pairs.len() / full).saturating_sub(1);
        for pairs in group.pairs.chunks(full).take(pages) {
            self.put(level, pairs, None)?;
        }
        group.pairs.drain(..pages * full);
        Ok(())
    }

    /// Writes what is left of a group; if that is little, with what the next page has.
    fn close(&mut self, level: usize, group: &mut Group) -> Result<()> {
        let full = self.limits.pairs_max;
        while let Some(fence) = group.fence.filter(|fence| *fence < LAST)
            && group.pairs.len() < full / 4
            && let Some(page) = self.page(level, behind(fence))?
        {
            self.extend(level, group, page, &[])?;
        }
        let Some(fence) = group.fence.take() else {
            return Ok(());
        };
        let pairs = std::mem::take(&mut group.pairs);
        let two = pairs.len() > full;
        let (first, last) = pairs.split_at(if two { pairs.len() / 2 } else { 0 });
        self.put(level, first, None)?;
        if last.is_empty() {
            return self.rows.remove(&mut self.table, &key(level, fence));
        }
        self.put(level, last, Some(fence))
    }

    /// Writes a page, unless it would be empty: up to this fence, or to the last that it holds.
    fn put(&mut self, level: usize, pairs: &[Pair], fence: Option<u128>) -> Result<()> {
        let Some((last, _)) = pairs.last() else {
            return Ok(());
        };
        let key = key(level, fence.unwrap_or(*last));
        let page = page::page_of(pairs);
        self.rows.put(&mut self.table, STARTS, &key, &page)
    }

    /// Moves slices of levels that have too much on to the next ones.
    fn spill(&mut self) -> Result<()> {
        for level in 0.. {
            let most = self.limits.level_max(level);
            while self.level(level)?.count > most {
                let excess = self.level(level)?.count - most;
                let slice = self.take(level, excess)?;
                if level + 1 == self.levels.len() {
                    self.levels.push(Level::default());
                }
                self.change(level + 1, &slice)?;
            }
            if level + 1 == self.levels.len() {
                break;
            }
        }
        Ok(())
    }

    /// Takes as many out of a level, by whole pages, as far as there are that many from where the
    /// slice before ended: the next begins where this ends.
    fn take(&mut self, level: usize, at_least: u64) -> Result<Vec<Change>> {
        let mut taken = Vec::new();
        while (taken.len() as u64) < at_least {
            let next = u128::from_be_bytes(self.level(level)?.next);
            let Some((fence, pairs)) = self.page(level, next)? else {
                if next == 0 {
                    return Err(missing("a page of level", level));
                }
                self.level(level)?.next = [0; 16];
                break;
            };
            self.rows.remove(&mut self.table, &key(level, fence))?;
            let state = self.level(level)?;
            state.count = state.count.saturating_sub(pairs.len() as u64);
            state.next = fence.wrapping_add(1).to_be_bytes();
            taken.extend(pairs.into_iter().map(Change::put));
            if fence == LAST {
                break;
            }
        }
        Ok(taken)
    }
}
