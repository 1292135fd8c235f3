//! Files that have to be decompressed first: logs that were rotated often are.

use crate::import::ImportError;
use std::io::Read;

/// How they begin: with this (RFC 1952, section 2.3.1; the xz file format, section 2.1.1.1; RFC 8878,
/// section 3.1.1).
const COMPRESSED: [(&[u8], &str); 3] = [
    (b"\x1F\x8B", "gzip"),
    (b"\xFD7zXZ\0", "xz"),
    (b"\x28\xB5\x2F\xFD", "zstd"),
];

/// The most bytes that tell it.
const START_BYTES: u64 = 6;

/// The first bytes of an input, unless it begins as a compressed file does.
pub(super) fn start(input: &mut impl Read) -> Result<Vec<u8>, ImportError> {
    let mut start = Vec::new();
    input.take(START_BYTES).read_to_end(&mut start)?;
    refuse(&start)?;
    Ok(start)
}

/// Refuses the first bytes of a compressed file.
pub(super) fn refuse(start: &[u8]) -> Result<(), ImportError> {
    let mut known = COMPRESSED.iter();
    match known.find(|(begin, _)| start.starts_with(begin)) {
        Some((_, how)) => Err(ImportError::Compressed(how)),
        None => Ok(()),
    }
}
