//! The starts against the sessions.

use super::{Findings, Sum, undamaged};
use crate::engine::each_row;
use crate::error::Result;
use crate::family::Family;
use crate::main_index::{MainReader, starts, tables};
use std::hash::Hasher;
use uuid::Uuid;

/// Checks every page, and that all together are the `expected` ones, if that is known.
pub(super) fn check(
    reader: &MainReader,
    expected: Option<Sum>,
    findings: &mut Findings<'_>,
) -> Result<()> {
    let mut pages = Pages {
        counts: vec![0; reader.levels.len()],
        ..Pages::default()
    };
    each_row(
        &reader.starts,
        tables::STARTS,
        &mut |key, row| match findings.row(row, starts::pairs)? {
            Some(page) => pages.take(reader, *key, &page, findings),
            None => {
                pages.is_damaged = true;
                Ok(())
            }
        },
    )?;
    if pages.is_damaged {
        return Ok(());
    }
    if let Some(expected) = expected.filter(|expected| *expected != pages.found) {
        findings.fault(format!(
            "the starts of {} sessions are stored, and they are not those of the {} there are",
            pages.found.count, expected.count
        ));
        findings.part(|findings| explain(reader, findings))?;
    }
    let told = reader.levels.iter().map(|level| level.count);
    if !told.eq(pages.counts.iter().copied()) {
        let counts = pages.counts;
        findings.fault(format!(
            "the levels have {counts:?} starts, and say otherwise"
        ));
    }
    Ok(())
}

/// What was seen of the pages so far.
#[derive(Default)]
struct Pages {
    /// How many starts each level has.
    counts: Vec<u64>,
    found: Sum,
    /// The key of the last page.
    last: Option<(usize, u128)>,
    is_damaged: bool,
}

impl Pages {
    fn take(
        &mut self,
        reader: &MainReader,
        [level, fence @ ..]: [u8; 17],
        page: &[(u128, u64)],
        findings: &mut Findings<'_>,
    ) -> Result<()> {
        let (level, fence) = (usize::from(level), u128::from_be_bytes(fence));
        let last = self.last.replace((level, fence));
        let mut behind = last.filter(|last| last.0 == level).map(|last| last.1);
        match self.counts.get_mut(level) {
            Some(count) if (1..=starts::PAIRS_MAX).contains(&page.len()) => {
                *count += page.len() as u64
            }
            _ => findings.fault(format!("a page of level {level} has {} starts", page.len())),
        }
        for (refer_uid, start) in page {
            let uid = Uuid::from_u128(*refer_uid);
            if behind.is_some_and(|behind| behind >= *refer_uid) || *refer_uid > fence {
                findings.fault(format!("the start of session {uid} is out of its place"));
            }
            behind = Some(*refer_uid);
            let deeper = level + 1..reader.levels.len();
            if undamaged(starts::find(&reader.starts, deeper, uid))?.is_some_and(|it| it.is_some())
            {
                findings.fault(format!("session {uid} has two starts"));
            }
            self.found.add(|hasher| {
                hasher.write_u128(*refer_uid);
                hasher.write_u64(*start);
            });
        }
        Ok(())
    }
}

/// Finds the sessions whose start is missing or another.
fn explain(reader: &MainReader, findings: &mut Findings<'_>) -> Result<()> {
    let all = reader.root(Family::ALL.to_key())?;
    let all = reader.tree(all.as_ref())?;
    all.visit(0..all.len(), &mut |slot| {
        let uid = Uuid::from_u128(slot.key.minor());
        let found = starts::find(&reader.starts, 0..reader.levels.len(), uid)?;
        if found.is_none_or(|(_, start)| start != slot.key.major()) {
            findings.fault(format!("session {uid} is not found by its refer_uid"));
        }
        Ok(())
    })
}
