//! JSON lines.

use super::{Watcher, counts, empty_store, everything};
use proptest::prelude::*;
use sessionlog::import::{
    Destination, ImportError, LINE_BYTES_MAX, Placed, Summary, Written, jsonl,
};
use sessionlog::{SessionLog, Store};
use std::io::{self, BufReader, Read};
use uuid::Uuid;

fn log(id: u128, end: Option<&str>) -> SessionLog {
    let start = "2026-11-01T08:00:00Z".parse().expect("a time");
    let end = end.map(|end| end.parse().expect("a time"));
    let (id, user) = (Uuid::from_u128(id), Uuid::from_u128(7));
    SessionLog::new(id, user, "Ann", "PDA-01", start, end).expect("a good record")
}

fn line(log: &SessionLog) -> String {
    serde_json::to_string(log).expect("a record has its JSON")
}

fn open(id: u128) -> String {
    line(&log(id, None))
}

fn ended(id: u128) -> String {
    line(&log(id, Some("2026-11-01T09:00:00Z")))
}

fn import(store: &Store, input: impl AsRef<[u8]>) -> (Summary, Watcher) {
    let mut watcher = Watcher::default();
    let summary = jsonl(store, input.as_ref(), &mut watcher).expect("memory does not fail");
    (summary, watcher)
}

/// What goes past the log waits for no merge.
#[test]
fn an_import_into_an_empty_store_is_sorted_once_and_goes_past_the_log() {
    let waiting = |store: &Store| store.stats().expect("readable").delta_session_count;
    let lines = |ids: std::ops::RangeInclusive<u128>| ids.map(open).collect::<Vec<_>>().join("\n");
    let store = empty_store();
    let (first, watcher) = import(&store, lines(1..=150_000));
    assert_eq!(counts(first), [150_000, 0, 0, 0]);
    let dealt: Vec<u64> = watcher
        .advances
        .iter()
        .map(|(_, records)| *records)
        .collect();
    assert_eq!(dealt, [100_000, 150_000]);
    assert_eq!(waiting(&store), 50_000);
    // With so many in the store a commit is as small as ever.
    let (second, watcher) = import(&store, lines(150_001..=175_000));
    assert_eq!(counts(second), [25_000, 0, 0, 0]);
    assert_eq!(watcher.advances.len(), 2);
    assert_eq!(everything(&store).len(), 175_000);
}

#[test]
fn records_are_added_found_again_and_ended() {
    let store = empty_store();
    let (first, _) = import(&store, [open(1), open(2), ended(3)].join("\n"));
    assert_eq!(counts(first), [3, 0, 0, 0]);
    let (second, _) = import(&store, [open(1), ended(2), ended(3)].join("\n"));
    assert_eq!(counts(second), [0, 2, 1, 0]);
}

#[test]
fn an_end_may_be_null_or_absent_while_the_session_is_open() {
    let with_null = open(1);
    assert!(with_null.contains(r#""session_end":null"#));
    let without = open(2).replace(r#","session_end":null"#, "");
    let store = empty_store();
    let (summary, _) = import(&store, [with_null, without].join("\n"));
    assert_eq!(counts(summary), [2, 0, 0, 0]);
    assert!(everything(&store).iter().all(SessionLog::is_open));
}

#[test]
fn a_byte_order_mark_crlf_blank_lines_and_a_missing_last_line_ending_do_no_harm() {
    let text = format!(
        "\u{FEFF}\r\n{}\r\n\r\n  \t\n{}\n\n{}",
        open(1),
        open(2),
        open(3)
    );
    let (summary, watcher) = import(&empty_store(), text);
    assert_eq!(counts(summary), [3, 0, 0, 0]);
    assert_eq!(watcher.rejections, []);
    let (summary, _) = import(&empty_store(), format!("\u{FEFF}{}", open(1)));
    assert_eq!(counts(summary), [1, 0, 0, 0]);
}

#[test]
fn an_empty_input_is_no_records() {
    let (summary, watcher) = import(&empty_store(), "");
    assert_eq!(summary, Summary::default());
    assert_eq!(watcher.advances, [(0, 0)]);
}

#[test]
fn lines_that_are_no_records_are_rejected_with_their_number_and_reason() {
    let backwards = ended(9).replace("T09:", "T07:");
    let lines = [
        open(1),
        "{".to_owned(),
        String::new(),
        "[]".to_owned(),
        open(2).replace("\"user\":\"Ann\",", ""),
        format!("{} {}", open(3), open(4)),
        backwards,
        open(3).replace("-000000000003", "-000000000000"),
        open(5),
    ];
    let store = empty_store();
    let (summary, watcher) = import(&store, lines.join("\n"));
    assert_eq!(counts(summary), [2, 0, 0, 6]);
    assert_eq!(watcher.places(), [2, 4, 5, 6, 7, 8]);
    let reasons = [
        "EOF while parsing an object at column 1",
        "it is no object in JSON",
        "missing field `user` at column",
        "trailing characters at column",
        "session_end 2026-11-01T07:00:00Z lies before session_start",
        "refer_uid 00000000-0000-0000-0000-000000000000 is the nil id",
    ];
    for (rejection, reason) in watcher.rejections.iter().zip(reasons) {
        assert!(rejection.reason.starts_with(reason), "{rejection:?}");
    }
    assert_eq!(everything(&store).len(), 2);
}

#[test]
fn a_reason_is_one_short_line_whatever_it_quotes() {
    let hostile = "\\u001b[31m\\n".repeat(1_000);
    let text = open(1).replace("2026-11-01T08:00:00Z", &hostile);
    let (_, watcher) = import(&empty_store(), text);
    let reason = &watcher.rejections[0].reason;
    assert!(!reason.contains(char::is_control), "{reason}");
    assert!(reason.chars().count() <= 301);
}

#[test]
fn bytes_that_are_not_utf_8_are_rejected_and_the_next_line_is_taken() {
    let mut bytes = b"{\"user\": \"\xFF\"}\n".to_vec();
    bytes.extend(open(1).as_bytes());
    let (summary, watcher) = import(&empty_store(), bytes);
    assert_eq!(counts(summary), [1, 0, 0, 1]);
    assert_eq!(watcher.rejections[0].reason, "not UTF-8 after byte 10");
}

#[test]
fn a_line_may_be_as_long_as_the_limit_and_no_longer() {
    for ending in ["", "\n", "\r\n"] {
        for extra in 0..5 {
            let mut text = open(1);
            text.push_str(&" ".repeat(LINE_BYTES_MAX - text.len() + extra));
            text.push_str(ending);
            let taken = u64::from(extra == 0);
            let (summary, watcher) = import(&empty_store(), &text);
            assert_eq!(
                counts(summary),
                [taken, 0, 0, 1 - taken],
                "{extra} {ending:?}"
            );
            assert_eq!(watcher.advances.last(), Some(&(text.len() as u64, 1)));
        }
    }
}

#[test]
fn the_rest_of_a_line_that_is_too_long_is_skipped() {
    let text = format!(
        "{}\n{}{}\n{}",
        open(1),
        open(2),
        "x".repeat(1_000_000),
        open(3)
    );
    let (summary, watcher) = import(&empty_store(), text);
    assert_eq!(counts(summary), [2, 0, 0, 1]);
    assert_eq!(watcher.places(), [2]);
    assert!(
        watcher.rejections[0]
            .reason
            .contains("longer than 65536 bytes")
    );
}

#[test]
fn refused_records_are_dropped_from_their_batch_and_the_rest_is_written() {
    let store = empty_store();
    store
        .append(log(500, Some("2026-11-01T08:30:00Z")))
        .expect("new");
    let other = open(700).replace("Ann", "Bob");
    let lines: Vec<_> = (1..=120_000).map(ended).chain([open(700), other]).collect();
    let (summary, watcher) = import(&store, lines.join("\n"));
    assert_eq!(counts(summary), [119_999, 1, 0, 2]);
    assert_eq!(watcher.places(), [500, 120_002]);
    assert!(watcher.rejections[0].reason.contains("session_end"));
    assert!(watcher.rejections[1].reason.contains("\"Bob\""));
    assert_eq!(everything(&store).len(), 120_000);
    let records: Vec<u64> = watcher
        .advances
        .iter()
        .map(|(_, records)| *records)
        .collect();
    assert_eq!(records, [100_000, 120_002]);
}

#[test]
fn rejections_of_a_batch_come_in_the_order_of_the_lines() {
    let store = empty_store();
    store
        .append(log(1, Some("2026-11-01T08:30:00Z")))
        .expect("new");
    store
        .append(log(2, Some("2026-11-01T08:30:00Z")))
        .expect("new");
    let (_, watcher) = import(&store, [ended(1), "?".to_owned(), ended(2)].join("\n"));
    assert_eq!(watcher.places(), [1, 2, 3]);
}

#[test]
fn a_store_that_takes_only_small_batches_gets_every_record() {
    let small = Store::options().batch_records_max(10).in_memory();
    let store = small.expect("memory does not fail");
    let mut lines: Vec<_> = (1..=50).map(open).collect();
    lines.push(open(9).replace("Ann", "Bob"));
    let (summary, watcher) = import(&store, lines.join("\n"));
    assert_eq!(counts(summary), [50, 0, 0, 1]);
    assert_eq!(watcher.places(), [51]);
}

#[test]
fn a_closed_store_fails_the_import() {
    let store = empty_store();
    store.close().expect("memory does not fail");
    let error = jsonl(&store, open(1).as_bytes(), &mut ()).expect_err("closed");
    assert!(matches!(error, ImportError::Store(_)));
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn an_input_that_fails_fails_the_import() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    let error = jsonl(&empty_store(), BufReader::new(Failing), &mut ()).expect_err("no disk");
    assert!(matches!(error, ImportError::Input(_)));
    assert!(error.to_string().contains("the disk is gone"));
    // What came before, but for the line that broke off, is there, and told of.
    let (store, mut watcher) = (empty_store(), Watcher::default());
    let whole = [&open(1), "x", &open(3)].join("\n") + "\n" + &open(4);
    let input = BufReader::new(whole.as_bytes().chain(Failing));
    let error = jsonl(&store, input, &mut watcher).expect_err("no disk");
    assert!(matches!(error, ImportError::Input(_)));
    assert_eq!((everything(&store).len(), watcher.places()), (2, vec![2]));
    assert_eq!(watcher.advances.len(), 1);
}

proptest! {
    #[test]
    fn no_bytes_make_the_import_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let (summary, watcher) = import(&empty_store(), &bytes);
        prop_assert_eq!(summary.rejected, watcher.rejections.len() as u64);
        prop_assert_eq!(watcher.advances.last().map(|last| last.0), Some(bytes.len() as u64));
    }
}

#[test]
fn a_rejection_has_its_text_where_that_is_wanted() {
    let lines = [
        "x",
        &open(1),
        "\u{feff} y\r",
        "",
        &open(1).replace("Ann", "Bob"),
    ];
    let mut watcher = Watcher {
        wants_text: true,
        ..Watcher::default()
    };
    let (store, input) = (empty_store(), lines.join("\n"));
    let taken = jsonl(&store, input.as_bytes(), &mut watcher).expect("memory does not fail");
    assert_eq!(counts(taken), [1, 0, 0, 3]);
    let texts = watcher
        .rejections
        .iter()
        .map(|rejection| rejection.text.as_deref());
    let expected = [Some("x"), Some("\u{feff} y"), Some(lines[4])];
    assert_eq!(texts.collect::<Vec<_>>(), expected);
    let (_, watcher) = import(&store, input);
    assert!(
        watcher
            .rejections
            .iter()
            .all(|rejection| rejection.text.is_none())
    );
}

#[test]
fn texts_of_any_length_are_not_kept_for_as_many_lines_as_there_may_be() {
    let mut watcher = Watcher {
        wants_text: true,
        ..Watcher::default()
    };
    let input = ("x".repeat(LINE_BYTES_MAX) + "\n").repeat(1_500);
    jsonl(&empty_store(), input.as_bytes(), &mut watcher).expect("memory does not fail");
    let dealt: Vec<u64> = watcher
        .advances
        .iter()
        .map(|(_, records)| *records)
        .collect();
    assert_eq!(dealt, [1_024, 1_500]);
}

#[test]
fn an_import_ends_at_a_rejection_that_cannot_be_told_and_what_was_written_stays() {
    let mut watcher = Watcher {
        fails_at: Some(2),
        ..Watcher::default()
    };
    let (store, input) = (empty_store(), [&open(1), "x", &open(3)].join("\n"));
    let error = jsonl(&store, input.as_bytes(), &mut watcher).expect_err("it cannot be told");
    assert!(matches!(error, ImportError::Rejections(_)), "{error}");
    assert_eq!(everything(&store).len(), 2);
}

/// A destination that has taken all up to a line before.
struct Resumed<'s>(&'s Store, u64);

impl Destination for Resumed<'_> {
    fn write(&mut self, records: Vec<Placed>) -> Result<Written, ImportError> {
        self.0.write(records)
    }

    fn resume_after(&self) -> u64 {
        self.1
    }
}

#[test]
fn an_import_goes_on_after_the_line_that_its_destination_has_come_to() {
    let lines = [&open(1), "x", &open(3), "y", &open(5)].join("\n");
    for after in 0..=6 {
        let (store, mut watcher) = (empty_store(), Watcher::default());
        jsonl(&mut Resumed(&store, after), lines.as_bytes(), &mut watcher).expect("no failure");
        let (left, lost) = (
            [1, 3, 5].map(|line| line > after),
            [2, 4].map(|line| line > after),
        );
        let count = |left: &[bool]| left.iter().filter(|is_left| **is_left).count();
        assert_eq!(everything(&store).len(), count(&left), "{after}");
        assert_eq!(watcher.rejections.len(), count(&lost), "{after}");
    }
}

#[test]
fn what_was_collected_is_written_when_the_observer_wants_it() {
    let mut watcher = Watcher {
        impatient_at: Some(2),
        ..Watcher::default()
    };
    let (store, input) = (empty_store(), [&open(1), "x", &open(3)].join("\n"));
    jsonl(&store, input.as_bytes(), &mut watcher).expect("memory does not fail");
    let dealt: Vec<u64> = watcher
        .advances
        .iter()
        .map(|(_, records)| *records)
        .collect();
    assert_eq!(dealt, [2, 3]);
}
