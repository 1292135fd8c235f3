//! The bytes of a page: `refer_uid`s in ascending order, each with its session's start.

use super::Change;
use crate::error::{Error, Result};

/// A `refer_uid` and a start.
const PAIR_BYTES: usize = 24;

/// With its key and checksum, a page of so many fills one page of the file.
pub(in crate::main_index) const PAIRS_MAX: usize = 169;

/// A `refer_uid` and the start of its session, in ticks with the sign bit flipped.
pub(in crate::main_index) type Pair = (u128, u64);

/// The start that a page has for this `refer_uid`.
pub(crate) fn start_of(page: &[u8], refer_uid: u128) -> Result<Option<u64>> {
    let pairs = checked(page)?;
    let found = pairs.binary_search_by_key(&refer_uid, |bytes| pair(bytes).0);
    let found = found.ok().and_then(|index| pairs.get(index));
    Ok(found.map(|bytes| pair(bytes).1))
}

/// All that is in a page.
pub(in crate::main_index) fn pairs(page: &[u8]) -> Result<Vec<Pair>> {
    Ok(checked(page)?.iter().map(pair).collect())
}

/// The page of these.
pub(super) fn page_of(pairs: &[Pair]) -> Vec<u8> {
    let bytes = pairs.iter().flat_map(|(refer_uid, start)| {
        let (refer_uid, start) = (refer_uid.to_be_bytes(), start.to_be_bytes());
        refer_uid.into_iter().chain(start)
    });
    bytes.collect()
}

/// Appends what changes make of the pairs of a page; both come in ascending order.
pub(super) fn merge(
    page: impl IntoIterator<Item = Pair>,
    changes: &[Change],
    merged: &mut Vec<Pair>,
) {
    let mut page = page.into_iter().peekable();
    for change in changes {
        while let Some(before) = page.next_if(|(refer_uid, _)| *refer_uid < change.refer_uid) {
            merged.push(before);
        }
        page.next_if(|(refer_uid, _)| *refer_uid == change.refer_uid);
        merged.extend(change.start.map(|start| (change.refer_uid, start)));
    }
    merged.extend(page);
}

fn checked(page: &[u8]) -> Result<&[[u8; PAIR_BYTES]]> {
    match page.as_chunks() {
        (pairs, []) => Ok(pairs),
        _ => Err(Error::corrupted(format!(
            "a page of starts has {} bytes",
            page.len()
        ))),
    }
}

fn pair(bytes: &[u8; PAIR_BYTES]) -> Pair {
    let (mut refer_uid, mut start) = ([0; 16], [0; 8]);
    refer_uid.copy_from_slice(&bytes[..16]);
    start.copy_from_slice(&bytes[16..]);
    (u128::from_be_bytes(refer_uid), u64::from_be_bytes(start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn the_bytes_of_a_page_are_pinned() {
        let held = [(7, 0x0102), (1 << 127, 1 << 63)];
        let page = page_of(&held);
        let golden = b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x07\0\0\0\0\0\0\x01\x02\
            \x80\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x80\0\0\0\0\0\0\0";
        assert_eq!(page, golden);
        assert_eq!(pairs(&page).unwrap(), held);
    }

    #[test]
    fn what_is_in_a_page_is_found_and_nothing_else() {
        let held: Vec<Pair> = (1..=9)
            .map(|number| (u128::from(number) * 10, number))
            .collect();
        let page = page_of(&held);
        for refer_uid in 0..=100 {
            let start = held.iter().find(|pair| pair.0 == refer_uid);
            let start = start.map(|pair| pair.1);
            assert_eq!(start_of(&page, refer_uid).unwrap(), start);
        }
        assert_eq!(start_of(&[], 1).unwrap(), None);
    }

    #[test]
    fn a_page_that_ends_within_a_pair_is_damaged() {
        let page = page_of(&[(1, 1), (2, 2)]);
        for end in (1..24).chain(25..48) {
            let error = start_of(&page[..end], 1).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupted);
            assert!(pairs(&page[..end]).is_err());
        }
    }

    #[test]
    fn changes_add_put_in_anothers_place_and_remove() {
        let change = |refer_uid, start| Change { refer_uid, start };
        let changes = [
            change(5, Some(50)),
            change(10, None),
            change(20, Some(21)),
            change(25, None),
            change(40, Some(40)),
        ];
        let mut merged = vec![(1, 1)];
        merge([(10, 10), (20, 20), (30, 30)], &changes, &mut merged);
        assert_eq!(merged, [(1, 1), (5, 50), (20, 21), (30, 30), (40, 40)]);
    }
}
