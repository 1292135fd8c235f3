//! Session records from files as they are found in the world (feature `import`).
//!
//! [`jsonl`] reads one record a line, with the members of [`SessionLog`](crate::SessionLog) by
//! name; [`csv`](fn@csv) reads a table with the same names; [`wtmp`] reads the login records that Linux keeps in `/var/log/wtmp`.
//!
//! An import writes in batches. It drops the records that the store refuses, tells the
//! [`Observer`] where they are and why, and goes on: only what fails the import as a whole is an
//! [`ImportError`]. Importing the same input again changes nothing, and so it can be repeated
//! after any failure.
//!
//! ```
//! # use sessionlog::{Store, import};
//! let store = Store::in_memory()?;
//! let line = r#"{"refer_uid": "6f9619ff-8b86-d011-b42d-00c04fc964ff",
//!     "user_refer_uid": "11111111-2222-3333-4444-555555555555", "user": "Ann",
//!     "client_refer_uid": "PDA-01", "session_start": "2026-11-01T08:00:00Z"}"#.replace('\n', "");
//! let summary = import::jsonl(&store, line.as_bytes(), &mut ())?;
//! assert_eq!(summary.accepted, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batch;
mod compressed;
mod csv;
mod destination;
mod event;
mod identity;
mod jsonl;
mod members;
mod record;
mod replay;
mod wtmp;

pub use csv::{CSV_COLUMNS, csv};
pub use destination::{Destination, Placed, Written};
pub use jsonl::{LINE_BYTES_MAX, jsonl};
pub use wtmp::wtmp;

use crate::Error;
use serde::Serialize;
use std::fmt;
use std::io;

/// What an import did, in records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Summary {
    /// Sessions that are new to the store, open or ended.
    pub accepted: u64,
    /// Sessions of which the store held all of it already.
    pub already_there: u64,
    /// Sessions that were open in the store and have now ended.
    pub ended: u64,
    /// Pieces of input that were not taken: the observer was told of each.
    pub rejected: u64,
}

/// A piece of input that was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Where it is in the input, from one: the line, or the number of the login record.
    pub place: u64,
    /// Why it was not taken: one line, without control characters.
    pub reason: String,
    /// The line or row as the input has it, without its end, and cut where it is far too long; what is
    /// not UTF-8 in it is U+FFFD. `None` for login records, and unless the observer
    /// [wants it](Observer::wants_text).
    pub text: Option<String>,
}

/// The longest reason of a rejection, in characters: it can quote the input.
const REASON_CHARS_MAX: usize = 300;

/// One line without control characters, cut to [`REASON_CHARS_MAX`].
fn short(text: &str) -> String {
    let mut short = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == REASON_CHARS_MAX {
            short.push('…');
            break;
        }
        match character.is_control() {
            true => short.extend(character.escape_default()),
            false => short.push(character),
        }
    }
    short
}

impl Rejection {
    fn new(place: u64, reason: &impl fmt::Display) -> Self {
        let reason = short(&reason.to_string());
        Self {
            place,
            reason,
            text: None,
        }
    }
}

/// Watches an import. The unit type is one that looks away.
pub trait Observer {
    /// A piece of input was not taken. Within one batch these come by ascending place, once the rest
    /// of the batch has been written.
    ///
    /// # Errors
    ///
    /// Ends the import: what was rejected must not go untold.
    fn rejected(&mut self, rejection: &Rejection) -> io::Result<()>;

    /// Whether rejections are to have their text: no, unless told otherwise. The texts of a batch are
    /// then kept in memory, 64 MiB of them at most.
    fn wants_text(&self) -> bool {
        false
    }

    /// One more record of the input was read, or was not one. Whether all that was collected is to be
    /// written now, and not only once it makes a batch: no, unless told otherwise.
    fn read(&mut self, so_far: SoFar) -> bool {
        let _ = so_far;
        false
    }

    /// All that was read so far has been dealt with: called after each batch, and at the end, also
    /// where that is because the input failed.
    ///
    /// # Errors
    ///
    /// As [`rejected`](Self::rejected).
    fn advanced(&mut self, so_far: SoFar) -> io::Result<()>;
}

/// How far an import has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SoFar {
    /// Bytes of the input.
    pub bytes: u64,
    /// Records of the input, good and bad.
    pub records: u64,
    /// The place of the last of them: another import of the same lines can
    /// [go on after it](Destination::resume_after) once that has [advanced](Observer::advanced) there.
    pub place: u64,
}

impl Observer for () {
    fn rejected(&mut self, _: &Rejection) -> io::Result<()> {
        Ok(())
    }

    fn advanced(&mut self, _: SoFar) -> io::Result<()> {
        Ok(())
    }
}

/// Why an import stopped. What was written before stays; importing again is safe.
#[derive(Debug)]
#[non_exhaustive]
pub enum ImportError {
    /// The input cannot be read.
    Input(io::Error),
    /// The input is compressed, in this way.
    Compressed(&'static str),
    /// The input is no file of login records; the text says what speaks against it.
    NotLoginRecords(String),
    /// The first line does not name the columns; the text says what is wrong with it.
    Columns(String),
    /// The observer cannot tell of a rejection.
    Rejections(io::Error),
    /// The store failed, or cannot be written.
    Store(Error),
    /// Another destination failed.
    Destination(Box<dyn std::error::Error + Send + Sync>),
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(error) => write!(f, "the input cannot be read: {error}"),
            Self::Compressed(how) => {
                write!(f, "it is compressed with {how}: decompress it first")
            }
            Self::NotLoginRecords(why) => write!(f, "these are no login records: {why}"),
            Self::Columns(why) => write!(f, "the first line does not name the columns: {why}"),
            Self::Rejections(error) => write!(f, "a rejection cannot be told: {error}"),
            Self::Destination(error) => write!(f, "the records were not taken: {error}"),
            Self::Store(error) => write!(f, "the store cannot take the records: {error}"),
        }
    }
}

impl std::error::Error for ImportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Input(error) | Self::Rejections(error) => Some(error),
            Self::Compressed(_) | Self::NotLoginRecords(_) | Self::Columns(_) => None,
            Self::Store(error) => Some(error),
            Self::Destination(error) => Some(&**error),
        }
    }
}

impl From<io::Error> for ImportError {
    fn from(error: io::Error) -> Self {
        Self::Input(error)
    }
}

impl From<Error> for ImportError {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}
