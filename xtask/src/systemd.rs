//! `cargo xtask systemd`: tests the unit on a booted systemd.
//!
//! The systemd of this machine runs as PID 1 in namespaces, on the kernel of this machine, over a
//! temporary layer on its root. `systemd/story` has the steps, `systemd/boot` the boot.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::{command, privilege::Privilege, workspace::Workspace};

/// The programs that the test calls, with their Debian packages.
const PROGRAMS: [(&str, &str); 8] = [
    ("/lib/systemd/systemd", "systemd"),
    ("/usr/bin/nsenter", "util-linux"),
    ("/usr/bin/setpriv", "util-linux"),
    ("/usr/sbin/ip", "iproute2"),
    ("/usr/bin/ping", "iputils-ping"),
    ("/usr/bin/dbus-daemon", "dbus"),
    ("/usr/bin/login", "login"),
    ("/usr/bin/script", "bsdutils"),
];

/// A test that runs longer hangs.
const LIMIT: Duration = Duration::from_secs(240);

/// Builds the daemon, boots systemd and runs the story.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    for (program, package) in PROGRAMS {
        if !Path::new(program).exists() {
            bail!("{program} is missing: apt-get install {package}");
        }
    }
    let privilege = Privilege::acquire("booting systemd")?;
    command::run(Command::new("cargo").args(["build", "--package", "xdp-fw"]))?;
    let directory = workspace.root().join("target/systemd");
    fs::create_dir_all(&directory)
        .with_context(|| format!("cannot create {}", directory.display()))?;
    let sources = workspace.root().join("xtask/src/systemd");
    let start = Instant::now();
    let mut boot = privilege.command("bash");
    boot.arg(sources.join("boot"))
        .arg(workspace.root().join("systemd/xdp-fw.service"))
        .arg(workspace.root().join("target/debug/xdp-fw"))
        .arg(sources.join("story"))
        .arg(&directory);
    command::run_for_at_most(&mut boot, LIMIT)?;
    println!("systemd: ok, {} s", start.elapsed().as_secs());
    Ok(())
}
