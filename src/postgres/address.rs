//! Where a server is, as whom it is asked, and how the way there is kept safe.

use super::pass_file;
use super::tls::{self, Verified};
use crate::error::{Error, Result};
use std::fmt::{self, Display, Formatter};
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};

/// The address of a database: `postgres://USER@HOST[:PORT][,HOST[:PORT]…]/DATABASE[?OPTION=VALUE&…]`.
///
/// Options are those of libpq that have a meaning here, such as `connect_timeout`, `application_name`
/// and `options`; and of TLS:
///
/// - `sslmode=verify-full`, or `require`, which means the same here: TLS, with the server's certificate
///   and name verified. The default, unless every host is this machine.
/// - `sslmode=disable`: no TLS. The default for hosts that are this machine.
/// - `sslrootcert=FILE`: the certificates in PEM that are trusted instead of the system's.
///
/// Of several hosts, the first that takes writes is used, and the next one once it fails: no option
/// makes that otherwise. Neither [`Debug`] nor [`Display`] shows a password.
///
/// ```
/// use sessionlog::postgres::Address;
///
/// let address: Address = "postgres://log:secret@db1,db2/sessions".parse()?;
/// assert_eq!(address.to_string(), "postgres://log@db1,db2/sessions");
/// assert!("postgres://db1/sessions?sslmode=prefer".parse::<Address>().is_err());
/// # Ok::<(), sessionlog::Error>(())
/// ```
#[derive(Clone)]
pub struct Address {
    config: Config,
    root_certificates: Option<PathBuf>,
}

/// The options of libpq by which a host is chosen, and what is chosen here.
const CHOICES: [(&str, &str); 2] = [
    ("target_session_attrs", "read-write"),
    ("load_balance_hosts", "disable"),
];

/// The options that are not handed on.
const TLS_OPTIONS: [&str; 2] = ["sslmode", "sslrootcert"];

impl FromStr for Address {
    type Err = Error;

    /// Reads an address.
    ///
    /// # Errors
    ///
    /// `InvalidInput`: it is no such address, or an option has no meaning here. The message has no
    /// password.
    fn from_str(url: &str) -> Result<Self> {
        if !Self::is_meant_by(url) {
            return Err(invalid("does not begin with postgres://"));
        }
        let (plain, options) = split(url);
        let option = |name| {
            let mut found = options.iter().filter(|(key, _)| *key == name);
            found.next().map(|(_, value)| value.as_str())
        };
        let mut config: Config = plain.parse().map_err(|error| {
            // What it cites is the name of an option.
            let problem = cause(&error);
            invalid(format_args!("is not one of PostgreSQL: {problem}"))
        })?;
        if config.get_hosts().is_empty() {
            return Err(invalid("names no host"));
        }
        config.ssl_mode(ssl_mode(option("sslmode"), &config)?);
        check_choice(&plain)?;
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        if config.get_application_name().is_none() {
            config.application_name("sessionlog");
        }
        Ok(Self {
            config,
            root_certificates: option("sslrootcert").map(PathBuf::from),
        })
    }
}

impl Address {
    /// Whether a text is meant as such an address, and not as a path.
    #[must_use]
    pub fn is_meant_by(text: &str) -> bool {
        text.starts_with("postgres://") || text.starts_with("postgresql://")
    }

    /// Whether a password is part of it.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.config.get_password().is_some()
    }

    /// The same address with the password that this process has for it, if it has none: from the
    /// environment variable `PGPASSWORD`, or else from the pass file that `PGPASSFILE` names, or
    /// `.pgpass` in the home directory (format of libpq). Of several hosts one password is that of all: the
    /// first line decides that is about any of them.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the pass file is there and cannot be read, or has the password and others than its
    /// owner may read it.
    pub fn with_password_of_process(mut self) -> Result<Self> {
        if self.has_password() {
            return Ok(self);
        }
        if let Some(password) = pass_file::of_process(&self.config)? {
            self.config.password(password);
        }
        Ok(self)
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    /// How servers are verified.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if the certificates to trust cannot be read, or there are none.
    pub(super) fn tls(&self) -> Result<Verified> {
        match self.config.get_ssl_mode() {
            SslMode::Disable => tls::trusting_nobody(),
            _ => tls::trusting(self.root_certificates.as_deref()),
        }
    }
}

/// An address without the options of TLS, and those.
fn split(url: &str) -> (String, Vec<(&'static str, String)>) {
    let Some((before, query)) = url.split_once('?') else {
        return (url.to_owned(), Vec::new());
    };
    let (mut kept, mut taken) = (Vec::new(), Vec::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        match TLS_OPTIONS.into_iter().find(|name| *name == key) {
            Some(name) => taken.push((name, decoded(value))),
            None => kept.push(pair),
        }
    }
    match kept.is_empty() {
        true => (before.to_owned(), taken),
        false => (format!("{before}?{}", kept.join("&")), taken),
    }
}

/// Which host is used is not to be chosen otherwise.
fn check_choice(plain: &str) -> Result<()> {
    let options = plain.split_once('?').map_or("", |(_, options)| options);
    for (name, only) in CHOICES {
        let mut given = options.split('&').filter_map(|pair| pair.split_once('='));
        if let Some((_, other)) = given.find(|(key, value)| *key == name && *value != only) {
            return Err(invalid(format_args!(
                "has {name}={other}: it is always {only}"
            )));
        }
    }
    Ok(())
}

fn decoded(value: &str) -> String {
    percent_encoding::percent_decode_str(value)
        .decode_utf8_lossy()
        .into_owned()
}

fn ssl_mode(asked: Option<&str>, config: &Config) -> Result<SslMode> {
    match asked {
        Some("verify-full" | "require") => Ok(SslMode::Require),
        Some("disable") => Ok(SslMode::Disable),
        Some(other) => Err(invalid(format_args!(
            "has sslmode={other}: it can be verify-full or disable"
        ))),
        None if is_on_this_machine(config) => Ok(SslMode::Disable),
        None => Ok(SslMode::Require),
    }
}

/// Where `hostaddr` says where a host is, its name does not.
fn is_on_this_machine(config: &Config) -> bool {
    let addresses = config.get_hostaddrs();
    config.get_hosts().iter().all(is_this_machine) && addresses.iter().all(IpAddr::is_loopback)
}

fn is_this_machine(host: &Host) -> bool {
    match host {
        Host::Tcp(name) if name == "localhost" => true,
        Host::Tcp(name) => name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

/// What an error of the client says below its first words.
pub(super) fn cause(error: &tokio_postgres::Error) -> String {
    let source = std::error::Error::source(error);
    source.map_or_else(|| error.to_string(), ToString::to_string)
}

fn invalid(problem: impl Display) -> Error {
    Error::invalid("address", problem)
}

impl Display for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let config = &self.config;
        f.write_str("postgres://")?;
        if let Some(user) = config.get_user() {
            write!(f, "{user}@")?;
        }
        for (index, host) in config.get_hosts().iter().enumerate() {
            f.write_str(if index == 0 { "" } else { "," })?;
            match host {
                Host::Tcp(name) => f.write_str(name)?,
                #[cfg(unix)]
                Host::Unix(path) => write!(f, "{}", path.display())?,
            }
            let ports = config.get_ports();
            match ports.get(index).or(ports.first()) {
                None | Some(5432) => {}
                Some(port) => write!(f, ":{port}")?,
            }
        }
        write!(f, "/{}", config.get_dbname().unwrap_or_default())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> SslMode {
        let address: Address = url.parse().unwrap();
        address.config.get_ssl_mode()
    }

    #[test]
    fn servers_elsewhere_are_verified_unless_that_is_switched_off() {
        let elsewhere = "postgres://log@db1.example/sessions";
        assert_eq!(mode(elsewhere), SslMode::Require);
        assert_eq!(mode("postgres://localhost,db1/sessions"), SslMode::Require);
        for local in [
            "localhost",
            "127.0.0.1",
            "127.0.0.9",
            "[::1]",
            "%2Frun%2Fpg",
        ] {
            assert_eq!(
                mode(&format!("postgres://{local}/x")),
                SslMode::Disable,
                "{local}"
            );
        }
        assert_eq!(
            mode(&format!("{elsewhere}?sslmode=disable")),
            SslMode::Disable
        );
        assert_eq!(
            mode("postgres://localhost/x?sslmode=require"),
            SslMode::Require
        );
        for unsafe_mode in ["prefer", "allow", "verify-ca", ""] {
            let url = format!("{elsewhere}?sslmode={unsafe_mode}");
            let error = url.parse::<Address>().unwrap_err();
            assert!(error.to_string().contains("sslmode="), "{error}");
        }
    }

    #[test]
    fn a_name_of_this_machine_is_not_believed_beside_another_address() {
        let there = "postgres://localhost/x?hostaddr=203.0.113.9";
        assert_eq!(mode(there), SslMode::Require);
        assert_eq!(
            mode("postgres://localhost/x?hostaddr=127.0.0.1"),
            SslMode::Disable
        );
    }

    #[test]
    fn what_has_no_meaning_here_is_refused_and_not_passed_over() {
        for (url, said) in [
            (
                "postgres://db1/x?target_session_attrs=read-only",
                "target_session_attrs=read-only",
            ),
            ("postgres://db1/x?target_session_attrs=any", "read-write"),
            (
                "postgres://db1,db2/x?load_balance_hosts=random",
                "load_balance_hosts=random",
            ),
            ("host=localhost sslmode=require", "postgres://"),
        ] {
            let error = url.parse::<Address>().unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
        }
        let same = "postgres://db1/x?target_session_attrs=read-write&load_balance_hosts=disable";
        assert!(same.parse::<Address>().is_ok());
    }

    #[test]
    fn no_text_shows_a_password() {
        let url = "postgres://log:s%40cret@db1:7000,db2:7001/sessions?application_name=x";
        let address: Address = url.parse().unwrap();
        assert!(address.has_password());
        for text in [address.to_string(), format!("{address:?}")] {
            assert!(
                text.contains("postgres://log@db1:7000,db2:7001/sessions"),
                "{text}"
            );
            assert!(!text.contains("cret"), "{text}");
        }
        for bad in [
            "postgres://log:hush@db1/x?none=1",
            "postgres://log:hush@db1:port/x",
        ] {
            let error = bad.parse::<Address>().unwrap_err();
            assert_eq!(error.member(), Some("address"));
            assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
        }
    }

    #[test]
    fn the_option_of_certificates_is_a_path() {
        let url = "postgres://db1/x?sslrootcert=%2Fetc%2Fca%20one.pem&connect_timeout=3";
        let address: Address = url.parse().unwrap();
        let path = address.root_certificates.unwrap();
        assert_eq!(path, PathBuf::from("/etc/ca one.pem"));
    }
}
