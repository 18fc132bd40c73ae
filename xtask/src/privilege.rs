//! How a command gets root: the user is root, or sudo works. No chore goes on without root.

use std::{io::IsTerminal as _, process::Command};

use anyhow::{Result, bail};
use nix::unistd::geteuid;

use crate::command;

/// A way to run a command as root that works.
#[derive(Clone, Copy)]
pub(crate) enum Privilege {
    /// This process is root.
    Root,
    /// `sudo` works.
    Sudo,
}

impl Privilege {
    /// Finds a way to root. Prompts for a password only on a terminal.
    pub(crate) fn acquire(why: &str) -> Result<Self> {
        if geteuid().is_root() {
            return Ok(Self::Root);
        }
        if command::quietly_succeeds(Command::new("sudo").args(["-n", "true"])) {
            return Ok(Self::Sudo);
        }
        if std::io::stdin().is_terminal() {
            println!("{why}: asking sudo");
            if command::succeeds(Command::new("sudo").arg("-v")).unwrap_or(false) {
                return Ok(Self::Sudo);
            }
        }
        bail!(
            "{why} needs root, and sudo refuses it: run `cargo xtask` as root, \
             or allow this user to use sudo"
        )
    }

    /// A command that runs as root.
    pub(crate) fn command(self, program: &str) -> Command {
        match self {
            Self::Root => Command::new(program),
            Self::Sudo => {
                let mut command = Command::new("sudo");
                command.arg(program);
                command
            }
        }
    }
}
