//! Getting out of a damaged store what can be read.

use super::Store;
use crate::error::{Error, ErrorKind, Result};
use crate::format::{ClientId, Commit, Effect, Entry, NameId};
use crate::log::{self, Log};
use crate::main_index::{Findings, MainIndex, Remains};
use crate::options::Options;
use crate::session::SessionLog;
use crate::storage::{DirectoryStorage, Sharing, Storage};
use crate::verify::{Progress, Salvaged};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use uuid::Uuid;

/// Records that are stored at a time.
const STORED_AT_ONCE: usize = 10_000;

impl Store {
    /// Makes a new store at `to`, as [`Store::create`] does, of every session that can be read in the
    /// damaged one at `from`, which stays as it is.
    ///
    /// Sessions are looked for in every index that has them, their names in both tables that have
    /// those, and commits wherever they are in the log, on top of which others may be missing; and in
    /// every page of the file, where the storage engine cannot go through it. What is damaged is found
    /// by its checksum: nothing is guessed. A session that cannot be read in any place is lost, and so
    /// is one whose user or client cannot.
    ///
    /// In pages that are free there may be sessions that were removed, or erased though not
    /// [securely](crate::Erasure::Secure): none of those comes out, unless the engine cannot open the
    /// file, or read which sessions there are. The report says so then.
    ///
    /// Where the medium itself fails to read, copy what it can of the files first.
    ///
    /// # Errors
    ///
    /// `NotAStore`, `Corrupted` or `UnsupportedFormat` if there is nothing that can be read;
    /// `InvalidInput` if there is anything at `to`; `AlreadyOpen` if somebody writes the store at
    /// `from`; `Unavailable` if the storage fails.
    pub fn salvage(
        from: impl AsRef<Path>,
        to: impl AsRef<Path>,
        mut progress: impl FnMut(Progress),
    ) -> Result<Salvaged> {
        let from = Arc::new(DirectoryStorage::open(from.as_ref(), Sharing::Shared)?);
        Options::default().salvage_on(from, |options| options.create(to), &mut progress)
    }
}

impl Options {
    /// As [`Store::salvage`], on any storage.
    #[doc(hidden)]
    pub fn salvage_on(
        self,
        from: Arc<dyn Storage>,
        create: impl FnOnce(Self) -> Result<Store>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Salvaged> {
        let _lock = from.lock(Sharing::Shared)?;
        let mut tell = |done, total| progress(Progress { done, total });
        let mut findings = Findings::new(&mut tell);
        let salvaged = self.salvage(&from, create, &mut findings);
        findings.go_on_with_panic();
        let mut salvaged = salvaged?;
        (salvaged.faults, salvaged.fault_count) = findings.into_faults();
        Ok(salvaged)
    }

    fn salvage(
        self,
        from: &Arc<dyn Storage>,
        create: impl FnOnce(Self) -> Result<Store>,
        findings: &mut Findings<'_>,
    ) -> Result<Salvaged> {
        let remains = MainIndex::remains(&**from, self.setup(), findings);
        let watermark = remains.as_ref().ok().and_then(Remains::watermark);
        let watermark = watermark.unwrap_or(0);
        let commits = log::remains(&**from, watermark)?;
        let remains = match remains {
            Err(error) if commits.is_empty() || is_of_another_version(&error) => return Err(error),
            Err(error) => findings.unless_damage(error).map(|()| None)?,
            Ok(remains) => Some(remains),
        };
        if let Some(identity) = remains.as_ref().and_then(Remains::identity)
            && let Err(error) = Log::open(Arc::clone(from), identity, watermark)
        {
            findings.unless_damage(error)?;
        }
        let source = Source::new(remains, &commits);
        let mut target = Target::new(create(self)?);
        let lost_session_count = source.copy_main(&mut target, findings)?;
        for effect in commits.iter().flat_map(|commit| &commit.effects) {
            source.copy_effect(effect, &mut target, findings)?;
        }
        target.store(findings)?;
        findings.finish();
        let session_count = target.store.stats()?.session_count;
        target.store.close()?;
        Ok(Salvaged {
            session_count,
            lost_session_count,
            ..Salvaged::default()
        })
    }
}

fn is_of_another_version(error: &Error) -> bool {
    error.kind() == ErrorKind::UnsupportedFormat
}

/// What is left of a store.
struct Source {
    remains: Option<Remains>,
    /// Those that the log has.
    names: HashMap<NameId, (Uuid, Arc<str>)>,
    clients: HashMap<ClientId, Arc<str>>,
}

impl Source {
    fn new(remains: Option<Remains>, commits: &[Commit]) -> Self {
        let names = commits.iter().flat_map(|commit| &commit.names.names);
        let names = names.map(|(id, name)| {
            let name = (name.user_refer_uid, Arc::clone(&name.user));
            (*id, name)
        });
        let clients = commits.iter().flat_map(|commit| &commit.names.clients);
        let clients = clients.map(|(id, client)| (*id, Arc::clone(client)));
        Self {
            remains,
            names: names.collect(),
            clients: clients.collect(),
        }
    }

    /// Copies what the main index has, and answers how many of its sessions are lost, if it can be
    /// told how many there were.
    fn copy_main(&self, target: &mut Target, findings: &mut Findings<'_>) -> Result<Option<u64>> {
        let Some(remains) = &self.remains else {
            return Ok(None);
        };
        let total = remains.session_count();
        findings.expect(total.unwrap_or(0));
        let mut copy = |entry, findings: &mut Findings<'_>| {
            findings.step(1)?;
            self.copy_entry(entry, target, findings)
        };
        if !remains.visit_in_order(findings, &mut copy)? {
            remains.visit_leaves(findings, &mut copy)?;
        }
        target.store(findings)?;
        let found = target.store.stats()?.session_count;
        Ok(total.map(|total| total.saturating_sub(found)))
    }

    fn copy_entry(
        &self,
        entry: Entry,
        target: &mut Target,
        findings: &mut Findings<'_>,
    ) -> Result<()> {
        match self.session_log(&entry) {
            Some(log) => target.put(log, findings),
            None => {
                let uid = entry.refer_uid;
                findings.fault(format!(
                    "the user or the client of session {uid} cannot be read"
                ));
                Ok(())
            }
        }
    }

    fn copy_effect(
        &self,
        effect: &Effect,
        target: &mut Target,
        findings: &mut Findings<'_>,
    ) -> Result<()> {
        match effect.after() {
            Some(entry) => self.copy_entry(entry, target, findings),
            None => target.remove(effect.entry.refer_uid, findings),
        }
    }

    fn session_log(&self, entry: &Entry) -> Option<SessionLog> {
        let remains = self.remains.as_ref();
        let name = self.names.get(&entry.name_id).cloned();
        let name = name.or_else(|| remains?.name(entry.name_id));
        let client = self.clients.get(&entry.client_id).cloned();
        let client = client.or_else(|| remains?.client(entry.client_id));
        let ((user_refer_uid, user), client_refer_uid) = name.zip(client)?;
        Some(SessionLog {
            refer_uid: entry.refer_uid,
            user_refer_uid,
            user,
            client_refer_uid,
            session_start: entry.start.to_utc(),
            session_end: entry.end.map(|end| end.to_utc()),
        })
    }
}

/// The new store.
struct Target {
    store: Store,
    batch: Vec<SessionLog>,
}

impl Target {
    fn new(store: Store) -> Self {
        Self {
            store,
            batch: Vec::new(),
        }
    }

    fn put(&mut self, log: SessionLog, findings: &mut Findings<'_>) -> Result<()> {
        self.batch.push(log);
        match self.batch.len() < STORED_AT_ONCE {
            true => Ok(()),
            false => self.store(findings),
        }
    }

    fn remove(&mut self, refer_uid: Uuid, findings: &mut Findings<'_>) -> Result<()> {
        self.store(findings)?;
        match self.store.remove(refer_uid) {
            // It was never found.
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            done => done.map(drop),
        }
    }

    /// Stores what is on its way. What is refused, each by itself, is a fault.
    fn store(&mut self, findings: &mut Findings<'_>) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        match self.store.append_batch(batch.iter().cloned()) {
            Err(error) if !error.refusals().is_empty() => {}
            done => return done.map(drop),
        }
        for log in batch {
            match self.store.append(log) {
                Err(error) if is_refusal(&error) => findings.fault(error),
                done => drop(done?),
            }
        }
        Ok(())
    }
}

fn is_refusal(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::InvalidInput | ErrorKind::Conflict | ErrorKind::AlreadyEnded
    )
}
