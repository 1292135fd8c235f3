//! The store: its handle, and how a call becomes a commit.

mod opening;
mod reading;
mod writing;

pub use reading::Stats;

use crate::error::{Error, Result};
use crate::format::dictionary::Counters;
use crate::main_index::{Changes, Flush, MainIndex};
use crate::names::Names;
use crate::options::{Durability, Options};
use crate::resolve::Resolver;
use crate::view::View;
use chrono::{DateTime, Utc};
use std::any::Any;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// A store of session logs.
///
/// A handle: clones are the same store, and all of them may be used from many threads at once.
/// Reads never wait for a write. Calls block on the storage; an async server runs them where
/// blocking is allowed:
///
/// ```no_run
/// # mod tokio { pub mod task { pub async fn spawn_blocking<T>(f: impl FnOnce() -> T) -> Result<T, ()> { Ok(f()) } } }
/// # use sessionlog::{Page, PageRequest, Query, Result, Store};
/// async fn first_page(store: &Store) -> Result<Page> {
///     let store = store.clone();
///     let page = move || store.page(&Query::all(), PageRequest::default());
///     tokio::task::spawn_blocking(page).await.expect("the call does not panic")
/// }
/// ```
#[derive(Debug, Clone)]
pub struct Store(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    options: Options,
    names: Arc<Names>,
    /// Whether the store has been closed: views outlive it, and must not answer then.
    closed: Arc<AtomicBool>,
    /// What reads are answered from; `None` once closed.
    view: RwLock<Option<Arc<View>>>,
    /// Held for the whole of a write.
    writer: Mutex<Option<Writer>>,
}

#[derive(Debug)]
struct Writer {
    index: MainIndex,
    /// Commits that are not durable yet.
    at_risk: Option<AtRisk>,
    /// Whether the published view may lag behind the index, after an error.
    lags: bool,
    /// Keeps the directory ours; dropped last.
    _lock: Box<dyn Any + Send + Sync>,
}

/// Changes that a crash would lose.
#[derive(Debug, Clone, Copy)]
struct AtRisk {
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
    fn lock_writer(&self) -> MutexGuard<'_, Option<Writer>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn view(&self) -> Result<Arc<View>> {
        let view = self.view.read().unwrap_or_else(PoisonError::into_inner);
        view.as_ref().map(Arc::clone).ok_or_else(Error::closed)
    }

    /// Replaces the view, and answers the old one, to be dropped where no lock is held.
    fn publish(&self, new: Option<Arc<View>>) -> Option<Arc<View>> {
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *view, new)
    }

    /// Resolves one call against the latest state, commits what it changes, and publishes that.
    fn write<T>(&self, resolve: impl FnOnce(&mut Resolver<'_>) -> Result<T>) -> Result<T> {
        if self.options.read_only {
            return Err(Error::invalid(
                "read_only",
                "is set: the store cannot be written",
            ));
        }
        let now = self.now_if_eventual();
        let mut writer = self.lock_writer();
        let writer = writer.as_mut().ok_or_else(Error::closed)?;
        let (answer, resolved) = self.latest(writer)?.read(|view| {
            let mut resolver = Resolver::new(view);
            let answer = resolve(&mut resolver)?;
            Ok((answer, resolver.finish()))
        })?;
        if let Some((changes, counters)) = resolved {
            self.commit(writer, &changes, counters, now)?;
        }
        Ok(answer)
    }

    /// The state after the last commit, published too.
    ///
    /// Writing from an older one would give ids out twice.
    fn latest(&self, writer: &mut Writer) -> Result<Arc<View>> {
        if writer.lags {
            self.catch_up(writer)?;
        }
        self.view()
    }

    fn commit(
        &self,
        writer: &mut Writer,
        changes: &Changes,
        counters: Counters,
        now: Option<DateTime<Utc>>,
    ) -> Result<()> {
        let at_risk = now.and_then(|now| writer.at_risk_after(changes.effects.len(), now));
        writer.lags = true;
        let flush = match at_risk {
            Some(_) => {
                // A commit that fails may have landed all the same.
                writer.at_risk = at_risk;
                Flush::Later
            }
            None => Flush::Now,
        };
        writer.index.commit(changes, counters, flush)?;
        writer.at_risk = at_risk;
        self.catch_up(writer)
    }

    /// The time, where durability depends on it. Asked before the store is locked: a clock is the
    /// caller's code.
    fn now_if_eventual(&self) -> Option<DateTime<Utc>> {
        match self.options.durability {
            Durability::Immediate => None,
            Durability::Eventual => Some(self.options.clock.now()),
        }
    }

    /// Publishes the state after the last commit.
    fn catch_up(&self, writer: &mut Writer) -> Result<()> {
        let (names, closed) = (Arc::clone(&self.names), Arc::clone(&self.closed));
        let view = View::new(writer.index.read()?, names, closed);
        drop(self.publish(Some(Arc::new(view))));
        writer.lags = false;
        Ok(())
    }

    fn flush(&self, writer: &mut Writer) -> Result<()> {
        let view = self.latest(writer)?;
        if writer.at_risk.is_some() {
            let counters = view.main.counters();
            let nothing = Changes::default();
            writer.index.commit(&nothing, counters, Flush::Now)?;
            writer.at_risk = None;
        }
        Ok(())
    }

    /// Flushes, and ends all reading and writing.
    fn close(&self, mut writer: Writer) -> Result<()> {
        let flushed = self.flush(&mut writer);
        self.closed.store(true, Ordering::Release);
        drop(self.publish(None));
        let closed = writer.index.close();
        flushed.and(closed)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let writer = self.lock_writer().take();
        if let Some(writer) = writer {
            // There is nobody left to tell; the documentation of `close` says so.
            let _ = self.close(writer);
        }
    }
}
