//! TLS with certificates that are verified, and passwords that nobody comes to see.

use super::options;
use crate::cluster::{Cluster, Options};
use crate::records::{hour, log};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use sessionlog::postgres::{Address, Postgres, migrate};
use sessionlog::stores::SessionLogStore;
use sessionlog::{ErrorKind, Result};
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Command;
use std::{env, fmt::Debug};
use tempfile::TempDir;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A file of the server's own.
fn write(cluster: &Cluster, name: &str, text: &str) {
    let data = cluster.psql("SHOW data_directory");
    let (folder, path) = (Path::new(&data), Path::new(&data).join(name));
    let owner = fs::metadata(folder).unwrap();
    fs::write(&path, text).unwrap();
    chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
}

/// A server that takes nothing but TLS and a password, its certificate for this name.
struct Guarded {
    cluster: Cluster,
    database: String,
    authority: Authority,
    folder: TempDir,
}

const PASSWORD: &str = "s3cret-äöü";
const NAME: &str = "localhost";

impl Guarded {
    fn start() -> Option<Self> {
        let cluster = Cluster::start(Options {
            settings: vec!["password_encryption=scram-sha-256".into()],
            ..Options::default()
        })?;
        let (authority, key) = (authority(), KeyPair::generate().unwrap());
        let params = CertificateParams::new(vec![NAME.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &authority).unwrap();
        write(&cluster, "server.crt", &certificate.pem());
        write(&cluster, "server.key", &key.serialize_pem());
        let database = cluster.database();
        cluster.psql(&format!("CREATE ROLE log LOGIN PASSWORD '{PASSWORD}'"));
        cluster.psql(&format!("ALTER DATABASE {database} OWNER TO log"));
        super::ask(&cluster, &database, "ALTER SCHEMA public OWNER TO log");
        let rules = "host all postgres all trust\nhostssl all log all scram-sha-256\n";
        write(&cluster, "pg_hba.conf", rules);
        cluster.psql("ALTER SYSTEM SET ssl = on");
        cluster.psql("SELECT pg_reload_conf()");
        crate::cluster::until("TLS", || cluster.psql("SHOW ssl") == "on");
        let guarded = Self {
            cluster,
            database,
            authority,
            folder: tempfile::tempdir().unwrap(),
        };
        guarded.trust("ca.pem", &guarded.authority);
        Some(guarded)
    }

    fn trust(&self, name: &str, authority: &Authority) {
        fs::write(self.folder.path().join(name), authority.pem()).unwrap();
    }

    /// An address without a password.
    fn address(&self, host: &str, options: &str) -> String {
        let (port, database) = (self.cluster.address().port(), &self.database);
        let folder = self.folder.path().display();
        let options = options.replace("ca=", &format!("sslrootcert={folder}/"));
        format!("postgres://log@{host}:{port}/{database}?{options}")
    }

    fn with_password(&self, host: &str, options: &str) -> Address {
        let password = PASSWORD.replace("äöü", "%C3%A4%C3%B6%C3%BC");
        let url = self.address(host, options);
        let url = url.replace("log@", &format!("log:{password}@"));
        url.parse().unwrap()
    }
}

/// Refused, in words that have this and no password.
fn refused<T: Debug>(result: Result<T>, kind: ErrorKind, words: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    let mut cause: Option<&dyn std::error::Error> = Some(&error);
    let mut all = format!("{error:?}");
    while let Some(error) = cause {
        all.push_str(&format!("\n{error}\n{error:?}"));
        cause = error.source();
    }
    assert!(error.to_string().contains(words), "{error}");
    assert!(!all.contains("s3cret"), "{all}");
}

#[tokio::test]
async fn only_a_server_that_is_verified_is_spoken_to() {
    let Some(guarded) = Guarded::start() else {
        return;
    };
    let right = guarded.with_password(NAME, "sslmode=verify-full&ca=ca.pem");
    migrate(&right, false).await.unwrap();
    let store = Postgres::connect(&right, options()).await.unwrap();
    store.append(log(1, hour(1), None)).await.unwrap();
    let encrypted = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                     WHERE usename = 'log'";
    assert_eq!(guarded.cluster.psql(encrypted), "t");
    guarded.trust("other.pem", &authority());
    let attempt = async |host: &str, options: &str| {
        let address = guarded.with_password(host, options);
        Postgres::connect(&address, super::options()).await
    };
    let unavailable = ErrorKind::Unavailable;
    let require = "sslmode=require&";
    let of_other = attempt(NAME, &format!("{require}ca=other.pem")).await;
    refused(of_other, unavailable, "certificate");
    let wrong_name = attempt("127.0.0.1", &format!("{require}ca=ca.pem")).await;
    refused(wrong_name, unavailable, "certificate");
    let of_system = attempt(NAME, "sslmode=require").await;
    let error = of_system.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    let none = attempt(NAME, &format!("{require}ca=none.pem")).await;
    refused(none, ErrorKind::InvalidInput, "none.pem");
    let plain = attempt(NAME, "sslmode=disable").await;
    refused(plain, unavailable, "pg_hba.conf");
}

#[tokio::test]
async fn a_server_without_tls_is_not_spoken_to_where_it_is_demanded() {
    let Some(cluster) = crate::cluster::shared() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    fs::write(&path, authority().pem()).unwrap();
    let url = cluster.url("postgres", "postgres");
    let url = format!("{url}?sslmode=verify-full&sslrootcert={}", path.display());
    let store = Postgres::connect(&url.parse().unwrap(), options()).await;
    refused(store, ErrorKind::Unavailable, "TLS");
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_shown_to_nobody() {
    let Some(guarded) = Guarded::start() else {
        return;
    };
    let url = guarded.address(NAME, "sslmode=require&ca=ca.pem");
    let wrong = url.replace("log@", "log:s3cret-wrong@");
    let store = Postgres::connect(&wrong.parse().unwrap(), options()).await;
    refused(
        store,
        ErrorKind::Unavailable,
        "password authentication failed",
    );
    let store = Postgres::connect(&url.parse().unwrap(), options()).await;
    refused(store, ErrorKind::Unavailable, "password");
}

/// Where the process that has a pass file is told where to connect to.
const TOLD: &str = "SESSIONLOG_TEST_GUARDED";

#[tokio::test]
async fn a_password_comes_from_the_pass_file_of_the_process() {
    if let Ok(url) = env::var(TOLD) {
        // The other process.
        let address: Address = url.parse().unwrap();
        let address = address.with_password_of_process().unwrap();
        assert!(address.has_password());
        migrate(&address, false).await.unwrap();
        return;
    }
    let Some(guarded) = Guarded::start() else {
        return;
    };
    let file = guarded.folder.path().join("pass");
    let port = guarded.cluster.address().port();
    let line = format!(
        "# comment\n{NAME}:{port}:{}:log:{PASSWORD}\n",
        guarded.database
    );
    fs::write(&file, line).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    let name = "postgres::encryption::a_password_comes_from_the_pass_file_of_the_process";
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", name])
        .env(TOLD, guarded.address(NAME, "sslmode=require&ca=ca.pem"))
        .env("PGPASSFILE", &file)
        .env_remove("PGPASSWORD")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
    assert!(!said.contains("s3cret"), "{said}");
    let made = super::ask(&guarded.cluster, &guarded.database, "TABLE session_counted");
    assert_eq!(made, "");
}
