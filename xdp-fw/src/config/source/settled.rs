//! A content that nobody was writing while it was read.
//!
//! Owns how long a file is waited for, and which file it was. Never judges whose it is: `trust` does.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::unistd::Uid;

use super::stream::read_at_most;
use super::trust::trust;
use super::way::Found;
use super::{FileError, Role};
use crate::config::defaults;

/// Reads until nobody changes the file meanwhile.
pub(super) fn try_often<T>(
    mut attempt: impl FnMut() -> Result<Option<T>, FileError>,
) -> Result<T, FileError> {
    for count in 0..defaults::READ_ATTEMPTS {
        if count > 0 {
            thread::sleep(defaults::READ_PAUSE);
        }
        if let Some(read) = attempt()? {
            return Ok(read);
        }
    }
    Err(FileError::Changing)
}

/// Which file `path` is, if it may be trusted, without reading it. It is opened: a network file system
/// asks its server then, and answers from what it remembers otherwise.
pub(in crate::config) fn look(path: &Path, role: Role) -> Result<Identity, FileError> {
    let file = try_often(|| open_trusted(path, role))?;
    Ok(Identity::of(&file.metadata()?))
}

/// Opens the file at the end of a way that can be trusted; `None` if it changed meanwhile.
fn open_trusted(path: &Path, role: Role) -> Result<Option<File>, FileError> {
    let user = Uid::effective().as_raw();
    let found = Found::file(path, user)?;
    trust(path, &found.meta, user, role)?;
    found.open()
}

/// Reads `path` once, piece by piece; `None` when it changed meanwhile.
pub(super) fn read_settled(
    path: &Path,
    role: Role,
    take: impl FnMut(&[u8]),
) -> Result<Option<Identity>, FileError> {
    let Some(mut file) = open_trusted(path, role)? else {
        return Ok(None);
    };
    let before = file.metadata()?;
    // Its owner, mode and size may be others than a moment ago.
    trust(path, &before, Uid::effective().as_raw(), role)?;
    let size = read_at_most(&mut file, before.len(), take)?;
    // The path, not the descriptor: a file that was replaced meanwhile is read again.
    let settled = match std::fs::metadata(path) {
        Ok(after) => Identity::of(&before) == Identity::of(&after) && size == after.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(error.into()),
    };
    Ok(settled.then(|| Identity::of(&before)))
}

/// What is the same as long as a file is: device, inode, size, and the times of change of content
/// and of anything at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
    pub(in crate::config) size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Identity {
    pub(crate) fn of(meta: &Metadata) -> Self {
        Self {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.len(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }

    #[cfg(test)]
    pub(in crate::config) fn set_changed(&mut self, seconds: i64, nanoseconds: i64) {
        self.changed = (seconds, nanoseconds);
    }

    /// Whether a change after `moment` must show: the clock of the file system is coarse, and two
    /// changes within one tick have the same time. Nobody can set the time of the last change.
    pub(in crate::config) fn is_settled_at(&self, moment: SystemTime) -> bool {
        let (Ok(seconds), Ok(nanoseconds)) =
            (u64::try_from(self.changed.0), u32::try_from(self.changed.1))
        else {
            return false;
        };
        // Some file systems know whole seconds only, or two.
        let tick = match nanoseconds {
            0 => Duration::from_secs(2),
            _ => TICK,
        };
        let changed = UNIX_EPOCH.checked_add(Duration::new(seconds, nanoseconds));
        let age = changed.and_then(|changed| moment.duration_since(changed).ok());
        age.is_some_and(|age| age >= tick)
    }
}

/// Twice the longest tick of a kernel's clock.
const TICK: Duration = Duration::from_millis(20);
