//! The arguments of the commands that read and write files of records.

use super::Filter;
use super::filter::help;
use crate::cli::when::time;
use crate::generate::Profile;
use chrono::{DateTime, Datelike, Utc};
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// More on `import`, in lines that fit in a terminal.
const IMPORT_HELP: &str = "\
Example:
  sessionlog --store logins import --format wtmp /var/log/wtmp
  sessionlog --store logins import --format csv --rejects bad.jsonl in.csv

A JSON line has the members of a session by name: refer_uid, user_refer_uid,
user, client_refer_uid, session_start and session_end, the last null or absent
while the session is open. CSV begins with a line of these names; an empty
session_end is an open session. Times are RFC 3339, with an offset, floored to
100 ns. Login records are best read from the oldest file to the newest: a logout
ends a session that is in the store.

What the store holds already changes nothing, so that an import can be repeated.
Rejected records are left out, the rest goes in, and the exit code is then 3.
The first 20 are told of on stderr; --rejects takes all of them instead, each as
a line of JSON with its line (of a login record, its number), the reason, and
its text. That file is written anew, unless --resume-after goes on with it.

Records become durable in groups of up to 10,000, and all of them by the end. If
the power fails in the middle, import the same again. Ctrl-C ends an import once
the records that were read are stored; the message says how to go on.

While a server runs on a store, --to sends it the records, in batches of 20,000
that are durable once answered. What fails to arrive is sent again for about a
minute; a server that stays away ends the import, which names the line to go on
after. Sending the same twice changes nothing.";

/// Read records into the store, which is made if there is none.
#[derive(Debug, Args)]
#[command(after_long_help = IMPORT_HELP)]
pub(in crate::cli) struct Import {
    /// What the file holds
    #[arg(long, value_name = "FORMAT")]
    pub(in crate::cli) format: ImportFormat,
    /// wtmp only: whose records they are [default: this host]
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) source: Option<String>,
    /// Write what is rejected to this file, with its line and the reason
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) rejects: Option<PathBuf>,
    /// Take only what comes after this line: an import that stopped names it
    #[arg(long, value_name = "LINE", default_value_t = 0)]
    pub(in crate::cli) resume_after: u64,
    /// Send the records to the server at this URL instead of to a store
    #[arg(long, value_name = "URL")]
    pub(in crate::cli) to: Option<String>,
    /// A file with the token for --to [default: $SESSIONLOG_TOKEN]
    #[arg(long, value_name = "FILE", requires = "to")]
    pub(in crate::cli) token_file: Option<PathBuf>,
    /// A file with the certificates to trust for --to, in PEM
    #[arg(long, value_name = "FILE", requires = "to")]
    pub(in crate::cli) ca: Option<PathBuf>,
    /// The file to read, or - for standard input
    #[arg(value_name = "FILE")]
    pub(in crate::cli) file: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum ImportFormat {
    /// One session in JSON on each line
    Jsonl,
    /// A line of names, and a row for each session
    Csv,
    /// The login records of a Linux machine
    Wtmp,
}

impl ImportFormat {
    /// The format as one of text; login records are not.
    pub(in crate::cli) fn text(self) -> Option<TextFormat> {
        match self {
            Self::Jsonl => Some(TextFormat::Jsonl),
            Self::Csv => Some(TextFormat::Csv),
            Self::Wtmp => None,
        }
    }
}

/// Write every session that passes to stdout, as import reads it.
///
/// They come oldest first: of one state of a directory, of a database by pages.
#[derive(Debug, Args)]
#[command(after_long_help = help!("\
Example:
  sessionlog --store logins export --format csv --during 2026-10 > october.csv"))]
pub(in crate::cli) struct Export {
    /// How to write them
    #[arg(long, value_name = "FORMAT")]
    pub(in crate::cli) format: TextFormat,
    #[command(flatten)]
    pub(in crate::cli) filter: Filter,
}

/// A format of one session a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum TextFormat {
    /// One session in JSON on each line
    Jsonl,
    /// A line of names, and a row for each session
    Csv,
}

/// The most users or clients to make up, all of which are in memory.
const NAMES_MAX: i64 = 10_000_000;

/// A time that made-up logins can end at.
fn until(text: &str) -> Result<DateTime<Utc>, String> {
    let at = time(text)?;
    match Profile::ENDS.contains(&at.year()) {
        true => Ok(at),
        false => Err(format!("it lies outside the years {:?}", Profile::ENDS)),
    }
}

/// Write made-up sessions as JSON lines, the same for the same seed.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  sessionlog generate --sessions 100000 --days 60 --until now > made-up.jsonl")]
pub(in crate::cli) struct Generate {
    /// How many sessions
    #[arg(long, value_name = "N")]
    pub(in crate::cli) sessions: u64,
    /// How many users to draw from
    #[arg(long, value_name = "N", default_value_t = Profile::default().users,
          value_parser = clap::value_parser!(u32).range(1..=NAMES_MAX))]
    pub(in crate::cli) users: u32,
    /// How many clients to draw from
    #[arg(long, value_name = "N", default_value_t = Profile::default().clients,
          value_parser = clap::value_parser!(u32).range(1..=NAMES_MAX))]
    pub(in crate::cli) clients: u32,
    /// Over how many days to spread the logins
    #[arg(long, value_name = "N", default_value_t = Profile::default().days,
          value_parser = clap::value_parser!(u16).range(1..))]
    pub(in crate::cli) days: u16,
    /// When the last of them is: a time, or now [default: 2026-11-01]
    #[arg(long, value_name = "T", value_parser = until, allow_hyphen_values = true)]
    pub(in crate::cli) until: Option<DateTime<Utc>>,
    /// Another seed gives other sessions
    #[arg(long, value_name = "N", default_value_t = Profile::default().seed)]
    pub(in crate::cli) seed: u64,
}
