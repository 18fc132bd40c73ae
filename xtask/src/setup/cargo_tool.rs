//! Installs cargo subcommands for this checkout, unless PATH has them.

use anyhow::{Context as _, Result};

use super::Outcome;
use crate::{command, workspace::Workspace};

/// Builds `cargo-<something>` into the project's tools if no such program is found.
pub(super) fn install(workspace: &Workspace, program: &str) -> Result<Outcome> {
    if command::quietly_succeeds(workspace.command(program)?.arg("--version")) {
        return Ok(Outcome::AlreadyThere);
    }
    println!("setup: {program}: building it, which takes minutes");
    let mut cargo = workspace.cargo()?;
    cargo
        .args(["install", program, "--locked", "--root"])
        .arg(workspace.tools());
    command::run(&mut cargo).with_context(|| format!("cannot install {program}"))?;
    Ok(Outcome::Done("built into .tools".to_owned()))
}
