//! The bytes of every table of a store; `format.md` beside this file specifies them.
//!
//! Entries, nodes and checksums are packed by hand, dictionary rows by [`dictionary`].

mod commit;
pub(crate) mod dictionary;
mod entry;
mod record;
mod row;

pub(crate) use commit::{Commit, Effect, EffectKind, NewNames, UserName};
pub(crate) use dictionary::Ids;
pub(crate) use entry::{ClientId, Entry, NameId, UserId};
pub(crate) use record::{HEAD_BYTES, LogRecord};
pub(crate) use row::{CHECKSUM_BYTES, row_name, seal, unseal};

/// The version of the on-disk format that this code reads and writes.
pub(crate) const FORMAT_VERSION: u32 = 4;
