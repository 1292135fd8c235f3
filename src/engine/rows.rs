//! Rows: values that begin with a checksum over their table, their key and themselves.

use super::seam::engine_error;
use crate::error::{Error, ErrorKind, Result};
use crate::format::dictionary::{IdRow, Identity, Row};
use crate::format::{CHECKSUM_BYTES, row_name, seal, unseal};
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

/// What the row of `key` says.
///
/// # Errors
///
/// Those of `read`, naming the row.
pub(crate) fn row_as<'k, K: Key, T>(
    table: &impl ReadableTable<K, &'static [u8]>,
    rows: Rows<K>,
    key: K::SelfType<'k>,
    read: impl FnOnce(&[u8]) -> Result<T>,
) -> Result<Option<T>> {
    let Some(guard) = table.get(key.borrow()).map_err(engine_error)? else {
        return Ok(None);
    };
    let encoded = K::as_bytes(&key);
    let seen = SeenRow::found(rows.name(), encoded.as_ref(), guard.value());
    seen.read(read).map(Some)
}

/// What the first row says whose key is `from` or comes after it, with its key.
///
/// # Errors
///
/// Those of `read`, naming the row.
pub(crate) fn first_row_as<const N: usize, T>(
    table: &impl ReadableTable<&'static [u8; N], &'static [u8]>,
    rows: Rows<&'static [u8; N]>,
    from: &[u8; N],
    read: impl FnOnce(&[u8]) -> Result<T>,
) -> Result<Option<([u8; N], T)>> {
    let found = table
        .range::<&[u8; N]>(from..)
        .map_err(engine_error)?
        .next();
    let Some((key, guard)) = found.transpose().map_err(engine_error)? else {
        return Ok(None);
    };
    let key = *key.value();
    let seen = SeenRow::found(rows.name(), &key, guard.value());
    Ok(Some((key, seen.read(read)?)))
}

/// A row that is come across.
pub(crate) struct SeenRow<'r> {
    table: &'r str,
    key: &'r [u8],
    row: &'r [u8],
    is_found_by_key: bool,
}

impl<'r> SeenRow<'r> {
    fn found(table: &'r str, key: &'r [u8], row: &'r [u8]) -> Self {
        Self {
            table,
            key,
            row,
            is_found_by_key: true,
        }
    }

    /// Bytes of its key and of itself.
    pub(crate) fn bytes(&self) -> usize {
        self.key.len() + self.row.len()
    }

    /// Its body, checked.
    pub(crate) fn body(&self) -> Result<&'r [u8]> {
        match self.is_found_by_key {
            true => unseal(self.table, self.key, self.row),
            false => Err(not_found(self.table, self.key)),
        }
    }

    /// What it says.
    ///
    /// # Errors
    ///
    /// Those of `read`, naming the row.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&'r [u8]) -> Result<T>) -> Result<T> {
        let read = read(self.body()?);
        read.map_err(|error| error.stored_in(row_name(self.table, self.key)))
    }
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
        let found = table.get(key.borrow()).map_err(engine_error)?;
        let seen = SeenRow {
            is_found_by_key: found.is_some(),
            ..SeenRow::found(rows.name(), encoded.as_ref(), row)
        };
        visit(guard.value(), seen)?;
    }
    Ok(())
}

fn not_found(table: &str, key: &[u8]) -> Error {
    let row = row_name(table, key);
    Error::corrupted(format!("{row} is not found by its key"))
}

/// The id in the row of `key`.
pub(crate) fn id<'k, K: Key>(
    table: &impl ReadableTable<K, &'static [u8]>,
    rows: Rows<K>,
    key: K::SelfType<'k>,
) -> Result<Option<u32>> {
    row_as(table, rows, key, |body| Ok(IdRow::from_body(body)?.id))
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
    // What it says is of the whole file, not of a row.
    let body = row(&meta, META, IDENTITY)?.ok_or_else(foreign)?;
    Identity::from_body(&body)
}
