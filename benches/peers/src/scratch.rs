//! The folder for the files of a run, removed at its end, and when it is interrupted.

use crate::Result;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// What a shell takes for an end by SIGINT.
const INTERRUPTED: i32 = 130;

/// How often removing is tried: others may be writing while it goes on.
const TRIES: usize = 20;

pub(crate) struct Scratch(TempDir);

impl Scratch {
    /// A new folder, which Ctrl-C removes too.
    pub(crate) fn new() -> Result<Self> {
        let folder = TempDir::with_prefix("sessionlog-peers-")?;
        let path = folder.path().to_owned();
        ctrlc::set_handler(move || {
            let removed = || fs::remove_dir_all(&path).is_ok() || !path.exists();
            let _ = (0..TRIES).any(|_| removed());
            std::process::exit(INTERRUPTED);
        })?;
        Ok(Self(folder))
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }
}
