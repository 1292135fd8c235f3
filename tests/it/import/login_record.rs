//! Makes login records, independently of what reads them.

use chrono::DateTime;

/// One record; `at` is in microseconds from the [`EPOCH`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LoginRecord {
    pub(super) kind: u16,
    pub(super) pid: u32,
    pub(super) line: Vec<u8>,
    pub(super) user: Vec<u8>,
    pub(super) host: Vec<u8>,
    pub(super) at: i64,
}

/// 2023-11-14T22:13:20Z, in seconds.
pub(super) const EPOCH: i64 = 1_700_000_000;

/// Size of a record, and whether it is big-endian.
pub(super) const LAYOUTS: [(usize, bool); 4] =
    [(384, false), (400, false), (384, true), (400, true)];

fn record(kind: u16, pid: u32, line: &str, user: &str, host: &str, at: i64) -> LoginRecord {
    LoginRecord {
        kind,
        pid,
        line: line.into(),
        user: user.into(),
        host: host.into(),
        at,
    }
}

/// `seconds` after the epoch, and some microseconds that an import must keep.
pub(super) fn micros(seconds: i64) -> i64 {
    seconds * 1_000_000 + 123_456
}

pub(super) fn login(seconds: i64, line: &str, user: &str, host: &str) -> LoginRecord {
    record(7, 4711, line, user, host, micros(seconds))
}

pub(super) fn logout(seconds: i64, line: &str) -> LoginRecord {
    record(8, 4711, line, "", "", micros(seconds))
}

pub(super) fn boot(seconds: i64) -> LoginRecord {
    record(2, 0, "~", "reboot", "6.1.0", micros(seconds))
}

pub(super) fn shutdown(seconds: i64) -> LoginRecord {
    record(1, 0, "~", "shutdown", "6.1.0", micros(seconds))
}

pub(super) fn run_level(seconds: i64, level: char) -> LoginRecord {
    record(1, level.into(), "~", "runlevel", "6.1.0", micros(seconds))
}

/// A getty's start, as systemd tells of it, and then the getty itself.
pub(super) fn getty(seconds: i64, line: &str) -> [LoginRecord; 2] {
    [
        record(5, 99, line, "", "", micros(seconds)),
        record(6, 99, line, "LOGIN", "", micros(seconds) + 1),
    ]
}

/// The clock was set: the old time, then the new one.
pub(super) fn clock_change(from: i64, to: i64) -> [LoginRecord; 2] {
    [
        record(4, 0, "|", "date", "", micros(from)),
        record(3, 0, "{", "date", "", micros(to)),
    ]
}

impl LoginRecord {
    /// The record as utmpdump(1) writes and reads it.
    pub(super) fn to_text(&self) -> String {
        let at = DateTime::from_timestamp_micros(EPOCH * 1_000_000 + self.at).expect("a time");
        format!(
            "[{}] [{:05}] [    ] [{:8}] [{:12}] [{:20}] [0.0.0.0        ] [{}]\n",
            self.kind,
            self.pid,
            String::from_utf8_lossy(&self.user),
            String::from_utf8_lossy(&self.line),
            String::from_utf8_lossy(&self.host),
            at.format("%Y-%m-%dT%H:%M:%S,%6f+00:00"),
        )
    }

    fn put(&self, file: &mut Vec<u8>, size: usize, is_big_endian: bool) {
        let start = file.len();
        let mut put = |offset: usize, bytes: &[u8]| {
            file.resize(start + offset, 0);
            file.extend(bytes);
        };
        let number = |value: i64, size: usize| match is_big_endian {
            true => value.to_be_bytes()[8 - size..].to_vec(),
            false => value.to_le_bytes()[..size].to_vec(),
        };
        let seconds = EPOCH + self.at.div_euclid(1_000_000);
        let micros = self.at.rem_euclid(1_000_000);
        put(0, &number(self.kind.into(), 2));
        put(4, &number(self.pid.into(), 4));
        put(8, &self.line);
        put(44, &self.user);
        put(76, &self.host);
        if size == 400 {
            put(344, &number(seconds, 8));
            put(352, &number(micros, 8));
            put(360, &[10, 0, 0, 5]);
        } else {
            put(340, &number(seconds, 4));
            put(344, &number(micros, 4));
            put(348, &[10, 0, 0, 5]);
        }
        file.resize(start + size, 0);
    }
}

/// A file of the given layout.
pub(super) fn file_of(records: &[LoginRecord], (size, is_big_endian): (usize, bool)) -> Vec<u8> {
    let mut file = Vec::new();
    for record in records {
        record.put(&mut file, size, is_big_endian);
    }
    file
}

/// A file as most Linux machines have it.
pub(super) fn file(records: &[LoginRecord]) -> Vec<u8> {
    file_of(records, (384, false))
}
