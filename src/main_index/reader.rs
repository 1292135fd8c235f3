//! One state of the main index.

use super::inner_nodes::InnerNodes;
use super::{MainIndex, starts, tables};
use crate::counted::{NodeReader, Tree, leaf_of};
use crate::engine::{Body, Engine, META, each_row, engine_error, id, missing, row, row_as};
use crate::error::{Error, Result};
use crate::family::{Family, FamilyKey, Part};
use crate::format::dictionary::{ClientRow, Identity, Level, MainState, NameRow, Row};
use crate::format::{ClientId, Entry, NameId, UserId, UserName};
use crate::names::Dictionary;
use crate::time::Ticks;
use redb::{ReadOnlyTable, ReadTransaction, ReadableTableMetadata, StorageError, TableStats};
use std::ops::{Deref, RangeInclusive};
use std::sync::Arc;
use uuid::Uuid;

pub(super) type RowTable<K> = ReadOnlyTable<K, &'static [u8]>;

/// The tables of one committed state, open.
pub(crate) struct MainReader {
    pub(super) roots: RowTable<&'static [u8; 9]>,
    pub(super) nodes: RowTable<u64>,
    pub(super) starts: RowTable<tables::StartsKey>,
    /// Those of the starts.
    pub(super) levels: Vec<Level>,
    pub(super) names: RowTable<u32>,
    pub(super) name_ids: RowTable<&'static [u8]>,
    pub(super) users: RowTable<&'static [u8; 16]>,
    pub(super) clients: RowTable<u32>,
    pub(super) client_ids: RowTable<&'static [u8]>,
    state: MainState,
    identity: Identity,
    pub(super) parts_above: u64,
    inner_nodes: Arc<InnerNodes>,
    /// Open for as long as anybody reads from it.
    engine: Arc<Engine>,
}

/// A root as it is stored, or made of what was picked out of another family.
#[derive(Debug)]
pub(crate) enum Root<'a> {
    Stored(Body<'a>),
    Picked(Vec<u8>),
}

impl Deref for Root<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Stored(body) => body,
            Self::Picked(bytes) => bytes,
        }
    }
}

impl std::fmt::Debug for MainReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MainReader")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl MainReader {
    pub(super) fn new(read: &ReadTransaction, index: &MainIndex) -> Result<Self> {
        let meta = read.open_table(META).map_err(engine_error)?;
        let state = tables::state(&meta)?;
        let reader = Self {
            roots: read.open_table(tables::ROOTS).map_err(engine_error)?,
            nodes: read.open_table(tables::NODES).map_err(engine_error)?,
            starts: read.open_table(tables::STARTS).map_err(engine_error)?,
            levels: starts::levels(&meta)?,
            names: read.open_table(tables::NAMES).map_err(engine_error)?,
            name_ids: read.open_table(tables::NAME_IDS).map_err(engine_error)?,
            users: read.open_table(tables::USERS).map_err(engine_error)?,
            clients: read.open_table(tables::CLIENTS).map_err(engine_error)?,
            client_ids: read.open_table(tables::CLIENT_IDS).map_err(engine_error)?,
            state,
            identity: index.identity,
            parts_above: index.shape.parts_above,
            inner_nodes: Arc::clone(&index.inner_nodes),
            engine: Arc::clone(&index.engine),
        };
        reader.check_levels()?;
        Ok(reader)
    }

    /// How many sessions there are: each has its start in one level.
    pub(crate) fn session_count(&self) -> u64 {
        let counts = self.levels.iter().map(|level| level.count);
        counts.fold(0, u64::saturating_add)
    }

    /// Were a level missing, the sessions whose starts it has would be taken for unknown.
    fn check_levels(&self) -> Result<()> {
        let root = self.stored_root(Family::ALL.to_key())?;
        let sessions = Tree::new(self, root.as_deref())?.len();
        match self.session_count() == sessions {
            true => Ok(()),
            false => Err(Error::corrupted(format!(
                "the levels have not as many starts as there are sessions, {sessions}"
            ))),
        }
    }

    /// What was free in this state, and how far into the log it goes.
    pub(crate) fn state(&self) -> MainState {
        self.state
    }

    /// Whether nothing more can be read, since the storage has failed: see
    /// [`Engine::has_failed`](crate::engine::Engine::has_failed).
    pub(crate) fn has_failed(&self) -> bool {
        self.engine.has_failed()
    }

    /// See [`Engine::guarded`](crate::engine::Engine::guarded).
    pub(crate) fn guarded<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.engine.guarded(work)
    }

    pub(super) fn inner_nodes(&self) -> &InnerNodes {
        &self.inner_nodes
    }

    pub(crate) fn identity(&self) -> Identity {
        self.identity
    }

    /// The bytes of the file as it is now, room for growth included.
    pub(crate) fn file_bytes(&self) -> Result<u64> {
        self.engine.file_bytes()
    }

    /// The root of a family; none if the family is empty.
    pub(crate) fn root(&self, family: FamilyKey) -> Result<Option<Root<'_>>> {
        match (self.stored_root(family)?, Part::of(family)) {
            (Some(root), _) => Ok(Some(Root::Stored(root))),
            (None, Some(part)) => self.picked(part),
            (None, None) => Ok(None),
        }
    }

    /// Visits the keys of the families that are kept, from one to another, in their order.
    ///
    /// # Errors
    ///
    /// Those of `visit`.
    pub(crate) fn each_family(
        &self,
        keys: RangeInclusive<FamilyKey>,
        visit: &mut dyn FnMut(FamilyKey) -> Result<()>,
    ) -> Result<()> {
        let (first, last) = keys.into_inner();
        let roots = self.roots.range::<&[u8; 9]>(&first..=&last);
        for root in roots.map_err(engine_error)? {
            visit(*root.map_err(engine_error)?.0.value())?;
        }
        Ok(())
    }

    /// The root of a family that is kept.
    pub(super) fn stored_root(&self, family: FamilyKey) -> Result<Option<Body<'_>>> {
        row(&self.roots, tables::ROOTS, &family)
    }

    /// The root of a part that is not kept, unless it is empty.
    fn picked(&self, part: Part) -> Result<Option<Root<'_>>> {
        let Some(root) = row(&self.roots, tables::ROOTS, &part.whole)? else {
            return Ok(None);
        };
        let whole = Tree::new(self, Some(&root))?;
        if whole.len() > self.parts_above {
            return Ok(None);
        }
        let slots = whole.slots_where(&|ids| Entry::client_of(ids) == part.client)?;
        Ok(leaf_of(&slots).map(Root::Picked))
    }

    /// The index of a family, over its root.
    pub(crate) fn tree<'a>(&'a self, root: Option<&'a Root<'_>>) -> Result<Tree<'a, Self>> {
        Tree::new(self, root.map(Deref::deref))
    }

    /// The index over a root by its bytes.
    pub(super) fn tree_of<'a>(&'a self, root: &'a [u8]) -> Result<Tree<'a, Self>> {
        Tree::new(self, Some(root))
    }

    /// The session with this `refer_uid`.
    pub(crate) fn find(&self, refer_uid: Uuid) -> Result<Option<Entry>> {
        let Some((_, start)) = starts::find(&self.starts, 0..self.levels.len(), refer_uid)? else {
            return Ok(None);
        };
        let start = Ticks::from_sortable(start).ok_or_else(|| {
            Error::corrupted(format!("the start of session {refer_uid} is no time"))
        })?;
        let root = self.root(Family::ALL.to_key())?;
        let slot = self
            .tree(root.as_ref())?
            .get(Entry::key_for(start, refer_uid))?
            .ok_or_else(|| missing("session", refer_uid))?;
        Entry::unpack(&slot).map(Some)
    }

    pub(crate) fn user_id(&self, user_refer_uid: Uuid) -> Result<Option<UserId>> {
        let key = user_refer_uid.into_bytes();
        Ok(id(&self.users, tables::USERS, &key)?.map(UserId))
    }

    pub(crate) fn name_id(&self, user_refer_uid: Uuid, user: &str) -> Result<Option<NameId>> {
        let key = tables::name_key(user_refer_uid, user);
        Ok(id(&self.name_ids, tables::NAME_IDS, key.as_slice())?.map(NameId))
    }

    pub(crate) fn client_id(&self, client_refer_uid: &str) -> Result<Option<ClientId>> {
        let key = client_refer_uid.as_bytes();
        Ok(id(&self.client_ids, tables::CLIENT_IDS, key)?.map(ClientId))
    }

    /// Every name of a user.
    pub(crate) fn names_of(&self, user_refer_uid: Uuid) -> Result<Vec<(NameId, UserName)>> {
        let mut found = Vec::new();
        let first = tables::name_key(user_refer_uid, "");
        let from = self.name_ids.range(first.as_slice()..);
        for row in from.map_err(engine_error)? {
            let (key, _) = row.map_err(engine_error)?;
            if !key.value().starts_with(&first) {
                break;
            }
            let id = id(&self.name_ids, tables::NAME_IDS, key.value())?;
            let id = NameId(id.ok_or_else(|| missing("the id of a name of", user_refer_uid))?);
            found.push((id, self.user_name(id)?));
        }
        Ok(found)
    }

    pub(super) fn name_row(&self, id: NameId) -> Result<Option<NameRow>> {
        row_as(&self.names, tables::NAMES, id.0, NameRow::from_body)
    }

    /// Visits every name that a user has or had.
    ///
    /// # Errors
    ///
    /// `Corrupted` if a row is damaged; else those of `visit`.
    pub(crate) fn each_name(&self, visit: &mut dyn FnMut(&NameRow) -> Result<()>) -> Result<()> {
        each_row(&self.names, tables::NAMES, &mut |_, seen| {
            visit(&seen.read(NameRow::from_body)?)
        })
    }

    /// The bytes of keys and rows that users, names and clients have: every page of theirs is read.
    pub(crate) fn dictionary_bytes(&self) -> Result<u64> {
        let bytes = |stats: redb::Result<TableStats, StorageError>| {
            Ok(stats.map_err(engine_error)?.stored_bytes())
        };
        let tables = [
            bytes(self.names.stats())?,
            bytes(self.name_ids.stats())?,
            bytes(self.users.stats())?,
            bytes(self.clients.stats())?,
            bytes(self.client_ids.stats())?,
        ];
        Ok(tables.iter().sum())
    }

    /// Visits every client there is.
    ///
    /// # Errors
    ///
    /// `Corrupted` if a row is damaged; else those of `visit`.
    pub(crate) fn each_client(&self, visit: &mut dyn FnMut(ClientId) -> Result<()>) -> Result<()> {
        each_row(&self.clients, tables::CLIENTS, &mut |client, seen| {
            seen.body().and_then(|_| visit(ClientId(client)))
        })
    }

    /// What a client is called, unless that was dropped.
    pub(crate) fn known_client(&self, id: ClientId) -> Result<Option<Arc<str>>> {
        let row = self.client_row(id)?;
        Ok(row.map(|row| row.client_refer_uid.into()))
    }

    pub(super) fn client_row(&self, id: ClientId) -> Result<Option<ClientRow>> {
        row_as(&self.clients, tables::CLIENTS, id.0, ClientRow::from_body)
    }
}

impl NodeReader for MainReader {
    type Bytes<'a> = Body<'a>;

    fn node(&self, id: u64) -> Result<Body<'_>> {
        row(&self.nodes, tables::NODES, id)?.ok_or_else(|| missing("node", id))
    }
}

impl Dictionary for MainReader {
    fn user_name(&self, id: NameId) -> Result<UserName> {
        let row = self.name_row(id)?;
        let row = row.ok_or_else(|| missing("user name", id.0))?;
        Ok(UserName {
            user_id: row.user_id(),
            user_refer_uid: row.user_refer_uid(),
            user: row.user.into(),
        })
    }

    fn client(&self, id: ClientId) -> Result<Arc<str>> {
        let known = self.known_client(id)?;
        known.ok_or_else(|| missing("client", id.0))
    }
}
