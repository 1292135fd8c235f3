//! The bytes of a map: entries by family, sessions by id, names by id and by key.
//!
//! An entry's key is its family (kind, then user, then client, zero where they do not apply), the
//! start and the id of the session; its value is all else that a page shows. Keys of a family are
//! thus one range in the order of answers, and a page needs no look-up but for names.

use crate::Result;
use crate::packed::{Packed, family};
use std::ops::Range;
use uuid::Uuid;

/// Above the kinds of families, which are the tags of entries.
const SESSION: u8 = 16;
const NAME: u8 = 17;
const NAME_KEY: u8 = 18;
/// Where the id of the next new name is kept.
pub(super) const NEXT_NAME: &[u8] = &[19];

/// Kind, user, client.
const PREFIX_BYTES: usize = 9;
/// Prefix, start.
const BOUND_BYTES: usize = PREFIX_BYTES + 8;
/// Prefix, start, id.
const ENTRY_BYTES: usize = BOUND_BYTES + 16;
/// End, user, client.
const VALUE_BYTES: usize = 16;
/// Start and the value of an entry.
const SESSION_BYTES: usize = 8 + VALUE_BYTES;

/// The end of an open session.
const NO_END: i64 = i64::MIN;

/// The families that a session is in.
pub(super) fn families(packed: &Packed) -> impl Iterator<Item = u8> + use<> {
    let open = packed.end().is_none().then_some(family::OF_OPEN);
    family::OF_ALL.chain(open.into_iter().flatten())
}

/// The bounds of a scan, the upper one excluded.
pub(super) struct KeyRange {
    from: [u8; BOUND_BYTES],
    to: [u8; BOUND_BYTES],
}

impl KeyRange {
    pub(super) fn as_slices(&self) -> Range<&[u8]> {
        &self.from..&self.to
    }
}

/// The entries of a family that start in a window.
pub(super) fn range(family: u8, ids: [u32; 2], window: Range<i64>) -> KeyRange {
    let bound = |start| join([&prefix(family, ids), &start_bytes(start)]);
    KeyRange {
        from: bound(window.start),
        to: bound(window.end),
    }
}

/// The key of a session in a family.
pub(super) fn entry(family: u8, packed: &Packed) -> [u8; ENTRY_BYTES] {
    let prefix = prefix(family, [packed.user, packed.client]);
    join([
        &prefix,
        &start_bytes(packed.start),
        packed.refer_uid.as_bytes(),
    ])
}

/// The value of a session in every family.
pub(super) fn encode_entry(packed: &Packed) -> [u8; VALUE_BYTES] {
    let end = packed.end().unwrap_or(NO_END);
    let (user, client) = (packed.user.to_be_bytes(), packed.client.to_be_bytes());
    join([&end.to_be_bytes(), &user, &client])
}

pub(super) fn decode_entry(key: &[u8], value: &[u8]) -> Result<Packed> {
    let mut key = Decoder(key);
    let _prefix: [u8; PREFIX_BYTES] = key.take()?;
    let start = start_from(key.take()?);
    decode(start, Uuid::from_bytes(key.take()?), value)
}

/// Where a session is found by its id.
pub(super) fn session(refer_uid: Uuid) -> [u8; 17] {
    join([&[SESSION], refer_uid.as_bytes()])
}

pub(super) fn encode_session(packed: &Packed) -> [u8; SESSION_BYTES] {
    join([&start_bytes(packed.start), &encode_entry(packed)])
}

pub(super) fn decode_session(refer_uid: Uuid, value: &[u8]) -> Result<Packed> {
    let mut value = Decoder(value);
    let start = start_from(value.take()?);
    decode(start, refer_uid, value.0)
}

/// Where a name is found by its id.
pub(super) fn name(id: u32) -> [u8; 5] {
    join([&[NAME], &id.to_be_bytes()])
}

/// Where the id of a name is found.
pub(super) fn name_key(key: &[u8]) -> Vec<u8> {
    [&[NAME_KEY], key].concat()
}

pub(super) fn decode_id(bytes: &[u8]) -> Result<u32> {
    Ok(u32::from_be_bytes(Decoder(bytes).take()?))
}

fn prefix(family: u8, [user, client]: [u32; 2]) -> [u8; PREFIX_BYTES] {
    let if_set = |bit, id: u32| if family & bit == 0 { 0 } else { id };
    let user = if_set(family::USER, user).to_be_bytes();
    let client = if_set(family::CLIENT, client).to_be_bytes();
    join([&[family], &user, &client])
}

/// Ordered as the numbers are, negative ones first.
fn start_bytes(start: i64) -> [u8; 8] {
    (start ^ i64::MIN).to_be_bytes()
}

fn start_from(bytes: [u8; 8]) -> i64 {
    i64::from_be_bytes(bytes) ^ i64::MIN
}

fn decode(start: i64, refer_uid: Uuid, value: &[u8]) -> Result<Packed> {
    let mut value = Decoder(value);
    let end = i64::from_be_bytes(value.take()?);
    let user = u32::from_be_bytes(value.take()?);
    let client = u32::from_be_bytes(value.take()?);
    let end = (end != NO_END).then_some(end);
    Ok(Packed::new(start, refer_uid, end, [user, client]))
}

/// The parts one after the other; they must be as long as the whole.
fn join<const N: usize, const PARTS: usize>(parts: [&[u8]; PARTS]) -> [u8; N] {
    let mut whole = [0; N];
    let mut rest = whole.as_mut_slice();
    for part in parts {
        let (here, after) = rest.split_at_mut(part.len());
        here.copy_from_slice(part);
        rest = after;
    }
    whole
}

/// Takes arrays from the front.
struct Decoder<'a>(&'a [u8]);

impl Decoder<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk().ok_or("a value is cut short")?;
        self.0 = rest;
        Ok(*taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(start: i64, end: Option<i64>) -> Packed {
        Packed::new(start, Uuid::from_u128(7), end, [3, 4])
    }

    #[test]
    fn keys_are_ordered_as_starts_are_and_lie_in_the_window_that_has_them() {
        let starts = [i64::MIN, -1, 0, 1, i64::MAX - 1];
        for family in family::OF_ALL.chain(family::OF_OPEN) {
            let keys = starts.map(|start| entry(family, &packed(start, None)));
            assert!(keys.is_sorted());
            let range = range(family, [3, 4], -1..1);
            let inside = keys.map(|key| range.as_slices().contains(&key.as_slice()));
            assert_eq!(inside, [false, true, true, false, false]);
        }
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        for session in [packed(-5, None), packed(5, Some(6))] {
            let entry = decode_entry(&entry(family::OPEN, &session), &encode_entry(&session));
            assert_eq!(entry.unwrap(), session);
            let stored = decode_session(session.refer_uid, &encode_session(&session));
            assert_eq!(stored.unwrap(), session);
        }
        assert!(decode_session(Uuid::nil(), &[1, 2]).is_err());
    }
}
