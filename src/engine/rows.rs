//! Rows: values that begin with a checksum over their table, their key and themselves.

use super::seam::engine_error;
use crate::error::{Error, ErrorKind, Result};
use crate::format::dictionary::{IdRow, Identity, Row};
use crate::format::{CHECKSUM_BYTES, seal, unseal};
use redb::{
    AccessGuard, Key, ReadTransaction, ReadableTable, Table, TableDefinition, TableError,
    TableHandle,
};
use std::borrow::Borrow;
use std::ops::Deref;

/// A table of rows of any length.
pub(crate) type Rows<K> = TableDefinition<'static, K, &'static [u8]>;

/// What every file says of itself, under [`IDENTITY`] and other keys.
pub(crate) const META: Rows<&'static [u8]> = Rows::new("meta");

/// The key of what store a file belongs to, in which format.
const IDENTITY: &[u8] = b"identity";

/// The bytes of a row, checked and still in the engine's page.
pub(crate) struct Body<'a>(AccessGuard<'a, &'static [u8]>);

impl std::fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Body").field(&self.len()).finish()
    }
}

impl Deref for Body<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.value().get(CHECKSUM_BYTES..).unwrap_or_default()
    }
}

/// The row of `key`, checked.
pub(crate) fn row<'a, 'k, K: Key>(
    table: &'a impl ReadableTable<K, &'static [u8]>,
    rows: Rows<K>,
    key: K::SelfType<'k>,
) -> Result<Option<Body<'a>>> {
    let Some(guard) = table.get(key.borrow()).map_err(engine_error)? else {
        return Ok(None);
    };
    unseal(rows.name(), K::as_bytes(&key).as_ref(), guard.value())?;
    Ok(Some(Body(guard)))
}

/// The first row whose key is `from` or comes after it, with its key.
pub(crate) fn first_row<'a, const N: usize>(
    table: &'a impl ReadableTable<&'static [u8; N], &'static [u8]>,
    rows: Rows<&'static [u8; N]>,
    from: &[u8; N],
) -> Result<Option<([u8; N], Body<'a>)>> {
    let found = table
        .range::<&[u8; N]>(from..)
        .map_err(engine_error)?
        .next();
    let Some((key, guard)) = found.transpose().map_err(engine_error)? else {
        return Ok(None);
    };
    let key = *key.value();
    unseal(rows.name(), &key, guard.value())?;
    Ok(Some((key, Body(guard))))
}

/// A row that is come across.
pub(crate) struct SeenRow<'r> {
    /// Bytes of its key and of itself.
    pub(crate) bytes: usize,
    /// Its body, checked.
    pub(crate) body: Result<&'r [u8]>,
}

/// Visits every row in the order of keys, once it has been found by its key.
pub(crate) fn each_row<K: Key + 'static>(
    table: &impl ReadableTable<K, &'static [u8]>,
    rows: Rows<K>,
    visit: &mut dyn FnMut(K::SelfType<'_>, SeenRow<'_>) -> Result<()>,
) -> Result<()> {
    for found in table.iter().map_err(engine_error)? {
        let (guard, row) = found.map_err(engine_error)?;
        let (key, row) = (guard.value(), row.value());
        let encoded = K::as_bytes(&key);
        let key_bytes = encoded.as_ref();
        let body = match table.get(key.borrow()).map_err(engine_error)? {
            Some(_) => unseal(rows.name(), key_bytes, row),
            None => Err(not_found(rows.name(), key_bytes)),
        };
        let bytes = key_bytes.len() + row.len();
        visit(guard.value(), SeenRow { bytes, body })?;
    }
    Ok(())
}

fn not_found(table: &str, key: &[u8]) -> Error {
    Error::corrupted(format!(
        "the row of table {table} with key {key:02x?} is not found by its key"
    ))
}

/// The id in the row of `key`.
pub(crate) fn id<'k, K: Key>(
    table: &impl ReadableTable<K, &'static [u8]>,
    rows: Rows<K>,
    key: K::SelfType<'k>,
) -> Result<Option<u32>> {
    let Some(body) = row(table, rows, key)? else {
        return Ok(None);
    };
    Ok(Some(IdRow::from_body(&body)?.id))
}

/// Writes rows, and counts by how many bytes of keys and values they make the tables grow.
#[derive(Debug, Default)]
pub(crate) struct RowWriter {
    growth: i64,
    buffer: Vec<u8>,
}

impl RowWriter {
    /// Inserts the row of `body`, over the one with the same key.
    pub(crate) fn put<'k, K: Key>(
        &mut self,
        table: &mut Table<'_, K, &'static [u8]>,
        rows: Rows<K>,
        key: K::SelfType<'k>,
        body: &[u8],
    ) -> Result<()> {
        let encoded = K::as_bytes(&key);
        let key_bytes = encoded.as_ref().len();
        seal(rows.name(), encoded.as_ref(), body, &mut self.buffer);
        let old = table.insert(key.borrow(), self.buffer.as_slice());
        let old = old.map_err(engine_error)?;
        let old = old.map(|old| key_bytes + old.value().len());
        self.changed(old, Some(key_bytes + self.buffer.len()));
        Ok(())
    }

    /// Removes the row of `key`, if there is one.
    pub(crate) fn remove<'k, K: Key>(
        &mut self,
        table: &mut Table<'_, K, &'static [u8]>,
        key: K::SelfType<'k>,
    ) -> Result<()> {
        let key_bytes = K::as_bytes(&key).as_ref().len();
        let old = table.remove(key.borrow()).map_err(engine_error)?;
        self.changed(old.map(|old| key_bytes + old.value().len()), None);
        Ok(())
    }

    /// Counts a row that had so many bytes, its key's too, and has so many now.
    fn changed(&mut self, before: Option<usize>, after: Option<usize>) {
        let bytes = |row: Option<usize>| i64::try_from(row.unwrap_or(0)).unwrap_or(i64::MAX);
        self.growth += bytes(after) - bytes(before);
    }

    pub(crate) fn growth(&self) -> i64 {
        self.growth
    }
}

/// What is missing is damage.
pub(crate) fn missing(what: &str, id: impl std::fmt::Display) -> Error {
    Error::corrupted(format!("{what} {id} is missing"))
}

/// Says what store a file belongs to.
pub(crate) fn put_identity(
    meta: &mut Table<'_, &'static [u8], &'static [u8]>,
    identity: Identity,
) -> Result<()> {
    RowWriter::default().put(meta, META, IDENTITY, &identity.to_body())
}

/// What store the file `name` belongs to.
///
/// # Errors
///
/// `NotAStore` if it is another program's database, `UnsupportedFormat` if another version's.
pub(crate) fn identity(read: &ReadTransaction, name: &str) -> Result<Identity> {
    let foreign = || Error::new(ErrorKind::NotAStore, format!("{name} is no store's file"));
    let meta = match read.open_table(META) {
        Ok(meta) => meta,
        Err(TableError::Storage(error)) => return Err(engine_error(error)),
        Err(error) => return Err(foreign().caused_by(error)),
    };
    let body = row(&meta, META, IDENTITY)?.ok_or_else(foreign)?;
    Identity::from_body(&body)
}
