//! What the owner of the datapath can be asked to do: the daemon's whole inner interface.

use std::fmt;

use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use super::refusal::{ProblemReport, Refusal};

/// Commands on their way to the owner.
pub(super) type Commands = mpsc::Sender<Command>;

/// How many commands may wait. Whoever sends more waits, too.
pub(super) const QUEUE: usize = 16;

/// A command to the owner of the datapath.
#[derive(Debug)]
pub(super) enum Command {
    /// Read the configuration again and put it into force.
    Reload {
        /// Who wants it.
        cause: Cause,
        /// Where to say how it went.
        reply: oneshot::Sender<Result<Reloaded, Refused>>,
    },
    /// Interfaces have changed: attach and detach as configured.
    Reconcile {
        /// Told when it is done, so that a burst of events becomes one command.
        reply: oneshot::Sender<()>,
    },
    /// A part of the daemon cannot do its work, or can again.
    Trouble {
        /// The part.
        part: &'static str,
        /// What is wrong and what follows from it.
        error: Option<String>,
    },
    /// Say that you are alive.
    Ping {
        /// Where to say so.
        reply: oneshot::Sender<()>,
    },
    /// Stop filtering, and end.
    Unload {
        /// Where to say how it went.
        reply: oneshot::Sender<Result<Unloaded, Refused>>,
    },
}

/// Who wants a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// A file changed.
    File,
    /// SIGHUP.
    Signal,
    /// `xdp-fw reload`.
    Control,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File => "a file changed",
            Self::Signal => "SIGHUP",
            Self::Control => "xdp-fw reload",
        })
    }
}

/// A reload that succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// Whether there was something new to put into force.
    pub changed: bool,
    /// The generation now in force.
    pub generation: u64,
    /// Rules in force.
    pub rules: u32,
    /// Prefixes that they name.
    pub prefixes: u64,
    /// What is allowed but probably not meant, as `file:line:column: …`.
    pub warnings: Vec<String>,
}

/// An `unload` that succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unloaded {
    /// How many interfaces were detached.
    pub links: usize,
}

/// A command that was refused; nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Why; several lines if there are several problems.
    pub error: String,
    /// Whether the operator's text is at fault.
    pub configuration: bool,
    /// The problems of the configuration one by one.
    pub problems: Vec<ProblemReport>,
}

impl From<&Refusal> for Refused {
    fn from(refusal: &Refusal) -> Self {
        Self {
            error: refusal.to_string(),
            configuration: refusal.is_configuration(),
            problems: refusal.problems(),
        }
    }
}
