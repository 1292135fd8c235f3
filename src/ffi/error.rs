//! The one error, by kind, in the words of the core.

use crate::ffi::Instant;
use crate::{Error, ErrorKind};
use std::error::Error as StdError;
use std::fmt;

/// Why a call was refused or failed, by what the caller should do next. `member` is the member of the
/// record or query at fault, if there is one, and `detail` a message for people, with the causes.
#[derive(Debug, uniffi::Error)]
#[uniffi::export(Display)]
pub enum SessionLogError {
    /// An argument breaks a documented rule: fix the call, since repeating it fails again. For a
    /// session that would end before its start both times are given, so that the app can decide which
    /// end it is to have.
    InvalidInput {
        /// The member at fault.
        member: Option<String>,
        /// What is wrong with which value.
        detail: String,
        /// When the session started, if it would end before that.
        session_start: Option<Instant>,
        /// When it would end.
        session_end: Option<Instant>,
        /// Of a batch, every record that was refused.
        refusals: Vec<RefusedRecord>,
    },
    /// No session has the given `refer_uid`.
    NotFound {
        /// The member at fault.
        member: Option<String>,
        /// Which session.
        detail: String,
    },
    /// The `refer_uid` is known with other content. Do not retry: one of the two records is wrong.
    Conflict {
        /// The first member that differs.
        member: Option<String>,
        /// In what.
        detail: String,
        /// Of a batch, every record that was refused.
        refusals: Vec<RefusedRecord>,
    },
    /// The session has ended already, at another time. The first end stands.
    AlreadyEnded {
        /// The member at fault.
        member: Option<String>,
        /// When.
        detail: String,
    },
    /// The store is open already, in this process or in another.
    AlreadyOpen {
        /// None.
        member: Option<String>,
        /// Which.
        detail: String,
    },
    /// The path holds no store.
    NotAStore {
        /// None.
        member: Option<String>,
        /// Why not.
        detail: String,
    },
    /// The store was written in a format that this version cannot read.
    UnsupportedFormat {
        /// None.
        member: Option<String>,
        /// Which, and which can be read.
        detail: String,
    },
    /// What was read back is not what was written. Keep the files as they are: `salvage` makes a new
    /// store of what can be read of them.
    Corrupted {
        /// None.
        member: Option<String>,
        /// What, in which file.
        detail: String,
    },
    /// The storage failed: the disk is full, or the files cannot be read while the device is locked.
    /// Every acknowledged record is kept; retry later, on the same store, and delete nothing.
    Unavailable {
        /// None.
        member: Option<String>,
        /// What failed, what has become of the call, and why.
        detail: String,
    },
    /// The snapshot or walk has outlived what it reads from: take a new one. Cursors go on.
    Expired {
        /// None.
        member: Option<String>,
        /// Why.
        detail: String,
    },
    /// The store is suspended: resume it first.
    Suspended {
        /// None.
        member: Option<String>,
        /// That it is.
        detail: String,
    },
    /// The store has been closed.
    Closed {
        /// None.
        member: Option<String>,
        /// That it has.
        detail: String,
    },
}

/// One refused record of a refused batch.
#[derive(Debug, Clone, uniffi::Record)]
pub struct RefusedRecord {
    /// The record's position in the batch, from zero.
    pub index: u64,
    /// Its member at fault.
    pub member: Option<String>,
    /// What is wrong with which value.
    pub detail: String,
}

impl SessionLogError {
    pub(super) fn invalid(member: &str, problem: impl fmt::Display) -> Self {
        Self::InvalidInput {
            member: Some(member.to_owned()),
            detail: format!("{member} {problem}"),
            session_start: None,
            session_end: None,
            refusals: Vec::new(),
        }
    }

    pub(super) fn unavailable(verb: &str, path: &str, error: &(dyn StdError + 'static)) -> Self {
        Self::Unavailable {
            member: None,
            detail: format!("cannot {verb} {path}: {}", told(error)),
        }
    }

    /// The name of the kind, and what it is told with.
    fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::InvalidInput { detail, .. } => ("InvalidInput", detail),
            Self::NotFound { detail, .. } => ("NotFound", detail),
            Self::Conflict { detail, .. } => ("Conflict", detail),
            Self::AlreadyEnded { detail, .. } => ("AlreadyEnded", detail),
            Self::AlreadyOpen { detail, .. } => ("AlreadyOpen", detail),
            Self::NotAStore { detail, .. } => ("NotAStore", detail),
            Self::UnsupportedFormat { detail, .. } => ("UnsupportedFormat", detail),
            Self::Corrupted { detail, .. } => ("Corrupted", detail),
            Self::Unavailable { detail, .. } => ("Unavailable", detail),
            Self::Expired { detail, .. } => ("Expired", detail),
            Self::Suspended { detail, .. } => ("Suspended", detail),
            Self::Closed { detail, .. } => ("Closed", detail),
        }
    }
}

impl fmt::Display for SessionLogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, detail) = self.parts();
        write!(f, "{kind}: {detail}")
    }
}

impl StdError for SessionLogError {}

/// An error and its causes, one after the other: other languages have but the text.
fn told(error: &(dyn StdError + 'static)) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        // Some say themselves what caused them.
        if !told.contains(&text) {
            told = format!("{told}: {text}");
        }
        cause = error.source();
    }
    told
}

fn refusals(error: &Error) -> Vec<RefusedRecord> {
    let refusals = error.refusals().iter();
    let refusals = refusals.map(|refusal| RefusedRecord {
        index: refusal.index as u64,
        member: refusal.error.member().map(str::to_owned),
        detail: told(&refusal.error),
    });
    refusals.collect()
}

impl From<Error> for SessionLogError {
    fn from(error: Error) -> Self {
        let member = error.member().map(str::to_owned);
        let detail = told(&error);
        let refusals = refusals(&error);
        match error.kind() {
            ErrorKind::InvalidInput => {
                let times = error.end_before_start();
                Self::InvalidInput {
                    member,
                    detail,
                    session_start: times.map(|times| times.session_start.into()),
                    session_end: times.map(|times| times.session_end.into()),
                    refusals,
                }
            }
            ErrorKind::Conflict => Self::Conflict {
                member,
                detail,
                refusals,
            },
            ErrorKind::NotFound => Self::NotFound { member, detail },
            ErrorKind::AlreadyEnded => Self::AlreadyEnded { member, detail },
            ErrorKind::AlreadyOpen => Self::AlreadyOpen { member, detail },
            ErrorKind::NotAStore => Self::NotAStore { member, detail },
            ErrorKind::UnsupportedFormat => Self::UnsupportedFormat { member, detail },
            ErrorKind::Corrupted => Self::Corrupted { member, detail },
            ErrorKind::Unavailable => Self::Unavailable { member, detail },
            ErrorKind::Expired => Self::Expired { member, detail },
            ErrorKind::Suspended => Self::Suspended { member, detail },
            ErrorKind::Closed => Self::Closed { member, detail },
        }
    }
}
