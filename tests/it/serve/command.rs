//! The command `serve`, as scripts and people run it.

use super::{Answer, Client, PATIENCE, eventually, header};
use crate::cli::{Folder, command, run, two_lines};
use crate::uid;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Instant;

/// The command at work; killed when dropped.
struct Serving {
    child: Child,
    stderr: BufReader<ChildStderr>,
    /// The first line on stderr.
    line: String,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Serving {
    fn start(folder: &Folder, args: &[&str]) -> Self {
        let store = folder.store();
        let args = [&["serve", "--listen", "127.0.0.1:0"], args].concat();
        Self::spawn(&mut command(&Folder::args(&store, &args)))
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        Self {
            child,
            stderr,
            line,
        }
    }

    /// Where it says it listens.
    fn address(&self) -> SocketAddr {
        let line = &self.line;
        let start = line.strip_prefix("sessionlog: listening on http://");
        let address = start.and_then(|rest| rest.split_once(','));
        let (address, _) = address.unwrap_or_else(|| panic!("{line:?}"));
        address.parse().unwrap()
    }

    fn connect(&self) -> Client {
        Client::to(self.address())
    }

    fn ask(&self) -> Answer {
        self.ask_for("", "")
    }

    /// Asks with this query string and header fields, each ending its line.
    fn ask_for(&self, query: &str, fields: &str) -> Answer {
        let path = format!("/userclientsession/log.json?{query}");
        let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n");
        self.connect().ask(&head)
    }

    fn is_refusing(&self) -> bool {
        TcpStream::connect(self.address()).is_err()
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let kill = Command::new("kill").args(["-s", name, &id]).status();
        assert!(kill.unwrap().success());
    }

    /// The exit code, and what else was said on stderr.
    fn end(mut self) -> (i32, String) {
        eventually(|| self.child.try_wait().unwrap().is_some());
        let mut said = String::new();
        self.stderr.read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code().unwrap(), said)
    }

    /// A client whose request is being read by its handler.
    fn begun(&self) -> Client {
        let mut client = self.connect();
        let head = "POST /userclientsession/log.json HTTP/1.1\r\nHost: localhost\r\n\
            Content-Type: application/json\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n";
        assert_eq!(client.ask(head).status, 100);
        client
    }
}

#[test]
fn it_says_where_it_listens_and_a_signal_ends_it_with_the_store_closed() {
    let folder = Folder::with(&two_lines());
    for signal in ["TERM", "INT"] {
        let serving = Serving::start(&folder, &[]);
        let page = format!("operator's page http://{}/", serving.address());
        assert!(serving.line.contains(&page), "{}", serving.line);
        let answer = serving.ask();
        assert_eq!(answer.status, 200, "{answer:?}");
        let body = String::from_utf8(answer.body).unwrap();
        assert!(body.contains(&uid(2).simple().to_string()), "{body}");
        serving.signal(signal);
        assert_eq!(serving.end(), (0, String::new()));
        assert!(folder.run(&["stats"]).fine().contains("sessions"));
    }
}

#[test]
fn a_signal_lets_a_request_be_finished() {
    let folder = Folder::new();
    let serving = Serving::start(&folder, &[]);
    let mut client = serving.begun();
    serving.signal("TERM");
    eventually(|| serving.is_refusing());
    client.send("{}");
    assert_eq!(client.answer().unwrap().status, 200);
    assert_eq!(serving.end(), (0, String::new()));
}

#[test]
fn a_second_signal_does_not_wait() {
    let folder = Folder::new();
    let serving = Serving::start(&folder, &[]);
    let mut client = serving.begun();
    serving.signal("TERM");
    eventually(|| serving.is_refusing());
    serving.signal("TERM");
    let (code, said) = serving.end();
    assert_eq!(code, 0);
    assert!(said.contains("cut by a second signal"), "{said}");
    assert_eq!(client.rest(), b"");
    assert!(folder.run(&["stats"]).fine().contains("sessions"));
}

#[test]
fn what_answers_say_is_set_by_options() {
    let folder = Folder::with(&two_lines());
    let serving = Serving::start(
        &folder,
        &[
            "--server-name=srv-9",
            "--records-per-page-max=1",
            "--result-success=Fine",
            "--result-failure=Bad",
            "--code-invalid-request=Odd",
            "--cors-origin=https://ops.example",
        ],
    );
    let answer = serving.ask_for("", "Origin: https://ops.example\r\n");
    let allowed = header(&answer.head, "access-control-allow-origin");
    assert_eq!(allowed, Some("https://ops.example"));
    let page: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(page["Server"], "srv-9");
    assert_eq!(page["RecordsPerPage"], 1);
    assert_eq!(page["TotalPageCount"], 2);
    assert_eq!(page["Result"], "Fine");
    let answer = serving.ask_for("recordsPerPage=-1", "Origin: https://other.example\r\n");
    let allowed = header(&answer.head, "access-control-allow-origin");
    assert_eq!(allowed, None);
    let failure: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(failure["Result"], "Bad");
    assert_eq!(failure["ServerErrorDetails"]["Code"], "Odd");
}

#[test]
fn an_authoriser_is_asked() {
    let folder = Folder::with(&two_lines());
    let file = folder.write("tokens", "0123456789abcdef\n");
    let serving = Serving::start(&folder, &["--auth", "token-file", &file]);
    assert_eq!(serving.ask().status, 401);
    let token = "Authorization: Bearer 0123456789abcdef\r\n";
    assert_eq!(serving.ask_for("", token).status, 200);
    drop(serving);
    let serving = Serving::start(&folder, &["--auth", "open-session"]);
    assert_eq!(serving.ask().status, 401);
    let [open, ended] = [1, 2].map(|session| format!("sessionUid={}", uid(session)));
    assert_eq!(serving.ask_for(&open, "").status, 200);
    assert_eq!(serving.ask_for(&ended, "").status, 401);
}

#[test]
fn what_was_imported_outlives_the_process_that_answered() {
    let folder = Folder::new();
    let serving = Serving::start(&folder, &[]);
    let lines = two_lines();
    let answer = serving.connect().ask(&format!(
        "POST /userclientsession/import HTTP/1.1\r\nHost: localhost\r\n\
         Content-Type: application/jsonl\r\nContent-Length: {}\r\n\r\n{lines}",
        lines.len()
    ));
    assert_eq!(answer.status, 200, "{answer:?}");
    serving.signal("KILL");
    drop(serving);
    let left = folder.run(&["query", "--output", "jsonl"]);
    assert_eq!(left.out, lines);
}

#[cfg(target_os = "linux")]
#[test]
fn a_store_in_a_database_has_any_number_of_servers() {
    let Some(url) = crate::cli_postgres::filled(&two_lines()) else {
        return;
    };
    let limits = ["--database-connections", "1", "--database-timeout", "60"];
    let args = [
        &["serve", "--store", &url, "--listen", "127.0.0.1:0"][..],
        &limits,
    ]
    .concat();
    let [one, other] = [(); 2].map(|()| Serving::spawn(&mut command(&args)));
    let line = crate::cli::line(3, "2026-11-03T08:00:00Z", "");
    let answer = one.connect().ask(&format!(
        "POST /userclientsession/import HTTP/1.1\r\nHost: localhost\r\n\
         Content-Type: application/jsonl\r\nContent-Length: {}\r\n\r\n{line}",
        line.len()
    ));
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = other.ask();
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = String::from_utf8(answer.body).unwrap();
    let all = [1, 2, 3].map(|session| uid(session).simple().to_string());
    assert!(all.iter().all(|session| body.contains(session)), "{body}");
    for serving in [one, other] {
        serving.signal("TERM");
        assert_eq!(serving.end(), (0, String::new()));
    }
    assert_eq!(run(&["count", "--store", &url]).fine(), "3\n");
}

#[test]
fn it_holds_the_store_alone() {
    let folder = Folder::new();
    let _serving = Serving::start(&folder, &[]);
    folder.run(&["stats"]).failed(14);
    folder.run(&["serve", "--listen", "127.0.0.1:0"]).failed(14);
}

#[test]
fn it_does_not_show_a_store_to_a_network_by_mistake() {
    let folder = Folder::new();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let message = folder.run(&["serve", "--listen", address]).failed(2);
        assert!(message.contains(address), "{message}");
        assert!(message.contains("--insecure"), "{message}");
        assert!(!folder.store().exists());
    }
    let beyond = ["--listen", "0.0.0.0:0", "--log", "error"];
    for access in [&["--insecure"][..], &["--auth", "open-session"]] {
        let store = folder.store();
        let args = [&["serve"], access, &beyond].concat();
        let serving = Serving::spawn(&mut command(&Folder::args(&store, &args)));
        assert!(serving.address().ip().is_unspecified());
    }
}

#[test]
fn what_cannot_be_served_is_told_before_a_store_is_made() {
    let folder = Folder::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let nothing = folder.write("nothing.pem", "");
    let absent = folder.store().join("absent");
    let absent = absent.to_str().unwrap();
    for (args, code, problem) in [
        (
            &["--listen", &taken][..],
            1,
            format!("cannot listen on {taken}: "),
        ),
        (
            &["--tls-cert", &nothing, "--tls-key", &nothing],
            1,
            format!("{nothing} holds no certificate in PEM\n"),
        ),
        (&["--tls-cert", &nothing], 2, "--tls-key".to_owned()),
        (&["--listen", "localhost"], 2, "--listen".to_owned()),
        (
            &["--auth", "token-file", absent],
            1,
            format!("the tokens in {absent} cannot be read: "),
        ),
        (&["--auth", "token-file"], 2, "needs a file".to_owned()),
        (&["--auth", "none", absent], 2, "takes no file".to_owned()),
        (
            &["--cors-origin", "https://a.example/"],
            2,
            "--cors-origin".to_owned(),
        ),
        (&["--auth", "nobody"], 2, "not nobody".to_owned()),
        (
            &["--database-connections", "4"],
            2,
            "for a store in a database".to_owned(),
        ),
        (
            &["--database-timeout", "0"],
            2,
            "--database-timeout".to_owned(),
        ),
        (
            &["--auth", "none", "--auth", "open-session"],
            2,
            "--auth".to_owned(),
        ),
        (
            &["--records-per-page", "0"],
            2,
            "--records-per-page".to_owned(),
        ),
        (
            &["--records-per-page", "20", "--records-per-page-max", "10"],
            2,
            "--records-per-page 20 is more than --records-per-page-max 10".to_owned(),
        ),
    ] {
        let message = folder.run(&[&["serve"], args].concat()).failed(code);
        assert!(message.contains(&problem), "{args:?}: {message}");
        assert!(!folder.store().exists(), "{args:?}");
    }
}

#[test]
fn it_survives_a_want_of_file_descriptors() {
    let folder = Folder::new();
    let store = folder.store();
    let args = ["serve", "--listen", "127.0.0.1:0", "--log", "error"];
    let limited = "ulimit -n 40 && exec \"$0\" \"$@\"";
    let mut shell = Command::new("sh");
    shell.args(["-c", limited, env!("CARGO_BIN_EXE_sessionlog")]);
    let mut serving = Serving::spawn(shell.args(Folder::args(&store, &args)));
    let crowd: Vec<Client> = (0..60).map(|_| serving.connect()).collect();
    let mut told = String::new();
    serving.stderr.read_line(&mut told).unwrap();
    assert!(told.contains("cannot accept connections"), "{told}");
    drop(crowd);
    let begun = Instant::now();
    assert_eq!(serving.ask().status, 200);
    assert!(begun.elapsed() < PATIENCE);
}
