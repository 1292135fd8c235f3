//! One record of the log: a commit, its number, and what joins it to the record before.

use super::row::CHECKSUM_BYTES;

type Checksum = [u8; CHECKSUM_BYTES];

/// The length of the body, the number, the last commit that was durable, the checksum of the record
/// before, and that of this one.
pub(crate) const HEAD_BYTES: usize = 4 + 8 + 8 + 2 * CHECKSUM_BYTES;

/// How often what is behind the last record may be gone through in search of another.
const CHECKED_MAX: usize = 64;

/// A record that is as it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogRecord<'a> {
    pub(crate) number: u64,
    /// When it was written, the log was durable through this number.
    pub(crate) durable: u64,
    /// The checksum of the record before it.
    pub(crate) chain: Checksum,
    pub(crate) checksum: Checksum,
    pub(crate) body: &'a [u8],
}

impl<'a> LogRecord<'a> {
    /// Writes a record and answers its checksum.
    pub(crate) fn write(
        chain: Checksum,
        number: u64,
        durable: u64,
        body: &[u8],
        out: &mut Vec<u8>,
    ) -> Checksum {
        let len = u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes();
        let (number, durable) = (number.to_le_bytes(), durable.to_le_bytes());
        let checksum = checksum(&[&len, &number, &durable, &chain, body]);
        for part in [&len[..], &number, &durable, &chain, &checksum, body] {
            out.extend_from_slice(part);
        }
        checksum
    }

    /// The record at the beginning of some bytes, and what is behind it; `None` if there is none
    /// that is as it was written.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (head, rest) = bytes.split_first_chunk::<HEAD_BYTES>()?;
        let (len, head) = head.split_first_chunk::<4>()?;
        let (number, head) = head.split_first_chunk::<8>()?;
        let (durable, head) = head.split_first_chunk::<8>()?;
        let (chain, head) = head.split_first_chunk::<CHECKSUM_BYTES>()?;
        let body_len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
        let (body, rest) = rest.split_at_checked(body_len)?;
        let record = Self {
            number: u64::from_le_bytes(*number),
            durable: u64::from_le_bytes(*durable),
            chain: *chain,
            checksum: *head.first_chunk()?,
            body,
        };
        let is_whole = record.checksum == checksum(&[len, number, durable, chain, body]);
        is_whole.then_some((record, rest))
    }

    /// Whether anywhere in some bytes there is a later record, up to the number `last`, that knows
    /// the one of this number to have been durable: then that one was not cut off by a crash, but
    /// damaged.
    pub(crate) fn any_that_knows(bytes: &'a [u8], number: u64, last: u64) -> bool {
        // A name can be made to look like the heads of many long records. It must not make opening
        // slow: no more is checked then.
        let mut left = bytes.len().saturating_mul(CHECKED_MAX);
        (0..bytes.len()).any(|at| {
            let bytes = bytes.get(at..).unwrap_or_default();
            if left == 0 || !Self::may_know(bytes, number, last) {
                return false;
            }
            left = left.saturating_sub(bytes.len());
            Self::read(bytes).is_some_and(|(record, _)| record.durable >= number)
        })
    }

    /// Every record behind a number, anywhere in some bytes, but for those within another.
    pub(crate) fn all_behind(bytes: &'a [u8], number: u64) -> Vec<Self> {
        let mut found = Vec::new();
        // As in `any_that_knows`; those that are records do not count.
        let mut left = bytes.len().saturating_mul(CHECKED_MAX);
        let mut rest = bytes;
        while !rest.is_empty() {
            let body_len = Self::body_len(rest).filter(|_| left > 0);
            rest = match body_len.and_then(|_| Self::read(rest)) {
                Some((record, behind)) => {
                    found.extend(Some(record).filter(|record| record.number > number));
                    behind
                }
                None => {
                    left = left.saturating_sub(body_len.unwrap_or(0));
                    rest.get(1..).unwrap_or_default()
                }
            };
        }
        found
    }

    /// How long the body is of a record that may begin here.
    fn body_len(bytes: &[u8]) -> Option<usize> {
        let len = u32::from_le_bytes(*bytes.first_chunk()?);
        let len = usize::try_from(len).ok()?;
        let fits = len <= bytes.len().saturating_sub(HEAD_BYTES);
        (fits && Self::may_know(bytes, 0, u64::MAX)).then_some(len)
    }

    fn may_know(bytes: &[u8], expected: u64, last: u64) -> bool {
        let number = bytes.get(4..).and_then(<[u8]>::first_chunk::<8>);
        let durable = bytes.get(12..).and_then(<[u8]>::first_chunk::<8>);
        number.zip(durable).is_some_and(|(number, durable)| {
            let durable = u64::from_le_bytes(*durable);
            let number = u64::from_le_bytes(*number);
            durable >= expected && number > durable && number <= last
        })
    }
}

/// CRC-32 (ISO-HDLC) over all parts.
fn checksum(parts: &[&[u8]]) -> Checksum {
    let mut hasher = crc32fast::Hasher::new();
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize().to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> (Vec<u8>, usize) {
        let mut bytes = Vec::new();
        let chain = LogRecord::write([1, 2, 3, 4], 300, 299, b"body", &mut bytes);
        let first = bytes.len();
        LogRecord::write(chain, 301, 300, b"next", &mut bytes);
        (bytes, first)
    }

    #[test]
    fn the_bytes_of_a_record_are_pinned() {
        let (bytes, first) = two();
        let golden = b"\x04\0\0\0\x2c\x01\0\0\0\0\0\0\x2b\x01\0\0\0\0\0\0\x01\x02\x03\x04";
        assert_eq!(bytes[..24], *golden);
        assert_eq!(bytes[28..first], *b"body");
        let (record, rest) = LogRecord::read(&bytes).unwrap();
        assert_eq!((record.number, record.durable), (300, 299));
        assert_eq!((record.chain, record.body), ([1, 2, 3, 4], &b"body"[..]));
        let (next, rest) = LogRecord::read(rest).unwrap();
        assert_eq!((next.number, next.chain), (301, record.checksum));
        assert_eq!(LogRecord::read(rest), None);
    }

    /// Records 5 to 7, each of which knows the one before to be durable, with a damaged one and bytes that
    /// are none between them; the body of 6 looks like record 9.
    fn scattered() -> Vec<u8> {
        let (mut bytes, mut within, mut damaged) = (vec![7; 40], Vec::new(), Vec::new());
        LogRecord::write([0; 4], 9, 8, b"within", &mut within);
        LogRecord::write([0; 4], 8, 7, b"damaged", &mut damaged);
        *damaged.last_mut().unwrap() ^= 1;
        for (number, body) in [(5, &b"five"[..]), (6, &within), (7, b"")] {
            LogRecord::write([0; 4], number, number - 1, body, &mut bytes);
            bytes.extend_from_slice(&damaged);
            bytes.extend_from_slice(&[255; 30]);
        }
        bytes
    }

    #[test]
    fn records_are_found_wherever_they_are_but_none_within_another() {
        let bytes = scattered();
        for (behind, expected) in [(0, &[5, 6, 7][..]), (5, &[6, 7]), (6, &[7]), (7, &[])] {
            let found = LogRecord::all_behind(&bytes, behind);
            let numbers: Vec<u64> = found.iter().map(|record| record.number).collect();
            assert_eq!(numbers, expected);
        }
        let found = LogRecord::all_behind(&bytes[..bytes.len() - 1], 0);
        assert_eq!((found.len(), found[0].body), (3, &b"five"[..]));
    }

    #[test]
    fn only_a_later_record_that_was_written_when_one_was_durable_knows_it() {
        let mut bytes = Vec::new();
        LogRecord::write([0; 4], 301, 300, b"", &mut bytes);
        let knows = |number, last| LogRecord::any_that_knows(&bytes, number, last);
        assert!(knows(300, 301) && knows(299, 301) && knows(300, 400));
        assert!(!knows(301, 301) && !knows(301, 400) && !knows(300, 300));
        // What tells how far an emptied log went says it of itself.
        let mut marker = Vec::new();
        LogRecord::write([0; 4], 300, 300, b"", &mut marker);
        assert!(!LogRecord::any_that_knows(&marker, 300, 400));
        assert!(LogRecord::all_behind(&marker, 0).is_empty());
    }

    #[test]
    fn every_flipped_bit_is_found() {
        let (bytes, first) = two();
        for bit in 0..first * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(LogRecord::read(&bad), None, "bit {bit}");
            assert!(LogRecord::any_that_knows(&bad, 300, 301), "bit {bit}");
        }
        for end in 0..first {
            assert_eq!(LogRecord::read(&bytes[..end]), None);
            assert!(!LogRecord::any_that_knows(&bytes[..end], 300, 301));
        }
    }
}
