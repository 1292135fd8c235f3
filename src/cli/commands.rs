//! The commands but for `demo`.

use super::args;
use super::args::ImportFormat;
use super::exit::{Failure, say};
use super::input::Input;
use super::output;
use super::progress::{self, Watcher};
use super::remote::Remote;
use crate::generate::Profile;
use crate::import::{self, Destination, ImportError, Summary};
use crate::{
    Durability, ErrorKind, Order, Outcome, PageRequest, Query, Result as StoreResult, Store,
};
use std::fs;
use std::io::Write;
use std::path::Path;

/// Prints one page.
pub(super) fn query(store: &Path, args: &args::Query) -> Result<(), Failure> {
    let query = Query::builder()
        .user_refer_uid(args.user)
        .client_refer_uid(args.client.as_deref())
        .open_sessions_only(args.open)
        .started_after(args.after)
        .started_before(args.before)
        .order(match args.newest_first {
            true => Order::NewestFirst,
            false => Order::OldestFirst,
        })
        .build()?;
    let request = PageRequest::new(args.page, args.per_page)?;
    let page = open_to_read(store)?.page(&query, request)?;
    output::answer(|out| Ok(output::page(out, &page, args.output)?))
}

/// Prints what the store holds.
pub(super) fn stats(store: &Path, args: &args::Stats) -> Result<(), Failure> {
    let stats = open_to_read(store)?.stats()?;
    output::answer(|out| Ok(output::stats(out, &stats, args.output)?))
}

/// Other readers may have the store open too.
pub(super) fn open_to_read(path: &Path) -> StoreResult<Store> {
    Store::options().read_only(true).open(path)
}

/// Ends one session.
pub(super) fn end(store: &Path, args: &args::End) -> Result<(), Failure> {
    let store = Store::open(store)?;
    let outcome = store.end(args.refer_uid, args.at)?;
    store.close()?;
    let done = match outcome {
        Outcome::Ended => "ended",
        Outcome::AlreadyThere | Outcome::Added => "already there",
    };
    output::answer(|out| Ok(writeln!(out, "{done}")?))
}

/// Writes made-up sessions to stdout.
///
/// It draws no progress bar: it is there to be piped into a command that draws its own.
pub(super) fn generate(args: &args::Generate) -> Result<(), Failure> {
    let profile = Profile {
        sessions: args.sessions,
        users: args.users,
        clients: args.clients,
        seed: args.seed,
    };
    output::answer(|out| {
        for log in profile.session_logs() {
            output::json_line(out, &log)?;
        }
        Ok(())
    })
}

/// Reads a file into the store.
pub(super) fn import(store: &Path, args: &args::Import) -> Result<(), Failure> {
    let source = source(args)?;
    let input = Input::open(&args.file)?;
    // Waiting for the disk after each batch of many would take far longer, and closing the store
    // makes the last of them durable.
    let store = open_or_create(store, Durability::Eventual)?;
    let name = input.name.clone();
    let imported = match args.format {
        ImportFormat::Jsonl => jsonl(&store, input),
        ImportFormat::Csv => csv(&store, input),
        ImportFormat::Wtmp => wtmp(&store, input, &source),
    };
    let summary = imported.map_err(|error| Failure::of_import(error, &name))?;
    store.close()?;
    finish(summary)
}

/// Reads a file and sends its records to a server.
pub(super) fn send(url: &str, args: &args::Import) -> Result<(), Failure> {
    source(args)?;
    let remote = Remote::new(url, args)?;
    let input = Input::open(&args.file)?;
    let name = input.name.clone();
    let sent = match args.format {
        ImportFormat::Jsonl => jsonl(remote, input),
        ImportFormat::Csv => csv(remote, input),
        ImportFormat::Wtmp => {
            let problem = "login records end sessions of the store they go to: they need --store";
            return Err(Failure::Usage(problem.to_owned()));
        }
    };
    finish(sent.map_err(|error| Failure::of_import(error, &name))?)
}

/// Imports JSON lines with a progress bar.
pub(super) fn jsonl(destination: impl Destination, input: Input) -> Result<Summary, ImportError> {
    let mut watcher = watcher(&input, "line");
    let summary = import::jsonl(destination, input.reader, &mut watcher);
    watcher.bar.finish_and_clear();
    summary
}

fn csv(destination: impl Destination, input: Input) -> Result<Summary, ImportError> {
    let mut watcher = watcher(&input, "line");
    let summary = import::csv(destination, input.reader, &mut watcher);
    watcher.bar.finish_and_clear();
    summary
}

fn wtmp(store: &Store, input: Input, source: &str) -> Result<Summary, ImportError> {
    let mut watcher = watcher(&input, "record");
    let summary = import::wtmp(store, input.reader, source, &mut watcher);
    watcher.bar.finish_and_clear();
    summary
}

fn watcher(input: &Input, unit: &'static str) -> Watcher {
    Watcher {
        bar: progress::of_bytes("importing", input.bytes),
        name: input.name.clone(),
        unit,
    }
}

/// The one line that an import ends with, and whether it is all well.
pub(super) fn finish(summary: Summary) -> Result<(), Failure> {
    let Summary {
        accepted,
        already_there,
        ended,
        rejected,
    } = summary;
    say(&format!(
        "accepted {accepted}, already there {already_there}, ended {ended}, rejected {rejected}"
    ));
    match rejected {
        0 => Ok(()),
        _ => Err(Failure::Rejections),
    }
}

/// The store at `path`, made if there is none.
pub(super) fn open_or_create(path: &Path, durability: Durability) -> StoreResult<Store> {
    let options = || Store::options().durability(durability);
    let absent = match options().open(path) {
        Err(error) if error.kind() == ErrorKind::NotAStore => error,
        opened => return opened,
    };
    match options().create(path) {
        // The path holds something else.
        Err(error) if error.kind() == ErrorKind::InvalidInput => Err(absent),
        created => created,
    }
}

/// The machine that login records come from; other records come from none.
fn source(args: &args::Import) -> Result<String, Failure> {
    match (args.format, &args.source) {
        (ImportFormat::Jsonl | ImportFormat::Csv, None) => Ok(String::new()),
        (ImportFormat::Jsonl | ImportFormat::Csv, Some(_)) => Err(Failure::Usage(
            "--source goes with --format wtmp only".to_owned(),
        )),
        (ImportFormat::Wtmp, Some(source)) => Ok(source.clone()),
        (ImportFormat::Wtmp, None) => host_name().ok_or_else(|| {
            let problem = "this machine's host name cannot be told: --source NAME is needed";
            Failure::Usage(problem.to_owned())
        }),
    }
}

/// This machine's name, where the system keeps it in a file.
fn host_name() -> Option<String> {
    ["/proc/sys/kernel/hostname", "/etc/hostname"]
        .into_iter()
        .filter_map(|file| fs::read_to_string(file).ok())
        .map(|name| name.trim().to_owned())
        .find(|name| !name.is_empty())
}
