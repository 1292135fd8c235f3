//! The users and clients that a delta is the first to name.

use crate::format::{ClientId, NameId, NewNames, UserId, UserName};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use uuid::Uuid;

/// The new rows of one delta, for looking up in both directions.
///
/// It grows with the delta, and all states of the delta share it: an id never gets another meaning,
/// and one that a state does not know yet leads to nothing in it.
#[derive(Default)]
pub(crate) struct NamesIndex(RwLock<Maps>);

#[derive(Default)]
struct Maps {
    users: HashMap<Uuid, UserId>,
    name_ids: HashMap<(Uuid, Arc<str>), NameId>,
    names: HashMap<NameId, UserName>,
    client_ids: HashMap<Arc<str>, ClientId>,
    clients: HashMap<ClientId, Arc<str>>,
    /// All of them, to be merged.
    rows: NewNames,
}

/// How many users, names and clients there were.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark([usize; 3]);

impl NamesIndex {
    fn read(&self) -> RwLockReadGuard<'_, Maps> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Maps> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn add(&self, new: &NewNames) {
        let mut maps = self.write();
        maps.users
            .extend(new.users.iter().map(|(id, uid)| (*uid, *id)));
        for (id, name) in &new.names {
            let key = (name.user_refer_uid, Arc::clone(&name.user));
            maps.name_ids.insert(key, *id);
            maps.names.insert(*id, name.clone());
        }
        for (id, client) in &new.clients {
            maps.client_ids.insert(Arc::clone(client), *id);
            maps.clients.insert(*id, Arc::clone(client));
        }
        maps.rows.users.extend_from_slice(&new.users);
        maps.rows.names.extend_from_slice(&new.names);
        maps.rows.clients.extend_from_slice(&new.clients);
    }

    /// How many there are, to [`forget`](Self::forget) what is added from now on.
    pub(crate) fn mark(&self) -> Mark {
        let maps = self.read();
        Mark([
            maps.rows.users.len(),
            maps.rows.names.len(),
            maps.rows.clients.len(),
        ])
    }

    /// Forgets what was added since a mark: it was not committed, and its ids are still free.
    pub(crate) fn forget(&self, Mark([users, names, clients]): Mark) {
        let maps = &mut *self.write();
        for (_, user_refer_uid) in maps.rows.users.drain(users..) {
            maps.users.remove(&user_refer_uid);
        }
        for (id, name) in maps.rows.names.drain(names..) {
            maps.name_ids.remove(&(name.user_refer_uid, name.user));
            maps.names.remove(&id);
        }
        for (id, client) in maps.rows.clients.drain(clients..) {
            maps.client_ids.remove(&client);
            maps.clients.remove(&id);
        }
    }

    pub(crate) fn rows(&self) -> NewNames {
        self.read().rows.clone()
    }

    pub(crate) fn user_id(&self, user_refer_uid: Uuid) -> Option<UserId> {
        self.read().users.get(&user_refer_uid).copied()
    }

    pub(crate) fn name_id(&self, user_refer_uid: Uuid, user: &Arc<str>) -> Option<NameId> {
        let key = (user_refer_uid, Arc::clone(user));
        self.read().name_ids.get(&key).copied()
    }

    pub(crate) fn client_id(&self, client_refer_uid: &str) -> Option<ClientId> {
        self.read().client_ids.get(client_refer_uid).copied()
    }

    /// The users who have this name.
    pub(crate) fn users_named(&self, user: &str) -> Vec<Uuid> {
        let maps = self.read();
        let names = maps.rows.names.iter().map(|(_, name)| name);
        let named = names.filter(|name| &*name.user == user);
        named.map(|name| name.user_refer_uid).collect()
    }

    pub(crate) fn user_name(&self, id: NameId) -> Option<UserName> {
        self.read().names.get(&id).cloned()
    }

    pub(crate) fn client(&self, id: ClientId) -> Option<Arc<str>> {
        self.read().clients.get(&id).cloned()
    }
}
