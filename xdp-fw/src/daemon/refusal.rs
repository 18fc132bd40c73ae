//! Why a configuration was not put into force.
//!
//! Owns the causes, and what of them crosses the control socket.

use std::fmt::Write as _;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::config::{Place, Problem, Problems};
use crate::datapath;
use crate::interfaces;
use crate::policy::CompileError;
use crate::state::SnapshotError;

use crate::daemon::guard::lock_out::LockOut;

/// Why a configuration was not put into force. Whatever it is, nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It has mistakes, or cannot be read.
    #[error("{0}")]
    Configuration(#[from] Problems),
    /// It asks for more than the tables hold.
    #[error("{}: {source}", .path.display())]
    Policy {
        /// The configuration file.
        path: PathBuf,
        /// What does not fit.
        source: CompileError,
    },
    /// It does not do what it expects of itself.
    #[error("{0}")]
    Expectations(Problems),
    /// It would cut off who is connected.
    #[error(transparent)]
    LockOut(#[from] LockOut),
    /// It would have cut off who was connected when it was last tried; now they may be gone.
    #[error(
        "{}: this content was refused before, for it would have cut off who was connected, and no \
         start puts it into force; edit it, or {again}", .path.display()
    )]
    CutOff {
        /// The configuration file.
        path: PathBuf,
        /// How to have it in force all the same.
        again: String,
    },
    /// Its rules ask for VLAN tags that an interface does not show them.
    #[error("{0}")]
    HiddenTags(Problems),
    /// A configuration cannot be stored, or the stored one cannot be used.
    #[error("{0}")]
    Stored(#[from] SnapshotError),
    /// The daemon is about to end.
    #[error("the daemon stops before this is in force")]
    Stopped,
    /// The process died when it read or compiled this content.
    #[error(
        "{}: refused as it is: the daemon died while it {stage} this content, {age} ago, as it does \
         where the kernel has no memory left for it; shorten the lists or lower `[limits] memory`, or try \
         it again with `xdp-fw reload`{unless}", .path.display()
    )]
    Died {
        /// The configuration file.
        path: PathBuf,
        /// What it did with it.
        stage: &'static str,
        /// How long that is.
        age: String,
        /// What a start does if there is nothing else to begin from.
        unless: String,
    },
    /// It was taken back before, or could not be tried.
    #[error(
        "{}: this content was rolled back, or could not be put on trial, and stays refused as it is; \
         edit it, or try it again with `xdp-fw reload --confirm 60s`", .0.display()
    )]
    RolledBack(PathBuf),
    /// It was taken back just now.
    #[error(
        "{}: not confirmed in time, so what was in force before is back; edit it, or try it again \
         with `xdp-fw reload --confirm 60s`", .0.display()
    )]
    NotConfirmed(PathBuf),
    /// Its deadline passed before it was confirmed.
    #[error(
        "too late: the deadline has passed, and what was in force before the trial comes back; try it \
         again with `xdp-fw reload --confirm 60s`"
    )]
    TooLate,
    /// What was on trial is not in force any more.
    #[error(
        "nothing is on trial: what was is not in force any more, because nobody confirmed it in time, \
         or it was taken back; try it again with `xdp-fw reload --confirm 60s`"
    )]
    TakenBack,
    /// Nothing waits to be confirmed.
    #[error("nothing is on trial: what is in force needs no confirmation")]
    NothingOnTrial,
    /// There was only ever one configuration.
    #[error("there is no configuration to go back to: none was in force before this one")]
    NothingBefore,
    /// A trial needs something that comes back at its end.
    #[error(
        "nothing is in force, or stored, that could come back at the end of a trial; \
         reload without `--confirm` first"
    )]
    NothingToComeBack,
    /// A time that makes no sense.
    #[error("`confirm` {0}")]
    ConfirmTime(String),
    /// No deadline can be set.
    #[error("the kernel does not tell the time since boot: {0}")]
    Clock(std::io::Error),
    /// The kernel does not take it.
    #[error(transparent)]
    Kernel(#[from] KernelError),
}

/// Why the kernel did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// It says so.
    #[error("{}", chain(.0))]
    Datapath(#[from] datapath::Error),
    /// It does not tell which interfaces there are.
    #[error("{}", chain(.0))]
    Interfaces(#[from] interfaces::Error),
    /// An unload failed when it had begun.
    #[error(
        "the unload stopped half-way: `xdp-fw unload` finishes it, and a restart filters again"
    )]
    HalfUnloaded,
    /// The daemon's own fault.
    #[error("the thread that works with the kernel has failed; this is a bug")]
    Worker,
}

impl Refusal {
    /// Whether the operator's text is at fault.
    #[must_use]
    pub fn is_configuration(&self) -> bool {
        matches!(
            self,
            Self::Configuration(_) | Self::Policy { .. } | Self::Expectations(_)
        )
    }

    /// The problems one by one, where there are any.
    #[must_use]
    pub fn problems(&self) -> Vec<ProblemReport> {
        match self {
            Self::Configuration(refused)
            | Self::HiddenTags(refused)
            | Self::Expectations(refused) => refused.problems.iter().map(Into::into).collect(),
            Self::Policy { path, source } => vec![ProblemReport {
                file: path.clone(),
                line: None,
                column: None,
                message: source.to_string(),
            }],
            _ => Vec::new(),
        }
    }
}

/// A problem of a configuration as JSON has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemReport {
    /// The file.
    #[serde(serialize_with = "crate::names::path_text::path")]
    pub file: PathBuf,
    /// Line, from 1; `None` for the file as a whole.
    pub line: Option<usize>,
    /// Column in characters, from 1.
    pub column: Option<usize>,
    /// What is wrong; what was expected.
    pub message: String,
}

impl From<&Problem> for ProblemReport {
    fn from(problem: &Problem) -> Self {
        let message = problem.message.clone();
        match &problem.place {
            Place::File(file) => Self {
                file: file.clone(),
                line: None,
                column: None,
                message,
            },
            Place::At(position) => Self {
                file: position.file.clone(),
                line: Some(position.line),
                column: Some(position.column),
                message,
            },
        }
    }
}

/// An error with its causes, each told once.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            let _ = write!(text, ": {cause_text}");
        }
        source = cause.source();
    }
    text
}
