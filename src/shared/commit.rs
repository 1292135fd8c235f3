//! One call becomes one commit.

use super::{Shared, Writer};
use crate::engine::Flush;
use crate::error::{Error, ErrorKind, Result};
use crate::format::Commit;
use crate::options::{Durability, Merge};
use crate::resolve::Resolver;
use crate::view::View;
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// Changes that a crash would lose.
#[derive(Debug, Clone, Copy)]
pub(super) struct AtRisk {
    sessions: usize,
    since: DateTime<Utc>,
}

impl Writer {
    /// What a crash would lose after an eventual commit of `sessions` more; nothing if that commit
    /// is to be durable.
    fn at_risk_after(&self, sessions: usize, now: DateTime<Utc>) -> Option<AtRisk> {
        let before = self.at_risk.unwrap_or(AtRisk {
            sessions: 0,
            since: now,
        });
        let sessions = before.sessions.saturating_add(sessions);
        // A clock that was set back says nothing of the age: then, too, the commit is durable.
        let age = (now - before.since).to_std();
        let young = age.is_ok_and(|age| age < Durability::EVENTUAL_AGE_MAX);
        (young && sessions <= Durability::EVENTUAL_SESSIONS_MAX).then_some(AtRisk {
            sessions,
            since: before.since,
        })
    }
}

impl Shared {
    /// Resolves one call of about `sessions` sessions against the latest state, commits what it
    /// changes, and publishes that.
    pub(crate) fn write<T>(
        self: &Arc<Self>,
        sessions: usize,
        resolve: impl FnOnce(&mut Resolver<'_>) -> Result<T>,
    ) -> Result<T> {
        if self.options.read_only {
            return Err(Error::invalid(
                "read_only",
                "is set: the store cannot be written",
            ));
        }
        let now = self.now_if_eventual();
        if sessions > self.options.delta_sessions_max {
            return self.write_large(resolve);
        }
        self.make_room()?;
        let mut writer = self.lock_log();
        let writer = writer.as_mut().ok_or_else(Error::closed)?;
        writer.check_sure()?;
        let view = self.view()?;
        let (answer, commit) = resolved(&view, resolve)?;
        if let Some(commit) = commit {
            self.commit(writer, &view, &commit, now)?;
        }
        Ok(answer)
    }

    fn commit(
        self: &Arc<Self>,
        writer: &mut Writer,
        view: &View,
        commit: &Commit,
        now: Option<DateTime<Utc>>,
    ) -> Result<()> {
        let body = commit.to_body()?;
        let at_risk = now.and_then(|now| writer.at_risk_after(commit.effects.len(), now));
        let flush = match at_risk {
            Some(_) => Flush::Later,
            None => Flush::Now,
        };
        // Until it is known to be done.
        writer.is_unsure = true;
        let mut delta = view.delta.clone();
        delta.apply(commit)?;
        if let Some(since_freeze) = &mut writer.since_freeze {
            since_freeze.apply(commit)?;
        }
        writer.log.append(&[body], flush)?;
        writer.is_unsure = false;
        writer.at_risk = at_risk;
        let merge_at = self.options.delta_sessions_max.div_ceil(4) as u64;
        let is_due = self.options.merge == Merge::Background && delta.session_count() >= merge_at;
        self.publish(Some(view.with(Arc::clone(&view.main), delta)));
        if is_due {
            self.merge_in_background();
        }
        Ok(())
    }

    /// Waits until the delta is below its bound.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the merge fails that is to bring it there.
    fn make_room(&self) -> Result<()> {
        while self.view()?.delta.session_count() >= self.options.delta_sessions_max as u64 {
            self.merge().map_err(|error| match error.kind() {
                ErrorKind::Closed => error,
                _ => Error::new(
                    ErrorKind::Unavailable,
                    "no more is written before what waits is merged, and that fails",
                )
                .caused_by(error),
            })?;
        }
        Ok(())
    }

    /// As [`write`](Self::write), past the log: the commit goes to the main index, with all that
    /// the delta holds.
    fn write_large<T>(&self, resolve: impl FnOnce(&mut Resolver<'_>) -> Result<T>) -> Result<T> {
        let main = self.lock_main();
        let main = main.as_ref().ok_or_else(Error::closed)?;
        let mut writer = self.lock_log();
        let writer = writer.as_mut().ok_or_else(Error::closed)?;
        writer.check_sure()?;
        let view = self.view()?;
        let (answer, commit) = resolved(&view, resolve)?;
        if let Some(commit) = commit {
            let mut delta = view.delta.clone();
            writer.is_unsure = true;
            delta.apply(&commit)?;
            let through = writer.log.last();
            main.merge(&view.main.state(), &delta, &delta.new_names(), through)?;
            self.publish_merged(main, &view, writer, through)?;
            writer.is_unsure = false;
        }
        Ok(answer)
    }

    /// The time, where durability depends on it. Asked before the store is locked: a clock is the
    /// caller's code.
    fn now_if_eventual(&self) -> Option<DateTime<Utc>> {
        match self.options.durability {
            Durability::Immediate => None,
            Durability::Eventual => Some(self.options.clock.now()),
        }
    }

    /// Makes durable what is not.
    pub(crate) fn flush(&self) -> Result<()> {
        let mut writer = self.lock_log();
        let writer = writer.as_mut().ok_or_else(Error::closed)?;
        writer.check_sure()?;
        if writer.at_risk.is_some() {
            writer.is_unsure = true;
            writer.log.append(&[], Flush::Now)?;
            writer.is_unsure = false;
            writer.at_risk = None;
        }
        Ok(())
    }
}

/// What a call answers in a state, and what it commits.
fn resolved<T>(
    view: &View,
    resolve: impl FnOnce(&mut Resolver<'_>) -> Result<T>,
) -> Result<(T, Option<Commit>)> {
    view.read(|view| {
        let mut resolver = Resolver::new(view);
        let answer = resolve(&mut resolver)?;
        Ok((answer, resolver.finish()))
    })
}
