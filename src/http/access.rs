//! Who may ask for what. Session logs are personal data.

use crate::ErrorKind;
use crate::stores::SessionLogStore;
use axum::http::HeaderMap;
use std::fmt::Debug;
use std::future::{Future, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use uuid::Uuid;

/// Decides about each request before it is answered.
///
/// A router calls it on the async threads: one that blocks, on a file for example, does so where that is
/// allowed, as in `tokio::task::spawn_blocking`, or it holds up everybody.
///
/// ```
/// use sessionlog::http::{Authorizer, Caller, Deciding, Decision, Permission};
///
/// /// Everybody may query, nobody may write.
/// #[derive(Debug)]
/// struct ReadOnly;
///
/// impl Authorizer for ReadOnly {
///     fn authorize<'a>(&'a self, caller: Caller<'a>) -> Deciding<'a> {
///         Box::pin(async move {
///             match caller.permission {
///                 Permission::Import => Decision::Forbidden,
///                 _ => Decision::Allow,
///             }
///         })
///     }
/// }
/// ```
pub trait Authorizer: Debug + Send + Sync {
    /// What the caller may do.
    fn authorize<'a>(&'a self, caller: Caller<'a>) -> Deciding<'a>;
}

/// A decision that may take its time: what [`Box::pin`] makes of an async block.
pub type Deciding<'a> = Pin<Box<dyn Future<Output = Decision> + Send + 'a>>;

/// Who asks, as far as a request tells.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// What for.
    pub permission: Permission,
    /// The request's `SessionUid`: claimed, not proven.
    pub session_uid: Option<Uuid>,
    /// The request's `DeviceSerialNumber`: claimed, not proven.
    pub device_serial_number: Option<&'a str>,
    /// The address of the connection, where the server tells it in the extension
    /// [`ConnectInfo<SocketAddr>`](axum::extract::ConnectInfo).
    pub peer: Option<SocketAddr>,
    /// All of the request's headers.
    pub headers: &'a HeaderMap,
}

/// What a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Permission {
    /// To read session logs.
    Query,
    /// To see the operator's page, the descriptions of the service, and its metrics.
    Operate,
    /// To write session logs.
    Import,
}

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// All that the request asks for.
    Allow,
    /// Only the sessions of this user: a request for all users is narrowed to this one, and a
    /// request for another user is forbidden. No import.
    AllowOnly {
        /// The user.
        user_refer_uid: Uuid,
    },
    /// Nothing: the caller did not say who it is, or not rightly. Answered with 401.
    Unauthorized,
    /// Nothing: the caller is known and has no right to this. Answered with 403.
    Forbidden,
    /// Nothing just now: the authorizer itself failed. Answered with 500.
    Failed,
    /// Nothing just now: what the authorizer asks does not answer, which passes. Answered with 503.
    Unavailable,
}

/// Lets everybody do everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoAuth;

impl Authorizer for NoAuth {
    fn authorize<'a>(&'a self, _: Caller<'a>) -> Deciding<'a> {
        Box::pin(ready(Decision::Allow))
    }
}

/// Lets the owner of an open session see the sessions of that session's user: the request's
/// `SessionUid` must be the `ReferUid` of a session without an end in this store.
///
/// Whoever knows the id of an open session is its owner here. Narrowing keeps an answer, which
/// lists ids of sessions, from giving away those of other users. Nobody may import.
#[derive(Debug, Clone)]
pub struct OpenSession<S> {
    store: S,
}

impl<S: SessionLogStore> OpenSession<S> {
    /// Looks sessions up in `store`.
    #[must_use]
    pub fn new(store: S) -> Self {
        Self { store }
    }

    async fn decide(&self, caller: Caller<'_>) -> Decision {
        if caller.permission == Permission::Import {
            return Decision::Forbidden;
        }
        let Some(session_uid) = caller.session_uid else {
            return Decision::Unauthorized;
        };
        match self.store.get(session_uid).await {
            Ok(Some(session)) if session.is_open() => Decision::AllowOnly {
                user_refer_uid: session.user_refer_uid,
            },
            Ok(_) => Decision::Unauthorized,
            Err(error) => {
                tracing::error!(%error, "a session could not be looked up");
                match error.kind() {
                    ErrorKind::Unavailable => Decision::Unavailable,
                    _ => Decision::Failed,
                }
            }
        }
    }
}

impl<S: SessionLogStore> Authorizer for OpenSession<S> {
    fn authorize<'a>(&'a self, caller: Caller<'a>) -> Deciding<'a> {
        Box::pin(self.decide(caller))
    }
}
