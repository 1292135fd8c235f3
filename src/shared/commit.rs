//! Calls become commits, those that come at the same time together.

use super::call::{Call, Told};
use super::handover::{Handover, Role};
use super::recovery::Doubt;
use super::{Shared, Writer};
use crate::delta::{Delta, Mark, NamesIndex};
use crate::error::{Error, ErrorKind, Result};
use crate::format::{Commit, NewNames};
use crate::log::Flush;
use crate::options::{Durability, Merge};
use crate::resolve::Resolver;
use crate::view::View;
use chrono::{DateTime, Utc};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Changes that a crash would lose.
#[derive(Debug, Clone, Copy)]
pub(super) struct AtRisk {
    sessions: usize,
    since: DateTime<Utc>,
}

/// What a write that fails says has become of it.
const NOTHING: &str = "nothing was written";
const NOTHING_MORE: &str =
    "this call has written nothing; what became of one that failed before it is still unknown";
const UNKNOWN: &str = "whether it was written is unknown, and writing the same again is safe";

impl Writer {
    /// Appends commits to the log, all or none; without any, what came before becomes durable.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the storage fails: none of the commits is there then, or the error says that
    /// this is unknown.
    fn append(&mut self, bodies: &[Vec<u8>], flush: Flush) -> Result<()> {
        let Err(error) = self.log.append(bodies, flush) else {
            return Ok(());
        };
        let message = match (self.log.settle(), bodies) {
            // Settling makes durable what was there.
            (Ok(()), []) => return Ok(()),
            (Ok(()), _) => NOTHING,
            (Err(_), []) => "whether all that was written is durable is unknown",
            (Err(_), _) => UNKNOWN,
        };
        Err(Error::new(error.kind(), message).caused_by(error))
    }

    /// Makes durable what is not.
    pub(super) fn flush(&mut self) -> Result<()> {
        if !self.log.is_durable() {
            self.append(&[], Flush::Now)?;
            self.at_risk = None;
        }
        Ok(())
    }

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
    /// Resolves one call about `sessions` sessions against the latest state, commits what it
    /// changes, and publishes that.
    pub(crate) fn write<T: Send + 'static>(
        self: &Arc<Self>,
        sessions: usize,
        resolve: impl FnOnce(&mut Resolver<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.check_writable()?;
        self.make_writable().map_err(nothing_more_written)?;
        if sessions <= self.options.delta_sessions_max {
            let written = self.write_with_others(sessions, resolve);
            self.retain_after_write();
            return written;
        }
        let written = self.write_large(resolve)?;
        self.remove_beyond_policy();
        self.retain_after_write();
        Ok(written)
    }

    fn write_with_others<T: Send + 'static>(
        self: &Arc<Self>,
        sessions: usize,
        resolve: impl FnOnce(&mut Resolver<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let now = self.now_if_eventual();
        let answer = Arc::new(Mutex::new(None));
        let given = Arc::clone(&answer);
        let call = Call::new(sessions, now, move |resolver| {
            let answer = resolve(resolver)?;
            *given.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
            Ok(())
        });
        self.hand_over(call)?;
        let answer = answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        answer.ok_or_else(|| Error::corrupted("a call was committed without an answer"))
    }

    /// Commits a call as the leader of a group, or waits until its leader has.
    fn hand_over(self: &Arc<Self>, call: Call) -> Result<()> {
        let seat = call.seat();
        let role = self.lock_handover().join(call);
        if let Role::Lead(call) = role {
            self.lead(call);
        }
        loop {
            match seat.wait() {
                Told::Lead(call) => self.lead(call),
                Told::Done(result) => return result,
            }
        }
    }

    fn lock_handover(&self) -> MutexGuard<'_, Handover<Call>> {
        self.handover.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lead(self: &Arc<Self>, call: Call) {
        // Also if the commit panics: the others must not wait for ever.
        let _leading = Leading(self);
        if let Err(error) = self.make_room(call.sessions) {
            return call.done(Err(error));
        }
        let mut writer = self.lock_log();
        let others = self
            .lock_handover()
            .take(call.sessions, |call| call.sessions, self.room());
        let calls = [call].into_iter().chain(others).collect();
        self.commit_group(writer.as_mut(), calls);
    }

    /// How many sessions more may wait to be merged.
    fn room(&self) -> usize {
        // Closed, there is room for none.
        let waiting = self
            .view()
            .map_or(u64::MAX, |view| view.delta.session_count());
        let waiting = usize::try_from(waiting).unwrap_or(usize::MAX);
        self.options.delta_sessions_max.saturating_sub(waiting)
    }

    /// Commits all calls that resolve, in one durable write, and tells each caller. One that does
    /// not resolve changes nothing for the others; but what it was refused for may be what they
    /// do, and so it fails too if they do.
    fn commit_group(self: &Arc<Self>, writer: Option<&mut Writer>, calls: Vec<Call>) {
        let mut group = match self.begin_group(writer) {
            Ok(group) => group,
            Err(error) => return fail(calls.into_iter(), error),
        };
        let taken = calls.into_iter().map(|mut call| {
            let resolved = group.take(&mut call);
            (call, resolved)
        });
        let taken: Vec<(Call, Result<()>)> = taken.collect();
        self.keep_to_policy(&mut group);
        match self.commit(group) {
            Ok(()) => taken
                .into_iter()
                .for_each(|(call, resolved)| call.done(resolved)),
            Err(error) => fail(taken.into_iter().map(|(call, _)| call), error),
        }
    }

    /// What goes for others to come goes with them.
    fn keep_to_policy(&self, group: &mut Group<'_>) {
        if group.bodies.is_empty() || group.broken.is_some() {
            return;
        }
        let beyond = self.beyond_policy(&group.view, group.sessions);
        let added = beyond.map(|commit| commit.map_or(Ok(()), |commit| group.add(&commit)));
        match added {
            Ok(added) => group.broken = group.broken.take().or(added.err()),
            // What cannot be found now is looked for after this, and what keeps it from that told.
            Err(_) => self.retain_soon(),
        }
    }

    fn begin_group<'w>(&self, writer: Option<&'w mut Writer>) -> Result<Group<'w>> {
        let writer = writer.ok_or_else(|| self.life.gone())?;
        writer.ready().map_err(nothing_more_written)?;
        let view = self.view()?;
        Ok(Group {
            new_names: [Some(&view.delta), writer.since_freeze.as_ref()]
                .map(|delta| delta.map(NewNamesSince::now)),
            since_freeze: writer.since_freeze.clone(),
            writer,
            view: view.draft(),
            bodies: Vec::new(),
            sessions: 0,
            now: None,
            broken: None,
        })
    }

    /// Makes a group durable, as the store's durability says, and publishes it. A failure is
    /// settled first, so that nothing of the group is there, unless that fails too.
    fn commit(self: &Arc<Self>, mut group: Group<'_>) -> Result<()> {
        group.broken.take().map_or(Ok(()), Err)?;
        if group.bodies.is_empty() {
            return Ok(());
        }
        let at_risk = group
            .now
            .and_then(|now| group.writer.at_risk_after(group.sessions, now));
        let flush = match at_risk {
            Some(_) => Flush::Later,
            None => Flush::Now,
        };
        group.writer.append(&group.bodies, flush)?;
        group.writer.at_risk = at_risk;
        self.measure(&group.writer.log);
        self.publish(Some(Arc::new(group.committed())));
        if self.options.merge == Merge::Background {
            self.merge_in_background();
        }
        Ok(())
    }

    /// As [`write`](Self::write), past the log: the commit goes to the main index, with all that
    /// the delta holds.
    fn write_large<T>(&self, resolve: impl FnOnce(&mut Resolver<'_>) -> Result<T>) -> Result<T> {
        let mut main = self.lock_main();
        self.recover_main(&mut main).map_err(nothing_more_written)?;
        let mut writer = self.lock_log();
        let writer = writer.as_mut().ok_or_else(|| self.life.gone())?;
        writer.ready().map_err(nothing_more_written)?;
        let view = self.view()?;
        let (answer, commit) = resolved(&view, resolve)?;
        if let Some(commit) = commit {
            let new_names = NewNamesSince::now(&view.delta);
            let mut delta = view.delta.clone();
            delta.apply([&commit])?;
            let names = (&delta.names().rows(), &NewNames::default());
            self.merge_locked(&mut main, writer, (&view, &delta), names)?;
            self.retaining.merged();
            writer.log.mark();
            self.measure(&writer.log);
            new_names.keep();
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
        let writer = writer.as_mut().ok_or_else(|| self.life.gone())?;
        writer.ready()?;
        writer.flush()
    }
}

/// A group in the making.
struct Group<'w> {
    writer: &'w mut Writer,
    /// The state after the calls that were taken.
    view: View,
    since_freeze: Option<Delta>,
    new_names: [Option<NewNamesSince>; 2],
    bodies: Vec<Vec<u8>>,
    sessions: usize,
    now: Option<DateTime<Utc>>,
    /// Why there is no such state.
    broken: Option<Error>,
}

impl Group<'_> {
    /// Resolves a call against the state after those before it.
    ///
    /// # Errors
    ///
    /// Those of the call; the group is then as it was.
    fn take(&mut self, call: &mut Call) -> Result<()> {
        if self.broken.is_some() {
            return Ok(());
        }
        let ((), commit) = resolved(&self.view, |resolver| call.resolve(resolver))?;
        self.now = self.now.max(call.now);
        commit.map_or(Ok(()), |commit| self.add(&commit))
    }

    fn add(&mut self, commit: &Commit) -> Result<()> {
        self.bodies.push(commit.to_body()?);
        self.sessions += commit.effects.len();
        self.broken = self.apply(commit).err();
        Ok(())
    }

    fn apply(&mut self, commit: &Commit) -> Result<()> {
        self.view.delta.apply([commit])?;
        let since_freeze = self.since_freeze.as_mut();
        since_freeze.map_or(Ok(()), |delta| delta.apply([commit]))
    }

    /// The state after the group, which is in the log.
    fn committed(self) -> View {
        self.writer.since_freeze = self.since_freeze;
        self.new_names
            .into_iter()
            .flatten()
            .for_each(NewNamesSince::keep);
        self.view.committed()
    }
}

/// Names that are added to a delta, and forgotten again unless what they are for is committed:
/// their ids are given to others then.
struct NewNamesSince {
    index: Arc<NamesIndex>,
    mark: Option<Mark>,
}

impl NewNamesSince {
    fn now(delta: &Delta) -> Self {
        Self {
            index: Arc::clone(delta.names()),
            mark: Some(delta.names().mark()),
        }
    }

    fn keep(mut self) {
        self.mark = None;
    }
}

impl Drop for NewNamesSince {
    fn drop(&mut self) {
        if let Some(mark) = self.mark {
            self.index.forget(mark);
        }
    }
}

/// Whoever leads. Leadership goes on when this is dropped.
struct Leading<'s>(&'s Shared);

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        let next = self.0.lock_handover().retire();
        if let Some(next) = next {
            next.lead();
        }
    }
}

/// Tells every caller of a failure that they share, in the same words.
fn fail(mut calls: impl ExactSizeIterator<Item = Call>, error: Error) {
    if calls.len() == 1
        && let Some(only) = calls.next()
    {
        return only.done(Err(error));
    }
    let shared = Arc::new(error);
    for call in calls {
        let message = format!("the commit that the call shared with others failed: {shared}");
        let told = Error::new(shared.kind(), message);
        call.done(Err(told.caused_by(Arc::clone(&shared))));
    }
}

/// What a call answers in a state, and what it commits.
pub(super) fn resolved<T>(
    view: &View,
    resolve: impl FnOnce(&mut Resolver<'_>) -> Result<T>,
) -> Result<(T, Option<Commit>)> {
    let resolved = view.read(|view| {
        let mut resolver = Resolver::new(view);
        let answer = resolve(&mut resolver)?;
        Ok((answer, resolver.finish()))
    });
    resolved.map_err(nothing_written)
}

/// The storage has failed before there was anything to be written.
fn nothing_written(error: Error) -> Error {
    unavailable_if_failed(error, NOTHING)
}

/// It had failed already, and still does, or fails before the call comes to writing.
pub(crate) fn nothing_more_written(error: Error) -> Error {
    unavailable_if_failed(error, NOTHING_MORE)
}

fn unavailable_if_failed(error: Error, message: &str) -> Error {
    match error.kind() {
        ErrorKind::Expired | ErrorKind::Unavailable => {
            Error::new(ErrorKind::Unavailable, message).caused_by(error)
        }
        _ => error,
    }
}

/// A write past the log has failed, and this is what is still to be found out of it.
pub(super) fn outcome_told(error: Error, doubt: Option<Doubt>) -> Error {
    match doubt {
        None => nothing_written(error),
        Some(Doubt::Merged(_)) => Error::new(error.kind(), UNKNOWN).caused_by(error),
        Some(Doubt::Durable(_) | Doubt::Named) => error,
    }
}

/// What failed since the files were opened again, or the store swapped them, can be repeated.
pub(crate) fn unavailable_if_expired(error: Error, so: &str) -> Error {
    match error.kind() {
        ErrorKind::Expired => {
            let message = format!("the files were opened again meanwhile, {so}");
            Error::new(ErrorKind::Unavailable, message).caused_by(error)
        }
        _ => error,
    }
}
