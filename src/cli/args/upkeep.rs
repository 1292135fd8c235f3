//! The commands that keep a store in order, as they are written.

use super::Answer;
use crate::cli::when::time;
use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use std::path::PathBuf;
use uuid::Uuid;

/// More on `erase`.
const ERASE_HELP: &str = "\
Example:
  sessionlog --store logins erase --user-name ann --secure

What it cannot reach: backups, exports, and what the disk keeps of blocks that
files have given back.";

/// More on `salvage`.
const SALVAGE_HELP: &str = "\
Example:
  sessionlog --store damaged salvage --to saved

Every session that can be read comes out; what is damaged is told of, and the
exit code is then 3. The damaged store stays as it is.";

/// Check the whole store, every table against every other.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  sessionlog --store logins verify")]
pub(in crate::cli) struct Verify {
    #[command(flatten)]
    pub(in crate::cli) answer: Answer,
}

/// Remove sessions that ended long ago.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  sessionlog --store logins prune --older-than 365")]
pub(in crate::cli) struct Prune {
    /// Those that ended more than so many days ago
    #[arg(long, value_name = "DAYS", value_parser = days)]
    pub(in crate::cli) older_than: TimeDelta,
    /// And those that started before that and are still open
    #[arg(long)]
    pub(in crate::cli) open_too: bool,
    #[command(flatten)]
    pub(in crate::cli) answer: Answer,
}

/// Remove the oldest ended sessions until few enough are left.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  sessionlog --store logins retain --sessions 1000000")]
pub(in crate::cli) struct Retain {
    #[command(flatten)]
    pub(in crate::cli) max: RetainedMax,
    #[command(flatten)]
    pub(in crate::cli) answer: Answer,
}

/// How much may be left.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(in crate::cli) struct RetainedMax {
    /// So many sessions
    #[arg(long, value_name = "N")]
    pub(in crate::cli) sessions: Option<u64>,
    /// As many as take about so many live bytes of a directory: see stats
    #[arg(long, value_name = "BYTES")]
    pub(in crate::cli) live_bytes: Option<u64>,
}

/// End open sessions that started long ago.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  sessionlog --store logins end-stale --before 7d --hours 8")]
pub(in crate::cli) struct EndStale {
    /// Those that started before this: a time, or an age such as 7d
    #[arg(long, value_name = "T", value_parser = time, allow_hyphen_values = true)]
    pub(in crate::cli) before: DateTime<Utc>,
    #[command(flatten)]
    pub(in crate::cli) end: StaleEnd,
    #[command(flatten)]
    pub(in crate::cli) answer: Answer,
}

/// Which end they get.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(in crate::cli) struct StaleEnd {
    /// All of them this one: a time, or now
    #[arg(long, value_name = "T", value_parser = time, allow_hyphen_values = true)]
    pub(in crate::cli) at: Option<DateTime<Utc>>,
    /// Each so many hours after its start
    #[arg(long, value_name = "H")]
    pub(in crate::cli) hours: Option<u32>,
}

/// Remove all of a user: sessions, names, and clients of nobody else.
#[derive(Debug, Args)]
#[command(after_long_help = ERASE_HELP)]
pub(in crate::cli) struct Erase {
    #[command(flatten)]
    pub(in crate::cli) user: OneUser,
    /// Then write the directory anew: no byte of them is left in its files
    #[arg(long)]
    pub(in crate::cli) secure: bool,
    #[command(flatten)]
    pub(in crate::cli) answer: Answer,
}

/// A user, by id or by name.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(in crate::cli) struct OneUser {
    /// The user, by user_refer_uid
    #[arg(long, value_name = "UUID")]
    pub(in crate::cli) user: Option<Uuid>,
    /// The one user who has or had this name
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) user_name: Option<String>,
}

/// Make the store's file as small as what it holds.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  sessionlog --store logins compact")]
pub(in crate::cli) struct Compact {
    #[command(flatten)]
    pub(in crate::cli) answer: Answer,
}

/// Make the indexes anew from the records, where verify finds faults.
///
/// In a database these are the counters.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  sessionlog --store logins rebuild")]
pub(in crate::cli) struct Rebuild {
    #[command(flatten)]
    pub(in crate::cli) answer: Answer,
}

/// Copy the store to a directory that is made.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  sessionlog --store logins backup --to logins-backup")]
pub(in crate::cli) struct Backup {
    /// The directory
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) to: PathBuf,
    #[command(flatten)]
    pub(in crate::cli) answer: Answer,
}

/// Make the store of a backup, once all of that was checked.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  sessionlog --store restored restore --from logins-backup")]
pub(in crate::cli) struct Restore {
    /// The directory of the backup
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) from: PathBuf,
    #[command(flatten)]
    pub(in crate::cli) answer: Answer,
}

/// Make a new store of what can be read of this damaged one.
#[derive(Debug, Args)]
#[command(after_long_help = SALVAGE_HELP)]
pub(in crate::cli) struct Salvage {
    /// The directory of the new store
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) to: PathBuf,
    #[command(flatten)]
    pub(in crate::cli) answer: Answer,
}

/// A length in days as the command line takes it.
fn days(text: &str) -> Result<TimeDelta, String> {
    let days: u32 = text.parse().map_err(|error| format!("{error}"))?;
    Ok(TimeDelta::days(days.into()))
}
