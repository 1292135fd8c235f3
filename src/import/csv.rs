//! CSV: a line of names, and one session log a row.

use crate::SessionLog;
use crate::import::batch::Batch;
use crate::import::compressed;
use crate::import::members::{id, time};
use crate::import::{Destination, ImportError, LINE_BYTES_MAX, Observer, Summary, short};
use csv::{ByteRecord, Position, ReaderBuilder, StringRecord};
use std::io::{self, Cursor, Read};

/// The columns of [`csv()`], all of which must be there: the members of [`SessionLog`] in their order.
pub const CSV_COLUMNS: [&str; 6] = [
    "refer_uid",
    "user_refer_uid",
    "user",
    "client_refer_uid",
    "session_start",
    "session_end",
];

/// Imports CSV (RFC 4180): a line with the names of the six members of [`SessionLog`], in any order
/// and any case, and a row for each record. Ids and times are written as in JSON lines; an empty
/// `session_end` is an open session, and no other value is.
///
/// A row that is no such record is rejected by its line, and so is a record that the destination
/// refuses.
///
/// Memory is bounded whatever the input: by one batch, of 100,000 records where the store has few yet
/// and else of 20,000, and one row.
///
/// # Errors
///
/// [`ImportError::Columns`] if the first line does not name the columns, each once: a mistyped
/// `session_end` must not make open sessions. [`ImportError::Input`] if the input cannot be read,
/// or a row is much longer than [`LINE_BYTES_MAX`], as it is where a quote is not closed: what comes
/// before is taken. [`ImportError::Compressed`] if it is. Else [`ImportError::Rejections`] or what the
/// destination gives.
pub fn csv(
    mut destination: impl Destination,
    input: impl Read,
    observer: &mut dyn Observer,
) -> Result<Summary, ImportError> {
    let mut reader = ReaderBuilder::new()
        .flexible(true)
        .from_reader(Input::new(input)?);
    let names = names(reader.byte_headers().map_err(no_header)?)?;
    destination.begin()?;
    let mut batch = Batch::new(&mut destination, observer);
    let mut row = ByteRecord::new();
    let mut end = reader.position().byte();
    loop {
        match reader.read_byte_record(&mut row) {
            Ok(true) => {}
            Ok(false) => return batch.finish(reader.position().byte()),
            Err(error) => {
                let line = reader.get_mut().line_of_row(end);
                return Err(batch.broken(unreadable(error, line)));
            }
        }
        let start = row.position().map_or(0, Position::byte);
        end = reader.position().byte();
        let line = reader.get_mut().line_of_row(start);
        let text = reader.get_ref().row_up_to(end);
        batch.text(line, text);
        match check_quotes(text).and_then(|()| parse(&row, &names)) {
            Ok(log) => batch.push(line, log),
            Err(reason) => batch.reject(line, &reason),
        }
        batch.dealt(line, end)?;
    }
}

/// Refuses a row whose quotes enclose no whole field (RFC 4180, section 2, rule 5): the reader would
/// guess what was meant.
fn check_quotes(row: &[u8]) -> Result<(), String> {
    if !row.contains(&b'"') {
        return Ok(());
    }
    let mut place = Place::Start;
    for byte in row {
        place = match (place, byte) {
            (Place::Quoted, b'"') => Place::Closed,
            (Place::Quoted, _) | (Place::Start | Place::Closed, b'"') => Place::Quoted,
            (_, b',') => Place::Start,
            (Place::Closed, _) => return Err("text follows a closing quote".to_owned()),
            _ => Place::Plain,
        };
    }
    match place {
        Place::Quoted => Err("a quote is not closed".to_owned()),
        _ => Ok(()),
    }
}

/// Where in a row a byte is.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// At the start of a field.
    Start,
    /// In a field without quotes, where a quote is a character like any other.
    Plain,
    Quoted,
    /// Behind a quote that closes a field, or is the first of two.
    Closed,
}

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The input after its mark. It gives so much for a row and no more, and knows which line each row
/// begins on: what the reader itself calls a line is another one after CRLF and blank lines.
struct Input<R> {
    rest: io::Chain<Cursor<Vec<u8>>, R>,
    /// What was given, from the last row that was asked about.
    given: Vec<u8>,
    /// Where that begins: its offset, and its line, from one.
    offset: u64,
    line: u64,
}

impl<R: Read> Input<R> {
    fn new(mut input: R) -> Result<Self, ImportError> {
        let mut start = compressed::start(&mut input)?;
        if start.starts_with(BYTE_ORDER_MARK) {
            start.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(Self {
            rest: Cursor::new(start).chain(input),
            given: Vec::new(),
            offset: 0,
            line: 1,
        })
    }

    /// The line of the row that begins at the offset `start`, or behind the line ends there.
    fn line_of_row(&mut self, start: u64) -> u64 {
        let start = usize::try_from(start - self.offset).unwrap_or(usize::MAX);
        let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
        let ends = self
            .given
            .iter()
            .skip(start)
            .take_while(|byte| is_end(byte));
        let start = self.given.len().min(start + ends.count());
        let before = self.given.drain(..start).collect::<Vec<u8>>();
        self.offset += start as u64;
        self.line += lines(&before);
        self.line
    }

    /// The row that was last asked about, which ends at the offset `end`, without its line end.
    fn row_up_to(&self, end: u64) -> &[u8] {
        let length = usize::try_from(end.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let row = self.given.get(..length).unwrap_or(&self.given);
        let row = row.strip_suffix(b"\n").unwrap_or(row);
        row.strip_suffix(b"\r").unwrap_or(row)
    }
}

/// How many lines end: with LF, CR, or both.
fn lines(text: &[u8]) -> u64 {
    let mut followers = text.iter().skip(1);
    let ends = text.iter().filter(|byte| {
        let next = followers.next();
        **byte == b'\n' || (**byte == b'\r' && next != Some(&b'\n'))
    });
    ends.count() as u64
}

impl<R: Read> Read for Input<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given.len() > 2 * LINE_BYTES_MAX {
            let problem = format!("a row is longer than {LINE_BYTES_MAX} bytes: is a quote open?");
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        let count = self.rest.read(buffer)?;
        self.given.extend(buffer.iter().take(count));
        Ok(count)
    }
}

/// What is wrong with an input whose first line cannot be read.
fn no_header(error: csv::Error) -> ImportError {
    match unreadable(error, 1) {
        ImportError::Input(error) if error.kind() == io::ErrorKind::InvalidData => {
            ImportError::Columns(error.to_string())
        }
        other => other,
    }
}

/// What is wrong with the input from the row on this line on.
fn unreadable(error: csv::Error, line: u64) -> ImportError {
    let told = error.to_string();
    ImportError::Input(match error.into_kind() {
        csv::ErrorKind::Io(error) if error.kind() == io::ErrorKind::InvalidData => {
            io::Error::new(error.kind(), format!("line {line}: {error}"))
        }
        csv::ErrorKind::Io(error) => error,
        _ => io::Error::other(told),
    })
}

/// The names of the columns as members.
fn names(header: &ByteRecord) -> Result<StringRecord, ImportError> {
    let given: Vec<String> = header
        .iter()
        .map(|name| String::from_utf8_lossy(name).trim().to_ascii_lowercase())
        .collect();
    let unknown = given
        .iter()
        .find(|name| !CSV_COLUMNS.contains(&name.as_str()));
    if let Some(unknown) = unknown {
        let problem = format!("{unknown:?} is no column");
        return Err(ImportError::Columns(short(&problem)));
    }
    for column in CSV_COLUMNS {
        match given.iter().filter(|name| *name == column).count() {
            1 => {}
            0 => return Err(ImportError::Columns(format!("{column} is missing"))),
            _ => return Err(ImportError::Columns(format!("{column} is there twice"))),
        }
    }
    Ok(given.into())
}

fn parse(row: &ByteRecord, names: &StringRecord) -> Result<SessionLog, String> {
    if row.len() != names.len() {
        let hint = match row.iter().any(|field| field.contains(&b'\n')) {
            true => ", and more than one line: is a quote open?",
            false => "",
        };
        let (found, wanted) = (row.len(), names.len());
        return Err(format!("the row has {found} of {wanted} fields{hint}"));
    }
    let row = StringRecord::from_byte_record(row.clone())
        .map_err(|error| format!("not UTF-8 in field {}", error.utf8_error().field() + 1))?;
    let field = |column: &str| {
        let mut named = names.iter().zip(&row);
        let found = named.find(|(name, _)| *name == column);
        found.map(|(_, field)| field).unwrap_or_default()
    };
    let end = Some(field("session_end")).filter(|end| !end.is_empty());
    SessionLog::new(
        id("refer_uid", field("refer_uid"))?,
        id("user_refer_uid", field("user_refer_uid"))?,
        field("user"),
        field("client_refer_uid"),
        time("session_start", field("session_start"))?,
        end.map(|end| time("session_end", end)).transpose()?,
    )
    .map_err(|error| error.to_string())
}
