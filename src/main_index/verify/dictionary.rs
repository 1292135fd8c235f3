//! The dictionary's tables, each against the others.

use super::{Findings, undamaged};
use crate::engine::{SeenRow, each_row};
use crate::error::Result;
use crate::format::dictionary::{ClientRow, IdRow, NameRow, Row};
use crate::format::{ClientId, NameId};
use crate::main_index::by_id::ById;
use crate::main_index::known_names::KnownNames;
use crate::main_index::{MainReader, tables};
use uuid::Uuid;

/// Checks all five tables.
pub(super) fn check(reader: &MainReader, findings: &mut Findings<'_>) -> Result<KnownNames> {
    let (users, ..) = reader.state().ids.given();
    let mut known = KnownNames::new(reader.state().ids);
    names_of(reader, &mut known, findings)?;
    name_ids(reader, findings)?;
    user_ids(reader, users, findings)?;
    clients_of(reader, &mut known, findings)?;
    client_ids(reader, findings)?;
    Ok(known)
}

fn names_of(
    reader: &MainReader,
    known: &mut KnownNames,
    findings: &mut Findings<'_>,
) -> Result<()> {
    each_row(&reader.names, tables::NAMES, &mut |name, seen| {
        let Some(row) = findings.row(seen, NameRow::from_body)? else {
            return Ok(());
        };
        let uid = row.user_refer_uid();
        if undamaged(reader.user_id(uid))?.is_some_and(|id| id != Some(row.user_id())) {
            findings.fault(format!("name {name} is of a user {uid} with another id"));
        }
        let found = undamaged(reader.name_id(uid, &row.user))?;
        if found.is_some_and(|id| id != Some(NameId(name))) {
            findings.fault(format!(
                "name {name} of user {uid} is not found by its text"
            ));
        }
        if !known.add_name(NameId(name), row.user_id()) {
            findings.fault(format!("name {name} has an id that is still to be given"));
        }
        Ok(())
    })
}

fn name_ids(reader: &MainReader, findings: &mut Findings<'_>) -> Result<()> {
    each_row(&reader.name_ids, tables::NAME_IDS, &mut |key, seen| {
        let Some(row) = findings.row(seen, IdRow::from_body)? else {
            return Ok(());
        };
        let is_its = |name: NameRow| tables::name_key(name.user_refer_uid(), &name.user) == key;
        let name = undamaged(reader.name_row(NameId(row.id)))?;
        if name.is_some_and(|name| !name.is_some_and(is_its)) {
            findings.fault(format!(
                "a text leads to name {}, which has another",
                row.id
            ));
        }
        Ok(())
    })
}

fn user_ids(reader: &MainReader, given: u32, findings: &mut Findings<'_>) -> Result<()> {
    let mut known = ById::new(given);
    each_row(&reader.users, tables::USERS, &mut |uid, seen| {
        let Some(row) = findings.row(seen, IdRow::from_body)? else {
            return Ok(());
        };
        let uid = Uuid::from_bytes(*uid);
        match known.insert(row.id, ()) {
            Some(None) => {}
            Some(Some(())) => findings.fault(format!("user {uid} has the id of another")),
            None => findings.fault(format!("user {uid} has an id that is still to be given")),
        }
        Ok(())
    })
}

fn clients_of(
    reader: &MainReader,
    known: &mut KnownNames,
    findings: &mut Findings<'_>,
) -> Result<()> {
    each_row(&reader.clients, tables::CLIENTS, &mut |client, seen| {
        let Some(row) = findings.row(seen, ClientRow::from_body)? else {
            return Ok(());
        };
        let found = undamaged(reader.client_id(&row.client_refer_uid))?;
        if found.is_some_and(|id| id != Some(ClientId(client))) {
            findings.fault(format!("client {client} is not found by its text"));
        }
        if !known.add_client(ClientId(client)) {
            findings.fault(format!(
                "client {client} has an id that is still to be given"
            ));
        }
        Ok(())
    })
}

fn client_ids(reader: &MainReader, findings: &mut Findings<'_>) -> Result<()> {
    each_row(&reader.client_ids, tables::CLIENT_IDS, &mut |key, seen| {
        let Some(row) = findings.row(seen, IdRow::from_body)? else {
            return Ok(());
        };
        let is_its = |client: ClientRow| client.client_refer_uid.as_bytes() == key;
        let client = undamaged(reader.client_row(ClientId(row.id)))?;
        if client.is_some_and(|client| !client.is_some_and(is_its)) {
            findings.fault(format!(
                "a text leads to client {}, which has another",
                row.id
            ));
        }
        Ok(())
    })
}

impl Findings<'_> {
    /// What a row says, unless it is damaged.
    pub(super) fn row<T>(
        &mut self,
        seen: SeenRow<'_>,
        read: impl FnOnce(&[u8]) -> Result<T>,
    ) -> Result<Option<T>> {
        self.step(1)?;
        self.live_bytes += seen.bytes as u64;
        match seen.body.and_then(read) {
            Ok(row) => Ok(Some(row)),
            Err(error) => self.unless_damage(error).map(|()| None),
        }
    }
}
