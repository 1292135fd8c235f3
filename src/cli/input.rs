//! Files to read records from.

use super::exit::{Failure, Stopped};
use super::signals::{Interrupt, interrupted};
use crossbeam_channel::{Receiver, bounded};
use same_file::Handle;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
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
    /// Where it is; standard input if nowhere.
    path: Option<PathBuf>,
}

impl Input {
    /// Opens the file at `path`, or standard input for `-`, and reads its first bytes: what cannot
    /// be read fails before anything is made of it.
    ///
    /// Its reads fail once the process is asked to end, also while nothing comes.
    pub(super) fn open(path: &Path, interrupt: &Interrupt) -> Result<Self, Failure> {
        let path = (path.as_os_str() != "-").then(|| path.to_owned());
        let name = match &path {
            None => "standard input".to_owned(),
            Some(path) => path.display().to_string(),
        };
        match start(path.as_deref(), interrupt) {
            Ok((bytes, reader)) => Ok(Self {
                name,
                bytes,
                reader,
                path,
            }),
            Err(_) if interrupt.has_come() => {
                Err(Failure::Interrupted(Stopped { name, line: None }))
            }
            Err(error) => Err(Failure::Input { name, error }),
        }
    }

    /// Whether this is what a file holds, by whatever name.
    pub(super) fn is(&self, file: &File) -> io::Result<bool> {
        let other = Handle::from_file(file.try_clone()?)?;
        let own = match (&self.path, self.bytes) {
            (None, _) => Handle::stdin(),
            (Some(path), Some(_)) => Handle::from_path(path),
            // Opening it again would take from it, or wait.
            (Some(_), None) => return Ok(false),
        };
        // What has no identity is no file.
        Ok(own.is_ok_and(|own| own == other))
    }
}

/// The length, if there is one, and the reader.
fn start(path: Option<&Path>, interrupt: &Interrupt) -> io::Result<(Option<u64>, Reader)> {
    let bytes = path.map(length).transpose()?.flatten();
    let source: Box<dyn Read> = match (path, bytes) {
        (Some(path), Some(_)) => Box::new(Prompt {
            input: File::open(path)?,
            interrupt: interrupt.clone(),
        }),
        // Even opening it may take until somebody writes into it.
        (Some(path), None) => {
            let path = path.to_owned();
            Box::new(Piped::new(move || File::open(path), interrupt)?)
        }
        (None, _) => Box::new(Piped::new(|| Ok(io::stdin()), interrupt)?),
    };
    let mut reader = BufReader::with_capacity(BUFFER_BYTES, source);
    reader.fill_buf()?;
    Ok((bytes, reader))
}

/// A pipe or device has no length.
fn length(path: &Path) -> io::Result<Option<u64>> {
    let metadata = fs::metadata(path)?;
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
    fn new<R: Read>(
        open: impl FnOnce() -> io::Result<R> + Send + 'static,
        interrupt: &Interrupt,
    ) -> io::Result<Self> {
        let (sender, pieces) = bounded(PIECES_AHEAD);
        let read = move || {
            let mut input = open();
            loop {
                let piece = match &mut input {
                    Ok(input) => piece(input),
                    Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
                };
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
            interrupt: interrupt.clone(),
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
            // An empty one is the end, which an interruption can come together with.
            if self.piece.get_ref().is_empty() {
                self.interrupt.receive(&self.pieces)?;
            }
        }
        self.piece.read(buffer)
    }
}
