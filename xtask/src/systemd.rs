//! `cargo xtask systemd`: the unit as operators meet it, on a booted systemd.
//!
//! This machine's systemd runs as PID 1 in namespaces, on this machine's kernel, over a throw-away
//! layer on its root. What happens there is in `systemd/story`; how it boots in `systemd/boot`.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::{command, privilege::Privilege, workspace::Workspace};

/// Programs that it takes, and where Debian has them.
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

/// Longer than this and it hangs.
const LIMIT: Duration = Duration::from_secs(240);

/// Builds the daemon, boots, and tells the story.
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
