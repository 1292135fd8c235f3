//! What can be read of a main index of which anything may be damaged.

mod searched;

use super::reader::RowTable;
use super::verify::Findings;
use super::{MAIN, MainIndex, Setup, starts, tables};
use crate::counted::{self, NodeReader, Slot, Tree};
use crate::engine::{
    self, Body, Engine, META, Pages, Rows, each_row, engine_error, guarded, missing, row, row_as,
};
use crate::error::{Error, ErrorKind, Result};
use crate::family::{Family, FamilyKey};
use crate::format::dictionary::{ClientRow, Identity, Level, MainState, NameRow, Row};
use crate::format::{ClientId, Entry, NameId};
use crate::storage::Storage;
use redb::{Key, ReadTransaction};
use searched::Texts;
use std::cell::OnceCell;
use std::sync::Arc;
use uuid::Uuid;

/// Takes a session that is found.
type Visit<'v> = &'v mut dyn FnMut(Entry, &mut Findings<'_>) -> Result<()>;

/// What is left of an index: the tables of its last state, and the pages of its file.
pub(crate) struct Remains {
    identity: Option<Identity>,
    tables: Tables,
    pages: Pages,
    /// Names and clients by their ids, once one is missing where it should be.
    texts: OnceCell<Texts>,
    /// Open for as long as the tables are.
    _engine: Option<Engine>,
}

impl MainIndex {
    /// What can be read of a damaged index.
    ///
    /// # Errors
    ///
    /// `NotAStore` or `Corrupted` if nothing can, as of another program's; `UnsupportedFormat` if it is
    /// another version's; `Unavailable` if the storage fails. What else is damaged is a finding.
    pub(crate) fn remains(
        storage: &dyn Storage,
        setup: Setup,
        findings: &mut Findings<'_>,
    ) -> Result<Remains> {
        let (engine, tables, identity) = match opened(storage, setup, findings) {
            Ok((engine, tables, identity)) => (Some(engine), tables, identity),
            Err(error) => (None, Tables::default(), Err(error)),
        };
        let identity = match identity {
            Ok(identity) => Some(identity),
            Err(error) if !may_be_ours(&error) => return Err(error),
            Err(error) if tables.are_none() && !searched::has_rows(storage)? => return Err(error),
            Err(error) => {
                findings.fault(error);
                None
            }
        };
        Ok(Remains {
            identity,
            tables,
            pages: Pages::open(storage, MAIN)?,
            texts: OnceCell::new(),
            _engine: engine,
        })
    }
}

fn may_be_ours(error: &Error) -> bool {
    error.is_of_what_is_stored() && error.kind() != ErrorKind::UnsupportedFormat
}

fn opened(
    storage: &dyn Storage,
    setup: Setup,
    findings: &mut Findings<'_>,
) -> Result<(Engine, Tables, Result<Identity>)> {
    let engine = Engine::open(storage, MAIN, setup.opening())?;
    let read = engine.read()?;
    let identity = guarded(MAIN, || engine::identity(&read, MAIN));
    let tables = Tables::open(&read, findings)?;
    Ok((engine, tables, identity))
}

/// The tables of the last state, as far as each can be opened.
#[derive(Default)]
struct Tables {
    state: Option<MainState>,
    levels: Option<Vec<Level>>,
    roots: Option<RowTable<&'static [u8; 9]>>,
    nodes: Option<RowTable<u64>>,
    starts: Option<RowTable<tables::StartsKey>>,
    names: Option<RowTable<u32>>,
    name_ids: Option<RowTable<&'static [u8]>>,
    clients: Option<RowTable<u32>>,
    client_ids: Option<RowTable<&'static [u8]>>,
}

impl Tables {
    fn open(read: &ReadTransaction, findings: &mut Findings<'_>) -> Result<Self> {
        let meta = || read.open_table(META).map_err(engine_error);
        Ok(Self {
            state: findings.part(|_| tables::state(&meta()?))?,
            levels: findings.part(|_| starts::levels(&meta()?))?,
            roots: open(read, tables::ROOTS, findings)?,
            nodes: open(read, tables::NODES, findings)?,
            starts: open(read, tables::STARTS, findings)?,
            names: open(read, tables::NAMES, findings)?,
            name_ids: open(read, tables::NAME_IDS, findings)?,
            clients: open(read, tables::CLIENTS, findings)?,
            client_ids: open(read, tables::CLIENT_IDS, findings)?,
        })
    }

    /// Another program's file has none of our tables.
    fn are_none(&self) -> bool {
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
        self.tables.state.map(|state| state.watermark)
    }

    /// How many sessions there were, if that can be told.
    pub(crate) fn session_count(&self) -> Option<u64> {
        let root = self.root(Family::ALL.to_key()).ok()??;
        Some(Tree::new(self, Some(&root)).ok()?.len())
    }

    fn root(&self, family: FamilyKey) -> Result<Option<Body<'_>>> {
        match &self.tables.roots {
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
        let mut leaf = |node: &[u8], findings: &mut Findings<'_>| -> Result<()> {
            let slots = findings.part(|_| counted::slots_of(node))?;
            visit_slots(&slots.unwrap_or_default(), findings, visit)
        };
        let (nodes, roots) = (self.tables.nodes.as_ref(), self.tables.roots.as_ref());
        let are_whole = [
            each_body(nodes, tables::NODES, findings, &mut leaf)?,
            each_body(roots, tables::ROOTS, findings, &mut leaf)?,
        ];
        match are_whole {
            [true, true] => Ok(()),
            _ => self.search_sessions(findings, visit),
        }
    }

    /// A user and a name.
    pub(crate) fn name(&self, id: NameId) -> Option<(Uuid, Arc<str>)> {
        let by_id = self.tables.names.as_ref().and_then(|names| {
            let name = || row_as(names, tables::NAMES, id.0, NameRow::from_body);
            let name = guarded(MAIN, name).ok()??;
            Some((name.user_refer_uid(), name.user.into()))
        });
        by_id.or_else(|| self.texts().names.get(&id).cloned())
    }

    pub(crate) fn client(&self, id: ClientId) -> Option<Arc<str>> {
        let by_id = self.tables.clients.as_ref().and_then(|clients| {
            let client = || row_as(clients, tables::CLIENTS, id.0, ClientRow::from_body);
            let client = guarded(MAIN, client).ok()??;
            Some(client.client_refer_uid.into())
        });
        by_id.or_else(|| self.texts().clients.get(&id).cloned())
    }
}

impl NodeReader for Remains {
    type Bytes<'a> = Body<'a>;

    fn node(&self, id: u64) -> Result<Body<'_>> {
        let nodes = self.tables.nodes.as_ref();
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
    table: Option<&RowTable<K>>,
    rows: Rows<K>,
    findings: &mut Findings<'_>,
    visit: VisitBody<'_>,
) -> Result<bool> {
    let Some(table) = table else {
        return Ok(false);
    };
    let gone_through = findings.part(|findings| {
        each_row(table, rows, &mut |_, seen| match seen.body() {
            Ok(body) => visit(body, findings),
            Err(error) => findings.unless_damage(error),
        })
    })?;
    Ok(gone_through.is_some())
}
