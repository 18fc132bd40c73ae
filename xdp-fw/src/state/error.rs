//! Why a configuration cannot be stored or read.

use std::io;
use std::path::{Path, PathBuf};

/// Why a configuration cannot be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// None was ever stored here.
    #[error("no last good configuration in {}", .0.display())]
    Missing(PathBuf),
    /// Something else than a complete snapshot is there.
    #[error("the stored configuration is damaged: {}: {what}", .path.display())]
    Corrupt {
        /// The file that is wrong.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Another user could have written it.
    #[error("{} is not a directory that only user {user} can write; remove it", .path.display())]
    Untrusted {
        /// The directory.
        path: PathBuf,
        /// The effective user id of this process.
        user: u32,
    },
    /// It belongs to another configuration, whose rules are none of this one's business.
    #[error("the last good configuration is that of {}, not of {}; give this one a --state-dir of its own", .main.display(), .wanted.display())]
    Other {
        /// The main file that it was read from.
        main: PathBuf,
        /// The one that it was wanted for.
        wanted: PathBuf,
    },
    /// The daemon is about to end; the former state is complete.
    #[error("not stored: the daemon stops")]
    Stopped,
    /// An error of the system.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

/// Adds what was tried to an error of the system.
pub(super) fn io_error(
    action: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> SnapshotError {
    let path = path.to_path_buf();
    move |source| SnapshotError::Io {
        action,
        path,
        source,
    }
}
