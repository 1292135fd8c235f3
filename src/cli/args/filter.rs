//! Which sessions a command is about.

use crate::cli::when::{Period, period, time};
use chrono::{DateTime, Utc};
use clap::Args;
use uuid::Uuid;

/// More on a command that filters: its examples, and what its filters take.
macro_rules! help {
    ($examples:literal) => {
        concat!(
            $examples,
            "\n\n\
T is a time such as 2026-11-01T08:00:00.1234567Z, or less of one, in UTC then:
2026-11-01T08:00 is that minute and 2026-11-01 that midnight; or an age in s, m,
h, d or w, such as 90m or 7d; or now. The instant itself is excluded: --after
2026-11-01 leaves out what started at that very midnight.

PERIOD is a UTC day, month or year, all of it: 2026-11-01, 2026-11, 2026, today,
yesterday, this-month or last-month."
        )
    };
}

pub(super) use help;

/// What goes above the filters in the help.
pub(super) const HEADING: &str = "Which sessions";

/// Sessions that pass every given filter.
#[derive(Debug, Args)]
pub(in crate::cli) struct Sessions {
    /// Only those of this user, by user_refer_uid
    #[arg(long, value_name = "UUID", help_heading = HEADING)]
    pub(in crate::cli) user: Option<Uuid>,
    /// Only those of the one user who has or had this name
    #[arg(long, value_name = "NAME", conflicts_with = "user", help_heading = HEADING)]
    pub(in crate::cli) user_name: Option<String>,
    /// Only those on this client, by client_refer_uid
    #[arg(long, value_name = "STR", help_heading = HEADING)]
    pub(in crate::cli) client: Option<String>,
    /// Only those that started later than this
    #[arg(long, value_name = "T", value_parser = time, allow_hyphen_values = true, help_heading = HEADING)]
    pub(in crate::cli) after: Option<DateTime<Utc>>,
    /// Only those that started earlier than this
    #[arg(long, value_name = "T", value_parser = time, allow_hyphen_values = true, help_heading = HEADING)]
    pub(in crate::cli) before: Option<DateTime<Utc>>,
    /// Only those that started in this day, month or year
    #[arg(long, value_name = "PERIOD", value_parser = period,
          conflicts_with_all = ["after", "before"], help_heading = HEADING)]
    pub(in crate::cli) during: Option<Period>,
}

impl Sessions {
    /// Whether no filter is given.
    pub(in crate::cli) fn are_all(&self) -> bool {
        let who = self.user.is_some() || self.user_name.is_some() || self.client.is_some();
        let when = self.after.is_some() || self.before.is_some() || self.during.is_some();
        !who && !when
    }
}

/// The same, and whether only open ones.
#[derive(Debug, Args)]
pub(in crate::cli) struct Filter {
    #[command(flatten)]
    pub(in crate::cli) sessions: Sessions,
    /// Only those without an end
    #[arg(long, help_heading = HEADING)]
    pub(in crate::cli) open: bool,
}
