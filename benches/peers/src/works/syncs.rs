//! Counts the calls of a child that wait for storage, with strace where it is there.
//!
//! Writes to a file that was opened to be synchronous are none of these calls: LMDB has one such
//! for each commit, besides its sync.

use crate::Result;
use std::fs;
use std::process::{Command, Stdio};
use tempfile::NamedTempFile;

/// The calls that count.
const CALLS: &str = "trace=fsync,fdatasync,msync,sync_file_range";

/// That strace is there, and may trace.
pub(super) struct Syncs(());

impl Syncs {
    pub(super) fn new() -> Option<Self> {
        let mut command = Command::new("strace");
        let command = command.args(["-c", "-e", CALLS, "true"]);
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        let works = command.status().is_ok_and(|status| status.success());
        works.then_some(Self(()))
    }

    /// Runs a child below the given strace, and counts its calls.
    pub(super) fn of<T>(&self, child: impl FnOnce(Command) -> Result<T>) -> Result<(T, u64)> {
        let summary = NamedTempFile::new()?;
        let mut strace = Command::new("strace");
        strace.args(["-f", "-c", "-e", CALLS, "-o"]);
        strace.arg(summary.path());
        let done = child(strace)?;
        Ok((done, total(&fs::read_to_string(summary.path())?)))
    }
}

/// The sum of the column `calls` over the calls; there are no lines where nothing was called.
fn total(summary: &str) -> u64 {
    let columns = summary.lines().map(|line| line.split_whitespace());
    let calls = columns.filter_map(|mut columns| {
        let share: Option<f64> = columns.next()?.parse().ok();
        let calls = columns.nth(2)?.parse::<u64>().ok();
        let of_a_call = columns.next_back()? != "total";
        share.and(calls).filter(|_| of_a_call)
    });
    calls.sum()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_total_of_a_summary_is_its_calls() {
        let summary = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 75.00    0.003000          30       100           fdatasync
 25.00    0.001000         100        10           fsync
------ ----------- ----------- --------- --------- ----------------
100.00    0.004000          36       110           total
";
        assert_eq!(super::total(summary), 110);
        assert_eq!(super::total(""), 0);
    }
}
