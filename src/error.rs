//! The crate's one error: what kind it is, what it is about, and what caused it.

use chrono::{DateTime, Utc};
use std::error::Error as StdError;
use std::fmt;

/// What a call gives that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a caller should do next: the one list of this crate's kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An argument breaks a documented rule; the message names the member and the value. Fix the
    /// call: repeating it fails again.
    InvalidInput,
    /// No session has the given `refer_uid`.
    NotFound,
    /// The `refer_uid` is known with other content. Do not retry: one of the two records is wrong.
    Conflict,
    /// The session has ended already, at another time. The first end stands.
    AlreadyEnded,
    /// The store is open already, in this process or in another.
    AlreadyOpen,
    /// The path holds no store.
    NotAStore,
    /// The store was written in a format that this version cannot read.
    UnsupportedFormat,
    /// What was read back is not what was written. Keep the files as they are.
    Corrupted,
    /// The storage failed (a full disk, an I/O error). Every acknowledged record is kept. A write
    /// that failed has written nothing, or says that this is unknown; writing the same again is safe
    /// either way. Calls succeed again once the cause is gone.
    Unavailable,
    /// The snapshot or iterator has outlived what it reads from: it was held for too long, or the
    /// storage has failed since and its files had to be opened again. Take a new one; cursors go on.
    Expired,
    /// The store is suspended. Resume it first.
    Suspended,
    /// The store has been closed.
    Closed,
}

/// An error of this crate: a [kind](Error::kind) to act on, a message for people, and the
/// underlying error, if there is one, as [`source`](StdError::source).
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    member: Option<&'static str>,
    message: String,
    refusals: Vec<Refusal>,
    end_before_start: Option<EndBeforeStart>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// A session that would end before it started: a clock was set back meanwhile, or was wrong before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndBeforeStart {
    /// When it started, as it is stored or is to be.
    pub session_start: DateTime<Utc>,
    /// When it is to end.
    pub session_end: DateTime<Utc>,
}

/// One refused record of a refused batch.
#[derive(Debug)]
pub struct Refusal {
    /// The record's position in the batch, from zero.
    pub index: usize,
    /// Why it was refused.
    pub error: Error,
}

impl Error {
    /// What kind of failure this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The member of the record or query at fault, in the words of the API (`session_end`).
    #[must_use]
    pub fn member(&self) -> Option<&'static str> {
        self.0.member
    }

    /// Every refused record of a refused batch, by ascending index; empty for any other error.
    #[must_use]
    pub fn refusals(&self) -> &[Refusal] {
        &self.0.refusals
    }

    /// The two times of a session that was refused since its end lies before its start, so that the
    /// caller can decide which end it is to have.
    ///
    /// ```
    /// use sessionlog::Store;
    /// use uuid::Uuid;
    ///
    /// let store = Store::in_memory()?;
    /// let session = store.start(Uuid::from_u128(7), "Ann", "PDA-01")?;
    /// // The clock was set back since.
    /// let logout = "2001-01-01T00:00:00Z".parse().unwrap();
    /// let times = store.end(session, logout).unwrap_err().end_before_start();
    /// store.end(session, times.expect("it ends too early").session_start)?;
    /// # Ok::<(), sessionlog::Error>(())
    /// ```
    #[must_use]
    pub fn end_before_start(&self) -> Option<EndBeforeStart> {
        self.0.end_before_start
    }

    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            member: None,
            message: message.into(),
            refusals: Vec::new(),
            end_before_start: None,
            source: None,
        }))
    }

    /// Bad input: `member` is the member's name, `problem` says what is wrong and with which value.
    pub(crate) fn invalid(member: &'static str, problem: impl fmt::Display) -> Self {
        Self::new(ErrorKind::InvalidInput, format!("{member} {problem}")).about(member)
    }

    pub(crate) fn corrupted(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Corrupted, message)
    }

    pub(crate) fn closed() -> Self {
        Self::new(ErrorKind::Closed, "the store has been closed")
    }

    /// What a snapshot is told that has ended for this reason.
    pub(crate) fn expired(why: &str) -> Self {
        let message = format!("the snapshot has ended, since {why}: take a new one");
        Self::new(ErrorKind::Expired, message)
    }

    pub(crate) fn with_times(mut self, times: EndBeforeStart) -> Self {
        self.0.end_before_start = Some(times);
        self
    }

    pub(crate) fn about(mut self, member: &'static str) -> Self {
        self.0.member = Some(member);
        self
    }

    /// Whether it says that what is stored is not as it must be.
    pub(crate) fn is_of_what_is_stored(&self) -> bool {
        matches!(
            self.kind(),
            ErrorKind::Corrupted | ErrorKind::UnsupportedFormat | ErrorKind::NotAStore
        )
    }

    /// What is not as it must be is named by the place where it is stored.
    #[cold]
    pub(crate) fn stored_in(mut self, place: impl fmt::Display) -> Self {
        if self.is_of_what_is_stored() {
            self.0.message = format!("{place}: {}", self.0.message);
        }
        self
    }

    /// As [`stored_in`](Self::stored_in), unless the file is named already.
    pub(crate) fn of_file(self, name: &str) -> Self {
        match self.0.message.contains(name) {
            true => self,
            false => self.stored_in(name),
        }
    }

    pub(crate) fn caused_by(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The error of a whole batch: of the kind of its first refusal.
    pub(crate) fn refused(refusals: Vec<Refusal>, records: usize) -> Self {
        let kind = refusals
            .first()
            .map_or(ErrorKind::InvalidInput, |first| first.error.kind());
        let detail: String = refusals
            .first()
            .map(|first| format!("; record {}: {}", first.index, first.error))
            .unwrap_or_default();
        let mut error = Self::new(
            kind,
            format!(
                "the batch was refused whole: {} of {records} records are at fault{detail}",
                refusals.len()
            ),
        );
        error.0.refusals = refusals;
        error
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Error");
        out.field("kind", &self.0.kind)
            .field("message", &self.0.message);
        if let Some(member) = self.0.member {
            out.field("member", &member);
        }
        if let [first, others @ ..] = self.0.refusals.as_slice() {
            // A batch can have a hundred thousand, and this is what a panic shows.
            out.field("first_refusal", first);
            out.field("other_refusals", &others.len());
        }
        if let Some(source) = &self.0.source {
            out.field("source", source);
        }
        out.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0
            .source
            .as_deref()
            .map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_panic_shows_of_an_error_is_short_and_has_the_member_and_the_source() {
        let refusal = |index| Refusal {
            index,
            error: Error::invalid("user", "is empty").caused_by("why"),
        };
        let error = Error::refused((0..100_000).map(refusal).collect(), 200_000);
        let text = format!("{error:?}");
        assert!(text.len() < 500, "{}", text.len());
        let parts = [
            "first_refusal",
            "index: 0",
            "member: \"user\"",
            "source: \"why\"",
            "99999",
        ];
        for part in parts {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn only_what_is_stored_is_named_by_its_place() {
        let place = |kind| Error::new(kind, "broken").stored_in("table 7").to_string();
        assert_eq!(place(ErrorKind::Corrupted), "table 7: broken");
        assert_eq!(place(ErrorKind::Unavailable), "broken");
        let file = Error::corrupted("main.redb is cut off");
        assert_eq!(
            file.of_file("main.redb").to_string(),
            "main.redb is cut off"
        );
        let file = Error::corrupted("broken").of_file("log.0");
        assert_eq!(file.to_string(), "log.0: broken");
    }
}
