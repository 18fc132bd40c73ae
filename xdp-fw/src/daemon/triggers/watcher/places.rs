//! Where a change of a file can be seen: its directory, and that of every link on the way to it.
//!
//! Owns which names matter and which events on them do. The walk is done by hand because
//! `canonicalize` tells the end of the way only: a `..data` link that is swapped (as Kubernetes
//! does for mounted files) lies in the middle of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use notify::event::{AccessKind, AccessMode, CreateKind, ModifyKind, RemoveKind, RenameMode};
use notify::{Event, EventKind};

use crate::names::glob::{glob_directory, matches_path};

/// As many links as the kernel follows.
const LINKS_MAX: usize = 40;

/// How far the clock of file systems can lie behind: a tick of the slowest kernel.
const CLOCK_STEP: Duration = Duration::from_millis(10);

/// The names that matter, each by its real directory and whether it is a symbolic link.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Places {
    names: BTreeMap<PathBuf, bool>,
    /// Globs by the real directory that a new file may be in, as paths in it.
    globs: BTreeMap<PathBuf, BTreeSet<PathBuf>>,
    /// Names on the way to files that nobody reads until their owner or mode is another.
    closed: BTreeSet<PathBuf>,
}

impl Places {
    /// Follows the way to each file.
    pub(super) fn of<'a>(files: impl Iterator<Item = &'a PathBuf>) -> Self {
        let mut places = Self::default();
        for file in files {
            places.follow(file);
        }
        places
    }

    /// Has a change of the owner or mode of these count.
    pub(super) fn closed<'a>(mut self, files: impl Iterator<Item = &'a PathBuf>) -> Self {
        for file in files {
            self.closed
                .extend(Self::of([file].into_iter()).names.into_keys());
            // Its name by the kernel: `/` and what lies right below it are on no way.
            self.closed.extend(fs::canonicalize(file));
        }
        self
    }

    /// Whether there is an event that counts and did not count before.
    pub(super) fn adds_to(&self, before: &Self) -> bool {
        let known = |name| before.names.contains_key(name);
        let is_known = |(real, globs): (&PathBuf, &BTreeSet<PathBuf>)| {
            before
                .globs
                .get(real)
                .is_some_and(|others| globs.is_subset(others))
        };
        !self.names.keys().all(known)
            || !self.globs.iter().all(is_known)
            || !self.closed.is_subset(&before.closed)
    }

    /// The directories to watch.
    pub(super) fn directories(&self) -> BTreeSet<PathBuf> {
        let parents = self.names.keys().filter_map(|name| name.parent());
        let globs = self.globs.keys().map(PathBuf::as_path);
        // The mode of a directory that is closed changes without a word to the one above it.
        let closed = self.closed.iter().filter(|path| path.is_dir());
        let all = parents.chain(globs).map(Path::to_owned);
        all.chain(closed.cloned()).collect()
    }

    /// Whether one of the names was made, replaced or written after that moment.
    pub(super) fn changed_since(&self, moment: SystemTime) -> bool {
        let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
        self.names.keys().chain(self.globs.keys()).any(|name| {
            fs::symlink_metadata(name).is_ok_and(|meta| {
                let seconds = u64::try_from(meta.ctime()).unwrap_or(0);
                let nanoseconds = u32::try_from(meta.ctime_nsec()).unwrap_or(0);
                Duration::new(seconds, nanoseconds) + CLOCK_STEP >= since
            })
        })
    }

    fn follow(&mut self, file: &Path) {
        let Ok(file) = std::path::absolute(file) else {
            return;
        };
        let pattern = file;
        let glob = glob_directory(&pattern);
        let file = glob.as_ref().unwrap_or(&pattern);
        let mut way: VecDeque<OsString> = steps(file);
        let mut here = PathBuf::from("/");
        let mut links = 0;
        while let Some(step) = way.pop_front() {
            if step == ".." {
                here.pop();
                continue;
            }
            let name = here.join(step);
            let target = fs::read_link(&name).ok();
            // Directories right below the root are not replaced, and `/` is busy.
            if here.parent().is_some() || target.is_some() || way.is_empty() {
                self.names.insert(name.clone(), target.is_some());
            }
            match target {
                None if !name.is_dir() => return,
                None => here = name,
                Some(_) if links == LINKS_MAX => return,
                Some(target) => {
                    links += 1;
                    if target.is_absolute() {
                        here = PathBuf::from("/");
                    }
                    for step in steps(&target).into_iter().rev() {
                        way.push_front(step);
                    }
                }
            }
        }
        // The way ends at a directory.
        if glob.is_some()
            && let Some(name) = pattern.file_name()
        {
            let pattern = here.join(name);
            self.globs.entry(here).or_default().insert(pattern);
        }
    }

    /// Whether an event means that a file may have new content, completely written.
    pub(super) fn concern(&self, event: &Event) -> bool {
        if event.need_rescan() {
            return true;
        }
        event.paths.iter().any(|path| {
            let link = self.names.get(path);
            let link = link.is_some_and(|link| is_change(event.kind, path, *link));
            // A file that goes from there is a change, too.
            let globs = path.parent().and_then(|parent| self.globs.get(parent));
            let is_matched =
                globs.is_some_and(|globs| globs.iter().any(|pattern| matches_path(pattern, path)));
            let opened = is_metadata(event.kind) && self.closed.contains(path);
            link || opened || is_matched && is_change(event.kind, path, true)
        })
    }
}

fn steps(path: &Path) -> VecDeque<OsString> {
    let steps = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    steps.collect()
}

fn is_metadata(kind: EventKind) -> bool {
    matches!(kind, EventKind::Modify(ModifyKind::Metadata(_)))
}

/// MODIFY is none: it comes before the content is complete, and an empty or cut-off file can be a
/// valid configuration. Nor is ATTRIB, which may come between two writes; only where a file was not
/// read at all, there is nothing to lose.
fn is_change(kind: EventKind, path: &Path, was_link: bool) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write))
        | EventKind::Modify(ModifyKind::Name(RenameMode::To | RenameMode::Both))
        | EventKind::Create(CreateKind::Folder) => true,
        EventKind::Create(_) => is_complete_at_birth(path),
        EventKind::Remove(RemoveKind::File)
        | EventKind::Modify(ModifyKind::Name(RenameMode::From)) => was_link,
        _ => false,
    }
}

/// Links, symbolic and hard, are never written to after they are made; a new file will be.
fn is_complete_at_birth(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink() || meta.nlink() > 1)
}

#[cfg(test)]
#[path = "places_tests.rs"]
mod tests;
