//! Slow clients.

use super::{Client, GET, LONG, PATIENCE, SHORT, Served, eventually};
use sessionlog::http::ServeOptions;
use std::io::{Read, Write};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than any test.
const LONG_TIME: Duration = Duration::from_secs(600);

/// Only the one limit that a test sets is ever reached.
fn patient() -> ServeOptions {
    ServeOptions {
        header_read_timeout: LONG_TIME,
        body_stall_timeout: LONG_TIME,
        write_stall_timeout: LONG_TIME,
        ..ServeOptions::default()
    }
}

fn impatient_for_heads() -> Served {
    Served::with(ServeOptions {
        header_read_timeout: SHORT,
        ..patient()
    })
}

#[test]
fn a_head_that_does_not_end_is_cut_however_it_trickles() {
    let served = impatient_for_heads();
    let mut silent = served.connect();
    let mut trickling = served.connect();
    let begun = Instant::now();
    trickling.send("GET / HTTP/1.1\r\nX: ");
    while trickling.0.write_all(b"x").is_ok() {
        assert!(begun.elapsed() < PATIENCE, "it may send for ever");
        thread::sleep(SHORT / 10);
    }
    assert!(begun.elapsed() >= SHORT);
    assert_eq!(silent.rest(), b"");
    served.is_well();
}

#[test]
fn an_idle_connection_is_closed() {
    let served = impatient_for_heads();
    let mut client = served.connect();
    for _ in 0..2 {
        assert_eq!(client.ask(GET).status, 200);
    }
    assert_eq!(client.rest(), b"");
}

#[test]
fn a_body_that_stalls_is_cut() {
    let served = Served::with(ServeOptions {
        body_stall_timeout: SHORT,
        ..patient()
    });
    let mut client = served.connect();
    let answer =
        client.ask("POST /length HTTP/1.1\r\nHost: test\r\nContent-Length: 9\r\n\r\nthree");
    assert!((400..500).contains(&answer.status), "{answer:?}");
    assert_eq!(client.rest(), b"");
    served.is_well();
}

#[test]
fn a_slow_body_that_moves_is_read_to_its_end() {
    let stall = Duration::from_secs(2);
    let served = Served::with(ServeOptions {
        body_stall_timeout: stall,
        ..patient()
    });
    let mut client = served.connect();
    client.send("POST /length HTTP/1.1\r\nHost: test\r\nContent-Length: 6\r\n\r\n");
    let begun = Instant::now();
    for _ in 0..6 {
        thread::sleep(stall / 5);
        client.send("x");
    }
    assert!(begun.elapsed() > stall);
    assert_eq!(client.answer().unwrap().body, b"6");
}

#[test]
fn a_client_that_does_not_read_its_answer_loses_its_place() {
    let served = Served::with(ServeOptions {
        write_stall_timeout: SHORT,
        connections_max: 1,
        ..patient()
    });
    let mut stalled = served.connect();
    stalled.send("GET /long HTTP/1.1\r\nHost: test\r\n\r\n");
    eventually(|| served.connect().ask(GET).status == 200);
    assert!(stalled.rest().len() < LONG);
}

#[test]
fn a_slow_reader_gets_its_whole_answer() {
    let stall = Duration::from_secs(2);
    let served = Served::with(ServeOptions {
        write_stall_timeout: stall,
        ..patient()
    });
    let Client(mut stream) = served.connect();
    let request = b"GET /long HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";
    stream.write_all(request).unwrap();
    let (begun, mut bytes, mut some) = (Instant::now(), 0, vec![0; LONG / 8]);
    loop {
        match stream.read(&mut some).unwrap() {
            0 => break,
            count => bytes += count,
        }
        // Until the whole has taken longer than a stall may.
        if begun.elapsed() < stall + SHORT {
            thread::sleep(stall / 5);
        }
    }
    assert!(begun.elapsed() > stall);
    assert!(bytes > LONG);
}

#[test]
fn an_answer_reaches_a_client_that_still_sends() {
    let served = Served::with(patient());
    let mut client = served.connect();
    let body = vec![b'x'; LONG];
    client.send(&format!(
        "POST /unheard HTTP/1.1\r\nHost: test\r\nContent-Length: {LONG}\r\n\r\n"
    ));
    client.0.write_all(&body).unwrap();
    assert_eq!(client.answer().unwrap().status, 401);
}
