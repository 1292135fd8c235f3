//! The floor: sorted `Vec`s in memory, one for each family, and nothing durable.
//!
//! The total is a difference of two binary searches and the page a slice: the least that can be
//! done for owned records whose names are shared.

use super::{Engine, Settings};
use crate::Result;
use crate::packed::family;
use crate::question::{Answer, Question};
use chrono::{DateTime, Utc};
use sessionlog::{Query, SessionLog};
use std::collections::HashMap;
use std::hash::Hash;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use uuid::Uuid;

/// The engine, empty until it is appended to.
#[derive(Default)]
struct Floor(RwLock<State>);

#[derive(Default)]
struct State {
    users: Interned<Uuid, (Uuid, Arc<str>)>,
    clients: Interned<Arc<str>, Arc<str>>,
    families: HashMap<Family, Vec<Record>>,
}

/// A session log without its texts: times as they are answered.
#[derive(Debug, Clone, Copy)]
struct Record {
    start: DateTime<Utc>,
    refer_uid: Uuid,
    end: Option<DateTime<Utc>>,
    user: u32,
    client: u32,
}

impl Record {
    fn order(&self) -> (DateTime<Utc>, Uuid) {
        (self.start, self.refer_uid)
    }
}

/// The kind and the ids of user and client, zero where they do not apply.
type Family = (u8, u32, u32);

/// Values by dense ids, and ids by key.
struct Interned<K, V> {
    ids: HashMap<K, u32>,
    values: Vec<V>,
}

impl<K, V> Default for Interned<K, V> {
    fn default() -> Self {
        Self {
            ids: HashMap::new(),
            values: Vec::new(),
        }
    }
}

impl<K: Eq + Hash, V> Interned<K, V> {
    fn id(&mut self, key: K, value: V) -> Result<u32> {
        let next = u32::try_from(self.values.len())?;
        let id = *self.ids.entry(key).or_insert(next);
        if id == next {
            self.values.push(value);
        }
        Ok(id)
    }

    fn value(&self, id: u32) -> Result<&V> {
        let value = self.values.get(usize::try_from(id)?);
        value.ok_or_else(|| "no such name".into())
    }
}

pub(super) fn open(_: &Path, _: Settings) -> Result<Box<dyn Engine>> {
    Ok(Box::new(Floor::default()))
}

impl Floor {
    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine for Floor {
    fn append(&self, logs: Vec<SessionLog>) -> Result<()> {
        let mut state = self.write();
        let mut grown: HashMap<Family, usize> = HashMap::new();
        for log in &logs {
            let record = state.record(log)?;
            let open = log.is_open().then_some(family::OF_OPEN);
            for kind in family::OF_ALL.chain(open.into_iter().flatten()) {
                let key = family_of(kind, &record);
                let family = state.families.entry(key).or_default();
                grown.entry(key).or_insert(family.len());
                family.push(record);
            }
        }
        for (key, sorted) in grown {
            settle(state.families.entry(key).or_default(), sorted);
        }
        Ok(())
    }

    fn end(&self, logs: Vec<SessionLog>) -> Result<()> {
        let mut state = self.write();
        logs.iter().try_for_each(|log| {
            let record = state.record(log)?;
            state.end(record)
        })
    }

    fn end_open(&self, at: DateTime<Utc>) -> Result<u64> {
        let mut state = self.write();
        let open = state.families.get(&(family::OPEN, 0, 0));
        let open = open.cloned().unwrap_or_default();
        // From the back, so that little moves.
        for record in open.iter().rev() {
            state.end(Record {
                end: Some(at),
                ..*record
            })?;
        }
        Ok(u64::try_from(open.len())?)
    }

    fn page(&self, question: &Question) -> Result<Answer> {
        let state = self.read();
        let passing = state.passing(&question.query);
        let (skip, take) = question.skip_and_take();
        let first = passing.len().min(usize::try_from(skip)?);
        let last = passing.len().min(first + usize::try_from(take)?);
        let page = passing.get(first..last).unwrap_or_default();
        let mut entries = Vec::with_capacity(page.len());
        for record in page {
            entries.push(state.log(record)?);
        }
        let total = u64::try_from(passing.len())?;
        Ok(Answer { entries, total })
    }
}

impl State {
    fn record(&mut self, log: &SessionLog) -> Result<Record> {
        let user = (log.user_refer_uid, Arc::clone(&log.user));
        let user = self.users.id(log.user_refer_uid, user)?;
        let client = Arc::clone(&log.client_refer_uid);
        let client = self.clients.id(Arc::clone(&client), client)?;
        Ok(Record {
            start: log.session_start,
            refer_uid: log.refer_uid,
            end: log.session_end,
            user,
            client,
        })
    }

    fn log(&self, record: &Record) -> Result<SessionLog> {
        let (user_refer_uid, user) = self.users.value(record.user)?;
        Ok(SessionLog {
            refer_uid: record.refer_uid,
            user_refer_uid: *user_refer_uid,
            user: Arc::clone(user),
            client_refer_uid: Arc::clone(self.clients.value(record.client)?),
            session_start: record.start,
            session_end: record.end,
        })
    }

    /// The records that pass a query.
    fn passing(&self, query: &Query) -> &[Record] {
        let family = self.family(query);
        let from = query
            .started_after()
            .map_or(0, |at| family.partition_point(|record| record.start <= at));
        let to = query.started_before().map_or(family.len(), |at| {
            family.partition_point(|record| record.start < at)
        });
        family.get(from..to).unwrap_or_default()
    }

    fn family(&self, query: &Query) -> &[Record] {
        let user = query.user_refer_uid();
        let user = user.map_or(Some(&0), |uid| self.users.ids.get(&uid));
        let client = query.client_refer_uid();
        let client = client.map_or(Some(&0), |text| self.clients.ids.get(text));
        let key = user.zip(client);
        let key = key.map(|(user, client)| (family::of(query), *user, *client));
        let family = key.and_then(|key| self.families.get(&key));
        family.map(Vec::as_slice).unwrap_or_default()
    }

    /// Marks a session as ended among all, and takes it from the open ones.
    fn end(&mut self, ended: Record) -> Result<()> {
        for kind in family::OF_ALL.chain(family::OF_OPEN) {
            let family = self.families.entry(family_of(kind, &ended)).or_default();
            let found = family.binary_search_by_key(&ended.order(), Record::order);
            let at = found.map_err(|_| "no such session")?;
            if family::OF_OPEN.contains(&kind) {
                family.remove(at);
            } else if let Some(record) = family.get_mut(at) {
                *record = ended;
            }
        }
        Ok(())
    }
}

fn family_of(kind: u8, record: &Record) -> Family {
    let if_set = |bit, id| if kind & bit == 0 { 0 } else { id };
    let user = if_set(family::USER, record.user);
    (kind, user, if_set(family::CLIENT, record.client))
}

/// Sorts what was pushed behind the first `sorted`: few late records move few others.
fn settle(family: &mut [Record], sorted: usize) {
    let (before, pushed) = family.split_at(sorted);
    let least = pushed.iter().map(Record::order).min();
    let Some(least) = least else { return };
    let from = before.partition_point(|record| record.order() < least);
    let (_, unsettled) = family.split_at_mut(from);
    unsettled.sort_by_key(Record::order);
}
