//! What an import rejects: in a file, or some of it on stderr.

use super::exit::{Failure, say};
use super::input::Input;
use crate::import::Rejection;
use same_file::is_same_file;
use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, absolute};

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
}

impl Kept {
    /// There is an import: from now on it is about that.
    fn begin(&mut self) -> io::Result<()> {
        if self.has_begun {
            return Ok(());
        }
        self.has_begun = true;
        let file = self.out.get_mut();
        match (file.metadata()?.is_file(), self.is_resumed) {
            // A device or pipe has no beginning.
            (false, _) => Ok(()),
            (true, true) => file.seek(SeekFrom::End(0)).map(|_| ()),
            (true, false) => file.set_len(0),
        }
    }

    fn write(&mut self, reject: &Reject<'_>) -> io::Result<()> {
        self.begin()?;
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

/// What an import needs besides its input.
#[derive(Default)]
pub(super) struct Needed<'p> {
    pub(super) store: Option<&'p Path>,
    pub(super) files: [Option<&'p Path>; 2],
}

impl Rejects {
    /// A file that is made if there is none, unless that would write over what the import needs.
    pub(super) fn to_file(
        path: &Path,
        input: &Input,
        needed: &Needed<'_>,
        is_resumed: bool,
    ) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let refused = |why: &str| Failure::Usage(format!("--rejects {name}: {why}"));
        if path.as_os_str() == "-" {
            return Err(refused("it needs a file"));
        }
        if needed.store.is_some_and(|store| is_below(path, store)) {
            return Err(refused("that is in the directory of the store"));
        }
        let mut files = needed.files.iter().flatten();
        if files.any(|file| is_same_file(path, file).unwrap_or(false)) {
            return Err(refused("that is another file of this import"));
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

    /// Writes out what is left: what comes up to here need not be read again.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Told { .. } => Ok(()),
            Self::Kept(kept) => kept.begin().and_then(|()| kept.out.flush()),
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

    /// Says how many were not told of.
    pub(super) fn finish(&self) {
        if let Self::Told { count } = self
            && *count > TOLD_MAX
        {
            let more = count - TOLD_MAX;
            say(&format!("and {more} more: --rejects FILE takes them all"));
        }
    }
}

/// Whether a file is, or would be, a directory or below one, neither of which need be there.
fn is_below(path: &Path, directory: &Path) -> bool {
    // What a symbolic link leads to counts, too.
    let real = |path: &Path| fs::canonicalize(path).or_else(|_| absolute(path));
    let folder = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let places = [real(path), real(folder.unwrap_or(Path::new(".")))];
    real(directory).is_ok_and(|directory| {
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
