//! The commands that write sessions one by one, durable when they return.

use super::exit::Failure;
use super::filter::{Unresolved, named};
use super::store::{Opened, Site};
use super::{args, output, reports};
use crate::stores::SessionLogStore;
use crate::{
    IdSource, Order, Outcome, PageRequest, Query, RandomIds, Result as StoreResult, SessionLog,
};
use std::io::Write;
use std::sync::Arc;
use uuid::Uuid;

/// Starts one session.
pub(super) fn start(site: &Site<'_>, args: &args::Start) -> Result<(), Failure> {
    let store = site.open()?;
    let (user, name) = user_and_name(&store, args)?;
    let client = &*args.client;
    let refer_uid = match (args.refer_uid, args.at) {
        (None, None) => store.wait(async |store| store.start(user, &name, client).await)?,
        (Some(refer_uid), None) => {
            store.wait(async |store| store.start_as(refer_uid, user, &name, client).await)?;
            refer_uid
        }
        (refer_uid, Some(at)) => {
            let refer_uid = refer_uid.unwrap_or_else(|| RandomIds.refer_uid(at));
            let log = SessionLog::new(refer_uid, user, &*name, client, at, None)?;
            store.wait(async |store| store.append(log).await)?;
            refer_uid
        }
    };
    let printed = output::answer(|out| Ok(writeln!(out, "{refer_uid}")?));
    done(
        || store.store().close(),
        printed,
        || format!("session {refer_uid} was started"),
    )
}

/// Who starts a session, as far as it is given, and else as the store knows it.
fn user_and_name(store: &Opened, args: &args::Start) -> Result<(Uuid, Arc<str>), Failure> {
    match (args.user, &args.user_name) {
        (Some(user), Some(name)) => Ok((user, name.as_str().into())),
        (Some(user), None) => Ok((user, newest_name(store, user)?)),
        (None, Some(name)) => {
            let user = named(store, name)?;
            let user = user.ok_or_else(|| Unresolved::NewName(name.clone()))?;
            Ok((user, name.as_str().into()))
        }
        (None, None) => Err(Failure::Usage("--user or --user-name is needed".to_owned())),
    }
}

fn newest_name(store: &Opened, user: Uuid) -> Result<Arc<str>, Failure> {
    let of_user = Query::builder().user_refer_uid(user);
    let query = of_user.order(Order::NewestFirst).build()?;
    let request = PageRequest::new(0, 1)?;
    let newest = store.wait(async |store| store.page(&query, request).await)?;
    let log = newest.entries.into_iter().next();
    let unknown = Unresolved::NewUser(user);
    Ok(log.map(|log| log.user).ok_or(unknown)?)
}

/// Ends one session.
pub(super) fn end(site: &Site<'_>, args: &args::End) -> Result<(), Failure> {
    let store = site.open()?;
    let outcome = store.wait(async |store| store.end(args.refer_uid, args.at).await)?;
    let what = match outcome {
        Outcome::Ended => "ended",
        Outcome::AlreadyThere | Outcome::Added => "already there",
    };
    let printed = output::answer(|out| Ok(writeln!(out, "{what}")?));
    done(|| store.store().close(), printed, || what.to_owned())
}

/// Ends all open sessions that pass the filters.
pub(super) fn end_open(site: &Site<'_>, args: &args::EndOpen) -> Result<(), Failure> {
    match (args.all, args.sessions.are_all()) {
        (false, true) => return Err(usage("which sessions? a filter is needed, or --all")),
        (true, false) => return Err(usage("--all goes without a filter")),
        _ => {}
    }
    let store = site.open()?;
    let query = args.sessions.query(&store)?.build()?;
    let ended = store.wait(async |store| store.end_open(&query, args.at).await)?;
    let printed = output::report(&ended, args.answer.output, reports::ended_open);
    done(
        || store.store().close(),
        printed,
        || reports::ended_open(&ended),
    )
}

fn usage(problem: &str) -> Failure {
    Failure::Usage(problem.to_owned())
}

/// Removes one session.
pub(super) fn remove(site: &Site<'_>, args: &args::Remove) -> Result<(), Failure> {
    let store = site.open()?;
    let log = store.wait(async |store| store.remove(args.refer_uid).await)?;
    let printed = output::answer(|out| Ok(output::session(out, &log, args.answer.output)?));
    // It is nowhere else now.
    let record = || serde_json::to_string(&log).unwrap_or_default();
    done(
        || store.store().close(),
        printed,
        || format!("removed {}", record()),
    )
}

/// Closes the store after `what` is done and durable, and printed or not.
pub(super) fn done(
    close: impl FnOnce() -> StoreResult<()>,
    printed: Result<(), Failure>,
    what: impl FnOnce() -> String,
) -> Result<(), Failure> {
    let closed = close();
    printed.map_err(|failure| failure.after(what))?;
    Ok(closed?)
}
