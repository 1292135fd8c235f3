//! The arguments of the commands that write sessions one by one.

use super::filter::{HEADING, help};
use super::{Answer, Sessions};
use crate::cli::when::time;
use chrono::{DateTime, Utc};
use clap::Args;
use uuid::Uuid;

/// Start a session, and print its refer_uid.
///
/// It is durable then. With --refer-uid, a retry cannot start it twice.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  sessionlog --store logins start --user-name ann --client PDA-01

Of a user whom the store knows, either of --user and --user-name will do: the
name must be of one user only, and the newest name of a user is taken.")]
pub(in crate::cli) struct Start {
    /// The user, by user_refer_uid
    #[arg(long, value_name = "UUID", required_unless_present = "user_name")]
    pub(in crate::cli) user: Option<Uuid>,
    /// What the user is called
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) user_name: Option<String>,
    /// The client, by client_refer_uid
    #[arg(long, value_name = "STR")]
    pub(in crate::cli) client: String,
    /// When it starts: a time, or an age such as 5m [default: now]
    #[arg(long, value_name = "T", value_parser = time, allow_hyphen_values = true)]
    pub(in crate::cli) at: Option<DateTime<Utc>>,
    /// The session's refer_uid [default: a new one]
    #[arg(long, value_name = "UUID")]
    pub(in crate::cli) refer_uid: Option<Uuid>,
}

/// End a session: prints `ended`, or `already there`.
///
/// The latter if the session had ended right then: another end is refused.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  sessionlog --store logins end 6f9619ff-8b86-d011-b42d-00c04fc964ff")]
pub(in crate::cli) struct End {
    /// The session, by refer_uid
    #[arg(value_name = "UUID")]
    pub(in crate::cli) refer_uid: Uuid,
    /// When it ended: a time, or an age such as 5m
    #[arg(long, value_name = "T", value_parser = time, allow_hyphen_values = true, default_value = "now")]
    pub(in crate::cli) at: DateTime<Utc>,
}

/// End the open sessions that pass every filter.
///
/// In one commit; in a database in commits of some thousand sessions.
#[derive(Debug, Args)]
#[command(after_long_help = help!("\
Example:
  sessionlog --store logins end-open --client PDA-01
  sessionlog --store logins end-open --all --at 2026-11-01T18:00"))]
pub(in crate::cli) struct EndOpen {
    #[command(flatten)]
    pub(in crate::cli) sessions: Sessions,
    /// Of everybody, on every client
    #[arg(long, help_heading = HEADING)]
    pub(in crate::cli) all: bool,
    /// When they ended: those that started later stay open
    #[arg(long, value_name = "T", value_parser = time, allow_hyphen_values = true, default_value = "now")]
    pub(in crate::cli) at: DateTime<Utc>,
    #[command(flatten)]
    pub(in crate::cli) answer: Answer,
}

/// Remove a session, open or ended, and print what it was.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  sessionlog --store logins remove 6f9619ff-8b86-d011-b42d-00c04fc964ff")]
pub(in crate::cli) struct Remove {
    /// The session, by refer_uid
    #[arg(value_name = "UUID")]
    pub(in crate::cli) refer_uid: Uuid,
    #[command(flatten)]
    pub(in crate::cli) answer: Answer,
}
