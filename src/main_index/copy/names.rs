//! The dictionary of a copy: the names that sessions have, and no others.

use super::TAKEN_AT_ONCE;
use crate::delta::Delta;
use crate::engine::RowWriter;
use crate::error::{Error, Result};
use crate::family::Family;
use crate::format::{Entry, NewNames};
use crate::main_index::MainReader;
use crate::main_index::known_names::KnownNames;
use crate::main_index::steps::Steps;
use crate::main_index::writer::write_dictionary;
use crate::names::Dictionary;
use redb::WriteTransaction;

/// Copies the names of all sessions.
pub(super) fn copy(
    write: &WriteTransaction,
    from: &MainReader,
    known: &mut KnownNames,
    rows: &mut RowWriter,
    steps: &mut Steps<'_>,
) -> Result<()> {
    let root = from.root(Family::ALL.to_key())?;
    let all = from.tree(root.as_ref())?;
    let mut new = NewNames::default();
    all.visit(0..all.len(), &mut |slot| {
        steps.step(1)?;
        add(&mut new, known, from, &Entry::unpack(&slot)?)?;
        if new.names.len() + new.clients.len() >= TAKEN_AT_ONCE {
            write_dictionary(write, &std::mem::take(&mut new), rows)?;
        }
        Ok(())
    })?;
    write_dictionary(write, &new, rows)
}

/// What entries are called as far as that is not known yet.
pub(super) fn missing<'e>(
    known: &mut KnownNames,
    dictionary: &impl Dictionary,
    entries: impl Iterator<Item = &'e Entry>,
) -> Result<NewNames> {
    let mut new = NewNames::default();
    for entry in entries {
        add(&mut new, known, dictionary, entry)?;
    }
    Ok(new)
}

/// What a delta has from the dictionary of the index that it is on top of, as far as that is not known
/// yet.
pub(super) fn of_delta(
    known: &mut KnownNames,
    delta: &Delta,
    from: &MainReader,
) -> Result<NewNames> {
    let mut new = NewNames::default();
    let (users, names, clients) = from.state().ids.given();
    for edit in delta.session_edits() {
        if let Some(entry) = edit?.1.after() {
            if entry.name_id.0 < names {
                add_name(&mut new, known, from, &entry)?;
            }
            if entry.client_id.0 < clients {
                add_client(&mut new, known, from, &entry)?;
            }
        }
    }
    // A user of old may have a new name.
    let users_of = delta.names().rows().names.into_iter();
    let users_of = users_of.map(|(_, name)| (name.user_id, name.user_refer_uid));
    let of_old: Vec<_> = users_of.filter(|(id, _)| id.0 < users).collect();
    if !of_old.is_empty() {
        let known = known.users();
        let missing = of_old.into_iter().filter(|(id, _)| !known.contains(id));
        new.users.extend(missing);
    }
    Ok(new)
}

fn add(
    new: &mut NewNames,
    known: &mut KnownNames,
    dictionary: &impl Dictionary,
    entry: &Entry,
) -> Result<()> {
    add_name(new, known, dictionary, entry)?;
    add_client(new, known, dictionary, entry)
}

fn add_name(
    new: &mut NewNames,
    known: &mut KnownNames,
    dictionary: &impl Dictionary,
    entry: &Entry,
) -> Result<()> {
    let id = entry.name_id;
    if known.user_of(id).is_none() {
        let name = dictionary.user_name(id)?;
        if !known.add_name(id, name.user_id) {
            return Err(not_given("name", id.0));
        }
        new.users.push((name.user_id, name.user_refer_uid));
        new.names.push((id, name));
    }
    Ok(())
}

fn add_client(
    new: &mut NewNames,
    known: &mut KnownNames,
    dictionary: &impl Dictionary,
    entry: &Entry,
) -> Result<()> {
    let id = entry.client_id;
    if !known.has_client(id) {
        let client = dictionary.client(id)?;
        if !known.add_client(id) {
            return Err(not_given("client", id.0));
        }
        new.clients.push((id, client));
    }
    Ok(())
}

fn not_given(what: &str, id: u32) -> Error {
    Error::corrupted(format!("{what} {id} has an id that is still to be given"))
}
