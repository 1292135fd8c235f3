//! What the commands that change a store did, in words.

use super::text;
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
    let sessions = text::counted(erased.session_count, "session");
    let names = text::counted(erased.user_name_count, "name");
    let clients = text::counted(erased.client_count, "client");
    let rest = match erased.is_secure {
        true => "no byte of them is left in the store's files",
        false => "bytes of them may be left in the store's files until it is compacted",
    };
    format!("erased {sessions}, {names} and {clients}: {rest}")
}

pub(super) fn compacted(compacted: &Compacted) -> String {
    let (before, now) = (compacted.file_bytes_before, compacted.file_bytes);
    format!(
        "{} bytes on disk, {} before",
        text::grouped(now),
        text::grouped(before)
    )
}
