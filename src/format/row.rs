//! Checksums: every row begins with one over its table, its key and its bytes.

use crate::error::{Error, Result};

/// Bytes of the checksum in front of every row.
pub(crate) const CHECKSUM_BYTES: usize = 4;

/// CRC-32 (ISO-HDLC) over the table's name, the key and the body.
///
/// The name and the key are part of it, so that a row read in another's place is found out too.
fn checksum(table: &str, key: &[u8], body: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(table.as_bytes());
    hasher.update(key);
    hasher.update(body);
    hasher.finalize().to_le_bytes()
}

/// Writes the row of `body` over `row`.
pub(crate) fn seal(table: &str, key: &[u8], body: &[u8], row: &mut Vec<u8>) {
    row.clear();
    row.extend_from_slice(&checksum(table, key, body));
    row.extend_from_slice(body);
}

/// The body of a row that is as it was written.
///
/// # Errors
///
/// `Corrupted`, naming the table and the key, if it is not.
#[inline]
pub(crate) fn unseal<'a>(table: &str, key: &[u8], row: &'a [u8]) -> Result<&'a [u8]> {
    match row.split_first_chunk() {
        Some((sum, body)) if *sum == checksum(table, key, body) => Ok(body),
        _ => Err(damaged(table, key)),
    }
}

#[cold]
fn damaged(table: &str, key: &[u8]) -> Error {
    let row = row_name(table, key);
    Error::corrupted(format!("{row} is not what was written"))
}

/// What a row is called in messages.
pub(crate) fn row_name(table: &str, key: &[u8]) -> String {
    format!("the row of table {table} with key {key:02x?}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_a_row_are_pinned() {
        let mut row = Vec::new();
        seal("nodes", &[1, 2], b"body", &mut row);
        assert_eq!(row, b"\x85\xb3\xbd\x46body");
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let mut row = Vec::new();
        seal("nodes", &[1, 2], b"body", &mut row);
        assert_eq!(unseal("nodes", &[1, 2], &row).unwrap(), b"body");
        for bit in 0..row.len() * 8 {
            let mut bad = row.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(unseal("nodes", &[1, 2], &bad).is_err(), "bit {bit}");
        }
        for end in 0..row.len() {
            assert!(unseal("nodes", &[1, 2], &row[..end]).is_err());
        }
    }

    #[test]
    fn a_row_in_anothers_place_is_found() {
        let mut row = Vec::new();
        seal("nodes", &[1, 2], b"body", &mut row);
        assert!(unseal("nodes", &[1, 3], &row).is_err());
        assert!(unseal("roots", &[1, 2], &row).is_err());
    }
}
