//! Answers on stdout: tables for people; JSON, JSON lines and CSV for programs.

use super::args::{Output, TextFormat};
use super::exit::Failure;
use super::reading::DatabaseStats;
use super::screen::Screen;
use super::{chart, tables, text};
use crate::import::CSV_COLUMNS;
use crate::{
    Bucket, BucketCount, Busiest, ClientCount, Page, Salvaged, SessionLog, Stats, UserCount,
    Verification,
};
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

/// Members of what there can be none of: then CSV has no record to take its first line from.
const BUCKET_COLUMNS: [&str; 2] = ["start", "count"];
const USER_COLUMNS: [&str; 4] = [
    "user_refer_uid",
    "user",
    "session_count",
    "last_session_start",
];
const CLIENT_COLUMNS: [&str; 3] = ["client_refer_uid", "session_count", "last_session_start"];

/// A page of sessions.
pub(super) fn page(out: &mut impl Write, page: &Page, output: Output) -> io::Result<()> {
    let table = |screen| tables::page(page, screen);
    list(out, page, (&CSV_COLUMNS, &page.entries), output, table)
}

/// The busiest users.
pub(super) fn users(
    out: &mut impl Write,
    users: &Busiest<UserCount>,
    output: Output,
) -> io::Result<()> {
    let table = |screen| tables::users(users, screen);
    list(out, users, (&USER_COLUMNS, &users.entries), output, table)
}

/// The busiest clients.
pub(super) fn clients(
    out: &mut impl Write,
    clients: &Busiest<ClientCount>,
    output: Output,
) -> io::Result<()> {
    let table = |screen| tables::clients(clients, screen);
    list(
        out,
        clients,
        (&CLIENT_COLUMNS, &clients.entries),
        output,
        table,
    )
}

/// How many sessions started when.
pub(super) fn histogram(
    out: &mut impl Write,
    buckets: &[BucketCount],
    bucket: Bucket,
    output: Output,
) -> io::Result<()> {
    #[derive(Serialize)]
    struct Histogram<'b> {
        buckets: &'b [BucketCount],
        total_record_count: u64,
    }
    let histogram = Histogram {
        buckets,
        total_record_count: buckets.iter().map(|bucket| bucket.count).sum(),
    };
    list(
        out,
        &histogram,
        (&BUCKET_COLUMNS, buckets),
        output,
        |screen| {
            let found = text::counted(buckets.len() as u64, chart::name(bucket));
            let sessions = text::counted(histogram.total_record_count, "session");
            chart::bars(buckets, bucket, screen) + &format!("{found} with {sessions}\n")
        },
    )
}

/// Values of one kind: as a table, all together with what goes with them, or one by one.
fn list<T: Serialize>(
    out: &mut impl Write,
    whole: &impl Serialize,
    (columns, entries): (&[&str], &[T]),
    output: Output,
    table: impl FnOnce(Screen) -> String,
) -> io::Result<()> {
    match output {
        Output::Table => out.write_all(table(Screen::of_stdout()).as_bytes()),
        Output::Json => json_line(out, whole),
        Output::Jsonl => entries.iter().try_for_each(|entry| json_line(out, entry)),
        Output::Csv => csv_lines(out, columns, entries).map_err(csv_error),
    }
}

/// One session.
pub(super) fn session(out: &mut impl Write, log: &SessionLog, output: Output) -> io::Result<()> {
    one(out, log, output, |screen| Ok(tables::session(log, screen)?))
}

/// What a store holds.
pub(super) fn stats(out: &mut impl Write, stats: &Stats, output: Output) -> io::Result<()> {
    one(out, stats, output, |screen| {
        Ok(tables::stats(stats, screen))
    })
}

/// What a store in a database holds.
pub(super) fn database_stats(
    out: &mut impl Write,
    stats: &DatabaseStats,
    output: Output,
) -> io::Result<()> {
    one(out, stats, output, |screen| {
        Ok(tables::database_stats(stats, screen))
    })
}

/// One value.
fn one(
    out: &mut impl Write,
    value: &impl Serialize,
    output: Output,
    table: impl FnOnce(Screen) -> io::Result<String>,
) -> io::Result<()> {
    match output {
        Output::Table => out.write_all(table(Screen::of_stdout())?.as_bytes()),
        Output::Json | Output::Jsonl => json_line(out, value),
        Output::Csv => csv_line(value, out).map_err(csv_error),
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
    answer(|out| Ok(one(out, value, output, |_| Ok(words(value) + "\n"))?))
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

/// Sessions one after the other, as imports read them.
pub(super) fn export(
    out: &mut impl Write,
    format: TextFormat,
    logs: impl Iterator<Item = Result<SessionLog, Failure>>,
) -> Result<(), Failure> {
    match format {
        TextFormat::Jsonl => {
            for log in logs {
                json_line(out, &log?)?;
            }
            Ok(())
        }
        TextFormat::Csv => {
            let mut csv = csv_under(out, &CSV_COLUMNS).map_err(csv_error)?;
            for log in logs {
                csv.serialize(log?).map_err(csv_error)?;
            }
            Ok(csv.flush()?)
        }
    }
}

fn csv_lines<T: Serialize>(
    out: &mut impl Write,
    columns: &[&str],
    entries: &[T],
) -> csv::Result<()> {
    let mut csv = csv_under(out, columns)?;
    entries.iter().try_for_each(|entry| csv.serialize(entry))?;
    Ok(csv.flush()?)
}

/// The line of names, for what comes under it.
fn csv_under<W: Write>(out: W, columns: &[&str]) -> csv::Result<csv::Writer<W>> {
    let mut csv = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(out);
    csv.write_record(columns)?;
    Ok(csv)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::Profile;
    use chrono::{DateTime, Utc};

    fn columns_of(value: &impl Serialize) -> String {
        let mut csv = csv::Writer::from_writer(Vec::new());
        csv.serialize(value).unwrap();
        let text = String::from_utf8(csv.into_inner().unwrap()).unwrap();
        text.lines().next().unwrap().to_owned()
    }

    #[test]
    fn the_columns_of_csv_are_the_members_of_what_it_holds() {
        let log = Profile::default().session_logs().next().unwrap();
        assert_eq!(columns_of(&log), CSV_COLUMNS.join(","));
        let at = DateTime::<Utc>::UNIX_EPOCH;
        let bucket = BucketCount {
            start: at,
            count: 1,
        };
        assert_eq!(columns_of(&bucket), BUCKET_COLUMNS.join(","));
        let user = UserCount {
            user_refer_uid: log.user_refer_uid,
            user: log.user,
            session_count: 1,
            last_session_start: at,
        };
        assert_eq!(columns_of(&user), USER_COLUMNS.join(","));
        let client = ClientCount {
            client_refer_uid: log.client_refer_uid,
            session_count: 1,
            last_session_start: at,
        };
        assert_eq!(columns_of(&client), CLIENT_COLUMNS.join(","));
    }
}
