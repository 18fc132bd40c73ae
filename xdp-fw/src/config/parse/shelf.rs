//! The set files of a configuration.
//!
//! Owns that each is read once however many sets name it. Never decides whether an empty file is a
//! mistake: the set does.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::mapped;
use crate::config::load::unreadable;
use crate::config::model::Position;
use crate::config::prefixes::Merged;
use crate::config::problem::{FirstProblems, Place, Problem};
use crate::config::set_file::SetFile;
use crate::config::source::{FileError, Files};
use crate::names::glob::glob_directory;

use super::within::Meter;

/// What came of a set file.
#[derive(Clone, Copy)]
pub(super) enum Shelved<'a> {
    /// Its prefixes.
    Prefixes(&'a Merged),
    /// It could not be read: why, to follow the file's name.
    Unreadable(&'a str),
    /// It passes a limit: in which line, and what to say of it.
    Passes(usize, &'a str),
    /// It has problems, which are reported already.
    Faulty,
}

/// Why there are no prefixes of a file.
enum Bad {
    Unreadable(String),
    Passes(usize, String),
    Reported,
}

/// The set files that were read so far.
pub(super) struct Shelf<'f, F> {
    pub(super) files: &'f F,
    parsed: BTreeMap<PathBuf, Result<Arc<SetFile>, Bad>>,
    /// What is left of the limits.
    pub(super) meter: Meter,
    /// How many files sets have named so far, each as often as it is named.
    pub(super) named: usize,
    /// What was read, in the order of reading.
    pub(super) read: Vec<(PathBuf, Arc<SetFile>)>,
    /// What is wrong inside the files.
    pub(super) problems: FirstProblems,
    /// What is allowed in them but probably not meant, and what is worth knowing.
    pub(super) warnings: FirstProblems,
    pub(super) notes: FirstProblems,
    /// Every file that is named, and every glob.
    pub(super) watched: BTreeSet<PathBuf>,
}

impl<'f, F: Files> Shelf<'f, F> {
    pub(super) fn new(files: &'f F) -> Self {
        Self {
            files,
            parsed: BTreeMap::new(),
            meter: Meter::endless(),
            named: 0,
            read: Vec::new(),
            problems: FirstProblems::default(),
            warnings: FirstProblems::default(),
            notes: FirstProblems::default(),
            watched: BTreeSet::new(),
        }
    }

    /// The files that a path stands for, which are watched from now on, or why it stands for
    /// none.
    pub(super) fn expand(&mut self, path: &Path) -> Result<Vec<PathBuf>, String> {
        let paths = match glob_directory(path) {
            None => vec![path.to_path_buf()],
            Some(directory) => {
                let paths = self.files.glob(path).map_err(|error| match error {
                    FileError::Missing => {
                        let directory = directory.display();
                        format!("{directory} does not exist; create it, or correct the path")
                    }
                    error => format!("{} {error}", directory.display()),
                });
                self.watched.insert(path.to_path_buf());
                paths?
            }
        };
        self.watched.extend(paths.iter().cloned());
        Ok(paths)
    }

    /// The prefixes of a file; read and parsed at the first call.
    pub(super) fn prefixes(&mut self, path: &Path) -> Shelved<'_> {
        if !self.parsed.contains_key(path) {
            let parsed = self.load(path);
            self.parsed.insert(path.to_path_buf(), parsed);
        }
        match self.parsed.get(path) {
            Some(Ok(file)) => Shelved::Prefixes(&file.merged),
            Some(Err(Bad::Unreadable(why))) => Shelved::Unreadable(why),
            Some(Err(Bad::Passes(line, why))) => Shelved::Passes(*line, why),
            Some(Err(Bad::Reported)) | None => Shelved::Faulty,
        }
    }

    /// Says which lines are read as another family than their notation.
    fn note(&mut self, path: &Path, file: &SetFile) {
        let file_of = path.to_path_buf();
        if file.mapped.count > 0 {
            self.notes.push(Problem {
                place: Place::File(file_of.clone()),
                message: mapped::note_of_many(file.mapped.count),
            });
        }
        if let Some(line) = file.mapped.whole {
            self.warnings.push(Problem {
                place: Place::At(Position {
                    file: file_of,
                    line,
                    column: 1,
                }),
                message: mapped::WHOLE.into(),
            });
        }
    }

    fn load(&mut self, path: &Path) -> Result<Arc<SetFile>, Bad> {
        let Some(room) = self.meter.room() else {
            return Err(Bad::Reported);
        };
        let file = match self.files.set(path, room) {
            Ok(file) => file,
            Err(error @ FileError::NotUtf8 { .. }) => {
                self.problems.push(unreadable(path, &error));
                return Err(Bad::Reported);
            }
            Err(FileError::Passed { passed, line }) => {
                self.meter.fill();
                return Err(Bad::Passes(line, passed.to_string()));
            }
            Err(FileError::Missing) => {
                return Err(Bad::Unreadable(
                    "does not exist; create it, or correct the path".into(),
                ));
            }
            Err(error) => return Err(Bad::Unreadable(error.to_string())),
        };
        self.read.push((path.to_path_buf(), Arc::clone(&file)));
        self.problems.extend(file.problems.iter().cloned());
        self.note(path, &file);
        if file.problems.is_empty() {
            Ok(file)
        } else {
            Err(Bad::Reported)
        }
    }
}
