//! One merge into the main index.

use super::families::write_families;
use super::starts::{make_levels, write_starts};
use super::{Shape, tables};
use crate::delta::Delta;
use crate::engine::{META, RowWriter, engine_error, missing, put_identity, row};
use crate::error::{Error, Result};
use crate::format::NewNames;
use crate::format::dictionary::{ClientRow, IdRow, Identity, MainState, NameRow, Row};
use redb::WriteTransaction;

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

/// Writes a delta, its names and its last commit into every table that they touch.
pub(super) fn merge(
    write: &WriteTransaction,
    base: &MainState,
    shape: Shape,
    (delta, names, through): (&Delta, &NewNames, u64),
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
    write_all(write, delta, names, (state, shape))
}

fn state(write: &WriteTransaction) -> Result<MainState> {
    let meta = write.open_table(META).map_err(engine_error)?;
    let state = row(&meta, META, tables::STATE)?;
    MainState::from_body(&state.ok_or_else(|| missing("the row", "state"))?)
}

fn write_all(
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
    let mut meta = write.open_table(META).map_err(engine_error)?;
    rows.put(&mut meta, META, tables::STATE, &state.to_body()?)
}

fn write_dictionary(write: &WriteTransaction, new: &NewNames, rows: &mut RowWriter) -> Result<()> {
    let mut users = write.open_table(tables::USERS).map_err(engine_error)?;
    let mut names = write.open_table(tables::NAMES).map_err(engine_error)?;
    let mut name_ids = write.open_table(tables::NAME_IDS).map_err(engine_error)?;
    let mut clients = write.open_table(tables::CLIENTS).map_err(engine_error)?;
    let mut client_ids = write.open_table(tables::CLIENT_IDS).map_err(engine_error)?;
    for (id, user_refer_uid) in &new.users {
        let body = IdRow { id: id.0 }.to_body()?;
        rows.put(&mut users, tables::USERS, user_refer_uid.as_bytes(), &body)?;
    }
    for (id, name) in &new.names {
        let row = NameRow::new(name.user_id, name.user_refer_uid, &name.user);
        rows.put(&mut names, tables::NAMES, id.0, &row.to_body()?)?;
        let key = tables::name_key(name.user_refer_uid, &name.user);
        let body = IdRow { id: id.0 }.to_body()?;
        rows.put(&mut name_ids, tables::NAME_IDS, &key, &body)?;
    }
    for (id, client) in &new.clients {
        let row = ClientRow {
            client_refer_uid: client.to_string(),
        };
        rows.put(&mut clients, tables::CLIENTS, id.0, &row.to_body()?)?;
        let body = IdRow { id: id.0 }.to_body()?;
        rows.put(
            &mut client_ids,
            tables::CLIENT_IDS,
            client.as_bytes(),
            &body,
        )?;
    }
    Ok(())
}
