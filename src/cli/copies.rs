//! The commands that make one store of another.

use super::exit::Failure;
use super::reading::open_to_read;
use super::upkeep::{show, with_bar};
use super::{args, output, text};
use crate::Store;
use serde::Serialize;
use std::path::Path;

/// What a copy has.
#[derive(Debug, Serialize)]
struct Copied {
    session_count: u64,
}

/// Copies a store.
pub(super) fn backup(store: &Path, args: &args::Backup) -> Result<(), Failure> {
    let store = open_to_read(store)?;
    let copied = with_bar("copying", |bar| {
        Ok(store.backup(&args.to, |done| show(bar, done))?)
    })?;
    say_copied(copied, args.answer.output)
}

/// Makes the store of a backup.
pub(super) fn restore(store: &Path, args: &args::Restore) -> Result<(), Failure> {
    let copied = with_bar("checking and copying", |bar| {
        let restored = Store::restore(&args.from, store, |done| show(bar, done));
        // What can be wrong is wrong with the backup: where it goes there is nothing yet.
        restored.map_err(|error| Failure::Store(error).at(&args.from))
    })?;
    say_copied(copied, args.answer.output)
}

fn say_copied(session_count: u64, output: args::Output) -> Result<(), Failure> {
    output::report(&Copied { session_count }, output, |copied| {
        format!("copied {}", text::counted(copied.session_count, "session"))
    })
}

/// Gets out what can be read.
pub(super) fn salvage(store: &Path, args: &args::Salvage) -> Result<(), Failure> {
    let salvaged = with_bar("reading", |bar| {
        Ok(Store::salvage(store, &args.to, |done| show(bar, done))?)
    })?;
    output::answer(|out| Ok(output::salvaged(out, &salvaged, args.answer.output)?))?;
    match salvaged.fault_count {
        0 => Ok(()),
        _ => Err(Failure::Rejections),
    }
}
