//! Files to read records from.

use super::exit::Failure;
use super::signals::{Interrupt, interrupted};
use crossbeam_channel::{Receiver, bounded};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;
use std::thread;

/// Bytes that are read at once.
const BUFFER_BYTES: usize = 64 << 10;

pub(super) type Reader = BufReader<Box<dyn Read>>;

/// A file or standard input, opened.
pub(super) struct Input {
    /// What messages call it.
    pub(super) name: String,
    /// How many bytes it has, if that can be told.
    pub(super) bytes: Option<u64>,
    pub(super) reader: Reader,
}

impl Input {
    /// Opens the file at `path`, or standard input for `-`, and reads its first bytes: what cannot
    /// be read fails before anything is made of it.
    ///
    /// Its reads fail once the process is asked to end, also while nothing comes.
    pub(super) fn open(path: &Path, interrupt: &Interrupt) -> Result<Self, Failure> {
        let name = match is_stdin(path) {
            true => "standard input".to_owned(),
            false => path.display().to_string(),
        };
        match start(path, interrupt) {
            Ok((bytes, reader)) => Ok(Self {
                name,
                bytes,
                reader,
            }),
            Err(error) => Err(Failure::Input { name, error }),
        }
    }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// The length, if there is one, and the reader.
fn start(path: &Path, interrupt: &Interrupt) -> io::Result<(Option<u64>, Reader)> {
    let (bytes, input): (_, Box<dyn Read + Send>) = match is_stdin(path) {
        true => (None, Box::new(io::stdin())),
        false => {
            let file = File::open(path)?;
            (length(&file)?, Box::new(file))
        }
    };
    let interrupt = interrupt.clone();
    let source: Box<dyn Read> = match bytes {
        Some(_) => Box::new(Prompt { input, interrupt }),
        None => Box::new(Piped::new(input, interrupt)?),
    };
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, source);
    reader.fill_buf()?;
    Ok((bytes, reader))
}

/// A pipe or device has no length.
fn length(file: &File) -> io::Result<Option<u64>> {
    let metadata = file.metadata()?;
    Ok(metadata.is_file().then_some(metadata.len()))
}

/// An input that never waits for long.
struct Prompt<R> {
    input: R,
    interrupt: Interrupt,
}

impl<R: Read> Read for Prompt<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.interrupt.has_come() {
            true => Err(interrupted()),
            false => self.input.read(buffer),
        }
    }
}

/// An input that can wait for ever: a thread reads it, some pieces ahead.
struct Piped {
    pieces: Receiver<io::Result<Vec<u8>>>,
    piece: Cursor<Vec<u8>>,
    interrupt: Interrupt,
}

/// Pieces that are read ahead.
const PIECES_AHEAD: usize = 4;

impl Piped {
    fn new(mut input: impl Read + Send + 'static, interrupt: Interrupt) -> io::Result<Self> {
        let (sender, pieces) = bounded(PIECES_AHEAD);
        let read = move || {
            loop {
                let piece = piece(&mut input);
                let is_last = piece.as_ref().map_or(true, Vec::is_empty);
                if sender.send(piece).is_err() || is_last {
                    return;
                }
            }
        };
        thread::Builder::new().name("input".into()).spawn(read)?;
        Ok(Self {
            pieces,
            piece: Cursor::default(),
            interrupt,
        })
    }
}

/// What comes next; nothing at the end.
fn piece(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut piece = vec![0; BUFFER_BYTES];
    loop {
        match input.read(&mut piece) {
            Ok(count) => {
                piece.truncate(count);
                return Ok(piece);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

impl Read for Piped {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let is_read = self.piece.position() == self.piece.get_ref().len() as u64;
        if is_read && let Some(piece) = self.interrupt.receive(&self.pieces)? {
            self.piece = Cursor::new(piece?);
        }
        self.piece.read(buffer)
    }
}
