//! The configurations that are kept on disk: the last good one for a start with an invalid file, the
//! one before, and the one on trial.
//!
//! Owns `<state-dir>/last-good`: contents under their SHA-256, and an [`Index`] that says which
//! paths each belongs to, and what is to be known about them besides. Never decides when a
//! configuration is good or when it is used.
//!
//! **Writing the index is the only commit point.** Contents are written, synced and renamed to
//! their hash first; then the new index is synced and renamed over the old one; only after that
//! has reached the disk are contents removed that it does not name. A crash at any point leaves
//! the old or the new state complete, and at worst some files that the next write removes.
//! A set file that did not change is not written again.
//!
//! One daemon writes at a time; its lock file sees to that.

mod error;
mod manifest;
mod stored;
mod verified;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use nix::unistd::{Uid, syncfs};
use sha2::{Digest as _, Sha256};

use crate::config::{Digest, Loaded, SetFile, stream};
use crate::fault::{self, Point};

pub use error::SnapshotError;
pub(crate) use manifest::hexadecimal;
pub use manifest::{Content, Index, Trial};
pub use stored::Stored;
pub use verified::Whole;

use error::io_error;

/// The directory of all that, below the state directory.
const DIRECTORY: &str = "last-good";
/// The file that says what the others are.
const INDEX: &str = "index";
/// What a file is called while it is written.
const UNFINISHED: &str = ".new";

/// Stores the files of a configuration, those that are not `whole` there, for an index that names them: see [`write_index`]. What
/// `index` names stays: it is to be written too, and may have failed to be so far.
///
/// Returns once they have reached the disk. Blocks; ends early, between two files or two pieces of one,
/// once `stops` says so.
///
/// # Errors
///
/// When the directory is not this user's alone, or on an error of the file system; the former
/// state is then still complete.
pub fn write_contents(
    state_dir: &Path,
    loaded: &Loaded,
    index: &Index,
    whole: &Whole,
    stops: &dyn Fn() -> bool,
) -> Result<(), SnapshotError> {
    let directory = state_dir.join(DIRECTORY);
    prepare(state_dir, &directory)?;
    let (present, wanted) = (index_names(&directory)?, names(index));
    sweep(&directory, |name| {
        present.contains(name) || wanted.contains(name)
    })?;
    whole.keep(|name| present.contains(name) || wanted.contains(name));
    let missing = missing(&directory, loaded, whole, stops)?;
    let names: Vec<String> = missing.keys().map(|digest| hexadecimal(digest)).collect();
    let syncing = if names.len() > MANY {
        Syncing::Later
    } else {
        Syncing::Now
    };
    for ((_, content), name) in missing.iter().zip(&names) {
        go_on(stops)?;
        let write = |place: &mut File| match content {
            Missing::Text(text) => place.write_all(text.as_bytes()),
            Missing::Copy(path, file) => copy(path, file, place, stops),
        };
        write_beside(&directory, name, syncing, write)
            .or_else(|error| go_on(stops).and(Err(error)))?;
        struck(&directory, Point::ContentStored)?;
    }
    if let Syncing::Later = syncing {
        let synced = File::open(&directory).and_then(|it| Ok(syncfs(it)?));
        synced.map_err(io_error("sync", &directory))?;
    }
    for name in &names {
        put_in_place(&directory, name)?;
    }
    // The contents must be there before the index can name them.
    sync_directory(&directory)?;
    struck(&directory, Point::ContentsStored)
}

fn go_on(stops: &dyn Fn() -> bool) -> Result<(), SnapshotError> {
    match stops() {
        true => Err(SnapshotError::Stopped),
        false => Ok(()),
    }
}

/// Makes `index` that of `state_dir`, which is created if need be. What it names is stored.
///
/// Returns once it has reached the disk. Blocks.
///
/// # Errors
///
/// As [`write_contents`].
pub fn write_index(state_dir: &Path, index: &Index) -> Result<(), SnapshotError> {
    let directory = state_dir.join(DIRECTORY);
    prepare(state_dir, &directory)?;
    let (before, after) = (index_names(&directory)?, names(index));
    sweep(&directory, |name| {
        before.contains(name) || after.contains(name)
    })?;
    let text = index.text();
    write_beside(&directory, INDEX, Syncing::Now, |file| {
        file.write_all(text.as_bytes())
    })?;
    let unfinished = directory.join(format!("{INDEX}{UNFINISHED}"));
    struck(&unfinished, Point::IndexWritten)?;
    put_in_place(&directory, INDEX)?;
    sync_directory(&directory)?;
    struck(&directory, Point::IndexReplaced)?;
    sweep(&directory, |name| after.contains(name))
}

/// What `state_dir` remembers; nothing if there never was anything. Blocks.
///
/// # Errors
///
/// [`SnapshotError::Corrupt`] or [`SnapshotError::Untrusted`] when it cannot be relied on.
pub fn read(state_dir: &Path) -> Result<Index, SnapshotError> {
    let directory = state_dir.join(DIRECTORY);
    match trusted(&directory).and_then(|()| read_index(&directory)) {
        Err(SnapshotError::Missing(_)) => Ok(Index::default()),
        other => other,
    }
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
        Ok(index) => Ok(names(&index)),
        Err(SnapshotError::Missing(_) | SnapshotError::Corrupt { .. }) => Ok(BTreeSet::new()),
        Err(error) => Err(error),
    }
}

/// The names of the index and of every content that it needs.
fn names(index: &Index) -> BTreeSet<String> {
    let files = index.contents().flat_map(|content| &content.files);
    let contents = files.map(|(name, _)| name.clone());
    contents.chain([INDEX.to_owned()]).collect()
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

/// A content that is not there.
enum Missing<'a> {
    Text(&'a str),
    Copy(&'a Path, &'a SetFile),
}

/// From so many files on it takes less time to sync the file system than each of them.
const MANY: usize = 16;

/// The contents that are not there, whole; each once.
fn missing<'a>(
    directory: &Path,
    loaded: &'a Loaded,
    whole: &Whole,
    stops: &dyn Fn() -> bool,
) -> Result<BTreeMap<Digest, Missing<'a>>, SnapshotError> {
    let texts = loaded.files.iter();
    let texts = texts.map(|file| (file.digest(), Missing::Text(&file.text)));
    let sets = loaded.set_files.iter();
    let sets = sets.map(|(path, file)| (file.digest, Missing::Copy(path, file)));
    let mut missing = BTreeMap::new();
    for (digest, content) in texts.chain(sets) {
        go_on(stops)?;
        if !whole.has(&directory.join(hexadecimal(&digest)), &digest) {
            missing.insert(digest, content);
        }
    }
    Ok(missing)
}

/// Copies the set file `path`, which is not in memory any more, if it is still the one that was
/// read.
fn copy(path: &Path, file: &SetFile, place: &mut File, stops: &dyn Fn() -> bool) -> io::Result<()> {
    let mut hash = Sha256::new();
    let mut written = Ok(());
    let copied = stream(path, file.size, |piece| {
        if written.is_ok() && stops() {
            written = Err(io::Error::other(SnapshotError::Stopped));
        }
        if written.is_err() {
            return;
        }
        hash.update(piece);
        written = place.write_all(piece);
    });
    written?;
    let is_same = copied.is_ok() && hash.finalize()[..] == file.digest;
    let changed = || format!("{} has changed since it was read", path.display());
    is_same
        .then_some(())
        .ok_or_else(|| io::Error::other(changed()))
}

/// When what is written has to reach the disk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Syncing {
    Now,
    /// With all others, before any of them is in its place.
    Later,
}

/// Writes a file beside its place.
fn write_beside(
    directory: &Path,
    name: &str,
    syncing: Syncing,
    write_content: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), SnapshotError> {
    let unfinished = directory.join(format!("{name}{UNFINISHED}"));
    let write = || {
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&unfinished)?;
        write_content(&mut file)?;
        match syncing {
            Syncing::Now => file.sync_all(),
            Syncing::Later => Ok(()),
        }
    };
    write()
        .inspect_err(|_| {
            // What is in the way is removed with the next write.
            let _ = fs::remove_file(&unfinished);
        })
        .map_err(io_error("write", &unfinished))
}

/// Renames what was written beside its place.
fn put_in_place(directory: &Path, name: &str) -> Result<(), SnapshotError> {
    let unfinished = directory.join(format!("{name}{UNFINISHED}"));
    let place = directory.join(name);
    fs::rename(&unfinished, &place).map_err(io_error("replace", &place))
}

/// A fault that a test wants here, as an error of the system.
fn struck(path: &Path, point: Point) -> Result<(), SnapshotError> {
    let struck = fault::point(point).map_err(io::Error::other);
    struck.map_err(io_error("use", path))
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

fn read_index(directory: &Path) -> Result<Index, SnapshotError> {
    let path = directory.join(INDEX);
    let text = match fs::read(&path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(SnapshotError::Missing(directory.to_path_buf()));
        }
        Err(error) => return Err(io_error("read", &path)(error)),
    };
    Index::parse(&text).map_err(|what| SnapshotError::Corrupt {
        path,
        what: what.into(),
    })
}

#[cfg(test)]
mod tests;
