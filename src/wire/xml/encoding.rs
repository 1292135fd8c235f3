//! The text of an XML document: UTF-8 or UTF-16, with or without a mark.

use crate::wire::error::{Result, WireError};
use std::borrow::Cow;

/// How a document's bytes spell its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    Utf16Le,
    Utf16Be,
}

impl Encoding {
    /// Whether a declaration may call it this.
    pub(super) fn is_called(self, name: &str) -> bool {
        let names: &[&str] = match self {
            Self::Utf8 => &["utf-8"],
            Self::Utf16Le => &["utf-16", "utf-16le"],
            Self::Utf16Be => &["utf-16", "utf-16be"],
        };
        names.iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// The text after the mark.
pub(super) fn decode(bytes: &[u8]) -> Result<(Encoding, Cow<'_, str>)> {
    let little = |bytes| Ok((Encoding::Utf16Le, decode_utf16(bytes, u16::from_le_bytes)?));
    let big = |bytes| Ok((Encoding::Utf16Be, decode_utf16(bytes, u16::from_be_bytes)?));
    match bytes {
        [0xff, 0xfe, rest @ ..] => little(rest),
        [0xfe, 0xff, rest @ ..] => big(rest),
        [b'<', 0, ..] => little(bytes),
        [0, b'<', ..] => big(bytes),
        _ => {
            let text = crate::wire::text(bytes)?;
            Ok((Encoding::Utf8, Cow::Borrowed(text)))
        }
    }
}

fn decode_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Cow<'static, str>> {
    let (pairs, rest) = bytes.as_chunks();
    if !rest.is_empty() {
        return Err(WireError::new(
            "this is no UTF-16: half of a unit is missing",
        ));
    }
    let units = pairs.iter().map(|pair| unit(*pair));
    char::decode_utf16(units)
        .collect::<std::result::Result<String, _>>()
        .map(Cow::Owned)
        .map_err(|error| WireError::syntax("UTF-16", error))
}
