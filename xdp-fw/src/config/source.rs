//! Where the text of a configuration comes from.
//!
//! Owns the refusal of files that must not be trusted and of content that is still being
//! written. Never looks at what the text says. Blocks; call it off the async threads.

mod handed;
mod settled;
mod stream;
mod trust;
mod way;

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::dir::Dir;
use nix::unistd::Uid;
use sha2::{Digest as _, Sha256};

pub use handed::Handed;
pub(crate) use settled::Identity;
pub(super) use settled::look;
pub(crate) use stream::stream;
pub(super) use trust::Distrust;

use super::defaults::{self, MAX_SET_LINE_BYTES};
use super::foreign::{self, Format};
use super::meter::{Passed, Room};
use super::set_file::{Digest, Lines, SetFile, not_utf8};
use crate::names::glob::{glob_directory, matches_path};
use settled::{read_settled, try_often};
use trust::shared;
use way::Found;

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
    /// Text or not, it is no list and no configuration.
    #[error("{0}")]
    Foreign(Format),
    /// No prefix is as long.
    #[error(
        "has a line {line} of more than {MAX_SET_LINE_BYTES} bytes; expected one prefix per line"
    )]
    LongLine {
        /// Which, from 1.
        line: usize,
    },
    /// A stream without an end in sight.
    #[error("has more than {bound} bytes")]
    Endless {
        /// The bound in bytes.
        bound: u64,
    },
    /// Nobody handed it over.
    #[error("descriptor {descriptor} is not open here (sudo closes it); use a pipe and `check -`")]
    Descriptor {
        /// Its number.
        descriptor: u32,
    },
    /// It changed during each attempt to read it.
    #[error("is being written to; write a new file beside it and rename it into place")]
    Changing,
    /// Any other error of the system.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
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
        let user = Uid::effective().as_raw();
        let found = Found::directory(&directory, user).map_err(|error| match error {
            FileError::Directory { why } if why.path() == directory => why.into(),
            error => error,
        })?;
        if !found.meta.is_dir() {
            return Err(FileError::NotADirectory);
        }
        // Who can put a file there, or take one away, changes the rules.
        if let Some(error) = shared(&directory, &found.meta) {
            return Err(error.into());
        }
        let listed = found.open()?.ok_or(FileError::Changing)?;
        let mut paths = Vec::new();
        for entry in Dir::from_fd(listed.into()).map_err(io::Error::from)?.iter() {
            let entry = entry.map_err(io::Error::from)?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            // Spelled as the pattern is, which has perhaps no directory.
            let path = pattern.with_file_name(name);
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

/// Turns the bytes of a configuration into text, or says where they stop being text.
pub(crate) fn utf8(bytes: Vec<u8>) -> Result<String, FileError> {
    let head = bytes.get(..HEAD).unwrap_or(&bytes);
    if let Some(format) = foreign::of_bytes(head) {
        return Err(FileError::Foreign(format.of_a_configuration()));
    }
    String::from_utf8(bytes).map_err(|error| not_utf8(error.as_bytes(), &error.utf8_error(), 0))
}

/// How much of the beginning of a main file says that it is no text, in bytes.
const HEAD: usize = 512;

#[cfg(test)]
mod tests;
