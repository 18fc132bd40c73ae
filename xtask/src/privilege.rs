//! How a command gets root: by being root already, or through sudo. Never by doing without.

use std::{io::IsTerminal as _, process::Command};

use anyhow::{Result, bail};
use nix::unistd::geteuid;

use crate::command;

/// A proven way to run a command as root.
#[derive(Clone, Copy)]
pub(crate) enum Privilege {
    /// We are root.
    Root,
    /// `sudo` has said yes.
    Sudo,
}

impl Privilege {
    /// Finds one, asking for a password only where somebody can type it.
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
            "{why} needs root, and sudo does not give it: run `cargo xtask` as root, \
             or allow this user to use sudo"
        )
    }

    /// The command, to be run as root.
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
