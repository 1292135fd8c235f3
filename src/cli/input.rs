//! Files to read records from.

use super::exit::Failure;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

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
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        let name = match is_stdin(path) {
            true => "standard input".to_owned(),
            false => path.display().to_string(),
        };
        match start(path) {
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
fn start(path: &Path) -> io::Result<(Option<u64>, Reader)> {
    let (bytes, source): (_, Box<dyn Read>) = match is_stdin(path) {
        true => (None, Box::new(io::stdin())),
        false => {
            let file = File::open(path)?;
            (length(&file)?, Box::new(file))
        }
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
