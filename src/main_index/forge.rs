//! Rows that nobody wrote, under right checksums; compiled for fuzz targets only.

use super::{MAIN, Setup, tables};
use crate::engine::{Engine, META, RowWriter, Rows, engine_error};
use crate::error::Result;
use crate::format::CHECKSUM_BYTES;
use crate::storage::Storage;
use redb::{Key, ReadableTable, ReadableTableMetadata, WriteTransaction};

/// Does to one row what some bytes say: the first is its table, the second its place there, and the
/// others are what is changed of it, and where.
///
/// # Errors
///
/// `Unavailable` if the storage fails.
pub(crate) fn forge_row(storage: &dyn Storage, setup: Setup, bytes: &[u8]) -> Result<()> {
    let Some(([table, place], changes)) = bytes.split_first_chunk() else {
        return Ok(());
    };
    let place = usize::from(*place);
    let engine = Engine::open(storage, MAIN, setup.opening())?;
    engine.release()?;
    engine.write(|write| match table % 9 {
        0 => forge(write, META, place, changes),
        1 => forge(write, tables::ROOTS, place, changes),
        2 => forge(write, tables::NODES, place, changes),
        3 => forge(write, tables::STARTS, place, changes),
        4 => forge(write, tables::NAMES, place, changes),
        5 => forge(write, tables::NAME_IDS, place, changes),
        6 => forge(write, tables::USERS, place, changes),
        7 => forge(write, tables::CLIENTS, place, changes),
        _ => forge(write, tables::CLIENT_IDS, place, changes),
    })?;
    engine.close()
}

fn forge<K: Key + 'static>(
    write: &WriteTransaction,
    rows: Rows<K>,
    place: usize,
    changes: &[u8],
) -> Result<()> {
    let mut table = write.open_table(rows).map_err(engine_error)?;
    let count = usize::try_from(table.len().map_err(engine_error)?).unwrap_or(0);
    let Some(place) = place.checked_rem(count) else {
        return Ok(());
    };
    let found = table.iter().map_err(engine_error)?.nth(place);
    let Some((key, row)) = found.transpose().map_err(engine_error)? else {
        return Ok(());
    };
    let key_bytes = K::as_bytes(&key.value()).as_ref().to_vec();
    let mut body = row
        .value()
        .get(CHECKSUM_BYTES..)
        .unwrap_or_default()
        .to_vec();
    drop((key, row));
    change(&mut body, changes);
    RowWriter::default().put(&mut table, rows, K::from_bytes(&key_bytes), &body)
}

/// Each three bytes are a place and what is put there; a place behind the end makes the row longer, and
/// the last few can cut it off.
fn change(body: &mut Vec<u8>, changes: &[u8]) {
    let (changes, rest) = changes.as_chunks::<3>();
    for [low, high, byte] in changes {
        let place = usize::from(u16::from_le_bytes([*low, *high])) % (body.len() + 1);
        match body.get_mut(place) {
            Some(old) => *old = *byte,
            None => body.push(*byte),
        }
    }
    if let [len] = rest {
        body.truncate(usize::from(*len));
    }
}
