//! What is found where it should not have to be looked for: names by their texts, and rows in the pages of
//! a file that the engine cannot go through.

use super::{Remains, Visit};
use crate::counted;
use crate::engine::{Pages, Rows, each_row, guarded};
use crate::error::Result;
use crate::format::dictionary::{ClientRow, IdRow, Level, NameRow, Row};
use crate::format::{ClientId, Entry, NameId};
use crate::main_index::reader::RowTable;
use crate::main_index::verify::Findings;
use crate::main_index::{MAIN, starts, tables};
use crate::storage::Storage;
use redb::Value;
use std::collections::HashMap;
use std::sync::Arc;
use uuid::Uuid;

/// Whether any page of the file has nodes of ours.
pub(super) fn has_rows(storage: &dyn Storage) -> Result<bool> {
    if !storage.exists(MAIN).unwrap_or(false) {
        return Ok(false);
    }
    let mut has_rows = false;
    Pages::open(storage, MAIN)?.each(&mut |page| {
        has_rows = page.rows(tables::ROOTS).next().is_some();
        Ok(!has_rows)
    })?;
    Ok(has_rows)
}

impl Remains {
    /// Visits the sessions of every leaf in any page of the file. In pages that are free there may be
    /// copies of what was removed: none of those is visited, if the starts of all sessions can be read.
    pub(super) fn search_sessions(
        &self,
        findings: &mut Findings<'_>,
        visit: Visit<'_>,
    ) -> Result<()> {
        let removed = match self.starts() {
            Some(_) => "",
            None => ", and those that were removed may be among them",
        };
        findings.fault(format!(
            "{MAIN} cannot be gone through: sessions were searched in all of its pages{removed}"
        ));
        self.pages.each(&mut |page| {
            let nodes = page.rows(tables::NODES).map(|(_, body)| body);
            let roots = page.rows(tables::ROOTS).map(|(_, body)| body);
            let slots = nodes
                .chain(roots)
                .filter_map(|body| counted::slots_of(body).ok());
            for entry in slots.flatten().filter_map(|slot| Entry::unpack(&slot).ok()) {
                if self.may_be_stored(&entry) {
                    visit(entry, findings)?;
                }
            }
            Ok(true)
        })
    }

    fn starts(&self) -> Option<(&RowTable<tables::StartsKey>, &[Level])> {
        self.tables
            .starts
            .as_ref()
            .zip(self.tables.levels.as_deref())
    }

    /// Whether a session that is found is stored still, as far as that can be told.
    fn may_be_stored(&self, entry: &Entry) -> bool {
        let Some((table, levels)) = self.starts() else {
            return true;
        };
        let find = || starts::find(table, 0..levels.len(), entry.refer_uid);
        match guarded(MAIN, find) {
            Ok(found) => found.is_some_and(|(_, start)| start == entry.key().major()),
            Err(_) => true,
        }
    }

    /// All names and clients that are found anywhere.
    pub(super) fn texts(&self) -> &Texts {
        self.texts.get_or_init(|| {
            let mut texts = Texts::default();
            let name_ids = self.tables.name_ids.as_ref();
            let client_ids = self.tables.client_ids.as_ref();
            let are_whole = [
                each_text(name_ids, tables::NAME_IDS, &mut |text, id| {
                    texts.add_name(text, id)
                }),
                each_text(client_ids, tables::CLIENT_IDS, &mut |text, id| {
                    texts.add_client(text, id)
                }),
            ];
            if are_whole != [true, true] {
                // What is missing then is told of each session that has it.
                let _ = texts.search(&self.pages);
            }
            texts
        })
    }
}

/// Names and clients by their ids.
#[derive(Default)]
pub(super) struct Texts {
    pub(super) names: HashMap<NameId, (Uuid, Arc<str>)>,
    pub(super) clients: HashMap<ClientId, Arc<str>>,
}

impl Texts {
    /// `text` is a key of the table of the ids of names.
    fn add_name(&mut self, text: &[u8], id: u32) {
        let parts = text.split_first_chunk();
        if let Some((uid, Ok(user))) = parts.map(|(uid, user)| (uid, str::from_utf8(user))) {
            let name = (Uuid::from_bytes(*uid), user.into());
            self.names.insert(NameId(id), name);
        }
    }

    fn add_client(&mut self, text: &[u8], id: u32) {
        if let Ok(client) = str::from_utf8(text) {
            self.clients.insert(ClientId(id), client.into());
        }
    }

    fn search(&mut self, pages: &Pages) -> Result<()> {
        pages.each(&mut |page| {
            for (key, body) in page.rows(tables::NAMES) {
                if let Ok(row) = NameRow::from_body(body) {
                    let name = (row.user_refer_uid(), row.user.into());
                    self.names.insert(NameId(u32::from_bytes(key)), name);
                }
            }
            for (key, body) in page.rows(tables::CLIENTS) {
                if let Ok(row) = ClientRow::from_body(body) {
                    let client = row.client_refer_uid.into();
                    self.clients.insert(ClientId(u32::from_bytes(key)), client);
                }
            }
            for (text, body) in page.rows(tables::NAME_IDS) {
                if let Ok(row) = IdRow::from_body(body) {
                    self.add_name(text, row.id);
                }
            }
            for (text, body) in page.rows(tables::CLIENT_IDS) {
                if let Ok(row) = IdRow::from_body(body) {
                    self.add_client(text, row.id);
                }
            }
            Ok(true)
        })
    }
}

/// Visits the rows of a table from texts to ids, and answers whether all of it could be gone through.
fn each_text(
    table: Option<&RowTable<&'static [u8]>>,
    rows: Rows<&'static [u8]>,
    visit: &mut dyn FnMut(&[u8], u32),
) -> bool {
    let Some(table) = table else { return false };
    let gone_through = guarded(MAIN, || {
        each_row(table, rows, &mut |text, seen| {
            if let Ok(row) = seen.read(IdRow::from_body) {
                visit(text, row.id);
            }
            Ok(())
        })
    });
    gone_through.is_ok()
}
