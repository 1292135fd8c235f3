//! The filters of the command line as a query, names looked up.

use super::args::{Filter, OneUser, Sessions};
use super::exit::Failure;
use crate::{Query, QueryBuilder, Store};
use uuid::Uuid;

impl Filter {
    /// The query that asks for these sessions.
    pub(super) fn query(&self, store: &Store) -> Result<QueryBuilder, Failure> {
        Ok(self.sessions.query(store)?.open_sessions_only(self.open))
    }
}

impl Sessions {
    /// The query that asks for these sessions.
    pub(super) fn query(&self, store: &Store) -> Result<QueryBuilder, Failure> {
        let user = user(store, self.user, self.user_name.as_deref())?;
        let (after, before) = match self.during {
            Some(period) => (Some(period.started_after), Some(period.started_before)),
            None => (self.after, self.before),
        };
        Ok(Query::builder()
            .user_refer_uid(user)
            .client_refer_uid(self.client.as_deref())
            .started_after(after)
            .started_before(before))
    }
}

impl OneUser {
    /// The user's `user_refer_uid`.
    pub(super) fn uid(&self, store: &Store) -> Result<Uuid, Failure> {
        let found = user(store, self.user, self.user_name.as_deref())?;
        found.ok_or_else(|| Failure::Usage("--user or --user-name is needed".to_owned()))
    }
}

/// The user who is named by id or, where that tells it, by name.
fn user(
    store: &Store,
    user: Option<Uuid>,
    user_name: Option<&str>,
) -> Result<Option<Uuid>, Failure> {
    match (user, user_name) {
        (None, Some(name)) => named(store, name).map(Some),
        (user, _) => Ok(user),
    }
}

/// The one user of this name.
pub(super) fn named(store: &Store, name: &str) -> Result<Uuid, Failure> {
    let mut users = store.users_named(name)?;
    match users.len() {
        0 | 1 => users
            .pop()
            .ok_or_else(|| Failure::UnknownName(name.to_owned())),
        _ => Err(Failure::AmbiguousName {
            name: name.to_owned(),
            users,
        }),
    }
}
