//! The commands that keep a store in order.

use super::args::Output;
use super::exit::Failure;
use super::reading::open_to_read;
use super::{args, output, progress, reports, writing};
use crate::{Erasure, OpenSessions, Progress, RetainedMax, StaleEnd, Store};
use chrono::TimeDelta;
use indicatif::ProgressBar;
use serde::Serialize;
use std::path::Path;

/// Checks the whole store, and prints what is wrong.
pub(super) fn verify(store: &Path, args: &args::Verify) -> Result<(), Failure> {
    let store = open_to_read(store)?;
    let verification = with_bar("checking", |bar| Ok(store.verify(|done| show(bar, done))?))?;
    output::answer(|out| {
        Ok(output::verification(
            out,
            &verification,
            args.answer.output,
        )?)
    })?;
    match verification.is_sound() {
        true => Ok(()),
        false => Err(Failure::Faults),
    }
}

/// Removes what ended long ago.
pub(super) fn prune(store: &Path, args: &args::Prune) -> Result<(), Failure> {
    let open = match args.open_too {
        true => OpenSessions::Remove,
        false => OpenSessions::Keep,
    };
    changed(
        store,
        "pruning",
        (args.answer.output, reports::pruned),
        |store, bar| Ok(store.prune(args.older_than, open, |done| show(bar, done))?),
    )
}

/// Removes the oldest until few enough are left.
pub(super) fn retain(store: &Path, args: &args::Retain) -> Result<(), Failure> {
    let max = match (args.max.sessions, args.max.live_bytes) {
        (Some(sessions), _) => RetainedMax::Sessions(sessions),
        (None, bytes) => RetainedMax::LiveBytes(bytes.unwrap_or(u64::MAX)),
    };
    changed(
        store,
        "pruning",
        (args.answer.output, reports::pruned),
        |store, bar| Ok(store.retain_at_most(max, |done| show(bar, done))?),
    )
}

/// Ends what was opened long ago.
pub(super) fn end_stale(store: &Path, args: &args::EndStale) -> Result<(), Failure> {
    let end = match (args.end.at, args.end.hours) {
        (Some(at), _) => StaleEnd::At(at),
        (None, hours) => StaleEnd::AfterStart(TimeDelta::hours(hours.unwrap_or(0).into())),
    };
    changed(
        store,
        "ending",
        (args.answer.output, reports::ended_open),
        |store, bar| Ok(store.end_stale(args.before, end, |done| show(bar, done))?),
    )
}

/// Removes all of a user.
pub(super) fn erase(store: &Path, args: &args::Erase) -> Result<(), Failure> {
    let erasure = match args.secure {
        true => Erasure::Secure,
        false => Erasure::Logical,
    };
    changed(
        store,
        "erasing",
        (args.answer.output, reports::erased),
        |store, bar| {
            let user = args.user.uid(store)?;
            Ok(store.erase_user(user, erasure, |done| show(bar, done))?)
        },
    )
}

/// Makes the file smaller.
pub(super) fn compact(store: &Path, args: &args::Compact) -> Result<(), Failure> {
    changed(
        store,
        "compacting",
        (args.answer.output, reports::compacted),
        |store, bar| Ok(store.compact(|done| show(bar, done))?),
    )
}

/// Makes the indexes anew.
pub(super) fn rebuild(store: &Path, args: &args::Rebuild) -> Result<(), Failure> {
    changed(
        store,
        "rebuilding",
        (args.answer.output, reports::compacted),
        |store, bar| Ok(store.rebuild(|done| show(bar, done))?),
    )
}

/// Opens a store, does something long to it, says in these words or by its members what was done, and
/// closes it.
fn changed<T: Serialize>(
    path: &Path,
    what: &'static str,
    (output, words): (Output, fn(&T) -> String),
    change: impl FnOnce(&Store, &ProgressBar) -> Result<T, Failure>,
) -> Result<(), Failure> {
    let store = Store::open(path)?;
    let done = with_bar(what, |bar| change(&store, bar))?;
    let printed = output::report(&done, output, words);
    writing::done(&store, printed, || words(&done))
}

/// Does something long, with a bar that goes once it is done.
pub(super) fn with_bar<T>(
    what: &'static str,
    work: impl FnOnce(&ProgressBar) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let bar = progress::of_rows(what);
    let done = work(&bar);
    bar.finish_and_clear();
    done
}

pub(super) fn show(bar: &ProgressBar, progress: Progress) {
    bar.set_length(progress.total);
    bar.set_position(progress.done);
}
