//! How a command fails: what is said on stderr, and with which code the process exits.

use super::filter::Unresolved;
use super::place::{Place, without_passwords};
use super::signals::INTERRUPTED;
use super::text::plain;
use crate::import::ImportError;
use crate::{Error, ErrorKind};
use std::env;
use std::fmt;
use std::io::{self, Write};
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
  15  NotAStore: the directory holds no store, the database no schema
  16  UnsupportedFormat: the store is of another version's format
  17  Corrupted: the store's files are damaged
  18  Unavailable: the storage failed, or the database cannot be reached
  19  Expired: what was read from is gone
  20  Suspended: the store is suspended
  21  Closed: the store has been closed
 130  an import or a copy was interrupted: the message says how to go on";

/// Where an import stopped.
#[derive(Debug)]
pub(super) struct Stopped {
    /// What its input is called.
    pub(super) name: String,
    /// The line up to which it is stored, if there is one and that is known.
    pub(super) line: Option<u64>,
}

impl fmt::Display for Stopped {
    /// How it goes on.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, line } = self;
        match line {
            Some(line) => write!(
                f,
                "{name} is stored up to line {line}: \
                 the same from its beginning with --resume-after {line} goes on"
            ),
            None => write!(
                f,
                "import {name} again, what is stored of it changes nothing"
            ),
        }
    }
}

/// Why a command did not do all that it was asked to.
#[derive(Debug)]
pub(super) enum Failure {
    /// The command line asks for something that cannot be.
    Usage(String),
    /// The store's.
    Store(Error),
    /// That of the store at a place, which the error itself may not name.
    StoreAt { place: String, error: Error },
    /// The store's, which an import ran into.
    ImportInto {
        place: String,
        error: Error,
        stopped: Stopped,
    },
    /// Nobody, or more than one, is meant.
    Unresolved(Unresolved),
    /// The input called `name` cannot be read.
    Input { name: String, error: io::Error },
    /// The rest of it cannot be read.
    Rest { error: io::Error, stopped: Stopped },
    /// The input called `name` is something else.
    Format { name: String, problem: String },
    /// The file of rejections called `name` cannot be opened.
    Rejects { name: String, error: io::Error },
    /// It cannot be written.
    Untold {
        name: String,
        error: io::Error,
        stopped: Stopped,
    },
    /// A server does not take records, for this reason.
    Unsent { problem: String, stopped: Stopped },
    /// The process was asked to end in the middle of an import.
    Interrupted(Stopped),
    /// The process was asked to end, and nothing is left of what it did.
    Stopped,
    /// The process was asked to end in the middle of a copy.
    Halfway,
    /// Nobody can tell the process to end in good order.
    Signals(io::Error),
    /// A temporary folder cannot be made or removed.
    Folder(io::Error),
    /// A server cannot be started here, for this reason.
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
    /// Of an import that stopped, whose rejections go to the file called `rejects`.
    pub(super) fn of_import(error: ImportError, stopped: Stopped, rejects: String) -> Self {
        let problem = error.to_string();
        match error {
            // Before anything was stored, there is nothing to go on with.
            ImportError::Store(error) if stopped.line.is_none() => Self::Store(error),
            ImportError::Store(error) => Self::ImportInto {
                place: String::new(),
                error,
                stopped,
            },
            ImportError::Input(error) => Self::Rest { error, stopped },
            ImportError::Destination(_) => Self::Unsent { problem, stopped },
            ImportError::Rejections(error) => Self::Untold {
                name: rejects,
                error,
                stopped,
            },
            ImportError::Compressed(_)
            | ImportError::NotLoginRecords(_)
            | ImportError::Columns(_) => Self::Format {
                name: stopped.name,
                problem,
            },
        }
    }

    /// The same, where nobody knows up to which line an import is stored.
    pub(super) fn without_line(mut self) -> Self {
        if let Self::ImportInto { stopped, .. }
        | Self::Rest { stopped, .. }
        | Self::Untold { stopped, .. }
        | Self::Interrupted(stopped) = &mut self
        {
            stopped.line = None;
        }
        self
    }

    /// Of what a server needs.
    pub(super) fn server(error: &dyn std::error::Error) -> Self {
        Self::Server(with_causes(error))
    }

    /// The same, about the store at `place` if it is about a store as a whole.
    pub(super) fn at(self, place: &Place) -> Self {
        use ErrorKind::{AlreadyOpen, Corrupted, NotAStore, Unavailable, UnsupportedFormat};
        let of_store = [
            AlreadyOpen,
            Corrupted,
            NotAStore,
            Unavailable,
            UnsupportedFormat,
        ];
        let mut same = self;
        if let Self::ImportInto { place: named, .. } = &mut same {
            *named = place.to_string();
        }
        let Self::Store(error) = same else {
            return same;
        };
        // Where a database gives no right to do it, no argument is at fault.
        let is_denied = place.directory().is_none()
            && error.kind() == ErrorKind::InvalidInput
            && error.member().is_none();
        match is_denied || of_store.contains(&error.kind()) {
            true => Self::StoreAt {
                place: place.to_string(),
                error,
            },
            false => Self::Store(error),
        }
    }

    /// The same, of what went `between` two stores.
    pub(super) fn between(self, between: String) -> Self {
        let Self::Store(error) = self else {
            return self;
        };
        Self::StoreAt {
            place: between,
            error,
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
            Self::StoreAt { place, error } => of_store(place, error),
            Self::Unresolved(unresolved) => unresolved.to_string(),
            Self::Server(problem) => problem.clone(),
            Self::Format { name, problem } => format!("{name}: {problem}"),
            Self::Interrupted(stopped) => format!("interrupted: {stopped}"),
            Self::ImportInto {
                place,
                error,
                stopped,
            } => format!("{}; apart from that, {stopped}", of_store(place, error)),
            Self::Rest { error, stopped } => {
                format!("cannot read {}: {error}; {stopped}", stopped.name)
            }
            Self::Untold {
                name,
                error,
                stopped,
            } => format!("--rejects {name}: cannot write it: {error}; {stopped}"),
            Self::Unsent { problem, stopped } => format!("{problem}; {stopped}"),
            Self::Stopped => "interrupted".to_owned(),
            Self::Halfway => {
                "interrupted: what was copied stays, and the same copy again goes on".to_owned()
            }
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
            Self::Input { .. } | Self::Rest { .. } | Self::Signals(_) => 1,
            Self::Rejects { .. } | Self::Untold { .. } | Self::Unsent { .. } => 1,
            Self::Usage(_) => 2,
            Self::Rejections => 3,
            Self::Format { .. } => 4,
            Self::Faults => code(ErrorKind::Corrupted),
            Self::Store(error) | Self::StoreAt { error, .. } | Self::ImportInto { error, .. } => {
                code(error.kind())
            }
            Self::Unresolved(unresolved) => code(unresolved.kind()),
            Self::Interrupted(_) | Self::Stopped | Self::Halfway => INTERRUPTED,
        }
    }
}

/// The arguments that set the members of what the library is asked.
const ARGUMENTS: [(&str, &str); 7] = [
    ("records_per_page", "--per-page"),
    ("started_after", "--after"),
    ("older_than", "--older-than"),
    ("live_bytes", "--live-bytes"),
    ("erasure", "--secure"),
    ("session_start", "--at"),
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

/// The message of an error, under the place of the store that it is about.
fn of_store(place: &str, error: &Error) -> String {
    let message = with_causes(error);
    match message.contains(place) {
        true => message,
        false => format!("{place}: {message}"),
    }
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

/// The message, and those of its causes that it does not quote itself. What a database says besides
/// cites values, which are personal data.
fn with_causes(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<tokio_postgres::Error>() {
            break;
        }
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
    let arguments = env::args_os().map(|argument| argument.to_string_lossy().into_owned());
    let text = without_passwords(text, arguments);
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
