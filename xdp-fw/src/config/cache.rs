//! The set files that were read, so that one that did not change is not read again.
//!
//! Owns when a file counts as unchanged, and that what says the same is the same in memory: whoever
//! made something of a list of prefixes finds it by that. Whose a file is, is asked each time.
//!
//! A file is unchanged if its identity is, and if it was read a moment after its last change:
//! before that, another change may show no other time. Else its digest decides. Some changes show no
//! other time ever (ADR 0021); who knows of one has every digest looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

use super::load::{Loaded, load};
use super::meter::Room;
use super::prefixes::Prefixes;
use super::problem::Problems;
use super::set_file::SetFile;
use super::source::{Disk, FileError, Files, Identity, Role, digest_set, look, read_set};
use crate::names::glob::glob_directory;

/// What is known of the set files of one configuration; clones share it.
#[derive(Debug, Clone, Default)]
pub struct Cache(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    files: BTreeMap<PathBuf, Kept>,
    /// Those that the load under way has asked for.
    asked: BTreeSet<PathBuf>,
    /// Those of the configuration that was loaded last.
    named: BTreeSet<PathBuf>,
    /// The sets of the configuration that was loaded last.
    sets: BTreeMap<String, Arc<Prefixes>>,
}

/// A set file without a mistake.
#[derive(Debug, Clone)]
struct Kept {
    identity: Identity,
    /// Whether a change since it was read must show in its identity.
    is_settled: bool,
    file: Arc<SetFile>,
}

impl Cache {
    /// As [`load`] from the disk, but for set files that did not change.
    ///
    /// # Errors
    ///
    /// As [`load`].
    pub fn load(&self, path: &Path) -> Result<Loaded, Problems> {
        self.load_telling(path, &|_| Ok(()))
    }

    /// The same; `reads` hears of every file, and every directory of a glob, before it is read, and may
    /// have nothing more read.
    ///
    /// # Errors
    ///
    /// As [`load`].
    pub fn load_telling(&self, path: &Path, reads: &Reads<'_>) -> Result<Loaded, Problems> {
        let loaded = load(path, &Telling { cache: self, reads });
        self.known().prune(loaded.is_ok());
        let mut loaded = loaded?;
        let mut known = self.known();
        for (name, set) in &mut Arc::make_mut(&mut loaded.config).sets {
            match known.sets.get(name) {
                Some(same) if *same == set.prefixes => set.prefixes = Arc::clone(same),
                _ => {}
            }
        }
        let sets = loaded.config.sets.iter();
        known.sets = sets
            .map(|(name, set)| (name.clone(), Arc::clone(&set.prefixes)))
            .collect();
        drop(known);
        Ok(loaded)
    }

    /// The next load reads every file, whatever its times say. What is the same by its digest is not
    /// parsed.
    pub fn doubt(&self) {
        for kept in self.known().files.values_mut() {
            kept.is_settled = false;
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, path: &Path, kept: Kept) {
        self.known().files.insert(path.to_path_buf(), kept);
    }
}

impl Known {
    /// Forgets what no set names any more. What was named before a mistake may be wanted after it.
    fn prune(&mut self, is_loaded: bool) {
        let asked = mem::take(&mut self.asked);
        let named = &self.named;
        self.files
            .retain(|path, _| asked.contains(path) || (!is_loaded && named.contains(path)));
        if is_loaded {
            self.named = asked;
        }
    }
}

/// Hears what is about to be read.
pub type Reads<'a> = dyn Fn(&Path) -> Result<(), FileError> + 'a;

/// The cache, and who hears what is read.
struct Telling<'a> {
    cache: &'a Cache,
    reads: &'a Reads<'a>,
}

impl Files for Telling<'_> {
    fn read(&self, path: &Path, role: Role) -> Result<String, FileError> {
        (self.reads)(path)?;
        self.cache.read(path, role)
    }

    fn set(&self, path: &Path, room: Room) -> Result<Arc<SetFile>, FileError> {
        (self.reads)(path)?;
        self.cache.set(path, room)
    }

    fn glob(&self, pattern: &Path) -> Result<Vec<PathBuf>, FileError> {
        (self.reads)(&glob_directory(pattern).unwrap_or_default())?;
        self.cache.glob(pattern)
    }
}

impl Files for Cache {
    fn read(&self, path: &Path, role: Role) -> Result<String, FileError> {
        Disk.read(path, role)
    }

    fn set(&self, path: &Path, room: Room) -> Result<Arc<SetFile>, FileError> {
        let mut known = self.known();
        known.asked.insert(path.to_path_buf());
        let before = known.files.get(path).cloned();
        drop(known);
        // What has become too much is read again, up to the line where it does.
        let before = before.filter(|before| room.clone().take(before.file.amount).is_ok());
        let now = file_time();
        if let Some(before) = &before {
            let identity = look(path, Role::Set)?;
            if before.is_settled && before.identity == identity {
                return Ok(Arc::clone(&before.file));
            }
            if before.identity.size == identity.size {
                let (identity, digest) = digest_set(path)?;
                if digest == before.file.digest {
                    let kept = Kept {
                        identity,
                        is_settled: identity.is_settled_at(now),
                        file: Arc::clone(&before.file),
                    };
                    self.keep(path, kept);
                    return Ok(Arc::clone(&before.file));
                }
            }
        }
        let (identity, mut file) = read_set(path, room)?;
        if let Some(before) = before
            && before.file.merged.prefixes == file.merged.prefixes
        {
            // Comments have changed.
            file.merged.prefixes = Arc::clone(&before.file.merged.prefixes);
        }
        let file = Arc::new(file);
        if file.problems.is_empty() {
            let kept = Kept {
                identity,
                is_settled: identity.is_settled_at(now),
                file: Arc::clone(&file),
            };
            self.keep(path, kept);
        }
        Ok(file)
    }

    fn glob(&self, pattern: &Path) -> Result<Vec<PathBuf>, FileError> {
        Disk.glob(pattern)
    }
}

/// Now, by the clock that a kernel of today takes the times of its files from, which is behind others
/// by up to a tick.
fn file_time() -> SystemTime {
    let now = clock_gettime(ClockId::CLOCK_REALTIME_COARSE);
    // Before 1970 nothing is settled.
    now.map_or(UNIX_EPOCH, |now| UNIX_EPOCH + Duration::from(now))
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
