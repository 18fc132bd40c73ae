//! The way to a file: every directory and every link from `/` on.
//!
//! Owns the walk, which resolves links itself and begins each step at the descriptor of the step
//! before: what is opened at the end is what was checked. Nothing on the way is opened for reading,
//! so a FIFO or a tape at its end is recognised and left alone. `trust` judges each step.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::Mode;
use nix::sys::statfs::{DEBUGFS_MAGIC, PROC_SUPER_MAGIC, SYSFS_MAGIC, TRACEFS_MAGIC, fstatfs};

use super::FileError;
use super::trust::{Place, trust_directory, trust_entry, trust_link};

/// As many links as the kernel follows.
const LINKS_MAX: usize = 40;

/// Looks without opening, and never through a link.
const LOOK: OFlag = OFlag::O_PATH
    .union(OFlag::O_NOFOLLOW)
    .union(OFlag::O_CLOEXEC);

/// Without `O_NONBLOCK`, opening what has become a FIFO waits for a writer forever.
const READ: OFlag = OFlag::O_NONBLOCK
    .union(OFlag::O_NOCTTY)
    .union(OFlag::O_NOFOLLOW)
    .union(OFlag::O_CLOEXEC);

/// What is at the end of a way that nobody else can change.
pub(super) struct Found {
    /// The directory that it is in, and its name there.
    directory: File,
    name: OsString,
    /// What was looked at.
    pub(super) meta: Metadata,
}

impl Found {
    /// Follows the way to a file, for user `user`.
    pub(super) fn file(path: &Path, user: u32) -> Result<Self, FileError> {
        Walk::along(path, user)?.reach(false)
    }

    /// Follows the way to a directory.
    pub(super) fn directory(path: &Path, user: u32) -> Result<Self, FileError> {
        Walk::along(path, user)?.reach(true)
    }

    /// Opens what was found for reading; `None` if something else is there in the meantime.
    pub(super) fn open(&self) -> Result<Option<File>, FileError> {
        let name = self.name.as_os_str();
        let file = match openat(&self.directory, name, OFlag::O_RDONLY | READ, Mode::empty()) {
            Ok(file) => File::from(file),
            Err(Errno::ENOENT | Errno::ELOOP | Errno::ENXIO | Errno::ENODEV) => return Ok(None),
            Err(error) => return Err(refused(error)),
        };
        Ok(is_same(&file.metadata()?, &self.meta).then_some(file))
    }
}

/// Such files have no size, and reading some takes away what they hold (`/proc/kmsg`).
fn is_of_the_kernel(entry: &File) -> Result<bool, FileError> {
    let kind = fstatfs(entry).map_err(refused)?.filesystem_type();
    let kernel = [PROC_SUPER_MAGIC, SYSFS_MAGIC, TRACEFS_MAGIC, DEBUGFS_MAGIC];
    Ok(kernel.contains(&kind))
}

fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// A walk that has come as far as `here`.
struct Walk {
    user: u32,
    here: File,
    /// `here` by name, without a link.
    path: PathBuf,
    place: Place,
    /// The steps that are left, the next one last.
    rest: Vec<OsString>,
    links: usize,
}

impl Walk {
    fn along(path: &Path, user: u32) -> Result<Self, FileError> {
        let (here, place) = root(user)?;
        let mut walk = Self {
            user,
            here,
            path: "/".into(),
            place,
            rest: Vec::new(),
            links: 0,
        };
        walk.insert(&std::path::absolute(path)?);
        Ok(walk)
    }

    /// Puts the steps of `path` before those that are left.
    fn insert(&mut self, path: &Path) {
        let steps = path.components().filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        });
        let from = self.rest.len();
        self.rest.extend(steps);
        if let Some(inserted) = self.rest.get_mut(from..) {
            inserted.reverse();
        }
    }

    fn reach(mut self, to_directory: bool) -> Result<Found, FileError> {
        while let Some(step) = self.rest.pop() {
            if !self.rest.is_empty() || to_directory || step == ".." {
                match self.enter(&step)? {
                    Entered::Yes => continue,
                    Entered::NoDirectory => {}
                }
            }
            let name = self.path.join(&step);
            let entry = self.look(&step, OFlag::empty())?;
            let meta = entry.metadata()?;
            if meta.is_symlink() {
                self.turn(&entry, &meta, &name)?;
                continue;
            }
            if !self.rest.is_empty() {
                return Err(refused(Errno::ENOTDIR));
            }
            trust_entry(&name, &meta, self.user, self.place)?;
            if meta.is_file() && is_of_the_kernel(&entry)? {
                return Err(FileError::NotAFile("a file of the kernel (proc or sysfs)"));
            }
            return Ok(Found {
                directory: self.here,
                name: step,
                meta,
            });
        }
        // The way ends at a directory, which is a name of its own.
        let meta = self.here.metadata()?;
        Ok(Found {
            directory: self.here,
            name: ".".into(),
            meta,
        })
    }

    /// Goes into the directory `step`. `O_DIRECTORY` has a file system mounted that is mounted on
    /// demand.
    fn enter(&mut self, step: &OsStr) -> Result<Entered, FileError> {
        let next = match self.look(step, OFlag::O_DIRECTORY) {
            Ok(next) => next,
            Err(FileError::NotADirectory) => return Ok(Entered::NoDirectory),
            Err(error) => return Err(error),
        };
        if step == ".." {
            self.path.pop();
        } else {
            self.path.push(step);
        }
        self.place = trust_directory(&self.path, &next.metadata()?, self.user)?;
        self.here = next;
        Ok(Entered::Yes)
    }

    /// Goes on where the link `entry` leads.
    fn turn(&mut self, entry: &File, meta: &Metadata, name: &Path) -> Result<(), FileError> {
        self.links += 1;
        if self.links > LINKS_MAX {
            return Err(FileError::NotAFile("a loop of symbolic links"));
        }
        trust_link(name, meta, self.user)?;
        let target = PathBuf::from(readlinkat(entry, "").map_err(refused)?);
        if is_of_a_process(name, &target) {
            return Err(FileError::NotAFile("a pipe or a socket of a process"));
        }
        if target.is_absolute() {
            (self.here, self.place) = root(self.user)?;
            self.path = "/".into();
        }
        self.insert(&target);
        Ok(())
    }

    fn look(&self, step: &OsStr, more: OFlag) -> Result<File, FileError> {
        let entry = openat(&self.here, step, LOOK | more, Mode::empty());
        entry.map(File::from).map_err(|error| match error {
            Errno::ENOTDIR if more.contains(OFlag::O_DIRECTORY) => FileError::NotADirectory,
            error => refused(error),
        })
    }
}

enum Entered {
    Yes,
    /// A link, perhaps.
    NoDirectory,
}

fn root(user: u32) -> Result<(File, Place), FileError> {
    let root = openat(
        nix::fcntl::AT_FDCWD,
        "/",
        LOOK | OFlag::O_DIRECTORY,
        Mode::empty(),
    );
    let root = File::from(root.map_err(refused)?);
    let place = trust_directory(Path::new("/"), &root.metadata()?, user)?;
    Ok((root, place))
}

/// Links such as `/proc/self/fd/0 → pipe:[7]` have no name that one could follow.
fn is_of_a_process(link: &Path, target: &Path) -> bool {
    link.starts_with("/proc") && target.to_string_lossy().contains(":[")
}

fn refused(error: Errno) -> FileError {
    super::stream::open_error(error.into())
}

#[cfg(test)]
#[path = "way_tests.rs"]
mod tests;
