//! The commands that read and write files of records.

use super::args::{self, ImportFormat, TextFormat};
use super::exit::{Failure, say};
use super::input::Input;
use super::rejects::{Needed, Rejects};
use super::remote::Remote;
use super::signals::Interrupt;
use super::store::{AnyStore, Opened, Site};
use super::watcher::Watcher;
use super::{output, progress};
use crate::generate::Profile;
use crate::import::{self, Destination, ImportError, Placed, Summary, Written};
use crate::stores::SessionLogStore;
use crate::{Cursor, CursorPage, Query, Result as StoreResult, SessionLog, Store};
use indicatif::ProgressBar;
use std::fs;
use std::io::{self, IsTerminal};
use std::vec;

/// Writes made-up sessions to stdout.
///
/// It draws no progress bar: it is there to be piped into a command that draws its own.
pub(super) fn generate(args: &args::Generate) -> Result<(), Failure> {
    let profile = Profile {
        sessions: args.sessions,
        users: args.users,
        clients: args.clients,
        seed: args.seed,
        days: args.days,
        end: args.until.unwrap_or(Profile::default().end),
    };
    output::answer(|out| {
        for log in profile.session_logs() {
            output::json_line(out, &log)?;
        }
        Ok(())
    })
}

/// Writes the sessions that pass to stdout.
pub(super) fn export(site: &Site<'_>, args: &args::Export) -> Result<(), Failure> {
    let store = site.open_to_read_all()?;
    let query = args.filter.query(&store)?.build()?;
    // Records and a bar on one terminal would run through each other.
    let bar = match io::stdout().is_terminal() {
        true => ProgressBar::hidden(),
        false => {
            let count = store.wait(async |store| store.count(&query).await)?;
            progress::of_records("exporting", count)
        }
    };
    let logs: Box<dyn Iterator<Item = StoreResult<SessionLog>>> = match store.store() {
        AnyStore::Embedded(embedded) => Box::new(embedded.store().iter(&query)?),
        AnyStore::Postgres(_) => Box::new(Paged::new(&store, query)),
    };
    let logs = bar.wrap_iter(logs);
    let logs = logs.map(|log| log.map_err(Failure::Store));
    let exported = output::answer(|out| output::export(out, args.format, logs));
    bar.finish_and_clear();
    exported
}

/// Sessions that are read at a time.
const READ_AT_ONCE: u32 = 1_000;

/// The sessions of a query, read page by page.
struct Paged<'s> {
    store: &'s Opened,
    query: Query,
    page: vec::IntoIter<SessionLog>,
    /// Where the next page begins; none after the last.
    next: Option<Cursor>,
}

impl<'s> Paged<'s> {
    fn new(store: &'s Opened, query: Query) -> Self {
        Self {
            store,
            next: Some(Cursor::start(&query)),
            query,
            page: Vec::new().into_iter(),
        }
    }

    /// The first session of the next page.
    fn turn(&mut self, cursor: &Cursor) -> StoreResult<Option<SessionLog>> {
        let query = &self.query;
        let page = self
            .store
            .wait(async |store| store.page_after(query, cursor, READ_AT_ONCE).await)?;
        let CursorPage { entries, next, .. } = page;
        // Of what is counted wrong, all that is there is read too.
        self.next = (!entries.is_empty()).then_some(next);
        self.page = entries.into_iter();
        Ok(self.page.next())
    }
}

impl Iterator for Paged<'_> {
    type Item = StoreResult<SessionLog>;

    /// After an error there is nothing more.
    fn next(&mut self) -> Option<Self::Item> {
        if let Some(log) = self.page.next() {
            return Some(Ok(log));
        }
        let cursor = self.next.take()?;
        self.turn(&cursor).transpose()
    }
}

/// Reads a file into the store.
pub(super) fn import(site: &Site<'_>, args: &args::Import) -> Result<(), Failure> {
    let source = source(args)?;
    let interrupt = Interrupt::watch().map_err(Failure::Signals)?;
    let input = Input::open(&args.file, &interrupt)?;
    let needed = Needed {
        store: site.place.directory(),
        ..Needed::default()
    };
    let rejects = rejects(args, &needed, &input)?;
    let mut late = Late::new(site, args.resume_after);
    let mut watcher = Watcher::new(&input, args, rejects);
    let imported = match args.format {
        ImportFormat::Jsonl => import::jsonl(&mut late, input.reader, &mut watcher),
        ImportFormat::Csv => import::csv(&mut late, input.reader, &mut watcher),
        ImportFormat::Wtmp => import::wtmp(&mut late, input.reader, &source, &mut watcher),
    };
    // What a failure says is stored is to be durable.
    let closed = late.close();
    let summary = watcher.finish(imported, &interrupt);
    match (summary, closed) {
        (Err(failure), Ok(())) => Err(failure),
        // Then nobody knows how much of it is stored.
        (Err(failure), Err(_)) => Err(failure.without_line()),
        (Ok(_), Err(error)) => Err(error.into()),
        (Ok(summary), Ok(())) => finish(summary),
    }
}

/// Reads a file and sends its records to a server.
pub(super) fn send(url: &str, args: &args::Import) -> Result<(), Failure> {
    source(args)?;
    let format = args.format.text().ok_or_else(|| {
        let problem = "login records end sessions of the store they go to: they need --store";
        Failure::Usage(problem.to_owned())
    })?;
    let interrupt = Interrupt::watch().map_err(Failure::Signals)?;
    let remote = Remote::new(url, args, interrupt.clone())?;
    let input = Input::open(&args.file, &interrupt)?;
    let needed = Needed {
        store: None,
        files: [args.token_file.as_deref(), args.ca.as_deref()],
    };
    let rejects = rejects(args, &needed, &input)?;
    let mut watcher = Watcher::new(&input, args, rejects);
    let sent = match format {
        TextFormat::Jsonl => import::jsonl(remote, input.reader, &mut watcher),
        TextFormat::Csv => import::csv(remote, input.reader, &mut watcher),
    };
    finish(watcher.finish(sent, &interrupt)?)
}

fn rejects(args: &args::Import, needed: &Needed<'_>, input: &Input) -> Result<Rejects, Failure> {
    match &args.rejects {
        Some(path) => Rejects::to_file(path, input, needed, args.resume_after > 0),
        None => Ok(Rejects::Told { count: 0 }),
    }
}

/// Imports JSON lines into a new store, with a progress bar.
pub(super) fn jsonl(
    store: &Store,
    input: Input,
    interrupt: &Interrupt,
) -> Result<Summary, Failure> {
    let mut watcher = Watcher::of_lines(&input, Rejects::Told { count: 0 });
    let imported = import::jsonl(store, input.reader, &mut watcher);
    watcher.finish(imported, interrupt)
}

/// The store at a place, opened or made once it is known that there is something to import.
struct Late<'s> {
    site: &'s Site<'s>,
    resume_after: u64,
    store: Option<Opened>,
}

impl<'s> Late<'s> {
    fn new(site: &'s Site<'s>, resume_after: u64) -> Self {
        Self {
            site,
            resume_after,
            store: None,
        }
    }

    fn store(&mut self) -> Result<&mut Opened, ImportError> {
        let store = self.store.as_mut();
        store.ok_or_else(|| ImportError::Destination("the store is not open yet".into()))
    }

    fn close(self) -> StoreResult<()> {
        self.store.map_or(Ok(()), |store| store.store().close())
    }
}

impl Destination for Late<'_> {
    fn begin(&mut self) -> Result<(), ImportError> {
        self.store = Some(self.site.open_to_fill()?);
        Ok(())
    }

    fn write(&mut self, records: Vec<Placed>) -> Result<Written, ImportError> {
        self.store()?.write(records)
    }

    fn records_at_once(&self) -> usize {
        let store = self.store.as_ref();
        store.map_or(1, Destination::records_at_once)
    }

    fn resume_after(&self) -> u64 {
        self.resume_after
    }

    fn each_open(&mut self, visit: &mut dyn FnMut(SessionLog)) -> Result<(), ImportError> {
        self.store()?.each_open(visit)
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

/// The machine that login records come from; other records come from none.
fn source(args: &args::Import) -> Result<String, Failure> {
    match (args.format, &args.source) {
        (ImportFormat::Jsonl | ImportFormat::Csv, None) => Ok(String::new()),
        (ImportFormat::Jsonl | ImportFormat::Csv, Some(_)) => Err(Failure::Usage(
            "--source goes with --format wtmp only".to_owned(),
        )),
        (ImportFormat::Wtmp, _) if args.resume_after > 0 => Err(Failure::Usage(
            "--resume-after goes with lines, not with login records".to_owned(),
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
