//! Going through the sessions that a rule is about, some to a commit, while others write too.

use super::Shared;
use crate::error::Result;
use crate::resolve::Swept;
use crate::retention::Rule;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Sessions that one commit of a sweep looks at.
const SWEPT_AT_ONCE: usize = 4_096;

impl Shared {
    /// How many sessions one commit may go through: it may need room for as many, and is not to have so
    /// many that each would have to merge.
    pub(super) fn swept_at_once(&self) -> usize {
        let room = self.options.delta_sessions_max / 4;
        SWEPT_AT_ONCE.min(room).max(1)
    }

    /// Does what a rule says to all sessions that match, some at a time. `progress` is told how many
    /// were looked at, and how many there are, and can end it between two commits.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write): what was committed before stays.
    pub(crate) fn sweep(
        self: &Arc<Self>,
        rule: &Rule,
        progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<Swept> {
        let at_once = self.swept_at_once();
        let mut all = Swept::default();
        loop {
            let (rule, after) = (rule.clone(), all.last);
            let swept = self.write(at_once, move |resolver| {
                resolver.sweep(&rule, after, at_once as u64)
            })?;
            let is_at_end = swept.left == 0 || swept.looked_at == 0;
            all.add(swept);
            let told = progress(all.looked_at, all.looked_at + all.left);
            if is_at_end || told.is_break() {
                return Ok(all);
            }
        }
    }
}
