//! A wire between a client and a server of PostgreSQL that is cut at the moment a test chooses: before
//! the server is told something, or after it has done it but before the client hears of that.
//!
//! It reads the messages of the protocol, so what it is cut at is the very message. It cannot see into
//! a connection that is encrypted.

use std::io::{ErrorKind, Read, Result, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread::{self, JoinHandle};

/// When the wire is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The server never gets the message.
    Before,
    /// The server has done what the message asked for, and its answer is lost.
    After,
}

/// At which message of a client the wire is cut.
#[derive(Debug, Clone)]
struct Cut {
    bytes: Vec<u8>,
    /// Messages with these bytes that pass before.
    passes: u32,
    moment: Moment,
}

#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    to: Mutex<SocketAddr>,
    is_over: AtomicBool,
    refuses: AtomicBool,
    cut: Mutex<Option<Cut>>,
    cuts: AtomicU32,
    links: Mutex<Vec<Weak<Link>>>,
}

/// One connection, from a client to the server.
#[derive(Debug)]
struct Link {
    client: TcpStream,
    server: TcpStream,
    turn: Mutex<Turn>,
    is_silent: AtomicBool,
}

/// Whose turn it is in a connection.
#[derive(Debug, Default)]
struct Turn {
    /// How many answers the client has asked for: each ends by the server's being ready for more.
    asked: u64,
    answered: u64,
    /// Whether the last that was asked for ends several messages.
    is_sync: bool,
    /// Answers of one byte that the server owes: whether it encrypts.
    bare: u32,
    /// This answer is lost, and the wire is cut then.
    lost: Option<u64>,
}

impl Proxy {
    /// Between everyone who connects to it and this server.
    pub fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            to: Mutex::new(to),
            is_over: AtomicBool::new(false),
            refuses: AtomicBool::new(false),
            cut: Mutex::new(None),
            cuts: AtomicU32::new(0),
            links: Mutex::new(Vec::new()),
        });
        let of_acceptor = shared.clone();
        let acceptor = thread::spawn(move || accept(&listener, &of_acceptor));
        Self {
            address,
            shared,
            acceptor: Some(acceptor),
        }
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Who connects from now on comes to another server.
    pub fn lead_to(&self, to: SocketAddr) {
        *self.shared.to.lock().unwrap() = to;
    }

    /// The wire is cut once: at the `nth` message, from one on, that has these bytes, counted over all
    /// connections from now on.
    pub fn cut_at(&self, bytes: impl Into<Vec<u8>>, nth: u32, moment: Moment) {
        *self.shared.cut.lock().unwrap() = Some(Cut {
            bytes: bytes.into(),
            passes: nth.checked_sub(1).unwrap(),
            moment,
        });
    }

    /// How many times it was cut at a message: a test that relies on it looks whether it was.
    pub fn cuts(&self) -> u32 {
        self.shared.cuts.load(Ordering::SeqCst)
    }

    /// Every connection that there is ends.
    pub fn cut_all(&self) {
        for link in self.shared.links.lock().unwrap().drain(..) {
            if let Some(link) = link.upgrade() {
                link.close();
            }
        }
    }

    /// On every connection that there is nothing is heard any more, as if the server's machine were gone.
    pub fn silence_all(&self) {
        for link in self.shared.links.lock().unwrap().iter() {
            if let Some(link) = link.upgrade() {
                link.is_silent.store(true, Ordering::SeqCst);
            }
        }
    }

    /// Whether new connections are closed before a word is said.
    pub fn refuse(&self, refuses: bool) {
        self.shared.refuses.store(refuses, Ordering::SeqCst);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        // Wakes who waits for the next connection.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        self.cut_all();
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for client in listener.incoming() {
        if shared.is_over.load(Ordering::SeqCst) {
            return;
        }
        let refuses = shared.refuses.load(Ordering::SeqCst);
        let to = *shared.to.lock().unwrap();
        // A client that is not connected any further sees the end of its connection.
        if let (false, Ok(client), Ok(server)) = (refuses, client, TcpStream::connect(to)) {
            connect(client, server, shared);
        }
    }
}

fn connect(client: TcpStream, server: TcpStream, shared: &Arc<Shared>) {
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let link = Arc::new(Link {
        client,
        server,
        turn: Mutex::default(),
        is_silent: AtomicBool::new(false),
    });
    let mut links = shared.links.lock().unwrap();
    links.retain(|link| link.strong_count() > 0);
    links.push(Arc::downgrade(&link));
    let (asking, answering) = (link.clone(), link);
    let of_asking = shared.clone();
    thread::spawn(move || {
        let _ = ask(&asking, &of_asking);
        asking.close();
    });
    let of_answering = shared.clone();
    thread::spawn(move || {
        let _ = answer(&answering, &of_answering);
        answering.close();
    });
}

impl Shared {
    /// Whether the wire is to be cut at this message.
    fn cut_at(&self, message: &[u8]) -> Option<Moment> {
        let mut cut = self.cut.lock().unwrap();
        let bytes = &cut.as_ref()?.bytes;
        if !message.windows(bytes.len()).any(|part| part == bytes) {
            return None;
        }
        let passes = &mut cut.as_mut()?.passes;
        if *passes > 0 {
            *passes -= 1;
            return None;
        }
        cut.take().map(|cut| cut.moment)
    }

    fn has_cut(&self) {
        self.cuts.fetch_add(1, Ordering::SeqCst);
    }
}

impl Link {
    fn close(&self) {
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }
}

/// Hands on what the client says, until somebody ends it.
fn ask(link: &Link, shared: &Shared) -> Result<()> {
    let (mut client, mut server) = (&link.client, &link.server);
    // At first messages have no kind.
    loop {
        let message = message(&mut client, 0)?;
        let code: [u8; 4] = message.get(4..8).unwrap_or_default().try_into().unwrap();
        let is_start = u32::from_be_bytes(code) >> 16 < 1_234;
        let mut turn = link.turn.lock().unwrap();
        match is_start {
            true => turn.asked += 1,
            false => turn.bare += 1,
        }
        drop(turn);
        server.write_all(&message)?;
        if is_start {
            break;
        }
    }
    loop {
        let message = message(&mut client, 1)?;
        if link.is_silent.load(Ordering::SeqCst) {
            continue;
        }
        let moment = shared.cut_at(&message);
        if moment == Some(Moment::Before) {
            shared.has_cut();
            return Ok(());
        }
        let mut turn = link.turn.lock().unwrap();
        if moment == Some(Moment::After) {
            turn.lost = Some(turn.asked + 1);
        }
        // A query, a call of a function, or the end of several messages.
        if [b'Q', b'F', b'S'].contains(&message[0]) {
            turn.asked += 1;
            turn.is_sync = message[0] == b'S';
        }
        drop(turn);
        server.write_all(&message)?;
    }
}

/// Hands on what the server says, until somebody ends it.
fn answer(link: &Link, shared: &Shared) -> Result<()> {
    let (mut client, mut server) = (&link.client, &link.server);
    loop {
        let mut kind = [0];
        server.read_exact(&mut kind)?;
        let is_bare = {
            let mut turn = link.turn.lock().unwrap();
            let is_bare = turn.bare > 0;
            turn.bare -= u32::from(is_bare);
            is_bare
        };
        if is_bare {
            client.write_all(&kind)?;
            continue;
        }
        let message = [&kind[..], &message(&mut server, 0)?].concat();
        let mut turn = link.turn.lock().unwrap();
        let is_lost = turn.lost.is_some_and(|lost| turn.answered + 1 >= lost);
        match kind[0] {
            b'Z' if is_lost => {
                shared.has_cut();
                return Ok(());
            }
            b'Z' => turn.answered += 1,
            // Who is ready to be sent rows takes no note of the end of the messages before.
            b'G' if turn.is_sync => turn.asked -= 1,
            _ => {}
        }
        drop(turn);
        if !is_lost {
            client.write_all(&message)?;
        }
    }
}

/// One message: so many bytes of its kind, then its length, itself included, and what it says.
fn message(from: &mut impl Read, kind_bytes: usize) -> Result<Vec<u8>> {
    let mut message = vec![0; kind_bytes + 4];
    from.read_exact(&mut message)?;
    let length: [u8; 4] = message[kind_bytes..].try_into().unwrap();
    let length = u32::from_be_bytes(length) as usize;
    if length < 4 {
        return Err(ErrorKind::InvalidData.into());
    }
    message.resize(kind_bytes + length, 0);
    from.read_exact(&mut message[kind_bytes + 4..])?;
    Ok(message)
}
