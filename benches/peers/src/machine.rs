//! What Linux tells of the machine, of this process and of folders.

use crate::Result;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The machine in a line, with the file system that a folder is on.
pub(crate) fn describe(folder: &Path) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpu = field("/proc/cpuinfo", "model name");
    let memory = field("/proc/meminfo", "MemTotal");
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{cores} cores of {cpu}, memory {memory}, Linux {}, files on {}",
        kernel.trim(),
        file_system(folder)
    )
}

/// The value of the first line `name: value`.
fn field(file: &str, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let mut values = lines.filter(|(key, _)| key.trim() == name);
    let value = values.next().map(|(_, value)| value.trim().to_owned());
    value.unwrap_or_else(|| "unknown".to_owned())
}

/// The type of the file system that is mounted closest above a folder.
fn file_system(folder: &Path) -> String {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let above = mounts.lines().filter_map(|line| {
        let mut parts = line.split(' ').skip(1);
        let (at, kind) = (parts.next()?, parts.next()?);
        folder.starts_with(at).then_some((at.len(), kind))
    });
    let closest = above.max_by_key(|(length, _)| *length);
    closest
        .map_or("an unknown file system", |(_, kind)| kind)
        .to_owned()
}

/// Bytes of memory of this process, and those of them that are pages of files.
pub(crate) fn resident_and_of_files() -> Result<(u64, u64)> {
    /// Of the kernel's accounting on the platforms that the engines run on.
    const PAGE_BYTES: u64 = 4_096;
    let text = fs::read_to_string("/proc/self/statm")?;
    let mut pages = text.split(' ').skip(1).map(str::parse::<u64>);
    let mut next = || pages.next().ok_or("statm is cut short");
    let (resident, of_files) = (next()??, next()??);
    Ok((resident * PAGE_BYTES, of_files * PAGE_BYTES))
}

/// Bytes that this process has caused to be written to storage.
pub(crate) fn bytes_written() -> Result<u64> {
    Ok(field("/proc/self/io", "write_bytes").parse()?)
}

/// Bytes of storage that the files below a folder take.
pub(crate) fn bytes_on_disk(folder: &Path) -> Result<u64> {
    /// Of `st_blocks`, whatever the file system's blocks are.
    const BLOCK_BYTES: u64 = 512;
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        bytes += match entry.file_type()?.is_dir() {
            true => bytes_on_disk(&entry.path())?,
            false => entry.metadata()?.blocks() * BLOCK_BYTES,
        };
    }
    Ok(bytes)
}
