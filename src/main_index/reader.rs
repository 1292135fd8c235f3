//! One state of the main index.

use super::engine::{engine_error, io_error};
use super::inner_nodes::InnerNodes;
use super::tables::{self, Rows};
use crate::counted::{NodeReader, Tree};
use crate::error::{Error, ErrorKind, Result};
use crate::family::Family;
use crate::format::dictionary::{ClientRow, Counters, IdRow, Identity, NameRow, Row};
use crate::format::{CHECKSUM_BYTES, ClientId, Entry, NameId, UserId, unseal};
use crate::names::{Dictionary, UserName};
use crate::storage::{HeldFile, StorageFile};
use crate::time::Ticks;
use redb::{
    AccessGuard, Database, Key, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable,
    TableError,
};
use std::borrow::Borrow;
use std::ops::Deref;
use std::sync::Arc;
use uuid::Uuid;

type RowTable<K> = ReadOnlyTable<K, &'static [u8]>;

/// The tables of one committed state, open.
pub(crate) struct MainReader {
    roots: RowTable<&'static [u8; 9]>,
    nodes: RowTable<u64>,
    by_uid: ReadOnlyTable<&'static [u8; 16], &'static [u8; tables::START_ROW_BYTES]>,
    names: RowTable<u32>,
    name_ids: RowTable<&'static [u8]>,
    users: RowTable<&'static [u8; 16]>,
    clients: RowTable<u32>,
    client_ids: RowTable<&'static [u8]>,
    counters: Counters,
    identity: Identity,
    file: Arc<HeldFile>,
    inner_nodes: Arc<InnerNodes>,
}

impl std::fmt::Debug for MainReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MainReader")
            .field("counters", &self.counters)
            .finish_non_exhaustive()
    }
}

/// The bytes of a row, checked and still in the engine's page.
pub(crate) struct Body<'a>(AccessGuard<'a, &'static [u8]>);

impl std::fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Body").field(&self.len()).finish()
    }
}

impl Deref for Body<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.value().get(CHECKSUM_BYTES..).unwrap_or_default()
    }
}

/// The row of `key`, checked.
pub(super) fn row<'a, 'k, K: Key>(
    table: &'a impl ReadableTable<K, &'static [u8]>,
    rows: Rows<K>,
    key: K::SelfType<'k>,
) -> Result<Option<Body<'a>>> {
    use redb::TableHandle;
    let Some(guard) = table.get(key.borrow()).map_err(engine_error)? else {
        return Ok(None);
    };
    unseal(rows.name(), K::as_bytes(&key).as_ref(), guard.value())?;
    Ok(Some(Body(guard)))
}

/// The id in the row of `key`.
fn id<'k, K: Key>(
    table: &impl ReadableTable<K, &'static [u8]>,
    rows: Rows<K>,
    key: K::SelfType<'k>,
) -> Result<Option<u32>> {
    let Some(body) = row(table, rows, key)? else {
        return Ok(None);
    };
    Ok(Some(IdRow::from_body(&body)?.id))
}

fn missing(what: &str, id: impl std::fmt::Display) -> Error {
    Error::corrupted(format!("{what} {id} is missing"))
}

/// What store this is.
///
/// # Errors
///
/// `NotAStore` if it is another program's database, `UnsupportedFormat` if a newer version's.
pub(super) fn identity(database: &Database) -> Result<Identity> {
    let read = database.begin_read().map_err(engine_error)?;
    let foreign = || {
        Error::new(
            ErrorKind::NotAStore,
            format!("{} is no store's file", super::MAIN),
        )
    };
    let meta = match read.open_table(tables::META) {
        Ok(meta) => meta,
        Err(TableError::Storage(error)) => return Err(engine_error(error)),
        Err(error) => return Err(foreign().caused_by(error)),
    };
    let body = row(&meta, tables::META, tables::IDENTITY)?.ok_or_else(foreign)?;
    Identity::from_body(&body)
}

impl MainReader {
    pub(super) fn new(
        read: ReadTransaction,
        identity: Identity,
        file: Arc<HeldFile>,
        inner_nodes: Arc<InnerNodes>,
    ) -> Result<Self> {
        let meta = read.open_table(tables::META).map_err(engine_error)?;
        let counters = row(&meta, tables::META, tables::COUNTERS)?
            .ok_or_else(|| missing("the row", "counters"))?;
        Ok(Self {
            roots: read.open_table(tables::ROOTS).map_err(engine_error)?,
            nodes: read.open_table(tables::NODES).map_err(engine_error)?,
            by_uid: read.open_table(tables::BY_UID).map_err(engine_error)?,
            names: read.open_table(tables::NAMES).map_err(engine_error)?,
            name_ids: read.open_table(tables::NAME_IDS).map_err(engine_error)?,
            users: read.open_table(tables::USERS).map_err(engine_error)?,
            clients: read.open_table(tables::CLIENTS).map_err(engine_error)?,
            client_ids: read.open_table(tables::CLIENT_IDS).map_err(engine_error)?,
            counters: Counters::from_body(&counters)?,
            identity,
            file,
            inner_nodes,
        })
    }

    /// The ids that are free in this state.
    pub(crate) fn counters(&self) -> Counters {
        self.counters
    }

    pub(super) fn inner_nodes(&self) -> &InnerNodes {
        &self.inner_nodes
    }

    pub(crate) fn identity(&self) -> Identity {
        self.identity
    }

    /// The bytes of the file as it is now, room for growth included.
    pub(crate) fn file_bytes(&self) -> Result<u64> {
        let len = self.file.len();
        len.map_err(|error| io_error("measure", super::MAIN, error))
    }

    /// The root of a family; none if the family is empty.
    pub(crate) fn root(&self, family: Family) -> Result<Option<Body<'_>>> {
        row(&self.roots, tables::ROOTS, &family.to_key())
    }

    /// The index of a family, over its root.
    pub(crate) fn tree<'a>(&'a self, root: Option<&'a Body<'_>>) -> Result<Tree<'a, Self>> {
        Tree::new(self, root.map(Deref::deref))
    }

    /// The session with this `refer_uid`.
    pub(crate) fn find(&self, refer_uid: Uuid) -> Result<Option<Entry>> {
        let key = refer_uid.into_bytes();
        let Some(guard) = self.by_uid.get(&key).map_err(engine_error)? else {
            return Ok(None);
        };
        let body = unseal("by_uid", &key, guard.value())?;
        let start = <[u8; 8]>::try_from(body).map(u64::from_be_bytes);
        let start = start.ok().and_then(Ticks::from_sortable).ok_or_else(|| {
            Error::corrupted(format!("the start of session {refer_uid} is no time"))
        })?;
        let root = self.root(Family::ALL)?;
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
}

impl NodeReader for MainReader {
    type Bytes<'a> = Body<'a>;

    fn node(&self, id: u64) -> Result<Body<'_>> {
        row(&self.nodes, tables::NODES, id)?.ok_or_else(|| missing("node", id))
    }
}

impl Dictionary for MainReader {
    fn user_name(&self, id: NameId) -> Result<UserName> {
        let body = row(&self.names, tables::NAMES, id.0)?;
        let row = NameRow::from_body(&body.ok_or_else(|| missing("user name", id.0))?)?;
        Ok(UserName {
            user_id: row.user_id(),
            user_refer_uid: row.user_refer_uid(),
            user: row.user.into(),
        })
    }

    fn client(&self, id: ClientId) -> Result<Arc<str>> {
        let body = row(&self.clients, tables::CLIENTS, id.0)?;
        let row = ClientRow::from_body(&body.ok_or_else(|| missing("client", id.0))?)?;
        Ok(row.client_refer_uid.into())
    }
}
