//! What the owner of the datapath can be asked to do: the daemon's whole inner interface.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::daemon::engine::reply::Reply;
use crate::daemon::refusal::{ProblemReport, Refusal};
use crate::daemon::status::Trial;
use crate::datapath::Removed;

/// Commands on their way to the owner.
pub(in crate::daemon) type Commands = mpsc::Sender<Command>;

/// How many commands may wait. Whoever sends more waits, too.
pub(in crate::daemon) const QUEUE: usize = 16;

/// A command to the owner of the datapath.
#[derive(Debug)]
pub(in crate::daemon) enum Command {
    /// Read the configuration again and put it into force.
    Reload {
        /// Who wants it.
        cause: Cause,
        /// How it is wanted.
        options: ReloadOptions,
        /// Where to say how it went.
        reply: Reply<Result<Reloaded, Refused>>,
    },
    /// What is on trial stays.
    Confirm {
        /// Where to say how it went.
        reply: Reply<Result<Confirmed, Refused>>,
    },
    /// What was put into force last is taken back.
    RollBack {
        /// Where to say how it went.
        reply: Reply<Result<RolledBack, Refused>>,
    },
    /// Interfaces have changed: attach and detach as configured.
    Reconcile {
        /// Told when it is done, so that a burst of events becomes one command.
        reply: Reply<()>,
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
        reply: Reply<()>,
    },
    /// Stop filtering, and end.
    Unload {
        /// Where to say how it went.
        reply: Reply<Result<Unloaded, Refused>>,
    },
}

impl Command {
    /// Whether the client that sent it has left.
    pub(in crate::daemon) fn is_abandoned(&self) -> bool {
        match self {
            Self::Reload { reply, .. } => reply.is_abandoned(),
            Self::Confirm { reply } => reply.is_abandoned(),
            Self::RollBack { reply } => reply.is_abandoned(),
            Self::Reconcile { reply } | Self::Ping { reply } => reply.is_abandoned(),
            Self::Unload { reply } => reply.is_abandoned(),
            Self::Trouble { .. } => false,
        }
    }

    /// What it is called on the command line.
    pub(in crate::daemon) const fn name(&self) -> &'static str {
        match self {
            Self::Reload { .. } => "reload",
            Self::Confirm { .. } => "confirm",
            Self::RollBack { .. } => "rollback",
            Self::Reconcile { .. } => "attach",
            Self::Trouble { .. } | Self::Ping { .. } => "an internal command",
            Self::Unload { .. } => "unload",
        }
    }
}

/// Who wants a reload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::daemon) enum Cause {
    /// A file changed.
    File,
    /// SIGHUP.
    Signal,
    /// `xdp-fw reload`.
    Control,
    /// What the lock-out guard refused is asked again.
    Guard,
}

impl Cause {
    /// Whether an operator asks, who may have changed something that no file shows.
    pub(in crate::daemon) fn is_operator(self) -> bool {
        matches!(self, Self::Signal | Self::Control)
    }
}

/// How a reload is wanted. As JSON, every key may be left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReloadOptions {
    /// Comes back unless it is confirmed within this time; whole seconds as JSON.
    #[serde(with = "seconds")]
    pub confirm: Option<Duration>,
    /// Into force even if it would cut off a connection that is in use.
    pub force: bool,
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
    /// Until when it is on trial; `None` if it stays.
    pub trial: Option<Trial>,
}

/// A configuration that was on trial, and stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmed {
    /// The generation in force.
    pub generation: u64,
}

/// An earlier configuration that is in force again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolledBack {
    /// The generation in force.
    pub generation: u64,
    /// Rules in force.
    pub rules: u32,
    /// Prefixes that they name.
    pub prefixes: u64,
    /// The file, if what it says is refused from now on.
    #[serde(serialize_with = "crate::names::path_text::optional")]
    pub refused: Option<PathBuf>,
}

/// An `unload` that succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unloaded {
    /// How many interfaces were detached.
    pub links: usize,
    /// What lies among our pins and is not ours: left where it is.
    #[serde(default, serialize_with = "crate::names::path_text::list")]
    pub left: Vec<PathBuf>,
}

impl From<Removed> for Unloaded {
    fn from(Removed { links, left }: Removed) -> Self {
        Self { links, left }
    }
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

/// A time in whole seconds.
mod seconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde calls it so")]
    pub(in crate::daemon) fn serialize<S: Serializer>(
        time: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(|time| time.as_secs()).serialize(serializer)
    }

    pub(in crate::daemon) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let seconds: Option<u64> = Deserialize::deserialize(deserializer)?;
        Ok(seconds.map(Duration::from_secs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_a_reload_are_json_with_whole_seconds() {
        let options = ReloadOptions {
            confirm: Some(Duration::from_secs(60)),
            force: true,
        };
        let json = serde_json::to_string(&options).unwrap();
        assert_eq!(json, r#"{"confirm":60,"force":true}"#);
        assert_eq!(
            serde_json::from_str::<ReloadOptions>(&json).unwrap(),
            options
        );
        assert_eq!(
            serde_json::from_str::<ReloadOptions>("{}").unwrap(),
            ReloadOptions::default()
        );
        assert!(serde_json::from_str::<ReloadOptions>(r#"{"forec":true}"#).is_err());
    }
}
