//! The command-line tool `sessionlog` (feature `cli`).
//!
//! It uses nothing of the crate but its public API. Answers go to stdout, as tables for people or
//! as JSON, JSON lines or CSV for programs; messages go to stderr, each beginning with
//! `sessionlog: ` but for the log that `serve` keeps there. A reader that stops reading, such as
//! `head`, ends a command without a complaint.
//!
//! The exit code tells what happened: 0 if all was done, 1 if the input or something else outside
//! of the store failed, 2 if the command line is not understood, 3 if all was done but some records
//! were rejected, 4 if the input is not in the named format, from 10 on one code for each
//! [`ErrorKind`](crate::ErrorKind), in the order of its variants, and 130 if it was interrupted.
//! `sessionlog --help` lists them.
#![deny(clippy::wildcard_enum_match_arm)]

mod args;
mod chart;
mod copies;
mod demo;
mod exit;
mod filter;
mod importing;
mod input;
mod output;
mod progress;
mod reading;
mod rejects;
mod remote;
mod reports;
mod screen;
mod serve;
mod signals;
mod tables;
mod text;
mod upkeep;
mod watcher;
mod when;
mod writing;

use self::args::{Command, CommandLine};
use self::exit::Failure;
use clap::{CommandFactory, Parser};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs the command line of this process, and answers its exit code.
#[must_use]
pub fn main() -> ExitCode {
    match CommandLine::try_parse() {
        Ok(line) => match run(line) {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => failure.report(),
        },
        Err(error) => exit::of_command_line(&error),
    }
}

fn run(line: CommandLine) -> Result<(), Failure> {
    let CommandLine { store, command } = line;
    match command {
        Command::Import(args) => match &args.to {
            Some(url) => without(store, || importing::send(url, &args)),
            None => with(store, |store| importing::import(store, &args)),
        },
        Command::Export(args) => with(store, |store| importing::export(store, &args)),
        Command::Query(args) => with(store, |store| reading::query(store, &args)),
        Command::Get(args) => with(store, |store| reading::get(store, &args)),
        Command::Count(args) => with(store, |store| reading::count(store, &args)),
        Command::Histogram(args) => with(store, |store| reading::histogram(store, &args)),
        Command::Users(args) => with(store, |store| reading::users(store, &args)),
        Command::Clients(args) => with(store, |store| reading::clients(store, &args)),
        Command::Stats(args) => with(store, |store| reading::stats(store, &args)),
        Command::Start(args) => with(store, |store| writing::start(store, &args)),
        Command::End(args) => with(store, |store| writing::end(store, &args)),
        Command::EndOpen(args) => with(store, |store| writing::end_open(store, &args)),
        Command::EndStale(args) => with(store, |store| upkeep::end_stale(store, &args)),
        Command::Remove(args) => with(store, |store| writing::remove(store, &args)),
        Command::Prune(args) => with(store, |store| upkeep::prune(store, &args)),
        Command::Retain(args) => with(store, |store| upkeep::retain(store, &args)),
        Command::Erase(args) => with(store, |store| upkeep::erase(store, &args)),
        Command::Verify(args) => with(store, |store| upkeep::verify(store, &args)),
        Command::Compact(args) => with(store, |store| upkeep::compact(store, &args)),
        Command::Rebuild(args) => with(store, |store| upkeep::rebuild(store, &args)),
        Command::Backup(args) => with(store, |store| copies::backup(store, &args)),
        Command::Restore(args) => with(store, |store| copies::restore(store, &args)),
        Command::Salvage(args) => with(store, |store| copies::salvage(store, &args)),
        Command::Serve(args) => with(store, |store| serve::run(store, &args)),
        Command::Generate(args) => without(store, || importing::generate(&args)),
        Command::Demo(args) => without(store, || demo::run(&args)),
        Command::Completions(args) => without(store, || completions(&args)),
    }
}

/// Prints a script for a shell.
fn completions(args: &args::Completions) -> Result<(), Failure> {
    let mut command = CommandLine::command();
    let name = command.get_name().to_owned();
    // Into memory first: the generator panics where it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    output::answer(|out| Ok(out.write_all(&script)?))
}

/// Runs a command on a store, which its failures name.
fn with(
    store: Option<PathBuf>,
    run: impl FnOnce(&Path) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let store = store.ok_or_else(|| Failure::Usage("--store DIR is needed".to_owned()))?;
    run(&store).map_err(|failure| failure.at(&store))
}

/// Runs a command that has no store. One that would be ignored is a mistake to tell of.
fn without(
    store: Option<PathBuf>,
    run: impl FnOnce() -> Result<(), Failure>,
) -> Result<(), Failure> {
    match store {
        None => run(),
        Some(_) => Err(Failure::Usage("no --store goes with this".to_owned())),
    }
}
