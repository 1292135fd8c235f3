//! One connection, from its handshake to its end: nobody who is slow keeps a place for long.

use super::{Guest, ServeOptions};
use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, copy, sink};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_io_timeout::TimeoutWriter;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::ServiceBuilder;
use tower_http::timeout::RequestBodyTimeoutLayer;

/// The least that hyper takes for a head.
const HEADER_BYTES_MIN: usize = 8 << 10;

/// How long a client that still sends a body nobody wants is listened to after its answer.
///
/// Were the socket closed at once, the system would answer those bytes with a reset, and the
/// client would lose an answer that it has not read yet.
const LINGER: Duration = Duration::from_secs(2);

/// What all connections have in common.
pub(super) struct Connections {
    http: http1::Builder,
    tls: Option<TlsAcceptor>,
    options: ServeOptions,
}

type Stream = Pin<Box<TimeoutWriter<TcpStream>>>;

impl Connections {
    pub(super) fn new(options: ServeOptions) -> Self {
        let header_bytes_max = options.header_bytes_max.max(HEADER_BYTES_MIN);
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(options.header_read_timeout)
            .max_header_size(header_bytes_max)
            .max_buf_size(header_bytes_max);
        Self {
            http,
            tls: options.tls.as_ref().map(|tls| tls.acceptor()),
            options,
        }
    }

    /// Serves a connection to its end, and frees its seat.
    ///
    /// `stopping` tells of a graceful shutdown, which waits until every receiver is dropped.
    pub(super) async fn run(
        self: Arc<Self>,
        router: Router,
        guest: Guest,
        mut stopping: watch::Receiver<()>,
    ) {
        let Guest {
            stream, peer, seat, ..
        } = guest;
        let stream = self.prepare(stream);
        match &self.tls {
            None => self.http(router, stream, peer, stopping).await,
            Some(tls) => {
                if let Some(stream) = self.handshake(tls, stream, peer, &mut stopping).await {
                    self.http(router, stream, peer, stopping).await;
                }
            }
        }
        drop(seat);
    }

    /// Nothing is asked for before a handshake is done: a shutdown does not wait for it.
    async fn handshake(
        &self,
        tls: &TlsAcceptor,
        stream: Stream,
        peer: SocketAddr,
        stopping: &mut watch::Receiver<()>,
    ) -> Option<TlsStream<Stream>> {
        let limit = self.options.tls_handshake_timeout;
        let shaken = tokio::select! {
            shaken = timeout(limit, tls.accept(stream)) => shaken,
            _ = stopping.changed() => return None,
        };
        match shaken {
            Ok(Ok(stream)) => return Some(stream),
            Ok(Err(error)) => tracing::debug!(%peer, %error, "no TLS handshake"),
            Err(_) => tracing::debug!(%peer, "the TLS handshake took too long"),
        }
        None
    }

    /// An answer leaves without delay, and not at all if the client takes nothing of it.
    fn prepare(&self, stream: TcpStream) -> Stream {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "answers may be delayed");
        }
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(self.options.write_stall_timeout));
        Box::pin(stream)
    }

    async fn http<S>(
        &self,
        router: Router,
        stream: S,
        peer: SocketAddr,
        mut stopping: watch::Receiver<()>,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = ServiceBuilder::new()
            .layer(Extension(ConnectInfo(peer)))
            .layer(RequestBodyTimeoutLayer::new(
                self.options.body_stall_timeout,
            ))
            .service(router);
        let service = TowerToHyperService::new(service);
        let mut connection = self.http.serve_connection(TokioIo::new(stream), service);
        // What has come in is read first: it was accepted, and is finished.
        let ended = tokio::select! {
            biased;
            ended = &mut connection => ended,
            _ = stopping.changed() => {
                Pin::new(&mut connection).graceful_shutdown();
                (&mut connection).await
            }
        };
        drop(stopping);
        match ended {
            Ok(()) => linger(connection.into_parts().io.into_inner()).await,
            Err(error) => {
                tracing::debug!(%peer, %error, "the connection failed");
                if error.is_parse() {
                    linger(connection.into_parts().io.into_inner()).await;
                }
            }
        }
    }
}

/// Listens to a client that has its answer until it stops sending, but not for long.
async fn linger(mut stream: impl AsyncRead + Unpin) {
    let _ = timeout(LINGER, copy(&mut stream, &mut sink())).await;
}
