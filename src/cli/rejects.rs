//! What an import rejects: in a file, or some of it on stderr.

use super::exit::{Failure, say};
use super::input::Input;
use crate::import::Rejection;
use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

/// The most rejections that are told of on stderr: of a file in another format every line is one.
const TOLD_MAX: u64 = 20;

/// Where rejections go.
pub(super) enum Rejects {
    /// The first of them to stderr.
    Told { count: u64 },
    /// All of them to a file.
    Kept(Kept),
}

/// A file for rejections, which keeps what it holds until there is an import for certain.
pub(super) struct Kept {
    name: String,
    out: BufWriter<File>,
    /// Whether it goes on from an import that stopped: then what that rejected stays.
    is_resumed: bool,
    has_begun: bool,
    /// Why it could not begin.
    failure: Option<io::Error>,
}

impl Kept {
    fn begin(&mut self) {
        if self.has_begun {
            return;
        }
        self.has_begun = true;
        let file = self.out.get_mut();
        let begun = file.metadata().and_then(|metadata| {
            // A device or pipe has no beginning.
            match (metadata.is_file(), self.is_resumed) {
                (false, _) => Ok(()),
                (true, true) => file.seek(SeekFrom::End(0)).map(|_| ()),
                (true, false) => file.set_len(0),
            }
        });
        self.failure = begun.err();
    }

    fn write(&mut self, reject: &Reject<'_>) -> io::Result<()> {
        self.begin();
        self.failure.take().map_or(Ok(()), Err)?;
        serde_json::to_writer(&mut self.out, reject)?;
        self.out.write_all(b"\n")
    }
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
    /// A file that is made if there is none, unless that would write over what an import needs: its
    /// input, or anything in the directory of the store.
    pub(super) fn to_file(
        path: &Path,
        input: &Input,
        store: Option<&Path>,
        is_resumed: bool,
    ) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let refused = |why: &str| Failure::Usage(format!("--rejects {name}: {why}"));
        if path.as_os_str() == "-" {
            return Err(refused("it needs a file"));
        }
        if store.is_some_and(|store| is_below(path, store)) {
            return Err(refused("that is in the directory of the store"));
        }
        let options = || {
            File::options()
                .write(true)
                .create(true)
                .truncate(false)
                .to_owned()
        };
        match options()
            .open(path)
            .and_then(|file| Ok((input.is(&file)?, file)))
        {
            Ok((true, _)) => Err(refused("that is the file to read")),
            Ok((false, file)) => Ok(Self::Kept(Kept {
                name,
                out: BufWriter::new(file),
                is_resumed,
                has_begun: false,
                failure: None,
            })),
            Err(error) => Err(Failure::Rejects { name, error }),
        }
    }

    /// What the file is called; nothing if there is none.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Told { .. } => String::new(),
            Self::Kept(kept) => kept.name.clone(),
        }
    }

    /// There is an import: the file is from now on about that.
    pub(super) fn begin(&mut self) {
        if let Self::Kept(kept) = self {
            kept.begin();
        }
    }

    pub(super) fn are_kept(&self) -> bool {
        matches!(self, Self::Kept(_))
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
            Self::Kept(kept) => kept.write(&Reject {
                line: (unit == Unit::Line).then_some(*place),
                record: (unit == Unit::Record).then_some(*place),
                reason,
                text: text.as_deref(),
            }),
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
            Self::Kept(mut kept) => {
                let begun = kept.failure.take().map_or(Ok(()), Err);
                let written = begun.and_then(|()| kept.out.flush());
                let name = kept.name;
                written.map_err(|error| Failure::Rejects { name, error })
            }
        }
    }
}

/// Whether a file is, or would be, below a directory.
fn is_below(path: &Path, directory: &Path) -> bool {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    // What a symbolic link leads to counts, too.
    let places = [fs::canonicalize(path), fs::canonicalize(folder)];
    let directory = fs::canonicalize(directory);
    directory.is_ok_and(|directory| {
        let mut places = places.iter().flatten();
        places.any(|place| place.starts_with(&directory))
    })
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
