//! Whom a file belongs to, and who can change it.
//!
//! Owns the refusal of files that must not be trusted. Never looks at what the text says.

use std::fs::Metadata;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::{FileError, Role};

/// Why a file, a directory or a link is not trusted: someone else can change it.
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
    /// A directory such as `/tmp`, where a glob would match the files of anybody.
    #[error(
        "is a directory for everybody (mode {mode:04o}); move the files to a directory of their own"
    )]
    Shared {
        /// Permission bits.
        mode: u32,
        /// The directory.
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
    /// A directory, by its owner.
    #[error(
        "is owned by user {owner}, neither root nor user {user}; move the file to a directory of root's, such as /etc"
    )]
    Directory {
        /// Its owner's user id.
        owner: u32,
        /// The effective user id of this process.
        user: u32,
        /// The directory.
        path: PathBuf,
    },
    /// A link, by its owner.
    #[error("is reached through the link {}, owned by user {owner}, neither root nor user {user}; name the file itself", .path.display())]
    Link {
        /// Its owner's user id.
        owner: u32,
        /// The effective user id of this process.
        user: u32,
        /// The link.
        path: PathBuf,
    },
    /// Anybody can give a file of root's another name in a directory such as `/tmp`.
    #[error(
        "has {names} names, and this one lies in a directory for everybody; move the file to a directory of its own"
    )]
    Names {
        /// How many hard links there are.
        names: u64,
        /// The file.
        path: PathBuf,
    },
}

impl Distrust {
    /// What someone else can change.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Writable { path, .. }
            | Self::Shared { path, .. }
            | Self::Owner { path, .. }
            | Self::Directory { path, .. }
            | Self::Link { path, .. }
            | Self::Names { path, .. } => path,
        }
    }
}

/// Who can put something into a directory on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Nobody else.
    Ours,
    /// Anybody, as into `/tmp`; nobody else can touch what is ours there.
    Shared,
}

/// Judges a directory on the way: whoever can change it can put another file in the place of this
/// one, or take it away.
pub(super) fn trust_directory(path: &Path, meta: &Metadata, user: u32) -> Result<Place, FileError> {
    let mut facts = Facts::of(meta);
    let is_shared = facts.mode & libc::S_ISVTX != 0 && facts.mode & 0o022 != 0;
    if is_shared {
        facts.mode &= !0o022;
    }
    match distrust(path, &facts, user) {
        None if is_shared => Ok(Place::Shared),
        None => Ok(Place::Ours),
        Some(Distrust::Owner { owner, user, path }) => Err(FileError::Directory {
            why: Distrust::Directory { owner, user, path },
        }),
        Some(why) => Err(FileError::Directory { why }),
    }
}

/// Why the files of a directory are not read as a whole: anybody can put another one there.
pub(super) fn shared(path: &Path, meta: &Metadata) -> Option<Distrust> {
    let mode = Facts::of(meta).mode;
    let path = path.to_path_buf();
    (mode & 0o022 != 0).then_some(Distrust::Shared { mode, path })
}

/// Judges a link on the way. What it says cannot be changed, and who can replace it is a matter of
/// its directory, unless that is for everybody.
pub(super) fn trust_link(path: &Path, meta: &Metadata, user: u32) -> Result<(), FileError> {
    let owner = meta.uid();
    if owner == 0 || owner == user {
        return Ok(());
    }
    let path = path.to_path_buf();
    Err(Distrust::Link { owner, user, path }.into())
}

/// Judges what is at the end of the way, by where it lies.
pub(super) fn trust_entry(
    path: &Path,
    meta: &Metadata,
    user: u32,
    place: Place,
) -> Result<(), FileError> {
    let names = meta.nlink();
    if place == Place::Shared && meta.is_file() && names > 1 && !is_foreign(meta, user) {
        let path = path.to_path_buf();
        return Err(Distrust::Names { names, path }.into());
    }
    Ok(())
}

fn is_foreign(meta: &Metadata, user: u32) -> bool {
    meta.uid() != 0 && meta.uid() != user
}

/// Judges the file itself.
pub(super) fn trust(path: &Path, meta: &Metadata, user: u32, role: Role) -> Result<(), FileError> {
    refusal(path, &Facts::of(meta), user, role).map_or(Ok(()), Err)
}

/// What decides whether a file is trusted.
pub(super) struct Facts {
    /// What it is, when it is not a regular file.
    pub(super) odd_kind: Option<&'static str>,
    pub(super) mode: u32,
    pub(super) owner: u32,
    pub(super) size: u64,
}

impl Facts {
    pub(super) fn of(meta: &Metadata) -> Self {
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
pub(super) fn refusal(path: &Path, facts: &Facts, euid: u32, role: Role) -> Option<FileError> {
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
pub(super) fn distrust(path: &Path, facts: &Facts, euid: u32) -> Option<Distrust> {
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
