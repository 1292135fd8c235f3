//! The arguments of the commands that are about databases.

use crate::cli::place::{Place, PlaceParser};
use clap::{Args, ValueHint};

/// More on `migrate`, in lines that fit in a terminal.
const MIGRATE_HELP: &str = "\
Example:
  sessionlog migrate postgres://log@db1/sessions
  sessionlog migrate --print > schema.sql

It is to be run once for a database, and after each upgrade; running it again
changes nothing. The password comes from PGPASSWORD or a pass file (~/.pgpass).";

/// More on `copy`.
const COPY_HELP: &str = "\
Example:
  sessionlog copy --from logins --to postgres://log@db1/sessions

It goes day by day. Days that both have alike are left as they are, so that a
copy that was interrupted goes on where it was once it is repeated, and one that
is repeated while sessions still come takes what is new. At the end all days are
compared: what the target has besides is a conflict.";

/// Make the tables of a store in a database, or update them.
#[derive(Debug, Args)]
#[command(after_long_help = MIGRATE_HELP)]
pub(in crate::cli) struct Migrate {
    /// The address of the database
    #[arg(value_name = "URL", required_unless_present = "print", value_parser = PlaceParser)]
    pub(in crate::cli) database: Option<Place>,
    /// Spread over the nodes of a Citus cluster, whose extension is there
    #[arg(long)]
    pub(in crate::cli) citus: bool,
    /// Print the statements for an empty database, and do nothing
    #[arg(long)]
    pub(in crate::cli) print: bool,
}

/// Copy all sessions of a store into a database, or out of one.
#[derive(Debug, Args)]
#[command(after_long_help = COPY_HELP)]
pub(in crate::cli) struct CopyAll {
    /// The store to read
    #[arg(long, value_name = "DIR|URL", value_parser = PlaceParser, value_hint = ValueHint::AnyPath)]
    pub(in crate::cli) from: Place,
    /// The store to write; a directory is made if there is none
    #[arg(long, value_name = "DIR|URL", value_parser = PlaceParser, value_hint = ValueHint::AnyPath)]
    pub(in crate::cli) to: Place,
}
