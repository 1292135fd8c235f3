//! The filters of the command line as a query, names looked up.

use super::args::{Filter, OneUser, Sessions};
use super::exit::Failure;
use super::store::Opened;
use crate::stores::SessionLogStore;
use crate::{ErrorKind, Query, QueryBuilder};
use std::fmt;
use uuid::Uuid;

/// Why it cannot be told what is meant.
#[derive(Debug)]
pub(super) enum Unresolved {
    /// There is no session with this `refer_uid`.
    Session(Uuid),
    /// No session is of the user with this `user_refer_uid`, who starts one without a name.
    NewUser(Uuid),
    /// No user has this name.
    Name(String),
    /// No user has this name, under which a session is to start without an id.
    NewName(String),
    /// Several users have this name.
    Ambiguous { name: String, users: Vec<Uuid> },
}

/// The most users that a message lists.
const USERS_LISTED_MAX: usize = 10;

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(uid) => write!(f, "there is no session with refer_uid {uid}"),
            Self::NewUser(user) => {
                write!(
                    f,
                    "--user {user}: no session is of this user: --user-name is needed too"
                )
            }
            Self::Name(name) => write!(f, "--user-name {name:?}: no user has or had this name"),
            Self::NewName(name) => {
                let problem = "no user has or had this name: --user is needed too";
                write!(f, "--user-name {name:?}: {problem}")
            }
            Self::Ambiguous { name, users } => {
                let count = users.len();
                write!(
                    f,
                    "--user-name {name:?}: {count} users have or had this name, use --user:"
                )?;
                for user in users.iter().take(USERS_LISTED_MAX) {
                    write!(f, " {user}")?;
                }
                f.write_str(if count > USERS_LISTED_MAX { " …" } else { "" })
            }
        }
    }
}

impl Unresolved {
    /// As which kind of error it counts.
    pub(super) fn kind(&self) -> ErrorKind {
        match self {
            Self::Ambiguous { .. } => ErrorKind::InvalidInput,
            Self::Session(_) | Self::NewUser(_) | Self::Name(_) | Self::NewName(_) => {
                ErrorKind::NotFound
            }
        }
    }
}

impl Filter {
    /// The query that asks for these sessions.
    pub(super) fn query(&self, store: &Opened) -> Result<QueryBuilder, Failure> {
        Ok(self.sessions.query(store)?.open_sessions_only(self.open))
    }
}

impl Sessions {
    /// The query that asks for these sessions.
    pub(super) fn query(&self, store: &Opened) -> Result<QueryBuilder, Failure> {
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
    pub(super) fn uid(&self, store: &Opened) -> Result<Uuid, Failure> {
        let found = user(store, self.user, self.user_name.as_deref())?;
        found.ok_or_else(|| Failure::Usage("--user or --user-name is needed".to_owned()))
    }
}

/// The user who is named by id or, where that tells it, by name.
fn user(
    store: &Opened,
    user: Option<Uuid>,
    user_name: Option<&str>,
) -> Result<Option<Uuid>, Failure> {
    match (user, user_name) {
        (None, Some(name)) => {
            let found = named(store, name)?;
            let unknown = || Unresolved::Name(name.to_owned());
            Ok(Some(found.ok_or_else(unknown)?))
        }
        (user, _) => Ok(user),
    }
}

/// The one user of this name, if there is any.
pub(super) fn named(store: &Opened, name: &str) -> Result<Option<Uuid>, Failure> {
    let mut users = store.wait(async |store| store.users_named(name).await)?;
    match users.len() {
        0 | 1 => Ok(users.pop()),
        _ => Err(Failure::Unresolved(Unresolved::Ambiguous {
            name: name.to_owned(),
            users,
        })),
    }
}
