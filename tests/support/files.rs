//! The bytes of a store's files, looked at from outside.

use sessionlog::storage::{MemoryStorage, Storage};

/// The bytes of a file in memory.
pub fn bytes_of(storage: &MemoryStorage, name: &str) -> Vec<u8> {
    let file = storage.open(name).unwrap();
    let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
    file.read(0, &mut bytes).unwrap();
    bytes
}

/// Where each record of a file of the log ends, and its header; zeros are behind
/// the last.
pub fn record_ends(bytes: &[u8]) -> Vec<usize> {
    let mut ends = vec![24];
    while let Some(end) = ends.last().copied()
        && let Some(length) = bytes.get(end..end + 28).and_then(<[u8]>::first_chunk)
        && u32::from_le_bytes(*length) > 0
    {
        ends.push(end + 28 + u32::from_le_bytes(*length) as usize);
    }
    ends
}
