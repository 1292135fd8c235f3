//! The command-line tool `sessionlog` (feature `cli`).
//!
//! It uses nothing of the crate but its public API. Answers go to stdout, as tables for people or
//! as JSON, JSON lines or CSV for programs; messages go to stderr, each beginning with
//! `sessionlog: ` but for the log that `serve` keeps there. A reader that stops reading, such as
//! `head`, ends a command without a complaint.
//!
//! The exit code tells what happened: 0 if all was done, 1 if the input or something else outside
//! of the store failed, 2 if the command line is not understood, 3 if all was done but some records
//! were rejected, 4 if the input is not in the named format, and from 10 on one code for each
//! [`ErrorKind`](crate::ErrorKind), in the order of its variants. `sessionlog --help` lists them.
#![deny(clippy::wildcard_enum_match_arm)]

mod args;
mod commands;
mod copies;
mod demo;
mod exit;
mod input;
mod output;
mod progress;
mod remote;
mod reports;
mod serve;
mod text;
mod upkeep;

use self::args::{Command, CommandLine};
use self::exit::Failure;
use clap::Parser;
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
            Some(url) => unneeded(store).and_then(|()| commands::send(url, &args)),
            None => commands::import(&needed(store)?, &args),
        },
        Command::Query(args) => commands::query(&needed(store)?, &args),
        Command::End(args) => commands::end(&needed(store)?, &args),
        Command::Stats(args) => commands::stats(&needed(store)?, &args),
        Command::Verify(args) => upkeep::verify(&needed(store)?, &args),
        Command::Prune(args) => upkeep::prune(&needed(store)?, &args),
        Command::Retain(args) => upkeep::retain(&needed(store)?, &args),
        Command::EndStale(args) => upkeep::end_stale(&needed(store)?, &args),
        Command::Erase(args) => upkeep::erase(&needed(store)?, &args),
        Command::Compact(args) => upkeep::compact(&needed(store)?, &args),
        Command::Rebuild(args) => upkeep::rebuild(&needed(store)?, &args),
        Command::Backup(args) => copies::backup(&needed(store)?, &args),
        Command::Restore(args) => copies::restore(&needed(store)?, &args),
        Command::Salvage(args) => copies::salvage(&needed(store)?, &args),
        Command::Serve(args) => serve::run(&needed(store)?, &args),
        Command::Generate(args) => unneeded(store).and_then(|()| commands::generate(&args)),
        Command::Demo(args) => unneeded(store).and_then(|()| demo::run(&args)),
    }
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
