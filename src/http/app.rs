//! What all handlers share: the store, the options, and how many calls there may be.

use super::access::{Caller, Decision, Permission};
use super::lasting::Lasting;
use super::metrics::Metrics;
use super::options::HttpOptions;
use super::reply::Refusal;
use crate::stores::SessionLogStore;
use crate::wire::UserClientSessionLogRequest;
use crate::{Error, ErrorKind};
use axum::extract::ConnectInfo;
use axum::http::StatusCode;
use axum::http::request::Parts;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::Instrument;

/// A handle: clones are the same application.
#[derive(Debug, Clone)]
pub(super) struct App<S>(Arc<Inner<S>>);

#[derive(Debug)]
struct Inner<S> {
    store: S,
    options: HttpOptions,
    metrics: Metrics,
    /// One permit for each request that is being answered, or waits to be.
    requests: Arc<Semaphore>,
    /// One permit for each import at once.
    imports: Arc<Semaphore>,
}

impl<S: SessionLogStore> App<S> {
    pub(super) fn new(store: S, options: HttpOptions) -> Self {
        let semaphore =
            |permits: usize| Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)));
        let requests = semaphore(options.concurrent_requests_max);
        let imports = semaphore(options.concurrent_imports_max);
        Self(Arc::new(Inner {
            store,
            options,
            metrics: Metrics::new(),
            requests,
            imports,
        }))
    }

    pub(super) fn store(&self) -> &S {
        &self.0.store
    }

    pub(super) fn options(&self) -> &HttpOptions {
        &self.0.options
    }

    pub(super) fn imports(&self) -> &Arc<Semaphore> {
        &self.0.imports
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Answers what a call gives. One that was begun goes on when its request has ended.
    ///
    /// # Errors
    ///
    /// 503 if too many requests are there already, or it takes too long; what the call gives; 500 if it panics.
    pub(super) async fn call<T, C>(&self, call: impl FnOnce(Self) -> C) -> Result<T, Refusal>
    where
        T: Send + 'static,
        C: Future<Output = Result<T, Refusal>> + Send + 'static,
    {
        let Ok(permit) = Arc::clone(&self.0.requests).try_acquire_owned() else {
            return Err(Refusal::overloaded(self));
        };
        let call = call(self.clone());
        let call = async move {
            // One that outlives its request still counts; who is answered finds the room free.
            let _permit = permit;
            call.await
        };
        // What is logged of it names its request, on whichever thread it runs.
        let call = call.in_current_span();
        let store = self.0.store.clone();
        let call = async move { store.work(call).await };
        match timeout(self.0.options.handler_timeout, Lasting::new(call)).await {
            Ok(Ok(Ok(result))) => result.map_err(|refusal| self.with_retry_after(refusal)),
            Ok(Ok(Err(_)) | Err(_)) => {
                tracing::error!("a request's call panicked");
                Err(Refusal::internal())
            }
            Err(_) => Err(Refusal::timed_out(self)),
        }
    }

    /// Says when to come again, where that is of use.
    pub(super) fn with_retry_after(&self, refusal: Refusal) -> Refusal {
        match refusal.status {
            StatusCode::SERVICE_UNAVAILABLE => refusal.retried_after(self.0.options.retry_after),
            _ => refusal,
        }
    }

    /// Narrows the request to what its caller may see; whether that is one user's sessions only.
    ///
    /// # Errors
    ///
    /// 401 or 403; 500 if the authorizer failed.
    pub(super) async fn authorize(
        &self,
        permission: Permission,
        parts: &Parts,
        request: &mut UserClientSessionLogRequest,
    ) -> Result<bool, Refusal> {
        let caller = Caller {
            permission,
            session_uid: request.session_uid,
            device_serial_number: request.device_serial_number.as_deref(),
            peer: peer(parts),
            headers: &parts.headers,
        };
        let decision = self.0.options.authorizer.authorize(caller).await;
        match (decision, permission) {
            (Decision::Allow, _) => Ok(false),
            (Decision::AllowOnly { .. }, Permission::Import) | (Decision::Forbidden, _) => {
                Err(Refusal::forbidden("the caller has no right to this"))
            }
            (Decision::AllowOnly { user_refer_uid }, _) => {
                let asked = request.user_refer_uid.get_or_insert(user_refer_uid);
                match *asked == user_refer_uid {
                    true => Ok(true),
                    false => Err(Refusal::forbidden(
                        "UserReferUid: the caller may see its own sessions only",
                    )),
                }
            }
            (Decision::Unauthorized, _) => Err(Refusal::unauthorized()),
            (Decision::Failed, _) => Err(Refusal::internal()),
            (Decision::Unavailable, _) => {
                let message = "who may ask cannot be found out";
                Err(Refusal::unavailable(self.0.options.retry_after, message))
            }
        }
    }
}

/// The other end of the connection, if the server tells.
pub(super) fn peer(parts: &Parts) -> Option<SocketAddr> {
    let info = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    info.map(|ConnectInfo(peer)| *peer)
}

/// What a store's failure looks like from outside: what happened inside is logged, not told.
impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let source = std::error::Error::source(&error).map(ToString::to_string);
        tracing::error!(%error, source, "the store did not answer");
        let (status, code) = match error.kind() {
            // A full disk, or a database that fails over: it passes.
            ErrorKind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"),
        };
        Self::new(status, code, "the store did not answer")
    }
}

/// What the store answered; why it did not is logged.
pub(super) fn known<T>(answer: Result<T, Error>) -> Option<T> {
    answer.map_err(Refusal::from).ok()
}
