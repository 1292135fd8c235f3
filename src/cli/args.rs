//! What can be written on the command line.

mod databases;
mod files;
mod filter;
mod reading;
mod serve;
mod upkeep;
mod writing;

pub(super) use databases::{CopyAll, Migrate};
pub(super) use files::{Export, Generate, Import, ImportFormat, TextFormat};
pub(super) use filter::{Filter, Sessions};
pub(super) use reading::{Clients, Count, Get, Histogram, Query, Ranking, Stats, Users};
pub(super) use serve::{Access, Level, Serve};
pub(super) use upkeep::{
    Backup, Compact, EndStale, Erase, OneUser, Prune, Rebuild, Restore, Retain, Salvage, Verify,
};
pub(super) use writing::{End, EndOpen, Remove, Start};

use super::exit;
use super::place::{Place, PlaceParser};
use crate::generate::Profile;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use std::path::PathBuf;

/// Keep who was logged in where, and get any page of it with its exact total.
#[derive(Debug, Parser)]
#[command(name = "sessionlog", version, after_long_help = exit::HELP)]
#[command(arg_required_else_help = false)]
pub(super) struct CommandLine {
    /// The directory of the store, or postgres://USER@HOST/DATABASE
    #[arg(long, global = true, value_name = "DIR|URL",
          value_parser = PlaceParser, value_hint = ValueHint::AnyPath)]
    pub(super) store: Option<Place>,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Import(Import),
    Export(Export),
    Query(Query),
    Get(Get),
    Count(Count),
    Histogram(Histogram),
    Users(Users),
    Clients(Clients),
    Stats(Stats),
    Start(Start),
    End(End),
    EndOpen(EndOpen),
    EndStale(EndStale),
    Remove(Remove),
    Prune(Prune),
    Retain(Retain),
    Erase(Erase),
    Verify(Verify),
    Compact(Compact),
    Rebuild(Rebuild),
    Backup(Backup),
    Restore(Restore),
    Salvage(Salvage),
    Migrate(Migrate),
    Copy(CopyAll),
    Serve(Serve),
    Generate(Generate),
    Demo(Demo),
    Completions(Completions),
}

/// How a command answers.
#[derive(Debug, Args)]
pub(super) struct Answer {
    /// How to print the answer
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(super) output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// For people: times in UTC to the second
    Table,
    /// One JSON object, with totals where there are any
    Json,
    /// One JSON object a line, without totals
    Jsonl,
    /// As jsonl, in comma-separated values under a line of names
    Csv,
}

/// Build a store of a million sessions and show what paging costs.
///
/// The store is made in a temporary folder, which is removed at the end.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  sessionlog demo --sessions 200000")]
pub(super) struct Demo {
    /// How many sessions to make up
    #[arg(long, value_name = "N", default_value_t = Profile::default().sessions,
          value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) sessions: u64,
    /// Read this file of JSON lines instead, or - for standard input
    #[arg(long, value_name = "FILE", conflicts_with = "sessions")]
    pub(super) from: Option<PathBuf>,
    /// Leave the store where it is
    #[arg(long)]
    pub(super) keep: bool,
}

/// Print a script that completes this command line in a shell.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  sessionlog completions bash > ~/.local/share/bash-completion/completions/sessionlog")]
pub(super) struct Completions {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub(super) shell: Shell,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn every_command_has_an_example_that_is_understood() {
        for command in CommandLine::command().get_subcommands() {
            let help = command.get_after_long_help().map(ToString::to_string);
            let help = help.unwrap_or_default();
            let start = help
                .find("Example:\n")
                .unwrap_or_else(|| panic!("{}", command.get_name()));
            let examples = help[start..].lines().skip(1);
            let mut examples = examples
                .take_while(|line| line.starts_with("  "))
                .peekable();
            assert!(examples.peek().is_some(), "{}", command.get_name());
            for example in examples {
                // What comes before a pipe or behind a redirection is another command's.
                let example = example.rsplit('|').next().unwrap_or_default();
                let example = example.split('>').next().unwrap_or_default();
                let words = example
                    .split_whitespace()
                    .map(|word| word.trim_matches('"'));
                let line = CommandLine::try_parse_from(words);
                assert!(line.is_ok(), "{example}: {line:?}");
            }
        }
    }
}
