//! What is in force, and the text that it was made of.
//!
//! Owns the comparison of the two: the kernel has the hash of the text, the state directory the
//! text. Works without the daemon.

use std::fmt;
use std::path::PathBuf;

use crate::config::{self, Loaded};
use crate::datapath::{self, Snapshot};
use crate::state::Stored;

use super::{Failure, Paths};

/// The generation in force with its counters.
pub(super) struct InForce {
    pub(super) snapshot: Snapshot,
    /// What it was made of, or why that is not known.
    pub(super) configuration: Result<Loaded, Unknown>,
}

/// Why the text of what is in force is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unknown {
    state_dir: PathBuf,
    why: String,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the text of what is in force is not in {}: {}; `xdp-fw reload` stores it",
            self.state_dir.display(),
            self.why
        )
    }
}

/// Reads the pins and the state directory.
pub(super) fn read(paths: &Paths) -> Result<InForce, Failure> {
    let snapshot = datapath::read(&paths.pin_dir)?;
    let configuration = configuration(paths, snapshot.generation.config);
    Ok(InForce {
        snapshot,
        configuration,
    })
}

/// The stored text that has this hash: the last good one, or the one on trial.
pub(super) fn configuration(paths: &Paths, hash: [u8; 32]) -> Result<Loaded, Unknown> {
    let unknown = |why: String| Unknown {
        state_dir: paths.state_dir.clone(),
        why,
    };
    let stored = Stored::find(&paths.state_dir, &hash);
    let stored = stored.map_err(|error| unknown(error.to_string()))?;
    let stored = stored.ok_or_else(|| unknown("it has another configuration".to_owned()))?;
    config::load(stored.main(), &stored).map_err(|problems| unknown(problems.to_string()))
}
