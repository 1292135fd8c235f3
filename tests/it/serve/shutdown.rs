//! Graceful shutdown.

use super::{Client, GET, PATIENCE, SHORT, Served, eventually, header};
use sessionlog::http::ServeOptions;
use std::io;
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A server that would wait longer for its clients than a test does.
fn patient() -> Served {
    Served::with(ServeOptions {
        header_read_timeout: Duration::from_secs(600),
        shutdown_timeout: Duration::from_secs(600),
        ..ServeOptions::default()
    })
}

/// A client whose request is being handled.
fn waiting(served: &Served) -> Client {
    let mut client = served.connect();
    client.send("GET /wait HTTP/1.1\r\nHost: test\r\n\r\n");
    served.waits.recv_timeout(PATIENCE).unwrap();
    client
}

fn is_refused(served: &Served) -> bool {
    let connected = TcpStream::connect(served.address);
    connected.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

#[test]
fn a_request_in_progress_is_finished_and_no_other_begun() {
    let mut served = patient();
    let mut client = waiting(&served);
    served.stop();
    eventually(|| is_refused(&served));
    served.release.notify_one();
    let answer = client.answer().unwrap();
    assert_eq!(
        (answer.status, answer.body.as_slice()),
        (200, &b"waited"[..])
    );
    assert_eq!(header(&answer.head, "connection"), Some("close"));
    served.join();
}

#[test]
fn a_request_that_is_still_being_sent_is_finished() {
    let mut served = patient();
    let mut body = waiting(&served);
    served.release.notify_one();
    body.answer().unwrap();
    // Over the same connection, so that it is known to have been accepted.
    body.send("POST /length HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\nthree");
    let other = waiting(&served);
    served.stop();
    eventually(|| is_refused(&served));
    body.send("four");
    assert_eq!(body.answer().unwrap().body, b"9");
    served.release.notify_one();
    drop(other);
    served.join();
}

#[test]
fn idle_connections_are_closed_at_once() {
    let mut served = patient();
    let mut silent = served.connect();
    let mut idle = served.connect();
    assert_eq!(idle.ask(GET).status, 200);
    served.stop();
    assert_eq!(idle.rest(), b"");
    assert_eq!(silent.rest(), b"");
    served.join();
}

#[test]
fn what_is_not_done_in_time_is_cut() {
    let mut served = Served::with(ServeOptions {
        shutdown_timeout: SHORT,
        ..ServeOptions::default()
    });
    let mut client = waiting(&served);
    let begun = Instant::now();
    served.stop();
    served.join();
    assert!(begun.elapsed() >= SHORT);
    assert_eq!(client.rest(), b"");
}
