//! How the schema comes to be, and is brought up to date.

use super::address::Address;
use super::connection::{Access, Connections, Transaction};
use super::failure::Failure;
use super::options::PostgresOptions;
use super::rows::column;
use super::schema::{Dialect, LOCK, META, VERSION, check_version, creation};
use super::sql::Sql;
use crate::error::{Error, Result};

/// What [`migrate`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// The version of the schema before; `None` where there was none.
    pub from: Option<u32>,
    /// And now.
    pub to: u32,
}

/// Makes the tables in a database, or brings them up to date; with `citus`, spread over the nodes of a
/// Citus cluster, whose extension is there.
///
/// All of it in one transaction, and one migration at a time: running it twice, or twice at once, does it
/// once. [`schema_sql`](super::schema_sql) is what it runs in an empty database.
///
/// # Errors
///
/// `UnsupportedFormat` if the schema is of a newer version, which is left as it is. `InvalidInput`
/// without the right to make tables, or if `citus` is not what the schema was made for. `Unavailable` if the database fails.
pub async fn migrate(address: &Address, citus: bool) -> Result<Migrated> {
    let options = PostgresOptions {
        connections_max: 1,
        ..PostgresOptions::default()
    };
    let connections = Connections::new(address, &options)?;
    let migrated = async {
        let mut transaction = connections.begin(Access::Write).await?;
        let migrated = in_transaction(&mut transaction, Dialect::of(citus)).await?;
        let committed = transaction.commit(&[]).await;
        committed.map_err(|(failure, _)| failure)?;
        Ok(migrated)
    };
    migrated.await.map_err(Failure::into_error)
}

async fn in_transaction(
    transaction: &mut Transaction,
    dialect: Dialect,
) -> Result<Migrated, Failure> {
    let lock = format!("SELECT pg_advisory_xact_lock({LOCK})");
    transaction.query(&Sql::new(lock)).await?;
    transaction.run(META).await?;
    let rows = transaction
        .query(&Sql::new("SELECT version FROM session_meta"))
        .await?;
    let to = VERSION.unsigned_abs();
    match rows.first() {
        Some(row) => {
            let found: i32 = column(row, 0)?;
            // There is no older version yet.
            check_version(found)?;
            check_dialect(transaction, dialect).await?;
            let from = Some(found.unsigned_abs());
            Ok(Migrated { from, to })
        }
        None => {
            transaction.run(&creation(dialect)).await?;
            Ok(Migrated { from: None, to })
        }
    }
}

/// A schema stays where it is.
///
/// # Errors
///
/// `InvalidInput` if it is on one PostgreSQL and is wanted on Citus, or the reverse.
async fn check_dialect(transaction: &mut Transaction, wanted: Dialect) -> Result<(), Failure> {
    let sql = Sql::new("SELECT is_citus FROM session_meta");
    for row in transaction.query(&sql).await? {
        let found = Dialect::of(column(&row, 0)?);
        if found != wanted {
            let problem = match found {
                Dialect::Citus => "is needed: the tables are spread over a cluster",
                Dialect::Postgres => "comes too late: copy the sessions into a new database",
            };
            return Err(Error::invalid("citus", problem).into());
        }
    }
    Ok(())
}
