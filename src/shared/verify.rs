//! A store checked as a whole, while it is read and written.

use super::unavailable_if_expired;
use super::{Shared, Writer, replayed};
use crate::error::{Error, Result};
use crate::family::Family;
use crate::log::Log;
use crate::main_index::{Findings, verify};
use crate::verify::Verification;
use crate::view::View;
use std::sync::Arc;

impl Shared {
    /// Checks the file of the main index, the log against the delta, and every table of the latest
    /// state. Merges wait for the first, and commits for the second; neither for the last.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the storage fails.
    pub(crate) fn verify(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<Verification> {
        let mut findings = Findings::new(progress);
        let view = self.verify_files(&mut findings)?;
        let checked = view.read(|view| {
            let session_count = findings.part(|_| view.len(Family::ALL))?;
            verify(&view.main, &mut findings)?;
            findings.part(|findings| check_delta(view, findings))?;
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

    fn verify_files(&self, findings: &mut Findings<'_>) -> Result<Arc<View>> {
        let mut main = self.lock_main();
        self.recover_main(&mut main)?;
        let main = main.as_ref().ok_or_else(Error::closed)?;
        findings.part(|_| main.check_file(&*self.storage))?;
        let mut writer = self.lock_log();
        let writer = writer.as_mut().ok_or_else(Error::closed)?;
        if !self.options.read_only {
            // What a commit that failed has left must not be taken for one.
            writer.ready()?;
        }
        let view = self.view()?;
        if let Err(error) = self.check_log(writer, &view) {
            findings.unless_damage(error)?;
        }
        Ok(view)
    }

    /// Reads the log again: it must hold what the delta has.
    fn check_log(&self, writer: &Writer, view: &View) -> Result<()> {
        let state = view.main.state();
        let storage = Arc::clone(&self.storage);
        let (log, commits) = Log::open(storage, view.main.identity(), state.watermark)?;
        let delta = replayed(state.ids, &commits)?;
        match log.last() == writer.log.last() && delta.is_same_as(&view.delta) {
            true => Ok(()),
            false => Err(Error::corrupted(
                "log.0 and log.1 do not hold what was committed to them",
            )),
        }
    }
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
