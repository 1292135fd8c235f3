//! Records to a server that holds the store: `import --to URL`.

use super::args;
use super::exit::Failure;
use super::signals::Interrupt;
use crate::SessionLog;
use crate::import::{Destination, ImportError, Placed, Rejection, Written};
use crossbeam_channel::bounded;
use serde::Deserialize;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use ureq::http::{Response, Uri, header};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::typestate::WithBody;
use ureq::{Agent, RequestBuilder};

/// How often a batch is sent at most.
const ATTEMPTS_MAX: u32 = 9;

/// The wait after the first attempt, which doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// The longest wait, also if the server asks for more.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// The most time for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The most time for sending a batch, and for its answer: it is durable by then.
const BATCH_TIMEOUT: Duration = Duration::from_secs(120);

/// The most bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 64 << 20;

const TOKEN_VARIABLE: &str = "SESSIONLOG_TOKEN";

/// A server's store.
pub(super) struct Remote {
    agent: Agent,
    url: String,
    token: Option<String>,
    interrupt: Interrupt,
    /// Records up to this place are there already, as somebody says who was told so.
    resume_after: u64,
}

impl Remote {
    /// The server at `url`, and what it asks for.
    pub(super) fn new(
        url: &str,
        args: &args::Import,
        interrupt: Interrupt,
    ) -> Result<Self, Failure> {
        let tls = args.ca.as_deref().map(roots).transpose()?;
        let agent = Agent::config_builder()
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_send_body(Some(BATCH_TIMEOUT))
            .timeout_recv_response(Some(BATCH_TIMEOUT))
            .timeout_recv_body(Some(BATCH_TIMEOUT))
            .max_redirects(0)
            .http_status_as_error(false)
            .tls_config(tls.unwrap_or_default())
            .build();
        Ok(Self {
            agent: agent.into(),
            url: format!("{}/userclientsession/import", server(url)?),
            token: token(args)?,
            interrupt,
            resume_after: args.resume_after,
        })
    }

    /// Sends a body until it is taken, or until nothing more is to be hoped for.
    fn send(&self, body: &Arc<[u8]>) -> Result<Report, Unsent> {
        let mut wait = FIRST_WAIT;
        let mut attempt = 1;
        loop {
            let unsent = match self.post(body) {
                Ok(report) => return Ok(report),
                Err(unsent) if attempt == ATTEMPTS_MAX || !unsent.may_pass => return Err(unsent),
                Err(unsent) => unsent,
            };
            let pause = wait.max(unsent.retry_after).min(WAIT_MAX);
            if !self.interrupt.sleep(pause) {
                return Err(unsent);
            }
            wait *= 2;
            attempt += 1;
        }
    }

    /// Sends a body once. A server can take its time with the answer, and an interruption cannot wait
    /// for that: a thread does.
    fn post(&self, body: &Arc<[u8]>) -> Result<Report, Unsent> {
        let (sender, answers) = bounded(1);
        let request = self.request();
        let body = Arc::clone(body);
        let send = move || {
            let response = request.send(&body[..]).map_err(|error| Unsent::of(&error));
            // Nobody waits for it any more if the process is to end.
            let _ = sender.send(response.and_then(answer));
        };
        let sent = thread::Builder::new().name("request".into()).spawn(send);
        sent.map_err(|error| Unsent::unsendable(&error))?;
        let answer = self.interrupt.receive(&answers);
        let answer = answer.map_err(|error| Unsent::unsendable(&error))?;
        answer.unwrap_or_else(|| Err(Unsent::unreadable("there is none")))
    }

    fn request(&self) -> RequestBuilder<WithBody> {
        let request = self.agent.post(&self.url);
        let request = request.header(header::CONTENT_TYPE, "application/x-ndjson");
        match &self.token {
            Some(token) => request.header(header::AUTHORIZATION, format!("Bearer {token}")),
            None => request,
        }
    }
}

/// What the server made of a body.
#[derive(Deserialize)]
struct Report {
    accepted: u64,
    already_there: u64,
    ended: u64,
    rejected: u64,
    rejections: Vec<Rejected>,
}

#[derive(Deserialize)]
struct Rejected {
    line: u64,
    reason: String,
}

/// Why a body was not taken.
#[derive(Debug)]
struct Unsent {
    problem: String,
    may_pass: bool,
    retry_after: Duration,
}

impl Unsent {
    /// The connection failed, or broke.
    fn of(error: &ureq::Error) -> Self {
        // What TLS makes of a certificate that is not trusted: it will not be the next time.
        let is_untrusted = matches!(
            error,
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData
        );
        let may_pass = matches!(
            error,
            ureq::Error::Io(_)
                | ureq::Error::Timeout(_)
                | ureq::Error::ConnectionFailed
                | ureq::Error::HostNotFound
                | ureq::Error::Protocol(_)
        );
        let may_pass = may_pass && !is_untrusted;
        Self {
            problem: error.to_string(),
            may_pass,
            retry_after: Duration::ZERO,
        }
    }

    /// It was not even tried, or given up.
    fn unsendable(error: &io::Error) -> Self {
        Self {
            problem: error.to_string(),
            may_pass: false,
            retry_after: Duration::ZERO,
        }
    }

    fn unreadable(problem: impl fmt::Display) -> Self {
        Self {
            problem: format!("its answer is not understood: {problem}"),
            may_pass: false,
            retry_after: Duration::ZERO,
        }
    }
}

fn answer(mut response: Response<ureq::Body>) -> Result<Report, Unsent> {
    let status = response.status();
    let retry_after = response.headers().get(header::RETRY_AFTER);
    let retry_after = retry_after.and_then(|value| value.to_str().ok()?.parse().ok());
    let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX);
    let body = body.read_to_string().map_err(|error| Unsent::of(&error))?;
    if status.is_success() {
        return serde_json::from_str(&body).map_err(Unsent::unreadable);
    }
    Err(Unsent {
        problem: format!("{status}: {}", message(&body)),
        may_pass: matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504),
        retry_after: Duration::from_secs(retry_after.unwrap_or(0)),
    })
}

/// What a server says for people, if it is one of ours.
fn message(body: &str) -> String {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct ErrorResponse {
        response_status: ResponseStatus,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct ResponseStatus {
        message: String,
    }
    match serde_json::from_str(body) {
        Ok(ErrorResponse { response_status }) => response_status.message,
        Err(_) => "it does not say why".to_owned(),
    }
}

impl Destination for Remote {
    fn write(&mut self, records: Vec<Placed>) -> Result<Written, ImportError> {
        let body = body(records.iter().map(|record| &record.log));
        let report = self.send(&body).map_err(|unsent| self.stopped(&unsent))?;
        if report.rejected != report.rejections.len() as u64 {
            return Err(self.stopped(&Unsent::unreadable("it does not list all rejections")));
        }
        written(&records, report).map_err(|unsent| self.stopped(&unsent))
    }

    fn resume_after(&self) -> u64 {
        self.resume_after
    }
}

impl Remote {
    fn stopped(&self, unsent: &Unsent) -> ImportError {
        let Unsent { problem, .. } = unsent;
        ImportError::Destination(format!("{}: {problem}", self.url).into())
    }
}

/// Records as JSON lines.
fn body<'a>(logs: impl Iterator<Item = &'a SessionLog>) -> Arc<[u8]> {
    let mut body = Vec::new();
    for log in logs {
        // Writing to memory does not fail, and every record has its JSON.
        let _ = serde_json::to_writer(&mut body, log);
        body.push(b'\n');
    }
    body.into()
}

/// The server's lines, as the places they came from.
fn written(records: &[Placed], report: Report) -> Result<Written, Unsent> {
    let placed = |rejected: Rejected| {
        let index = usize::try_from(rejected.line).ok()?.checked_sub(1)?;
        Some(Rejection {
            place: records.get(index)?.place,
            reason: rejected.reason,
            text: None,
        })
    };
    let rejections: Option<Vec<_>> = report.rejections.into_iter().map(placed).collect();
    Ok(Written {
        accepted: report.accepted,
        already_there: report.already_there,
        ended: report.ended,
        rejections: rejections.ok_or_else(|| Unsent::unreadable("it names unknown lines"))?,
    })
}

/// The address of a server. A command line and an error's text are no places for a password.
fn server(url: &str) -> Result<&str, Failure> {
    let problem = match url.parse::<Uri>() {
        Ok(uri) => match uri.authority() {
            Some(authority) if !authority.as_str().contains('@') => {
                return Ok(url.trim_end_matches('/'));
            }
            Some(_) => "--to: credentials do not belong in a URL; use --token-file".to_owned(),
            None => format!("--to: {url:?} is not http://HOST or https://HOST"),
        },
        Err(error) => format!("--to: it is no URL: {error}"),
    };
    Err(Failure::Usage(problem))
}

/// The token from a file or from the environment: a command line can be read by everybody.
fn token(args: &args::Import) -> Result<Option<String>, Failure> {
    let token = match &args.token_file {
        Some(path) => Some(read(path)?),
        None => std::env::var(TOKEN_VARIABLE).ok(),
    };
    let token = token.map(|token| token.trim().to_owned());
    Ok(token.filter(|token| !token.is_empty()))
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| Failure::Input {
        name: path.display().to_string(),
        error,
    })
}

/// Trust in the certificates of a file, and in no others.
fn roots(path: &Path) -> Result<TlsConfig, Failure> {
    let pem = read(path)?;
    let certificates: Vec<Certificate<'static>> = parse_pem(pem.as_bytes())
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(Failure::Format {
            name: path.display().to_string(),
            problem: "it holds no certificate in PEM".to_owned(),
        });
    }
    let roots = RootCerts::new_with_certs(&certificates);
    Ok(TlsConfig::builder().root_certs(roots).build())
}
