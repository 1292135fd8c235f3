//! An import says what last(1) says. Needs `last` and `utmpdump` of util-linux.

use super::login_record::*;
use super::{empty_store, everything, import};
use chrono::DateTime;
use proptest::prelude::*;
use sessionlog::SessionLog;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// A session as last(1) shows it: times in seconds from the epoch.
#[derive(Debug)]
struct Shown {
    user: String,
    client: String,
    start: i64,
    end: ShownEnd,
}

#[derive(Debug)]
enum ShownEnd {
    /// `still logged in`; or `gone - no logout`, for a process that this machine does not have.
    Open,
    At(i64),
    /// At a shutdown or crash, after so many minutes.
    Down(i64),
}

fn run(program: &str, command: &mut Command, input: &[u8]) -> Vec<u8> {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = piped.stderr(Stdio::null()).spawn().unwrap_or_else(|error| {
        panic!("`{program}` does not run: {error}. Install it: it is a part of util-linux, which some distributions split up.")
    });
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(input).expect("the program reads");
    drop(stdin);
    let output = child.wait_with_output().expect("the program ends");
    assert!(output.status.success(), "`{program}` failed: {output:?}");
    output.stdout
}

/// A file as utmpdump(1) makes it.
fn dumped_file(records: &[LoginRecord]) -> Vec<u8> {
    let text: String = records.iter().map(LoginRecord::to_text).collect();
    let mut command = Command::new("utmpdump");
    run("utmpdump", command.arg("-r"), text.as_bytes())
}

/// What last(1) says, oldest first.
fn last(path: &Path) -> Vec<Shown> {
    let mut command = Command::new("last");
    command.env("TZ", "UTC").env("LC_ALL", "C");
    command.args(["--fullnames", "--time-format", "iso", "--file"]);
    let output = run("last", command.arg(path), b"");
    let text = String::from_utf8(output).expect("the names are UTF-8");
    let lines = text.lines().take_while(|line| !line.is_empty());
    let mut shown: Vec<_> = lines.filter_map(shown).collect();
    shown.reverse();
    shown
}

/// One line of last's: `user line [host] start`, and then how the session ended.
fn shown(line: &str) -> Option<Shown> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let start = words.iter().position(|word| seconds(word).is_some())?;
    let client = match &words[1..start] {
        [line] => (*line).to_owned(),
        [line, host] => format!("{host} {line}"),
        _ => return None,
    };
    let end = match &words[start + 1..] {
        ["still", ..] | ["gone", ..] => ShownEnd::Open,
        ["-", "down" | "crash", length] => ShownEnd::Down(minutes(length)),
        ["-", end, _] => ShownEnd::At(seconds(end)?),
        _ => panic!("{line:?}"),
    };
    let (user, start) = (words[0].to_owned(), seconds(words[start])?);
    // Boots have lines of their own.
    (user != "reboot").then_some(Shown {
        user,
        client,
        start,
        end,
    })
}

fn seconds(word: &str) -> Option<i64> {
    let at = DateTime::parse_from_rfc3339(word).ok()?;
    Some(at.timestamp() - EPOCH)
}

/// The minutes of `(hours:minutes)` or `(days+hours:minutes)`.
fn minutes(length: &str) -> i64 {
    let numbers = length.trim_matches(['(', ')']).split(['+', ':']);
    let numbers: Vec<i64> = numbers.map(|n| n.parse().expect("a number")).collect();
    match numbers[..] {
        [hours, minutes] => hours * 60 + minutes,
        [days, hours, minutes] => (days * 24 + hours) * 60 + minutes,
        _ => panic!("{length:?}"),
    }
}

fn is_same(log: &SessionLog, shown: &Shown) -> bool {
    let start = log.session_start.timestamp() - EPOCH;
    let end = log.session_end.map(|end| end.timestamp() - EPOCH);
    let ends_alike = match (end, &shown.end) {
        (None, ShownEnd::Open) => true,
        (Some(end), ShownEnd::At(shown)) => end == *shown,
        (Some(end), ShownEnd::Down(minutes)) => (end - start) / 60 == *minutes,
        _ => false,
    };
    let (user, client) = (&*log.user, &*log.client_refer_uid);
    ends_alike && (user, client, start) == (&shown.user, &shown.client, shown.start)
}

/// Imports the records as utmpdump(1) writes them, and compares with what last(1) says.
fn assert_like_last(records: &[LoginRecord]) {
    let file = dumped_file(records);
    assert_eq!(file.len(), records.len() * 384);
    let mut path = tempfile::NamedTempFile::new().expect("room for a file");
    path.write_all(&file).expect("room for a file");
    let said = last(path.path());
    let store = empty_store();
    import(&store, "host", &file);
    let logs = everything(&store);
    let is_alike = logs.len() == said.len() && logs.iter().zip(&said).all(|(a, b)| is_same(a, b));
    assert!(is_alike, "{records:#?}\n{logs:#?}\n{said:#?}");
}

#[test]
fn the_file_that_utmpdump_makes_is_the_one_of_these_tests() {
    let records = [
        boot(0),
        login(10, "pts/0", "ann", "far"),
        logout(20, "pts/0"),
    ];
    let store = empty_store();
    import(&store, "host", &dumped_file(&records));
    let logs = everything(&store);
    import(&store, "host", &file(&records));
    assert_eq!(everything(&store), logs);
}

#[test]
fn the_open_sessions_of_a_running_machine_are_those_of_last() {
    let mut records = vec![boot(0)];
    records.extend(getty(1, "tty1"));
    records.extend([
        login(60, "tty1", "ann", ""),
        login(120, "pts/0", "bob", "10.0.0.5"),
        login(180, "pts/1", "cat", "fe80::1"),
        logout(600, "pts/0"),
    ]);
    assert_like_last(&records);
}

#[test]
fn a_clean_shutdown_and_a_crash_are_those_of_last() {
    let records = [
        boot(0),
        login(60, "tty1", "ann", ""),
        login(120, "pts/0", "bob", "far"),
        shutdown(7_200),
        boot(7_300),
        login(7_400, "pts/0", "bob", "far"),
        boot(200_000),
        login(200_300, "pts/0", "bob", "far"),
        run_level(300_000, '6'),
        shutdown(300_010),
        boot(300_100),
        login(300_200, "pts/0", "eve", "far"),
    ];
    assert_like_last(&records);
}

#[test]
fn lines_taken_over_and_gettys_restarted_are_those_of_last() {
    let mut records = vec![
        boot(0),
        run_level(1, '5'),
        login(60, "tty1", "ann", ""),
        login(120, "tty2", "bob", ""),
        login(180, "tty2", "cat", ""),
    ];
    records.extend(getty(240, "tty1"));
    records.extend(clock_change(300, 310));
    assert_like_last(&records);
}

#[test]
fn types_that_do_not_fit_their_texts_are_read_as_last_reads_them() {
    for kind in [0, 5, 6, 7, 9] {
        let mut odd = login(60, "pts/0", "bob", "far");
        odd.kind = kind;
        let mut nobody = login(120, "pts/1", "", "");
        nobody.kind = kind;
        let ann = login(30, "pts/1", "ann", "far");
        assert_like_last(&[boot(0), ann, odd, nobody]);
    }
}

/// What happens next, and how many seconds later.
type Step = (usize, &'static str, &'static str, char, i64);

fn any_step() -> impl Strategy<Value = Step> {
    (
        0..12_usize,
        prop::sample::select(vec!["tty1", "pts/0", "pts/1", ":0"]),
        prop::sample::select(vec!["ann", "bob"]),
        prop::sample::select(vec!['0', '3', '6']),
        1..5_000_i64,
    )
}

fn records_of(steps: &[Step]) -> Vec<LoginRecord> {
    let mut now = 0;
    let mut records = Vec::new();
    for (sort, line, user, level, seconds) in steps {
        now += seconds;
        match sort {
            0..=4 => records.push(login(now, line, user, "far")),
            5..=7 => records.push(logout(now, line)),
            8 => records.extend(getty(now, line)),
            9 => records.push(boot(now)),
            10 => records.push(shutdown(now)),
            _ => records.push(run_level(now, *level)),
        }
    }
    records
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_history_is_that_of_last(steps in prop::collection::vec(any_step(), 1..40)) {
        assert_like_last(&records_of(&steps));
    }

    #[test]
    fn any_history_may_come_in_two_files_and_again(
        steps in prop::collection::vec(any_step(), 1..40),
        cut in any::<prop::sample::Index>(),
    ) {
        let records = records_of(&steps);
        let (older, newer) = records.split_at(cut.index(records.len()));
        let (at_once, in_two) = (empty_store(), empty_store());
        import(&at_once, "host", &file(&records));
        for part in [older, newer, older, newer] {
            import(&in_two, "host", &file(part));
        }
        assert_eq!(everything(&in_two), everything(&at_once));
    }
}
