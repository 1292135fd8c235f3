//! The arguments of `serve`.

use crate::PageRequest;
use crate::cli::exit::Failure;
use crate::cli::place::Place;
use crate::postgres::PostgresOptions;
use axum::http::HeaderValue;
use clap::{Args, ValueEnum};
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;
use tracing_subscriber::filter::LevelFilter;

/// More on `serve`, in lines that fit in a terminal.
const HELP: &str = "\
Example:
  sessionlog --store logins serve --listen 127.0.0.1:9001

--auth says who may ask:
  none             whoever reaches the address, which must be of this machine
                   alone unless --insecure is given
  open-session     who names an open session of the store as SessionUid; the
                   answers are of that session's own user
  token-file FILE  who sends one of the tokens in FILE, as a bearer token or, in
                   a browser, as the password. A line holds a token and what it
                   permits: query operate, or any of query, operate and import

Once it listens, one line on stderr names the address, with the port that was
taken for port 0, and the page to open in a browser.

While it runs it holds a store in a directory: other commands cannot open it. Of
a store in a database there can be any number of servers. Records that are
imported over HTTP are durable once that is answered.

SIGINT and SIGTERM end it: it finishes the requests in progress for up to 10
seconds and closes the store. A second signal does not wait for them.";

const SIZE_MAX: i64 = PageRequest::RECORDS_PER_PAGE_MAX as i64;

/// Answer requests over HTTP, from a store made if there is none.
#[derive(Debug, Args)]
#[command(after_long_help = HELP)]
pub(in crate::cli) struct Serve {
    /// The address to listen on; port 0 takes one that is free
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:9001")]
    pub(in crate::cli) listen: SocketAddr,
    /// Who may ask: none, open-session, or token-file FILE
    #[arg(long, value_names = ["WAY", "FILE"], num_args = 1..=2, default_value = "none")]
    auth: Vec<OsString>,
    /// Listen beyond this machine, under any name, for anybody
    #[arg(long)]
    pub(in crate::cli) insecure: bool,
    /// Serve HTTPS with this chain of certificates, a PEM file
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(in crate::cli) tls_cert: Option<PathBuf>,
    /// The private key of the first certificate, a PEM file
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(in crate::cli) tls_key: Option<PathBuf>,
    /// The most connections to the database of the store [default: 16]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    database_connections: Option<u16>,
    /// The most seconds that a statement in the database takes [default: 30]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=2_147_483))]
    database_timeout: Option<u32>,
    /// What answers call this server
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) server_name: Option<String>,
    /// The page size of requests that name none [default: 100]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=SIZE_MAX))]
    records_per_page: Option<u32>,
    /// The largest page size: requests for more get this
    #[arg(long, value_name = "N", default_value_t = 1_000,
          value_parser = clap::value_parser!(u32).range(1..=SIZE_MAX))]
    records_per_page_max: u32,
    /// A site whose pages may ask, such as https://ops.example; repeatable
    #[arg(long, value_name = "ORIGIN", value_parser = origin)]
    pub(in crate::cli) cors_origin: Vec<HeaderValue>,
    /// What Result says of an answered request [default: Success]
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) result_success: Option<String>,
    /// What Result says of a request that is not answered [default: Failure]
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) result_failure: Option<String>,
    /// What Code says of an invalid request [default: InvalidRequest]
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) code_invalid_request: Option<String>,
    /// What is logged on stderr: this and what is worse
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    pub(in crate::cli) log: Level,
}

/// Who may ask.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::cli) enum Access {
    None,
    OpenSession,
    TokenFile(PathBuf),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

impl Level {
    pub(in crate::cli) fn filter(self) -> LevelFilter {
        match self {
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
        }
    }
}

impl Serve {
    /// Who may ask. One of the ways needs a file, which clap has no type for.
    pub(in crate::cli) fn access(&self) -> Result<Access, Failure> {
        let (way, file) = match self.auth.as_slice() {
            [way] => (way, None),
            [way, file] => (way, Some(file)),
            _ => return Err(usage("--auth is given twice")),
        };
        match (way.to_str(), file) {
            (Some("none"), None) => Ok(Access::None),
            (Some("open-session"), None) => Ok(Access::OpenSession),
            (Some("token-file"), Some(file)) => Ok(Access::TokenFile(file.into())),
            (Some("token-file"), None) => Err(usage("--auth token-file needs a file")),
            (Some(way @ ("none" | "open-session")), Some(_)) => {
                Err(usage(&format!("--auth {way} takes no file")))
            }
            _ => Err(usage(&format!(
                "--auth is none, open-session or token-file FILE, not {}",
                way.display()
            ))),
        }
    }

    /// How the database is used in which the store is.
    pub(in crate::cli) fn database(&self, place: &Place) -> Result<PostgresOptions, Failure> {
        let is_given = self.database_connections.is_some() || self.database_timeout.is_some();
        if is_given && place.directory().is_some() {
            return Err(usage(
                "--database-connections and --database-timeout are for a store in a database",
            ));
        }
        let default = PostgresOptions::default();
        let timeout = self.database_timeout;
        let timeout = timeout.map(|seconds| Duration::from_secs(seconds.into()));
        Ok(PostgresOptions {
            connections_max: self
                .database_connections
                .map_or(default.connections_max, usize::from),
            statement_timeout: timeout.unwrap_or(default.statement_timeout),
            ..default
        })
    }

    /// The page size of requests that name none, and the largest.
    pub(in crate::cli) fn page_sizes(&self) -> Result<(u32, u32), Failure> {
        let max = self.records_per_page_max;
        let default = PageRequest::RECORDS_PER_PAGE_DEFAULT.min(max);
        match self.records_per_page {
            None => Ok((default, max)),
            Some(size) if size <= max => Ok((size, max)),
            Some(size) => Err(usage(&format!(
                "--records-per-page {size} is more than --records-per-page-max {max}"
            ))),
        }
    }
}

/// An origin as browsers send it: any other text would never be one.
fn origin(text: &str) -> Result<HeaderValue, String> {
    let host = ["http://", "https://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme));
    let is_origin = host.is_some_and(|host| !host.is_empty() && !host.contains(['/', ' ']));
    match HeaderValue::from_str(text) {
        Ok(value) if is_origin || text == "*" => Ok(value),
        _ => Err("it is not a scheme and a host, without a path".to_owned()),
    }
}

fn usage(problem: &str) -> Failure {
    Failure::Usage(problem.to_owned())
}
