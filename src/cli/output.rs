//! Answers on stdout: tables for people; JSON, JSON lines and CSV for programs.

use super::args::Output;
use super::exit::Failure;
use super::text;
use crate::import::CSV_COLUMNS;
use crate::{Page, Salvaged, SessionLog, Stats, Verification};
use serde::Serialize;
use std::io::{self, BufWriter, StdoutLock, Write};

/// What answers are written to.
pub(super) type Stdout = BufWriter<StdoutLock<'static>>;

/// Opens stdout for one answer, and writes out what is left of it at the end, so that no failure
/// goes unseen.
pub(super) fn answer(
    write: impl FnOnce(&mut Stdout) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    write(&mut out)?;
    Ok(out.flush()?)
}

/// One value in JSON on a line of its own.
pub(super) fn json_line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

/// A page of sessions.
pub(super) fn page(out: &mut impl Write, page: &Page, output: Output) -> io::Result<()> {
    match output {
        Output::Table => out.write_all(page_table(page).as_bytes()),
        Output::Json => json_line(out, page),
        Output::Jsonl => page.entries.iter().try_for_each(|log| json_line(out, log)),
        Output::Csv => csv(page, out).map_err(csv_error),
    }
}

/// What a store holds.
pub(super) fn stats(out: &mut impl Write, stats: &Stats, output: Output) -> io::Result<()> {
    match output {
        Output::Table => out.write_all(stats_table(stats).as_bytes()),
        Output::Json | Output::Jsonl => json_line(out, stats),
        Output::Csv => csv_line(stats, out).map_err(csv_error),
    }
}

/// What a check has found.
pub(super) fn verification(
    out: &mut impl Write,
    verification: &Verification,
    output: Output,
) -> io::Result<()> {
    let faults = (&*verification.faults, verification.fault_count);
    let sessions = text::counted(verification.session_count, "session");
    with_faults(out, verification, faults, &sessions, output)
}

/// What came out of a damaged store, and what did not.
pub(super) fn salvaged(
    out: &mut impl Write,
    salvaged: &Salvaged,
    output: Output,
) -> io::Result<()> {
    let faults = (&*salvaged.faults, salvaged.fault_count);
    let sessions = text::counted(salvaged.session_count, "session");
    let lost = salvaged.lost_session_count.map(text::grouped);
    let lost = lost.unwrap_or_else(|| "nobody knows how many".to_owned());
    with_faults(
        out,
        salvaged,
        faults,
        &format!("{sessions}, lost {lost}"),
        output,
    )
}

/// A value and the faults in it.
fn with_faults(
    out: &mut impl Write,
    value: &impl Serialize,
    (told, count): (&[String], u64),
    words: &str,
    output: Output,
) -> io::Result<()> {
    match output {
        Output::Table => {
            let (lines, faults) = (fault_lines(told, count), text::counted(count, "fault"));
            writeln!(out, "{lines}{words}, {faults}")
        }
        Output::Json | Output::Jsonl => json_line(out, value),
        Output::Csv => faults_csv(told, out).map_err(csv_error),
    }
}

/// What a command did, in words or by its members.
pub(super) fn report<T: Serialize>(
    value: &T,
    output: Output,
    words: impl FnOnce(&T) -> String,
) -> Result<(), Failure> {
    answer(|out| match output {
        Output::Table => Ok(writeln!(out, "{}", words(value))?),
        Output::Json | Output::Jsonl => Ok(json_line(out, value)?),
        Output::Csv => Ok(csv_line(value, out).map_err(csv_error)?),
    })
}

/// A line for each fault that is told, and one for the others.
fn fault_lines(told: &[String], count: u64) -> String {
    let lines = told.iter().map(|fault| text::plain(fault));
    let text: String = lines.flat_map(|line| [line, "\n".into()]).collect();
    match count - told.len() as u64 {
        0 => text,
        more => text + &format!("and {} more\n", text::grouped(more)),
    }
}

fn faults_csv(faults: &[String], out: &mut impl Write) -> csv::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(["fault"])?;
    for fault in faults {
        csv.write_record([fault])?;
    }
    Ok(csv.flush()?)
}

fn csv(page: &Page, out: &mut impl Write) -> csv::Result<()> {
    // The writer takes the header from the first record; a page may have none.
    let mut csv = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(out);
    csv.write_record(CSV_COLUMNS)?;
    for log in &page.entries {
        csv.serialize(log)?;
    }
    Ok(csv.flush()?)
}

/// One value, under its members.
fn csv_line(value: &impl Serialize, out: &mut impl Write) -> csv::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.serialize(value)?;
    Ok(csv.flush()?)
}

/// The I/O error as it was, so that a closed pipe is known as one.
fn csv_error(error: csv::Error) -> io::Error {
    let message = error.to_string();
    if let csv::ErrorKind::Io(error) = error.into_kind() {
        return error;
    }
    io::Error::other(message)
}

/// Two lines for each session: five columns side by side need more room than a terminal has.
fn page_table(page: &Page) -> String {
    let mut table = text::table(["refer_uid", "user\nclient", "start (UTC)\nend"]);
    text::keep_whole(&mut table, [0, 2]);
    for log in &page.entries {
        table.add_row([
            log.refer_uid.to_string(),
            lines_of(&text::plain(&log.user), &text::plain(&log.client_refer_uid)),
            lines_of(&text::second(log.session_start), &end(log)),
        ]);
    }
    let place = format!(
        "page {} of {}, {}\n",
        text::grouped(page.page_index.into()),
        text::grouped(page.total_page_count),
        text::counted(page.total_record_count, "session")
    );
    match page.entries.is_empty() {
        true => place,
        false => text::lines(&table) + &place,
    }
}

fn lines_of(first: &str, second: &str) -> String {
    format!("{first}\n{second}")
}

fn end(log: &SessionLog) -> String {
    log.session_end
        .map_or_else(|| "open".to_owned(), text::second)
}

fn stats_table(stats: &Stats) -> String {
    let mut table = text::table(["store", &stats.store_uid.to_string()]);
    text::align_right(&mut table, [1]);
    for (name, number) in [
        ("format version", stats.format_version.into()),
        ("sessions", stats.session_count),
        ("open sessions", stats.open_session_count),
        ("users", stats.user_count),
        ("user names", stats.user_name_count),
        ("clients", stats.client_count),
        ("live bytes", stats.live_bytes),
        ("live bytes a session", stats.live_bytes_per_session),
        ("bytes on disk", stats.file_bytes),
        ("bytes on disk a session", stats.file_bytes_per_session),
        ("bytes of the log", stats.log_bytes),
        ("sessions to be merged", stats.delta_session_count),
    ] {
        table.add_row([name.to_owned(), text::grouped(number)]);
    }
    text::lines(&table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::Profile;

    fn a_page() -> Page {
        let profile = Profile {
            sessions: 3,
            ..Profile::default()
        };
        Page {
            entries: profile.session_logs().collect(),
            page_index: 0,
            records_per_page: 3,
            total_page_count: 412,
            total_record_count: 1_234,
        }
    }

    #[test]
    fn the_columns_of_csv_are_the_members_of_a_record() {
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.serialize(&a_page().entries[0]).unwrap();
        let text = String::from_utf8(csv.into_inner().unwrap()).unwrap();
        assert_eq!(text.lines().next(), Some(CSV_COLUMNS.join(",").as_str()));
    }

    #[test]
    fn a_table_fits_in_a_terminal_and_ends_with_the_totals() {
        let table = page_table(&a_page());
        assert!(
            table.lines().all(|line| line.chars().count() <= 80),
            "{table}"
        );
        assert!(
            table.ends_with("\npage 0 of 412, 1,234 sessions\n"),
            "{table}"
        );
    }

    #[test]
    fn a_long_name_is_shown_whole_and_leaves_ids_and_times_whole() {
        let mut page = a_page();
        let log = page.entries.first_mut().unwrap();
        log.user = "x".repeat(200).into();
        let id = log.refer_uid.to_string();
        let table = page_table(&page);
        assert!(table.contains(&id), "{table}");
        assert_eq!(table.matches('x').count(), 200, "{table}");
    }
}
