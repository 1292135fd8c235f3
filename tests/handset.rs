//! What a store costs on a handset, with `Options::handset()`: counted, and kept within bounds.
//!
//! `cargo test --release --test handset -- --nocapture` shows the figures, those that are timed too.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing)]

mod support;

use chrono::{DateTime, TimeDelta, Utc};
use sessionlog::{Cursor, Options, Query, SessionLog, Store};
use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;
use support::faulty::FaultyStorage;
use uuid::Uuid;

/// The bytes that a flash drive writes at least, for one that was changed.
const PAGE_BYTES: u64 = 4_096;

/// Set in the process whose memory is measured: the store's directory.
const MEASURED: &str = "SESSIONLOG_HANDSET_MEASURED";

/// A handset knows few users, and is one client.
fn session(number: u64) -> SessionLog {
    let start = DateTime::<Utc>::from_timestamp(1_790_000_000, 0).unwrap();
    let start = start + TimeDelta::minutes(10) * i32::try_from(number).unwrap();
    SessionLog {
        // Of version 7: the later ones are greater.
        refer_uid: Uuid::from_u128(
            u128::from(number + 1) << 80 | 7 << 76 | 2 << 62 | u128::from(number * 7_919),
        ),
        user_refer_uid: Uuid::from_u128(1 + u128::from(number % 3)),
        user: format!("Employee {}", number % 3).into(),
        client_refer_uid: "R5CT30ABCDE".into(),
        session_start: start,
        session_end: None,
    }
}

fn end(log: &SessionLog) -> DateTime<Utc> {
    log.session_start + TimeDelta::minutes(7)
}

/// Logs in and out again, durable both times.
fn logs_one(store: &Store, number: u64) {
    let log = session(number);
    store.append(log.clone()).unwrap();
    store.end(log.refer_uid, end(&log)).unwrap();
}

/// Brings in as many as there were in the years before.
fn fill(store: &Store, numbers: std::ops::Range<u64>) {
    let numbers: Vec<u64> = numbers.collect();
    for some in numbers.chunks(200) {
        let logs = some.iter().map(|number| session(*number));
        let ended = logs.map(|log| SessionLog {
            session_end: Some(end(&log)),
            ..log
        });
        store.append_batch(ended).unwrap();
    }
}

fn bytes_of(directory: &Path) -> u64 {
    let files = fs::read_dir(directory).unwrap();
    files
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum()
}

#[test]
fn a_session_costs_two_syncs_and_nine_kibibytes_of_flash() {
    let storage = FaultyStorage::default();
    let store = Options::handset().create_on(Arc::new(storage.clone()));
    let store = store.unwrap();
    for (name, numbers) in [
        ("the first 1,000", 0..1_000),
        ("the next 4,000", 1_000..5_000),
    ] {
        let counted = || {
            let pages = storage.pages_synced(PAGE_BYTES) * PAGE_BYTES;
            [storage.bytes_written(), pages, storage.syncs()]
        };
        let before = counted();
        let sessions = numbers.end - numbers.start;
        numbers.for_each(|number| logs_one(&store, number));
        let after = counted();
        let [bytes, flash, syncs] = [0, 1, 2].map(|at| (after[at] - before[at]) * 100 / sessions);
        println!(
            "a session, started and ended, among {name}: {} bytes in {} bytes of whole pages, {}.{:02} syncs",
            bytes / 100,
            flash / 100,
            syncs / 100,
            syncs % 100
        );
        assert!(bytes <= 900 * 100, "{bytes}");
        assert!(flash <= 9 * 1_024 * 100, "{flash}");
        assert!(syncs <= 205, "{syncs}");
    }
}

#[test]
fn the_files_grow_with_what_they_hold() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = Options::handset().create(&path).unwrap();
    let mut sizes = vec![(0, bytes_of(&path))];
    for count in [1_000, 100_000] {
        fill(&store, sizes.last().unwrap().0..count);
        sizes.push((count, bytes_of(&path)));
    }
    store.compact(|_| ()).unwrap();
    sizes.push((100_000, bytes_of(&path)));
    println!("sessions, and bytes of the files, the last compacted: {sizes:?}");
    let maxima = [100_000, 500_000, 20_000_000, 16_000_000];
    for ((count, bytes), max) in sizes.into_iter().zip(maxima) {
        assert!(bytes <= max, "{count}: {bytes}");
    }
}

/// The store is as a killed process leaves it: copied while it is open, with all that may wait in its log.
#[test]
fn a_store_that_was_killed_opens_with_all_that_was_logged() {
    let folder = tempfile::tempdir().unwrap();
    let (path, killed) = (folder.path().join("store"), folder.path().join("killed"));
    let store = Options::handset().create(&path).unwrap();
    fill(&store, 0..100_000);
    (100_000..100_250).for_each(|number| logs_one(&store, number));
    let waiting = store.stats().unwrap().delta_session_count;
    assert!(waiting > 100, "{waiting}");
    fs::create_dir(&killed).unwrap();
    for file in ["main.redb", "log.0", "log.1"] {
        fs::copy(path.join(file), killed.join(file)).unwrap();
    }
    let began = Instant::now();
    let opened = Options::handset().open(&killed).unwrap();
    println!(
        "100,250 sessions opened after a kill, {waiting} of them in the log, in {:?}",
        began.elapsed()
    );
    assert_eq!(opened.count(&Query::all()).unwrap(), 100_250);
    let began = Instant::now();
    opened.suspend().unwrap();
    let suspended = began.elapsed();
    opened.resume().unwrap();
    println!(
        "suspended in {suspended:?}, and both in {:?}",
        began.elapsed()
    );
    assert_eq!(opened.count(&Query::all()).unwrap(), 100_250);
}

/// A row of `/proc/self/status`: kibibytes, or a number.
fn status(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let row = status.lines().find(|row| row.starts_with(name)).unwrap();
    row.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// What the other test starts as a process of its own, which has had no memory before.
#[test]
fn measured_alone() {
    let Some(path) = env::var_os(MEASURED) else {
        return;
    };
    let (before, threads) = (status("VmHWM:"), status("Threads:"));
    let store = Options::handset().open(path).unwrap();
    let open = status("VmHWM:");
    (100_000..101_000).for_each(|number| logs_one(&store, number));
    let logged = status("VmHWM:");
    let all = Query::all();
    let mut cursor = Cursor::start(&all);
    loop {
        let page = store.page_after(&all, &cursor, 100).unwrap();
        cursor = page.next;
        if page.remaining_record_count == 0 {
            break;
        }
    }
    let peak = status("VmHWM:");
    let all_three = [open, logged, peak].map(|peak| peak - before);
    println!(
        "KiB above the empty process, open, after 1,000 logged, after all read: {all_three:?}"
    );
    assert_eq!(status("Threads:"), threads, "no thread was started");
    assert!(peak - before <= 8_192, "{all_three:?}");
}

#[test]
fn a_process_takes_eight_mebibytes_for_a_hundred_thousand_sessions_and_no_thread() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let store = Options::handset().create(&path).unwrap();
    fill(&store, 0..100_000);
    store.close().unwrap();
    let measured = Command::new(env::current_exe().unwrap())
        .args(["--exact", "measured_alone", "--nocapture"])
        .env(MEASURED, &path)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&measured.stdout);
    println!(
        "{}",
        told.lines()
            .find(|line| line.contains("KiB"))
            .unwrap_or(&told)
    );
    assert!(measured.status.success(), "{told}");
}
