//! A store checked as a whole, while it is read and written.

use super::unavailable_if_expired;
use super::{Shared, Writer, replayed};
use crate::error::{Error, Result};
use crate::family::Family;
use crate::format::Entry;
use crate::log::{self, Log};
use crate::main_index::{Findings, verify};
use crate::verify::Verification;
use crate::view::View;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

impl Shared {
    /// Checks the file of the main index, the log against the delta, and every table of the latest
    /// state. Merges wait for the first, and commits for the second; neither for the last.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the storage fails.
    pub(crate) fn verify(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<Verification> {
        let mut findings = Findings::new(progress);
        let (view, merged) = self.verify_files(&mut findings)?;
        let checked = view.read(|view| {
            let session_count = findings.part(|_| view.len(Family::ALL))?;
            verify(&view.main, &mut findings)?;
            findings.part(|findings| check_delta(view, findings))?;
            findings.part(|findings| check_merged(view, &merged, findings))?;
            Ok(session_count)
        });
        findings.go_on_with_panic();
        let session_count = checked
            .map_err(|error| unavailable_if_expired(error, "and the store was not checked"))?;
        let (faults, fault_count) = findings.into_faults();
        Ok(Verification {
            session_count: session_count.unwrap_or(0),
            faults,
            fault_count,
        })
    }

    /// Answers the state to be checked, and what the log still has of commits that were merged.
    fn verify_files(&self, findings: &mut Findings<'_>) -> Result<(Arc<View>, LeftInLog)> {
        let mut main = self.lock_main();
        self.recover_main(&mut main)?;
        let main = main.as_ref().ok_or_else(|| self.life.gone())?;
        findings.part(|_| main.check_file(&*self.storage))?;
        let mut writer = self.lock_log();
        let writer = writer.as_mut().ok_or_else(|| self.life.gone())?;
        if !self.options.read_only {
            // What a commit that failed has left must not be taken for one.
            writer.ready()?;
        }
        let view = self.view()?;
        match self.check_log(writer, &view) {
            Ok(left) => Ok((view, left)),
            Err(error) => findings
                .unless_damage(error)
                .map(|()| (view, LeftInLog::new())),
        }
    }

    /// Reads the log again: it must hold what the delta has.
    fn check_log(&self, writer: &Writer, view: &View) -> Result<LeftInLog> {
        let state = view.main.state();
        let storage = Arc::clone(&self.storage);
        let (log, commits) = Log::open(storage, view.main.identity(), state.watermark)?;
        let delta = replayed(state.ids, &commits)?;
        if log.last() != writer.log.last() || !delta.is_same_as(&view.delta) {
            let problem = "log.0 and log.1 do not hold what was committed to them";
            return Err(Error::corrupted(problem));
        }
        let merged = log::merged(&*self.storage, view.main.identity(), state.watermark)?;
        let effects = merged.iter().flat_map(|commit| &commit.effects);
        Ok(effects
            .map(|effect| (effect.entry.refer_uid, effect.after()))
            .collect())
    }
}

/// What commits that were merged have last made of sessions: nothing is left of those removed.
type LeftInLog = BTreeMap<Uuid, Option<Entry>>;

/// The main index has the sessions that commits which were merged have left: not so if it says that it
/// has more commits than it does. What bypasses the log may end sessions, and add them again.
fn check_merged(view: &View, merged: &LeftInLog, findings: &mut Findings<'_>) -> Result<()> {
    for (uid, left) in merged {
        let Some(left) = left else { continue };
        let is_left = |found: Entry| {
            let end = left.end.or(found.end);
            found == Entry { end, ..*left }
        };
        match view.main.find(*uid) {
            Ok(found) if found.is_some_and(is_left) => {}
            Ok(_) => findings.fault(format!(
                "session {uid} is not in main.redb as merged commits of the log have left it"
            )),
            Err(error) => findings.unless_damage(error)?,
        }
    }
    Ok(())
}

/// The log follows on the main index: that has the sessions which the log changes, and none that it
/// adds. Not so if the main index says that it ends with another commit than it does.
fn check_delta(view: &View, findings: &mut Findings<'_>) -> Result<()> {
    for (uid, is_in_main) in view.delta.sessions_in_main() {
        match view.main.find(uid) {
            Ok(found) if found.is_some() == is_in_main => {}
            Ok(Some(_)) => findings.fault(format!(
                "session {uid} is new in the log, but main.redb has it"
            )),
            Ok(None) => findings.fault(format!(
                "session {uid} is changed in the log, but main.redb lacks it"
            )),
            Err(error) => findings.unless_damage(error)?,
        }
    }
    Ok(())
}
