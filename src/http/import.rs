//! Records in: `POST /userclientsession/import`, ours and not the original's.
//!
//! While a server runs it holds the store, so that whoever has records hands them to it.

use super::access::Permission;
use super::app::App;
use super::body;
use super::options::HttpOptions;
use super::reply::{Answered, Refusal};
use crate::import::{
    self, Destination, ImportError, Observer, Placed, Rejection, SoFar, Summary, Written,
};
use crate::stores::{SessionLogStore, Waiting};
use crate::wire::UserClientSessionLogRequest;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Router, routing};
use futures_util::TryStreamExt;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Serialize;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::Instant;
use tokio_util::io::{StreamReader, SyncIoBridge};
use tower_http::timeout::{TimeoutBody, TimeoutError};
use tracing::Span;

/// The route.
pub(super) fn routes<S: SessionLogStore>() -> Router<App<S>> {
    let methods = routing::post(post::<S>).fallback(not_allowed);
    Router::new().route("/userclientsession/import", methods)
}

/// The most rejections that an answer lists.
const REJECTIONS_MAX: usize = 20_000;

/// What a body holds.
#[derive(Debug, Clone, Copy)]
enum Kind {
    JsonLines,
    Csv,
}

/// The answer: what became of each line.
#[derive(Debug, Serialize)]
struct Report {
    #[serde(flatten)]
    summary: Summary,
    rejections: Vec<Rejected>,
    /// How many are not listed.
    rejections_left_out: u64,
}

#[derive(Debug, Serialize)]
struct Rejected {
    line: u64,
    reason: String,
}

/// Stores the records of a body as it comes in, and answers once all of them are durable.
///
/// Importing the same again changes nothing. If the body breaks off, what came in whole batches
/// before is stored, and the same body may be sent again.
async fn post<S: SessionLogStore>(State(app): State<App<S>>, request: Request) -> Response {
    match report(&app, request).await {
        Ok(report) => answer(&report),
        Err(refusal) => refusal.into_json(),
    }
}

async fn not_allowed() -> Response {
    Refusal::method_not_allowed("POST").into_json()
}

fn answer(report: &Report) -> Response {
    // Numbers and texts always have their JSON.
    let body = serde_json::to_vec(report).unwrap_or_default();
    let headers = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
    let answered = Extension(Answered { format: "json" });
    (StatusCode::OK, headers, answered, body).into_response()
}

async fn report(app: &App<impl SessionLogStore>, request: Request) -> Result<Report, Refusal> {
    let (parts, body) = request.into_parts();
    let kind = kind(&parts.headers)?;
    app.call(async move |app| {
        let mut nobody = UserClientSessionLogRequest::default();
        app.authorize(Permission::Import, &parts, &mut nobody).await
    })
    .await?;
    let Ok(permit) = Arc::clone(app.imports()).try_acquire_owned() else {
        app.metrics().rejected();
        let message = "too many imports are running";
        return Err(Refusal::unavailable(app.options().retry_after, message));
    };
    let reader = reader(app.options(), body);
    let app = app.clone();
    let store = Waiting::new(app.store().clone(), Handle::current());
    let span = Span::current();
    let import = move || {
        let _in_span = span.enter();
        // The permit stays with the import, even if nobody waits for it any more.
        let _permit = permit;
        import(&store, kind, reader).map_err(|error| refusal(&app, error))
    };
    match tokio::task::spawn_blocking(import).await {
        Ok(result) => result,
        Err(error) => {
            tracing::error!(%error, "an import failed");
            Err(Refusal::internal())
        }
    }
}

/// The body as something to read from where blocking is allowed; the client waits while nobody
/// reads.
fn reader(options: &HttpOptions, body: Body) -> impl BufRead + Send + use<> {
    let bytes_max = usize::try_from(options.import_bytes_max).unwrap_or(usize::MAX);
    let stall = options.import_stall_timeout;
    let body = TimeoutBody::new(stall, Limited::new(body, bytes_max));
    let stream = Box::pin(body.into_data_stream().map_err(io::Error::other));
    BufReader::new(Paced {
        input: SyncIoBridge::new(StreamReader::new(stream)),
        bytes: 0,
        bytes_per_second_min: options.import_bytes_per_second_min.max(1),
        patience: stall,
        begun: Instant::now(),
    })
}

/// An input that must not come too slowly on the whole.
struct Paced<R> {
    input: R,
    bytes: u64,
    bytes_per_second_min: u32,
    /// What is allowed besides.
    patience: Duration,
    begun: Instant,
}

impl<R: Read> Read for Paced<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.bytes += count as u64;
        let allowed = Duration::from_secs(self.bytes / u64::from(self.bytes_per_second_min));
        match self.begun.elapsed() > self.patience + allowed {
            true => Err(io::ErrorKind::TimedOut.into()),
            false => Ok(count),
        }
    }
}

fn import(
    store: &Waiting<impl SessionLogStore>,
    kind: Kind,
    reader: impl BufRead,
) -> Result<Report, ImportError> {
    let mut rejections = Rejections::default();
    let bounded = Bounded(store.clone());
    let summary = match kind {
        Kind::JsonLines => import::jsonl(bounded, reader, &mut rejections),
        Kind::Csv => import::csv(bounded, reader, &mut rejections),
    }?;
    // What is acknowledged is durable, whatever the store's options say.
    store.wait(async |store| store.flush().await)?;
    Ok(Report {
        rejections_left_out: summary.rejected - rejections.0.len() as u64,
        summary,
        rejections: rejections.0,
    })
}

/// Keeps the first of them.
#[derive(Default)]
struct Rejections(Vec<Rejected>);

impl Observer for Rejections {
    fn rejected(&mut self, rejection: &Rejection) -> io::Result<()> {
        if self.0.len() < REJECTIONS_MAX {
            self.0.push(Rejected {
                line: rejection.place,
                reason: rejection.reason.clone(),
            });
        }
        Ok(())
    }

    fn advanced(&mut self, _: SoFar) -> io::Result<()> {
        Ok(())
    }
}

fn kind(headers: &HeaderMap) -> Result<Kind, Refusal> {
    body::check_encoding(headers)?;
    let essence = body::content_type(headers).map(|media_type| media_type.essence().to_string());
    match essence.unwrap_or_default().to_ascii_lowercase().as_str() {
        "application/x-ndjson" | "application/jsonl" | "application/json-lines" => {
            Ok(Kind::JsonLines)
        }
        "text/csv" => Ok(Kind::Csv),
        _ => Err(Refusal::unsupported(
            "Content-Type: it is not application/x-ndjson or text/csv",
        )),
    }
}

/// The store, with as little in memory as may be: there can be many imports at once.
struct Bounded<S>(Waiting<S>);

impl<S: SessionLogStore> Destination for Bounded<S> {
    fn write(&mut self, records: Vec<Placed>) -> Result<Written, ImportError> {
        self.0.write(records)
    }
}

/// Why an import is not answered. What it had stored before stays.
fn refusal(app: &App<impl SessionLogStore>, error: ImportError) -> Refusal {
    match error {
        ImportError::Input(error) if is_caused_by::<LengthLimitError>(&error) => {
            Refusal::too_large(app.options().import_bytes_max)
        }
        ImportError::Input(error)
            if error.kind() == io::ErrorKind::TimedOut || is_caused_by::<TimeoutError>(&error) =>
        {
            Refusal::stalled()
        }
        ImportError::Input(error) if error.kind() == io::ErrorKind::InvalidData => {
            Refusal::bad_request(error.to_string())
        }
        ImportError::Input(_) => Refusal::bad_request("the body is cut off"),
        ImportError::Compressed(how) => {
            Refusal::bad_request(format!("the body is compressed with {how}"))
        }
        ImportError::Columns(why) => {
            Refusal::bad_request(format!("the first line does not name the columns: {why}"))
        }
        ImportError::Store(error) => app.with_retry_after(error.into()),
        error => {
            tracing::error!(%error, "an import failed");
            Refusal::internal()
        }
    }
}

fn is_caused_by<E: std::error::Error + 'static>(error: &io::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = error
        .get_ref()
        .map(|error| error as &(dyn std::error::Error + 'static));
    while let Some(error) = cause {
        if error.is::<E>() {
            return true;
        }
        cause = error.source();
    }
    false
}
