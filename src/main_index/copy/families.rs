//! The families of a copy: each is written from its first session to its last.

use super::TAKEN_AT_ONCE;
use crate::counted::Edit;
use crate::engine::{RowWriter, each_row};
use crate::error::Result;
use crate::main_index::families::Families;
use crate::main_index::steps::Steps;
use crate::main_index::{MainReader, Shape, tables};
use redb::WriteTransaction;

/// How many entries all families have.
pub(super) fn entry_count(from: &MainReader) -> Result<u64> {
    let mut count = 0_u64;
    each_row(&from.roots, tables::ROOTS, &mut |_, row| {
        count = count.saturating_add(from.tree_of(row.body()?)?.len());
        Ok(())
    })?;
    Ok(count)
}

/// Copies every family, and answers the next free node id.
pub(super) fn copy(
    write: &WriteTransaction,
    from: &MainReader,
    shape: Shape,
    rows: &mut RowWriter,
    steps: &mut Steps<'_>,
) -> Result<u64> {
    let mut families = Families::new(write, shape, 0, rows)?;
    let mut taken = Vec::new();
    each_row(&from.roots, tables::ROOTS, &mut |family, row| {
        let tree = from.tree_of(row.body()?)?;
        let mut root = None;
        tree.visit(0..tree.len(), &mut |slot| {
            taken.push(Edit::Insert(slot));
            if taken.len() == TAKEN_AT_ONCE {
                root = families.grown(root.as_deref(), &taken)?;
                taken.clear();
            }
            steps.step(1)
        })?;
        root = families.grown(root.as_deref(), &taken)?;
        taken.clear();
        families.set_root(*family, root.as_deref())
    })?;
    Ok(families.next_node())
}
