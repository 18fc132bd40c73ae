//! Why the daemon does not start, or does not go on.

use std::io;
use std::path::PathBuf;

use crate::daemon::lock::LockError;
use crate::daemon::refusal::KernelError;

/// Why the daemon does not start, or does not go on.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The process may not do what it has to.
    #[error("not permitted: {} missing; run as root, or start it with `systemctl start xdp-fw`", .missing.join(", "))]
    NotPermitted {
        /// Capabilities that it lacks.
        missing: Vec<&'static str>,
    },
    /// Another daemon is running, or it cannot be known.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Neither the file nor the last good configuration can be used.
    #[error("{refusal}\nand there is nothing to fall back to: {last_good}")]
    Refused {
        /// Why not the file.
        refusal: String,
        /// Whether the operator's text is at fault.
        configuration: bool,
        /// Why not the last good configuration.
        last_good: String,
    },
    /// The kernel did not do what it was asked.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// The control socket cannot be made.
    #[error("{}: cannot listen: {source}", .path.display())]
    Control {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No events of interfaces, or of signals.
    #[error("cannot receive {what}: {source}")]
    Events {
        /// What they would be of.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A task ended that should not.
    #[error("{0} ended by itself; this is a bug")]
    Task(&'static str),
}
