//! A copy of a store in another place, while the store goes on.

use super::unavailable_if_expired;
use super::{Files, Shared};
use crate::error::Result;
use crate::family::Family;
use crate::format::dictionary::MainState;
use crate::log::Log;
use crate::main_index::{Change, MainCopy, Steps};
use crate::storage::Storage;
use crate::view::View;
use std::sync::Arc;

impl Shared {
    /// Copies the state after the last commit to an empty directory, and answers how many sessions it
    /// has.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if there is a store; `Corrupted` if what is to be copied is damaged;
    /// `Unavailable` if either storage fails.
    pub(crate) fn backup(
        &self,
        to: &dyn Storage,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<u64> {
        Files::refuse_store(to)?;
        self.readable_view()?;
        let (view, through) = self.view_and_last()?;
        let mut steps = Steps::new(progress).within(view.opened());
        let copied = view.read(|view| self.copy_view(view, through, to, &mut steps));
        steps.go_on_with_panic();
        copied.map_err(|error| unavailable_if_expired(error, "and the backup is not finished"))
    }

    /// The state after the last commit, and the number of that.
    fn view_and_last(&self) -> Result<(Arc<View>, u64)> {
        let mut writer = self.lock_log();
        let writer = writer.as_mut().ok_or_else(|| self.life.gone())?;
        Ok((self.view()?, writer.log.last()))
    }

    fn copy_view(
        &self,
        view: &View,
        through: u64,
        to: &dyn Storage,
        steps: &mut Steps<'_>,
    ) -> Result<u64> {
        let mut copy = MainCopy::of(to, &view.main, self.options.setup(), steps)?;
        let base = view.main.state();
        let state = MainState {
            watermark: through,
            ids: view.delta.ids(),
            merge_count: base.merge_count + u64::from(through > base.watermark),
            ..base
        };
        let edits = view.delta.session_edits();
        let changes = edits.map(|edit| edit.map(|(refer_uid, edit)| (refer_uid, edit.after())));
        let changes: Vec<Change> = changes.collect::<Result<_>>()?;
        copy.take(view, state, &changes)?;
        copy.compact(to)?;
        copy.into_index().close()?;
        Log::create(to, view.main.identity())?;
        Files::name(to)?;
        steps.finish();
        view.len(Family::ALL)
    }
}
