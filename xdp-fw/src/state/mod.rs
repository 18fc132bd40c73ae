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

mod manifest;
mod verified;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::unistd::{Uid, syncfs};
use sha2::{Digest as _, Sha256};

use crate::fault::{self, Point};

use crate::config::{Digest, FileError, Files, Lines, Loaded, Role, Room, SetFile, stream, utf8};
use crate::names::glob::matches_path;

pub(crate) use manifest::hexadecimal;
pub use manifest::{Content, Index, Trial};
pub use verified::Whole;

/// The directory of all that, below the state directory.
const DIRECTORY: &str = "last-good";
/// The file that says what the others are.
const INDEX: &str = "index";
/// What a file is called while it is written.
const UNFINISHED: &str = ".new";

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
fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SnapshotError {
    let path = path.to_path_buf();
    move |source| SnapshotError::Io {
        action,
        path,
        source,
    }
}

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

/// A stored configuration: [`Files`] by the paths that it was read from, so that positions keep
/// the original names.
#[derive(Debug)]
pub struct Stored {
    main: PathBuf,
    /// Where the content of each is.
    contents: BTreeMap<PathBuf, PathBuf>,
}

impl Stored {
    /// Reads the last good configuration of `state_dir`, for this main file. Blocks.
    ///
    /// # Errors
    ///
    /// As [`Self::find`], and as [`Content::belongs_to`].
    pub fn last_good(state_dir: &Path, main: &Path) -> Result<Self, SnapshotError> {
        let missing = || SnapshotError::Missing(state_dir.join(DIRECTORY));
        let content = read(state_dir)?.last_good.ok_or_else(missing)?;
        content.belongs_to(main)?;
        Self::open(state_dir, &content)
    }

    /// Reads the configuration of `state_dir` that has this hash, if it is kept. Blocks.
    ///
    /// # Errors
    ///
    /// [`SnapshotError::Missing`] when none was ever stored; another when it cannot be trusted.
    pub fn find(state_dir: &Path, hash: &[u8; 32]) -> Result<Option<Self>, SnapshotError> {
        let index = read(state_dir)?;
        if index.contents().next().is_none() {
            return Err(SnapshotError::Missing(state_dir.join(DIRECTORY)));
        }
        let content = index.contents().find(|content| content.hash == *hash);
        content
            .map(|content| Self::open(state_dir, content))
            .transpose()
    }

    /// Reads a configuration that the index of `state_dir` names, and compares every file with its
    /// hash. Blocks.
    ///
    /// # Errors
    ///
    /// [`SnapshotError::Corrupt`] or [`SnapshotError::Untrusted`] when it cannot be relied on.
    pub fn open(state_dir: &Path, content: &Content) -> Result<Self, SnapshotError> {
        let directory = state_dir.join(DIRECTORY);
        trusted(&directory)?;
        let main = content.files.first().map(|(_, path)| path.clone());
        let mut contents = BTreeMap::new();
        for (name, original) in &content.files {
            let content = directory.join(name);
            check_content(&content, name)?;
            contents.insert(original.clone(), content);
        }
        Ok(Self {
            main: main.unwrap_or_default(),
            contents,
        })
    }

    /// The path of the main file, to be given to [`load`](crate::config::load).
    #[must_use]
    pub fn main(&self) -> &Path {
        &self.main
    }
}

/// Refuses a content that is not the one of its name.
fn check_content(path: &Path, name: &str) -> Result<(), SnapshotError> {
    let corrupt = |what: &str| SnapshotError::Corrupt {
        path: path.to_path_buf(),
        what: what.into(),
    };
    match verified::digest(path) {
        Ok(digest) if hexadecimal(&digest) == name => Ok(()),
        Ok(_) => Err(corrupt("its content does not match its name")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(corrupt("it is missing")),
        Err(error) => Err(io_error("read", path)(error)),
    }
}

impl Stored {
    fn content(&self, path: &Path) -> Result<&Path, FileError> {
        let content = self.contents.get(path);
        content.map(PathBuf::as_path).ok_or(FileError::Missing)
    }
}

impl Files for Stored {
    /// The bound of `role` was kept when the content was stored.
    fn read(&self, path: &Path, _: Role) -> Result<String, FileError> {
        let content = self.content(path)?;
        let text = utf8(fs::read(content)?)?;
        let is_same = content.ends_with(content_name(&text));
        is_same.then_some(text).ok_or(FileError::Changing)
    }

    fn set(&self, path: &Path, room: Room) -> Result<Arc<SetFile>, FileError> {
        let content = self.content(path)?;
        let mut lines = Lines::of(path, room);
        stream(content, Role::Set.bound(), |piece| lines.take(piece))?;
        let file = lines.finish()?;
        let is_same = content.ends_with(hexadecimal(&file.digest));
        is_same.then(|| Arc::new(file)).ok_or(FileError::Changing)
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
