//! Verified TLS on the way to a server.

use crate::error::{Error, Result};
use std::path::Path;
use std::sync::Arc;
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// What makes connections of which the server is verified.
pub(super) type Verified = MakeRustlsConnect;

/// For connections that use no TLS.
pub(super) fn trusting_nobody() -> Result<Verified> {
    verified(RootCertStore::empty())
}

/// Trusts the certificates of a file, or else the system's.
///
/// # Errors
///
/// `InvalidInput` if they cannot be read, or there are none.
pub(super) fn trusting(file: Option<&Path>) -> Result<Verified> {
    let certificates = match file {
        Some(file) => of_file(file)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    let mut roots = RootCertStore::empty();
    let (trusted, _) = roots.add_parsable_certificates(certificates);
    match (trusted, file) {
        (0, Some(file)) => Err(invalid(file, "holds no certificate in PEM")),
        (0, None) => Err(Error::invalid(
            "sslrootcert",
            "is needed: this system trusts no certificates",
        )),
        _ => verified(roots),
    }
}

fn of_file(file: &Path) -> Result<Vec<CertificateDer<'static>>> {
    CertificateDer::pem_file_iter(file)
        .and_then(Iterator::collect)
        .map_err(|error| invalid(file, "cannot be read as PEM").caused_by(error))
}

fn invalid(file: &Path, problem: &str) -> Error {
    let file = file.display();
    Error::invalid("sslrootcert", format_args!("{file} {problem}"))
}

fn verified(roots: RootCertStore) -> Result<Verified> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::invalid("sslmode", "cannot be had").caused_by(error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
