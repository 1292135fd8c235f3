//! Progress bars on stderr, drawn on a terminal only.

use indicatif::{HumanCount, ProgressBar, ProgressState, ProgressStyle};
use std::fmt;
use std::time::Duration;

/// Where the work stands: so many of a known number, bytes of an input of known length, or records of
/// one that nobody knows the length of.
const RECORDS: &str = "{msg} {wide_bar} {human_pos} of {human_len}, {rate}, {eta} left";
const BYTES: &str =
    "{msg} {wide_bar} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left";
const STREAM: &str = "{spinner} {msg} {human_pos} records, {rate}";

/// How often a bar is drawn while nothing is done, so that the time left is not that of long ago.
const TICK: Duration = Duration::from_millis(250);

/// For work on a known number of records.
pub(super) fn of_records(what: &'static str, records: u64) -> ProgressBar {
    bar(ProgressBar::new(records), RECORDS, what)
}

/// For work on rows, of which nobody knows yet how many there are.
pub(super) fn of_rows(what: &'static str) -> ProgressBar {
    bar(ProgressBar::new(0), RECORDS, what)
}

/// For reading an input of `bytes`, or records of one that has nobody knows how many.
pub(super) fn of_input(what: &'static str, bytes: Option<u64>) -> ProgressBar {
    match bytes {
        Some(bytes) => bar(ProgressBar::new(bytes), BYTES, what),
        None => bar(ProgressBar::new_spinner(), STREAM, what),
    }
}

fn bar(bar: ProgressBar, template: &str, what: &'static str) -> ProgressBar {
    // The templates are the constants above, and a test parses them: the fallback is never seen.
    let style = ProgressStyle::with_template(template);
    let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
    let style = style.with_key("rate", rate);
    let bar = bar.with_style(style).with_message(what);
    bar.enable_steady_tick(TICK);
    bar
}

/// In whole numbers: there are thousands.
#[expect(clippy::cast_possible_truncation, reason = "it saturates")]
fn rate(state: &ProgressState, out: &mut dyn fmt::Write) {
    // Where it cannot be written, nothing is seen.
    let _ = write!(out, "{}/s", HumanCount(state.per_sec() as u64));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_parses() {
        for template in [RECORDS, BYTES, STREAM] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
