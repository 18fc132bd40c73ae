//! The pin directory: where things are, and whether they may be trusted.
//!
//! bpffs is world-writable outside systemd, and aya checks nothing about a pinned map that it
//! reuses: so owner, mode and shape of everything are checked here before use. Names hold no dot,
//! which bpffs refuses.

pub(in crate::datapath) mod found;
pub(in crate::datapath) mod shared;

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

use aya::maps::{MapData, MapType};
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::statfs::{BPF_FS_MAGIC, statfs};
use nix::unistd::Uid;

use self::found::{Found, look, removal};
use crate::datapath::error::Error;
use crate::datapath::model::Hook;

/// Paths under a pin directory.
#[derive(Debug, Clone)]
pub(in crate::datapath) struct Pins {
    root: PathBuf,
}

/// What a pinned map must look like.
pub(in crate::datapath) struct Shape {
    pub(in crate::datapath) kind: MapType,
    pub(in crate::datapath) key: u32,
    pub(in crate::datapath) value: u32,
    /// `None` where the size follows the data.
    pub(in crate::datapath) entries: Option<u32>,
    /// As it was created (`BPF_F_…`).
    pub(in crate::datapath) flags: u32,
}

impl Pins {
    /// Refers to a directory; looks at nothing yet.
    pub(in crate::datapath) fn new(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    pub(in crate::datapath) fn root(&self) -> &Path {
        &self.root
    }

    /// Where a new root program stands until it takes the old one's place.
    pub(in crate::datapath) fn new_root_program(&self) -> PathBuf {
        self.root.join("root-new")
    }

    /// The root program.
    pub(in crate::datapath) fn root_program(&self) -> PathBuf {
        self.root.join("root")
    }

    pub(in crate::datapath) fn links(&self) -> PathBuf {
        self.root.join("links")
    }

    /// Where the links of a hook are. In this layout there is one hook, and it has all of `links`.
    fn links_of(&self, hook: Hook) -> PathBuf {
        match hook {
            Hook::XdpIngress => self.links(),
        }
    }

    pub(in crate::datapath) fn link(&self, hook: Hook, number: u32) -> PathBuf {
        self.links_of(hook).join(number.to_string())
    }

    pub(in crate::datapath) fn generations(&self) -> PathBuf {
        self.root.join("generations")
    }

    pub(in crate::datapath) fn generation(&self, number: u64) -> PathBuf {
        self.generations().join(number.to_string())
    }

    /// The link that says which generation is the base, while there is one.
    pub(in crate::datapath) fn base(&self) -> PathBuf {
        self.root.join("base")
    }

    /// Where that link stands until it takes the old one's place.
    pub(in crate::datapath) fn new_base(&self) -> PathBuf {
        self.root.join("base-new")
    }

    /// The number of the base; `None` if what is there is not ours.
    pub(in crate::datapath) fn base_number(&self) -> Result<Option<u64>, Error> {
        let base = self.base();
        let target = match fs::read_link(&base) {
            Ok(target) => target,
            // What is no link.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Ok(None),
            Err(error) => {
                let action = format!("read {}", base.display());
                return Err(Error::kernel(action, &error));
            }
        };
        let number = target.strip_prefix("generations").ok();
        Ok(number.and_then(|number| number.to_str()?.parse().ok()))
    }

    /// Makes a generation the base, in one step.
    pub(in crate::datapath) fn set_base(&self, number: u64) -> io::Result<()> {
        let beside = self.new_base();
        remove(&beside)?;
        symlink(Path::new("generations").join(number.to_string()), &beside)?;
        fs::rename(&beside, self.base())
    }

    /// From now on there is no base.
    pub(in crate::datapath) fn remove_base(&self) -> io::Result<()> {
        remove(&self.new_base())?;
        remove(&self.base())
    }

    /// What a take-over has copied, while it is under way.
    pub(in crate::datapath) fn carried(&self) -> PathBuf {
        self.root.join("carried")
    }

    /// Where that stands until it is whole.
    pub(in crate::datapath) fn new_carried(&self) -> PathBuf {
        self.root.join("carried-new")
    }

    /// The version of the layout, if the directory is named after one: `v1`.
    pub(in crate::datapath) fn version(&self) -> Option<u32> {
        let name = self.root.file_name()?.to_str()?;
        let number = name.strip_prefix('v')?;
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| number.parse().ok())?
    }

    /// The directory above, if it is one for layouts: what is called `v1` lies in a directory of ours
    /// beside its predecessors.
    pub(in crate::datapath) fn above(&self) -> Option<&Path> {
        self.version()?;
        let above = self.root.parent()?;
        // The mount point is nobody's.
        let may_be_ours = is_bpffs(above) && above.parent().is_some_and(is_bpffs);
        may_be_ours.then_some(above)
    }

    /// Makes the directories where they are missing, and checks all of them.
    pub(in crate::datapath) fn create(&self) -> Result<(), Error> {
        self.require_bpffs()?;
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        for directory in [self.links(), self.generations()] {
            builder.create(&directory).map_err(|error| {
                Error::pin(
                    &directory,
                    format!("cannot be made: {error}"),
                    "run as root, and use names without a dot, which bpffs refuses",
                )
            })?;
        }
        self.check()
    }

    /// Checks owner and mode of what there is of the directory, and of all above it on the same
    /// file system.
    pub(in crate::datapath) fn check(&self) -> Result<(), Error> {
        for directory in [&self.links(), &self.generations(), &self.root] {
            if exists(directory)? {
                check_directory(directory)?;
            }
        }
        for parent in self.root.ancestors().skip(1) {
            if !is_bpffs(parent) || parent.parent().is_none_or(|above| !is_bpffs(above)) {
                break;
            }
            check_directory(parent)?;
        }
        Ok(())
    }

    pub(in crate::datapath) fn require_bpffs(&self) -> Result<(), Error> {
        for path in self.root.ancestors() {
            match statfs(path) {
                Ok(found) if found.filesystem_type() == BPF_FS_MAGIC => return Ok(()),
                // The nearest that there is decides.
                Err(Errno::ENOENT | Errno::ENOTDIR) => {}
                Ok(_) => {
                    return Err(Error::NotBpffs {
                        path: path.to_owned(),
                    });
                }
                Err(errno) => {
                    let action = format!("look at {}", path.display());
                    return Err(Error::kernel(action, &io::Error::from(errno)));
                }
            }
        }
        Err(Error::NotBpffs {
            path: self.root.clone(),
        })
    }

    /// Takes the directory for this process, for as long as the result lives.
    pub(in crate::datapath) fn lock(&self) -> Result<Flock<File>, Error> {
        let busy = || Error::Busy {
            pins: self.root.clone(),
        };
        let refused =
            |error: &io::Error| Error::kernel(format!("lock {}", self.root.display()), error);
        let directory = File::open(&self.root).map_err(|error| refused(&error))?;
        let lock =
            Flock::lock(directory, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| {
                match errno {
                    Errno::EWOULDBLOCK => busy(),
                    other => refused(&io::Error::from(other)),
                }
            })?;
        // An unload may have removed it since it was opened, and another daemon made it again.
        let locked = lock.metadata().map_err(|error| refused(&error))?;
        match fs::symlink_metadata(&self.root) {
            Ok(there) if (there.dev(), there.ino()) == (locked.dev(), locked.ino()) => Ok(lock),
            _ => Err(busy()),
        }
    }

    /// Waits until nobody else attaches or detaches, and keeps others from it for as long as the
    /// result lives: `xdp-fw attach` runs beside the owner of the directory.
    pub(in crate::datapath) fn lock_links(&self) -> Result<Flock<File>, Error> {
        let links = self.links();
        let refused = |error: &io::Error| Error::kernel(format!("lock {}", links.display()), error);
        let directory = File::open(&links).map_err(|error| refused(&error))?;
        Flock::lock(directory, FlockArg::LockExclusive)
            .map_err(|(_, errno)| refused(&io::Error::from(errno)))
    }

    /// Numbers of the generations that have a directory, ascending.
    pub(in crate::datapath) fn generation_numbers(&self) -> Result<Vec<u64>, Error> {
        numbers(&self.generations())
    }

    /// Numbers of a hook's pinned links, ascending.
    pub(in crate::datapath) fn link_numbers(&self, hook: Hook) -> Result<Vec<u32>, Error> {
        numbers(&self.links_of(hook))
    }
}

/// Removes a directory, unless there is something in it.
pub(in crate::datapath) fn remove_directory(path: &Path) -> io::Result<()> {
    use io::ErrorKind::{DirectoryNotEmpty, NotFound};
    match fs::remove_dir(path) {
        Err(error) if !matches!(error.kind(), NotFound | DirectoryNotEmpty) => Err(error),
        _ => Ok(()),
    }
}

/// Removes a file that may be gone already.
pub(in crate::datapath) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Entries of a directory that are plain numbers, ascending; none if it is not there.
fn numbers<N: std::str::FromStr + Ord>(directory: &Path) -> Result<Vec<N>, Error> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => {
            let action = format!("read {}", directory.display());
            return Err(Error::kernel(action, &error));
        }
    };
    let mut numbers = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| {
            let action = format!("read {}", directory.display());
            Error::kernel(action, &error)
        })?;
        let name = entry.file_name();
        numbers.extend(name.to_str().and_then(|name| name.parse::<N>().ok()));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Whether there is something at `path`. That one may not look is not an answer.
pub(in crate::datapath) fn exists(path: &Path) -> Result<bool, Error> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::kernel(format!("look at {}", path.display()), &error)),
    }
}

fn is_bpffs(path: &Path) -> bool {
    statfs(path).is_ok_and(|stat| stat.filesystem_type() == BPF_FS_MAGIC)
}

fn check_directory(path: &Path) -> Result<(), Error> {
    let metadata = fs::symlink_metadata(path)
        .map_err(|error| Error::kernel(format!("look at {}", path.display()), &error))?;
    let shown = path.display();
    if !metadata.is_dir() {
        let remedy = format!("remove it: {}", removal(path));
        return Err(Error::pin(path, "not a directory", remedy));
    }
    if metadata.uid() != Uid::effective().as_raw() {
        let problem = format!("owned by uid {}, not by us", metadata.uid());
        let remedy = format!("if nothing foreign is in it: `chown root {shown}`");
        return Err(Error::pin(path, problem, remedy));
    }
    if metadata.mode() & 0o077 != 0 {
        let problem = format!("open to others (mode {:04o})", metadata.mode() & 0o7777);
        let remedy = format!("if nothing foreign is in it: `chmod 0700 {shown}`");
        return Err(Error::pin(path, problem, remedy));
    }
    Ok(())
}

/// Checks a pinned map's shape; a missing one is `Ok(false)`.
pub(in crate::datapath) fn check_map(path: &Path, shape: &Shape) -> Result<bool, Error> {
    let refuse = |problem: String| {
        let remedy = "it is not one that this version made: remove it, or run `xdp-fw unload` \
                      with the version that did";
        Error::pin(path, problem, remedy)
    };
    let map = match look(path)? {
        // Removed since, by a commit.
        Found::Nothing => return Ok(false),
        Found::Map(map) => map,
        other => return Err(refuse(format!("not a map but {}", other.describe()))),
    };
    let info = MapData::from_fd(map)
        .and_then(|map| map.info())
        .map_err(|error| Error::kernel(format!("look at {}", path.display()), &error))?;
    let kind = info
        .map_type()
        .map_err(|_| refuse("a map of unknown type".to_owned()))?;
    if kind != shape.kind {
        return Err(refuse(format!(
            "a map of type {kind:?}, not {:?}",
            shape.kind
        )));
    }
    let found = [
        ("key size", info.key_size(), Some(shape.key)),
        ("value size", info.value_size(), Some(shape.value)),
        ("entries", info.max_entries(), shape.entries),
        ("flags", info.map_flags(), Some(shape.flags)),
    ];
    for (what, found, expected) in found {
        if expected.is_some_and(|expected| expected != found) {
            let expected = expected.unwrap_or_default();
            return Err(refuse(format!("a map with {what} {found}, not {expected}")));
        }
    }
    Ok(true)
}
