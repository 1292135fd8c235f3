//! `sessionlog import --to`: what it sends arrives, whatever happens on the way.

use super::{count, line, lines, open};
use crate::cli::command;
use crate::router;
use sessionlog::http::{HttpOptions, ServeOptions, Tls, TokenFile, serve};
use sessionlog::{Query, SessionLog, Store};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// A server of a store in memory, stopped when dropped.
struct Server {
    store: Store,
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn with(options: HttpOptions) -> Self {
        Self::serving(options, ServeOptions::default())
    }

    fn serving(options: HttpOptions, serve_options: ServeOptions) -> Self {
        let store = Store::in_memory().unwrap();
        let router = router(store.clone(), options);
        let (ready, address) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                ready.send(listener.local_addr().unwrap()).unwrap();
                let stopped = async {
                    let _ = stopped.await;
                };
                serve(router, listener, serve_options, stopped).await;
            });
        });
        Self {
            store,
            address: address.recv().unwrap(),
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ = self.thread.take().unwrap().join();
    }
}

/// A folder with a file in it.
fn file(name: &str, text: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

/// Sends a file and answers the exit code and what was said.
fn send(url: &str, more: &[&str], path: &str) -> (i32, String) {
    let mut args = vec!["import", "--to", url, "--format", "jsonl"];
    args.extend(more);
    args.push(path);
    let output = command(&args)
        .env_remove("SESSIONLOG_TOKEN")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), said)
}

#[test]
fn a_file_that_is_sent_makes_the_store_that_a_local_import_makes() {
    let server = Server::with(HttpOptions::default());
    let many = lines(1..=45_000);
    let (_folder, path) = file("many.jsonl", &many);
    assert_eq!(send(&server.url(), &[], &path).0, 0);
    let local = Store::in_memory().unwrap();
    sessionlog::import::jsonl(&local, many.as_bytes(), &mut ()).unwrap();
    let all = |store: &Store| -> Vec<SessionLog> {
        store
            .iter(&Query::all())
            .unwrap()
            .map(Result::unwrap)
            .collect()
    };
    assert_eq!(all(&server.store), all(&local));
    let (code, said) = send(&server.url(), &[], &path);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("accepted 0, already there 45000"), "{said}");
}

#[test]
fn refused_lines_are_told_by_their_number_in_the_file() {
    let server = Server::with(HttpOptions::default());
    let conflict = SessionLog {
        user: "Bob".into(),
        ..open(1)
    };
    let text = lines(1..=25_000) + "bogus\n" + &line(&conflict) + &lines([30_000]);
    let (_folder, path) = file("some.jsonl", &text);
    let (code, said) = send(&server.url(), &[], &path);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("line 25001: "), "{said}");
    assert!(said.contains("line 25002: "), "{said}");
    assert!(
        said.contains("accepted 25001, already there 0, ended 0, rejected 2"),
        "{said}"
    );
}

#[test]
fn csv_is_sent_as_well() {
    let server = Server::with(HttpOptions::default());
    let text = "refer_uid,user_refer_uid,user,client_refer_uid,session_start,session_end\r\nbad\r\n\
                6f9619ff-8b86-d011-b42d-00c04fc964ff,11111111-2222-3333-4444-555555555555,Ann,\
                PDA-01,2026-11-01T08:00:00Z,\r\n";
    let (_folder, path) = file("few.csv", text);
    let output = command(&["import", "--to", &server.url(), "--format", "csv", &path]).output();
    let said = String::from_utf8(output.unwrap().stderr).unwrap();
    assert!(said.contains("line 2: "), "{said}");
    assert_eq!(count(&server.store), 1);
}

/// Stands between a client and a server, and does not make it easy.
fn flaky(server: SocketAddr) -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = thread::spawn(move || {
        let mut clients = listener.incoming().map(Result::unwrap);
        let mut refused = clients.next().unwrap();
        let mut head = [0; 256];
        let _ = refused.read(&mut head).unwrap();
        let answer = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 0\r\n\
                      Content-Length: 0\r\nConnection: close\r\n\r\n";
        refused.write_all(answer.as_bytes()).unwrap();
        drop(refused);
        let mut cut = clients.next().unwrap();
        let _ = cut.read(&mut head).unwrap();
        drop(cut);
        // The server takes it all, and its answer is lost.
        let mut unheard = clients.next().unwrap();
        let mut inner = TcpStream::connect(server).unwrap();
        let mut upstream = (unheard.try_clone().unwrap(), inner.try_clone().unwrap());
        thread::spawn(move || std::io::copy(&mut upstream.0, &mut upstream.1));
        let _ = inner.read(&mut head).unwrap();
        let _ = unheard.shutdown(std::net::Shutdown::Both);
        drop(unheard.flush());
        let mut client = clients.next().unwrap();
        let mut inner = TcpStream::connect(server).unwrap();
        let mut upstream = (client.try_clone().unwrap(), inner.try_clone().unwrap());
        thread::spawn(move || std::io::copy(&mut upstream.0, &mut upstream.1));
        let _ = std::io::copy(&mut inner, &mut client);
    });
    (address, thread)
}

#[test]
fn a_file_arrives_once_through_refusals_cuts_and_lost_answers() {
    let server = Server::with(HttpOptions::default());
    let (address, proxy) = flaky(server.address);
    let (_folder, path) = file("few.jsonl", &lines(1..=2_000));
    let (code, said) = send(&format!("http://{address}"), &[], &path);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("already there 2000"), "{said}");
    assert_eq!(count(&server.store), 2_000);
    assert_eq!(
        server.store.get(crate::uid(2_000)).unwrap(),
        Some(open(2_000))
    );
    drop(server);
    proxy.join().unwrap();
}

#[test]
fn an_import_that_stopped_says_where_to_go_on() {
    let server = Server::with(HttpOptions::default());
    // The second batch is refused for good: a proxy answers it so.
    let (_folder, path) = file("many.jsonl", &lines(1..=20_001));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let report = r#"{"accepted":20000,"already_there":0,"ended":0,"rejected":0,"rejections":[],"rejections_left_out":0}"#;
    let thread = thread::spawn(move || {
        let answers = [
            format!("200 OK\r\nContent-Length: {}\r\n\r\n{report}", report.len()),
            "403 Forbidden\r\nContent-Length: 0\r\n\r\n".to_owned(),
        ];
        let (mut client, _) = listener.accept().unwrap();
        for answer in answers {
            let mut request = Vec::new();
            let mut byte = [0; 65_536];
            while !is_whole(&request) {
                let count = client.read(&mut byte).unwrap();
                request.extend_from_slice(&byte[..count]);
            }
            client
                .write_all(format!("HTTP/1.1 {answer}").as_bytes())
                .unwrap();
        }
    });
    let (code, said) = send(&format!("http://{address}"), &[], &path);
    thread.join().unwrap();
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("403 Forbidden"), "{said}");
    assert!(said.contains("--resume-after 20000"), "{said}");
    let (code, said) = send(&server.url(), &["--resume-after", "20000"], &path);
    assert_eq!(code, 0, "{said}");
    assert_eq!(count(&server.store), 1);
}

/// Whether a request with a `Content-Length` is there to its end.
fn is_whole(request: &[u8]) -> bool {
    let Some(end) = request.windows(4).position(|part| part == b"\r\n\r\n") else {
        return false;
    };
    let head = String::from_utf8_lossy(&request[..end]).to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    request.len() - end - 4 >= length.unwrap().trim().parse().unwrap()
}

#[test]
fn a_token_goes_along_from_a_file_or_the_environment() {
    let (_tokens, tokens) = file("tokens", "0123456789abcdef import\n");
    let authorizer = std::sync::Arc::new(TokenFile::read(&tokens).unwrap());
    let server = Server::with(HttpOptions {
        authorizer,
        ..HttpOptions::default()
    });
    let (_folder, path) = file("few.jsonl", &lines(1..=3));
    let (code, said) = send(&server.url(), &[], &path);
    assert_eq!(code, 1);
    assert!(
        said.contains("401 Unauthorized: the caller is not known"),
        "{said}"
    );
    let (_token, token) = file("token", "0123456789abcdef\n");
    let over = ["--token-file", &token, "--rejects", &token];
    let (code, said) = send(&server.url(), &over, &path);
    assert!(code == 2 && said.contains("--rejects"), "{said}");
    assert_eq!(
        std::fs::read_to_string(&token).unwrap(),
        "0123456789abcdef\n"
    );
    assert_eq!(send(&server.url(), &["--token-file", &token], &path).0, 0);
    let url = server.url();
    let mut by_variable = command(&["import", "--to", &url, "--format", "jsonl", &path]);
    let status = by_variable
        .env("SESSIONLOG_TOKEN", "0123456789abcdef")
        .output()
        .unwrap()
        .status;
    assert!(status.success());
}

#[test]
fn what_cannot_be_sent_is_said_before_anything_is() {
    let (_folder, path) = file("few.jsonl", &lines(1..=3));
    let nowhere = "http://127.0.0.1:1";
    for args in [
        vec![
            "--store", "x", "import", "--to", nowhere, "--format", "jsonl", &path,
        ],
        vec![
            "import", "--to", nowhere, "--format", "wtmp", "--source", "a", &path,
        ],
    ] {
        let output = command(&args).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{args:?}");
    }
}

#[test]
fn an_address_that_is_none_or_holds_a_password_is_refused_and_not_repeated() {
    let (_folder, path) = file("few.jsonl", &lines(1..=3));
    for url in ["http://ann:hunter2@127.0.0.1:1", "127.0.0.1:1/x y", "/srv"] {
        let (code, said) = send(url, &[], &path);
        assert_eq!(code, 2, "{url}: {said}");
        assert!(said.contains("--to: "), "{url}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
}

#[test]
fn what_a_server_refuses_goes_to_the_file_of_rejections_with_its_text() {
    let server = Server::with(HttpOptions::default());
    let conflict = line(&SessionLog {
        user: "Bob".into(),
        ..open(1)
    });
    let text = lines(1..=3) + "bogus\n" + &conflict;
    let (folder, path) = file("some.jsonl", &text);
    let bad = folder.path().join("bad.jsonl");
    let (code, said) = send(&server.url(), &["--rejects", bad.to_str().unwrap()], &path);
    assert_eq!(code, 3, "{said}");
    let bad = std::fs::read_to_string(bad).unwrap();
    let bad: Vec<serde_json::Value> = bad
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let lines_and_texts = bad.iter().map(|bad| (&bad["line"], &bad["text"]));
    let expected = [(4, "bogus"), (5, conflict.trim_end())];
    for ((line, text), expected) in lines_and_texts.zip(expected) {
        assert_eq!(
            (line.as_u64(), text.as_str()),
            (Some(expected.0), Some(expected.1))
        );
    }
    assert_eq!(bad.len(), 2);
}

#[cfg(unix)]
#[test]
fn an_interruption_ends_the_wait_for_a_server_that_stays_away() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let many = lines(1..=40_000);
    let url = format!("http://{closed}");
    let mut import = command(&["import", "--to", &url, "--format", "jsonl", "-"]);
    let piped = std::process::Stdio::piped;
    let mut import = import.stdin(piped()).stderr(piped()).spawn().unwrap();
    let mut stdin = import.stdin.take().unwrap();
    let id = import.id().to_string();
    // More than a pipe holds, and less than is sent at once: when it is written, the import has begun.
    let (first, rest) = many.split_at(2 << 20);
    stdin.write_all(first.as_bytes()).unwrap();
    let rest = rest.to_owned();
    let writer = thread::spawn(move || stdin.write_all(rest.as_bytes()));
    // It would wait for a minute and more, and then say another thing.
    thread::sleep(std::time::Duration::from_secs(1));
    let kill = std::process::Command::new("kill")
        .args(["-INT", &id])
        .status();
    assert!(kill.unwrap().success());
    let output = import.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("import standard input again"), "{said}");
    // Cut off as it is, it may have failed.
    let _ = writer.join().unwrap();
}

#[test]
fn a_server_is_trusted_by_a_certificate_that_is_given_and_by_no_other() {
    let certified = || rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let (identity, other) = (certified(), certified());
    let (certificates, certificate) = file("cert.pem", &identity.cert.pem());
    let key = certificates.path().join("key.pem");
    std::fs::write(&key, identity.signing_key.serialize_pem()).unwrap();
    let server = Server::serving(
        HttpOptions::default(),
        ServeOptions {
            tls: Some(Tls::read(&certificate, &key).unwrap()),
            ..ServeOptions::default()
        },
    );
    let url = format!("https://localhost:{}", server.address.port());
    let (_folder, path) = file("few.jsonl", &lines(1..=3));
    let (code, said) = send(&url, &["--ca", &certificate], &path);
    assert_eq!(code, 0, "{said}");
    assert_eq!(count(&server.store), 3);
    let (_other, other) = file("other.pem", &other.cert.pem());
    let (code, said) = send(&url, &["--ca", &other], &path);
    assert_eq!(code, 1, "{said}");
    for (text, status) in [("no certificate", 4), ("", 4)] {
        let (_empty, empty) = file("empty.pem", text);
        let (code, said) = send(&url, &["--ca", &empty], &path);
        assert!(
            code == status && said.contains("holds no certificate"),
            "{said}"
        );
    }
    let (code, said) = send(&url, &["--ca", "absent.pem"], &path);
    assert!(code == 1 && said.contains("absent.pem"), "{said}");
}
