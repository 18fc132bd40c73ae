//! What can go wrong below, told to operators: what happened, where, what to do.

use std::path::PathBuf;

/// A failure of the kernel's side.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing is loaded.
    #[error("{}: no xdp-fw generation is loaded here; start the daemon (`xdp-fw run`)", pins.display())]
    NoGeneration {
        /// The pin directory.
        pins: PathBuf,
    },
    /// An interface could not be attached.
    #[error("{interface}: cannot attach: {cause}; {remedy}")]
    Attach {
        /// The interface.
        interface: String,
        /// What the kernel or the driver said.
        cause: String,
        /// What to do.
        remedy: String,
    },
}
