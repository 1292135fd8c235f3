//! `demo`: the store's main job, shown on a million sessions.

mod build;
mod filters;
mod show;
mod tour;

use super::args;
use super::exit::Failure;
use super::importing;
use super::output::{self, Stdout};
use super::screen::Screen;
use super::signals::Interrupt;
use super::text;
use crate::{Bucket, BucketCount, Query, Store};
use std::io::Write;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// Builds a store in a temporary folder, pages through it, and shows what that took.
pub(super) fn run(args: &args::Demo) -> Result<(), Failure> {
    // An interruption is not to leave the folder behind.
    let interrupt = Interrupt::watch().map_err(Failure::Signals)?;
    let folder = tempfile::Builder::new()
        .prefix("sessionlog-demo-")
        .tempdir()
        .map_err(Failure::Folder)?;
    let built = build::store(folder.path(), args, &interrupt)?;
    // Rejected records are told of in the exit code: what was accepted is shown all the same.
    let complete = built.summary.map_or(Ok(()), importing::finish);
    output::answer(|out| {
        show_store(out, &built.store, built.took)?;
        built.store.close()?;
        leave(out, folder, args.keep)
    })?;
    complete
}

fn show_store(out: &mut Stdout, store: &Store, took: Duration) -> Result<(), Failure> {
    let days = store
        .count_by(&Query::all(), Bucket::Day)?
        .collect::<Result<Vec<BucketCount>, _>>()?;
    let filters = filters::six(store, &days)?;
    let stops = tour::take(store, filters)?;
    let screen = Screen::of_stdout().of_80_columns();
    show::timings(out, &stops, screen)?;
    show::samples(out, &stops)?;
    show::days(out, &days, screen)?;
    show::cost(out, &store.stats()?, took)?;
    Ok(())
}

/// Removes the folder, or says how to go on with the store in it.
fn leave(out: &mut Stdout, folder: TempDir, keep: bool) -> Result<(), Failure> {
    let shown = |path: &Path| text::plain(&path.display().to_string()).into_owned();
    if keep {
        let path = shown(&folder.keep());
        writeln!(out, "The store is kept: sessionlog --store {path} query")?;
        return Ok(());
    }
    let path = shown(folder.path());
    folder.close().map_err(Failure::Folder)?;
    writeln!(out, "The store was in {path}, which is removed.")?;
    Ok(())
}
