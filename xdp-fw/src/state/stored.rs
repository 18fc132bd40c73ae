//! A stored configuration, read as files at the paths that it had.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use super::error::{SnapshotError, io_error};
use super::manifest::{Content, hexadecimal};
use super::{DIRECTORY, content_name, read, trusted, verified};
use crate::config::{FileError, Files, Lines, Role, Room, SetFile, stream, utf8};
use crate::names::glob::matches_path;

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
