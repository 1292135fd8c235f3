//! Linux login records: the files utmp and wtmp.

use crate::import::batch::Batch;
use crate::import::compressed;
use crate::import::event::Event;
use crate::import::record::{Layout, Record};
use crate::import::replay::Replay;
use crate::import::{Destination, ImportError, Observer, Summary};
use std::io::{self, BufReader, Cursor, Read};

/// How much of a file is looked at to tell its layout.
const START_BYTES: u64 = 96 << 10;

/// How files begin that are taken for login records, and are none.
const OTHER_FILES: [(&[u8], &str); 2] = [
    (b"utmpx-1.00", "a file of macOS"),
    (
        b"SQLite format 3\0",
        "a database of SQLite, as wtmpdb keeps",
    ),
];

/// Imports Linux login records, as `/var/log/wtmp` holds them, of the machine `source`.
///
/// The layout is found out: records of 384 or 400 bytes (times of 32 or 64 bits), little- or
/// big-endian.
///
/// # What becomes of a login
///
/// - `refer_uid` is a UUIDv5 of the source, the line, the process and the time of the login: the
///   same record is the same session whenever it is read.
/// - `user_refer_uid` is a UUIDv5 of the source and the name: users are those of a machine.
/// - `client_refer_uid` is the host, a space and the line (`10.0.0.5 pts/0`), or only the line of
///   a local login (`tty1`).
/// - Times are those of the records, to the microsecond; those of 32 bits reach to 2106.
///
/// # When a session ends
///
/// As last(1) has it; sessions that it shows as `still logged in` or `gone - no logout` are open.
/// The first of these records to follow the login ends it, at its own time:
///
/// - a logout on the line, whatever its process, or a getty's start there;
/// - another login on the line;
/// - a shutdown, or the change to run level 0 or 6 (last says `down`);
/// - a boot, where the source was not shut down before: the end is then not known better than by
///   the time of the boot (last says `crash`).
///
/// Hence after a shutdown a boot finds nothing to end. If the record that ends a session is of an
/// earlier time than its login, because the clock was set back, the session ends as it starts.
///
/// # Several files
///
/// The records of a file also end the sessions of the source that are open in the store, unless
/// these start later: so `wtmp.1` and then `wtmp` give the same as both in one, and importing
/// either again, or once it has grown, changes no more than the new records do. Older files come
/// first: what a newer one says of a session that is not stored yet has no effect.
///
/// # What is rejected
///
/// By its number, a record with a type, text or time that none can have, a login on a line with a
/// space or with the line, process and time of another login, what the store refuses, and the rest
/// at the end that is no whole record. Records that neither begin nor end a session are passed
/// over, and so are logouts that match none.
///
/// Memory is bounded by one batch, of 100,000 records where the store has few yet and else of 20,000,
/// and by the sessions of the source that are open at once.
///
/// # Errors
///
/// [`ImportError::Compressed`] if it is; [`ImportError::NotLoginRecords`] if nothing at the start of the input looks like a login record
/// (an empty input is one of no records), [`ImportError::Input`] if it cannot be read: what comes before
/// is taken. Else [`ImportError::Rejections`] or what the destination gives, which must be able to tell
/// its open sessions, as a [`Store`](crate::Store) is.
pub fn wtmp(
    mut destination: impl Destination,
    input: impl Read,
    source: &str,
    observer: &mut dyn Observer,
) -> Result<Summary, ImportError> {
    let mut records = records_of(input)?;
    destination.begin()?;
    let mut replay = Replay::new(&mut destination, source)?;
    let mut batch = Batch::new(&mut destination, observer);
    let mut place = 0;
    loop {
        match records.advance() {
            Ok(true) => place += 1,
            Ok(false) => break,
            Err(error) => {
                replay.finish(&mut batch);
                return Err(batch.broken(error.into()));
            }
        }
        match records.event() {
            Ok(Some(event)) => replay.take(place, event, &mut batch),
            Ok(None) => {}
            Err(reason) => batch.reject(place, &reason),
        }
        batch.dealt(place, records.bytes)?;
    }
    replay.finish(&mut batch);
    batch.finish(records.bytes)
}

/// The records of the input, whose start is read twice: first to find the layout.
fn records_of(mut input: impl Read) -> Result<Records<impl Read>, ImportError> {
    let mut start = Vec::new();
    input.by_ref().take(START_BYTES).read_to_end(&mut start)?;
    let layout = layout_of(&start)?;
    Ok(Records {
        input: Cursor::new(start).chain(BufReader::new(input)),
        layout,
        buffer: Vec::with_capacity(layout.record_bytes()),
        bytes: 0,
    })
}

fn layout_of(start: &[u8]) -> Result<Layout, ImportError> {
    compressed::refuse(start)?;
    let mut others = OTHER_FILES.iter();
    if let Some((_, what)) = others.find(|(begin, _)| start.starts_with(begin)) {
        return Err(ImportError::NotLoginRecords(format!("it is {what}")));
    }
    let is_whole = (start.len() as u64) < START_BYTES;
    Layout::detect(start, is_whole).ok_or_else(|| {
        ImportError::NotLoginRecords(format!(
            "nothing in the first {} bytes looks like one, of 384 or 400 bytes, in either byte order",
            start.len()
        ))
    })
}

/// The records of the input, one after the other in the same memory.
struct Records<R> {
    input: R,
    layout: Layout,
    buffer: Vec<u8>,
    /// Read so far.
    bytes: u64,
}

impl<R: Read> Records<R> {
    /// Goes to the next record, or to what is left of one at the end; false if there is none.
    fn advance(&mut self) -> io::Result<bool> {
        self.buffer.clear();
        let size = self.layout.record_bytes() as u64;
        let mut record = self.input.by_ref().take(size);
        let read = record.read_to_end(&mut self.buffer)?;
        self.bytes += read as u64;
        Ok(read > 0)
    }

    fn event(&self) -> Result<Option<Event<'_>>, String> {
        let size = self.layout.record_bytes();
        if self.buffer.len() < size {
            let left = self.buffer.len();
            return Err(format!("cut off after {left} of {size} bytes"));
        }
        Event::of(Record::new(self.layout, &self.buffer))
    }
}
