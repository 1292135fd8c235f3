//! Real processes whose disk is full: what they were told is stored stays and is read at once, and the
//! same handle writes again once there is room.
//!
//! A limit on the size of files stands for the full disk; `.ci/full-disk` tries it on a small one.

use crate::processes::{begin_to_tell, program, tell};
use crate::{at, log, uid};
use chrono::TimeDelta;
use sessionlog::{Error, ErrorKind, PageRequest, Query, SessionLog, Store};
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const START: &str = "2026-11-01T08:00:00Z";

/// Names the store to the process that writes.
const STORE: &str = "SESSIONLOG_TEST_FULL_STORE";

/// Names a small disk to the trial on one. A file of it, which is then removed, leaves little room.
const DISK: &str = "SESSIONLOG_TEST_DISK";
const BALLAST: &str = "ballast";

/// Sessions of a batch.
const BATCH: u128 = 40;
/// Batches that are written while there is room, and once there is room again.
const BATCHES: u128 = 30;
/// No disk of these tests has room for more.
const BATCHES_MAX: u128 = 10_000;
/// How often a batch is tried on a full disk.
const ATTEMPTS: u32 = 20;

/// The sessions of a batch, in their order: no two of them are alike.
fn batch(number: u128) -> impl Iterator<Item = SessionLog> {
    (number * BATCH + 1..=(number + 1) * BATCH).map(|number| {
        let start = at(START) + TimeDelta::minutes(number as i64);
        let end = start + TimeDelta::seconds(number as i64);
        SessionLog {
            user_refer_uid: uid(number % 9 + 1),
            user: format!("User {}", number % 500).into(),
            client_refer_uid: format!("PDA-{}", number % 70).into(),
            session_start: start,
            session_end: number.is_multiple_of(3).then_some(end),
            ..log(number, START, None)
        }
    })
}

/// The sessions of so many batches.
fn sessions(batches: u128) -> Vec<SessionLog> {
    (0..batches).flat_map(batch).collect()
}

/// Every session, by calls that none may fail: an iterator ends when a merge fails after it has begun.
fn by_pages(store: &Store) -> Vec<SessionLog> {
    let pages = (0..).map(|index| {
        let request = PageRequest::new(index, PageRequest::RECORDS_PER_PAGE_MAX);
        store.page(&Query::all(), request.unwrap()).unwrap().entries
    });
    pages
        .take_while(|page| !page.is_empty())
        .flatten()
        .collect()
}

/// Everything that the first batches have is there as it was written, and nothing else; but that a
/// batch which failed may be there too, whole, since its failure can leave that unknown.
fn assert_stored(store: &Store, batches: u128, or_one_more: bool) {
    let found = by_pages(store);
    let is_more = or_one_more && found.len() as u128 > batches * BATCH;
    let batches = batches + u128::from(is_more);
    assert!(
        found == sessions(batches),
        "not the first {batches} batches"
    );
    assert_eq!(store.count(&Query::all()).unwrap(), found.len() as u64);
    for log in found.iter().step_by(37) {
        assert_eq!(store.get(log.refer_uid).unwrap().as_ref(), Some(log));
    }
}

/// What the process does whose disk is full; by itself, nothing.
#[test]
fn writer() {
    let Ok(path) = std::env::var(STORE) else {
        return;
    };
    begin_to_tell();
    // It merges all the time, in threads of their own, and reads from its files.
    let options = Store::options().delta_sessions_max(2_000).cache_bytes(0);
    let store = options.create(path).unwrap();
    let mut stored = 0;
    while stored < BATCHES {
        append(&store, &mut stored).unwrap();
    }
    told("ready");
    let error = loop {
        assert!(stored < BATCHES_MAX, "the disk is never full");
        if let Err(error) = append(&store, &mut stored) {
            break error;
        }
    };
    for _ in 0..ATTEMPTS {
        assert_stored(&store, stored, true);
        // Where a merge has failed, the log may have room.
        if let Err(error) = append(&store, &mut stored) {
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        }
    }
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    told("full");
    for _ in 0..BATCHES {
        append(&store, &mut stored).unwrap();
    }
    assert_stored(&store, stored, false);
    assert!(store.verify(|_| ()).unwrap().is_sound());
    store.close().unwrap();
    tell("closed");
}

/// Appends the next batch, and tells of it.
fn append(store: &Store, stored: &mut u128) -> Result<(), Error> {
    store.append_batch(batch(*stored))?;
    *stored += 1;
    tell("stored");
    Ok(())
}

/// Tells this, and waits until that was done which it asks for.
fn told(line: &str) {
    tell(line);
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).unwrap();
    assert_eq!(answer, "done\n");
}

/// The process that writes, and how many batches it was told are stored.
struct Writer {
    process: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    stored: u128,
}

impl Writer {
    /// A write beyond a limit on the size of files is an error for it, and not its end.
    fn start(store: &Path) -> Self {
        let (program, arguments) = program("full_disk::writer");
        let mut bash = Command::new("bash");
        bash.args(["-c", "trap '' XFSZ; exec \"$@\"", "bash"]);
        bash.arg(program).args(arguments).env(STORE, store);
        let bash = bash.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = bash.spawn().unwrap();
        let output = process.stdout.take().unwrap();
        Self {
            input: process.stdin.take().unwrap(),
            lines: BufReader::new(output).lines(),
            process,
            stored: 0,
        }
    }

    /// Listens until it says this.
    fn listen(&mut self, end: &str) {
        loop {
            let line = self.lines.next().expect("the process has failed").unwrap();
            match line.as_str() {
                "stored" => self.stored += 1,
                line if line == end => return,
                _ => {}
            }
        }
    }

    fn go_on(&mut self) {
        self.input.write_all(b"done\n").unwrap();
    }

    /// Sets how large files may get, in bytes.
    fn limit(&self, limit: &str) {
        let mut prlimit = Command::new("prlimit");
        prlimit.arg(format!("--pid={}", self.process.id()));
        // Without the hard limit, so that it can be raised again.
        prlimit.arg(format!("--fsize={limit}:"));
        assert!(prlimit.status().unwrap().success());
    }

    /// Listens to the end.
    fn finish(mut self, store: &Path) {
        self.listen("closed");
        assert!(self.process.wait().unwrap().success());
        check(store, self.stored, false);
    }
}

/// The store is sound, and has what the process was told, as it was written.
fn check(store: &Path, stored: u128, or_one_more: bool) {
    let store = Store::open(store).unwrap();
    let found = store.verify(|_| ()).unwrap();
    assert_eq!(found.faults, Vec::<String>::new());
    assert_stored(&store, stored, or_one_more);
    store.close().unwrap();
}

/// Runs a process until it is full under a limit, which is that share of its longest file.
fn full(store: &Path, percent: u64) -> Writer {
    let mut writer = Writer::start(store);
    writer.listen("ready");
    let main = std::fs::metadata(store.join("main.redb")).unwrap().len();
    writer.limit(&(main * percent / 100).to_string());
    writer.go_on();
    writer.listen("full");
    writer
}

/// The smaller ones let neither the log nor the main index grow, the others the log for a while.
const LIMITS: [u64; 5] = [1, 5, 50, 100, 150];

#[test]
fn a_process_whose_disk_is_full_reads_all_it_was_told_and_writes_again_once_there_is_room() {
    for percent in LIMITS {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store");
        let mut writer = full(&store, percent);
        writer.limit("unlimited");
        writer.go_on();
        writer.finish(&store);
    }
}

#[test]
fn a_process_that_is_killed_while_its_disk_is_full_loses_nothing_it_was_told() {
    for percent in LIMITS {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("store");
        let mut writer = full(&store, percent);
        writer.process.kill().unwrap();
        writer.process.wait().unwrap();
        check(&store, writer.stored, true);
    }
}

/// Where a disk is named that is too small; else nothing.
#[test]
fn a_small_disk_that_is_full_loses_nothing_and_is_written_again_once_there_is_room() {
    let Some(disk) = std::env::var_os(DISK) else {
        return;
    };
    let disk = Path::new(&disk);
    let store = disk.join("store");
    let mut writer = Writer::start(&store);
    writer.listen("ready");
    writer.go_on();
    writer.listen("full");
    std::fs::remove_file(disk.join(BALLAST)).unwrap();
    writer.go_on();
    let stored = writer.stored;
    writer.finish(&store);
    println!("full after {stored} batches");
}
