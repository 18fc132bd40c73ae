//! `cargo xtask demo`: shows the main job from start to end, on real packets.
//!
//! Builds run as the calling user; commands that need root run through sudo. Everything happens in
//! two network namespaces, which are removed at the end and after an interrupt.

mod interrupt;
mod stage;
mod story;
mod traffic;

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use nix::unistd::geteuid;

use crate::{
    command, preflight,
    privilege::Privilege,
    setup::{self, Report},
    workspace::Workspace,
};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Use this daemon instead of building one
    #[arg(long, hide = true)]
    daemon: Option<PathBuf>,
}

/// Builds the daemon, gets root, and plays the demo.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let configuration = workspace.root().join("config/demo.toml");
    if let Some(daemon) = &arguments.daemon {
        return play(daemon, &configuration);
    }
    setup::for_tests(workspace, Report::Changes)?;
    println!("Building xdp-fw (the first time takes a minute or two)");
    command::run(
        workspace
            .cargo()?
            .args(["build", "--quiet", "--locked", "--package", "xdp-fw"]),
    )?;
    let myself = env::current_exe().context("cannot find this program's own path")?;
    let daemon = myself.with_file_name("xdp-fw");
    if geteuid().is_root() {
        return play(&daemon, &configuration);
    }
    let privilege = Privilege::acquire("attaching XDP programs")?;
    let mut again = privilege.command("env");
    again.arg(format!(
        "CARGO_MANIFEST_DIR={}",
        workspace.root().join("xtask").display()
    ));
    again.arg(myself).args(["demo", "--daemon"]).arg(daemon);
    command::run(&mut again)
}

fn play(daemon: &Path, configuration: &Path) -> Result<()> {
    preflight::check(Privilege::Root)?;
    interrupt::watch()?;
    story::play(daemon, configuration)
}
