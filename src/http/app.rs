//! What all handlers share: the store, the options, and the way off the async threads.

use super::access::{Caller, Decision, Permission};
use super::metrics::Metrics;
use super::options::HttpOptions;
use super::pool::Pool;
use super::reply::Refusal;
use crate::wire::UserClientSessionLogRequest;
use crate::{Error, Store};
use axum::extract::ConnectInfo;
use axum::http::StatusCode;
use axum::http::request::Parts;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

/// A handle: clones are the same application.
#[derive(Debug, Clone)]
pub(super) struct App(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    options: HttpOptions,
    metrics: Metrics,
    /// Where calls may block.
    pool: Pool,
    /// One permit for each request that is answered there, or waits to be.
    requests: Arc<Semaphore>,
    /// One permit for each import at once.
    imports: Arc<Semaphore>,
}

impl App {
    pub(super) fn new(store: Store, options: HttpOptions) -> Self {
        let semaphore =
            |permits: usize| Arc::new(Semaphore::new(permits.min(Semaphore::MAX_PERMITS)));
        let pool = Pool::new(options.query_threads);
        let requests = semaphore(options.concurrent_requests_max);
        let imports = semaphore(options.concurrent_imports_max);
        Self(Arc::new(Inner {
            store,
            options,
            metrics: Metrics::new(),
            pool,
            requests,
            imports,
        }))
    }

    pub(super) fn store(&self) -> &Store {
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

    /// Runs a call that may block on a thread where blocking is allowed. One whose request has
    /// ended meanwhile is not begun; one that was begun is finished.
    ///
    /// # Errors
    ///
    /// 503 if too many requests are there already, or it takes too long; what the call gives; 500 if it panics.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        call: impl FnOnce(&Self) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let Ok(permit) = Arc::clone(&self.0.requests).try_acquire_owned() else {
            return Err(Refusal::overloaded(self));
        };
        let app = self.clone();
        let span = tracing::Span::current();
        let (answer, answered) = oneshot::channel();
        let call = move || {
            // Dropped after the permit, also by a panic: whoever was answered finds the room free.
            let answer = answer;
            let result = {
                // One that outlives its request still counts.
                let _permit = permit;
                let _in_span = span.enter();
                if answer.is_closed() {
                    return;
                }
                call(&app)
            };
            // Nobody may be there to hear it any more.
            let _ = answer.send(result);
        };
        self.0.pool.run(call);
        match timeout(self.0.options.handler_timeout, answered).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => {
                tracing::error!("a request's call panicked");
                Err(Refusal::internal())
            }
            Err(_) => Err(Refusal::timed_out(self)),
        }
    }

    /// Narrows the request to what its caller may see; whether that is one user's sessions only.
    ///
    /// Blocks, as an authorizer may.
    ///
    /// # Errors
    ///
    /// 401 or 403; 500 if the authorizer failed.
    pub(super) fn authorize(
        &self,
        permission: Permission,
        parts: &Parts,
        request: &mut UserClientSessionLogRequest,
    ) -> Result<bool, Refusal> {
        let decision = self.0.options.authorizer.authorize(&Caller {
            permission,
            session_uid: request.session_uid,
            device_serial_number: request.device_serial_number.as_deref(),
            peer: peer(parts),
            headers: &parts.headers,
        });
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
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalServerError",
            "the store did not answer",
        )
    }
}
