//! What the commands that change a store did, in words.

use super::text;
use super::upkeep::Rebuilt;
use crate::{Compacted, EndedOpen, Erased, Pruned};

pub(super) fn pruned(pruned: &Pruned) -> String {
    let (removed, kept) = (
        text::grouped(pruned.removed),
        text::grouped(pruned.kept_open),
    );
    let oldest = pruned.oldest_left.map(text::second);
    let oldest = oldest.unwrap_or_else(|| "none".to_owned());
    format!("removed {removed}, kept open {kept}, oldest left {oldest}")
}

pub(super) fn ended_open(ended: &EndedOpen) -> String {
    let (done, left) = (text::grouped(ended.ended), text::grouped(ended.left_open));
    format!("ended {done}, left open {left}")
}

pub(super) fn erased(erased: &Erased) -> String {
    let rest = match erased.is_secure {
        true => "no byte of them is left in the store's files",
        false => "bytes of them may be left in the store's files until it is compacted",
    };
    format!("{}: {rest}", what_was_erased(erased))
}

pub(super) fn erased_in_database(erased: &Erased) -> String {
    let rest = "bytes of them may be left in the database's files, log and standbys";
    format!("{}: {rest}", what_was_erased(erased))
}

fn what_was_erased(erased: &Erased) -> String {
    let sessions = text::counted(erased.session_count, "session");
    let names = text::counted(erased.user_name_count, "name");
    let clients = text::counted(erased.client_count, "client");
    format!("erased {sessions}, {names} and {clients}")
}

pub(super) fn rebuilt(rebuilt: &Rebuilt) -> String {
    match rebuilt {
        Rebuilt::Indexes(compacted_too) => compacted(compacted_too),
        Rebuilt::Counters { .. } => "all counters were made anew from the sessions".to_owned(),
    }
}

pub(super) fn compacted(compacted: &Compacted) -> String {
    let (before, now) = (compacted.file_bytes_before, compacted.file_bytes);
    format!(
        "{} bytes on disk, {} before",
        text::grouped(now),
        text::grouped(before)
    )
}
