//! CSV: what is taken, what is rejected, and what is no table of sessions at all.

use super::{Watcher, counts, empty_store, everything};
use sessionlog::import::{ImportError, LINE_BYTES_MAX, Summary, csv};
use sessionlog::{Query, Store};

const HEADER: &str = "refer_uid,user_refer_uid,user,client_refer_uid,session_start,session_end";

fn row(number: u32, end: &str) -> String {
    format!(
        "00000000-0000-4000-8000-{number:012},00000000-0000-4000-8000-0000000000aa,Ann,PDA-01,\
         2026-11-01T08:00:00Z,{end}"
    )
}

fn import(store: &Store, text: &str) -> (Result<Summary, ImportError>, Watcher) {
    let mut watcher = Watcher::default();
    (csv(store, text.as_bytes(), &mut watcher), watcher)
}

/// The one rejection of a row, as a reason.
fn rejected(row: &str) -> String {
    let (summary, watcher) = import(&empty_store(), &format!("{HEADER}\n{row}\n"));
    assert_eq!(counts(summary.unwrap()), [0, 0, 0, 1], "{row}");
    assert_eq!(watcher.places(), [2], "{row}");
    watcher.rejections[0].reason.clone()
}

#[test]
fn rows_become_sessions_whatever_the_order_and_case_of_the_columns() {
    let store = empty_store();
    let text = "\u{feff}Session_End,USER,refer_uid,client_refer_uid,user_refer_uid,session_start\r\n\
        2026-11-01T09:00:00.5Z,\"Ann, \"\"A\"\"\r\nB\",6f9619ff-8b86-d011-b42d-00c04fc964ff,\
        PDA-01,11111111-2222-3333-4444-555555555555,2026-11-01T08:00:00Z\r\n";
    let (summary, _) = import(&store, text);
    assert_eq!(counts(summary.unwrap()), [1, 0, 0, 0]);
    let log = &everything(&store)[0];
    assert_eq!(&*log.user, "Ann, \"A\"\r\nB");
    assert_eq!(
        log.session_end.unwrap(),
        crate::at("2026-11-01T09:00:00.5Z")
    );
}

#[test]
fn only_an_empty_end_is_an_open_session() {
    let store = empty_store();
    let text = format!(
        "{HEADER}\n{}\n{}\n",
        row(1, ""),
        row(2, "2026-11-01T09:00:00Z")
    );
    assert_eq!(counts(import(&store, &text).0.unwrap()), [2, 0, 0, 0]);
    let open = Query::builder().open_sessions_only(true).build().unwrap();
    assert_eq!(store.count(&open).unwrap(), 1);
    for zero in [
        "0001-01-01",
        "0001-01-01T00:00:00Z",
        "0000-00-00",
        "null",
        " ",
    ] {
        let reason = rejected(&row(1, zero));
        assert!(reason.starts_with("session_end"), "{zero}: {reason}");
    }
}

#[test]
fn importing_twice_changes_nothing() {
    let store = empty_store();
    let text = format!("{HEADER}\n{}\n{}\n", row(1, ""), row(2, ""));
    assert_eq!(counts(import(&store, &text).0.unwrap()), [2, 0, 0, 0]);
    assert_eq!(counts(import(&store, &text).0.unwrap()), [0, 2, 0, 0]);
}

#[test]
fn a_bad_row_is_rejected_by_its_line_and_keeps_no_other_out() {
    let quoted = row(1, "").replace("Ann", "\"A\nB\nC\"");
    let text = format!("{HEADER}\n{quoted}\nbogus\n{}\n", row(2, ""));
    let store = empty_store();
    let (summary, watcher) = import(&store, &text);
    assert_eq!(counts(summary.unwrap()), [2, 0, 0, 1]);
    assert_eq!(watcher.places(), [5]);
    assert_eq!(watcher.rejections[0].reason, "the row has 1 of 6 fields");
    for (bad, reason) in [
        (
            row(1, "").replace("00000000-0000-4000-8000-000000000001", "x"),
            "refer_uid \"x\" is not a UUID",
        ),
        (row(1, "2026-11-01T07:00:00Z"), "session_end"),
        (row(1, "") + ",more", "the row has 7 of 6 fields"),
    ] {
        let told = rejected(&bad);
        assert!(told.starts_with(reason), "{told}");
    }
}

#[test]
fn a_header_that_may_hide_ends_is_refused_whole() {
    for (header, problem) in [
        (
            HEADER.replace("session_end", "session_ende"),
            "\"session_ende\" is no column",
        ),
        (HEADER.replace(",session_end", ""), "session_end is missing"),
        (format!("{HEADER},user"), "user is there twice"),
        (row(1, ""), "is no column"),
    ] {
        let store = empty_store();
        match import(&store, &format!("{header}\n{}\n", row(1, ""))).0 {
            Err(ImportError::Columns(why)) => assert!(why.contains(problem), "{why}"),
            other => panic!("{header}: {other:?}"),
        }
        assert!(everything(&store).is_empty());
    }
    let nothing = import(&empty_store(), "").0;
    assert!(
        matches!(nothing, Err(ImportError::Columns(_))),
        "{nothing:?}"
    );
}

#[test]
fn an_open_quote_costs_no_memory() {
    let text = format!(
        "{HEADER}\n{}\n\"{}",
        row(1, ""),
        "x".repeat(4 * LINE_BYTES_MAX)
    );
    let (result, _) = import(&empty_store(), &text);
    let error = result.unwrap_err().to_string();
    assert!(error.contains("is a quote open?"), "{error}");
}

#[test]
fn rejected_rows_are_told_by_their_line_whatever_ends_a_line() {
    for end in ["\n", "\r\n", "\r"] {
        let quoted = row(1, "").replace("Ann", &format!("\"A{end}B\""));
        let blank = String::new();
        let lines = [
            HEADER,
            "bad",
            &quoted,
            "bad",
            &blank,
            &blank,
            "bad",
            &row(2, ""),
            "bad",
        ];
        for mark in ["", "\u{feff}"] {
            let text = format!("{mark}{}", lines.join(end));
            let (summary, watcher) = import(&empty_store(), &text);
            assert_eq!(counts(summary.unwrap()), [2, 0, 0, 4], "{end:?}");
            assert_eq!(watcher.places(), [2, 5, 8, 10], "{end:?}");
        }
    }
}
