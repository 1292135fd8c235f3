//! How a command fails: what is said on stderr, and with which code the process exits.

use super::filter::Unresolved;
use super::signals::INTERRUPTED;
use super::text::plain;
use crate::import::ImportError;
use crate::{Error, ErrorKind};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The exit codes, as `--help` shows them.
pub(super) const HELP: &str = "\
Exit codes:
   0  done
   1  the input, or something else outside of the store, failed
   2  the command line is not understood
   3  done, but some records were rejected, or could not be read
   4  the input is not in the named format
  10  InvalidInput: an argument breaks a rule
  11  NotFound: there is no such session, or user
  12  Conflict: the session is stored with other content
  13  AlreadyEnded: the session has ended at another time
  14  AlreadyOpen: the store is open in another process
  15  NotAStore: the directory holds no store
  16  UnsupportedFormat: the store is of another version's format
  17  Corrupted: the store's files are damaged
  18  Unavailable: the storage failed
  19  Expired: what was read from is gone
  20  Suspended: the store is suspended
  21  Closed: the store has been closed
 130  an import was interrupted: the message says how to go on";

/// Why a command did not do all that it was asked to.
#[derive(Debug)]
pub(super) enum Failure {
    /// The command line asks for something that cannot be.
    Usage(String),
    /// The store's.
    Store(Error),
    /// That of the store in a directory, which the error itself may not name.
    StoreAt { path: PathBuf, error: Error },
    /// Nobody, or more than one, is meant.
    Unresolved(Unresolved),
    /// The input called `name` cannot be read.
    Input { name: String, error: io::Error },
    /// The input called `name` is something else.
    Format { name: String, problem: String },
    /// The file of rejections called `name` cannot be written.
    Rejects { name: String, error: io::Error },
    /// The process was asked to end while it read the input called `name`; what came up to a line of
    /// it, if that can be told, need not be read again.
    Interrupted { name: String, line: Option<u64> },
    /// The process was asked to end, and nothing is left of what it did.
    Stopped,
    /// Nobody can tell the process to end in good order.
    Signals(io::Error),
    /// A temporary folder cannot be made or removed.
    Folder(io::Error),
    /// A server cannot be started here, or does not take records there, for this reason.
    Server(String),
    /// The answer cannot be written.
    Output(io::Error),
    /// This is done, but the answer cannot be written.
    Done { what: String, error: io::Error },
    /// Done, and the records that were rejected, or could not be read, have been told of.
    Rejections,
    /// Done, and the faults of the store have been told of.
    Faults,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl From<Unresolved> for Failure {
    fn from(unresolved: Unresolved) -> Self {
        Self::Unresolved(unresolved)
    }
}

/// For what writes the answer only: an input has a name to go with its error.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl Failure {
    /// Of an import from the input called `name`, of which what comes up to a line is done, and whose
    /// rejections go to the file called `rejects`.
    pub(super) fn of_import(
        error: ImportError,
        name: String,
        rejects: String,
        line: Option<u64>,
    ) -> Self {
        let problem = error.to_string();
        let going_on = |problem: String| match line {
            Some(line) => format!("{problem}; {}", resume(&name, line)),
            None => problem,
        };
        match error {
            ImportError::Store(error) => Self::Store(error),
            ImportError::Input(error) => {
                let error = io::Error::new(error.kind(), going_on(error.to_string()));
                Self::Input { name, error }
            }
            ImportError::Rejections(error) => Self::Rejects {
                name: rejects,
                error,
            },
            ImportError::Compressed(_)
            | ImportError::NotLoginRecords(_)
            | ImportError::Columns(_) => Self::Format { name, problem },
            ImportError::Destination(_) => Self::Server(going_on(problem)),
        }
    }

    /// Of what a server needs.
    pub(super) fn server(error: &dyn std::error::Error) -> Self {
        Self::Server(with_causes(error))
    }

    /// The same, about the store at `path` if it is about a store as a whole.
    pub(super) fn at(self, path: &Path) -> Self {
        use ErrorKind::{AlreadyOpen, Corrupted, NotAStore, Unavailable, UnsupportedFormat};
        let of_store = [
            AlreadyOpen,
            Corrupted,
            NotAStore,
            Unavailable,
            UnsupportedFormat,
        ];
        let Self::Store(error) = self else {
            return self;
        };
        match of_store.contains(&error.kind()) {
            true => Self::StoreAt {
                path: path.to_owned(),
                error,
            },
            false => Self::Store(error),
        }
    }

    /// The same, where `what` is done all the same if only the answer cannot be written.
    pub(super) fn after(self, what: impl FnOnce() -> String) -> Self {
        let Self::Output(error) = self else {
            return self;
        };
        match is_closed(&error) {
            true => Self::Output(error),
            false => Self::Done {
                what: what(),
                error,
            },
        }
    }

    /// Says what is wrong, and answers the exit code.
    pub(super) fn report(&self) -> ExitCode {
        if let Some(message) = self.message() {
            say(&message);
        }
        ExitCode::from(self.code())
    }

    /// Nothing where all has been told, or where whoever reads the answer has seen enough of it: that
    /// is no failure.
    fn message(&self) -> Option<String> {
        Some(match self {
            Self::Rejections | Self::Faults => return None,
            Self::Output(error) if is_closed(error) => return None,
            Self::Usage(problem) => format!("{problem}; try --help"),
            Self::Store(error) => of_member(error),
            Self::StoreAt { path, error } => of_store(path, error),
            Self::Unresolved(unresolved) => unresolved.to_string(),
            Self::Server(problem) => problem.clone(),
            Self::Format { name, problem } => format!("{name}: {problem}"),
            Self::Interrupted { name, line } => interrupted(name, *line),
            Self::Stopped => "interrupted".to_owned(),
            Self::Input { name, error } => format!("cannot read {name}: {error}"),
            Self::Rejects { name, error } => format!("--rejects {name}: cannot write it: {error}"),
            Self::Signals(error) => format!("cannot wait for signals: {error}"),
            Self::Folder(error) => format!("the temporary folder failed: {error}"),
            Self::Output(error) => format!("cannot write the answer: {error}"),
            Self::Done { what, error } => format!("{what}, but cannot write the answer: {error}"),
        })
    }

    fn code(&self) -> u8 {
        match self {
            Self::Output(error) if is_closed(error) => 0,
            Self::Output(_) | Self::Done { .. } | Self::Folder(_) | Self::Server(_) => 1,
            Self::Input { .. } | Self::Rejects { .. } | Self::Signals(_) => 1,
            Self::Usage(_) => 2,
            Self::Rejections => 3,
            Self::Format { .. } => 4,
            Self::Faults => code(ErrorKind::Corrupted),
            Self::Store(error) | Self::StoreAt { error, .. } => code(error.kind()),
            Self::Unresolved(unresolved) => code(unresolved.kind()),
            Self::Interrupted { .. } | Self::Stopped => INTERRUPTED,
        }
    }
}

/// The arguments that set the members of what the library is asked.
const ARGUMENTS: [(&str, &str); 4] = [
    ("records_per_page", "--per-page"),
    ("started_after", "--after"),
    ("older_than", "--older-than"),
    ("session_end", "--at"),
];

/// The message of an error, under the argument that it is about, if there is one.
fn of_member(error: &Error) -> String {
    let message = with_causes(error);
    let mut arguments = ARGUMENTS.iter();
    let argument = arguments.find(|(member, _)| Some(*member) == error.member());
    match argument {
        Some((_, argument)) if error.kind() == ErrorKind::InvalidInput => {
            format!("{argument}: {message}")
        }
        _ => message,
    }
}

/// The message of an error, under the directory of the store that it is about.
fn of_store(path: &Path, error: &Error) -> String {
    let (path, message) = (path.display().to_string(), with_causes(error));
    match message.contains(&path) {
        true => message,
        false => format!("{path}: {message}"),
    }
}

fn interrupted(name: &str, line: Option<u64>) -> String {
    match line {
        Some(line) => format!("interrupted: {}", resume(name, line)),
        None => format!("interrupted: import {name} again, what is stored of it changes nothing"),
    }
}

/// How an import that came up to a line goes on.
fn resume(name: &str, line: u64) -> String {
    format!("{name} is stored up to line {line}: the same with --resume-after {line} goes on")
}

fn is_closed(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

/// The exit code of each kind of error: a new kind does not compile until it has one.
fn code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::InvalidInput => 10,
        ErrorKind::NotFound => 11,
        ErrorKind::Conflict => 12,
        ErrorKind::AlreadyEnded => 13,
        ErrorKind::AlreadyOpen => 14,
        ErrorKind::NotAStore => 15,
        ErrorKind::UnsupportedFormat => 16,
        ErrorKind::Corrupted => 17,
        ErrorKind::Unavailable => 18,
        ErrorKind::Expired => 19,
        ErrorKind::Suspended => 20,
        ErrorKind::Closed => 21,
    }
}

/// The message, and those of its causes that it does not quote itself.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        cause = error.source();
    }
    message
}

/// One line on stderr. If even that cannot be written, nobody is left to be told.
pub(super) fn say(message: &str) {
    let _ = writeln!(io::stderr().lock(), "sessionlog: {}", plain(message));
}

/// What clap has to say: an answer, such as the help, or what is wrong with the command line.
pub(super) fn of_command_line(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        let printed = error.print().and_then(|()| io::stdout().flush());
        let printed = printed.map_err(|error| Failure::Output(error).report());
        return printed.map_or_else(|code| code, |()| ExitCode::SUCCESS);
    }
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let _ = write!(io::stderr().lock(), "sessionlog: {text}");
    ExitCode::from(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_and_the_readme_list_the_code_of_every_kind() {
        for kind in [
            ErrorKind::InvalidInput,
            ErrorKind::NotFound,
            ErrorKind::Conflict,
            ErrorKind::AlreadyEnded,
            ErrorKind::AlreadyOpen,
            ErrorKind::NotAStore,
            ErrorKind::UnsupportedFormat,
            ErrorKind::Corrupted,
            ErrorKind::Unavailable,
            ErrorKind::Expired,
            ErrorKind::Suspended,
            ErrorKind::Closed,
        ] {
            let line = format!("\n  {}  {kind:?}: ", code(kind));
            assert!(HELP.contains(&line), "{kind:?}");
            let row = format!("\n| {} | `{kind:?}` | ", code(kind));
            assert!(include_str!("../../README.md").contains(&row), "{kind:?}");
        }
    }

    #[test]
    fn a_cause_is_told_once() {
        let full = || io::Error::other("the disk is full");
        let quoted = Error::new(ErrorKind::Unavailable, "cannot write: the disk is full");
        let bare = Error::new(ErrorKind::Unavailable, "cannot write");
        for error in [quoted, bare] {
            let message = with_causes(&error.caused_by(full()));
            assert_eq!(message, "cannot write: the disk is full");
        }
    }
}
