//! Loads a configuration: the one way in, for `check` and for the daemon.
//!
//! Owns the record of what was read. Never caches: a second call reads again.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::model::{Config, Position};
use super::parse;
use super::problem::{Place, Problem, Problems};
use super::source::{FileError, Files, Role};

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
    pub config: Config,
    /// What is allowed but probably not meant, in the order of the files.
    pub warnings: Vec<Problem>,
    /// The main file, the included ones in their order, then the set files, each once.
    pub files: Vec<ReadFile>,
    /// What to watch for a change: every file that is named, the missing ones too, and the
    /// directory of every glob, where a new file may match.
    pub watched: Vec<PathBuf>,
}

impl Loaded {
    /// SHA-256 over the paths and the contents: the identity of this content, under which it is
    /// remembered as rolled back.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for file in &self.files {
            for bytes in [
                file.path.as_os_str().as_encoded_bytes(),
                file.text.as_bytes(),
            ] {
                // Lengths keep a path from running into a content.
                hash.update((bytes.len() as u64).to_be_bytes());
                hash.update(bytes);
            }
        }
        hash.finalize().into()
    }
}

/// Reads and checks the configuration at `path`, what it includes and the set files they name.
///
/// Blocks on the file system, for a few tens of milliseconds more when a file is being written.
///
/// # Errors
///
/// Everything that is wrong, at once.
pub fn load(path: &Path, files: &impl Files) -> Result<Loaded, Problems> {
    match files.read(path, Role::Main) {
        Ok(text) => parse::parse(
            ReadFile {
                path: path.to_path_buf(),
                text,
            },
            files,
        ),
        Err(error) => Err(Problems {
            problems: vec![unreadable(path, &error)],
            watched: vec![path.to_path_buf()],
        }),
    }
}

/// A problem of a file that cannot be read.
pub(super) fn unreadable(path: &Path, error: &FileError) -> Problem {
    let file = path.to_path_buf();
    let place = match *error {
        FileError::NotUtf8 { line, column, .. } => Place::At(Position { file, line, column }),
        _ => Place::File(file),
    };
    Problem {
        place,
        message: error.to_string(),
    }
}
