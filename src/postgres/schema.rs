//! The tables, their version, and how they come to be.
//!
//! `session_log` has a row for each session. `session_count` says, for each slot, how many sessions
//! started in each bucket of time, and how many of them are open: of all sessions, and of each user and
//! client that `session_counted` lists, those who have many. `session_meta` has one row: which version
//! of all this it is. Every transaction that changes sessions changes their counters, so that a total is
//! a sum of few counters and never a count of many rows.

use super::failure::Failure;
use super::slot::SLOTS;
use crate::error::{Error, ErrorKind, Result};
use std::fmt::Write;

/// The version of the schema that is written and read here.
pub(super) const VERSION: i32 = 1;

/// Ticks in an hour, the finest bucket.
pub(super) const HOUR: i64 = 36_000_000_000;

/// How wide the buckets of each level are, in ticks, from the finest on: an hour, and 32 times as wide
/// each.
pub(super) const WIDTHS: [i64; 3] = [HOUR, 32 * HOUR, 1_024 * HOUR];

/// The first key of the advisory lock that one migration at a time holds: any number, but always the
/// same one.
pub(super) const LOCK: i64 = 0x5e55_1066;

/// Where the tables are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// On one PostgreSQL.
    Postgres,
    /// Spread over the nodes of a Citus cluster, by slot.
    Citus,
}

impl Dialect {
    pub(super) fn of(is_citus: bool) -> Self {
        match is_citus {
            true => Self::Citus,
            false => Self::Postgres,
        }
    }

    /// Two statements of one transaction say what cannot both be so. There is no snapshot across the nodes
    /// of Citus: it may pass there.
    pub(super) fn disagreement(self, message: &str) -> Failure {
        let error = Error::corrupted(message);
        match self {
            Self::Postgres => Failure::Final(error),
            Self::Citus => Failure::Passing(error),
        }
    }

    pub(super) fn is_citus(self) -> bool {
        self == Self::Citus
    }
}

/// The statements that make the tables of the first version.
///
/// `user_name` and `client_refer_uid` are bytes: text of PostgreSQL cannot hold U+0000, depends on the
/// encoding of the database, and compares as its collation says.
const TABLES: &str = "\
CREATE TABLE session_log (
  slot smallint NOT NULL,            -- which follows from refer_uid
  refer_uid uuid NOT NULL,
  user_refer_uid uuid NOT NULL,
  user_name bytea NOT NULL,          -- UTF-8
  client_refer_uid bytea NOT NULL,   -- UTF-8
  session_start bigint NOT NULL,     -- ticks of 100 ns since 0001-01-01T00:00:00Z
  session_end bigint,                -- as many; absent while the session is open
  PRIMARY KEY (slot, refer_uid));
CREATE INDEX session_log_time
  ON session_log (session_start ASC, refer_uid ASC);
CREATE INDEX session_log_user
  ON session_log (user_refer_uid ASC, session_start ASC, refer_uid ASC) INCLUDE (client_refer_uid);
CREATE INDEX session_log_client
  ON session_log (client_refer_uid ASC, session_start ASC, refer_uid ASC);
CREATE INDEX session_log_open
  ON session_log (session_start ASC, refer_uid ASC) WHERE session_end IS NULL;
CREATE TABLE session_count (
  slot smallint NOT NULL,
  k bytea NOT NULL,                  -- 00: of all; 01, client_refer_uid; 02, user_refer_uid
  lvl smallint NOT NULL,             -- which of the widths, from 0
  bucket bigint NOT NULL,            -- session_start divided by that
  total bigint NOT NULL,
  open bigint NOT NULL,
  PRIMARY KEY (slot, k, lvl, bucket)) WITH (fillfactor = 70);
CREATE TABLE session_counted (       -- the users and clients that have counters
  k bytea PRIMARY KEY);
";

/// The first statement of all, and the only one that may be run where there is something already.
pub(super) const META: &str = "\
CREATE TABLE IF NOT EXISTS session_meta (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  version integer NOT NULL,
  store_uid uuid NOT NULL DEFAULT gen_random_uuid(),
  slots smallint NOT NULL,
  widths bigint[] NOT NULL,
  is_citus boolean NOT NULL);
";

/// What Citus needs besides: rows and counters of a slot are on one node.
const DISTRIBUTED: &str = "\
SELECT create_distributed_table('session_log', 'slot', shard_count => 8);
SELECT create_distributed_table('session_count', 'slot', colocate_with => 'session_log');
";

/// What makes the tables where there are none.
pub(super) fn creation(dialect: Dialect) -> String {
    let mut sql = TABLES.to_owned();
    if dialect.is_citus() {
        sql.push_str(DISTRIBUTED);
    }
    let widths = WIDTHS.map(|width| width.to_string()).join(", ");
    let is_citus = dialect.is_citus();
    // Writing to a string does not fail.
    let _ = writeln!(
        sql,
        "INSERT INTO session_meta (version, slots, widths, is_citus)\n  \
         VALUES ({VERSION}, {SLOTS}, ARRAY[{widths}]::bigint[], {is_citus});"
    );
    sql
}

/// All that a migration of an empty database runs, for those who run it themselves.
///
/// ```
/// let sql = sessionlog::postgres::schema_sql(false);
/// assert!(sql.contains("CREATE TABLE session_log"));
/// ```
#[must_use]
pub fn schema_sql(citus: bool) -> String {
    let creation = creation(Dialect::of(citus));
    format!("BEGIN;\nSELECT pg_advisory_xact_lock({LOCK});\n{META}{creation}COMMIT;\n")
}

/// Whether tables of a version are understood here.
///
/// # Errors
///
/// `UnsupportedFormat`, naming both versions.
pub(super) fn check_version(found: i32) -> Result<()> {
    if found == VERSION {
        return Ok(());
    }
    let advice = match found < VERSION {
        true => "migrate it first",
        false => "a newer release made it",
    };
    let message = format!(
        "the schema has version {found}; this release reads and writes version {VERSION}: {advice}"
    );
    Err(Error::new(ErrorKind::UnsupportedFormat, message))
}

/// Whether the layout that the meta row tells is one of this version's.
///
/// # Errors
///
/// `UnsupportedFormat`, naming what is not.
pub(super) fn check_layout(slots: i16, widths: &[i64]) -> Result<()> {
    let rises = |pair: &[i64]| match pair {
        [narrow, wide] => wide > narrow && wide % narrow == 0,
        _ => true,
    };
    let are_buckets = widths.first() == Some(&HOUR) && widths.windows(2).all(rises);
    if slots == SLOTS && are_buckets {
        return Ok(());
    }
    let message = format!("the schema has {slots} slots and buckets of {widths:?} ticks");
    Err(Error::new(ErrorKind::UnsupportedFormat, message))
}
