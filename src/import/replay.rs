//! Sessions from the events of one file, and what these mean for the sessions that are stored.

use crate::SessionLog;
use crate::import::batch::Batch;
use crate::import::event::{Event, Login};
use crate::import::identity;
use crate::import::{Destination, ImportError};
use chrono::{DateTime, Utc};
use std::collections::HashMap;

/// Takes the events of one source in the order of the file.
///
/// A session of the file goes to the batch once it has ended, or at the end of the file. One that
/// is open in the store waits there until then, even once an event has ended it: the file may
/// still show its login, and then all that came before that login is none of its business.
pub(super) struct Replay<'a> {
    source: &'a str,
    /// By line; several on one line where the store has a newer one than the file.
    sessions: HashMap<String, Vec<Session>>,
}

/// A session that is open in the file or in the store.
struct Session {
    log: SessionLog,
    /// The record of its login; of its end, if it is stored and has ended; else zero.
    place: u64,
    is_stored: bool,
}

impl<'a> Replay<'a> {
    /// Starts with the open sessions of the source in the store.
    pub(super) fn new(
        destination: &mut impl Destination,
        source: &'a str,
    ) -> Result<Self, ImportError> {
        let mut sessions: HashMap<String, Vec<Session>> = HashMap::new();
        destination.each_open(&mut |log| {
            if log.user_refer_uid == identity::user_refer_uid(source, &log.user) {
                let line = identity::line_of(&log.client_refer_uid).to_owned();
                sessions.entry(line).or_default().push(Session {
                    log,
                    place: 0,
                    is_stored: true,
                });
            }
        })?;
        Ok(Self { source, sessions })
    }

    /// Takes the event of the record at `place`.
    pub(super) fn take(&mut self, place: u64, event: Event<'_>, batch: &mut Batch<'_>) {
        match event {
            Event::Login(login) => self.login(place, login, batch),
            Event::Logout { line, at } => self.end_on_line(place, line, at, batch),
            Event::Down { at } => self.end_all(place, at, batch),
        }
    }

    fn login(&mut self, place: u64, login: Login<'_>, batch: &mut Batch<'_>) {
        let log = self.open_log(login);
        let on_line = self.sessions.entry(login.line.to_owned()).or_default();
        on_line.retain(|session| !session.is_stored || session.log.refer_uid != log.refer_uid);
        let mut open = on_line.iter().filter(|session| !session.is_stored);
        match open.find(|session| session.log.refer_uid == log.refer_uid) {
            // The same record twice.
            Some(session) if session.log == log => return,
            Some(_) => {
                return batch.reject(place, &"line, process and time are another login's");
            }
            None => {}
        }
        if !login.line.is_empty() {
            end(on_line, place, login.at, batch);
        }
        on_line.push(Session {
            log,
            place,
            is_stored: false,
        });
    }

    fn open_log(&self, login: Login<'_>) -> SessionLog {
        let Login {
            line,
            user,
            host,
            pid,
            at,
        } = login;
        SessionLog {
            refer_uid: identity::refer_uid(self.source, line, pid, at),
            user_refer_uid: identity::user_refer_uid(self.source, user),
            user: user.into(),
            client_refer_uid: identity::client(host, line).into(),
            session_start: at,
            session_end: None,
        }
    }

    fn end_on_line(&mut self, place: u64, line: &str, at: DateTime<Utc>, batch: &mut Batch<'_>) {
        if let Some(on_line) = self.sessions.get_mut(line) {
            end(on_line, place, at, batch);
            if on_line.is_empty() {
                self.sessions.remove(line);
            }
        }
    }

    fn end_all(&mut self, place: u64, at: DateTime<Utc>, batch: &mut Batch<'_>) {
        self.sessions.retain(|_, on_line| {
            end(on_line, place, at, batch);
            !on_line.is_empty()
        });
    }

    /// At the end of the file: what it leaves open, and what it ended of the store's.
    pub(super) fn finish(self, batch: &mut Batch<'_>) {
        let sessions = self.sessions.into_values().flatten();
        let touched = sessions.filter(|session| !session.is_stored || !session.log.is_open());
        let mut touched: Vec<Session> = touched.collect();
        touched.sort_by_key(|session| session.place);
        for session in touched {
            batch.push(session.place, session.log);
        }
    }
}

/// Ends sessions at `at`, as the record at `place` says.
///
/// One that the file began ends at its start if the clock was set back meanwhile: what counts is
/// that it is over. A stored one that began later is another file's business; of its ends the
/// first counts.
fn end(sessions: &mut Vec<Session>, place: u64, at: DateTime<Utc>, batch: &mut Batch<'_>) {
    sessions.retain_mut(|session| {
        let log = &mut session.log;
        if !session.is_stored {
            log.session_end = Some(at.max(log.session_start));
            batch.push(session.place, log.clone());
        } else if log.is_open() && log.session_start <= at {
            log.session_end = Some(at);
            session.place = place;
        }
        session.is_stored
    });
}
