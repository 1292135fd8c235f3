//! The commands that read and write files of records.

use super::args::{self, ImportFormat, TextFormat};
use super::exit::{Failure, say};
use super::input::Input;
use super::reading::open_to_read;
use super::rejects::{Rejects, Unit};
use super::remote::Remote;
use super::signals::Interrupt;
use super::{output, progress};
use crate::generate::Profile;
use crate::import::{
    self, Destination, ImportError, Observer, Placed, Rejection, Summary, Written,
};
use crate::{Durability, ErrorKind, Result as StoreResult, Store};
use indicatif::ProgressBar;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::Path;

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
pub(super) fn export(store: &Path, args: &args::Export) -> Result<(), Failure> {
    let store = open_to_read(store)?;
    let query = args.filter.query(&store)?.build()?;
    // Records and a bar on one terminal would run through each other.
    let bar = match io::stdout().is_terminal() {
        true => ProgressBar::hidden(),
        false => progress::of_records("exporting", store.count(&query)?),
    };
    let logs = bar.wrap_iter(store.iter(&query)?);
    let logs = logs.map(|log| log.map_err(Failure::Store));
    let exported = output::answer(|out| output::export(out, args.format, logs));
    bar.finish_and_clear();
    exported
}

/// Reads a file into the store.
pub(super) fn import(store: &Path, args: &args::Import) -> Result<(), Failure> {
    let source = source(args)?;
    let interrupt = Interrupt::watch().map_err(Failure::Signals)?;
    let input = Input::open(&args.file, &interrupt)?;
    let rejects = rejects(args, Some(store))?;
    // Waiting for the disk after each batch of many would take far longer, and closing the store
    // makes the last of them durable.
    let store = open_or_create(store, Durability::Eventual)?;
    let imported = match args.format.text() {
        Some(format) => {
            let tracked = Tracked::new(&store, args.resume_after);
            take(tracked, format, input, rejects, &interrupt)
        }
        None => {
            let mut watcher = Watcher::new(&input, Unit::Record, rejects);
            let summary = import::wtmp(&store, input.reader, &source, &mut watcher);
            watcher.finish(summary, None, &interrupt)
        }
    };
    match (imported, store.close()) {
        // What an interruption says is stored is to be durable.
        (Ok(_) | Err(Failure::Interrupted { .. }), Err(error)) => Err(error.into()),
        (imported, _) => finish(imported?),
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
    let rejects = rejects(args, None)?;
    let tracked = Tracked::new(remote, args.resume_after);
    finish(take(tracked, format, input, rejects, &interrupt)?)
}

fn rejects(args: &args::Import, store: Option<&Path>) -> Result<Rejects, Failure> {
    match &args.rejects {
        Some(path) => Rejects::to_file(path, &args.file, store),
        None => Ok(Rejects::Told { count: 0 }),
    }
}

/// Imports JSON lines into a new store, with a progress bar.
pub(super) fn jsonl(
    store: &Store,
    input: Input,
    interrupt: &Interrupt,
) -> Result<Summary, Failure> {
    let (tracked, rejects) = (Tracked::new(store, 0), Rejects::Told { count: 0 });
    take(tracked, TextFormat::Jsonl, input, rejects, interrupt)
}

/// Imports lines of text.
fn take(
    destination: Tracked<impl Destination>,
    format: TextFormat,
    input: Input,
    rejects: Rejects,
    interrupt: &Interrupt,
) -> Result<Summary, Failure> {
    let mut destination = destination;
    let mut watcher = Watcher::new(&input, Unit::Line, rejects);
    let reader = input.reader;
    let summary = match format {
        TextFormat::Csv => import::csv(&mut destination, reader, &mut watcher),
        TextFormat::Jsonl => import::jsonl(&mut destination, reader, &mut watcher),
    };
    watcher.finish(summary, Some(destination.written_up_to), interrupt)
}

/// A destination, and how far an import has come there.
struct Tracked<D> {
    destination: D,
    resume_after: u64,
    /// The line of the last record that is there.
    written_up_to: u64,
}

impl<D: Destination> Tracked<D> {
    fn new(destination: D, resume_after: u64) -> Self {
        Self {
            destination,
            resume_after,
            written_up_to: resume_after,
        }
    }
}

impl<D: Destination> Destination for Tracked<D> {
    fn write(&mut self, records: Vec<Placed>) -> Result<Written, ImportError> {
        let last = records.last().map(|record| record.place);
        let written = self.destination.write(records)?;
        self.written_up_to = last.unwrap_or(self.written_up_to);
        Ok(written)
    }

    fn records_at_once(&self) -> usize {
        self.destination.records_at_once()
    }

    fn resume_after(&self) -> u64 {
        self.resume_after
    }
}

/// Shows an import on a bar, and takes what is rejected.
struct Watcher {
    bar: ProgressBar,
    /// Whether the bar counts bytes; else records.
    in_bytes: bool,
    /// What the input is called.
    name: String,
    unit: Unit,
    rejects: Rejects,
}

impl Watcher {
    fn new(input: &Input, unit: Unit, rejects: Rejects) -> Self {
        Self {
            bar: progress::of_input("importing", input.bytes),
            in_bytes: input.bytes.is_some(),
            name: input.name.clone(),
            unit,
            rejects,
        }
    }

    /// What came of the import, of which what is `written_up_to` a line need not come again.
    fn finish(
        self,
        summary: Result<Summary, ImportError>,
        written_up_to: Option<u64>,
        interrupt: &Interrupt,
    ) -> Result<Summary, Failure> {
        self.bar.finish_and_clear();
        let rejects = match &self.rejects {
            Rejects::Kept { name, .. } => name.clone(),
            Rejects::Told { .. } => String::new(),
        };
        let finished = self.rejects.finish();
        let name = self.name;
        match summary {
            Ok(summary) => finished.map(|()| summary),
            Err(ImportError::Input(_) | ImportError::Destination(_)) if interrupt.has_come() => {
                Err(Failure::Interrupted {
                    name,
                    written_up_to,
                })
            }
            Err(ImportError::Rejections(error)) => Err(Failure::Rejects {
                name: rejects,
                error,
            }),
            Err(error) => Err(Failure::of_import(error, &name, written_up_to)),
        }
    }
}

impl Observer for Watcher {
    fn rejected(&mut self, rejection: &Rejection) -> io::Result<()> {
        let (rejects, name, unit) = (&mut self.rejects, &self.name, self.unit);
        self.bar.suspend(|| rejects.take(rejection, name, unit))
    }

    fn wants_text(&self) -> bool {
        self.rejects.are_kept()
    }

    fn advanced(&mut self, bytes: u64, records: u64) {
        let position = if self.in_bytes { bytes } else { records };
        self.bar.set_position(position);
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
