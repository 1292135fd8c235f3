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

    pub(crate) fn user_name(&self, id: NameId) -> Option<UserName> {
        self.read().names.get(&id).cloned()
    }

    pub(crate) fn client(&self, id: ClientId) -> Option<Arc<str>> {
        self.read().clients.get(&id).cloned()
    }
}
