//! The families' part of a merge.

use super::{Shape, tables};
use crate::counted::{self, Edit, NodeReader, NodeWriter, Tree};
use crate::delta::Delta;
use crate::engine::{Body, RowWriter, engine_error, missing, row};
use crate::error::Result;
use crate::family::{FamilyKey, Part};
use crate::format::{ClientId, Entry};
use redb::{ReadableTable, Table, WriteTransaction};
use std::collections::{BTreeMap, HashSet};

/// Applies the edits of every family, one after the other, and answers the next free node id.
pub(super) fn write_families(
    write: &WriteTransaction,
    delta: &Delta,
    shape: Shape,
    next_node: u64,
    rows: &mut RowWriter,
) -> Result<u64> {
    let mut families = Families::new(write, shape, next_node, rows)?;
    let mut edits = delta.edits().peekable();
    let mut group = Vec::new();
    while let Some((family, edit)) = edits.next() {
        group.push(edit);
        if edits.peek().is_none_or(|(next, _)| *next != family) {
            families.edit(family, &group)?;
            group.clear();
        }
    }
    Ok(families.next_node())
}

/// The tables of roots and nodes.
pub(super) struct Families<'txn, 'r> {
    roots: Table<'txn, &'static [u8; 9], &'static [u8]>,
    nodes: Nodes<'txn, 'r>,
    shape: Shape,
    /// The families whose parts are there and have still to be edited. A family comes before its
    /// parts, as its key is less.
    with_parts: HashSet<FamilyKey>,
}

impl<'txn, 'r> Families<'txn, 'r> {
    pub(super) fn new(
        write: &'txn WriteTransaction,
        shape: Shape,
        next_node: u64,
        rows: &'r mut RowWriter,
    ) -> Result<Self> {
        Ok(Self {
            roots: write.open_table(tables::ROOTS).map_err(engine_error)?,
            nodes: Nodes {
                table: write.open_table(tables::NODES).map_err(engine_error)?,
                next: next_node,
                rows,
            },
            shape,
            with_parts: HashSet::new(),
        })
    }

    /// The next free node id.
    pub(super) fn next_node(&self) -> u64 {
        self.nodes.next
    }

    /// The root of an index after edits.
    pub(super) fn grown(&mut self, root: Option<&[u8]>, edits: &[Edit]) -> Result<Option<Vec<u8>>> {
        counted::apply(&mut self.nodes, self.shape.nodes, root, edits)
    }

    /// Applies sorted edits of one family.
    fn edit(&mut self, family: FamilyKey, edits: &[Edit]) -> Result<()> {
        if Part::of(family).is_some_and(|part| !self.with_parts.contains(&part.whole)) {
            return Ok(());
        }
        let before = row(&self.roots, tables::ROOTS, &family)?.map(|root| root.to_vec());
        let after = self.grown(before.as_deref(), edits)?;
        self.set_root(family, after.as_deref())?;
        if !Part::are_of(family) {
            return Ok(());
        }
        match (
            self.has_parts(before.as_deref())?,
            self.has_parts(after.as_deref())?,
        ) {
            (false, true) => self.make_parts(family, after.as_deref()),
            (true, false) => self.remove_parts(family),
            (true, true) => {
                self.with_parts.insert(family);
                Ok(())
            }
            (false, false) => Ok(()),
        }
    }

    /// Whether a family with this root is kept in parts as well.
    fn has_parts(&self, root: Option<&[u8]>) -> Result<bool> {
        let tree = Tree::new(&self.nodes, root)?;
        Ok(tree.len() > self.shape.parts_above)
    }

    pub(super) fn set_root(&mut self, family: FamilyKey, root: Option<&[u8]>) -> Result<()> {
        let rows = &mut *self.nodes.rows;
        match root {
            Some(root) => rows.put(&mut self.roots, tables::ROOTS, &family, root),
            None => rows.remove(&mut self.roots, &family),
        }
    }

    /// Makes the parts of a family, which has none.
    fn make_parts(&mut self, whole: FamilyKey, root: Option<&[u8]>) -> Result<()> {
        let mut parts: BTreeMap<ClientId, Vec<Edit>> = BTreeMap::new();
        Tree::new(&self.nodes, root)?.visit(0..u64::MAX, &mut |slot| {
            let part = parts.entry(Entry::client_of(slot.rest.ids)).or_default();
            part.push(Edit::Insert(slot));
            Ok(())
        })?;
        for (client, edits) in parts {
            let root = self.grown(None, &edits)?;
            self.set_root(Part { whole, client }.family(), root.as_deref())?;
        }
        Ok(())
    }

    /// Removes every part of a family.
    fn remove_parts(&mut self, whole: FamilyKey) -> Result<()> {
        let [first, last] = [ClientId(0), ClientId(u32::MAX)];
        let range = [first, last].map(|client| Part { whole, client }.family());
        let [first, last] = &range;
        let parts = self.roots.range::<&[u8; 9]>(first..=last);
        let parts: Vec<FamilyKey> = parts
            .map_err(engine_error)?
            .map(|part| Ok(*part.map_err(engine_error)?.0.value()))
            .collect::<Result<_>>()?;
        for family in parts {
            let root = row(&self.roots, tables::ROOTS, &family)?.map(|root| root.to_vec());
            root.map_or(Ok(()), |root| counted::clear(&mut self.nodes, &root))?;
            self.set_root(family, None)?;
        }
        Ok(())
    }
}

/// The table of nodes as the index's store.
struct Nodes<'txn, 'r> {
    table: Table<'txn, u64, &'static [u8]>,
    next: u64,
    rows: &'r mut RowWriter,
}

impl NodeReader for Nodes<'_, '_> {
    type Bytes<'a>
        = Body<'a>
    where
        Self: 'a;

    fn node(&self, id: u64) -> Result<Body<'_>> {
        row(&self.table, tables::NODES, id)?.ok_or_else(|| missing("node", id))
    }
}

impl NodeWriter for Nodes<'_, '_> {
    fn allocate(&mut self) -> u64 {
        let id = self.next;
        self.next += 1;
        id
    }

    fn put(&mut self, id: u64, bytes: &[u8]) -> Result<()> {
        self.rows.put(&mut self.table, tables::NODES, id, bytes)
    }

    fn remove(&mut self, id: u64) -> Result<()> {
        self.rows.remove(&mut self.table, id)
    }
}
