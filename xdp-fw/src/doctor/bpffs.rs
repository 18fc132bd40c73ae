//! The BPF file system and our directory in it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::datapath::{self, Error};

use super::{AS_ROOT, Finding, Group};

const GROUP: Group = Group("pins");

/// What was seen.
pub(super) struct Bpffs {
    pub(super) pins: PathBuf,
    /// What a start would say of the directory.
    pub(super) checked: Result<(), Error>,
    /// Whether we may look at all.
    pub(super) privileged: bool,
    /// Whether a filter is in force.
    pub(super) loaded: Result<bool, Error>,
    /// The nearest directory above it that exists and in which anyone may make ours.
    pub(super) open: Option<PathBuf>,
}

pub(super) fn look(pins: &Path) -> Bpffs {
    let existing = pins.ancestors().find(|path| path.exists());
    let open = existing.filter(|path| {
        let mode = fs::metadata(path).map_or(0, |metadata| metadata.mode());
        mode & 0o002 != 0
    });
    Bpffs {
        pins: pins.to_owned(),
        checked: datapath::check_pins(pins),
        privileged: datapath::missing_capabilities().is_empty(),
        loaded: datapath::is_in_force(pins),
        open: open.map(Path::to_owned),
    }
}

pub(super) fn check(bpffs: &Bpffs) -> Vec<Finding> {
    let pins = bpffs.pins.display();
    let mut findings = vec![match bpffs.checked.as_ref().and(bpffs.loaded.as_ref()) {
        Ok(true) => GROUP.ok(format!("{pins}: ours alone, a filter is in force")),
        Ok(false) => GROUP.ok(format!(
            "{pins}: on a BPF file system, no filter is in force"
        )),
        Err(Error::NotBpffs { .. }) => GROUP.problem(
            format!("{pins}: not on a BPF file system"),
            "`mount -t bpf bpf /sys/fs/bpf`",
        ),
        Err(Error::Pin {
            path,
            problem,
            remedy,
        }) if bpffs.privileged => GROUP.problem(format!("{}: {problem}", path.display()), remedy),
        Err(_) => GROUP.unknown(format!("{pins}: cannot be looked at"), AS_ROOT),
    }];
    if let Some(open) = &bpffs.open {
        let open = open.display();
        findings.push(GROUP.warning(
            format!("{open}: anyone may make a directory of our name there before we do"),
            format!("`chmod 0700 {open}`"),
        ));
    }
    findings
}
