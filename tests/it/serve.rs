//! Serving a router: nobody who is slow, silent or too many takes it from the others.

mod bounds;
#[cfg(feature = "cli")]
mod command;
mod shutdown;
mod slow;
mod tls;

use axum::Router;
use axum::body::Bytes;
use axum::extract::ConnectInfo;
use axum::http::StatusCode;
use axum::routing::{get, post};
use sessionlog::http::{ServeOptions, serve};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};

/// How long a test waits for what must happen: long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A limit that a test waits for.
const SHORT: Duration = Duration::from_millis(300);

const GET: &str = "GET / HTTP/1.1\r\nHost: test\r\n\r\n";

/// Bytes of the answer of `/long`: more than the system buffers for a connection.
const LONG: usize = 32 << 20;

/// A server on a port of its own, stopped when dropped.
struct Served {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    /// Says so when the handler of `/wait` runs.
    waits: mpsc::Receiver<()>,
    /// Lets that handler answer.
    release: Arc<Notify>,
}

impl Served {
    /// All on one thread, so that nothing that blocks goes unnoticed.
    fn with(options: ServeOptions) -> Self {
        let (ready, address) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let (waiting, waits) = mpsc::channel();
        let release = Arc::new(Notify::new());
        let router = router(waiting, Arc::clone(&release));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let thread = thread::spawn(move || {
            runtime.block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                ready.send(listener.local_addr().unwrap()).unwrap();
                let stop = async {
                    let _ = stopped.await;
                };
                serve(router, listener, options, stop).await;
            });
        });
        Self {
            address: address.recv_timeout(PATIENCE).unwrap(),
            stop: Some(stop),
            thread: Some(thread),
            waits,
            release,
        }
    }

    fn connect(&self) -> Client {
        Client::to(self.address)
    }

    /// Asks for what every server answers at once.
    fn is_well(&self) {
        let answer = self.connect().ask(GET);
        assert_eq!((answer.status, answer.body.as_slice()), (200, &b"here"[..]));
    }

    /// Begins a graceful shutdown.
    fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Waits until the server has returned.
    fn join(&mut self) {
        let thread = self.thread.take().unwrap();
        eventually(|| thread.is_finished());
        thread.join().unwrap();
    }
}

fn router(waiting: mpsc::Sender<()>, release: Arc<Notify>) -> Router {
    let wait = async move || {
        waiting.send(()).unwrap();
        release.notified().await;
        "waited"
    };
    Router::new()
        .route("/", get(async || "here"))
        .route("/wait", get(wait))
        .route("/long", get(async || vec![b'x'; LONG]))
        .route("/length", post(async |body: Bytes| body.len().to_string()))
        .route("/unheard", post(async || StatusCode::UNAUTHORIZED))
        .route(
            "/peer",
            get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string()),
        )
}

/// Tries again until it holds.
#[track_caller]
fn eventually(mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "it did not come to hold");
        thread::sleep(Duration::from_millis(10));
    }
}

/// One connection.
struct Client(TcpStream);

#[derive(Debug)]
struct Answer {
    status: u16,
    /// As it came, in lower case.
    head: String,
    body: Vec<u8>,
}

impl Client {
    fn to(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).unwrap();
    }

    fn ask(&mut self, request: &str) -> Answer {
        self.send(request);
        self.answer().unwrap()
    }

    fn answer(&mut self) -> io::Result<Answer> {
        read_answer(&mut self.0)
    }

    /// What else comes, until the server ends the connection, by whatever means.
    fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Err(error) if error.kind() != io::ErrorKind::ConnectionReset => {
                panic!("the connection was not ended: {error}")
            }
            _ => rest,
        }
    }
}

/// Reads a head to its end, and the body that it tells the length of.
fn read_answer(stream: &mut impl Read) -> io::Result<Answer> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    let mut body = vec![0; header(&head, "content-length").map_or(0, |n| n.parse().unwrap())];
    stream.read_exact(&mut body)?;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Ok(Answer { status, head, body })
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let mut values = lines.filter(|(header, _)| *header == name);
    values.next().map(|(_, value)| value)
}
