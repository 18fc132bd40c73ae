//! The last good configuration, kept on disk for a start with an invalid file.
//!
//! Owns `<state-dir>/last-good`: contents under their SHA-256, and an index that says which
//! path each belongs to. Never decides when a configuration is good or when it is used.
//!
//! **Writing the index is the only commit point.** Contents are written, synced and renamed to
//! their hash first; then the new index is synced and renamed over the old one; only after that
//! has reached the disk are contents removed that it does not name. A crash at any point leaves
//! the old or the new snapshot complete, and at worst some files that the next [`store`] removes.
//! A set file that did not change is not written again.
//!
//! One daemon writes at a time; its lock file sees to that.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::Uid;
use sha2::{Digest, Sha256};

use super::load::{Loaded, ReadFile};
use super::pattern::matches_path;
use super::source::{FileError, Files, Role, utf8};

/// The directory of the snapshot, below the state directory.
const DIRECTORY: &str = "last-good";
/// The file that makes contents a snapshot.
const INDEX: &str = "index";
/// First line of the index; the number grows with its format.
const HEADER: &str = "xdp-fw last-good 1";
/// What a file is called while it is written.
const UNFINISHED: &str = ".new";

/// Why the last good configuration cannot be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// None was ever stored here.
    #[error("no last good configuration in {}", .0.display())]
    Missing(PathBuf),
    /// Something else than a complete snapshot is there.
    #[error("the last good configuration is damaged: {}: {what}", .path.display())]
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
fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SnapshotError {
    let path = path.to_path_buf();
    move |source| SnapshotError::Io {
        action,
        path,
        source,
    }
}

/// Makes `loaded` the last good configuration of `state_dir`, which is created if need be.
///
/// Returns once it has reached the disk. Blocks.
///
/// # Errors
///
/// When the directory is not this user's alone, or on an error of the file system; the former
/// snapshot is then still complete.
pub fn store(state_dir: &Path, loaded: &Loaded) -> Result<(), SnapshotError> {
    let directory = state_dir.join(DIRECTORY);
    prepare(state_dir, &directory)?;
    let kept = index_names(&directory)?;
    sweep(&directory, |name| kept.contains(name))?;

    let mut names = BTreeSet::from([INDEX.to_owned()]);
    for file in &loaded.files {
        let name = content_name(&file.text);
        write_content(&directory, &name, file.text.as_bytes())?;
        names.insert(name);
    }
    // The contents must be there before the index can name them.
    sync_directory(&directory)?;
    write_in_place(&directory, INDEX, index(&loaded.files).as_bytes())?;
    sync_directory(&directory)?;
    sweep(&directory, |name| names.contains(name))
}

/// Creates the directories, for this user alone.
fn prepare(state_dir: &Path, directory: &Path) -> Result<(), SnapshotError> {
    let mut builder = DirBuilder::new();
    builder.mode(0o700).recursive(true);
    builder
        .create(directory)
        .map_err(io_error("create", directory))?;
    trusted(directory)?;
    fs::set_permissions(directory, fs::Permissions::from_mode(0o700))
        .map_err(io_error("set the mode of", directory))?;
    sync_directory(state_dir)
}

/// Refuses a symbolic link, another user's directory, and one that others can write.
fn trusted(directory: &Path) -> Result<(), SnapshotError> {
    let meta = match fs::symlink_metadata(directory) {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(SnapshotError::Missing(directory.to_path_buf()));
        }
        Err(error) => return Err(io_error("look at", directory)(error)),
    };
    let user = Uid::effective().as_raw();
    if meta.is_dir() && meta.uid() == user && meta.mode() & 0o022 == 0 {
        return Ok(());
    }
    Err(SnapshotError::Untrusted {
        path: directory.to_path_buf(),
        user,
    })
}

/// The names that the present index needs. A damaged index needs none: it cannot be used.
fn index_names(directory: &Path) -> Result<BTreeSet<String>, SnapshotError> {
    match read_index(directory) {
        Ok(entries) => {
            let contents = entries.into_iter().map(|(name, _)| name);
            Ok(contents.chain([INDEX.to_owned()]).collect())
        }
        Err(SnapshotError::Missing(_) | SnapshotError::Corrupt { .. }) => Ok(BTreeSet::new()),
        Err(error) => Err(error),
    }
}

/// Removes every file of the directory that is not wanted: leftovers of a crash, old contents.
fn sweep(directory: &Path, is_wanted: impl Fn(&str) -> bool) -> Result<(), SnapshotError> {
    let entries = fs::read_dir(directory).map_err(io_error("list", directory))?;
    for entry in entries {
        let path = entry.map_err(io_error("list", directory))?.path();
        let name = path.file_name().and_then(OsStr::to_str);
        if !name.is_some_and(&is_wanted) {
            fs::remove_file(&path).map_err(io_error("remove", &path))?;
        }
    }
    Ok(())
}

/// Writes a content unless it is there already, whole.
fn write_content(directory: &Path, name: &str, content: &[u8]) -> Result<(), SnapshotError> {
    if fs::read(directory.join(name)).is_ok_and(|present| present == content) {
        return Ok(());
    }
    write_in_place(directory, name, content)
}

/// Writes a file beside its place, syncs it, and renames it into place.
fn write_in_place(directory: &Path, name: &str, content: &[u8]) -> Result<(), SnapshotError> {
    let unfinished = directory.join(format!("{name}{UNFINISHED}"));
    let write = || {
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&unfinished)?;
        file.write_all(content)?;
        file.sync_all()
    };
    write().map_err(io_error("write", &unfinished))?;
    let place = directory.join(name);
    fs::rename(&unfinished, &place).map_err(io_error("replace", &place))
}

fn sync_directory(directory: &Path) -> Result<(), SnapshotError> {
    File::open(directory)
        .and_then(|file| file.sync_all())
        .map_err(io_error("sync", directory))
}

/// A content's name: its SHA-256 in hexadecimal.
fn content_name(text: &str) -> String {
    hexadecimal(&Sha256::digest(text.as_bytes()))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

/// The index: a header, a line `HASH PATH` per file, the hash of all that.
fn index(files: &[ReadFile]) -> String {
    let mut text = format!("{HEADER}\n");
    for file in files {
        let _ = writeln!(text, "{} {}", content_name(&file.text), escaped(&file.path));
    }
    let seal = content_name(&text);
    text + &seal + "\n"
}

/// A path on one line, whatever bytes it has.
fn escaped(path: &Path) -> String {
    path.as_os_str()
        .as_bytes()
        .iter()
        .fold(String::new(), |mut out, &byte| {
            if byte.is_ascii_graphic() && byte != b'%' {
                out.push(char::from(byte));
            } else {
                let _ = write!(out, "%{byte:02x}");
            }
            out
        })
}

fn unescaped(text: &str) -> Option<PathBuf> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
        } else {
            byte
        });
    }
    Some(PathBuf::from(OsString::from_vec(bytes)))
}

/// The content name and the path of each file, the main one first.
fn read_index(directory: &Path) -> Result<Vec<(String, PathBuf)>, SnapshotError> {
    let path = directory.join(INDEX);
    let text = match fs::read(&path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(SnapshotError::Missing(directory.to_path_buf()));
        }
        Err(error) => return Err(io_error("read", &path)(error)),
    };
    parse_index(&text).map_err(|what| SnapshotError::Corrupt {
        path,
        what: what.into(),
    })
}

fn parse_index(text: &str) -> Result<Vec<(String, PathBuf)>, &'static str> {
    let body = text
        .strip_suffix('\n')
        .and_then(|text| text.rfind('\n'))
        .map(|end| end + 1);
    let (body, seal) = body
        .and_then(|at| text.split_at_checked(at))
        .ok_or("it is cut off")?;
    if seal.trim_end() != content_name(body) {
        return Err("its checksum is wrong");
    }
    let entries = body
        .strip_prefix(HEADER)
        .ok_or("it was written by another version")?;
    let entry = |line: &str| {
        let (name, path) = line.split_once(' ')?;
        Some((name.to_owned(), unescaped(path)?))
    };
    let entries: Option<Vec<_>> = entries.trim().lines().map(entry).collect();
    entries
        .filter(|entries| !entries.is_empty())
        .ok_or("an entry is malformed")
}

/// The last good configuration: [`Files`] by the paths that it was read from, so that positions
/// keep the original names.
#[derive(Debug)]
pub struct LastGood {
    main: PathBuf,
    contents: BTreeMap<PathBuf, String>,
}

impl LastGood {
    /// Reads the snapshot of `state_dir` and compares every content with its hash. Blocks.
    ///
    /// # Errors
    ///
    /// [`SnapshotError::Missing`] when none was stored; another when it cannot be trusted.
    pub fn open(state_dir: &Path) -> Result<Self, SnapshotError> {
        let directory = state_dir.join(DIRECTORY);
        trusted(&directory)?;
        let entries = read_index(&directory)?;
        let main = entries
            .first()
            .map(|(_, path)| path.clone())
            .unwrap_or_default();
        let mut contents = BTreeMap::new();
        for (name, original) in entries {
            contents.insert(original, read_content(&directory.join(&name), &name)?);
        }
        Ok(Self { main, contents })
    }

    /// The path of the main file, to be given to [`load`](super::load).
    #[must_use]
    pub fn main(&self) -> &Path {
        &self.main
    }
}

fn read_content(path: &Path, name: &str) -> Result<String, SnapshotError> {
    let corrupt = |what: &str| SnapshotError::Corrupt {
        path: path.to_path_buf(),
        what: what.into(),
    };
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(corrupt("it is missing"));
        }
        Err(error) => return Err(io_error("read", path)(error)),
    };
    let text = utf8(bytes).map_err(|error| corrupt(&error.to_string()))?;
    if content_name(&text) != name {
        return Err(corrupt("its content does not match its name"));
    }
    Ok(text)
}

impl Files for LastGood {
    /// The bound of `role` was kept when the content was stored.
    fn read(&self, path: &Path, _: Role) -> Result<String, FileError> {
        self.contents.get(path).cloned().ok_or(FileError::Missing)
    }

    /// Every file that matched was read, and so is here; what was read otherwise and matches as
    /// well would have been found on the disk, too.
    fn glob(&self, pattern: &Path) -> Result<Vec<PathBuf>, FileError> {
        let paths = self.contents.keys();
        let mut paths: Vec<_> = paths
            .filter(|path| matches_path(pattern, path))
            .cloned()
            .collect();
        paths.sort();
        Ok(paths)
    }
}

#[cfg(test)]
mod tests;
