//! Statements with their parameters.
//!
//! Nothing is prepared under a name: a statement and its parameters go in one message, so that all of
//! it works behind a pooler that gives each transaction another connection.

use super::schema::Dialect;
use std::fmt::Write;
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

/// A statement in the making: its text, and the values of `$1` and on.
#[derive(Debug, Clone, Default)]
pub(super) struct Sql {
    text: String,
    values: Vec<Value>,
}

/// A parameter: one value, or a column of them.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Slot(i16),
    Long(i64),
    OptionalLong(Option<i64>),
    Uid(Uuid),
    Bytes(Vec<u8>),
    Slots(Vec<i16>),
    Longs(Vec<i64>),
    OptionalLongs(Vec<Option<i64>>),
    Uids(Vec<Uuid>),
    AllBytes(Vec<Vec<u8>>),
}

impl Value {
    fn as_sql(&self) -> &(dyn ToSql + Sync) {
        match self {
            Self::Slot(value) => value,
            Self::Long(value) => value,
            Self::OptionalLong(value) => value,
            Self::Uid(value) => value,
            Self::Bytes(value) => value,
            Self::Slots(values) => values,
            Self::Longs(values) => values,
            Self::OptionalLongs(values) => values,
            Self::Uids(values) => values,
            Self::AllBytes(values) => values,
        }
    }

    fn kind(&self) -> Type {
        match self {
            Self::Slot(_) => Type::INT2,
            Self::Long(_) | Self::OptionalLong(_) => Type::INT8,
            Self::Uid(_) => Type::UUID,
            Self::Bytes(_) => Type::BYTEA,
            Self::Slots(_) => Type::INT2_ARRAY,
            Self::Longs(_) | Self::OptionalLongs(_) => Type::INT8_ARRAY,
            Self::Uids(_) => Type::UUID_ARRAY,
            Self::AllBytes(_) => Type::BYTEA_ARRAY,
        }
    }

    /// One value of a column.
    fn at(&self, row: usize) -> Option<Self> {
        Some(match self {
            Self::Slots(values) => Self::Slot(*values.get(row)?),
            Self::Longs(values) => Self::Long(*values.get(row)?),
            Self::OptionalLongs(values) => Self::OptionalLong(*values.get(row)?),
            Self::Uids(values) => Self::Uid(*values.get(row)?),
            Self::AllBytes(values) => Self::Bytes(values.get(row)?.clone()),
            _ => return None,
        })
    }
}

/// Columns of equal length, by name.
pub(super) type Columns = Vec<(&'static str, Value)>;

impl Sql {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            values: Vec::new(),
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// As the client takes them.
    pub(super) fn parameters(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        let values = self.values.iter();
        values.map(|value| (value.as_sql(), value.kind())).collect()
    }

    pub(super) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// The next parameter.
    pub(super) fn bind(&mut self, value: Value) -> &mut Self {
        self.values.push(value);
        // Writing to a string does not fail.
        let _ = write!(self.text, "${}", self.values.len());
        self
    }

    /// The rows of columns, to be inserted: on one PostgreSQL out of arrays, which are parsed fast; on
    /// Citus row by row, since arrays would be unfolded on the coordinator.
    pub(super) fn insert_rows(&mut self, dialect: Dialect, columns: Columns) -> &mut Self {
        match dialect {
            Dialect::Postgres => {
                self.push("SELECT * FROM ");
                self.unnest(columns).push(" ")
            }
            Dialect::Citus => self.push("VALUES ").row_by_row(columns).push(" "),
        }
    }

    /// The rows of columns, as a table named `d`.
    pub(super) fn rows(&mut self, dialect: Dialect, columns: Columns) -> &mut Self {
        let names = columns.iter().map(|(name, _)| *name);
        let names = names.collect::<Vec<_>>().join(", ");
        match dialect {
            Dialect::Postgres => self.unnest(columns),
            Dialect::Citus => self.push("(VALUES ").row_by_row(columns).push(")"),
        };
        self.push(&format!(" AS d({names})"))
    }

    fn unnest(&mut self, columns: Columns) -> &mut Self {
        self.push("unnest(");
        for (index, (_, column)) in columns.into_iter().enumerate() {
            self.push(if index == 0 { "" } else { ", " }).bind(column);
        }
        self.push(")")
    }

    fn row_by_row(&mut self, columns: Columns) -> &mut Self {
        let mut row = 0;
        loop {
            let values: Option<Vec<Value>> =
                columns.iter().map(|(_, column)| column.at(row)).collect();
            let Some(values) = values else { return self };
            self.push(if row == 0 { "(" } else { ", (" });
            for (index, value) in values.into_iter().enumerate() {
                self.push(if index == 0 { "" } else { ", " }).bind(value);
            }
            self.push(")");
            row += 1;
        }
    }

    /// Names the one slot that a statement is about, for whoever finds its node by that.
    pub(super) fn in_slot(&mut self, dialect: Dialect, column: &str, slot: i16) -> &mut Self {
        match dialect {
            Dialect::Postgres => self,
            Dialect::Citus => self.push(&format!(" AND {column} = {slot}")),
        }
    }
}

/// How many rows go in one statement.
const ROWS_MAX: usize = 2_000;

/// Rows that are sorted by slot, in the parts that go in one statement each: on Citus no statement is
/// about two slots, since two such statements can wait for each other for ever.
pub(super) fn parts<T>(
    dialect: Dialect,
    rows: &[T],
    slot: impl Fn(&T) -> i16 + Copy,
) -> impl Iterator<Item = &[T]> {
    by_node(dialect, rows, slot).flat_map(|part| part.chunks(ROWS_MAX))
}

/// The same, however many rows there are.
pub(super) fn by_node<T>(
    dialect: Dialect,
    rows: &[T],
    slot: impl Fn(&T) -> i16 + Copy,
) -> impl Iterator<Item = &[T]> {
    rows.chunk_by(move |a, b| !dialect.is_citus() || slot(a) == slot(b))
}
