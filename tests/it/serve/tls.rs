//! TLS.

use super::{Answer, GET, SHORT, Served, read_answer};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use sessionlog::http::{ServeOptions, Tls, TlsError};
use std::error::Error;
use std::io::Write;
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// A certificate for `localhost` and its key, in files.
struct Identity {
    folder: TempDir,
    certificate: CertificateDer<'static>,
}

impl Identity {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let identity = Self {
            folder,
            certificate: cert.der().clone(),
        };
        std::fs::write(identity.certificates(), cert.pem()).unwrap();
        std::fs::write(identity.key(), signing_key.serialize_pem()).unwrap();
        identity
    }

    fn certificates(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    fn serve(&self) -> Served {
        Served::with(ServeOptions {
            tls: Some(Tls::read(self.certificates(), self.key()).unwrap()),
            tls_handshake_timeout: SHORT * 10,
            header_read_timeout: Duration::from_secs(600),
            ..ServeOptions::default()
        })
    }

    /// A client that trusts this certificate alone.
    fn connect(&self, served: &Served) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = "localhost".try_into().unwrap();
        let connection = ClientConnection::new(Arc::new(config), name).unwrap();
        StreamOwned::new(connection, served.connect().0)
    }

    fn ask(&self, served: &Served) -> Answer {
        let mut client = self.connect(served);
        client.write_all(GET.as_bytes()).unwrap();
        read_answer(&mut client).unwrap()
    }
}

#[test]
fn requests_are_answered_over_tls() {
    let identity = Identity::new();
    let served = identity.serve();
    let answer = identity.ask(&served);
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"here"[..]));
}

#[test]
fn a_client_that_speaks_no_tls_or_nothing_harms_nobody_and_is_cut() {
    let identity = Identity::new();
    let served = identity.serve();
    let mut silent = served.connect();
    let mut plain = served.connect();
    plain.send(GET);
    assert_eq!(identity.ask(&served).status, 200);
    let alert = plain.rest();
    assert!(!alert.starts_with(b"HTTP"), "{alert:?}");
    assert_eq!(silent.rest(), b"");
}

#[test]
fn a_handshake_does_not_hold_up_a_shutdown() {
    let identity = Identity::new();
    let mut served = Served::with(ServeOptions {
        tls: Some(Tls::read(identity.certificates(), identity.key()).unwrap()),
        tls_handshake_timeout: Duration::from_secs(600),
        shutdown_timeout: Duration::from_secs(600),
        ..ServeOptions::default()
    });
    let mut silent = served.connect();
    assert_eq!(identity.ask(&served).status, 200);
    served.stop();
    assert_eq!(silent.rest(), b"");
    served.join();
}

/// The message, which names the file; it has a cause.
#[track_caller]
fn refused(read: Result<Tls, TlsError>, file: PathBuf) -> String {
    let error = read.unwrap_err();
    assert!(error.source().is_some());
    let message = error.to_string();
    let problem = message.strip_prefix(file.to_str().unwrap());
    problem.unwrap_or_else(|| panic!("{message}")).to_owned()
}

#[test]
fn unusable_files_are_named() {
    let (ours, others) = (Identity::new(), Identity::new());
    let read = |certificates: &PathBuf, key: &PathBuf| Tls::read(certificates, key);
    let (certificates, key) = (ours.certificates(), ours.key());
    let absent = ours.folder.path().join("absent");
    for (read, file, problem) in [
        (read(&absent, &key), &absent, " cannot be read: "),
        (read(&certificates, &absent), &absent, " cannot be read: "),
        (read(&key, &key), &key, " holds no certificate in PEM"),
        (
            read(&certificates, &certificates),
            &certificates,
            " holds no unencrypted private key in PEM",
        ),
        (
            read(&certificates, &others.key()),
            &others.key(),
            " is not the key of the first certificate in ",
        ),
    ] {
        let message = refused(read, file.clone());
        assert!(message.starts_with(problem), "{message}");
    }
    std::fs::write(&key, "-----BEGIN PRIVATE KEY-----\n!\n").unwrap();
    let message = refused(read(&certificates, &key), key);
    assert!(message.starts_with(" is no PEM: "), "{message}");
}
