//! Which names and clients there are, in a few bytes each.

use super::by_id::ById;
use crate::format::dictionary::Ids;
use crate::format::{ClientId, NameId, UserId};
use std::collections::HashSet;

/// A set of names, each with its user, and one of clients.
#[derive(Debug)]
pub(super) struct KnownNames {
    users: ById<UserId>,
    clients: ById<()>,
}

impl KnownNames {
    /// Empty ones, with room for all ids that were given out.
    pub(super) fn new(ids: Ids) -> Self {
        let (_, names, clients) = ids.given();
        Self {
            users: ById::new(names),
            clients: ById::new(clients),
        }
    }

    /// Makes room for all ids that were given out since, too.
    pub(super) fn make_room(&mut self, ids: Ids) {
        let (_, names, clients) = ids.given();
        self.users.make_room(names);
        self.clients.make_room(clients);
    }

    pub(super) fn user_of(&self, id: NameId) -> Option<UserId> {
        self.users.get(id.0)
    }

    /// Every user who has a name.
    pub(super) fn users(&self) -> HashSet<UserId> {
        self.users.values().collect()
    }

    pub(super) fn has_client(&self, id: ClientId) -> bool {
        self.clients.get(id.0).is_some()
    }

    /// Adds a name; `false` if its id is still to be given.
    pub(super) fn add_name(&mut self, id: NameId, user: UserId) -> bool {
        self.users.insert(id.0, user).is_some()
    }

    /// Adds a client; `false` if its id is still to be given.
    pub(super) fn add_client(&mut self, id: ClientId) -> bool {
        self.clients.insert(id.0, ()).is_some()
    }
}
