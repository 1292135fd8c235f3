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

/// The names and clients whose rows could be read, and whether those are all that there are.
pub(super) struct Readable {
    pub(super) known: KnownNames,
    pub(super) all_names: bool,
    pub(super) all_clients: bool,
}

/// Checks all five tables.
pub(super) fn check(reader: &MainReader, findings: &mut Findings<'_>) -> Result<Readable> {
    let (users, ..) = reader.state().ids.given();
    let mut known = KnownNames::new(reader.state().ids);
    let all_names = findings.part(|findings| names_of(reader, &mut known, findings))?;
    findings.part(|findings| name_ids(reader, findings))?;
    findings.part(|findings| user_ids(reader, users, findings))?;
    let all_clients = findings.part(|findings| clients_of(reader, &mut known, findings))?;
    findings.part(|findings| client_ids(reader, findings))?;
    Ok(Readable {
        known,
        all_names: all_names == Some(true),
        all_clients: all_clients == Some(true),
    })
}

/// Answers whether every row could be read.
fn names_of(
    reader: &MainReader,
    known: &mut KnownNames,
    findings: &mut Findings<'_>,
) -> Result<bool> {
    let mut are_all = true;
    each_row(&reader.names, tables::NAMES, &mut |name, seen| {
        let Some(row) = findings.row(seen, NameRow::from_body)? else {
            are_all = false;
            return Ok(());
        };
        let uid = row.user_refer_uid();
        match undamaged(reader.user_id(uid))? {
            Some(None) => findings.fault(format!("name {name} is of user {uid}, which is missing")),
            Some(Some(id)) if id != row.user_id() => {
                let told = row.user_id().0;
                findings.fault(format!(
                    "name {name} is of user {uid} with id {told}, which has id {}",
                    id.0
                ));
            }
            _ => {}
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
    })?;
    Ok(are_all)
}

fn name_ids(reader: &MainReader, findings: &mut Findings<'_>) -> Result<()> {
    each_row(&reader.name_ids, tables::NAME_IDS, &mut |key, seen| {
        let Some(row) = findings.row(seen, IdRow::from_body)? else {
            return Ok(());
        };
        let is_its = |name: NameRow| tables::name_key(name.user_refer_uid(), &name.user) == key;
        let name = undamaged(reader.name_row(NameId(row.id)))?;
        findings.text("name", row, name.map(|name| name.map(is_its)));
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

/// Answers whether every row could be read.
fn clients_of(
    reader: &MainReader,
    known: &mut KnownNames,
    findings: &mut Findings<'_>,
) -> Result<bool> {
    let mut are_all = true;
    each_row(&reader.clients, tables::CLIENTS, &mut |client, seen| {
        let Some(row) = findings.row(seen, ClientRow::from_body)? else {
            are_all = false;
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
    })?;
    Ok(are_all)
}

fn client_ids(reader: &MainReader, findings: &mut Findings<'_>) -> Result<()> {
    each_row(&reader.client_ids, tables::CLIENT_IDS, &mut |key, seen| {
        let Some(row) = findings.row(seen, IdRow::from_body)? else {
            return Ok(());
        };
        let is_its = |client: ClientRow| client.client_refer_uid.as_bytes() == key;
        let client = undamaged(reader.client_row(ClientId(row.id)))?;
        findings.text("client", row, client.map(|client| client.map(is_its)));
        Ok(())
    })
}

impl Findings<'_> {
    /// A text leads to this row, which has been found or not, unless damaged, and has it or another.
    fn text(&mut self, what: &str, IdRow { id }: IdRow, has_it: Option<Option<bool>>) {
        match has_it {
            Some(None) => self.fault(format!("a text leads to {what} {id}, which is missing")),
            Some(Some(false)) => {
                self.fault(format!("a text leads to {what} {id}, which has another"));
            }
            Some(Some(true)) | None => {}
        }
    }

    /// What a row says, unless it is damaged.
    pub(super) fn row<T>(
        &mut self,
        seen: SeenRow<'_>,
        read: impl FnOnce(&[u8]) -> Result<T>,
    ) -> Result<Option<T>> {
        self.step(1)?;
        self.live_bytes += seen.bytes() as u64;
        self.told(seen.read(read))
    }
}
