//! The store of the demonstration.

use crate::cli::args;
use crate::cli::commands;
use crate::cli::exit::Failure;
use crate::cli::input::Input;
use crate::cli::progress;
use crate::generate::Profile;
use crate::import::Summary;
use crate::{Durability, Result as StoreResult, Store};
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
pub(super) fn store(path: &Path, args: &args::Demo) -> Result<Built, Failure> {
    let options = Store::options().durability(Durability::Eventual);
    let store = options.create(path)?;
    let started = Instant::now();
    let summary = match &args.from {
        Some(file) => Some(from_file(&store, file)?),
        None => generated(&store, args.sessions).map(|()| None)?,
    };
    store.close()?;
    Ok(Built {
        took: started.elapsed(),
        store: Store::options().read_only(true).open(path)?,
        summary,
    })
}

fn from_file(store: &Store, file: &Path) -> Result<Summary, Failure> {
    let input = Input::open(file)?;
    let name = input.name.clone();
    let summary =
        commands::jsonl(store, input).map_err(|error| Failure::of_import(error, &name))?;
    match store.stats()?.session_count {
        0 => Err(Failure::Format {
            name,
            problem: "holds no session to show".to_owned(),
        }),
        _ => Ok(summary),
    }
}

fn generated(store: &Store, sessions: u64) -> StoreResult<()> {
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
        bar.inc(done.len() as u64);
    }
}
