//! How a command fails: what is said on stderr, and with which code the process exits.

use super::signals::INTERRUPTED;
use super::text::plain;
use crate::import::ImportError;
use crate::{Error, ErrorKind};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use uuid::Uuid;

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
 130  interrupted: what was done is told, and how to go on";

/// Why a command did not do all that it was asked to.
#[derive(Debug)]
pub(super) enum Failure {
    /// The command line asks for something that cannot be.
    Usage(String),
    /// The store's.
    Store(Error),
    /// That of the store in a directory, which the error itself may not name.
    StoreAt { path: PathBuf, error: Error },
    /// The input called `name` cannot be read.
    Input { name: String, error: io::Error },
    /// The input called `name` is something else.
    Format { name: String, problem: String },
    /// The file of rejections called `name` cannot be written.
    Rejects { name: String, error: io::Error },
    /// There is no session with this `refer_uid`.
    UnknownSession(Uuid),
    /// No session is of the user with this `user_refer_uid`.
    UnknownUser(Uuid),
    /// No user has this name.
    UnknownName(String),
    /// Several users have this name.
    AmbiguousName { name: String, users: Vec<Uuid> },
    /// The process was asked to end while it read the input called `name`; what came up to a line of
    /// it, if that can be told, need not be read again.
    Interrupted {
        name: String,
        written_up_to: Option<u64>,
    },
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

/// For what writes the answer only: an input has a name to go with its error.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

impl Failure {
    /// Of an import from the input called `name`, of which what came up to a line is written.
    pub(super) fn of_import(error: ImportError, name: &str, written_up_to: Option<u64>) -> Self {
        let (name, problem) = (name.to_owned(), error.to_string());
        match error {
            ImportError::Store(error) => Self::Store(error),
            ImportError::Input(error) => Self::Input { name, error },
            ImportError::Rejections(error) => Self::Rejects { name, error },
            ImportError::Compressed(_)
            | ImportError::NotLoginRecords(_)
            | ImportError::Columns(_) => Self::Format { name, problem },
            ImportError::Destination(_) => match written_up_to {
                None | Some(0) => Self::Server(problem),
                Some(line) => Self::Server(format!("{problem}; {}", resume(&name, line))),
            },
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

    /// Says what is wrong, and answers the exit code.
    pub(super) fn report(&self) -> ExitCode {
        if let Some(message) = self.message() {
            say(&message);
        }
        ExitCode::from(self.code())
    }

    fn message(&self) -> Option<String> {
        match self {
            Self::Usage(problem) => Some(format!("{problem}; try --help")),
            Self::Store(error) => Some(with_causes(error)),
            Self::StoreAt { path, error } => {
                let (path, message) = (path.display().to_string(), with_causes(error));
                Some(match message.contains(&path) {
                    true => message,
                    false => format!("{path}: {message}"),
                })
            }
            Self::Input { name, error } => Some(format!("cannot read {name}: {error}")),
            Self::Format { name, problem } => Some(format!("{name}: {problem}")),
            Self::Server(problem) => Some(problem.clone()),
            Self::Rejects { name, error } => {
                Some(format!("--rejects {name}: it cannot be written: {error}"))
            }
            Self::UnknownSession(uid) => Some(format!("there is no session {uid}")),
            Self::UnknownUser(uid) => Some(format!(
                "--user {uid}: no session is of this user: --user-name is needed"
            )),
            Self::UnknownName(name) => Some(format!(
                "--user-name {name:?}: no user has or had this name"
            )),
            Self::AmbiguousName { name, users } => Some(ambiguous(name, users)),
            Self::Interrupted {
                name,
                written_up_to,
            } => Some(match written_up_to {
                None | Some(0) => {
                    format!(
                        "interrupted: import {name} again, what is stored of it changes nothing"
                    )
                }
                Some(line) => format!("interrupted: {}", resume(name, *line)),
            }),
            Self::Stopped => Some("interrupted".to_owned()),
            Self::Signals(error) => Some(format!("cannot wait for signals: {error}")),
            Self::Folder(error) => Some(format!("the temporary folder failed: {error}")),
            // Whoever reads the answer has seen enough of it: that is no failure.
            Self::Output(error) if is_closed(error) => None,
            Self::Output(error) => Some(format!("cannot write the answer: {error}")),
            Self::Rejections | Self::Faults => None,
        }
    }

    fn code(&self) -> u8 {
        match self {
            Self::Output(error) if is_closed(error) => 0,
            Self::Output(_) | Self::Folder(_) | Self::Server(_) | Self::Signals(_) => 1,
            Self::Input { .. } | Self::Rejects { .. } => 1,
            Self::UnknownSession(_) | Self::UnknownUser(_) | Self::UnknownName(_) => {
                code(ErrorKind::NotFound)
            }
            Self::AmbiguousName { .. } => code(ErrorKind::InvalidInput),
            Self::Interrupted { .. } | Self::Stopped => INTERRUPTED,
            Self::Usage(_) => 2,
            Self::Rejections => 3,
            Self::Format { .. } => 4,
            Self::Faults => code(ErrorKind::Corrupted),
            Self::Store(error) | Self::StoreAt { error, .. } => code(error.kind()),
        }
    }
}

/// How an import that came up to a line goes on.
fn resume(name: &str, line: u64) -> String {
    format!("{name} is stored up to line {line}: the same with --resume-after {line} goes on")
}

/// The most users that a message lists.
const USERS_LISTED_MAX: usize = 10;

fn ambiguous(name: &str, users: &[Uuid]) -> String {
    let listed = users.iter().take(USERS_LISTED_MAX).map(Uuid::to_string);
    let listed: Vec<String> = listed.collect();
    let more = if users.len() > USERS_LISTED_MAX {
        ", …"
    } else {
        ""
    };
    format!(
        "--user-name {name:?}: {} users have or had this name, use --user: {}{more}",
        users.len(),
        listed.join(", ")
    )
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
        let _ = error.print();
        return ExitCode::SUCCESS;
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
