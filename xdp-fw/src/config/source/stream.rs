//! Opens a file without waiting, and reads it piece by piece.
//!
//! Owns how much of a file is in memory at a time.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::FileError;

/// Reads whatever is in the file `path`, piece by piece, up to one byte more than `size`: enough to
/// see that it is another file.
pub(crate) fn stream(path: &Path, size: u64, take: impl FnMut(&[u8])) -> io::Result<()> {
    // A device may act when it is opened.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file any more"));
    }
    read_at_most(&mut open(path)?, size, take).map(drop)
}

fn open(path: &Path) -> io::Result<File> {
    // Without O_NONBLOCK, opening a FIFO waits for a writer forever.
    OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)
}

/// How much there was: one byte more than `size` is enough to see that the file grew.
pub(super) fn read_at_most(
    file: &mut File,
    size: u64,
    mut take: impl FnMut(&[u8]),
) -> io::Result<u64> {
    let mut file = file.take(size.saturating_add(1));
    // A main file is one piece, and what is small needs little.
    let piece = usize::try_from(size).map_or(PIECE, |size| size.saturating_add(1).min(PIECE));
    let mut piece = vec![0; piece];
    let mut total = 0;
    loop {
        let count = match file.read(&mut piece) {
            Ok(0) => return Ok(total),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        total += count as u64;
        take(piece.get(..count).unwrap_or_default());
    }
}

/// How much of a file is in memory at a time, in bytes.
const PIECE: usize = 128 << 10;

pub(super) fn open_error(error: io::Error) -> FileError {
    match error.raw_os_error() {
        Some(libc::ENOENT) => FileError::Missing,
        Some(libc::EACCES | libc::EPERM) => FileError::Denied,
        // A socket cannot be opened at all, nor a device without a driver.
        Some(libc::ENXIO | libc::ENODEV) => FileError::NotAFile("a socket or a device"),
        Some(libc::ELOOP) => FileError::NotAFile("a loop of symbolic links"),
        _ => FileError::Io(error),
    }
}
