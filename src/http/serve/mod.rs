//! Serving a router: accepting connections within bounds, and stopping without cutting answers.

mod connection;
mod tls;

pub use tls::{Tls, TlsError};

use super::reply::Refusal;
use axum::Router;
use axum::http::{HeaderValue, header};
use connection::Connections;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};

/// Connections beyond the bound that are being told so at once; more wait in the system's queue.
const REFUSALS_MAX: usize = 64;

/// How long no connection is accepted after the system could give none, for want of file
/// descriptors or of memory: the ones there are end meanwhile.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// How connections are served: what each of them may take in time and room.
///
/// ```
/// use sessionlog::http::ServeOptions;
/// use std::time::Duration;
///
/// let options = ServeOptions {
///     connections_max: 100,
///     shutdown_timeout: Duration::from_secs(30),
///     ..ServeOptions::default()
/// };
/// assert!(options.tls.is_none());
/// ```
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Serves HTTPS with this; plain HTTP if `None`, the default.
    pub tls: Option<Tls>,
    /// The most time that a TLS handshake may take: 10 s by default.
    pub tls_handshake_timeout: Duration,
    /// The most time from the beginning of a connection, or from the last answer on it, until the
    /// head of a request is complete: 10 s by default. It bounds a slow head and an idle
    /// connection alike.
    pub header_read_timeout: Duration,
    /// The most bytes of a request's head, at least 8 KiB: 32 KiB by default. More are answered
    /// with 431.
    pub header_bytes_max: usize,
    /// The most time that a handler waits for the next byte of a body: 30 s by default. What the
    /// whole of a request may take is the router's to bound.
    pub body_stall_timeout: Duration,
    /// The most time that the client may take nothing of an answer: 30 s by default.
    pub write_stall_timeout: Duration,
    /// The most connections that are served at once: 512 by default, which leaves room below the
    /// usual bound of 1,024 open files. Each one beyond is accepted and answered with 503, until
    /// many of those wait too; then the rest stay in the system's queue.
    pub connections_max: usize,
    /// When a client that was answered with 503 for want of a connection may try again, in whole
    /// seconds: 1 s by default.
    pub retry_after: Duration,
    /// The most time that a graceful shutdown waits for requests in progress: 10 s by default.
    pub shutdown_timeout: Duration,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            tls: None,
            tls_handshake_timeout: Duration::from_secs(10),
            header_read_timeout: Duration::from_secs(10),
            header_bytes_max: 32 << 10,
            body_stall_timeout: Duration::from_secs(30),
            write_stall_timeout: Duration::from_secs(30),
            connections_max: 512,
            retry_after: Duration::from_secs(1),
            shutdown_timeout: Duration::from_secs(10),
        }
    }
}

/// Serves `router` on every connection that `listener` accepts, over HTTP/1, until `shutdown` is
/// ready.
///
/// Then nothing more is accepted, requests in progress are finished, idle connections are closed,
/// and what is not done within [`ServeOptions::shutdown_timeout`] is cut. Dropping the future cuts
/// everything at once.
///
/// Handlers find the address of their client in the extension
/// [`ConnectInfo<SocketAddr>`](axum::extract::ConnectInfo). No failure to accept ends the
/// serving: it is logged, and tried again after a pause.
///
/// # Panics
///
/// Outside of a Tokio runtime whose time and I/O are enabled.
///
/// ```
/// use axum::{Router, routing::get};
/// use sessionlog::http::{ServeOptions, serve};
/// use tokio::net::TcpListener;
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let router = Router::new().route("/", get(|| async { "here" }));
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let stop = async { /* a signal, or a message from another task */ };
/// serve(router, listener, ServeOptions::default(), stop).await;
/// # std::io::Result::Ok(())
/// # })?;
/// # std::io::Result::Ok(())
/// ```
pub async fn serve(
    router: Router,
    listener: TcpListener,
    options: ServeOptions,
    shutdown: impl Future<Output = ()>,
) {
    let shutdown_timeout = options.shutdown_timeout;
    let door = Door::new(listener, options.connections_max);
    let refusing = refusing(options.retry_after);
    let connections = Arc::new(Connections::new(options));
    let (stop, stopping) = watch::channel(());
    let mut tasks = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let guest = tokio::select! {
            biased;
            () = &mut shutdown => break,
            guest = door.next() => guest,
        };
        while let Some(ended) = tasks.try_join_next() {
            report(ended);
        }
        let router = if guest.is_served { &router } else { &refusing };
        let connection = Arc::clone(&connections);
        tasks.spawn(connection.run(router.clone(), guest, stopping.clone()));
    }
    drop((door, stopping));
    drain(stop, shutdown_timeout).await;
}

/// Tells every connection to end, and waits until none is answering any more.
async fn drain(stop: watch::Sender<()>, limit: Duration) {
    // Nobody to tell is fine.
    let _ = stop.send(());
    if timeout(limit, stop.closed()).await.is_err() {
        let count = stop.receiver_count();
        tracing::warn!(count, "connections cut: they were not done in time");
    }
}

/// A connection's task answers nothing; it can only panic.
fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "the task of a connection failed");
    }
}

/// Answers what comes over a connection too many.
fn refusing(retry_after: Duration) -> Router {
    Router::new().fallback(async move || {
        Refusal::unavailable(retry_after, "too many connections at once")
            .with(header::CONNECTION, HeaderValue::from_static("close"))
            .into_json()
    })
}

/// Lets connections in.
struct Door {
    listener: TcpListener,
    seats: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
}

/// A connection that was let in.
struct Guest {
    stream: TcpStream,
    peer: SocketAddr,
    /// Whether it is served, or told to come again.
    is_served: bool,
    /// Its place, free again once this is dropped.
    seat: Seat,
}

/// The semaphores are never closed, so that this is a permit in fact.
type Seat = Result<OwnedSemaphorePermit, AcquireError>;

impl Door {
    fn new(listener: TcpListener, seats: usize) -> Self {
        Self {
            listener,
            seats: Arc::new(Semaphore::new(seats.min(Semaphore::MAX_PERMITS))),
            refusals: Arc::new(Semaphore::new(REFUSALS_MAX)),
        }
    }

    async fn next(&self) -> Guest {
        let (stream, peer) = self.accept().await;
        let (is_served, seat) = tokio::select! {
            biased;
            seat = Arc::clone(&self.seats).acquire_owned() => (true, seat),
            seat = Arc::clone(&self.refusals).acquire_owned() => (false, seat),
        };
        if !is_served {
            tracing::info!(%peer, "a connection too many");
        }
        Guest {
            stream,
            peer,
            is_served,
            seat,
        }
    }

    async fn accept(&self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok(accepted) => return accepted,
                Err(error) if is_of_one_client(&error) => {
                    tracing::debug!(%error, "a client was gone before it was let in");
                }
                Err(error) => {
                    tracing::error!(%error, "cannot accept connections for now");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

/// Whether the next client may fare better at once.
fn is_of_one_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}
