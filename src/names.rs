//! Users and clients: what their ids stand for, kept in a cache bounded in bytes.

use crate::error::{Error, Result};
use crate::format::{ClientId, Entry, NameId, UserName};
use crate::session::SessionLog;
use crate::time::Calendar;
use quick_cache::Weighter;
use quick_cache::unsync::{Cache, DefaultLifecycle};
use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, PoisonError, RwLock};

/// Where names are looked up that the cache does not hold: one state of the store.
pub(crate) trait Dictionary {
    fn user_name(&self, id: NameId) -> Result<UserName>;
    fn client(&self, id: ClientId) -> Result<Arc<str>>;
}

/// The names of one store. An id keeps its meaning for ever, so one cache serves every snapshot;
/// only names that were committed may enter it.
#[derive(Debug)]
pub(crate) struct Names {
    caches: RwLock<Caches>,
}

struct Caches {
    users: IdCache<UserName>,
    clients: IdCache<Arc<str>>,
}

/// The names of one page.
type Users = HashMap<NameId, UserName>;
type Clients = HashMap<ClientId, Arc<str>>;

type IdCache<V> = Cache<u32, V, ByBytes, BuildHasherDefault<IdHasher>, DefaultLifecycle<u32, V>>;

impl std::fmt::Debug for Caches {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Caches")
            .field("users", &self.users.len())
            .field("clients", &self.clients.len())
            .finish()
    }
}

/// Bytes that an entry costs besides its text: the slot, its place in the hash table, the counts
/// of the shared string.
const ENTRY_BYTES: u64 = 112;

#[derive(Debug, Clone)]
struct ByBytes;

impl Weighter<u32, UserName> for ByBytes {
    fn weight(&self, _: &u32, name: &UserName) -> u64 {
        ENTRY_BYTES + name.user.len() as u64
    }
}

impl Weighter<u32, Arc<str>> for ByBytes {
    fn weight(&self, _: &u32, client: &Arc<str>) -> u64 {
        ENTRY_BYTES + client.len() as u64
    }
}

/// Ids are small consecutive numbers that no caller chooses: one multiplication spreads them.
#[derive(Debug, Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes
            .iter()
            .for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u32(&mut self, id: u32) {
        self.write_u64(u64::from(id));
    }

    fn write_u64(&mut self, id: u64) {
        // 2^64 divided by the golden ratio (Knuth, TAOCP volume 3, section 6.4); the rotation
        // brings the well-mixed high bits where hash tables look.
        let mixed = (self.0 ^ id).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 = mixed.rotate_left(32);
    }
}

fn cache<V>(bytes: u64) -> IdCache<V>
where
    ByBytes: Weighter<u32, V>,
{
    let items = usize::try_from(bytes / (ENTRY_BYTES + 16)).unwrap_or(usize::MAX);
    Cache::with(
        items,
        bytes,
        ByBytes,
        BuildHasherDefault::default(),
        DefaultLifecycle::default(),
    )
}

impl Names {
    /// A cache of at most about `bytes`, half for users and half for clients.
    pub(crate) fn new(bytes: usize) -> Self {
        let half = bytes as u64 / 2;
        let caches = RwLock::new(Caches {
            users: cache(half),
            clients: cache(half),
        });
        Self { caches }
    }

    /// The records of `entries`, in their order. What they are called is kept only if that is
    /// committed.
    pub(crate) fn session_logs(
        &self,
        entries: &[Entry],
        dictionary: &impl Dictionary,
        is_committed: bool,
    ) -> Result<Vec<SessionLog>> {
        if let Some(logs) = self.cached(entries) {
            return Ok(logs);
        }
        let (users, clients) = self.look_up(entries, dictionary)?;
        let mut logs = Vec::with_capacity(entries.len());
        let mut calendar = Calendar::default();
        for entry in entries {
            let names = users.get(&entry.name_id).zip(clients.get(&entry.client_id));
            let (name, client) = names.ok_or_else(|| Error::corrupted("a name was lost"))?;
            logs.push(session_log(entry, name, client, &mut calendar));
        }
        if is_committed {
            self.remember(users, clients);
        }
        Ok(logs)
    }

    /// Every name of `entries`, cached or not.
    ///
    /// The cache is not locked while the dictionary reads: a slow read must not hold up others.
    fn look_up(&self, entries: &[Entry], dictionary: &impl Dictionary) -> Result<(Users, Clients)> {
        let (mut users, mut clients) = (Users::new(), Clients::new());
        {
            let caches = self.caches.read().unwrap_or_else(PoisonError::into_inner);
            for Entry {
                name_id, client_id, ..
            } in entries
            {
                if let Some(name) = caches.users.get(&name_id.0) {
                    users.entry(*name_id).or_insert_with(|| name.clone());
                }
                if let Some(client) = caches.clients.get(&client_id.0) {
                    clients
                        .entry(*client_id)
                        .or_insert_with(|| Arc::clone(client));
                }
            }
        }
        for Entry {
            name_id, client_id, ..
        } in entries
        {
            if let Slot::Vacant(unknown) = users.entry(*name_id) {
                unknown.insert(dictionary.user_name(*name_id)?);
            }
            if let Slot::Vacant(unknown) = clients.entry(*client_id) {
                unknown.insert(dictionary.client(*client_id)?);
            }
        }
        Ok((users, clients))
    }

    /// The records of `entries` if all their names are cached: the common case, under one lock a
    /// page, and in two passes, so that the second writes each record where it stays.
    fn cached(&self, entries: &[Entry]) -> Option<Vec<SessionLog>> {
        let caches = self.caches.read().unwrap_or_else(PoisonError::into_inner);
        let names = entries.iter().map(|entry| {
            let name = caches.users.get(&entry.name_id.0)?;
            let client = caches.clients.get(&entry.client_id.0)?;
            Some((name, client))
        });
        let names: Vec<(&UserName, &Arc<str>)> = names.collect::<Option<_>>()?;
        let mut calendar = Calendar::default();
        let logs = entries.iter().zip(names);
        let logs =
            logs.map(|(entry, (name, client))| session_log(entry, name, client, &mut calendar));
        Some(logs.collect())
    }

    /// The user under this name.
    pub(crate) fn user_name(&self, id: NameId, dictionary: &impl Dictionary) -> Result<UserName> {
        let cached = {
            let caches = self.caches.read().unwrap_or_else(PoisonError::into_inner);
            caches.users.get(&id.0).cloned()
        };
        match cached {
            Some(name) => Ok(name),
            None => dictionary.user_name(id),
        }
    }

    /// Caches what is not cached yet: putting every name of the page in again would hold up others.
    fn remember(&self, users: Users, clients: Clients) {
        let mut caches = self.caches.write().unwrap_or_else(PoisonError::into_inner);
        for (id, name) in users {
            if !caches.users.contains_key(&id.0) {
                caches.users.insert(id.0, name);
            }
        }
        for (id, client) in clients {
            if !caches.clients.contains_key(&id.0) {
                caches.clients.insert(id.0, client);
            }
        }
    }
}

#[inline(always)]
fn session_log(
    entry: &Entry,
    name: &UserName,
    client: &Arc<str>,
    calendar: &mut Calendar,
) -> SessionLog {
    SessionLog {
        refer_uid: entry.refer_uid,
        user_refer_uid: name.user_refer_uid,
        user: Arc::clone(&name.user),
        client_refer_uid: Arc::clone(client),
        session_start: calendar.date_time(entry.start),
        session_end: entry.end.map(|end| calendar.date_time(end)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::UserId;
    use crate::time::Ticks;
    use std::cell::Cell;
    use uuid::Uuid;

    #[derive(Default)]
    struct Counting(Cell<u32>);

    impl Dictionary for Counting {
        fn user_name(&self, id: NameId) -> Result<UserName> {
            self.0.set(self.0.get() + 1);
            Ok(UserName {
                user_id: UserId(id.0),
                user_refer_uid: Uuid::from_u128(u128::from(id.0) + 1),
                user: format!("user {}", id.0).into(),
            })
        }

        fn client(&self, id: ClientId) -> Result<Arc<str>> {
            self.0.set(self.0.get() + 1);
            Ok(format!("client {}", id.0).into())
        }
    }

    fn entries(ids: std::ops::Range<u32>) -> Vec<Entry> {
        ids.map(|id| Entry {
            start: Ticks::FLOOR.next(),
            refer_uid: Uuid::from_u128(u128::from(id)),
            end: None,
            name_id: NameId(id),
            client_id: ClientId(id / 2),
        })
        .collect()
    }

    #[test]
    fn a_name_that_fits_is_looked_up_once() {
        let (names, dictionary) = (Names::new(1 << 20), Counting::default());
        for _ in 0..3 {
            let logs = names
                .session_logs(&entries(0..10), &dictionary, true)
                .unwrap();
            assert_eq!(&*logs[9].user, "user 9");
            assert_eq!(&*logs[9].client_refer_uid, "client 4");
        }
        assert_eq!(dictionary.0.get(), 15);
    }

    #[test]
    fn a_million_names_stay_within_the_bound() {
        let (names, dictionary) = (Names::new(100_000), Counting::default());
        for page in 0..1_000 {
            let logs = names.session_logs(
                &entries(page * 1_000..(page + 1) * 1_000),
                &dictionary,
                true,
            );
            assert_eq!(
                &*logs.unwrap()[7].user,
                format!("user {}", page * 1_000 + 7)
            );
        }
        let caches = names.caches.read().unwrap();
        assert!(caches.users.weight() + caches.clients.weight() <= 100_000);
        assert!(caches.users.len() > 100);
    }

    #[test]
    fn a_cache_of_no_bytes_still_answers() {
        let (names, dictionary) = (Names::new(0), Counting::default());
        let logs = names
            .session_logs(&entries(0..10), &dictionary, true)
            .unwrap();
        assert_eq!(logs.len(), 10);
    }
}
