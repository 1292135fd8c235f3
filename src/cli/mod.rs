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
mod migrating;
mod output;
mod place;
mod progress;
mod reading;
mod rejects;
mod remote;
mod reports;
mod screen;
mod serve;
mod signals;
mod store;
mod tables;
mod text;
mod upkeep;
mod watcher;
mod when;
mod writing;

use self::args::{Command, CommandLine};
use self::exit::Failure;
use self::place::Place;
use self::store::Site;
use clap::{CommandFactory, Parser};
use std::io::Write;
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
            None => with(store, |site| importing::import(site, &args)),
        },
        Command::Export(args) => with(store, |site| importing::export(site, &args)),
        Command::Query(args) => with(store, |site| reading::query(site, &args)),
        Command::Get(args) => with(store, |site| reading::get(site, &args)),
        Command::Count(args) => with(store, |site| reading::count(site, &args)),
        Command::Histogram(args) => with(store, |site| reading::histogram(site, &args)),
        Command::Users(args) => with(store, |site| reading::users(site, &args)),
        Command::Clients(args) => with(store, |site| reading::clients(site, &args)),
        Command::Stats(args) => with(store, |site| reading::stats(site, &args)),
        Command::Start(args) => with(store, |site| writing::start(site, &args)),
        Command::End(args) => with(store, |site| writing::end(site, &args)),
        Command::EndOpen(args) => with(store, |site| writing::end_open(site, &args)),
        Command::EndStale(args) => with(store, |site| upkeep::end_stale(site, &args)),
        Command::Remove(args) => with(store, |site| writing::remove(site, &args)),
        Command::Prune(args) => with(store, |site| upkeep::prune(site, &args)),
        Command::Retain(args) => with(store, |site| upkeep::retain(site, &args)),
        Command::Erase(args) => with(store, |site| upkeep::erase(site, &args)),
        Command::Verify(args) => with(store, |site| upkeep::verify(site, &args)),
        Command::Compact(args) => at(store, |place| upkeep::compact(place, &args)),
        Command::Rebuild(args) => with(store, |site| upkeep::rebuild(site, &args)),
        Command::Backup(args) => at(store, |place| copies::backup(place, &args)),
        Command::Restore(args) => at(store, |place| copies::restore(place, &args)),
        Command::Salvage(args) => at(store, |place| copies::salvage(place, &args)),
        Command::Serve(args) => at(store, |place| serve::run(place, &args)),
        Command::Migrate(args) => without(store, || migrating::migrate(&args)),
        Command::Copy(args) => without(store, || copies::copy(&args)),
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

/// Runs a command at the place of a store, which its failures name.
fn at(
    store: Option<Place>,
    run: impl FnOnce(&Place) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let needed = "--store DIR or --store postgres://… is needed";
    let place = store.ok_or_else(|| Failure::Usage(needed.to_owned()))?;
    run(&place).map_err(|failure| failure.at(&place))
}

/// The same, with what it takes to open the store.
fn with(
    store: Option<Place>,
    run: impl FnOnce(&Site<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    at(store, |place| run(&Site::new(place)?))
}

/// Runs a command that has no store. One that would be ignored is a mistake to tell of.
fn without(store: Option<Place>, run: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    match store {
        None => run(),
        Some(_) => Err(Failure::Usage("no --store goes with this".to_owned())),
    }
}
