//! One file of login records.

use super::login_record::*;
use super::{Watcher, counts, empty_store, everything, import, refusal};
use chrono::{DateTime, Utc};
use proptest::prelude::*;
use sessionlog::import::{Destination, ImportError, Placed, Summary, Written, wtmp};
use sessionlog::{Order, Query, SessionLog};
use std::io::{self, Read};

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(EPOCH * 1_000_000 + micros(seconds)).expect("a time")
}

/// The sessions of a file: user, client, start and end, in seconds.
fn sessions(records: &[LoginRecord]) -> Vec<(String, String, i64, Option<i64>)> {
    let store = empty_store();
    import(&store, "host", &file(records));
    let seconds = |at: DateTime<Utc>| at.timestamp() - EPOCH;
    let told = |log: SessionLog| {
        let (user, client) = (log.user.to_string(), log.client_refer_uid.to_string());
        let end = log.session_end.map(seconds);
        (user, client, seconds(log.session_start), end)
    };
    everything(&store).into_iter().map(told).collect()
}

fn session(
    user: &str,
    client: &str,
    start: i64,
    end: impl Into<Option<i64>>,
) -> (String, String, i64, Option<i64>) {
    (user.to_owned(), client.to_owned(), start, end.into())
}

/// Imports a file of which something is rejected.
fn import_some(file: &[u8]) -> (Summary, Watcher, Vec<SessionLog>) {
    let (store, mut watcher) = (empty_store(), Watcher::default());
    let summary = wtmp(&store, file, "host", &mut watcher).expect("login records");
    (summary, watcher, everything(&store))
}

#[test]
fn every_layout_reads_the_same() {
    let records = [
        boot(0),
        login(10, "tty1", "ann", ""),
        login(20, "pts/0", "bob", "10.0.0.5"),
        logout(30, "tty1"),
    ];
    for count in [2, 3, 4] {
        let read = LAYOUTS.map(|layout| {
            let store = empty_store();
            import(&store, "host", &file_of(&records[..count], layout));
            everything(&store)
        });
        assert_eq!(read[0].len(), (count - 1).min(2));
        assert!(read.iter().all(|logs| *logs == read[0]), "{read:#?}");
    }
}

#[test]
fn a_login_and_its_logout_are_one_session_to_the_microsecond() {
    let store = empty_store();
    let records = [login(10, "pts/0", "bob", "10.0.0.5"), logout(30, "pts/0")];
    let summary = import(&store, "host", &file(&records));
    assert_eq!(counts(summary), [1, 0, 0, 0]);
    let logs = everything(&store);
    assert_eq!(logs.len(), 1);
    assert_eq!(logs[0].session_start, at(10));
    assert_eq!(logs[0].session_end, Some(at(30)));
    assert_eq!(&*logs[0].client_refer_uid, "10.0.0.5 pts/0");
    assert_eq!(logs[0].refer_uid.get_version_num(), 5);
    assert_eq!(logs[0].user_refer_uid.get_version_num(), 5);
}

#[test]
fn a_login_without_a_host_has_the_line_as_its_client() {
    let records = [login(10, "tty1", "ann", "")];
    assert_eq!(sessions(&records), [session("ann", "tty1", 10, None)]);
}

#[test]
fn a_user_is_the_same_in_every_session_of_a_source() {
    let store = empty_store();
    let records = [login(1, "tty1", "ann", ""), login(2, "pts/0", "ann", "far")];
    import(&store, "host", &file(&records));
    let user = everything(&store)[0].user_refer_uid;
    let query = Query::builder().user_refer_uid(user).build().unwrap();
    assert_eq!(store.count(&query).unwrap(), 2);
}

#[test]
fn a_boot_ends_what_the_crash_left_open() {
    let records = [
        boot(0),
        login(10, "tty1", "ann", ""),
        login(20, "pts/0", "bob", "far"),
        logout(30, "tty1"),
        boot(40),
        login(50, "pts/0", "eve", "far"),
    ];
    let expected = [
        session("ann", "tty1", 10, 30),
        session("bob", "far pts/0", 20, 40),
        session("eve", "far pts/0", 50, None),
    ];
    assert_eq!(sessions(&records), expected);
}

#[test]
fn a_shutdown_ends_every_session_and_the_next_boot_none() {
    let records = [login(10, "tty1", "ann", ""), shutdown(30), boot(90)];
    assert_eq!(sessions(&records), [session("ann", "tty1", 10, 30)]);
}

#[test]
fn a_run_level_of_halt_or_reboot_is_a_shutdown_and_no_other_is() {
    for (level, end) in [('0', Some(30)), ('6', Some(30)), ('5', None), ('1', None)] {
        let records = [login(10, "tty1", "ann", ""), run_level(30, level)];
        let expected = [session("ann", "tty1", 10, end)];
        assert_eq!(sessions(&records), expected, "{level}");
    }
}

#[test]
fn a_second_login_on_a_line_ends_the_first() {
    let records = [
        login(10, "pts/0", "ann", "a"),
        login(20, "pts/0", "bob", "b"),
    ];
    let expected = [
        session("ann", "a pts/0", 10, 20),
        session("bob", "b pts/0", 20, None),
    ];
    assert_eq!(sessions(&records), expected);
}

#[test]
fn a_new_getty_ends_the_session_on_its_line() {
    let mut records = vec![login(10, "tty1", "ann", ""), login(11, "tty2", "bob", "")];
    records.extend(getty(20, "tty1"));
    let expected = [
        session("ann", "tty1", 10, 20),
        session("bob", "tty2", 11, None),
    ];
    assert_eq!(sessions(&records), expected);
}

#[test]
fn a_logout_counts_whatever_its_process_and_one_that_matches_nothing_is_passed_over() {
    let mut other = logout(20, "pts/0");
    other.pid = 1;
    let records = [login(10, "pts/0", "ann", ""), other, logout(30, "pts/0")];
    assert_eq!(sessions(&records), [session("ann", "pts/0", 10, 20)]);
}

#[test]
fn a_session_ends_as_it_starts_where_the_clock_was_set_back() {
    let mut records = vec![login(1_000, "pts/0", "ann", "")];
    records.extend(clock_change(1_001, 500));
    records.push(logout(510, "pts/0"));
    assert_eq!(sessions(&records), [session("ann", "pts/0", 1_000, 1_000)]);
}

#[test]
fn logins_without_a_line_stay_open_until_the_machine_goes_down() {
    let records = [
        login(10, "", "ann", "a"),
        login(20, "", "bob", ""),
        logout(30, ""),
        boot(40),
        login(50, "", "eve", ""),
    ];
    let expected = [
        session("ann", "a ", 10, 40),
        session("bob", "", 20, 40),
        session("eve", "", 50, None),
    ];
    assert_eq!(sessions(&records), expected);
}

#[test]
fn names_are_kept_exactly_however_strange() {
    let names = [
        "a user of exactly thirty-two b.c",
        "\"quoted\\\", [brackets] {braces}",
        "ä漢🦀",
        " shutdown ",
        "reboot",
        "shutdown",
        "LOGIN",
        "'; DROP TABLE session_log;--",
    ];
    for name in names {
        let records = [login(1, "pts/0", name, name), logout(2, "pts/0")];
        let client = format!("{name} pts/0");
        assert_eq!(sessions(&records), [session(name, &client, 1, 2)]);
    }
}

#[test]
fn what_lies_behind_the_end_of_a_text_is_no_part_of_it() {
    let mut record = login(1, "pts/0", "ann", "far");
    record.user.extend(b"\0\xFF\x01junk");
    record.line.extend(b"\0 ~");
    assert_eq!(sessions(&[record]), [session("ann", "far pts/0", 1, None)]);
}

#[test]
fn the_same_record_twice_is_one_session() {
    let ann = login(10, "pts/0", "ann", "");
    let records = [ann.clone(), ann, logout(20, "pts/0")];
    assert_eq!(sessions(&records), [session("ann", "pts/0", 10, 20)]);
}

#[test]
fn another_login_with_the_same_line_process_and_time_is_rejected() {
    let records = [login(10, "pts/0", "ann", ""), login(10, "pts/0", "bob", "")];
    let (summary, watcher, logs) = import_some(&file(&records));
    assert_eq!(counts(summary), [1, 0, 0, 1]);
    assert_eq!(watcher.places(), [2]);
    assert_eq!(&*logs[0].user, "ann");
}

#[test]
fn a_record_cut_off_at_the_end_is_reported_and_the_rest_taken() {
    for layout in LAYOUTS {
        let whole = file_of(
            &[login(10, "pts/0", "ann", ""), logout(20, "pts/0")],
            layout,
        );
        for cut in [1, 16, 300, layout.0 - 1] {
            let (summary, watcher, logs) = import_some(&whole[..whole.len() - cut]);
            assert_eq!(counts(summary), [1, 0, 0, 1], "{layout:?} {cut}");
            assert_eq!(watcher.places(), [2]);
            assert!(watcher.rejections[0].reason.starts_with("cut off after "));
            assert!(logs[0].is_open());
        }
    }
}

#[test]
fn a_file_of_nothing_but_a_part_of_a_record_is_no_error() {
    let whole = file(&[login(10, "pts/0", "ann", "")]);
    let (summary, watcher, _) = import_some(&whole[..100]);
    assert_eq!(counts(summary), [0, 0, 0, 1]);
    assert_eq!(watcher.places(), [1]);
}

#[test]
fn corrupt_records_are_reported_with_their_number_and_reason_and_skipped() {
    let good = login(1, "pts/0", "ann", "");
    let bad = |change: &dyn Fn(&mut LoginRecord)| {
        let mut record = login(2, "pts/1", "bob", "far");
        change(&mut record);
        record
    };
    let records = [
        good,
        bad(&|record| record.kind = 99),
        bad(&|record| record.user = b"jos\xE9".to_vec()),
        bad(&|record| record.host = b"\x1B[31mred".to_vec()),
        bad(&|record| record.line = b"pts 1".to_vec()),
        bad(&|record| record.line = b"\xFF\xFF".to_vec()),
        logout(3, "pts/0"),
    ];
    let mut bytes = file(&records);
    // Whoever reads a record backwards or too far must not see this one as any good.
    let last = bytes.len() - 384;
    bytes[last + 344..last + 348].fill(0xFF);
    let (summary, watcher, logs) = import_some(&bytes);
    assert_eq!(counts(summary), [1, 0, 0, 6]);
    assert_eq!(watcher.places(), [2, 3, 4, 5, 6, 7]);
    let reasons = [
        "99 is no type of login record",
        "the user \"jos\\xe9\" is not UTF-8",
        "the host \"\\u{1b}[31mred\" has a control character",
        "the line \"pts 1\" has a space",
        "the line \"\\xff\\xff\" is not UTF-8",
        "4294967295 microseconds are more than a second",
    ];
    for (rejection, reason) in watcher.rejections.iter().zip(reasons) {
        assert_eq!(rejection.reason, reason);
    }
    assert!(logs[0].is_open());
}

#[test]
fn a_time_of_32_bits_reaches_beyond_2038() {
    let late = (u32::MAX as i64) - EPOCH - 1;
    let records = [login(late, "pts/0", "ann", "")];
    assert_eq!(sessions(&records), [session("ann", "pts/0", late, None)]);
}

#[test]
fn an_empty_file_has_no_records_and_a_zeroed_one_no_sessions() {
    assert_eq!(sessions(&[]), []);
    let (summary, watcher, _) = import_some(&[0; 3 * 384]);
    assert_eq!(summary, Summary::default());
    assert_eq!(watcher.rejections, []);
}

#[test]
fn files_of_another_kind_are_refused() {
    let mut mac = b"utmpx-1.00".to_vec();
    mac.resize(4_000, 0);
    assert!(refusal(&mac).contains("macOS"));
    assert!(refusal(b"SQLite format 3\0").contains("SQLite"));
    assert!(refusal(&b"A line of text.\n".repeat(100)).contains("1600 bytes"));
    assert!(refusal(b"?").contains("1 bytes"));
    assert!(refusal(&[0xFF; 5_000]).contains("5000 bytes"));
}

#[test]
fn the_observer_hears_how_far_the_import_is() {
    let mut records = Vec::new();
    for index in 0..120_000 {
        records.push(login(index, &format!("pts/{index}"), "ann", ""));
    }
    let bytes = file(&records);
    let (summary, watcher, logs) = import_some(&bytes);
    assert_eq!(counts(summary), [120_000, 0, 0, 0]);
    assert_eq!(logs.len(), 120_000);
    let record = 384;
    let expected = [100_000, 120_000].map(|records| (records * record, records));
    assert_eq!(watcher.advances, expected);
}

#[test]
fn one_boot_can_end_more_sessions_than_a_batch_holds() {
    let lines = (0..50_000).map(|index| login(index, &format!("pts/{index}"), "ann", ""));
    let mut records: Vec<_> = lines.collect();
    records.push(boot(900_000));
    let ended = sessions(&records);
    assert_eq!(ended.len(), 50_000);
    assert!(ended.iter().all(|(.., end)| *end == Some(900_000)));
}

#[test]
fn the_newest_open_session_is_the_last_that_logged_in() {
    let store = empty_store();
    let records = [login(1, "pts/0", "ann", ""), login(2, "pts/1", "bob", "")];
    import(&store, "host", &file(&records));
    let newest = Query::builder()
        .open_sessions_only(true)
        .order(Order::NewestFirst);
    let mut logs = store.iter(&newest.build().unwrap()).unwrap();
    assert_eq!(&*logs.next().unwrap().unwrap().user, "bob");
}

proptest! {
    #[test]
    fn no_bytes_make_the_import_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        let _ = wtmp(&empty_store(), bytes.as_slice(), "host", &mut ());
    }

    #[test]
    fn no_damage_makes_the_import_fail_after_a_good_record(
        layout in prop::sample::select(LAYOUTS.to_vec()),
        damage in prop::collection::vec((400_usize..2_400, any::<u8>()), 0..200),
        length in 400_usize..2_400,
    ) {
        let mut records = vec![login(1, "pts/0", "ann", "far")];
        for seconds in 2..6 {
            records.push(login(seconds, "pts/0", "bob", "near"));
        }
        let mut bytes = file_of(&records, layout);
        for (position, value) in damage {
            if let Some(byte) = bytes.get_mut(position) {
                *byte = value;
            }
        }
        bytes.truncate(length);
        let (store, mut watcher) = (empty_store(), Watcher::default());
        let summary = wtmp(&store, bytes.as_slice(), "host", &mut watcher).unwrap();
        prop_assert!(summary.accepted > 0);
        prop_assert_eq!(summary.rejected, watcher.rejections.len() as u64);
    }
}

/// Takes sessions, and cannot tell which are open.
struct Blind;

impl Destination for Blind {
    fn write(&mut self, _: Vec<Placed>) -> Result<Written, ImportError> {
        Ok(Written::default())
    }
}

#[test]
fn login_records_go_only_where_it_can_be_told_which_sessions_are_open() {
    let error = wtmp(Blind, &[0_u8; 384][..], "host", &mut ()).expect_err("it cannot be told");
    assert!(matches!(&error, ImportError::Destination(_)), "{error}");
    assert!(error.to_string().contains("cannot tell"), "{error}");
}

#[test]
fn logins_that_had_ended_before_an_input_failed_are_there() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    // More than is looked at to tell the layout.
    let pairs = (0..200).map(|n| [login(2 * n, "pts/0", "ann", ""), logout(2 * n + 1, "pts/0")]);
    let records = file(&pairs.flatten().collect::<Vec<_>>());
    let store = empty_store();
    let input = records.chain(Failing);
    let error = wtmp(&store, input, "host", &mut ()).expect_err("no disk");
    assert!(matches!(error, ImportError::Input(_)), "{error}");
    assert_eq!(everything(&store).len(), 200);
}
