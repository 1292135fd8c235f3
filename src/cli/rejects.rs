//! What an import rejects: in a file, or some of it on stderr.

use super::exit::{Failure, say};
use crate::import::Rejection;
use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// The most rejections that are told of on stderr: of a file in another format every line is one.
const TOLD_MAX: u64 = 20;

/// Where rejections go.
pub(super) enum Rejects {
    /// The first of them to stderr.
    Told { count: u64 },
    /// All of them to a file, called `name`.
    Kept { name: String, out: BufWriter<File> },
}

/// A line of the file.
#[derive(Serialize)]
struct Reject<'r> {
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    record: Option<u64>,
    reason: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'r str>,
}

impl Rejects {
    /// A file that is made anew, unless that would write over what an import needs: its input, or
    /// anything in the directory of the store.
    pub(super) fn to_file(
        path: &Path,
        input: &Path,
        store: Option<&Path>,
    ) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let target = fs::canonicalize(path).ok();
        if target.is_some() && target == fs::canonicalize(input).ok() {
            let problem = format!("--rejects {name}: that is the file to read");
            return Err(Failure::Usage(problem));
        }
        let store = store.and_then(|store| fs::canonicalize(store).ok());
        if let (Some(target), Some(store)) = (target, store)
            && target.starts_with(store)
        {
            let problem = format!("--rejects {name}: that is a file of the store");
            return Err(Failure::Usage(problem));
        }
        match File::create(path) {
            Ok(file) => Ok(Self::Kept {
                name,
                out: BufWriter::new(file),
            }),
            Err(error) => Err(Failure::Rejects { name, error }),
        }
    }

    pub(super) fn are_kept(&self) -> bool {
        matches!(self, Self::Kept { .. })
    }

    /// Takes a rejection from the input called `input`, which is counted in `unit`s.
    pub(super) fn take(
        &mut self,
        rejection: &Rejection,
        input: &str,
        unit: Unit,
    ) -> io::Result<()> {
        let Rejection {
            place,
            reason,
            text,
        } = rejection;
        match self {
            Self::Told { count } => {
                *count += 1;
                if *count <= TOLD_MAX {
                    say(&format!("{input}: {} {place}: {reason}", unit.name()));
                }
                Ok(())
            }
            Self::Kept { out, .. } => {
                let reject = Reject {
                    line: (unit == Unit::Line).then_some(*place),
                    record: (unit == Unit::Record).then_some(*place),
                    reason,
                    text: text.as_deref(),
                };
                serde_json::to_writer(&mut *out, &reject)?;
                out.write_all(b"\n")
            }
        }
    }

    /// Writes out what is left, and says how many were not told of.
    pub(super) fn finish(self) -> Result<(), Failure> {
        match self {
            Self::Told { count } => {
                if count > TOLD_MAX {
                    let more = count - TOLD_MAX;
                    say(&format!("and {more} more: --rejects FILE takes them all"));
                }
                Ok(())
            }
            Self::Kept { name, mut out } => {
                let flushed = out.flush();
                flushed.map_err(|error| Failure::Rejects { name, error })
            }
        }
    }
}

/// What the records of an input are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Line,
    /// A login record.
    Record,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Record => "record",
        }
    }
}
