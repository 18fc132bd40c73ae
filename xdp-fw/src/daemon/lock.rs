//! One daemon for a run directory.
//!
//! Owns `<run-dir>/lock`. The kernel gives the lock back when its holder dies, however it dies;
//! the file stays, for removing it would let two processes hold two locks of the same name. It
//! holds the number of the process that has the lock, or that died with it.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};

/// Why the lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another daemon holds it.
    #[error(
        "another xdp-fw daemon{} is running with {}; stop it, or give another --run-dir",
        .pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default(), .directory.display()
    )]
    Held {
        /// The run directory.
        directory: PathBuf,
        /// Who holds it, as far as it has said so.
        pid: Option<u32>,
    },
    /// The directory or the file cannot be made.
    #[error("{}: cannot be locked: {source}; {}", .path.display(), remedy(.source))]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The lock, as long as it lives.
#[derive(Debug)]
pub struct Lock {
    file: Flock<File>,
    predecessor: Option<u32>,
}

impl Lock {
    /// Takes the lock of a run directory, which is made if need be.
    ///
    /// # Errors
    /// [`LockError::Held`] names the process that holds it.
    pub fn acquire(directory: &Path) -> Result<Self, LockError> {
        let path = directory.join("lock");
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| LockError::Io { path, source }
        };
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o755);
        builder.create(directory).map_err(failed(directory))?;
        let file = open(&path).map_err(failed(&path))?;
        let mut file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => file,
            Err((mut file, Errno::EWOULDBLOCK)) => {
                return Err(LockError::Held {
                    directory: directory.to_owned(),
                    pid: holder(&mut file),
                });
            }
            Err((_, errno)) => return Err(failed(&path)(errno.into())),
        };
        let predecessor = holder(&mut file);
        write_pid(&mut file).map_err(failed(&path))?;
        Ok(Self { file, predecessor })
    }

    /// The process that held the lock before and never gave it back: it died, or failed.
    #[must_use]
    pub fn predecessor(&self) -> Option<u32> {
        self.predecessor
    }

    /// Gives the lock back after an orderly end.
    pub fn retire(self) {
        // At worst the next one takes this end for a death.
        let _ = self.file.set_len(0);
    }
}

fn remedy(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EMFILE | libc::ENFILE) => "raise the limit on open files",
        _ => "run as root, or give another --run-dir",
    }
}

/// For this user alone: whoever may read the file can hold a lock on it.
fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    Ok(file)
}

fn write_pid(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_refused_and_told_who_was_first() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("run");
        let first = Lock::acquire(&path).unwrap();
        match Lock::acquire(&path) {
            Err(LockError::Held { pid, .. }) => assert_eq!(pid, Some(std::process::id())),
            other => panic!("{other:?}"),
        }
        drop(first);
        Lock::acquire(&path).unwrap();
    }

    #[test]
    fn one_that_died_is_known_and_one_that_retired_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let first = Lock::acquire(directory.path()).unwrap();
        assert_eq!(first.predecessor(), None);
        drop(first);
        let second = Lock::acquire(directory.path()).unwrap();
        assert_eq!(second.predecessor(), Some(std::process::id()));
        second.retire();
        let third = Lock::acquire(directory.path()).unwrap();
        assert_eq!(third.predecessor(), None);
    }
    #[test]
    fn nobody_else_can_open_the_file_and_hold_the_lock() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        let _lock = Lock::acquire(directory.path()).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
