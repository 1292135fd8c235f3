//! Sessions, users, clients and stores as tables for people.

use super::reading::DatabaseStats;
use super::screen::{Screen, align_right, keep_whole, lines};
use super::text;
use crate::import::CSV_COLUMNS;
use crate::{Busiest, ClientCount, Page, SessionLog, Stats, UserCount};
use chrono::{DateTime, TimeDelta, Utc};
use comfy_table::{Cell, Color, Table};
use serde_json::{Map, Value};
use uuid::Uuid;

/// The columns from which on a session is one line, and those from which on it is two.
const ONE_LINE_COLUMNS: u16 = 130;
const TWO_LINES_COLUMNS: u16 = 80;

/// A session in one line where there is room for it, else in two, or in one column: with six members
/// side by side, names would be broken into pieces.
pub(super) fn page(page: &Page, screen: Screen) -> String {
    let place = format!(
        "page {} of {}, {}\n",
        text::grouped(page.page_index.into()),
        text::grouped(page.total_page_count),
        text::counted(page.total_record_count, "session")
    );
    let entries = &*page.entries;
    match screen.columns {
        _ if entries.is_empty() => place,
        ONE_LINE_COLUMNS.. => in_one_line(entries, screen) + &place,
        TWO_LINES_COLUMNS.. => in_two_lines(entries, screen) + &place,
        _ => in_one_column(entries, screen) + &place,
    }
}

fn in_one_line(entries: &[SessionLog], screen: Screen) -> String {
    let header = [
        "refer_uid",
        "user",
        "client",
        "start (UTC)",
        "end",
        "lasted",
    ];
    let mut table = screen.table(header);
    keep_whole(&mut table, [0, 3, 4, 5]);
    align_right(&mut table, [5]);
    for log in entries {
        table.add_row([
            Cell::new(log.refer_uid),
            Cell::new(text::plain(&log.user)),
            Cell::new(text::plain(&log.client_refer_uid)),
            Cell::new(text::second(log.session_start)),
            marked(log, end(log)),
            Cell::new(lasted(log, screen.now)),
        ]);
    }
    lines(&table)
}

fn in_two_lines(entries: &[SessionLog], screen: Screen) -> String {
    let header = ["refer_uid\nlasted", "user\nclient", "start (UTC)\nend"];
    let mut table = screen.table(header);
    keep_whole(&mut table, [0, 2]);
    for log in entries {
        let names = (text::plain(&log.user), text::plain(&log.client_refer_uid));
        let times = (text::second(log.session_start), end(log));
        table.add_row([
            Cell::new(format!("{}\n  {}", log.refer_uid, lasted(log, screen.now))),
            Cell::new(format!("{}\n{}", names.0, names.1)),
            marked(log, format!("{}\n{}", times.0, times.1)),
        ]);
    }
    lines(&table)
}

fn in_one_column(entries: &[SessionLog], screen: Screen) -> String {
    let mut table = screen.bare_table();
    for log in entries {
        let (user, client) = (text::plain(&log.user), text::plain(&log.client_refer_uid));
        let (start, end) = (text::second(log.session_start), end(log));
        let lasted = lasted(log, screen.now);
        table.add_row([Cell::new(log.refer_uid)]);
        table.add_row([Cell::new(format!("  {user}\n  {client}\n  {start}"))]);
        table.add_row([marked(log, format!("  {end}, {lasted}"))]);
    }
    lines(&table)
}

/// Of open sessions in green.
fn marked(log: &SessionLog, text: String) -> Cell {
    match log.is_open() {
        true => Cell::new(text).fg(Color::DarkGreen),
        false => Cell::new(text),
    }
}

fn end(log: &SessionLog) -> String {
    log.session_end
        .map_or_else(|| "open".to_owned(), text::second)
}

/// How long it lasted, or has lasted so far.
fn lasted(log: &SessionLog, now: DateTime<Utc>) -> String {
    let end = log.session_end.unwrap_or(now);
    // One that starts in the future, by this machine's clock, has not lasted yet.
    text::lasted((end - log.session_start).max(TimeDelta::zero()))
}

/// One session, member by member, as programs get it.
///
/// # Errors
///
/// None that a session can have: of its text in JSON.
pub(super) fn session(log: &SessionLog, screen: Screen) -> serde_json::Result<String> {
    let members: Map<String, Value> = serde_json::from_value(serde_json::to_value(log)?)?;
    let mut table = screen.bare_table();
    for name in CSV_COLUMNS {
        let value = members.get(name).and_then(Value::as_str);
        let value = value.map_or_else(
            || "open".to_owned(),
            |value| text::plain(value).into_owned(),
        );
        let value = match name {
            "session_end" => marked(log, value),
            _ => Cell::new(value),
        };
        table.add_row([Cell::new(name), value]);
    }
    table.add_row(["lasted".to_owned(), lasted(log, screen.now)]);
    Ok(lines(&table))
}

/// The busiest users.
pub(super) fn users(users: &Busiest<UserCount>, screen: Screen) -> String {
    let entries = users.entries.iter().map(|user| Ranked {
        name: format!("{}\n  {}", text::plain(&user.user), user.user_refer_uid),
        session_count: user.session_count,
        last_session_start: user.last_session_start,
    });
    let ranking = ranking("user\n  user_refer_uid", entries, screen);
    with_totals(&ranking, users, "user")
}

/// The busiest clients.
pub(super) fn clients(clients: &Busiest<ClientCount>, screen: Screen) -> String {
    let entries = clients.entries.iter().map(|client| Ranked {
        name: text::plain(&client.client_refer_uid).into_owned(),
        session_count: client.session_count,
        last_session_start: client.last_session_start,
    });
    let ranking = ranking("client_refer_uid", entries, screen);
    with_totals(&ranking, clients, "client")
}

/// One of the busiest.
struct Ranked {
    name: String,
    session_count: u64,
    last_session_start: DateTime<Utc>,
}

/// Without the time where there is no room for it.
fn ranking(what: &str, entries: impl Iterator<Item = Ranked>, screen: Screen) -> Table {
    let is_narrow = screen.columns < TWO_LINES_COLUMNS;
    let mut table = match is_narrow {
        true => screen.table([what, "sessions"]),
        false => screen.table([what, "sessions", "last start (UTC)"]),
    };
    keep_whole(&mut table, [1, 2]);
    align_right(&mut table, [1]);
    for entry in entries {
        let mut row = vec![entry.name, text::grouped(entry.session_count)];
        if !is_narrow {
            row.push(text::second(entry.last_session_start));
        }
        table.add_row(row);
    }
    table
}

fn with_totals<T>(table: &Table, busiest: &Busiest<T>, what: &str) -> String {
    let totals = format!(
        "{} of {}, {}\n",
        text::grouped(busiest.entries.len() as u64),
        text::counted(busiest.total_count, what),
        text::counted(busiest.total_session_count, "session"),
    );
    match busiest.entries.is_empty() {
        true => totals,
        false => lines(table) + &totals,
    }
}

/// What a store holds and costs.
pub(super) fn stats(stats: &Stats, screen: Screen) -> String {
    let numbers = [
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
    ];
    of_store(stats.store_uid, &numbers, screen)
}

/// The same of one in a database.
pub(super) fn database_stats(stats: &DatabaseStats, screen: Screen) -> String {
    let numbers = [
        ("sessions", stats.session_count),
        ("open sessions", stats.open_session_count),
        ("bytes in the database", stats.stored_bytes),
    ];
    of_store(stats.store_uid, &numbers, screen)
}

fn of_store(store_uid: Uuid, numbers: &[(&str, u64)], screen: Screen) -> String {
    let mut table = screen.table(["store", &store_uid.to_string()]);
    align_right(&mut table, [1]);
    for (name, number) in numbers {
        table.add_row([(*name).to_owned(), text::grouped(*number)]);
    }
    lines(&table)
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

    fn screen(columns: u16) -> Screen {
        Screen {
            columns,
            has_colours: false,
            now: Profile::default().end,
        }
    }

    #[test]
    fn a_table_fits_in_a_terminal_and_ends_with_the_totals() {
        for (columns, lines) in [(40, 15), (79, 15), (80, 8), (130, 4), (200, 4)] {
            let table = page(&a_page(), screen(columns));
            let width = |line: &str| line.chars().count() <= columns.into();
            assert!(table.lines().all(width), "{table}");
            let totals = "\npage 0 of 412, 1,234 sessions\n";
            assert!(table.ends_with(totals), "{table}");
            assert_eq!(table.lines().count(), lines + 1, "{table}");
        }
    }

    #[test]
    fn a_long_name_is_shown_whole_and_leaves_ids_and_times_whole() {
        let mut long = a_page();
        let log = long.entries.first_mut().unwrap();
        log.user = "x".repeat(200).into();
        let id = log.refer_uid.to_string();
        for columns in [40, 80, 200] {
            let table = page(&long, screen(columns));
            assert!(table.contains(&id), "{table}");
            assert_eq!(table.matches('x').count(), 200, "{table}");
        }
    }

    #[test]
    fn an_open_session_has_lasted_until_now_and_is_coloured_where_there_are_colours() {
        let mut open = a_page();
        open.entries.truncate(1);
        let log = open.entries.first_mut().unwrap();
        log.session_end = None;
        log.session_start = Profile::default().end - TimeDelta::minutes(90);
        let plain = page(&open, screen(200));
        assert!(
            plain.contains(" open ") && plain.contains("1h 30m"),
            "{plain}"
        );
        assert!(!plain.contains('\u{1b}'), "{plain}");
        let coloured = Screen {
            has_colours: true,
            ..screen(200)
        };
        let coloured = page(&open, coloured);
        assert!(coloured.contains('\u{1b}'), "{coloured}");
        log_of_the_future_has_not_lasted_yet(&mut open);
    }

    fn log_of_the_future_has_not_lasted_yet(open: &mut Page) {
        let log = open.entries.first_mut().unwrap();
        log.session_start = Profile::default().end + TimeDelta::minutes(90);
        assert!(page(open, screen(200)).contains(" 0s\n"));
    }
}
