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
mod when;
mod writing;

use self::args::{Command, CommandLine};
use self::exit::Failure;
use clap::{CommandFactory, Parser};
use std::io::Write;
use std::path::PathBuf;
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
            Some(url) => unneeded(store).and_then(|()| importing::send(url, &args)),
            None => importing::import(&needed(store)?, &args),
        },
        Command::Export(args) => importing::export(&needed(store)?, &args),
        Command::Query(args) => reading::query(&needed(store)?, &args),
        Command::Get(args) => reading::get(&needed(store)?, &args),
        Command::Count(args) => reading::count(&needed(store)?, &args),
        Command::Histogram(args) => reading::histogram(&needed(store)?, &args),
        Command::Users(args) => reading::users(&needed(store)?, &args),
        Command::Clients(args) => reading::clients(&needed(store)?, &args),
        Command::Stats(args) => reading::stats(&needed(store)?, &args),
        Command::Start(args) => writing::start(&needed(store)?, &args),
        Command::End(args) => writing::end(&needed(store)?, &args),
        Command::EndOpen(args) => writing::end_open(&needed(store)?, &args),
        Command::EndStale(args) => upkeep::end_stale(&needed(store)?, &args),
        Command::Remove(args) => writing::remove(&needed(store)?, &args),
        Command::Prune(args) => upkeep::prune(&needed(store)?, &args),
        Command::Retain(args) => upkeep::retain(&needed(store)?, &args),
        Command::Erase(args) => upkeep::erase(&needed(store)?, &args),
        Command::Verify(args) => upkeep::verify(&needed(store)?, &args),
        Command::Compact(args) => upkeep::compact(&needed(store)?, &args),
        Command::Rebuild(args) => upkeep::rebuild(&needed(store)?, &args),
        Command::Backup(args) => copies::backup(&needed(store)?, &args),
        Command::Restore(args) => copies::restore(&needed(store)?, &args),
        Command::Salvage(args) => copies::salvage(&needed(store)?, &args),
        Command::Serve(args) => serve::run(&needed(store)?, &args),
        Command::Generate(args) => unneeded(store).and_then(|()| importing::generate(&args)),
        Command::Demo(args) => unneeded(store).and_then(|()| demo::run(&args)),
        Command::Completions(args) => unneeded(store).and_then(|()| completions(&args)),
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

fn needed(store: Option<PathBuf>) -> Result<PathBuf, Failure> {
    store.ok_or_else(|| Failure::Usage("--store DIR is needed".to_owned()))
}

/// A store that would be ignored is a mistake to tell of.
fn unneeded(store: Option<PathBuf>) -> Result<(), Failure> {
    match store {
        None => Ok(()),
        Some(_) => Err(Failure::Usage("no --store goes with this".to_owned())),
    }
}
