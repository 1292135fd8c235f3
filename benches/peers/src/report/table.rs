//! The figures as tables, one for each work: a line for each row, a column for each engine.

use crate::Result;
use crate::figure::{Figure, Label};
use comfy_table::presets::UTF8_HORIZONTAL_ONLY;
use comfy_table::{Cell, CellAlignment, Table};
use std::io::Write;

/// What the tables mean, in a line.
const LEGEND: &str =
    "Cells: median, p99 below it; how often ours and the floor go into the median.";

/// Prints the machine, and all figures.
pub(crate) fn print(machine: &str, engines: &[&str], figures: &[Figure]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{machine}\n{LEGEND}")?;
    let mut works: Vec<&str> = figures.iter().map(|figure| figure.label.work).collect();
    works.dedup();
    for work in works {
        let of_work = figures.iter().filter(|figure| figure.label.work == work);
        let of_work: Vec<&Figure> = of_work.collect();
        writeln!(out, "\n{work}\n{}", table(engines, &of_work))?;
    }
    Ok(())
}

fn table(engines: &[&str], figures: &[&Figure]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY);
    table.set_header(["sessions", "what", "unit"].iter().chain(engines));
    let mut labels: Vec<&Label> = Vec::new();
    for figure in figures {
        if !labels.contains(&&figure.label) {
            labels.push(&figure.label);
        }
    }
    for label in labels {
        let row: Vec<&Figure> = figures
            .iter()
            .copied()
            .filter(|f| f.label == *label)
            .collect();
        let cells = engines.iter().map(|engine| right(cell(&row, engine)));
        let head = [
            label.sessions.to_string(),
            what(label),
            label.unit.to_owned(),
        ];
        table.add_row(head.into_iter().map(Cell::new).chain(cells));
    }
    table
}

fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

fn what(label: &Label) -> String {
    let parts = [
        label.filter.clone(),
        label.page.map(str::to_owned),
        label.batch.map(|batch| format!("{batch} a commit")),
        label.threads.map(|threads| format!("{threads} threads")),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn cell(row: &[&Figure], engine: &str) -> String {
    let find = |engine| row.iter().find(|figure| figure.engine == engine);
    let Some(figure) = find(engine) else {
        return "–".to_owned();
    };
    let mut lines = vec![number(figure.median)];
    lines.extend(figure.p99.map(number));
    let ratio = |to| match find(to) {
        Some(base) if base.engine != engine && base.median > 0.0 => {
            format!("{}×", number(figure.median / base.median))
        }
        _ => "–".to_owned(),
    };
    lines.push(format!("{} {}", ratio("ours"), ratio("floor")));
    lines.join("\n")
}

/// Two or three significant digits, thousands apart.
fn number(value: f64) -> String {
    match value {
        value if value >= 100.0 => apart(&format!("{value:.0}")),
        value if value >= 10.0 => format!("{value:.1}"),
        value if value >= 0.01 || value == 0.0 => format!("{value:.2}"),
        value => format!("{value:.1e}"),
    }
}

fn apart(digits: &str) -> String {
    let mut apart = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            apart.push(',');
        }
        apart.push(digit);
    }
    apart
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_are_short_and_thousands_apart() {
        let texts = [0.0004, 0.5, 12.34, 123.4, 1_234_567.0].map(super::number);
        assert_eq!(texts, ["4.0e-4", "0.50", "12.3", "123", "1,234,567"]);
    }
}
