//! A session log and the rules of its life.

use crate::error::{EndBeforeStart, Error, ErrorKind, Result};
use crate::time::{self, Ticks};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use uuid::Uuid;

/// The longest `user` or `client_refer_uid`, in bytes of UTF-8.
pub const TEXT_BYTES_MAX: usize = 1_024;

/// Who was logged in on which client device, from when, and until when.
///
/// The members are the wire contract's. The strings are shared: the store hands out the same one
/// for every session of a user or client, so that copying a record copies no text.
///
/// A store checks a record wherever it takes one, with the rules of [`SessionLog::new`];
/// deserializing checks the same rules, and refuses members of other names: a mistyped
/// `session_end` must not make an open session.
///
/// ```
/// use sessionlog::SessionLog;
///
/// let log: SessionLog = serde_json::from_str(
///     r#"{"refer_uid": "6f9619ff-8b86-d011-b42d-00c04fc964ff",
///         "user_refer_uid": "11111111-2222-3333-4444-555555555555", "user": "Ann",
///         "client_refer_uid": "PDA-01", "session_start": "2026-11-01T08:00:00Z"}"#,
/// )?;
/// assert!(log.session_end.is_none());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct SessionLog {
    /// The session's own id: unique in a store, never nil.
    pub refer_uid: Uuid,
    /// The user's id: never nil.
    pub user_refer_uid: Uuid,
    /// The user's name at that time: any Unicode, at most [`TEXT_BYTES_MAX`] bytes, kept exactly.
    #[serde(with = "shared_text")]
    pub user: Arc<str>,
    /// The client device: any Unicode, at most [`TEXT_BYTES_MAX`] bytes, kept exactly.
    #[serde(with = "shared_text")]
    pub client_refer_uid: Arc<str>,
    /// The login, in ticks of 100 ns, from 0001-01-01T00:00:00.0000001Z to
    /// 9999-12-31T23:59:59.9999999Z.
    #[serde(with = "time::text")]
    pub session_start: DateTime<Utc>,
    /// The logout, in the same range and never before `session_start`; `None` while the session
    /// is open.
    #[serde(with = "time::text_option")]
    pub session_end: Option<DateTime<Utc>>,
}

impl SessionLog {
    /// A checked record; its times are floored to ticks of 100 ns.
    ///
    /// # Errors
    ///
    /// `InvalidInput`, naming the member, if an id is nil, a string is longer than
    /// [`TEXT_BYTES_MAX`] bytes, a time is out of range, or `session_end` lies before
    /// `session_start`.
    pub fn new(
        refer_uid: Uuid,
        user_refer_uid: Uuid,
        user: impl Into<Arc<str>>,
        client_refer_uid: impl Into<Arc<str>>,
        session_start: DateTime<Utc>,
        session_end: Option<DateTime<Utc>>,
    ) -> Result<Self> {
        let log = Self {
            refer_uid,
            user_refer_uid,
            user: user.into(),
            client_refer_uid: client_refer_uid.into(),
            session_start,
            session_end,
        };
        Ok(Checked::new(log)?.log)
    }

    /// Whether the session has no end yet.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.session_end.is_none()
    }
}

/// Text that is shared, as text.
pub(crate) mod shared_text {
    use serde::{Deserialize, Deserializer, Serializer};
    use std::sync::Arc;

    pub(crate) fn serialize<S: Serializer>(text: &Arc<str>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(text)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Arc<str>, D::Error> {
        Ok(String::deserialize(from)?.into())
    }
}

/// What deserializes before it is checked.
#[derive(Deserialize)]
#[serde(
    rename = "SessionLog",
    expecting = "a session log",
    deny_unknown_fields
)]
struct Unchecked {
    refer_uid: Uuid,
    user_refer_uid: Uuid,
    user: String,
    client_refer_uid: String,
    #[serde(with = "time::text")]
    session_start: DateTime<Utc>,
    #[serde(default, with = "time::text_option")]
    session_end: Option<DateTime<Utc>>,
}

impl TryFrom<Unchecked> for SessionLog {
    type Error = Error;

    fn try_from(log: Unchecked) -> Result<Self> {
        Self::new(
            log.refer_uid,
            log.user_refer_uid,
            log.user,
            log.client_refer_uid,
            log.session_start,
            log.session_end,
        )
    }
}

/// What a write did to the session it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// The session is new.
    Added,
    /// The store held all of it already; nothing changed.
    AlreadyThere,
    /// The session was open and has now ended.
    Ended,
}

/// A record that keeps every rule that a record can keep or break by itself.
#[derive(Debug, Clone)]
pub(crate) struct Checked {
    /// The record, its times floored.
    pub(crate) log: SessionLog,
    pub(crate) start: Ticks,
    pub(crate) end: Option<Ticks>,
}

impl Checked {
    pub(crate) fn new(mut log: SessionLog) -> Result<Self> {
        check_id("refer_uid", log.refer_uid)?;
        check_id("user_refer_uid", log.user_refer_uid)?;
        check_text("user", &log.user)?;
        check_text("client_refer_uid", &log.client_refer_uid)?;
        let start = Ticks::of_record("session_start", log.session_start)?;
        let end = log.session_end.map(end_ticks).transpose()?;
        if let Some(end) = end {
            check_end(start, end)?;
        }
        log.session_start = start.to_utc();
        log.session_end = end.map(Ticks::to_utc);
        Ok(Self { log, start, end })
    }

    /// The record of a session that starts now.
    pub(crate) fn starting(
        refer_uid: Uuid,
        user_refer_uid: Uuid,
        user: &str,
        client_refer_uid: &str,
        now: DateTime<Utc>,
    ) -> Result<Self> {
        Self::new(SessionLog {
            refer_uid,
            user_refer_uid,
            user: user.into(),
            client_refer_uid: client_refer_uid.into(),
            session_start: now,
            session_end: None,
        })
    }
}

/// The tick of a `session_end`.
pub(crate) fn end_ticks(at: DateTime<Utc>) -> Result<Ticks> {
    Ticks::of_record("session_end", at)
}

pub(crate) fn check_id(member: &'static str, id: Uuid) -> Result<()> {
    if id.is_nil() {
        return Err(Error::invalid(member, format_args!("{id} is the nil id")));
    }
    Ok(())
}

pub(crate) fn check_text(member: &'static str, text: &str) -> Result<()> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(Error::invalid(
            member,
            format_args!(
                "{:?}… has {} bytes; the limit is {TEXT_BYTES_MAX}",
                text.chars().take(32).collect::<String>(),
                text.len()
            ),
        ));
    }
    Ok(())
}

fn check_end(start: Ticks, end: Ticks) -> Result<()> {
    if end < start {
        let (session_start, session_end) = (start.to_utc(), end.to_utc());
        let (first, last) = (time::to_text(session_start), time::to_text(session_end));
        let problem = format_args!("{last} lies before session_start {first}");
        let times = EndBeforeStart {
            session_start,
            session_end,
        };
        return Err(Error::invalid("session_end", problem).with_times(times));
    }
    Ok(())
}

/// What appending `new` does where `stored` holds its `refer_uid` already.
///
/// # Errors
///
/// `Conflict`, naming the first member that differs.
pub(crate) fn reappend(stored: &SessionLog, new: &Checked) -> Result<Outcome> {
    same_session(stored, &new.log)?;
    if stored.session_start != new.log.session_start {
        return Err(conflict(
            stored,
            "session_start",
            time::to_text(stored.session_start),
            time::to_text(new.log.session_start),
        ));
    }
    match (stored.session_end, new.log.session_end) {
        (None, Some(_)) => Ok(Outcome::Ended),
        (Some(_) | None, None) => Ok(Outcome::AlreadyThere),
        (Some(first), Some(other)) if first == other => Ok(Outcome::AlreadyThere),
        (Some(first), Some(other)) => Err(conflict(
            stored,
            "session_end",
            time::to_text(first),
            time::to_text(other),
        )),
    }
}

/// What starting `new` again does where `stored` holds its `refer_uid`: the first start stands.
///
/// # Errors
///
/// `Conflict`, naming the member, if it is another user's or client's session.
pub(crate) fn restart(stored: &SessionLog, new: &SessionLog) -> Result<Outcome> {
    same_session(stored, new)?;
    Ok(Outcome::AlreadyThere)
}

/// # Errors
///
/// `Conflict`, naming the first member that differs, if they are different users' or clients'.
pub(crate) fn same_session(stored: &SessionLog, new: &SessionLog) -> Result<()> {
    if stored.user_refer_uid != new.user_refer_uid {
        let (old, new) = (stored.user_refer_uid, new.user_refer_uid);
        return Err(conflict(stored, "user_refer_uid", old, new));
    }
    if stored.user != new.user {
        return Err(conflict(
            stored,
            "user",
            quoted(&stored.user),
            quoted(&new.user),
        ));
    }
    if stored.client_refer_uid != new.client_refer_uid {
        return Err(conflict(
            stored,
            "client_refer_uid",
            quoted(&stored.client_refer_uid),
            quoted(&new.client_refer_uid),
        ));
    }
    Ok(())
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}

fn conflict(
    stored: &SessionLog,
    member: &'static str,
    old: impl std::fmt::Display,
    new: impl std::fmt::Display,
) -> Error {
    Error::new(
        ErrorKind::Conflict,
        format!(
            "session {} is stored with {member} {old}, not {new}",
            stored.refer_uid
        ),
    )
    .about(member)
}

/// What ending the session `stored` at `end` does.
///
/// # Errors
///
/// `AlreadyEnded` at another time; `InvalidInput` if `end` lies before the session's start.
pub(crate) fn end(
    refer_uid: Uuid,
    start: Ticks,
    stored: Option<Ticks>,
    end: Ticks,
) -> Result<Outcome> {
    match stored {
        Some(first) if first == end => Ok(Outcome::AlreadyThere),
        Some(first) => Err(Error::new(
            ErrorKind::AlreadyEnded,
            format!(
                "session {refer_uid} ended at {}, not {}",
                time::to_text(first.to_utc()),
                time::to_text(end.to_utc())
            ),
        )
        .about("session_end")),
        None => check_end(start, end).map(|()| Outcome::Ended),
    }
}

/// No session has this id.
pub(crate) fn not_found(refer_uid: Uuid) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!("there is no session with refer_uid {refer_uid}"),
    )
    .about("refer_uid")
}

/// A session is to start under an id that one has already.
pub(crate) fn taken(refer_uid: Uuid) -> Error {
    let message = format!("the new refer_uid {refer_uid} is taken");
    Error::new(ErrorKind::Conflict, message).about("refer_uid")
}
