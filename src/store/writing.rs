//! Calls that write.

use super::Store;
use crate::error::{Error, ErrorKind, Refusal, Result};
use crate::query::{EndedOpen, Query};
use crate::resolve::Resolver;
use crate::session::{self, Checked, Outcome, SessionLog};
use crate::shared::nothing_more_written;
use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Writing. Each call is one commit: all of it or nothing, durable on return as the store's
/// [`Durability`](crate::Durability) says.
impl Store {
    /// Appends a record, or the end that it brings to a session in the store.
    ///
    /// [`Outcome::Added`] for a new `refer_uid`. Under a known one: the same record again is
    /// [`Outcome::AlreadyThere`]; an ended copy of an open session ends it, [`Outcome::Ended`]; a
    /// late open copy of an ended session is [`Outcome::AlreadyThere`] and changes nothing.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the record breaks a rule of [`SessionLog::new`]; `Conflict`, naming the
    /// member, for anything else under a known `refer_uid`. As every write: `InvalidInput` if the
    /// store is open for reading only, `Unavailable` if the storage fails (nothing is
    /// written then, unless the error says that this is unknown; appending the same again is safe),
    /// `Closed` once closed.
    ///
    /// ```
    /// # use sessionlog::{Outcome, SessionLog, Store};
    /// # use uuid::Uuid;
    /// let store = Store::in_memory()?;
    /// let (id, ann) = (Uuid::from_u128(1), Uuid::from_u128(7));
    /// let start = "2026-11-01T08:00:00Z".parse().unwrap();
    /// let log = SessionLog::new(id, ann, "Ann", "PDA-01", start, None)?;
    /// assert_eq!(store.append(log.clone())?, Outcome::Added);
    /// assert_eq!(store.append(log)?, Outcome::AlreadyThere);
    /// # Ok::<(), sessionlog::Error>(())
    /// ```
    pub fn append(&self, log: SessionLog) -> Result<Outcome> {
        let checked = Checked::new(log)?;
        self.shared()
            .write(1, move |resolver| resolver.append(&checked))
    }

    /// Appends records as if one after the other, all or none, and answers what each did.
    ///
    /// The iterator is drained before the store is locked, so that it may be slow, and may read or
    /// write the store itself. The batch is held in memory.
    ///
    /// # Errors
    ///
    /// If any record is refused, the whole batch is, and [`Error::refusals`] lists every refused
    /// record with its index and error; the kind is that of the first. `InvalidInput` if there are
    /// more records than [`Options::batch_records_max`](crate::Options::batch_records_max). Else as [`Store::append`].
    pub fn append_batch(&self, logs: impl IntoIterator<Item = SessionLog>) -> Result<Vec<Outcome>> {
        let max = self.shared().options.batch_records_max;
        let mut checked = Vec::new();
        for log in logs {
            if checked.len() == max {
                let problem = format_args!("holds more than {max} records");
                return Err(Error::invalid("batch", problem));
            }
            checked.push(Checked::new(log));
        }
        self.shared()
            .write(checked.len(), |resolver| append_all(resolver, checked))
    }

    /// Starts a session now, by the store's clock, under a new `refer_uid`, and answers that.
    ///
    /// # Errors
    ///
    /// `InvalidInput`, naming the member, for a nil user or too long a string; `Conflict` if the
    /// store's id source gives an id that is taken. Else as [`Store::append`].
    pub fn start(&self, user_refer_uid: Uuid, user: &str, client_refer_uid: &str) -> Result<Uuid> {
        let now = self.shared().options.clock.now();
        let refer_uid = self.shared().options.ids.refer_uid(now);
        let checked = Checked::starting(refer_uid, user_refer_uid, user, client_refer_uid, now)?;
        self.shared()
            .write(1, move |resolver| match resolver.start(&checked)? {
                Outcome::Added => Ok(refer_uid),
                Outcome::AlreadyThere | Outcome::Ended => Err(session::taken(refer_uid)),
            })
    }

    /// Starts a session now under a `refer_uid` that the caller chose, so that a retry cannot start
    /// it twice: [`Outcome::AlreadyThere`] if it was started before, whenever that was and even if
    /// it has ended since. The first start stands.
    ///
    /// # Errors
    ///
    /// `Conflict`, naming the member, if the `refer_uid` is another user's or client's session.
    /// Else as [`Store::start`].
    pub fn start_as(
        &self,
        refer_uid: Uuid,
        user_refer_uid: Uuid,
        user: &str,
        client_refer_uid: &str,
    ) -> Result<Outcome> {
        let now = self.shared().options.clock.now();
        let checked = Checked::starting(refer_uid, user_refer_uid, user, client_refer_uid, now)?;
        self.shared()
            .write(1, move |resolver| resolver.start(&checked))
    }

    /// Ends a session at `at`, floored to a tick of 100 ns. The first end stands: the same again is
    /// [`Outcome::AlreadyThere`].
    ///
    /// # Errors
    ///
    /// `NotFound` for an unknown `refer_uid`; `AlreadyEnded` if the session has another end;
    /// `InvalidInput` if `at` is out of range or lies before the start. Else as [`Store::append`].
    pub fn end(&self, refer_uid: Uuid, at: DateTime<Utc>) -> Result<Outcome> {
        let at = session::end_ticks(at)?;
        self.shared()
            .write(1, move |resolver| resolver.end(refer_uid, at))
    }

    /// Ends every open session that matches at `at`, in one commit; sessions that started after
    /// `at` stay open. Repeating the call changes nothing more. The query's order does not matter.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if `at` is out of range. Else as [`Store::append`].
    pub fn end_open(&self, query: &Query, at: DateTime<Utc>) -> Result<EndedOpen> {
        let at = session::end_ticks(at)?;
        let query = query.clone();
        // About as many as there will be when it comes to it.
        let open = self.count(&query.open_and_oldest_first());
        let open = open.map_err(nothing_more_written)?;
        let sessions = usize::try_from(open).unwrap_or(usize::MAX);
        self.shared()
            .write(sessions, move |resolver| resolver.end_open(&query, at))
    }

    /// Removes a session, open or ended, and answers what it was. Ending never removes.
    ///
    /// # Errors
    ///
    /// `NotFound` for an unknown `refer_uid`. Else as [`Store::append`].
    pub fn remove(&self, refer_uid: Uuid) -> Result<SessionLog> {
        self.shared()
            .write(1, move |resolver| resolver.remove(refer_uid))
    }

    /// Makes everything written so far durable; with [`Durability::Immediate`](crate::Durability::Immediate) it is
    /// already.
    ///
    /// # Errors
    ///
    /// `Unavailable` if the storage fails; `Closed` once closed.
    pub fn flush(&self) -> Result<()> {
        self.shared().make_writable()?;
        self.shared().flush()
    }
}

fn append_all(resolver: &mut Resolver<'_>, records: Vec<Result<Checked>>) -> Result<Vec<Outcome>> {
    let count = records.len();
    let mut outcomes = Vec::with_capacity(count);
    let mut refusals = Vec::new();
    for (index, record) in records.into_iter().enumerate() {
        match record.and_then(|record| resolver.append(&record)) {
            Ok(outcome) => outcomes.push(outcome),
            Err(error) if is_refusal(error.kind()) => refusals.push(Refusal { index, error }),
            Err(error) => return Err(error),
        }
    }
    match refusals.is_empty() {
        true => Ok(outcomes),
        false => Err(Error::refused(refusals, count)),
    }
}

/// Whether the record is at fault, not the store.
fn is_refusal(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::InvalidInput | ErrorKind::Conflict)
}
