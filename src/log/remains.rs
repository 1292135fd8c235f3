//! What can be read of a log of which anything may be damaged.

use super::LOGS;
use crate::engine::io_error;
use crate::error::Result;
use crate::format::{Commit, LogRecord};
use crate::storage::Storage;
use std::collections::BTreeMap;

/// The commits behind a watermark that are as they were written, in order, whatever is missing
/// between them.
///
/// # Errors
///
/// `Unavailable` if the storage fails.
pub(crate) fn remains(storage: &dyn Storage, watermark: u64) -> Result<Vec<Commit>> {
    let mut commits = BTreeMap::new();
    for name in LOGS {
        let failed = |error| io_error("open", name, error);
        if !storage.exists(name).map_err(failed)? {
            continue;
        }
        let file = storage.open(name).map_err(failed)?;
        let len = usize::try_from(file.len().map_err(failed)?).unwrap_or(usize::MAX);
        let mut bytes = vec![0; len];
        file.read(0, &mut bytes).map_err(failed)?;
        for record in LogRecord::all_behind(&bytes, watermark) {
            if let Ok(commit) = Commit::from_body(record.body) {
                commits.insert(record.number, commit);
            }
        }
    }
    Ok(commits.into_values().collect())
}
