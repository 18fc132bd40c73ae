//! A configuration on its way into force: read, and compiled.
//!
//! Owns the order of the pure steps. Blocks on files and on the compiler; the owner calls it off
//! the runtime's thread.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use crate::config::snapshot::LastGood;
use crate::config::{self, Config, Disk, FileError, Files, Loaded, Role};
use crate::policy::{Policy, Tables, compile};

use super::refusal::Refusal;

/// Reads the configuration file, and says which files it consists of, even if it has mistakes.
pub(super) fn read_file(path: &Path) -> (Result<Loaded, Refusal>, Vec<PathBuf>) {
    let files = Recorded::default();
    let result = config::load(path, &files).map_err(Refusal::from);
    (result, files.paths.into_inner())
}

/// The disk, with a record of what was read from it: a file that is missing or wrong is to be
/// watched, too.
#[derive(Default)]
struct Recorded {
    paths: RefCell<Vec<PathBuf>>,
}

impl Files for Recorded {
    fn read(&self, path: &Path, role: Role) -> Result<String, FileError> {
        self.paths.borrow_mut().push(path.to_owned());
        Disk.read(path, role)
    }
}

/// Reads the last good configuration. It is checked like any other: rules for what is good may
/// have changed with the program.
pub(super) fn read_last_good(state_dir: &Path) -> Result<Loaded, Refusal> {
    let snapshot = LastGood::open(state_dir)?;
    Ok(config::load(snapshot.main(), &snapshot)?)
}

/// Compiles a configuration for the interfaces that there are, by index and name.
pub(super) fn tables(
    path: &Path,
    config: &Config,
    interfaces: &[(u32, String)],
) -> Result<Tables, Refusal> {
    let policy = Policy::from_config(config);
    compile(&policy, interfaces).map_err(|source| Refusal::Policy {
        path: path.to_owned(),
        source,
    })
}
