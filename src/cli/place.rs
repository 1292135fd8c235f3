//! Where a store is: in a directory, or in a database.

use super::exit::Failure;
use crate::postgres::Address;
use clap::builder::{PathBufValueParser, TypedValueParser};
use clap::error::ErrorKind;
use clap::{Arg, Command};
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

/// What `--store` points to.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Directory(PathBuf),
    /// Its address has no password: who started this process is asked for that.
    Database(Box<Address>),
}

impl Place {
    /// The directory, if it is one.
    pub(super) fn directory(&self) -> Option<&Path> {
        match self {
            Self::Directory(path) => Some(path),
            Self::Database(_) => None,
        }
    }

    /// The directory, for a command that a database has something else for.
    pub(super) fn directory_or(&self, instead: &str) -> Result<&Path, Failure> {
        let problem = || Failure::Usage(format!("this needs the directory of a store: {instead}"));
        self.directory().ok_or_else(problem)
    }

    /// The address of the database, for a command that is about one.
    pub(super) fn address(&self) -> Result<&Address, Failure> {
        match self {
            Self::Database(address) => Ok(address),
            Self::Directory(path) => Err(Failure::Usage(format!(
                "{} is not the address of a database, postgres://USER@HOST/DATABASE",
                path.display()
            ))),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => path.display().fmt(f),
            Self::Database(address) => address.fmt(f),
        }
    }
}

/// Reads a place from the command line. What it refuses it does not cite: there can be a password in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct PlaceParser;

impl TypedValueParser for PlaceParser {
    type Value = Place;

    fn parse_ref(
        &self,
        command: &Command,
        argument: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Place, clap::Error> {
        let Some(url) = value.to_str().filter(|text| Address::is_meant_by(text)) else {
            let path = PathBufValueParser::new().parse_ref(command, argument, value);
            return path.map(Place::Directory);
        };
        let address = address(url).map_err(|problem| {
            let name = argument.map(ToString::to_string).unwrap_or_default();
            let message = format!("{name}: {problem}\n");
            clap::Error::raw(ErrorKind::ValueValidation, message).with_cmd(command)
        })?;
        Ok(Place::Database(Box::new(address)))
    }
}

/// A command line can be read by everybody on the machine, and is kept in the history of the shell.
fn address(url: &str) -> Result<Address, String> {
    let address: Address = url
        .parse()
        .map_err(|error: crate::Error| error.to_string())?;
    match address.has_password() {
        true => Err(
            "a password does not belong on the command line: set PGPASSWORD, or use a pass \
             file (~/.pgpass)"
                .to_owned(),
        ),
        false => Ok(address),
    }
}

/// A text that cites arguments of this process, without the passwords that are in them.
pub(super) fn without_passwords(text: &str, arguments: impl Iterator<Item = String>) -> String {
    let url_in = |argument: String| {
        let mut starts = argument.match_indices("postgres").map(|(at, _)| at);
        let is_url = |at: &usize| argument.get(*at..).is_some_and(Address::is_meant_by);
        let url = starts.find(is_url).and_then(|at| argument.get(at..));
        url.map(str::to_owned)
    };
    arguments
        .filter_map(url_in)
        .fold(text.to_owned(), |text, url| {
            let shown = url.parse::<Address>().map(|address| address.to_string());
            text.replace(&url, &shown.unwrap_or_else(|_| "postgres://…".to_owned()))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(argument: &str) -> String {
        let text = format!("unexpected argument '{argument}' found");
        without_passwords(&text, [argument.to_owned()].into_iter())
    }

    #[test]
    fn what_is_said_of_a_mistaken_argument_has_no_password() {
        for (argument, said) in [
            (
                "postgres://log:secret@db1/x",
                "unexpected argument 'postgres://log@db1/x' found",
            ),
            (
                "--stor=postgresql://db1/x?password=secret",
                "unexpected argument '--stor=postgres://db1/x' found",
            ),
            (
                "postgres://log:secret@db1:port/x",
                "unexpected argument 'postgres://…' found",
            ),
            ("postgres", "unexpected argument 'postgres' found"),
            ("logins", "unexpected argument 'logins' found"),
        ] {
            assert_eq!(shown(argument), said);
        }
    }
}
