//! TLS: a server's certificates and key, from PEM files.

use std::error::Error;
use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

/// A server's identity for TLS 1.2 and 1.3.
#[derive(Debug, Clone)]
pub struct Tls(Arc<ServerConfig>);

impl Tls {
    /// Reads the chain of certificates, the server's own first, and the private key of that one:
    /// PEM files, the key in PKCS #8, PKCS #1 or SEC 1 and not encrypted. They are read once.
    ///
    /// # Errors
    ///
    /// A file cannot be read, holds no such thing, or the key is another certificate's.
    pub fn read(certificates: impl AsRef<Path>, key: impl AsRef<Path>) -> Result<Self, TlsError> {
        let (certificates, key) = (certificates.as_ref(), key.as_ref());
        let chain = chain(certificates)?;
        let private = PrivateKeyDer::from_pem_file(key)
            .map_err(|error| TlsError::of_file(key, "unencrypted private key", error))?;
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder
                    .with_no_client_auth()
                    .with_single_cert(chain, private)
            })
            .map_err(|error| TlsError::of_pair(certificates, key, error))?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(Arc::new(config)))
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.0))
    }
}

fn chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let fails = |error| TlsError::of_file(path, "certificate", error);
    let chain: Vec<_> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(fails)?;
    match chain.is_empty() {
        true => Err(fails(pem::Error::NoItemsFound)),
        false => Ok(chain),
    }
}

/// Why there is no [`Tls`]: names the file.
#[derive(Debug)]
pub struct TlsError {
    file: PathBuf,
    problem: String,
    source: Box<dyn Error + Send + Sync>,
}

impl TlsError {
    fn of_file(file: &Path, wanted: &str, error: pem::Error) -> Self {
        let problem = match &error {
            pem::Error::Io(error) => format!("cannot be read: {error}"),
            pem::Error::NoItemsFound => format!("holds no {wanted} in PEM"),
            error => format!("is no PEM: {error}"),
        };
        Self {
            file: file.to_owned(),
            problem,
            source: error.into(),
        }
    }

    fn of_pair(certificates: &Path, key: &Path, error: rustls::Error) -> Self {
        let certificates = certificates.display();
        let problem = match &error {
            rustls::Error::InconsistentKeys(_) => {
                format!("is not the key of the first certificate in {certificates}")
            }
            error => format!("cannot be used with {certificates}: {error}"),
        };
        Self {
            file: key.to_owned(),
            problem,
            source: error.into(),
        }
    }
}

impl Display for TlsError {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.file.display(), self.problem)
    }
}

impl Error for TlsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}
