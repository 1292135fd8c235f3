//! Files that were rotated, files that have grown, and files of several machines.

use super::login_record::*;
use super::{Watcher, counts, empty_store, everything, import};
use chrono::DateTime;
use sessionlog::import::wtmp;
use sessionlog::{Query, SessionLog, Store};

const NOTHING_NEW: [u64; 3] = [0, 0, 0];

/// Accepted, ended, rejected: what changes a store, or fails to.
fn changes(store: &Store, source: &str, records: &[LoginRecord]) -> [u64; 3] {
    let [accepted, _, ended, rejected] = counts(import(store, source, &file(records)));
    [accepted, ended, rejected]
}

fn older() -> Vec<LoginRecord> {
    vec![
        boot(0),
        login(10, "tty1", "ann", ""),
        login(20, "pts/0", "bob", "far"),
        logout(30, "pts/0"),
        login(40, "pts/1", "cat", "far"),
        login(45, "pts/2", "dan", "far"),
    ]
}

fn newer() -> Vec<LoginRecord> {
    vec![
        logout(50, "pts/1"),
        login(60, "pts/2", "eve", "near"),
        boot(70),
        login(80, "pts/0", "bob", "far"),
        login(90, "pts/1", "fay", "far"),
        logout(95, "pts/1"),
    ]
}

/// The sessions of records that come in one file.
fn at_once(records: &[LoginRecord]) -> Vec<SessionLog> {
    let store = empty_store();
    import(&store, "host", &file(records));
    everything(&store)
}

#[test]
fn a_rotated_file_and_then_the_current_one_are_as_both_in_one() {
    let store = empty_store();
    assert_eq!(changes(&store, "host", &older()), [4, 0, 0]);
    assert_eq!(changes(&store, "host", &newer()), [3, 3, 0]);
    let both = [older(), newer()].concat();
    assert_eq!(everything(&store), at_once(&both));
}

#[test]
fn importing_again_in_any_order_changes_nothing() {
    let store = empty_store();
    import(&store, "host", &file(&older()));
    import(&store, "host", &file(&newer()));
    let before = everything(&store);
    let both = [older(), newer()].concat();
    for records in [older(), older(), newer(), newer(), older(), both] {
        assert_eq!(changes(&store, "host", &records), NOTHING_NEW);
    }
    assert_eq!(everything(&store), before);
}

#[test]
fn a_file_imported_again_is_all_already_there() {
    let store = empty_store();
    import(&store, "host", &file(&older()));
    let again = import(&store, "host", &file(&older()));
    assert_eq!(counts(again), [0, 4, 0, 0]);
}

#[test]
fn a_file_that_has_grown_brings_its_new_records_only() {
    let store = empty_store();
    let both = [older(), newer()].concat();
    for length in 0..=both.len() {
        import(&store, "host", &file(&both[..length]));
        assert_eq!(everything(&store), at_once(&both[..length]), "{length}");
    }
}

#[test]
fn a_rotation_at_any_record_makes_no_difference() {
    let both = [older(), newer()].concat();
    for length in 0..=both.len() {
        let store = empty_store();
        import(&store, "host", &file(&both[..length]));
        import(&store, "host", &file(&both[length..]));
        assert_eq!(everything(&store), at_once(&both), "{length}");
    }
}

#[test]
fn an_older_file_ends_no_session_that_began_later() {
    let store = empty_store();
    import(&store, "host", &file(&[login(100, "pts/0", "zoe", "far")]));
    let older = [
        login(10, "pts/0", "ann", "far"),
        logout(20, "pts/0"),
        boot(30),
    ];
    assert_eq!(changes(&store, "host", &older), [1, 0, 0]);
    let open = Query::builder().open_sessions_only(true).build().unwrap();
    assert_eq!(store.count(&open).unwrap(), 1);
}

#[test]
fn what_a_file_says_before_a_stored_login_of_its_own_does_not_end_it() {
    let mut records = vec![login(900, "pts/0", "ann", ""), logout(950, "pts/0")];
    records.extend(clock_change(960, 100));
    records.push(login(110, "pts/0", "bob", ""));
    let store = empty_store();
    import(&store, "host", &file(&records));
    assert_eq!(changes(&store, "host", &records), NOTHING_NEW);
    assert_eq!(everything(&store), at_once(&records));
}

#[test]
fn sources_keep_their_lines_and_users_apart() {
    let store = empty_store();
    let one = [login(10, "pts/0", "ann", "far")];
    let other = [login(20, "pts/0", "ann", "far"), boot(30)];
    import(&store, "one", &file(&one));
    assert_eq!(changes(&store, "other", &other), [1, 0, 0]);
    let logs = everything(&store);
    assert!(logs[0].is_open() && !logs[1].is_open());
    assert_ne!(logs[0].user_refer_uid, logs[1].user_refer_uid);
    assert_eq!(changes(&store, "one", &[shutdown(40)]), [0, 1, 0]);
    let open = Query::builder().open_sessions_only(true).build().unwrap();
    assert_eq!(store.count(&open).unwrap(), 0);
}

#[test]
fn sessions_that_no_file_brought_are_left_alone() {
    let store = empty_store();
    let user = uuid::Uuid::from_u128(7);
    store.start(user, "ann", "far pts/0").unwrap();
    let late = login(3_000_000_000 - EPOCH, "pts/0", "bob", "far");
    assert_eq!(
        changes(&store, "host", &[late, boot(1_400_000_000)]),
        [1, 0, 0]
    );
    let open = Query::builder().open_sessions_only(true).build().unwrap();
    assert_eq!(store.count(&open).unwrap(), 1);
}

#[test]
fn a_session_that_somebody_else_ended_keeps_its_end_and_the_record_is_rejected() {
    let store = empty_store();
    let ann = login(10, "pts/0", "ann", "");
    import(&store, "host", &file(std::slice::from_ref(&ann)));
    let refer_uid = everything(&store)[0].refer_uid;
    let first = DateTime::from_timestamp(EPOCH + 15, 0).unwrap();
    store.end(refer_uid, first).unwrap();

    let (mut watcher, records) = (Watcher::default(), [boot(0), ann, logout(20, "pts/0")]);
    let summary = wtmp(&store, file(&records).as_slice(), "host", &mut watcher).unwrap();
    assert_eq!(counts(summary), [0, 0, 0, 1]);
    assert_eq!(watcher.places(), [2]);
    assert!(watcher.rejections[0].reason.contains("session_end"));
    assert_eq!(everything(&store)[0].session_end, Some(first));
}
