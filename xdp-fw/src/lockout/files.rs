//! Small files that belong to others.
//!
//! Owns the bounds: nothing here waits for a FIFO, reads a device, or fills the memory. Owner and
//! mode are not looked at: whoever may write these files decides over logins and names anyway.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Largest file, bytes; of a longer one the rest is not read.
const BOUND: u64 = 1 << 20;

/// The text of a regular file, up to the bound; what is not UTF-8 in it is replaced.
///
/// # Errors
/// When it is missing, not a regular file, or cannot be read.
pub(super) fn read(path: &Path) -> io::Result<String> {
    read_up_to(path, BOUND)
}

/// The same up to another bound.
pub(super) fn read_up_to(path: &Path, bound: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    open(path)?.take(bound).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Opens a regular file.
pub(super) fn open(path: &Path) -> io::Result<File> {
    // A FIFO without a writer would be waited for.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifo_a_directory_and_a_missing_file_are_errors_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let fifo = directory.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(read(&fifo).is_err());
        assert!(read(directory.path()).is_err());
        assert!(read(&directory.path().join("nothing")).is_err());
    }

    #[test]
    fn of_a_huge_file_the_beginning_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let huge = directory.path().join("huge");
        File::create(&huge).unwrap().set_len(BOUND * 1000).unwrap();
        assert_eq!(read(&huge).unwrap().len() as u64, BOUND);
    }
}
