//! Loads a configuration: the one way in, for `check` and for the daemon.
//!
//! Owns the record of what was read. Never caches: what need not be read again, its [`Files`] know.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::meter::Room;
use super::model::{Config, Position};
use super::parse;
use super::problem::{Place, Problem, Problems};
use super::set_file::{Digest, SetFile};
use super::source::{FileError, Files, Role};
use crate::names::glob::glob_directory;

/// A file, exactly as it was parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadFile {
    /// Its path, as the operator wrote it; a relative one is joined to the directory of the file
    /// that names it.
    pub path: PathBuf,
    /// Its content.
    pub text: String,
}

/// A configuration without a mistake, and what it was made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// What it says.
    pub config: Arc<Config>,
    /// What is allowed but probably not meant, in the order of the files.
    pub warnings: Vec<Problem>,
    /// What is fine and worth knowing, for who has just written it: `check` and `diff` say it.
    pub notes: Vec<Problem>,
    /// The main file, and the included ones in their order, each once.
    pub files: Vec<ReadFile>,
    /// The set files by their paths, written as those of the others, each once.
    pub set_files: Vec<(PathBuf, Arc<SetFile>)>,
    /// What to watch for a change: every file that is named, the missing ones too, and every glob,
    /// which a new file may match.
    pub watched: Vec<PathBuf>,
    /// Over both.
    pub(crate) hash: [u8; 32],
}

impl Loaded {
    /// SHA-256 over the paths and the digests of the contents: the identity of this content, under which it is
    /// remembered as rolled back.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }
}

impl ReadFile {
    pub(crate) fn digest(&self) -> Digest {
        Sha256::digest(&self.text).into()
    }
}

pub(super) fn hash(files: &[ReadFile], set_files: &[(PathBuf, Arc<SetFile>)]) -> Digest {
    let mut hash = Sha256::new();
    let files = files.iter().map(|file| (&file.path, file.digest()));
    let set_files = set_files.iter().map(|(path, file)| (path, file.digest));
    for (path, digest) in files.chain(set_files) {
        let path = path.as_os_str().as_encoded_bytes();
        // The length keeps a path from running into a digest.
        hash.update((path.len() as u64).to_be_bytes());
        hash.update(path);
        hash.update(digest);
    }
    hash.finalize().into()
}

/// Reads and checks the configuration at `path`, what it includes and the set files they name.
///
/// Blocks on the file system, for a few tens of milliseconds more when a file is being written.
///
/// # Errors
///
/// Everything that is wrong, at once.
pub fn load(path: &Path, files: &impl Files) -> Result<Loaded, Problems> {
    let files = Noting::new(files);
    let result = match files.read(path, Role::Main) {
        Ok(text) => parse::parse(
            ReadFile {
                path: path.to_path_buf(),
                text,
            },
            &files,
        ),
        Err(error) => Err(Problems {
            problems: vec![unreadable(path, &error)],
            watched: vec![path.to_path_buf()],
            ..Problems::default()
        }),
    };
    result.map_err(|problems| Problems {
        denied: files.denied.get(),
        closed: files.closed.take(),
        ..problems
    })
}

/// Notes which files are refused for whose they are or for who may access them.
struct Noting<'a, F> {
    files: &'a F,
    closed: RefCell<Vec<PathBuf>>,
    denied: Cell<bool>,
}

impl<'a, F> Noting<'a, F> {
    fn new(files: &'a F) -> Self {
        Self {
            files,
            closed: RefCell::default(),
            denied: Cell::default(),
        }
    }

    fn note(&self, path: &Path, error: &FileError) {
        let closed = match error {
            FileError::Denied => path,
            FileError::Distrusted(why) | FileError::Directory { why } => why.path(),
            _ => return,
        };
        self.closed.borrow_mut().push(closed.to_path_buf());
        self.denied
            .set(self.denied.get() || matches!(error, FileError::Denied));
    }
}

impl<F: Files> Files for Noting<'_, F> {
    fn read(&self, path: &Path, role: Role) -> Result<String, FileError> {
        let text = self.files.read(path, role);
        text.inspect_err(|error| self.note(path, error))
    }

    fn set(&self, path: &Path, room: Room) -> Result<Arc<SetFile>, FileError> {
        let file = self.files.set(path, room);
        file.inspect_err(|error| self.note(path, error))
    }

    fn glob(&self, pattern: &Path) -> Result<Vec<PathBuf>, FileError> {
        let paths = self.files.glob(pattern);
        let directory = glob_directory(pattern).unwrap_or_default();
        paths.inspect_err(|error| self.note(&directory, error))
    }
}

/// A problem of a file that cannot be read.
pub(super) fn unreadable(path: &Path, error: &FileError) -> Problem {
    let file = path.to_path_buf();
    let place = match *error {
        FileError::NotUtf8 { line, column, .. } => Place::At(Position { file, line, column }),
        FileError::Passed { line, .. } => Place::At(Position {
            file,
            line,
            column: 1,
        }),
        _ => Place::File(file),
    };
    Problem {
        place,
        message: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_hash_covers_paths_and_contents_of_every_file() {
        let file = |path: &str, text: &str| ReadFile {
            path: path.into(),
            text: text.to_owned(),
        };
        let set = |path: &str, text: &str| {
            let file = SetFile::parse(Path::new(path), text.as_bytes()).unwrap();
            (PathBuf::from(path), Arc::new(file))
        };
        let (files, sets) = ([file("fw.toml", "a")], [set("set.txt", "::1")]);
        let mut hashes = BTreeSet::from([hash(&files, &sets)]);
        assert!(!hashes.insert(hash(&files.clone(), &sets.clone())));
        for other in [
            file("fw.toml", "a#"),
            file("fw.x", "a"),
            file("fw.tomla", ""),
        ] {
            assert!(hashes.insert(hash(&[other], &sets)));
        }
        for other in [set("set.txt", "::1 "), set("set.x", "::1")] {
            assert!(hashes.insert(hash(&files, &[other])));
        }
        assert!(hashes.insert(hash(&files, &[])));
    }
}
