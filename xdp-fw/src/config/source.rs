//! Where the text of a configuration comes from.
//!
//! Owns the refusal of files that must not be trusted and of content that is still being
//! written. Never looks at what the text says. Blocks; call it off the async threads.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::unistd::Uid;
use sha2::{Digest as _, Sha256};

use super::defaults;
use super::meter::{Passed, Room};
use super::pattern::{glob_directory, matches_path};
use super::set_file::{Digest, Lines, SetFile, not_utf8};

/// A place that configuration files are read from: the disk, or the last good snapshot.
pub trait Files {
    /// Returns the whole text of `path`.
    ///
    /// # Errors
    ///
    /// A [`FileError`] that says what to do when the file is missing, must not be trusted, is
    /// too large for its `role`, is not UTF-8, or keeps changing.
    fn read(&self, path: &Path, role: Role) -> Result<String, FileError>;

    /// Returns what is in the set file `path`, if there is `room` for its prefixes.
    ///
    /// # Errors
    ///
    /// As [`Self::read`], and [`FileError::Passed`].
    fn set(&self, path: &Path, room: Room) -> Result<Arc<SetFile>, FileError> {
        let text = self.read(path, Role::Set)?;
        SetFile::parse_within(path, text.as_bytes(), room).map(Arc::new)
    }

    /// Returns the files that a path with a wildcard in its last part stands for, by name.
    ///
    /// # Errors
    ///
    /// A [`FileError`] about the directory, when it is missing, must not be trusted, or cannot be
    /// listed.
    fn glob(&self, pattern: &Path) -> Result<Vec<PathBuf>, FileError>;
}

/// What a file is read for; decides how large it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The configuration itself, or a file that it includes.
    Main,
    /// A set file: one prefix per line.
    Set,
}

impl Role {
    /// The largest size of such a file, in bytes.
    #[must_use]
    pub const fn bound(self) -> u64 {
        match self {
            Self::Main => defaults::MAX_MAIN_FILE_BYTES,
            Self::Set => defaults::MAX_SET_FILE_BYTES,
        }
    }
}

/// Why a file is not read. Each message says what to do; none names the file, the caller does.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// No such file.
    #[error("no such file; create it, or correct the path")]
    Missing,
    /// The process may not open it.
    #[error("permission denied; run as root, or make the file readable for this user")]
    Denied,
    /// Not a regular file, even after following symbolic links.
    #[error("is {0}; expected a regular file")]
    NotAFile(&'static str),
    /// What should hold the files of a glob does not.
    #[error("is not a directory; expected one that holds the files")]
    NotADirectory,
    /// More files match than one configuration has.
    #[error("has more than {bound} files that match; expected fewer and longer ones")]
    TooMany {
        /// How many there may be.
        bound: usize,
    },
    /// Someone else could change the rules.
    #[error(transparent)]
    Distrusted(#[from] Distrust),
    /// Someone else could put another file in its place.
    #[error("lies in {}, which {why}", .why.path().display())]
    Directory {
        /// How.
        why: Distrust,
    },
    /// Larger than [`Role::bound`].
    #[error("has {size} bytes; expected at most {bound}")]
    TooLarge {
        /// Its size in bytes.
        size: u64,
        /// The bound in bytes.
        bound: u64,
    },
    /// Not text.
    #[error("byte 0x{byte:02x} is not UTF-8; save the file as UTF-8 text")]
    NotUtf8 {
        /// The first byte that is wrong.
        byte: u8,
        /// Its line, from 1.
        line: usize,
        /// Its column in characters, from 1.
        column: usize,
    },
    /// With it, the configuration passes one of its limits.
    #[error("{passed}")]
    Passed {
        /// Which limit.
        passed: Passed,
        /// The line from 1 on which it does.
        line: usize,
    },
    /// The daemon is about to end.
    #[error("is not read any further: the daemon stops")]
    Stopped,
    /// It changed during each attempt to read it.
    #[error("is being written to; write a new file beside it and rename it into place")]
    Changing,
    /// Any other error of the system.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// Why a file or a directory is not trusted: someone else can change it.
#[derive(Debug, thiserror::Error)]
pub enum Distrust {
    /// By its mode.
    #[error("is writable by group or others (mode {mode:04o}); run `chmod go-w {}`", .path.display())]
    Writable {
        /// Permission bits.
        mode: u32,
        /// The file, for the remedy.
        path: PathBuf,
    },
    /// By its owner.
    #[error("is owned by user {owner}, neither root nor user {user}; run `chown root {}`", .path.display())]
    Owner {
        /// Its owner's user id.
        owner: u32,
        /// The effective user id of this process.
        user: u32,
        /// The file, for the remedy.
        path: PathBuf,
    },
}

impl Distrust {
    /// What someone else can change.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Writable { path, .. } | Self::Owner { path, .. } => path,
        }
    }
}

/// The file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path, role: Role) -> Result<String, FileError> {
        let bytes = try_often(|| {
            let mut bytes = Vec::new();
            let identity = read_settled(path, role, |piece| bytes.extend_from_slice(piece))?;
            Ok(identity.map(|_| bytes))
        });
        utf8(bytes?)
    }

    fn set(&self, path: &Path, room: Room) -> Result<Arc<SetFile>, FileError> {
        Ok(Arc::new(read_set(path, room)?.1))
    }

    fn glob(&self, pattern: &Path) -> Result<Vec<PathBuf>, FileError> {
        let directory = glob_directory(pattern).unwrap_or_default();
        // An empty path is the working directory, which has another name for the system.
        let listed = if directory.as_os_str().is_empty() {
            Path::new(".")
        } else {
            &directory
        };
        let meta = std::fs::metadata(listed).map_err(open_error)?;
        if !meta.is_dir() {
            return Err(FileError::NotADirectory);
        }
        // Who can put a file there, or take one away, changes the rules.
        if let Some(error) = distrust(listed, &Facts::of(&meta), Uid::effective().as_raw()) {
            return Err(error.into());
        }
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(listed).map_err(open_error)? {
            let path = directory.join(entry?.file_name());
            if matches_path(pattern, &path) {
                paths.push(path);
                if paths.len() > defaults::MAX_SET_FILES {
                    return Err(FileError::TooMany {
                        bound: defaults::MAX_SET_FILES,
                    });
                }
            }
        }
        paths.sort();
        Ok(paths)
    }
}

/// Reads a set file; and which it was.
pub(super) fn read_set(path: &Path, room: Room) -> Result<(Identity, SetFile), FileError> {
    let (identity, lines) = try_often(|| {
        let mut lines = Lines::of(path, room);
        let identity = read_settled(path, Role::Set, |piece| lines.take(piece))?;
        Ok(identity.map(|identity| (identity, lines)))
    })?;
    Ok((identity, lines.finish()?))
}

/// The digest of a set file; and which it was.
pub(super) fn digest_set(path: &Path) -> Result<(Identity, Digest), FileError> {
    try_often(|| {
        let mut hash = Sha256::new();
        let identity = read_settled(path, Role::Set, |piece| hash.update(piece))?;
        Ok(identity.map(|identity| (identity, hash.finalize().into())))
    })
}

/// Reads until nobody changes the file meanwhile.
fn try_often<T>(mut attempt: impl FnMut() -> Result<Option<T>, FileError>) -> Result<T, FileError> {
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
pub(super) fn look(path: &Path, role: Role) -> Result<Identity, FileError> {
    let meta = open(path).map_err(open_error)?.metadata()?;
    trust(path, &meta, role)?;
    Ok(Identity::of(&meta))
}

fn trust(path: &Path, meta: &Metadata, role: Role) -> Result<(), FileError> {
    let user = Uid::effective().as_raw();
    if let Some(error) = refusal(path, &Facts::of(meta), user, role) {
        return Err(error);
    }
    match distrusted_place(path, user)? {
        Some(why) => Err(FileError::Directory { why }),
        None => Ok(()),
    }
}

/// Reads `path` once, piece by piece; `None` when it changed meanwhile.
fn read_settled(
    path: &Path,
    role: Role,
    take: impl FnMut(&[u8]),
) -> Result<Option<Identity>, FileError> {
    let mut file = open(path).map_err(open_error)?;
    let before = file.metadata()?;
    trust(path, &before, role)?;
    let size = read_at_most(&mut file, before.len(), take)?;
    // The path, not the descriptor: a file that was replaced meanwhile is read again.
    let settled = match std::fs::metadata(path) {
        Ok(after) => Identity::of(&before) == Identity::of(&after) && size == after.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => false,
        Err(error) => return Err(error.into()),
    };
    Ok(settled.then(|| Identity::of(&before)))
}

/// Reads whatever is in the file `path`, piece by piece, up to one byte more than `size`: enough to
/// see that it is another file.
pub(super) fn stream(path: &Path, size: u64, take: impl FnMut(&[u8])) -> io::Result<()> {
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
fn read_at_most(file: &mut File, size: u64, mut take: impl FnMut(&[u8])) -> io::Result<u64> {
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

/// What is the same as long as a file is: device, inode, size, and the times of change of content
/// and of anything at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
    pub(super) size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Identity {
    pub(super) fn of(meta: &Metadata) -> Self {
        Self {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.len(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }

    #[cfg(test)]
    pub(super) fn set_changed(&mut self, seconds: i64, nanoseconds: i64) {
        self.changed = (seconds, nanoseconds);
    }

    /// Whether a change after `moment` must show: the clock of the file system is coarse, and two
    /// changes within one tick have the same time. Nobody can set the time of the last change.
    pub(super) fn is_settled_at(&self, moment: SystemTime) -> bool {
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

fn open_error(error: io::Error) -> FileError {
    match error.raw_os_error() {
        Some(libc::ENOENT) => FileError::Missing,
        Some(libc::EACCES | libc::EPERM) => FileError::Denied,
        // A socket cannot be opened at all, nor a device without a driver.
        Some(libc::ENXIO | libc::ENODEV) => FileError::NotAFile("a socket or a device"),
        Some(libc::ELOOP) => FileError::NotAFile("a loop of symbolic links"),
        _ => FileError::Io(error),
    }
}

/// What decides whether a file is trusted.
struct Facts {
    /// What it is, when it is not a regular file.
    odd_kind: Option<&'static str>,
    mode: u32,
    owner: u32,
    size: u64,
}

impl Facts {
    fn of(meta: &Metadata) -> Self {
        let kind = meta.file_type();
        let odd_kind = match () {
            () if kind.is_file() => None,
            () if kind.is_dir() => Some("a directory"),
            () if kind.is_fifo() => Some("a FIFO"),
            () if kind.is_socket() => Some("a socket"),
            () => Some("a device"),
        };
        Self {
            odd_kind,
            mode: meta.mode() & 0o7777,
            owner: meta.uid(),
            size: meta.len(),
        }
    }
}

/// Why a file with these facts is not read by user `euid`.
fn refusal(path: &Path, facts: &Facts, euid: u32, role: Role) -> Option<FileError> {
    if let Some(kind) = facts.odd_kind {
        return Some(FileError::NotAFile(kind));
    }
    let bound = role.bound();
    let too_large = (facts.size > bound).then_some(FileError::TooLarge {
        size: facts.size,
        bound,
    });
    let distrusted = distrust(path, facts, euid).map(FileError::from);
    distrusted.or(too_large)
}

/// Why what has these facts is not trusted by user `euid`: someone else can change it.
fn distrust(path: &Path, facts: &Facts, euid: u32) -> Option<Distrust> {
    let path = || path.to_path_buf();
    if facts.mode & 0o022 != 0 {
        return Some(Distrust::Writable {
            mode: facts.mode,
            path: path(),
        });
    }
    (facts.owner != 0 && facts.owner != euid).then(|| Distrust::Owner {
        owner: facts.owner,
        user: euid,
        path: path(),
    })
}

/// Why the directory of a file is not trusted, or that of what a link leads to: whoever can change
/// it can put another file of root's in the place of this one, or take it away.
fn distrusted_place(path: &Path, euid: u32) -> io::Result<Option<Distrust>> {
    let real = match std::fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        real => real?,
    };
    for file in [&std::path::absolute(path)?, &real] {
        let Some(directory) = file.parent() else {
            continue;
        };
        let mut facts = Facts::of(&std::fs::metadata(directory)?);
        if facts.mode & libc::S_ISVTX != 0 {
            // As in /tmp, nobody can touch the files of others.
            facts.mode &= !0o022;
        }
        let distrusted = distrust(directory, &facts, euid);
        if distrusted.is_some() {
            return Ok(distrusted);
        }
    }
    Ok(None)
}

/// Turns bytes into text, or says where they stop being text.
pub(super) fn utf8(bytes: Vec<u8>) -> Result<String, FileError> {
    String::from_utf8(bytes).map_err(|error| not_utf8(error.as_bytes(), &error.utf8_error(), 0))
}

#[cfg(test)]
mod tests;
