//! The tables of `main.redb`. Keys and values are byte slices or of fixed width; every value is a
//! row with its checksum.

use crate::engine::{META, Rows, missing, row_as};
use crate::error::Result;
use crate::format::dictionary::{MainState, Row};
use redb::ReadableTable;

/// Family key → the family's root node.
pub(super) const ROOTS: Rows<&'static [u8; 9]> = Rows::new("roots");
/// Node id → node.
pub(super) const NODES: Rows<u64> = Rows::new("nodes");
/// Level and fence → page of starts: see [`starts`](super::starts).
pub(super) const STARTS: Rows<StartsKey> = Rows::new("starts");
/// Name id → user id, `user_refer_uid` and name.
pub(super) const NAMES: Rows<u32> = Rows::new("names");
/// `user_refer_uid`, then the name → name id.
pub(super) const NAME_IDS: Rows<&'static [u8]> = Rows::new("name_ids");
/// `user_refer_uid` → user id.
pub(super) const USERS: Rows<&'static [u8; 16]> = Rows::new("users");
/// Client id → `client_refer_uid`.
pub(super) const CLIENTS: Rows<u32> = Rows::new("clients");
/// `client_refer_uid` → client id.
pub(super) const CLIENT_IDS: Rows<&'static [u8]> = Rows::new("client_ids");
/// The key of [`MainState`] in the table `meta`.
pub(super) const STATE: &[u8] = b"state";
/// The key of [`LevelsRow`](crate::format::dictionary::LevelsRow) in the table `meta`.
pub(super) const LEVELS: &[u8] = b"levels";

/// A level, and a `refer_uid`, big-endian.
pub(super) type StartsKey = &'static [u8; 17];

/// What the index says of itself as a whole.
pub(super) fn state(meta: &impl ReadableTable<&'static [u8], &'static [u8]>) -> Result<MainState> {
    let state = row_as(meta, META, STATE, MainState::from_body)?;
    state.ok_or_else(|| missing("the row", "state"))
}

/// The key of a name in [`NAME_IDS`].
pub(super) fn name_key(user_refer_uid: uuid::Uuid, user: &str) -> Vec<u8> {
    [user_refer_uid.as_bytes().as_slice(), user.as_bytes()].concat()
}
