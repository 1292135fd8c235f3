//! The commands that keep a store in order.

use super::args::Output;
use super::exit::Failure;
use super::place::Place;
use super::store::{AnyStore, Opened, Site};
use super::{args, output, progress, reports, writing};
use crate::stores::SessionLogStore;
use crate::{Compacted, Erasure, OpenSessions, Progress, RetainedMax, StaleEnd, Store};
use chrono::TimeDelta;
use indicatif::ProgressBar;
use serde::Serialize;

/// What a database has instead of what is only for directories.
const NO_COMPACTING: &str = "a database gives room back by VACUUM";

/// Checks the whole store, and prints what is wrong.
pub(super) fn verify(site: &Site<'_>, args: &args::Verify) -> Result<(), Failure> {
    let store = site.open_to_read_all()?;
    let verification = with_bar("checking", |bar| {
        Ok(store.wait(async |store| store.verify(shown_on(bar)).await)?)
    })?;
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
pub(super) fn prune(site: &Site<'_>, args: &args::Prune) -> Result<(), Failure> {
    let open = match args.open_too {
        true => OpenSessions::Remove,
        false => OpenSessions::Keep,
    };
    changed(
        site,
        "pruning",
        (args.answer.output, reports::pruned),
        |store, bar| {
            let older_than = args.older_than;
            Ok(store.wait(async |store| store.prune(older_than, open, shown_on(bar)).await)?)
        },
    )
}

/// Removes the oldest until few enough are left.
pub(super) fn retain(site: &Site<'_>, args: &args::Retain) -> Result<(), Failure> {
    let max = match (args.max.sessions, args.max.live_bytes) {
        (Some(sessions), _) => RetainedMax::Sessions(sessions),
        (None, bytes) => RetainedMax::LiveBytes(bytes.unwrap_or(u64::MAX)),
    };
    changed(
        site,
        "pruning",
        (args.answer.output, reports::pruned),
        |store, bar| Ok(store.wait(async |store| store.retain_at_most(max, shown_on(bar)).await)?),
    )
}

/// Ends what was opened long ago.
pub(super) fn end_stale(site: &Site<'_>, args: &args::EndStale) -> Result<(), Failure> {
    let end = match (args.end.at, args.end.hours) {
        (Some(at), _) => StaleEnd::At(at),
        (None, hours) => StaleEnd::AfterStart(TimeDelta::hours(hours.unwrap_or(0).into())),
    };
    changed(
        site,
        "ending",
        (args.answer.output, reports::ended_open),
        |store, bar| {
            let before = args.before;
            Ok(store.wait(async |store| store.end_stale(before, end, shown_on(bar)).await)?)
        },
    )
}

/// Removes all of a user.
pub(super) fn erase(site: &Site<'_>, args: &args::Erase) -> Result<(), Failure> {
    let erasure = match args.secure {
        true => Erasure::Secure,
        false => Erasure::Logical,
    };
    let words = match site.place {
        Place::Directory(_) => reports::erased,
        Place::Database(_) => reports::erased_in_database,
    };
    changed(
        site,
        "erasing",
        (args.answer.output, words),
        |store, bar| {
            let user = args.user.uid(store)?;
            Ok(store.wait(async |store| store.erase_user(user, erasure, shown_on(bar)).await)?)
        },
    )
}

/// Makes the file smaller.
pub(super) fn compact(place: &Place, args: &args::Compact) -> Result<(), Failure> {
    let store = Store::open(place.directory_or(NO_COMPACTING)?)?;
    let compacted = with_bar("compacting", |bar| Ok(store.compact(shown_on(bar))?))?;
    let words = || reports::compacted(&compacted);
    let printed = output::report(&compacted, args.answer.output, |_| words());
    writing::done(|| store.close(), printed, words)
}

/// Makes the indexes anew.
pub(super) fn rebuild(site: &Site<'_>, args: &args::Rebuild) -> Result<(), Failure> {
    let output = args.answer.output;
    let words = reports::rebuilt;
    changed(site, "rebuilding", (output, words), |store, bar| {
        let progress = shown_on(bar);
        match store.store() {
            AnyStore::Embedded(embedded) => {
                let compacted = embedded.store().rebuild(progress)?;
                Ok(Rebuilt::Indexes(compacted))
            }
            AnyStore::Postgres(database) => {
                store.wait(async |_| database.rebuild(progress).await)?;
                Ok(Rebuilt::Counters {
                    rebuilt: "counters",
                })
            }
        }
    })
}

/// What was made anew.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Rebuilt {
    /// All but the records of a store in a directory.
    Indexes(Compacted),
    /// All but the rows of one in a database.
    Counters { rebuilt: &'static str },
}

/// Opens a store, does something long to it, says in these words or by its members what was done, and
/// closes it.
fn changed<T: Serialize>(
    site: &Site<'_>,
    what: &'static str,
    (output, words): (Output, fn(&T) -> String),
    change: impl FnOnce(&Opened, &ProgressBar) -> Result<T, Failure>,
) -> Result<(), Failure> {
    let store = site.open_to_change_all()?;
    let done = with_bar(what, |bar| change(&store, bar))?;
    let printed = output::report(&done, output, words);
    writing::done(|| store.store().close(), printed, || words(&done))
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

/// Shows on a bar how far something has come.
pub(super) fn shown_on(bar: &ProgressBar) -> impl FnMut(Progress) + Send + use<> {
    let bar = bar.clone();
    move |progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.done);
    }
}
