//! What can be written on the command line.

mod serve;
mod upkeep;

pub(super) use serve::{Access, Level, Serve};
pub(super) use upkeep::{
    Backup, Compact, EndStale, Erase, Prune, Rebuild, Restore, Retain, Salvage, Verify,
};

use super::exit;
use crate::PageRequest;
use crate::generate::Profile;
use chrono::{DateTime, Utc};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use uuid::Uuid;

/// More on `import`, in lines that fit in a terminal.
const IMPORT_HELP: &str = "\
A JSON line has the members of a session by name: refer_uid, user_refer_uid,
user, client_refer_uid, session_start and session_end, the last null or absent
while the session is open. CSV begins with a line of these names; an empty
session_end is an open session. Login records are best read from the oldest file
to the newest: a logout ends a session that is in the store.

What the store holds already changes nothing, so that an import can be repeated.
Rejected records are told of on stderr and left out; the rest goes in, and the
exit code is then 3.

Records become durable in groups of up to 10,000, and all of them by the end. If
the power fails in the middle, import the same again.

While a server runs on a store, --to sends it the records, in batches of 20,000
that are durable once answered. What fails to arrive is sent again for about a
minute; a server that stays away ends the import, which names the line to go on
after. Sending the same twice changes nothing.";

/// More on `query`.
const QUERY_HELP: &str = "\
T is a time in RFC 3339 with up to seven fraction digits and any offset, such as
2026-11-01T08:00:00.1234567Z. Both bounds exclude themselves.

Any number of commands may read a store at once, but none while one writes.";

/// Keep who was logged in where, and get any page of it with its exact total.
#[derive(Debug, Parser)]
#[command(name = "sessionlog", version, after_long_help = exit::HELP)]
#[command(arg_required_else_help = false)]
pub(super) struct CommandLine {
    /// The directory of the store (not for generate, demo)
    #[arg(long, global = true, value_name = "DIR")]
    pub(super) store: Option<PathBuf>,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Import(Import),
    Query(Query),
    End(End),
    Stats(Stats),
    Verify(Verify),
    Prune(Prune),
    Retain(Retain),
    EndStale(EndStale),
    Erase(Erase),
    Compact(Compact),
    Rebuild(Rebuild),
    Backup(Backup),
    Restore(Restore),
    Salvage(Salvage),
    Serve(Serve),
    Generate(Generate),
    Demo(Demo),
}

/// Read records into the store, which is made if there is none.
#[derive(Debug, Args)]
#[command(after_long_help = IMPORT_HELP)]
pub(super) struct Import {
    /// What the file holds
    #[arg(long, value_name = "FORMAT")]
    pub(super) format: ImportFormat,
    /// wtmp only: whose records they are [default: this host]
    #[arg(long, value_name = "NAME")]
    pub(super) source: Option<String>,
    /// Send the records to the server at this URL instead of to a store
    #[arg(long, value_name = "URL")]
    pub(super) to: Option<String>,
    /// A file with the token for --to [default: $SESSIONLOG_TOKEN]
    #[arg(long, value_name = "FILE", requires = "to")]
    pub(super) token_file: Option<PathBuf>,
    /// A file with the certificates to trust for --to, in PEM
    #[arg(long, value_name = "FILE", requires = "to")]
    pub(super) ca: Option<PathBuf>,
    /// Send only what comes after this line: an import that stopped names it
    #[arg(long, value_name = "LINE", requires = "to", default_value_t = 0)]
    pub(super) resume_after: u64,
    /// The file to read, or - for standard input
    #[arg(value_name = "FILE")]
    pub(super) file: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ImportFormat {
    /// One session in JSON on each line
    Jsonl,
    /// A line of names, and a row for each session
    Csv,
    /// The login records of a Linux machine
    Wtmp,
}

/// Print one page of the sessions that pass every given filter.
#[derive(Debug, Args)]
#[command(after_long_help = QUERY_HELP)]
pub(super) struct Query {
    /// Only sessions of this user, by user_refer_uid
    #[arg(long, value_name = "UUID")]
    pub(super) user: Option<Uuid>,
    /// Only sessions of this client, by client_refer_uid
    #[arg(long, value_name = "STR")]
    pub(super) client: Option<String>,
    /// Only sessions without an end
    #[arg(long)]
    pub(super) open: bool,
    /// Only sessions that started later than this
    #[arg(long, value_name = "T", value_parser = time)]
    pub(super) after: Option<DateTime<Utc>>,
    /// Only sessions that started earlier than this
    #[arg(long, value_name = "T", value_parser = time)]
    pub(super) before: Option<DateTime<Utc>>,
    /// The page to print, from zero
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) page: u32,
    /// How many sessions a page holds
    #[arg(long, value_name = "N", default_value_t = PageRequest::RECORDS_PER_PAGE_DEFAULT)]
    pub(super) per_page: u32,
    /// From the newest session to the oldest
    #[arg(long)]
    pub(super) newest_first: bool,
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(super) output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// For people: times in UTC to the second
    Table,
    /// One JSON object, of a page with its totals
    Json,
    /// One JSON object a line, of a page without its totals
    Jsonl,
    /// As jsonl, in comma-separated values under a line of names
    Csv,
}

/// End a session: prints `ended`, or `already there` the next time.
#[derive(Debug, Args)]
pub(super) struct End {
    /// The session, by refer_uid
    #[arg(value_name = "UUID")]
    pub(super) refer_uid: Uuid,
    /// When it ended: RFC 3339 with up to seven fraction digits
    #[arg(long, value_name = "T", value_parser = time)]
    pub(super) at: DateTime<Utc>,
}

/// Print what the store holds and what it costs.
#[derive(Debug, Args)]
pub(super) struct Stats {
    /// How to print it
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(super) output: Output,
}

/// Write made-up sessions as JSON lines, the same for the same numbers.
#[derive(Debug, Args)]
pub(super) struct Generate {
    /// How many sessions
    #[arg(long, value_name = "N")]
    pub(super) sessions: u64,
    /// How many users to draw from
    #[arg(long, value_name = "N", default_value_t = Profile::default().users,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) users: u32,
    /// How many clients to draw from
    #[arg(long, value_name = "N", default_value_t = Profile::default().clients,
          value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) clients: u32,
    /// Another seed gives other sessions
    #[arg(long, value_name = "N", default_value_t = Profile::default().seed)]
    pub(super) seed: u64,
}

/// Build a store of a million sessions and show what paging costs.
///
/// The store is made in a temporary folder, which is removed at the end.
#[derive(Debug, Args)]
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

/// The most digits of a second that a store keeps.
const FRACTION_DIGITS_MAX: usize = 7;

/// A time as the command line takes it; clap names the value in front of what is wrong with it.
fn time(text: &str) -> Result<DateTime<Utc>, String> {
    let at = DateTime::parse_from_rfc3339(text)
        .map_err(|error| format!("it is not a time in RFC 3339: {error}"))?;
    let digits = fraction_digits(text);
    if digits > FRACTION_DIGITS_MAX {
        return Err(format!(
            "it has {digits} fraction digits; a store keeps up to {FRACTION_DIGITS_MAX}"
        ));
    }
    Ok(at.to_utc())
}

fn fraction_digits(text: &str) -> usize {
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    fraction.bytes().take_while(u8::is_ascii_digit).count()
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
    fn times_have_up_to_seven_fraction_digits_and_any_offset() {
        let tick = time("2026-11-01T08:00:00.1234567Z").unwrap();
        assert_eq!(time("2026-11-01T10:00:00.1234567+02:00"), Ok(tick));
        for text in [
            "2026-11-01T08:00:00.12345670Z",
            "2026-11-01T10:00:00.12345678+02:00",
        ] {
            assert!(time(text).unwrap_err().contains("8 fraction digits"));
        }
        for text in [
            "",
            "2026-11-01",
            "2026-11-01T08:00:00",
            "1793520000",
            "+12026-11-01T08:00:00Z",
        ] {
            assert!(time(text).unwrap_err().contains("RFC 3339"), "{text}");
        }
    }
}
