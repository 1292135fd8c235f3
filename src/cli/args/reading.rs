//! The arguments of the commands that read a store.

use super::filter::help;
use super::{Answer, Filter};
use crate::{Bucket, PageRequest};
use clap::{Args, ValueEnum};
use uuid::Uuid;

/// Print one page of the sessions that pass every given filter.
///
/// Any number may read a directory at once, but none while one writes.
#[derive(Debug, Args)]
#[command(after_long_help = help!("\
Example:
  sessionlog --store logins query --open
  sessionlog --store logins query --user-name ann --during last-month --page 1"))]
pub(in crate::cli) struct Query {
    #[command(flatten)]
    pub(in crate::cli) filter: Filter,
    /// The page to print, from zero
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(in crate::cli) page: u32,
    /// How many sessions a page holds
    #[arg(long, value_name = "N", default_value_t = PageRequest::RECORDS_PER_PAGE_DEFAULT)]
    pub(in crate::cli) per_page: u32,
    /// From the newest session to the oldest
    #[arg(long)]
    pub(in crate::cli) newest_first: bool,
    #[command(flatten)]
    pub(in crate::cli) answer: Answer,
}

/// Print one session.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  sessionlog --store logins get 6f9619ff-8b86-d011-b42d-00c04fc964ff")]
pub(in crate::cli) struct Get {
    /// The session, by refer_uid
    #[arg(value_name = "UUID")]
    pub(in crate::cli) refer_uid: Uuid,
    #[command(flatten)]
    pub(in crate::cli) answer: Answer,
}

/// Print how many sessions pass every given filter.
#[derive(Debug, Args)]
#[command(after_long_help = help!("\
Example:
  sessionlog --store logins count --open --client PDA-01"))]
pub(in crate::cli) struct Count {
    #[command(flatten)]
    pub(in crate::cli) filter: Filter,
    #[command(flatten)]
    pub(in crate::cli) answer: Answer,
}

/// Draw how many sessions started in each UTC hour, day or month.
#[derive(Debug, Args)]
#[command(after_long_help = help!("\
Example:
  sessionlog --store logins histogram --by hour --during yesterday"))]
pub(in crate::cli) struct Histogram {
    /// What a bar is of
    #[arg(long, value_name = "BUCKET", default_value = "day")]
    pub(in crate::cli) by: By,
    #[command(flatten)]
    pub(in crate::cli) filter: Filter,
    #[command(flatten)]
    pub(in crate::cli) answer: Answer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum By {
    Hour,
    Day,
    Month,
}

impl By {
    pub(in crate::cli) fn bucket(self) -> Bucket {
        match self {
            Self::Hour => Bucket::Hour,
            Self::Day => Bucket::Day,
            Self::Month => Bucket::Month,
        }
    }
}

/// Print the users with the most sessions.
#[derive(Debug, Args)]
#[command(after_long_help = help!("\
Example:
  sessionlog --store logins users --top 10 --during last-month"))]
pub(in crate::cli) struct Users {
    #[command(flatten)]
    pub(in crate::cli) ranking: Ranking,
}

/// Print the clients with the most sessions.
#[derive(Debug, Args)]
#[command(after_long_help = help!("\
Example:
  sessionlog --store logins clients --user-name ann"))]
pub(in crate::cli) struct Clients {
    #[command(flatten)]
    pub(in crate::cli) ranking: Ranking,
}

/// How many of the busiest, and by which sessions.
#[derive(Debug, Args)]
pub(in crate::cli) struct Ranking {
    /// How many to print
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(in crate::cli) top: u32,
    #[command(flatten)]
    pub(in crate::cli) filter: Filter,
    #[command(flatten)]
    pub(in crate::cli) answer: Answer,
}

/// Print what the store holds and what it costs.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Example:
  sessionlog --store logins stats --output json")]
pub(in crate::cli) struct Stats {
    #[command(flatten)]
    pub(in crate::cli) answer: Answer,
}
