//! The commands that make one store of another, or bring all of one into another.

use super::exit::{Failure, say};
use super::place::Place;
use super::signals::Interrupt;
use super::store::{AnyStore, Opened, Site};
use super::upkeep::{shown_on, with_bar};
use super::{args, output, text};
use crate::Store;
use crate::postgres;
use indicatif::ProgressBar;
use serde::Serialize;

/// What a copy has.
#[derive(Debug, Serialize)]
struct Copied {
    session_count: u64,
}

/// What a database has instead of what is only for directories.
const NO_BACKUP: &str = "a database is backed up by pg_dump or pg_basebackup";
const NO_RESTORING: &str = "a database is restored by pg_restore, or from its own backup";
const NO_SALVAGE: &str = "a damaged database is restored from its backup, by pg_restore for one";

/// Copies a store.
pub(super) fn backup(place: &Place, args: &args::Backup) -> Result<(), Failure> {
    let path = place.directory_or(NO_BACKUP)?;
    let store = Store::options().read_only(true).open(path)?;
    let copied = with_bar("copying", |bar| Ok(store.backup(&args.to, shown_on(bar))?))?;
    say_copied(copied, args.answer.output)
}

/// Makes the store of a backup.
pub(super) fn restore(place: &Place, args: &args::Restore) -> Result<(), Failure> {
    let path = place.directory_or(NO_RESTORING)?;
    let copied = with_bar("checking and copying", |bar| {
        let restored = Store::restore(&args.from, path, shown_on(bar));
        // What can be wrong is wrong with the backup: where it goes there is nothing yet.
        let from = Place::Directory(args.from.clone());
        restored.map_err(|error| Failure::Store(error).at(&from))
    })?;
    say_copied(copied, args.answer.output)
}

fn say_copied(session_count: u64, output: args::Output) -> Result<(), Failure> {
    output::report(&Copied { session_count }, output, |copied| {
        format!("copied {}", text::counted(copied.session_count, "session"))
    })
}

/// Gets out what can be read.
pub(super) fn salvage(place: &Place, args: &args::Salvage) -> Result<(), Failure> {
    let path = place.directory_or(NO_SALVAGE)?;
    let salvaged = with_bar("reading", |bar| {
        Ok(Store::salvage(path, &args.to, shown_on(bar))?)
    })?;
    output::answer(|out| Ok(output::salvaged(out, &salvaged, args.answer.output)?))?;
    match salvaged.fault_count {
        0 => Ok(()),
        _ => Err(Failure::Rejections),
    }
}

/// Copies all sessions of a store into another, one of which at least is in a database.
pub(super) fn copy(args: &args::CopyAll) -> Result<(), Failure> {
    if args.from.directory().is_some() && args.to.directory().is_some() {
        return Err(two_directories());
    }
    let interrupt = Interrupt::watch().map_err(Failure::Signals)?;
    let (from, to) = (Site::new(&args.from)?, Site::new(&args.to)?);
    let source = from.open_to_read_all();
    let source = source.map_err(|error| Failure::Store(error).at(from.place))?;
    let target = to.open_to_fill();
    let target = target.map_err(|error| Failure::Store(error).at(to.place))?;
    let copied = with_bar("copying", |bar| {
        copy_until(&interrupt, &to, (&source, &target), bar)
    });
    let closed = target.store().close();
    // Either of the two stores can have failed: the message names both.
    let between = format!("{} to {}", from.place, to.place);
    let postgres::Copied {
        copied,
        already_there,
    } = copied.map_err(|failure| failure.between(between))?;
    closed.map_err(|error| Failure::Store(error).at(to.place))?;
    say(&format!("copied {copied}, already there {already_there}"));
    Ok(())
}

fn two_directories() -> Failure {
    let problem = "--from or --to is to be postgres://…: a directory is copied by backup";
    Failure::Usage(problem.to_owned())
}

/// Copies until all is copied or the process is asked to end.
fn copy_until(
    interrupt: &Interrupt,
    site: &Site<'_>,
    (source, target): (&Opened, &Opened),
    bar: &ProgressBar,
) -> Result<postgres::Copied, Failure> {
    let copying = copy_all(source.store(), target.store(), bar);
    site.wait(async {
        tokio::select! {
            () = interrupt.coming() => Err(Failure::Halfway),
            copied = copying => copied,
        }
    })
}

async fn copy_all(
    source: &AnyStore,
    target: &AnyStore,
    bar: &ProgressBar,
) -> Result<postgres::Copied, Failure> {
    match (source, target) {
        (AnyStore::Postgres(source), AnyStore::Postgres(target)) => {
            Ok(target.copy_from_database(source, shown_on(bar)).await?)
        }
        (AnyStore::Postgres(source), target) => Ok(source.copy_to(target, shown_on(bar)).await?),
        (source, AnyStore::Postgres(target)) => Ok(target.copy_from(source, shown_on(bar)).await?),
        (AnyStore::Embedded(_), AnyStore::Embedded(_)) => Err(two_directories()),
    }
}
