//! A configuration on its way into force: read, and compiled.
//!
//! Owns the order of the pure steps. Blocks on files and on the compiler; the owner calls it off
//! the runtime's thread.

use std::path::Path;

use crate::config::snapshot::LastGood;
use crate::config::{self, Disk, Loaded};
use crate::policy::{Policy, Tables, compile};

use super::refusal::Refusal;

/// Reads the configuration file.
pub(super) fn read_file(path: &Path) -> Result<Loaded, Refusal> {
    Ok(config::load(path, &Disk)?)
}

/// Reads the last good configuration. It is checked like any other: rules for what is good may
/// have changed with the program.
pub(super) fn read_last_good(state_dir: &Path) -> Result<Loaded, Refusal> {
    let snapshot = LastGood::open(state_dir)?;
    Ok(config::load(snapshot.main(), &snapshot)?)
}

/// Compiles what was read.
pub(super) fn tables(path: &Path, loaded: &Loaded) -> Result<Tables, Refusal> {
    let policy = Policy::from_config(&loaded.config);
    compile(&policy).map_err(|source| Refusal::Policy {
        path: path.to_owned(),
        source,
    })
}
