//! JSON lines: one session log a line.

use crate::SessionLog;
use crate::import::batch::Batch;
use crate::import::compressed;
use crate::import::members::{id, time};
use crate::import::{CSV_COLUMNS, Destination, ImportError, Observer, Summary};
use serde_json::{Map, Value};
use std::io::{self, BufRead, Cursor, Read};

/// The longest line that [`jsonl`] takes, in bytes without its ending: several times what the
/// longest record needs.
pub const LINE_BYTES_MAX: usize = 64 << 10;

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Imports JSON lines: each is an object with the members of [`SessionLog`] by name, where
/// `session_end` is null or absent while the session is open; a member of another name is refused.
///
/// The lines are UTF-8 and end in LF or CRLF; a byte order mark before the first is ignored, and so
/// are blank lines. A line that is no such record, or is longer than [`LINE_BYTES_MAX`], is
/// rejected by its number, and so is a record that the destination refuses. What a record does to
/// a store is what [`Store::append`](crate::Store::append) says.
///
/// Memory is bounded whatever the input: by one batch, of 100,000 records where the store has few yet
/// and else of 20,000, and one line.
///
/// # Errors
///
/// [`ImportError::Input`] if the input cannot be read: what comes before is taken.
/// [`ImportError::Compressed`] if it is. Else [`ImportError::Rejections`] or what the destination gives.
pub fn jsonl(
    mut destination: impl Destination,
    input: impl BufRead,
    observer: &mut dyn Observer,
) -> Result<Summary, ImportError> {
    let mut input = input;
    let start = Cursor::new(compressed::start(&mut input)?);
    destination.begin()?;
    let mut lines = Lines::new(start.chain(input));
    let mut batch = Batch::new(&mut destination, observer);
    loop {
        match lines.advance() {
            Ok(true) => {}
            Ok(false) => return batch.finish(lines.bytes),
            Err(error) => return Err(batch.broken(error.into())),
        }
        let line = lines.line();
        if line.trim_ascii().is_empty() {
            continue;
        }
        batch.text(lines.number, line);
        match parse(line) {
            Ok(log) => batch.push(lines.number, log),
            Err(reason) => batch.reject(lines.number, &reason),
        }
        batch.dealt(lines.number, lines.bytes)?;
    }
}

fn parse(line: &[u8]) -> Result<SessionLog, String> {
    if line.len() > LINE_BYTES_MAX {
        return Err(format!("the line is longer than {LINE_BYTES_MAX} bytes"));
    }
    let text = std::str::from_utf8(line)
        .map_err(|error| format!("not UTF-8 after byte {}", error.valid_up_to()))?;
    if !text.trim_ascii_start().starts_with('{') {
        // The members of an array would be taken in their order.
        return Err("it is no object in JSON".to_owned());
    }
    serde_json::from_str(text).map_err(|error| match misfit(text) {
        Some(reason) => reason,
        None => describe(&error),
    })
}

/// What is wrong with the value of a member: serde's own message has neither its name nor the value.
fn misfit(text: &str) -> Option<String> {
    let members: Map<String, Value> = serde_json::from_str(text).ok()?;
    let mut reasons =
        CSV_COLUMNS
            .into_iter()
            .filter_map(|member| match (member, members.get(member)?) {
                ("session_end", Value::Null) | ("user" | "client_refer_uid", Value::String(_)) => {
                    None
                }
                ("refer_uid" | "user_refer_uid", Value::String(text)) => id(member, text).err(),
                (_, Value::String(text)) => time(member, text).err(),
                (_, value) => Some(format!("{member} {value} is no text")),
            });
    reasons.next()
}

/// The error without its line, which is always the first: every line is parsed by itself.
fn describe(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match text.strip_suffix(&place) {
        Some(problem) => format!("{problem} at column {}", error.column()),
        None => text,
    }
}

/// The lines of the input, one after the other in the same memory.
struct Lines<R> {
    input: R,
    /// Of the current line, from one.
    number: u64,
    /// Read so far.
    bytes: u64,
    buffer: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    fn new(input: R) -> Self {
        Self {
            input,
            number: 0,
            bytes: 0,
            buffer: Vec::new(),
        }
    }

    /// Goes to the next line; false if there is none. Of one that is too long only so much is
    /// kept as shows that it is.
    fn advance(&mut self) -> io::Result<bool> {
        const KEPT: u64 = (LINE_BYTES_MAX + b"\r\n".len()) as u64;
        self.buffer.clear();
        let mut start = self.input.by_ref().take(KEPT);
        let kept = start.read_until(b'\n', &mut self.buffer)? as u64;
        let mut skipped = 0;
        if kept == KEPT && !self.buffer.ends_with(b"\n") {
            skipped = self.input.skip_until(b'\n')? as u64;
        }
        self.bytes += kept + skipped;
        self.number += 1;
        Ok(kept > 0)
    }

    /// The line without its ending.
    fn line(&self) -> &[u8] {
        let line = self.buffer.as_slice();
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match self.number {
            1 => line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line),
            _ => line,
        }
    }
}
