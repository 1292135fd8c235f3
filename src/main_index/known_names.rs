//! Which names and clients there are, in a few bytes each.

use crate::format::dictionary::Ids;
use crate::format::{ClientId, NameId, UserId};
use std::collections::HashSet;

/// A set of names, each with its user, and one of clients.
#[derive(Debug, Default)]
pub(super) struct KnownNames {
    users: Vec<Option<UserId>>,
    clients: Vec<bool>,
}

impl KnownNames {
    /// Empty ones, with room for all ids that were given out.
    pub(super) fn new(ids: Ids) -> Self {
        let mut known = Self::default();
        known.make_room(ids);
        known
    }

    /// Makes room for all ids that were given out since, too.
    pub(super) fn make_room(&mut self, ids: Ids) {
        let (_, names, clients) = ids.given();
        let longer = |len: usize, given: u32| len.max(usize::try_from(given).unwrap_or(0));
        self.users.resize(longer(self.users.len(), names), None);
        self.clients
            .resize(longer(self.clients.len(), clients), false);
    }

    pub(super) fn user_of(&self, id: NameId) -> Option<UserId> {
        let user = usize::try_from(id.0).ok().and_then(|id| self.users.get(id));
        user.copied().flatten()
    }

    /// Every user who has a name.
    pub(super) fn users(&self) -> HashSet<UserId> {
        self.users.iter().copied().flatten().collect()
    }

    pub(super) fn has_client(&self, id: ClientId) -> bool {
        let client = usize::try_from(id.0)
            .ok()
            .and_then(|id| self.clients.get(id));
        client.copied().unwrap_or(false)
    }

    /// Adds a name; `false` if its id is still to be given.
    pub(super) fn add_name(&mut self, id: NameId, user: UserId) -> bool {
        let slot = usize::try_from(id.0)
            .ok()
            .and_then(|id| self.users.get_mut(id));
        slot.map(|slot| *slot = Some(user)).is_some()
    }

    /// Adds a client; `false` if its id is still to be given.
    pub(super) fn add_client(&mut self, id: ClientId) -> bool {
        let slot = usize::try_from(id.0)
            .ok()
            .and_then(|id| self.clients.get_mut(id));
        slot.map(|slot| *slot = true).is_some()
    }
}
