//! Clients that are too many, send too much, or send nonsense.

use super::{Client, GET, PATIENCE, SHORT, Served, eventually, header};
use sessionlog::http::ServeOptions;
use std::io;
use std::net::Shutdown;
use std::time::Duration;

#[test]
fn handlers_see_the_address_of_their_client() {
    let served = Served::with(ServeOptions::default());
    let mut client = served.connect();
    let answer = client.ask("GET /peer HTTP/1.1\r\nHost: test\r\n\r\n");
    let address = client.0.local_addr().unwrap().to_string();
    assert_eq!(answer.body, address.into_bytes());
}

#[test]
fn garbage_and_half_open_connections_harm_nobody() {
    let served = Served::with(ServeOptions::default());
    let mut open = Vec::new();
    for garbage in [
        "\0\u{1}\u{2}\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\u{fc}\u{3}\u{3}\r\n\r\n",
        "POST /length HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST /length HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
    ] {
        let mut client = served.connect();
        let answer = client.ask(garbage);
        assert_eq!(answer.status, 400, "{garbage:?}: {answer:?}");
        assert_eq!(client.rest(), b"", "{garbage:?}");
    }
    for begun in [
        "",
        "G",
        "POST /length HTTP/1.1\r\nContent-Length: 9\r\n\r\nx",
    ] {
        for closed in [None, Some(Shutdown::Write), Some(Shutdown::Both)] {
            let mut client = served.connect();
            client.send(begun);
            if let Some(side) = closed {
                client.0.shutdown(side).unwrap();
            }
            open.push(client);
        }
    }
    served.is_well();
}

#[test]
fn a_head_too_large_is_refused() {
    let served = Served::with(ServeOptions {
        header_bytes_max: 16 << 10,
        ..ServeOptions::default()
    });
    let head = |bytes| {
        let value = "x".repeat(bytes);
        format!("GET / HTTP/1.1\r\nHost: test\r\nX: {value}\r\n\r\n")
    };
    assert_eq!(served.connect().ask(&head(15 << 10)).status, 200);
    assert_eq!(served.connect().ask(&head(16 << 10)).status, 431);
    assert_eq!(served.connect().ask(&head(1 << 20)).status, 431);
    let fields = "X: x\r\n".repeat(200);
    let many = format!("GET / HTTP/1.1\r\nHost: test\r\n{fields}\r\n");
    assert_eq!(served.connect().ask(&many).status, 431);
}

/// One that keeps its place.
fn kept(served: &Served) -> Client {
    let mut client = served.connect();
    assert_eq!(client.ask(GET).status, 200);
    client
}

fn of_two() -> Served {
    Served::with(ServeOptions {
        connections_max: 2,
        retry_after: Duration::from_secs(7),
        header_read_timeout: Duration::from_secs(600),
        ..ServeOptions::default()
    })
}

#[test]
fn a_connection_too_many_is_told_to_come_again() {
    let served = of_two();
    let (first, mut second) = (kept(&served), kept(&served));
    let mut third = served.connect();
    let answer = third.ask(GET);
    assert_eq!(answer.status, 503);
    assert_eq!(header(&answer.head, "retry-after"), Some("7"));
    assert_eq!(header(&answer.head, "connection"), Some("close"));
    assert_eq!(third.rest(), b"");
    assert_eq!(second.ask(GET).status, 200);
    drop(first);
    eventually(|| served.connect().ask(GET).status == 200);
}

#[test]
fn connections_beyond_those_being_refused_wait_for_a_place() {
    let served = of_two();
    let (first, _second) = (kept(&served), kept(&served));
    let _silent: Vec<Client> = (0..64).map(|_| served.connect()).collect();
    let mut waiting = served.connect();
    waiting.send(GET);
    waiting.0.set_read_timeout(Some(SHORT)).unwrap();
    let error = waiting.answer().unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    drop(first);
    waiting.0.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(waiting.answer().unwrap().status, 200);
}
