//! Where a daemon under test lives: its binary, its directories, its pins.
//!
//! Owns names that no other test has, and their removal.

use std::env;
use std::ffi::OsString;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use nix::sys::statfs::{BPF_FS_MAGIC, statfs};
use tempfile::TempDir;

use super::notify::Socket;
use crate::netns::unique;

const BPFFS: &str = "/sys/fs/bpf";

/// The environment variable that names the binary under test.
const BINARY: &str = "XDP_FW_BIN";

#[derive(Debug)]
pub(super) struct Places {
    pub(super) binary: PathBuf,
    pub(super) config: PathBuf,
    pub(super) pins: PathBuf,
    pub(super) state: PathBuf,
    pub(super) run: PathBuf,
    pub(super) notify: Socket,
    directory: TempDir,
}

impl Places {
    pub(super) fn new() -> Self {
        let bpffs = statfs(BPFFS).is_ok_and(|found| found.filesystem_type() == BPF_FS_MAGIC);
        assert!(bpffs, "no bpffs: mount -t bpf bpf {BPFFS}");
        let directory = TempDir::with_prefix("xdp-fw-test-").expect("a temporary directory");
        let within = |name: &str| directory.path().join(name);
        let [state, run] = [within("state"), within("run")];
        for made in [&state, &run] {
            fs::create_dir(made).expect("a directory of one's own can be written to");
        }
        Self {
            binary: binary(),
            config: within("xdp-fw.toml"),
            // No dot in it: bpffs refuses those.
            pins: Path::new(BPFFS).join(unique("pins")).join("v1"),
            state,
            run,
            notify: Socket::bind(&within("notify.sock")),
            directory,
        }
    }

    /// The directory that all but the pins is in.
    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The options that every command takes.
    pub(super) fn arguments(&self) -> [OsString; 8] {
        [
            "--config".into(),
            self.config.clone().into(),
            "--pin-dir".into(),
            self.pins.clone().into(),
            "--state-dir".into(),
            self.state.clone().into(),
            "--run-dir".into(),
            self.run.clone().into(),
        ]
    }

    /// The same without the configuration file.
    pub(super) fn arguments_without_config(&self) -> [OsString; 6] {
        let [_, _, rest @ ..] = self.arguments();
        rest
    }

    /// Puts a configuration in place whole, as editors do.
    pub(super) fn write_config(&self, config: &str) {
        let new = self.config.with_extension("new");
        fs::write(&new, config)
            .and_then(|()| fs::set_permissions(&new, Permissions::from_mode(0o644)))
            .and_then(|()| fs::rename(&new, &self.config))
            .expect("a directory of one's own can be written to");
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        let made = self.pins.parent().filter(|made| made.exists());
        if let Some(made) = made
            && let Err(error) = fs::remove_dir_all(made)
        {
            eprintln!("left behind: {}: {error}", made.display());
        }
    }
}

/// `$XDP_FW_BIN`, else the one that the same build made beside the test.
pub fn binary() -> PathBuf {
    if let Some(path) = env::var_os(BINARY) {
        return path.into();
    }
    let test = env::current_exe().expect("a test knows its own path");
    let profile = test.parent().and_then(Path::parent);
    match profile.map(|profile| profile.join("xdp-fw")) {
        Some(binary) if binary.exists() => binary,
        _ => panic!("no xdp-fw beside the tests: cargo build -p xdp-fw, or set {BINARY}"),
    }
}
