//! The store of the demonstration.

use crate::cli::args;
use crate::cli::exit::Failure;
use crate::cli::importing;
use crate::cli::input::Input;
use crate::cli::progress;
use crate::cli::signals::Interrupt;
use crate::generate::Profile;
use crate::import::Summary;
use crate::{Durability, Store};
use std::path::Path;
use std::time::{Duration, Instant};

/// Records that are appended at once: the more there are, the less each costs, and the less often
/// the progress bar moves.
const BATCH_RECORDS: usize = 100_000;

/// A store, and what it took to build it.
pub(super) struct Built {
    pub(super) store: Store,
    pub(super) took: Duration,
    /// What became of the records of a file.
    pub(super) summary: Option<Summary>,
}

/// Makes the store in the empty directory at `path`, and opens it again to be read: only a closed
/// store has given back the room that building it took.
pub(super) fn store(
    path: &Path,
    args: &args::Demo,
    interrupt: &Interrupt,
) -> Result<Built, Failure> {
    let options = Store::options().durability(Durability::Eventual);
    let store = options.create(path)?;
    let started = Instant::now();
    let summary = match &args.from {
        Some(file) => Some(from_file(&store, file, interrupt)?),
        None => generated(&store, args.sessions, interrupt).map(|()| None)?,
    };
    store.close()?;
    Ok(Built {
        took: started.elapsed(),
        store: Store::options().read_only(true).open(path)?,
        summary,
    })
}

fn from_file(store: &Store, file: &Path, interrupt: &Interrupt) -> Result<Summary, Failure> {
    let input = Input::open(file, interrupt)?;
    let name = input.name.clone();
    let summary = importing::jsonl(store, input, interrupt)?;
    match store.stats()?.session_count {
        0 => Err(Failure::Format {
            name,
            problem: "holds no session to show".to_owned(),
        }),
        _ => Ok(summary),
    }
}

fn generated(store: &Store, sessions: u64, interrupt: &Interrupt) -> Result<(), Failure> {
    let profile = Profile {
        sessions,
        ..Profile::default()
    };
    let bar = progress::of_records("building", sessions);
    let mut logs = profile.session_logs();
    loop {
        let done = store.append_batch(logs.by_ref().take(BATCH_RECORDS))?;
        if done.is_empty() {
            bar.finish_and_clear();
            return Ok(());
        }
        if interrupt.has_come() {
            return Err(Failure::Stopped);
        }
        bar.inc(done.len() as u64);
    }
}
