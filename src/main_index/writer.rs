//! One commit to the main index.

use super::engine::engine_error;
use super::reader::{Body, row};
use super::tables::{self, Rows};
use super::{Changes, Flush};
use crate::counted::{self, Edit, Limits, NodeReader, NodeWriter};
use crate::error::{Error, Result};
use crate::family::Family;
use crate::format::dictionary::{ClientRow, Counters, IdRow, Identity, NameRow, Row};
use crate::format::{Entry, seal};
use redb::{Database, Durability, Key, Table, TableHandle, WriteTransaction};

/// Makes every table, and says what store this is.
pub(super) fn initialize(database: &Database, identity: Identity) -> Result<()> {
    let write = database.begin_write().map_err(engine_error)?;
    commit_to(
        &write,
        &Changes::default(),
        Counters::START,
        Limits::default(),
    )?;
    {
        let mut meta = write.open_table(tables::META).map_err(engine_error)?;
        let body = identity.to_body();
        put(
            &mut meta,
            tables::META,
            tables::IDENTITY,
            &body,
            &mut Vec::new(),
        )?;
    }
    write.commit().map_err(engine_error)
}

pub(super) fn commit(
    database: &Database,
    changes: &Changes,
    counters: Counters,
    flush: Flush,
    limits: Limits,
) -> Result<()> {
    let mut write = database.begin_write().map_err(engine_error)?;
    let durability = match flush {
        Flush::Now => Durability::Immediate,
        Flush::Later => Durability::None,
    };
    write.set_durability(durability).map_err(engine_error)?;
    // An error drops the transaction, and with it all that was written.
    commit_to(&write, changes, counters, limits)?;
    write.commit().map_err(engine_error)
}

/// Writes `changes` into every table they touch.
fn commit_to(
    write: &WriteTransaction,
    changes: &Changes,
    mut counters: Counters,
    limits: Limits,
) -> Result<()> {
    write_dictionary(write, changes)?;
    write_by_uid(write, changes)?;
    counters.next_node = write_families(write, changes, limits, counters.next_node)?;
    let mut meta = write.open_table(tables::META).map_err(engine_error)?;
    let body = counters.to_body()?;
    put(
        &mut meta,
        tables::META,
        tables::COUNTERS,
        &body,
        &mut Vec::new(),
    )
}

/// Inserts the row of `body`.
fn put<'k, K: Key>(
    table: &mut Table<'_, K, &'static [u8]>,
    rows: Rows<K>,
    key: K::SelfType<'k>,
    body: &[u8],
    buffer: &mut Vec<u8>,
) -> Result<()> {
    use std::borrow::Borrow;
    seal(rows.name(), K::as_bytes(&key).as_ref(), body, buffer);
    table
        .insert(key.borrow(), buffer.as_slice())
        .map_err(engine_error)?;
    Ok(())
}

fn write_dictionary(write: &WriteTransaction, changes: &Changes) -> Result<()> {
    let mut users = write.open_table(tables::USERS).map_err(engine_error)?;
    let mut names = write.open_table(tables::NAMES).map_err(engine_error)?;
    let mut name_ids = write.open_table(tables::NAME_IDS).map_err(engine_error)?;
    let mut clients = write.open_table(tables::CLIENTS).map_err(engine_error)?;
    let mut client_ids = write.open_table(tables::CLIENT_IDS).map_err(engine_error)?;
    let buffer = &mut Vec::new();
    for (id, user_refer_uid) in &changes.users {
        let body = IdRow { id: id.0 }.to_body()?;
        put(
            &mut users,
            tables::USERS,
            user_refer_uid.as_bytes(),
            &body,
            buffer,
        )?;
    }
    for name in &changes.names {
        let row = NameRow::new(name.user_id, name.user_refer_uid, &name.user);
        put(
            &mut names,
            tables::NAMES,
            name.id.0,
            &row.to_body()?,
            buffer,
        )?;
        let key = tables::name_key(name.user_refer_uid, &name.user);
        let body = IdRow { id: name.id.0 }.to_body()?;
        put(&mut name_ids, tables::NAME_IDS, &key, &body, buffer)?;
    }
    for (id, client) in &changes.clients {
        let row = ClientRow {
            client_refer_uid: client.to_string(),
        };
        put(&mut clients, tables::CLIENTS, id.0, &row.to_body()?, buffer)?;
        let body = IdRow { id: id.0 }.to_body()?;
        put(
            &mut client_ids,
            tables::CLIENT_IDS,
            client.as_bytes(),
            &body,
            buffer,
        )?;
    }
    Ok(())
}

/// A session that ends keeps its row here: only its coming and going shows.
fn write_by_uid(write: &WriteTransaction, changes: &Changes) -> Result<()> {
    let mut by_uid = write.open_table(tables::BY_UID).map_err(engine_error)?;
    let mut rows: Vec<([u8; 16], Option<Entry>)> = changes
        .effects
        .iter()
        .filter(|effect| effect.before.is_none() || effect.after.is_none())
        .filter_map(|effect| {
            let either = effect.after.or(effect.before)?;
            Some((either.refer_uid.into_bytes(), effect.after))
        })
        .collect();
    rows.sort_unstable_by_key(|(key, _)| *key);
    let buffer = &mut Vec::new();
    for (key, entry) in rows {
        let Some(entry) = entry else {
            by_uid.remove(&key).map_err(engine_error)?;
            continue;
        };
        let start = entry.start.to_sortable().to_be_bytes();
        seal(tables::BY_UID.name(), &key, &start, buffer);
        let row: &[u8; tables::START_ROW_BYTES] = buffer
            .as_slice()
            .try_into()
            .map_err(|_| Error::corrupted("the row of a start has an odd size"))?;
        by_uid.insert(&key, row).map_err(engine_error)?;
    }
    Ok(())
}

/// Applies the edits of every effect, family by family, and answers the next free node id.
fn write_families(
    write: &WriteTransaction,
    changes: &Changes,
    limits: Limits,
    next_node: u64,
) -> Result<u64> {
    let mut families = Families {
        roots: write.open_table(tables::ROOTS).map_err(engine_error)?,
        nodes: Nodes {
            table: write.open_table(tables::NODES).map_err(engine_error)?,
            next: next_node,
            buffer: Vec::new(),
        },
        limits,
        buffer: Vec::new(),
    };
    // One kind after the other: a large batch has up to eight times as many edits as records.
    for kind in Family::KINDS {
        let edits = changes
            .effects
            .iter()
            .filter_map(|effect| effect.edit(kind));
        let mut edits: Vec<(Family, Edit)> = edits.collect();
        edits.sort_unstable_by_key(|(family, edit)| (*family, edit.key()));
        for group in edits.chunk_by(|(one, _), (other, _)| one == other) {
            families.apply(group)?;
        }
    }
    Ok(families.nodes.next)
}

/// The tables of roots and nodes.
struct Families<'txn> {
    roots: Table<'txn, &'static [u8; 9], &'static [u8]>,
    nodes: Nodes<'txn>,
    limits: Limits,
    buffer: Vec<u8>,
}

impl Families<'_> {
    /// Applies sorted edits of one family.
    fn apply(&mut self, group: &[(Family, Edit)]) -> Result<()> {
        let Some((family, _)) = group.first() else {
            return Ok(());
        };
        let key = family.to_key();
        let edits: Vec<Edit> = group.iter().map(|(_, edit)| *edit).collect();
        let root = row(&self.roots, tables::ROOTS, &key)?.map(|root| root.to_vec());
        match counted::apply(&mut self.nodes, self.limits, root.as_deref(), &edits)? {
            Some(root) => put(
                &mut self.roots,
                tables::ROOTS,
                &key,
                &root,
                &mut self.buffer,
            ),
            None => {
                self.roots.remove(&key).map_err(engine_error)?;
                Ok(())
            }
        }
    }
}

/// The table of nodes as the index's store.
struct Nodes<'txn> {
    table: Table<'txn, u64, &'static [u8]>,
    next: u64,
    buffer: Vec<u8>,
}

impl NodeReader for Nodes<'_> {
    type Bytes<'a>
        = Body<'a>
    where
        Self: 'a;

    fn node(&self, id: u64) -> Result<Body<'_>> {
        row(&self.table, tables::NODES, id)?
            .ok_or_else(|| Error::corrupted(format!("node {id} is missing")))
    }
}

impl NodeWriter for Nodes<'_> {
    fn allocate(&mut self) -> u64 {
        let id = self.next;
        self.next += 1;
        id
    }

    fn put(&mut self, id: u64, bytes: &[u8]) -> Result<()> {
        put(&mut self.table, tables::NODES, id, bytes, &mut self.buffer)
    }

    fn remove(&mut self, id: u64) -> Result<()> {
        self.table.remove(id).map_err(engine_error)?;
        Ok(())
    }
}
