//! The place between two records of an answer, as text that can leave the process.

use crate::counted::Key;
use crate::error::{Error, ErrorKind, Result};
use crate::query::{Order, Query};
use crate::session::SessionLog;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// A place in the answer to one query, just after a record of it or at its start.
///
/// Reading on from a cursor neither repeats nor skips a record, whatever is written meanwhile: the
/// place is a record's key, not a count of records. A cursor pins nothing in the store and never
/// expires. Its text form (via [`Display`](fmt::Display), [`FromStr`] and serde) is opaque, carries
/// its version and a checksum, and belongs to its query: with another it is `InvalidInput`.
///
/// ```
/// use sessionlog::{Cursor, Query};
///
/// let cursor = Cursor::start(&Query::all());
/// assert_eq!(cursor.to_string().parse::<Cursor>()?, cursor);
/// # Ok::<(), sessionlog::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Cursor {
    fingerprint: Uuid,
    last: Option<Key>,
}

/// Answers of [`Store::page_after`](crate::Store::page_after): the records after a cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CursorPage {
    /// The records, in the order of the query.
    pub entries: Vec<SessionLog>,
    /// The place after the last of them: where to read on, now or later.
    pub next: Cursor,
    /// How many matching records lie beyond this page, exactly.
    pub remaining_record_count: u64,
    /// How many records match in all, exactly.
    pub total_record_count: u64,
}

const VERSION: u8 = 1;
const AT_START: u8 = 0;
const AFTER_KEY: u8 = 1;

/// More than any cursor's text has, of any version yet to come.
const TEXT_BYTES_MAX: usize = 256;

/// The namespace of query fingerprints (RFC 9562, section 5.5): changing how a query is laid out
/// in `fingerprint` needs a new one, and a new cursor version.
const NAMESPACE: Uuid = Uuid::from_u128(0x1f2c_8a43_6c0b_4a55_9a3e_7d0c_5b21_94e8);

impl Cursor {
    /// The place before the first record of the answer to `query`.
    #[must_use]
    pub fn start(query: &Query) -> Self {
        Self {
            fingerprint: fingerprint(query),
            last: None,
        }
    }

    /// The place after the record at `key` in the same answer.
    pub(crate) fn moved_to(&self, key: Key) -> Self {
        Self {
            fingerprint: self.fingerprint,
            last: Some(key),
        }
    }

    /// The key of the last record read, none at the start.
    ///
    /// # Errors
    ///
    /// `InvalidInput` if this is not a cursor of `query`.
    pub(crate) fn last(&self, query: &Query) -> Result<Option<Key>> {
        if self.fingerprint == fingerprint(query) {
            return Ok(self.last);
        }
        Err(Error::invalid(
            "cursor",
            format_args!("{self} belongs to another query"),
        ))
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        bytes.extend_from_slice(self.fingerprint.as_bytes());
        match self.last {
            None => bytes.push(AT_START),
            Some(key) => {
                bytes.push(AFTER_KEY);
                bytes.extend_from_slice(&key.to_bytes());
            }
        }
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
        bytes
    }

    /// `None` if the bytes are not a cursor's.
    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (body, checksum) = bytes.split_last_chunk::<4>()?;
        if crc32fast::hash(body) != u32::from_be_bytes(*checksum) {
            return None;
        }
        let (fingerprint, place) = body.strip_prefix(&[VERSION])?.split_first_chunk::<16>()?;
        let last = match place.split_first()? {
            (&AT_START, []) => None,
            (&AFTER_KEY, key) => Some(Key::from_bytes(key.try_into().ok()?)),
            _ => return None,
        };
        Some(Self {
            fingerprint: Uuid::from_bytes(*fingerprint),
            last,
        })
    }
}

/// What tells one query from another: equal for queries with the same filters and order, to the
/// tick.
fn fingerprint(query: &Query) -> Uuid {
    let mut bytes = Vec::with_capacity(64);
    bytes.push(u8::from(query.open_sessions_only()));
    bytes.push(match query.order() {
        Order::OldestFirst => 0,
        Order::NewestFirst => 1,
    });
    for bound in [query.first_start(), query.end_of_starts()] {
        bytes.extend_from_slice(&bound.map_or(0, |at| at.to_sortable()).to_be_bytes());
    }
    bytes.extend_from_slice(query.user_refer_uid().unwrap_or_default().as_bytes());
    bytes.push(u8::from(query.client_refer_uid().is_some()));
    bytes.extend_from_slice(query.client_refer_uid().unwrap_or_default().as_bytes());
    Uuid::new_v5(&NAMESPACE, &bytes)
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_bytes()
            .iter()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Cursor {
    type Err = Error;

    /// Reads the text form.
    ///
    /// # Errors
    ///
    /// `UnsupportedFormat` for a cursor of another version, `InvalidInput` for any other text.
    fn from_str(text: &str) -> Result<Self> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(malformed(text));
        }
        let bytes = from_hex(text).ok_or_else(|| malformed(text))?;
        if bytes.len() > 4 && bytes.first() != Some(&VERSION) {
            return Err(Error::new(
                ErrorKind::UnsupportedFormat,
                format!("cursor {text} is of an unknown version"),
            ));
        }
        Self::from_bytes(&bytes).ok_or_else(|| malformed(text))
    }
}

fn malformed(text: &str) -> Error {
    let start: String = text.chars().take(TEXT_BYTES_MAX).collect();
    Error::invalid("cursor", format_args!("{start:?} is not a cursor's text"))
}

/// `None` unless the text is an even number of lower-case hexadecimal digits.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs
        .iter()
        .map(|&[high, low]| Some(digit(high)? << 4 | digit(low)?))
        .collect()
}

impl TryFrom<String> for Cursor {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_with_a_right_checksum_that_are_no_place_are_refused_and_so_is_text_of_any_length() {
        let places: [&[u8]; 5] = [&[], &[AT_START, 0], &[AFTER_KEY], &[2], &[AFTER_KEY, 0, 0]];
        for place in places {
            let mut bytes = [&[VERSION], &[0; 16][..], place].concat();
            bytes.extend_from_slice(&crc32fast::hash(&bytes).to_be_bytes());
            assert!(Cursor::from_bytes(&bytes).is_none(), "{place:?}");
        }
        let error = "0".repeat(1 << 20).parse::<Cursor>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().len() < 1_000);
    }

    #[test]
    fn text_that_is_not_quite_a_cursor_is_refused() {
        let good = Cursor::start(&Query::all())
            .moved_to(Key::new(1, 2))
            .to_string();
        assert!(good.parse::<Cursor>().is_ok());
        for index in 0..good.len() {
            let mut bad = good.clone().into_bytes();
            bad[index] = if bad[index] == b'0' { b'1' } else { b'0' };
            let bad = String::from_utf8(bad).unwrap();
            assert!(bad.parse::<Cursor>().is_err(), "{bad}");
            assert!(good[..index].parse::<Cursor>().is_err());
        }
        assert!(format!("{good}00").parse::<Cursor>().is_err());
        assert!(good.to_uppercase().parse::<Cursor>().is_err());
    }

    #[test]
    fn a_cursor_of_another_version_says_so() {
        let text = format!("02{}", &Cursor::start(&Query::all()).to_string()[2..]);
        let error = text.parse::<Cursor>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnsupportedFormat);
    }

    #[test]
    fn the_text_of_a_cursor_is_pinned() {
        let cursor = Cursor::start(&Query::all()).moved_to(Key::new(1, 2));
        assert_eq!(
            cursor.to_string(),
            "012f9f5dc70f4055649c0224ec8e7be6a901000000000000000100000000000000000000000000000002b4cc5666"
        );
    }
}
