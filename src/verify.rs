//! What a store that is checked as a whole, or salvaged, is found to be.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// How far a long call has come: so many steps of a total, which are rows for the most part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Steps that are done.
    pub done: u64,
    /// Steps that there are.
    pub total: u64,
}

/// What [`Store::verify`](crate::Store::verify) has found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Verification {
    /// Sessions in the state that was checked, as far as they can be counted.
    pub session_count: u64,
    /// What is wrong, each fault in words; the first thousand of them. What may only follow from
    /// something that cannot be read is not told with it.
    pub faults: Vec<String>,
    /// How many faults there are.
    pub fault_count: u64,
}

/// What [`Store::salvage`](crate::Store::salvage) got out of a damaged store, and what not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Salvaged {
    /// Sessions in the new store.
    pub session_count: u64,
    /// Sessions of the main index that are lost; `None` if it cannot be told how many it had. What is
    /// missing in the log is not counted.
    pub lost_session_count: Option<u64>,
    /// What is damaged, each fault in words; the first thousand of them.
    pub faults: Vec<String>,
    /// How many faults there are.
    pub fault_count: u64,
}

impl Verification {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.fault_count == 0
    }

    /// # Errors
    ///
    /// `Corrupted`, with the first fault, if anything is wrong.
    pub(crate) fn into_result(self) -> Result<()> {
        match self.faults.first() {
            None => Ok(()),
            Some(first) => Err(Error::corrupted(format!(
                "{} faults were found; the first: {first}",
                self.fault_count
            ))),
        }
    }
}
