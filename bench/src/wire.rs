//! A veth in a new network namespace: one end sends, the other is filtered.

use std::fs::{self, File};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use nix::sched::{CloneFlags, setns};

use crate::isolation;

/// The end that sends.
const SENDER: &str = "send0";
/// The end that is filtered.
pub(crate) const FILTERED: &str = "edge0";

/// A veth. It goes with its namespace.
pub(crate) struct Wire {
    /// Interface index of the sending end.
    pub(crate) sender: u32,
    /// Interface index of the filtered end.
    pub(crate) filtered: u32,
    namespace: File,
}

impl Wire {
    /// Moves this thread into a new namespace with only the wire.
    ///
    /// # Errors
    /// If this process is not root.
    pub(crate) fn fresh() -> Result<Self> {
        isolation::enter_network()?;
        // Without IPv6, only sent frames arrive.
        fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1")
            .context("cannot switch off IPv6")?;
        let add = [
            "link",
            "add",
            SENDER,
            "type",
            "veth",
            "peer",
            "name",
            FILTERED,
            "address",
            "02:00:00:00:00:02",
        ];
        run(Command::new("ip").args(add))?;
        for end in [SENDER, FILTERED] {
            run(Command::new("ip").args(["link", "set", end, "up"]))?;
        }
        // GRO lets an end without an XDP program take frames from its peer's XDP.
        run(Command::new("ethtool").args(["-K", FILTERED, "gro", "on"]))?;
        Ok(Self {
            sender: nix::net::if_::if_nametoindex(SENDER)?,
            filtered: nix::net::if_::if_nametoindex(FILTERED)?,
            namespace: File::open("/proc/thread-self/ns/net")?,
        })
    }

    /// Moves this thread into the namespace of the wire.
    ///
    /// # Errors
    /// If this process is not root.
    pub(crate) fn enter(&self) -> Result<()> {
        setns(&self.namespace, CloneFlags::CLONE_NEWNET).context("cannot enter a namespace")
    }
}

/// Runs a command. The error contains its output.
///
/// # Errors
/// If the command does not start, or fails.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("cannot start {program}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{program}: {}", said.lines().next().unwrap_or("it failed"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
