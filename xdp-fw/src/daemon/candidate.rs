//! A configuration on its way into force: read, and compiled.
//!
//! Owns the order of the pure steps. Blocks on files and on the compiler; the owner calls it off
//! the runtime's thread.

use std::path::{Path, PathBuf};

use crate::config::snapshot::LastGood;
use crate::config::{self, Config, Disk, Loaded};
use crate::policy::{Policy, Tables, compile};

use super::refusal::Refusal;

/// Reads the configuration file, and says what to watch, even if it has mistakes.
pub(super) fn read_file(path: &Path) -> (Result<Loaded, Refusal>, Vec<PathBuf>) {
    match config::load(path, &Disk) {
        Ok(loaded) => {
            let watched = loaded.watched.clone();
            (Ok(loaded), watched)
        }
        Err(problems) => {
            let watched = problems.watched.clone();
            (Err(problems.into()), watched)
        }
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
