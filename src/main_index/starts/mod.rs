//! Where a session starts, by its `refer_uid`: a log-structured merge tree (O'Neil, Cheng, Gawlick
//! and O'Neil, "The log-structured merge-tree", 1996).
//!
//! A `refer_uid` is random. In one sorted map of ten million, each of those that a merge brings would
//! have a page to itself to be rewritten. So they first go to a small map, level 0, of which a merge
//! rewrites every page but for many `refer_uid`s at once. What a level has too much of goes on, one
//! slice of the key space at a time, to the next one, which may be larger by a factor.
//!
//! A level is a sequence of pages in the table `starts`. The key of a page is its level and its fence, and
//! it holds the `refer_uid`s up to its fence from the one before it on. A `refer_uid` is in one level
//! only; to look one up costs a page a level.

mod ordered;
mod page;
mod writer;

pub(super) use ordered::in_order;
#[cfg(fuzzing)]
pub(crate) use page::start_of;
pub(super) use page::{PAIRS_MAX, pairs};
pub(super) use writer::{make_levels, write_sorted, write_starts};

use super::tables::{self, LEVELS, STARTS, StartsKey};
use crate::engine::{META, first_row_as, missing, row_as};
use crate::error::Result;
use crate::format::dictionary::{Level, LevelsRow, Row};
use redb::ReadableTable;
use std::ops::Range;
use uuid::Uuid;

/// How levels and their pages are made: only the most of a page is part of the format.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Levels {
    /// How much a page may have.
    pub(crate) pairs_max: usize,
    /// How much level 0 may have before a slice of it goes on.
    pub(crate) first_max: u64,
    /// How many times as much the next level may have.
    pub(crate) factor: u64,
}

impl Levels {
    /// How much a level may have.
    fn level_max(self, level: usize) -> u64 {
        let factors = std::iter::repeat_n(self.factor, level);
        factors.fold(self.first_max, u64::saturating_mul)
    }
}

impl Default for Levels {
    /// Level 0 takes 13 MB. A merge of 46,000 sessions into ten million rewrites 8,000 pages, and in a
    /// single map it would be 37,000. A third level, with one page more to look into, comes with 17
    /// million sessions.
    fn default() -> Self {
        Self {
            pairs_max: PAIRS_MAX,
            first_max: 1 << 19,
            factor: 32,
        }
    }
}

/// What becomes of the start of a session.
#[derive(Debug, Clone, Copy)]
struct Change {
    refer_uid: u128,
    /// The start, or nothing if the session is removed.
    start: Option<u64>,
}

impl Change {
    fn put((refer_uid, start): page::Pair) -> Self {
        Self {
            refer_uid,
            start: Some(start),
        }
    }
}

/// The levels that a store has.
pub(super) fn levels(
    meta: &impl ReadableTable<&'static [u8], &'static [u8]>,
) -> Result<Vec<Level>> {
    let found = row_as(meta, META, LEVELS, LevelsRow::from_body)?;
    Ok(found.ok_or_else(|| missing("the row", "levels"))?.levels)
}

/// The start of a session, and the one of these levels that has it.
pub(super) fn find(
    table: &impl ReadableTable<StartsKey, &'static [u8]>,
    levels: Range<usize>,
    refer_uid: Uuid,
) -> Result<Option<(usize, u64)>> {
    let refer_uid = refer_uid.as_u128();
    for level in levels {
        let start = |page: &[u8]| page::start_of(page, refer_uid);
        if let Some((_, Some(start))) = page_at(table, level, refer_uid, start)? {
            return Ok(Some((level, start)));
        }
    }
    Ok(None)
}

/// What the page of a level says that would hold a `refer_uid`, with its fence; nothing behind the last.
fn page_at<T>(
    table: &impl ReadableTable<StartsKey, &'static [u8]>,
    level: usize,
    refer_uid: u128,
    read: impl FnOnce(&[u8]) -> Result<T>,
) -> Result<Option<(u128, T)>> {
    let first = key(level, refer_uid);
    let found = first_row_as(table, STARTS, &first, read)?;
    let of_level = found.filter(|([of, ..], _)| *of == first[0]);
    Ok(of_level.map(|([_, fence @ ..], read)| (u128::from_be_bytes(fence), read)))
}

/// The key of a page.
fn key(level: usize, fence: u128) -> [u8; 17] {
    let mut key = [0; 17];
    // The row of the levels has no room for as many, nor is there a store of that size.
    key[0] = u8::try_from(level).unwrap_or(u8::MAX);
    key[1..].copy_from_slice(&fence.to_be_bytes());
    key
}

/// Where the pages behind a fence begin.
fn behind(fence: u128) -> u128 {
    fence.saturating_add(1)
}
