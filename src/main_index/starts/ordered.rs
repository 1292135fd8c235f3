//! The starts of all levels in one order.

use super::page::{self, Pair};
use super::tables::StartsKey;
use super::{behind, page_at};
use crate::error::Result;
use redb::ReadableTable;
use std::iter::Peekable;

/// Goes through one level, page by page.
struct LevelPairs<'t, T> {
    table: &'t T,
    level: usize,
    /// Where the next page begins; nothing behind the last.
    from: Option<u128>,
    page: std::vec::IntoIter<Pair>,
}

impl<T: ReadableTable<StartsKey, &'static [u8]>> LevelPairs<'_, T> {
    fn turn(&mut self, from: u128) -> Result<()> {
        self.from = None;
        if let Some((fence, page)) = page_at(self.table, self.level, from, page::pairs)? {
            self.from = (fence < u128::MAX).then(|| behind(fence));
            self.page = page.into_iter();
        }
        Ok(())
    }
}

impl<T: ReadableTable<StartsKey, &'static [u8]>> Iterator for LevelPairs<'_, T> {
    type Item = Result<Pair>;

    fn next(&mut self) -> Option<Result<Pair>> {
        loop {
            if let Some(pair) = self.page.next() {
                return Some(Ok(pair));
            }
            if let Err(error) = self.turn(self.from?) {
                return Some(Err(error));
            }
        }
    }
}

/// The starts of so many levels, by `refer_uid`. It ends after the first error.
pub(in crate::main_index) fn in_order(
    table: &impl ReadableTable<StartsKey, &'static [u8]>,
    levels: usize,
) -> impl Iterator<Item = Result<Pair>> {
    let levels = (0..levels).map(|level| LevelPairs {
        table,
        level,
        from: Some(0),
        page: Vec::new().into_iter(),
    });
    let mut levels: Vec<Peekable<_>> = levels.map(Iterator::peekable).collect();
    std::iter::from_fn(move || {
        let first = levels.iter_mut().enumerate().filter_map(|(at, level)| {
            // An error comes first.
            let refer_uid = level.peek()?.as_ref().ok().map(|(refer_uid, _)| *refer_uid);
            Some((refer_uid, at))
        });
        let (_, at) = first.min()?;
        let next = levels.get_mut(at)?.next()?;
        if next.is_err() {
            levels.clear();
        }
        Some(next)
    })
}
