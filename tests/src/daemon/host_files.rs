//! An `/etc` and a `/run` that only the daemon under test sees.
//!
//! Owns the two directories, and the mount namespace in which they lie over the host's. What other
//! tests and the host have there is neither seen nor touched.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

/// The directories that are replaced.
const REPLACED: [&str; 2] = ["etc", "run"];

#[derive(Debug)]
pub(super) struct HostFiles {
    root: PathBuf,
}

impl HostFiles {
    /// Makes both, empty, in a directory of the caller's.
    pub(super) fn new(root: PathBuf) -> Self {
        for directory in REPLACED {
            fs::create_dir_all(root.join(directory)).expect("a directory of one's own");
        }
        Self { root }
    }

    /// Writes a file, `etc/…` or `run/…`, with the directories above it.
    pub(super) fn write(&self, path: &str, bytes: &[u8]) {
        let path = self.path(path);
        let directory = path.parent().expect("a file is in a directory");
        fs::create_dir_all(directory)
            .and_then(|()| fs::write(&path, bytes))
            .expect("a directory of one's own can be written to");
    }

    /// Removes a file that is there.
    pub(super) fn remove(&self, path: &str) {
        fs::remove_file(self.path(path)).expect("it was written before");
    }

    fn path(&self, path: &str) -> PathBuf {
        assert!(
            REPLACED.iter().any(|it| Path::new(path).starts_with(it)),
            "{path}: only these are replaced: {REPLACED:?}"
        );
        self.root.join(path)
    }

    /// Has the command see them.
    pub(super) fn show(&self, command: &mut Command) {
        let over = REPLACED.map(|name| (self.root.join(name), Path::new("/").join(name)));
        let replace = move || {
            unshare(CloneFlags::CLONE_NEWNS)?;
            let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
            mount(None::<&str>, "/", None::<&str>, private, None::<&str>)?;
            for (ours, theirs) in &over {
                let bind = MsFlags::MS_BIND;
                mount(Some(ours), theirs, None::<&str>, bind, None::<&str>)?;
            }
            Ok(())
        };
        // SAFETY: between fork and exec the closure makes system calls on paths that it owns;
        // short ones are copied to the stack, so that it neither allocates nor takes a lock.
        unsafe { command.pre_exec(replace) };
    }
}
