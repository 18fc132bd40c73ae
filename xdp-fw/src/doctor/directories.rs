//! The state and the run directory.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;

use super::{AS_ROOT, Finding, Group};

const GROUP: Group = Group("directories");
/// Less free space than this, in bytes, is soon none: the last good configuration is kept with all
/// of its set files.
const LITTLE: u64 = 64 << 20;

/// What was seen.
pub(super) struct Directory {
    /// `state` or `run`.
    pub(super) what: &'static str,
    pub(super) path: PathBuf,
    pub(super) entry: Entry,
    /// Bytes that are free where it is or will be.
    pub(super) free: Option<u64>,
}

/// What there is at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    Missing,
    Hidden,
    NoDirectory,
    Is { user: u32, mode: u32 },
}

pub(super) fn look(what: &'static str, path: &Path) -> Directory {
    let entry = match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Entry::Is {
            user: metadata.uid(),
            mode: metadata.mode() & 0o7777,
        },
        Ok(_) => Entry::NoDirectory,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Entry::Hidden,
        Err(_) => Entry::Missing,
    };
    let existing = path.ancestors().find(|path| path.exists());
    let free = existing.and_then(|path| statvfs(path).ok());
    Directory {
        what,
        path: path.to_owned(),
        entry,
        free: free.map(|free| free.blocks_available() * free.fragment_size()),
    }
}

pub(super) fn check(directory: &Directory) -> Vec<Finding> {
    let (what, path) = (directory.what, directory.path.display());
    let name = format!("{path} ({what})");
    let mut findings = vec![match directory.entry {
        Entry::Missing => GROUP.ok(format!("{name}: made at the first start")),
        Entry::Hidden => GROUP.unknown(format!("{name}: cannot be looked at"), AS_ROOT),
        Entry::NoDirectory => {
            GROUP.problem(format!("{name}: not a directory"), format!("`rm {path}`"))
        }
        Entry::Is { user, .. } if user != 0 => GROUP.problem(
            format!("{name}: owned by uid {user}, who may change what is in it"),
            format!("`chown root {path}`"),
        ),
        Entry::Is { mode, .. } if mode & 0o022 != 0 => GROUP.problem(
            format!("{name}: others may write there (mode {mode:04o})"),
            format!("`chmod go-w {path}`"),
        ),
        Entry::Is { .. } => GROUP.ok(format!("{name}: root's alone")),
    }];
    if let Some(free) = directory.free.filter(|free| *free < LITTLE) {
        findings.push(GROUP.warning(
            format!(
                "{name}: {} MiB are free, and the last good configuration is kept there",
                free >> 20
            ),
            format!("make room: `du -xh --max-depth=1 {path}`"),
        ));
    }
    findings
}
