//! The statements that change sessions: what they are made of is the same on one PostgreSQL and on
//! Citus, where each is about one slot.

use super::rows::{RECORD, Stored, columns, key_columns};
use super::schema::Dialect;
use super::sql::{Sql, Value, parts};
use crate::time::Ticks;
use uuid::Uuid;

type Key = (i16, Uuid);

/// Adds the sessions that are not there, and gives the ids of those.
pub(super) fn insert(dialect: Dialect, records: &[&Stored]) -> Vec<Sql> {
    let statement = |part: &[&Stored]| {
        let mut sql = Sql::new(format!("INSERT INTO session_log (slot, {RECORD}) "));
        sql.insert_rows(dialect, columns(part))
            .push("ON CONFLICT (slot, refer_uid) DO NOTHING RETURNING refer_uid");
        sql
    };
    parts(dialect, records, |record| record.slot)
        .map(statement)
        .collect()
}

/// Gives the records of the sessions that are there.
pub(super) fn select(dialect: Dialect, keys: &[Key]) -> Vec<Sql> {
    about(dialect, keys, |sql, rows| {
        select_rows(sql, rows);
        ""
    })
}

/// Locks the sessions that are there, in the order in which all writers do, and gives their records.
pub(super) fn lock(dialect: Dialect, keys: &[Key]) -> Vec<Sql> {
    about(dialect, keys, |sql, rows| {
        select_rows(sql, rows);
        " ORDER BY s.slot, s.refer_uid FOR UPDATE OF s"
    })
}

fn select_rows(sql: &mut Sql, rows: &dyn Fn(&mut Sql)) {
    let record = RECORD.replace(", ", ", s.");
    sql.push(&format!("SELECT s.{record} FROM session_log s JOIN "));
    rows(sql);
    sql.push(" ON s.slot = d.slot AND s.refer_uid = d.refer_uid");
}

/// Removes sessions that were locked.
pub(super) fn delete(dialect: Dialect, keys: &[Key]) -> Vec<Sql> {
    about(dialect, keys, |sql, rows| {
        sql.push("DELETE FROM session_log s USING ");
        rows(sql);
        sql.push(" WHERE s.slot = d.slot AND s.refer_uid = d.refer_uid");
        ""
    })
}

/// A statement for each part of some keys: `make` is given how to write their rows, and gives what
/// comes last.
fn about(
    dialect: Dialect,
    keys: &[Key],
    make: impl Fn(&mut Sql, &dyn Fn(&mut Sql)) -> &'static str,
) -> Vec<Sql> {
    let statement = |part: &[Key]| {
        let mut sql = Sql::default();
        let rows = |sql: &mut Sql| {
            sql.rows(dialect, key_columns(part));
        };
        let last = make(&mut sql, &rows);
        let slot = part.first().map_or(0, |(slot, _)| *slot);
        sql.in_slot(dialect, "s.slot", slot).push(last);
        sql
    };
    parts(dialect, keys, |(slot, _)| *slot)
        .map(statement)
        .collect()
}

/// Ends sessions that were locked.
pub(super) fn end(dialect: Dialect, ends: &[(Key, Ticks)]) -> Vec<Sql> {
    let statement = |part: &[(Key, Ticks)]| {
        let keys: Vec<Key> = part.iter().map(|(key, _)| *key).collect();
        let ticks = part.iter().map(|(_, end)| end.since_year_one());
        let mut columns = key_columns(&keys);
        columns.push(("session_end", Value::Longs(ticks.collect())));
        let mut sql = Sql::new("UPDATE session_log s SET session_end = d.session_end FROM ");
        sql.rows(dialect, columns)
            .push(" WHERE s.slot = d.slot AND s.refer_uid = d.refer_uid");
        let slot = keys.first().map_or(0, |(slot, _)| *slot);
        sql.in_slot(dialect, "s.slot", slot);
        sql
    };
    parts(dialect, ends, |((slot, _), _)| *slot)
        .map(statement)
        .collect()
}
