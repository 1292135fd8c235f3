//! One merge into the main index.

use super::families::write_families;
use super::starts::{make_levels, write_starts};
use super::{Shape, tables};
use crate::delta::Delta;
use crate::engine::{META, RowWriter, engine_error, put_identity};
use crate::error::{Error, Result};
use crate::format::NewNames;
use crate::format::dictionary::{ClientRow, IdRow, Identity, MainState, NameRow, Row};
use redb::{Table, WriteTransaction};

/// Makes every table, and says what store this is.
pub(super) fn initialize(write: &WriteTransaction, identity: Identity) -> Result<()> {
    let (state, names) = (MainState::START, NewNames::default());
    let nothing = Delta::new(state.ids);
    {
        let mut meta = write.open_table(META).map_err(engine_error)?;
        put_identity(&mut meta, identity)?;
        make_levels(&mut meta)?;
    }
    write_all(write, &nothing, &names, (state, Shape::default()))
}

/// Writes a delta, its names and its last commit into every table that they touch, and removes the
/// names that are gone.
pub(super) fn merge(
    write: &WriteTransaction,
    base: &MainState,
    shape: Shape,
    (delta, new, gone, through): (&Delta, &NewNames, &NewNames, u64),
) -> Result<()> {
    if state(write)? != *base {
        let problem = "the main index is not the one that the delta is on top of";
        return Err(Error::corrupted(problem));
    }
    let state = MainState {
        watermark: through,
        ids: delta.ids(),
        merge_count: base.merge_count + 1,
        ..*base
    };
    write_all(write, delta, new, (state, shape))?;
    forget(write, gone)
}

fn state(write: &WriteTransaction) -> Result<MainState> {
    let meta = write.open_table(META).map_err(engine_error)?;
    tables::state(&meta)
}

pub(super) fn write_all(
    write: &WriteTransaction,
    delta: &Delta,
    names: &NewNames,
    (mut state, shape): (MainState, Shape),
) -> Result<()> {
    let rows = &mut RowWriter::default();
    write_dictionary(write, names, rows)?;
    write_starts(write, delta, shape.levels, rows)?;
    state.next_node = write_families(write, delta, shape, state.next_node, rows)?;
    state.live_bytes = state.live_bytes.saturating_add_signed(rows.growth());
    put_state(write, &state)
}

pub(super) fn put_state(write: &WriteTransaction, state: &MainState) -> Result<()> {
    let mut meta = write.open_table(META).map_err(engine_error)?;
    RowWriter::default().put(&mut meta, META, tables::STATE, &state.to_body()?)
}

/// Removes names and clients that no session has.
fn forget(write: &WriteTransaction, gone: &NewNames) -> Result<()> {
    if gone.is_empty() {
        return Ok(());
    }
    let rows = &mut RowWriter::default();
    let mut dictionary = DictionaryTables::open(write)?;
    for (_, user_refer_uid) in &gone.users {
        rows.remove(&mut dictionary.users, user_refer_uid.as_bytes())?;
    }
    for (id, name) in &gone.names {
        rows.remove(&mut dictionary.names, id.0)?;
        let key = tables::name_key(name.user_refer_uid, &name.user);
        rows.remove(&mut dictionary.name_ids, key.as_slice())?;
    }
    for (id, client) in &gone.clients {
        rows.remove(&mut dictionary.clients, id.0)?;
        rows.remove(&mut dictionary.client_ids, client.as_bytes())?;
    }
    let mut state = state(write)?;
    state.live_bytes = state.live_bytes.saturating_add_signed(rows.growth());
    put_state(write, &state)
}

/// The tables of names and clients.
struct DictionaryTables<'txn> {
    users: Table<'txn, &'static [u8; 16], &'static [u8]>,
    names: Table<'txn, u32, &'static [u8]>,
    name_ids: Table<'txn, &'static [u8], &'static [u8]>,
    clients: Table<'txn, u32, &'static [u8]>,
    client_ids: Table<'txn, &'static [u8], &'static [u8]>,
}

impl<'txn> DictionaryTables<'txn> {
    fn open(write: &'txn WriteTransaction) -> Result<Self> {
        Ok(Self {
            users: write.open_table(tables::USERS).map_err(engine_error)?,
            names: write.open_table(tables::NAMES).map_err(engine_error)?,
            name_ids: write.open_table(tables::NAME_IDS).map_err(engine_error)?,
            clients: write.open_table(tables::CLIENTS).map_err(engine_error)?,
            client_ids: write.open_table(tables::CLIENT_IDS).map_err(engine_error)?,
        })
    }
}

pub(super) fn write_dictionary(
    write: &WriteTransaction,
    new: &NewNames,
    rows: &mut RowWriter,
) -> Result<()> {
    let DictionaryTables {
        users,
        names,
        name_ids,
        clients,
        client_ids,
    } = &mut DictionaryTables::open(write)?;
    for (id, user_refer_uid) in &new.users {
        let body = IdRow { id: id.0 }.to_body()?;
        rows.put(users, tables::USERS, user_refer_uid.as_bytes(), &body)?;
    }
    for (id, name) in &new.names {
        let row = NameRow::new(name.user_id, name.user_refer_uid, &name.user);
        rows.put(names, tables::NAMES, id.0, &row.to_body()?)?;
        let key = tables::name_key(name.user_refer_uid, &name.user);
        let body = IdRow { id: id.0 }.to_body()?;
        rows.put(name_ids, tables::NAME_IDS, &key, &body)?;
    }
    for (id, client) in &new.clients {
        let row = ClientRow {
            client_refer_uid: client.to_string(),
        };
        rows.put(clients, tables::CLIENTS, id.0, &row.to_body()?)?;
        let body = IdRow { id: id.0 }.to_body()?;
        rows.put(client_ids, tables::CLIENT_IDS, client.as_bytes(), &body)?;
    }
    Ok(())
}
