//! The commands that keep a store in order, as they are written.

use super::{Output, time};
use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use std::path::PathBuf;
use uuid::Uuid;

/// More on `erase`.
const ERASE_HELP: &str = "\
What it cannot reach: backups, exports, and what the disk keeps of blocks that
files have given back.";

/// More on `salvage`.
const SALVAGE_HELP: &str = "\
Every session that can be read comes out; what is damaged is told of, and the
exit code is then 3. The damaged store stays as it is.";

/// Check the whole store, every table against every other.
#[derive(Debug, Args)]
pub(in crate::cli) struct Verify {
    /// How to print the faults
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(in crate::cli) output: Output,
}

/// Remove sessions that ended long ago.
#[derive(Debug, Args)]
pub(in crate::cli) struct Prune {
    /// Those that ended more than so many days ago
    #[arg(long, value_name = "DAYS", value_parser = days)]
    pub(in crate::cli) older_than: TimeDelta,
    /// And those that started before that and are still open
    #[arg(long)]
    pub(in crate::cli) open_too: bool,
    /// How to print what was done
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(in crate::cli) output: Output,
}

/// Remove the oldest ended sessions until few enough are left.
#[derive(Debug, Args)]
pub(in crate::cli) struct Retain {
    #[command(flatten)]
    pub(in crate::cli) max: RetainedMax,
    /// How to print what was done
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(in crate::cli) output: Output,
}

/// How much may be left.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(in crate::cli) struct RetainedMax {
    /// So many sessions
    #[arg(long, value_name = "N")]
    pub(in crate::cli) sessions: Option<u64>,
    /// As many as take about so many live bytes: see stats
    #[arg(long, value_name = "BYTES")]
    pub(in crate::cli) live_bytes: Option<u64>,
}

/// End open sessions that started long ago.
#[derive(Debug, Args)]
pub(in crate::cli) struct EndStale {
    /// Those that started before this time: RFC 3339
    #[arg(long, value_name = "T", value_parser = time)]
    pub(in crate::cli) before: DateTime<Utc>,
    #[command(flatten)]
    pub(in crate::cli) end: StaleEnd,
    /// How to print what was done
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(in crate::cli) output: Output,
}

/// Which end they get.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(in crate::cli) struct StaleEnd {
    /// All of them this one: RFC 3339
    #[arg(long, value_name = "T", value_parser = time)]
    pub(in crate::cli) at: Option<DateTime<Utc>>,
    /// Each so many hours after its start
    #[arg(long, value_name = "H")]
    pub(in crate::cli) hours: Option<u32>,
}

/// Remove every session and name of a user, and clients of nobody else.
#[derive(Debug, Args)]
#[command(after_long_help = ERASE_HELP)]
pub(in crate::cli) struct Erase {
    /// The user, by user_refer_uid
    #[arg(long, value_name = "UUID")]
    pub(in crate::cli) user: Uuid,
    /// Then write the store anew: no byte of them is left in its files
    #[arg(long)]
    pub(in crate::cli) secure: bool,
    /// How to print what was done
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(in crate::cli) output: Output,
}

/// Make the store's file as small as what it holds.
#[derive(Debug, Args)]
pub(in crate::cli) struct Compact {
    /// How to print what was done
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(in crate::cli) output: Output,
}

/// Make the indexes anew from the records, where verify finds faults.
#[derive(Debug, Args)]
pub(in crate::cli) struct Rebuild {
    /// How to print what was done
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(in crate::cli) output: Output,
}

/// Copy the store to a directory that is made.
#[derive(Debug, Args)]
pub(in crate::cli) struct Backup {
    /// The directory
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) to: PathBuf,
    /// How to print what was done
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(in crate::cli) output: Output,
}

/// Make the store of a backup, once all of that was checked.
#[derive(Debug, Args)]
pub(in crate::cli) struct Restore {
    /// The directory of the backup
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) from: PathBuf,
    /// How to print what was done
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(in crate::cli) output: Output,
}

/// Make a new store of what can be read of this one, which is damaged.
#[derive(Debug, Args)]
#[command(after_long_help = SALVAGE_HELP)]
pub(in crate::cli) struct Salvage {
    /// The directory of the new store
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) to: PathBuf,
    /// How to print what came of it
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    pub(in crate::cli) output: Output,
}

/// A length in days as the command line takes it.
fn days(text: &str) -> Result<TimeDelta, String> {
    let days: u32 = text.parse().map_err(|error| format!("{error}"))?;
    Ok(TimeDelta::days(days.into()))
}
