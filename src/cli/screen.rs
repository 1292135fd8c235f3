//! Where answers for people are seen: how wide it is, and whether it has colours; and tables that
//! fit there.

use crate::{Clock, SystemClock};
use chrono::{DateTime, Utc};
use comfy_table::{Attribute, Cell, CellAlignment, ColumnConstraint, ContentArrangement, Table};
use std::env;
use std::io::{IsTerminal, stdout};

/// The columns where nobody says how many there are.
const COLUMNS_DEFAULT: u16 = 80;

/// What an answer is seen on, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Screen {
    pub(super) columns: u16,
    pub(super) has_colours: bool,
    pub(super) now: DateTime<Utc>,
}

impl Screen {
    /// That of stdout. Where it is no terminal, `COLUMNS` can tell the width, and there are never
    /// colours; nor are there where `NO_COLOR` is set (<https://no-color.org>).
    pub(super) fn of_stdout() -> Self {
        let is_terminal = stdout().is_terminal();
        let told = || env::var("COLUMNS").ok()?.parse().ok();
        let columns = match is_terminal {
            true => Table::new().width(),
            false => told(),
        };
        let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
        let is_dumb = env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
        Self {
            columns: columns
                .filter(|columns| *columns > 0)
                .unwrap_or(COLUMNS_DEFAULT),
            has_colours: is_terminal && !is_set("NO_COLOR") && !is_dumb,
            now: SystemClock.now(),
        }
    }

    /// The same, in the columns that every terminal has.
    pub(super) fn of_80_columns(self) -> Self {
        Self {
            columns: COLUMNS_DEFAULT,
            ..self
        }
    }

    /// A table without lines, not wider than the screen.
    pub(super) fn table<const N: usize>(self, header: [&str; N]) -> Table {
        let mut table = self.bare_table();
        table.set_header(header.map(|name| Cell::new(name).add_attribute(Attribute::Bold)));
        table
    }

    /// One without a header too.
    pub(super) fn bare_table(self) -> Table {
        let mut table = Table::new();
        table
            .load_preset(comfy_table::presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(self.columns);
        table.style_text_only();
        match self.has_colours {
            true => table.enforce_styling(),
            false => table.force_no_tty(),
        };
        table
    }
}

/// Moves the numbers of these columns to the right.
pub(super) fn align_right(table: &mut Table, columns: impl IntoIterator<Item = usize>) {
    for index in columns {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// Breaks other columns than these where there is no room.
pub(super) fn keep_whole(table: &mut Table, columns: impl IntoIterator<Item = usize>) {
    for index in columns {
        if let Some(column) = table.column_mut(index) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
}

/// The lines of a table, without the blanks at their ends.
pub(super) fn lines(table: &Table) -> String {
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
