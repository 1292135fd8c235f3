//! What can be read of a main index of which anything may be damaged.

use super::reader::RowTable;
use super::verify::Findings;
use super::{MAIN, MainIndex, Setup, tables};
use crate::counted::{self, NodeReader, Slot, Tree};
use crate::engine::{
    self, Body, Engine, META, Rows, each_row, engine_error, guarded, missing, row, row_as,
};
use crate::error::{ErrorKind, Result};
use crate::family::{Family, FamilyKey};
use crate::format::dictionary::{ClientRow, IdRow, Identity, MainState, NameRow, Row};
use crate::format::{ClientId, Entry, NameId, UserId};
use crate::storage::Storage;
use redb::{Key, ReadTransaction};
use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// Takes a session that is found.
type Visit<'v> = &'v mut dyn FnMut(Entry, &mut Findings<'_>) -> Result<()>;

/// The tables of the last state, as far as each can be opened.
pub(crate) struct Remains {
    identity: Option<Identity>,
    state: Option<MainState>,
    roots: Option<RowTable<&'static [u8; 9]>>,
    nodes: Option<RowTable<u64>>,
    names: Option<RowTable<u32>>,
    name_ids: Option<RowTable<&'static [u8]>>,
    clients: Option<RowTable<u32>>,
    client_ids: Option<RowTable<&'static [u8]>>,
    /// The names as the tables from texts to ids have them, once one is missing elsewhere.
    names_by_id: OnceCell<HashMap<NameId, (Uuid, Arc<str>)>>,
    clients_by_id: OnceCell<HashMap<ClientId, Arc<str>>>,
    /// Open for as long as the tables are.
    _engine: Arc<Engine>,
}

impl MainIndex {
    /// What can be read of a damaged index.
    ///
    /// # Errors
    ///
    /// `NotAStore` if it is another program's, `UnsupportedFormat` if another version's, `Corrupted` if
    /// it cannot be opened; `Unavailable` if the storage fails. What else is damaged is a finding.
    pub(crate) fn remains(
        storage: &dyn Storage,
        setup: Setup,
        findings: &mut Findings<'_>,
    ) -> Result<Remains> {
        let engine = Arc::new(Engine::open(storage, MAIN, setup.opening())?);
        let read = engine.read()?;
        let identity = guarded(MAIN, || engine::identity(&read, MAIN));
        let remains = Remains::read(engine, &read, findings)?;
        match identity {
            Ok(identity) => Ok(Remains {
                identity: Some(identity),
                ..remains
            }),
            // Another program's has none of our tables.
            Err(error) if error.kind() == ErrorKind::UnsupportedFormat || remains.is_nothing() => {
                Err(error)
            }
            Err(error) => findings.unless_damage(error).map(|()| remains),
        }
    }
}

impl Remains {
    fn read(
        engine: Arc<Engine>,
        read: &ReadTransaction,
        findings: &mut Findings<'_>,
    ) -> Result<Self> {
        let state = findings.part(|_| {
            let meta = read.open_table(META).map_err(engine_error)?;
            tables::state(&meta)
        })?;
        Ok(Self {
            identity: None,
            state,
            roots: open(read, tables::ROOTS, findings)?,
            nodes: open(read, tables::NODES, findings)?,
            names: open(read, tables::NAMES, findings)?,
            name_ids: open(read, tables::NAME_IDS, findings)?,
            clients: open(read, tables::CLIENTS, findings)?,
            client_ids: open(read, tables::CLIENT_IDS, findings)?,
            names_by_id: OnceCell::new(),
            clients_by_id: OnceCell::new(),
            _engine: engine,
        })
    }

    fn is_nothing(&self) -> bool {
        self.roots.is_none() && self.nodes.is_none()
    }
}

fn open<K: Key + 'static>(
    read: &ReadTransaction,
    rows: Rows<K>,
    findings: &mut Findings<'_>,
) -> Result<Option<RowTable<K>>> {
    findings.part(|_| read.open_table(rows).map_err(engine_error))
}

impl Remains {
    /// What store it is of, if that is known.
    pub(crate) fn identity(&self) -> Option<Identity> {
        self.identity
    }

    /// How far into the log it goes, if that is known.
    pub(crate) fn watermark(&self) -> Option<u64> {
        self.state.map(|state| state.watermark)
    }

    /// How many sessions there were, if that can be told.
    pub(crate) fn session_count(&self) -> Option<u64> {
        let root = self.root(Family::ALL.to_key()).ok()??;
        Some(Tree::new(self, Some(&root)).ok()?.len())
    }

    fn root(&self, family: FamilyKey) -> Result<Option<Body<'_>>> {
        match &self.roots {
            Some(roots) => guarded(MAIN, || row(roots, tables::ROOTS, &family)),
            None => Ok(None),
        }
    }

    /// Visits every session in its order as far as the index of all sessions can be read, and answers
    /// whether that was all of it.
    ///
    /// # Errors
    ///
    /// Those of `visit`; `Unavailable` if the storage fails.
    pub(crate) fn visit_in_order(
        &self,
        findings: &mut Findings<'_>,
        visit: Visit<'_>,
    ) -> Result<bool> {
        let Some(root) = findings.part(|_| self.root(Family::ALL.to_key()))? else {
            return Ok(false);
        };
        let Some(root) = root else {
            // Of an empty store, or it is gone.
            return Ok(false);
        };
        let mut is_whole = true;
        counted::visit_remains(self, &root, &mut |slots| match slots {
            Ok(slots) => visit_slots(&slots, findings, visit),
            Err(error) => {
                is_whole = false;
                findings.unless_damage(error)
            }
        })?;
        Ok(is_whole)
    }

    /// Visits the sessions of every leaf of every family, wherever it lies: each some times.
    ///
    /// # Errors
    ///
    /// As [`visit_in_order`](Self::visit_in_order).
    pub(crate) fn visit_leaves(&self, findings: &mut Findings<'_>, visit: Visit<'_>) -> Result<()> {
        let given = self.state.map_or((0, 0), |state| {
            let (users, ..) = state.ids.given();
            (state.next_node, users)
        });
        let mut leaf = |node: &[u8], findings: &mut Findings<'_>| -> Result<()> {
            let slots = findings.part(|_| counted::slots_of(node))?;
            visit_slots(&slots.unwrap_or_default(), findings, visit)
        };
        // A table that cannot be gone through may still be read by its keys.
        if let Some(nodes) = &self.nodes
            && !each_body(nodes, tables::NODES, findings, &mut leaf)?
        {
            for id in 0..given.0 {
                visit_body(nodes, tables::NODES, id, findings, &mut leaf)?;
            }
        }
        if let Some(roots) = &self.roots
            && !each_body(roots, tables::ROOTS, findings, &mut leaf)?
        {
            // A session is in the family of its user.
            for user in (0..given.1).map(UserId) {
                let key = Family::of_user(user).to_key();
                visit_body(roots, tables::ROOTS, &key, findings, &mut leaf)?;
            }
        }
        Ok(())
    }

    /// A user and a name.
    pub(crate) fn name(&self, id: NameId) -> Option<(Uuid, Arc<str>)> {
        let by_id = self.names.as_ref().and_then(|names| {
            let name = || row_as(names, tables::NAMES, id.0, NameRow::from_body);
            let name = guarded(MAIN, name).ok()??;
            Some((name.user_refer_uid(), name.user.into()))
        });
        by_id.or_else(|| {
            let names = self.names_by_id.get_or_init(|| self.names_by_text());
            names.get(&id).cloned()
        })
    }

    pub(crate) fn client(&self, id: ClientId) -> Option<Arc<str>> {
        let by_id = self.clients.as_ref().and_then(|clients| {
            let client = || row_as(clients, tables::CLIENTS, id.0, ClientRow::from_body);
            let client = guarded(MAIN, client).ok()??;
            Some(client.client_refer_uid.into())
        });
        by_id.or_else(|| {
            let clients = self.clients_by_id.get_or_init(|| self.clients_by_text());
            clients.get(&id).cloned()
        })
    }

    fn names_by_text(&self) -> HashMap<NameId, (Uuid, Arc<str>)> {
        let texts = ids_by_text(self.name_ids.as_ref(), tables::NAME_IDS);
        let names = texts.into_iter().filter_map(|(text, id)| {
            let (uid, user) = text.split_first_chunk()?;
            let user = std::str::from_utf8(user).ok()?;
            Some((NameId(id), (Uuid::from_bytes(*uid), user.into())))
        });
        names.collect()
    }

    fn clients_by_text(&self) -> HashMap<ClientId, Arc<str>> {
        let texts = ids_by_text(self.client_ids.as_ref(), tables::CLIENT_IDS);
        let clients = texts.into_iter().filter_map(|(text, id)| {
            let client = String::from_utf8(text).ok()?;
            Some((ClientId(id), client.into()))
        });
        clients.collect()
    }
}

impl NodeReader for Remains {
    type Bytes<'a> = Body<'a>;

    fn node(&self, id: u64) -> Result<Body<'_>> {
        let nodes = self.nodes.as_ref();
        let nodes = nodes.ok_or_else(|| missing("the table", "nodes"))?;
        guarded(MAIN, || row(nodes, tables::NODES, id))?.ok_or_else(|| missing("node", id))
    }
}

fn visit_slots(slots: &[Slot], findings: &mut Findings<'_>, visit: Visit<'_>) -> Result<()> {
    for slot in slots {
        match Entry::unpack(slot) {
            Ok(entry) => visit(entry, findings)?,
            Err(error) => findings.unless_damage(error)?,
        }
    }
    Ok(())
}

type VisitBody<'v> = &'v mut dyn FnMut(&[u8], &mut Findings<'_>) -> Result<()>;

/// Visits the rows of a table that are as they were written, and answers whether all of it could be
/// gone through.
fn each_body<K: Key + 'static>(
    table: &RowTable<K>,
    rows: Rows<K>,
    findings: &mut Findings<'_>,
    visit: VisitBody<'_>,
) -> Result<bool> {
    let gone_through = findings.part(|findings| {
        each_row(table, rows, &mut |_, seen| match seen.body() {
            Ok(body) => visit(body, findings),
            Err(error) => findings.unless_damage(error),
        })
    })?;
    Ok(gone_through.is_some())
}

/// Visits a row, if there is one that is as it was written.
fn visit_body<'k, K: Key + 'static>(
    table: &RowTable<K>,
    rows: Rows<K>,
    key: K::SelfType<'k>,
    findings: &mut Findings<'_>,
    visit: VisitBody<'_>,
) -> Result<()> {
    match guarded(MAIN, || row(table, rows, key)) {
        Ok(Some(body)) => visit(&body, findings),
        _ => Ok(()),
    }
}

/// What the rows of a table from texts to ids say, as far as they can be gone through.
fn ids_by_text(
    table: Option<&RowTable<&'static [u8]>>,
    rows: Rows<&'static [u8]>,
) -> Vec<(Vec<u8>, u32)> {
    let mut found = Vec::new();
    let gone_through = table.map(|table| {
        guarded(MAIN, || {
            each_row(table, rows, &mut |text, seen| {
                let id = seen.read(IdRow::from_body);
                found.extend(id.ok().map(|row| (text.to_vec(), row.id)));
                Ok(())
            })
        })
    });
    // What is missing is told of each session that has it.
    drop(gone_through);
    found
}
