//! The text of an XML document: UTF-8 or UTF-16, with or without a mark.

use crate::wire::error::{Result, WireError};
use std::borrow::Cow;

/// How a document's bytes spell its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    Utf16,
}

impl Encoding {
    /// Whether a declaration may call it this.
    pub(super) fn is_called(self, name: &str) -> bool {
        let names: &[&str] = match self {
            Self::Utf8 => &["utf-8", "us-ascii"],
            Self::Utf16 => &["utf-16", "utf-16le", "utf-16be"],
        };
        names.iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// The text after the mark.
pub(super) fn decode(bytes: &[u8]) -> Result<(Encoding, Cow<'_, str>)> {
    let utf16 = |bytes, unit: fn([u8; 2]) -> u16| {
        let text = decode_utf16(bytes, unit)?;
        Ok((Encoding::Utf16, Cow::Owned(text)))
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [b'<', 0, ..] => utf16(bytes, u16::from_le_bytes),
        [0, b'<', ..] => utf16(bytes, u16::from_be_bytes),
        _ => {
            let text = crate::wire::text(bytes)?;
            Ok((Encoding::Utf8, Cow::Borrowed(text)))
        }
    }
}

fn decode_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String> {
    let (pairs, rest) = bytes.as_chunks();
    if !rest.is_empty() {
        return Err(WireError::new(
            "this is no UTF-16: half of a unit is missing",
        ));
    }
    let units = pairs.iter().map(|pair| unit(*pair));
    char::decode_utf16(units)
        .collect::<std::result::Result<_, _>>()
        .map_err(|error| WireError::syntax("UTF-16", error))
}
