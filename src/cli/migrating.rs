//! The command that makes a store in a database.

use super::exit::Failure;
use super::place::Place;
use super::store::Site;
use super::{args, output};
use crate::Result as StoreResult;
use crate::postgres::{Address, Migrated, migrate as make_tables, schema_sql};
use std::io::Write;

/// Makes the tables, or prints what would make them.
pub(super) fn migrate(args: &args::Migrate) -> Result<(), Failure> {
    if args.print {
        let sql = schema_sql(args.citus);
        return output::answer(|out| Ok(out.write_all(sql.as_bytes())?));
    }
    let needed = || Failure::Usage("the address of a database is needed".to_owned());
    let place = args.database.as_ref().ok_or_else(needed)?;
    in_database(place, args.citus).map_err(|failure| failure.at(place))
}

fn in_database(place: &Place, citus: bool) -> Result<(), Failure> {
    let address = place.address()?;
    let migrated = Site::new(place)?.wait(with_password(address, citus))?;
    let said = match migrated {
        Migrated { from: None, to } => format!("schema version {to} made"),
        Migrated {
            from: Some(from),
            to,
        } if from == to => format!("is version {to} already"),
        Migrated {
            from: Some(from),
            to,
        } => format!("schema version {from} is version {to} now"),
    };
    let printed = output::answer(|out| Ok(writeln!(out, "{said}")?));
    printed.map_err(|failure| failure.after(|| said))
}

async fn with_password(address: &Address, citus: bool) -> StoreResult<Migrated> {
    let address = address.clone().with_password_of_process()?;
    make_tables(&address, citus).await
}
