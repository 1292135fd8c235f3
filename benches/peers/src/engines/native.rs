//! `native_db`: records of a Rust type, with a secondary key for each filter.
//!
//! A scan reads the keys of its range first and then a record for each that is stepped over, so a
//! total reads every record that it counts: the crate offers no other way to count a range.

use super::{CACHE_BYTES, Engine, Settings};
use crate::Result;
use crate::packed::{family, instant, ticks, window};
use crate::question::{Answer, Question};
use chrono::{DateTime, Utc};
use native_db::transaction::RTransaction;
use native_db::{Builder, Database, Key, Models, ToKey, native_db};
use native_model::{Model, native_model};
use serde::{Deserialize, Serialize};
use sessionlog::{Query, SessionLog};
use std::ops::Range;
use std::path::Path;
use std::sync::LazyLock;
use uuid::Uuid;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[native_model(id = 1, version = 1)]
#[native_db(
    secondary_key(all -> Key),
    secondary_key(of_user -> Key),
    secondary_key(of_client -> Key),
    secondary_key(of_user_client -> Key),
    secondary_key(open -> Option<Key>, optional),
    secondary_key(open_of_user -> Option<Key>, optional),
    secondary_key(open_of_client -> Option<Key>, optional),
    secondary_key(open_of_user_client -> Option<Key>, optional),
)]
struct Session {
    #[primary_key]
    refer_uid: u128,
    user_refer_uid: u128,
    user: String,
    client: String,
    start: i64,
    end: Option<i64>,
}

impl Session {
    fn new(log: &SessionLog) -> Self {
        Self {
            refer_uid: log.refer_uid.as_u128(),
            user_refer_uid: log.user_refer_uid.as_u128(),
            user: log.user.to_string(),
            client: log.client_refer_uid.to_string(),
            start: ticks(log.session_start),
            end: log.session_end.map(ticks),
        }
    }

    fn into_log(self) -> SessionLog {
        SessionLog {
            refer_uid: Uuid::from_u128(self.refer_uid),
            user_refer_uid: Uuid::from_u128(self.user_refer_uid),
            user: self.user.into(),
            client_refer_uid: self.client.into(),
            session_start: instant(self.start),
            session_end: self.end.map(instant),
        }
    }

    fn all(&self) -> Key {
        key(None, None, self.start)
    }

    fn of_user(&self) -> Key {
        key(Some(self.user_refer_uid), None, self.start)
    }

    fn of_client(&self) -> Key {
        key(None, Some(&self.client), self.start)
    }

    fn of_user_client(&self) -> Key {
        key(Some(self.user_refer_uid), Some(&self.client), self.start)
    }

    fn if_open(&self, key: Key) -> Option<Key> {
        self.end.is_none().then_some(key)
    }

    fn open(&self) -> Option<Key> {
        self.if_open(self.all())
    }

    fn open_of_user(&self) -> Option<Key> {
        self.if_open(self.of_user())
    }

    fn open_of_client(&self) -> Option<Key> {
        self.if_open(self.of_client())
    }

    fn open_of_user_client(&self) -> Option<Key> {
        self.if_open(self.of_user_client())
    }
}

/// User, client and its end, start: sessions that are equal in these come by their id.
fn key(user: Option<u128>, client: Option<&str>, start: i64) -> Key {
    let mut bytes = Vec::with_capacity(64);
    bytes.extend(user.map(u128::to_be_bytes).iter().flatten());
    if let Some(client) = client {
        bytes.extend(client.as_bytes());
        bytes.push(0);
    }
    bytes.extend((start ^ i64::MIN).to_be_bytes());
    Key::new(bytes)
}

/// The keys that pass a question.
fn range(question: &Question) -> Range<Key> {
    let query = &question.query;
    let user = query.user_refer_uid().map(|uid| uid.as_u128());
    let bound = |start| key(user, query.client_refer_uid(), start);
    let window = window(question);
    bound(window.start)..bound(window.end)
}

static MODELS: LazyLock<Result<Models>> = LazyLock::new(|| {
    let mut models = Models::new();
    models.define::<Session>()?;
    Ok(models)
});

struct Native(Database<'static>);

pub(super) fn open(folder: &Path, _: Settings) -> Result<Box<dyn Engine>> {
    let models = MODELS.as_ref().map_err(ToString::to_string)?;
    let file = folder.join("sessions.native");
    let mut builder = Builder::new();
    builder.set_cache_size(CACHE_BYTES);
    let database = match file.exists() {
        true => builder.open(models, file)?,
        false => builder.create(models, file)?,
    };
    Ok(Box::new(Native(database)))
}

impl Engine for Native {
    fn append(&self, logs: Vec<SessionLog>) -> Result<()> {
        let transaction = self.0.rw_transaction()?;
        for log in &logs {
            transaction.insert(Session::new(log))?;
        }
        Ok(transaction.commit()?)
    }

    fn end(&self, logs: Vec<SessionLog>) -> Result<()> {
        let transaction = self.0.rw_transaction()?;
        for log in &logs {
            let id = log.refer_uid.as_u128();
            let stored: Option<Session> = transaction.get().primary(id)?;
            let stored = stored.ok_or("no such session")?;
            transaction.update(stored, Session::new(log))?;
        }
        Ok(transaction.commit()?)
    }

    fn end_open(&self, at: DateTime<Utc>) -> Result<u64> {
        let query = Query::builder().open_sessions_only(true).build()?;
        let reading = self.0.r_transaction()?;
        let (open, total) = scan(&reading, &Question::first(&query)?, 0, usize::MAX)?;
        let ended = open.into_iter().map(|session| SessionLog {
            session_end: Some(at),
            ..session.into_log()
        });
        self.end(ended.collect())?;
        Ok(total)
    }

    fn page(&self, question: &Question) -> Result<Answer> {
        let (skip, take) = question.skip_and_take();
        let (skip, take) = (usize::try_from(skip)?, usize::try_from(take)?);
        let (entries, total) = scan(&self.0.r_transaction()?, question, skip, take)?;
        Ok(Answer {
            entries: entries.into_iter().map(Session::into_log).collect(),
            total,
        })
    }

    fn compact(&mut self) -> Result<bool> {
        Ok(self.0.compact()?)
    }
}

/// The records of a page, and how many there are in all.
fn scan(
    from: &RTransaction<'_>,
    question: &Question,
    skip: usize,
    take: usize,
) -> Result<(Vec<Session>, u64)> {
    let range = range(question);
    let open = Some(range.start.clone())..Some(range.end.clone());
    match family::of(&question.query) {
        0 => walk(from, SessionKey::all, range, skip, take),
        1 => walk(from, SessionKey::of_user, range, skip, take),
        2 => walk(from, SessionKey::of_client, range, skip, take),
        3 => walk(from, SessionKey::of_user_client, range, skip, take),
        4 => walk(from, SessionKey::open, open, skip, take),
        5 => walk(from, SessionKey::open_of_user, open, skip, take),
        6 => walk(from, SessionKey::open_of_client, open, skip, take),
        _ => walk(from, SessionKey::open_of_user_client, open, skip, take),
    }
}

fn walk(
    from: &RTransaction<'_>,
    key: SessionKey,
    range: Range<impl ToKey>,
    skip: usize,
    take: usize,
) -> Result<(Vec<Session>, u64)> {
    let scan = from.scan().secondary::<Session>(key)?;
    let (mut page, mut total) = (Vec::new(), 0);
    for (at, session) in scan.range(range)?.enumerate() {
        let session = session?;
        if at >= skip && at - skip < take {
            page.push(session);
        }
        total += 1;
    }
    Ok((page, total))
}
