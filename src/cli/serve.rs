//! The command `serve`: the store over HTTP until a signal ends it.

use super::args::{self, Access};
use super::exit::{Failure, say};
use super::place::Place;
use super::signals::Signals;
use super::store::AnyStore;
use crate::http::{
    Authorizer, HttpOptions, NoAuth, OpenSession, ServeOptions, Tls, TokenFile, router, serve,
};
use crate::wire::{EnumNames, Responder};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// What a browser opens.
const PAGE: &str = "/userclientsession/log";

/// How long the end waits for calls of the store that connections cut at the deadline left behind.
const CALLS_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves the store until SIGINT or SIGTERM, then finishes what was begun and closes it.
///
/// All that can be refused is refused before a store is made.
pub(super) fn run(place: &Place, args: &args::Serve) -> Result<(), Failure> {
    let access = args.access()?;
    let responder = responder(args)?;
    refuse_strangers(args, &access)?;
    log_to_stderr(args.log);
    if !is_local(args.listen) && args.tls_cert.is_none() {
        tracing::warn!("without --tls-cert, requests and answers travel unencrypted");
    }
    let database = args.database(place)?;
    let tls = tls(args)?;
    let authorizer = authorizer(&access)?;
    let runtime = Runtime::new().map_err(cannot("start the server"))?;
    let listening = runtime.block_on(Listening::on(args.listen))?;
    let store = runtime.block_on(AnyStore::to_serve(place, database))?;
    let options = HttpOptions {
        responder,
        authorizer: authorizer.unwrap_or_else(|| Arc::new(OpenSession::new(store.clone()))),
        hosts: hosts(args, &access),
        cors_origins: args.cors_origin.clone(),
        ..HttpOptions::default()
    };
    listening.announce(tls.is_some());
    runtime.block_on(listening.serve(router(store.clone(), options), tls));
    runtime.shutdown_timeout(CALLS_TIMEOUT);
    Ok(store.close()?)
}

fn cannot(what: impl Into<String>) -> impl FnOnce(io::Error) -> Failure {
    let what = what.into();
    move |error| Failure::Server(format!("cannot {what}: {error}"))
}

/// Session logs are personal data: nobody shows them to a network by mistake.
fn refuse_strangers(args: &args::Serve, access: &Access) -> Result<(), Failure> {
    let address = args.listen;
    if is_local(address) || args.insecure {
        return Ok(());
    }
    match access {
        Access::None => Err(Failure::Usage(format!(
            "anybody who reaches {address} could read every session: name who may with \
             --auth, or listen there all the same with --insecure"
        ))),
        Access::OpenSession | Access::TokenFile(_) => Ok(()),
    }
}

/// Where anybody may ask, only this machine may, and by its own names: a web page cannot take one
/// of those for itself.
fn hosts(args: &args::Serve, access: &Access) -> Vec<String> {
    match (access, args.insecure) {
        (Access::None, false) => ["localhost", "127.0.0.1", "[::1]"]
            .map(str::to_owned)
            .into_iter()
            .chain([host_of(args.listen)])
            .collect(),
        _ => Vec::new(),
    }
}

/// As a client names it.
fn host_of(address: SocketAddr) -> String {
    match address.ip() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

fn is_local(address: SocketAddr) -> bool {
    address.ip().to_canonical().is_loopback()
}

/// Who decides, if that can be told without the store.
fn authorizer(access: &Access) -> Result<Option<Arc<dyn Authorizer>>, Failure> {
    Ok(match access {
        Access::None => Some(Arc::new(NoAuth)),
        Access::OpenSession => None,
        Access::TokenFile(path) => {
            let tokens = TokenFile::read(path).map_err(|error| Failure::server(&error))?;
            Some(Arc::new(tokens))
        }
    })
}

fn responder(args: &args::Serve) -> Result<Responder, Failure> {
    let (default, max) = args.page_sizes()?;
    let names = EnumNames::default();
    let named = |name: &Option<String>, default| name.clone().map_or(default, Into::into);
    Ok(Responder {
        server: args.server_name.clone(),
        records_per_page_default: default,
        records_per_page_max: max,
        names: EnumNames {
            success: named(&args.result_success, names.success),
            failure: named(&args.result_failure, names.failure),
            invalid_request: named(&args.code_invalid_request, names.invalid_request),
        },
        ..Responder::default()
    })
}

fn tls(args: &args::Serve) -> Result<Option<Tls>, Failure> {
    let (Some(certificates), Some(key)) = (&args.tls_cert, &args.tls_key) else {
        return Ok(None);
    };
    let tls = Tls::read(certificates, key);
    tls.map(Some)
        .map_err(|error| Failure::Server(error.to_string()))
}

fn log_to_stderr(level: args::Level) {
    let log = tracing_subscriber::fmt()
        .with_max_level(level.filter())
        .with_writer(io::stderr);
    // Fails only if this process logs already: then it goes on as it was told to.
    let _ = log.try_init();
}

/// A bound address, and the signals that end the serving: both are had before anybody is told.
struct Listening {
    listener: TcpListener,
    address: SocketAddr,
    stop: Signals,
    cut: Signals,
}

impl Listening {
    async fn on(address: SocketAddr) -> Result<Self, Failure> {
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(cannot(format!("listen on {address}")))?;
        let signals = || Signals::new().map_err(cannot("wait for signals"));
        Ok(Self {
            // The port, if any was wanted.
            address: listener.local_addr().map_err(cannot("tell the port"))?,
            listener,
            stop: signals()?,
            cut: signals()?,
        })
    }

    fn announce(&self, is_tls: bool) {
        let scheme = if is_tls { "https" } else { "http" };
        let address = self.address;
        say(&format!(
            "listening on {scheme}://{address}, operator's page {scheme}://{address}{PAGE}"
        ));
    }

    /// The first signal ends it gracefully, a second one at once.
    async fn serve(mut self, router: axum::Router, tls: Option<Tls>) {
        let options = ServeOptions {
            tls,
            ..ServeOptions::default()
        };
        let stop = async {
            self.stop.next().await;
            tracing::info!("stopping: requests in progress are finished");
        };
        tokio::select! {
            () = serve(router, self.listener, options, stop) => {}
            () = self.cut.second() => tracing::warn!("cut by a second signal"),
        }
    }
}
