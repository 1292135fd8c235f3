//! What the failures of a server are to a caller (PostgreSQL documentation, appendix A).

use super::address::cause;
use crate::error::{Error, ErrorKind};
use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;

/// Why an attempt was in vain.
#[derive(Debug)]
pub(super) enum Failure {
    /// The call or what is stored is at fault: another attempt would be in vain too. The connection is
    /// as good as it was.
    Final(Error),
    /// It may pass: another attempt on another connection may succeed.
    Passing(Error),
}

impl Failure {
    pub(super) fn into_error(self) -> Error {
        match self {
            Self::Final(error) | Self::Passing(error) => error,
        }
    }

    /// The server has not answered in time.
    pub(super) fn timed_out() -> Self {
        let message = "the database has not answered in time";
        Self::Passing(Error::new(ErrorKind::Unavailable, message))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

impl From<tokio_postgres::Error> for Failure {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(state) = error.code().cloned() else {
            return Self::Passing(unavailable(error));
        };
        let kind = kind_of(&state);
        let error = match error.as_db_error() {
            // What it says besides cites values, which are personal data.
            Some(said) => {
                let message = format!("the database says: {} ({})", said.message(), state.code());
                Error::new(kind, message).caused_by(error)
            }
            None => unavailable(error),
        };
        match passes(&state) {
            true => Self::Passing(error),
            false => Self::Final(error),
        }
    }
}

impl From<PoolError> for Failure {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => error.into(),
            other => {
                let message = format!("there is no connection to the database: {other}");
                Self::Passing(Error::new(ErrorKind::Unavailable, message).caused_by(other))
            }
        }
    }
}

fn unavailable(error: tokio_postgres::Error) -> Error {
    let message = format!("the database cannot be reached: {}", cause(&error));
    Error::new(ErrorKind::Unavailable, message).caused_by(error)
}

fn kind_of(state: &SqlState) -> ErrorKind {
    match state.code() {
        // No such table, schema or database.
        "42P01" | "3F000" | "3D000" => ErrorKind::NotAStore,
        // No right to do it.
        "42501" => ErrorKind::InvalidInput,
        "XX001" | "XX002" => ErrorKind::Corrupted,
        _ => ErrorKind::Unavailable,
    }
}

/// Whether another attempt may succeed: another transaction was in the way, or the connection or the
/// server is going or gone, has given this client up, or only takes reads any more.
fn passes(state: &SqlState) -> bool {
    let code = state.code();
    let classes = ["08", "57P"];
    let states = ["40001", "40P01", "25006", "25P03", "53300", "55P03"];
    classes.iter().any(|class| code.starts_with(class)) || states.contains(&code)
}
