//! What can be read of a log of which anything may be damaged.

use super::LOGS;
use super::segment::open_whole;
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
        let exists = storage.exists(name);
        if !exists.map_err(|error| io_error("open", name, error))? {
            continue;
        }
        let (_, bytes) = open_whole(storage, name)?;
        for record in LogRecord::all_behind(&bytes, watermark) {
            if let Ok(commit) = Commit::from_body(record.body) {
                commits.insert(record.number, commit);
            }
        }
    }
    Ok(commits.into_values().collect())
}
