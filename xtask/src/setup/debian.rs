//! Installs the programs that tests call, from the packages of the distribution.

use std::{path::Path, process::Command};

use anyhow::{Result, bail};

use super::Outcome;
use crate::{command, privilege::Privilege};

/// A package, and a program whose presence proves it where Debian packages are unknown.
pub(super) type Package = (&'static str, &'static str);

/// The programs that the tests call.
pub(super) const FOR_TESTS: &[Package] = &[
    ("iproute2", "ip"),
    ("iputils-ping", "ping"),
    ("nftables", "nft"),
    ("ethtool", "ethtool"),
    ("bpftool", "bpftool"),
    ("socat", "socat"),
];

/// The programs that `cargo xtask vm` calls.
pub(super) const FOR_VMS: &[Package] = &[
    ("qemu-system-x86", "qemu-system-x86_64"),
    ("busybox-static", "busybox"),
    ("iproute2", "ip"),
    ("ethtool", "ethtool"),
    ("cpio", "cpio"),
    ("kmod", "depmod"),
    ("xz-utils", "xz"),
    ("zstd", "zstd"),
];

/// The programs that `cargo xtask bench` calls, and the peers that it compares with.
pub(super) const FOR_BENCH: &[Package] = &[
    ("iproute2", "ip"),
    ("ethtool", "ethtool"),
    ("nftables", "nft"),
    ("iptables", "iptables"),
    ("ipset", "ipset"),
    ("xdp-tools", "xdp-filter"),
];

/// Directories of programs for administrators; the PATH of a user often lacks them.
const DIRECTORIES: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// Installs the missing packages.
pub(super) fn install(needed: &[Package]) -> Result<Outcome> {
    if !Path::new("/usr/bin/apt-get").exists() {
        return other_distribution(needed);
    }
    let missing: Vec<&str> = needed
        .iter()
        .filter(|(package, _)| !is_installed(package))
        .map(|(package, _)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(Outcome::AlreadyThere);
    }
    let privilege = Privilege::acquire(&format!("installing {}", missing.join(", ")))?;
    if !apt_install(privilege, &missing)? {
        // Stale or absent package lists are the usual cause.
        println!("setup: system packages: refreshing the package lists");
        command::run(privilege.command("apt-get").args(["-q", "update"]))?;
        if !apt_install(privilege, &missing)? {
            bail!(
                "apt-get cannot install {}; its output is above",
                missing.join(", ")
            );
        }
    }
    Ok(Outcome::Done(format!("installed {}", missing.join(", "))))
}

fn is_installed(package: &str) -> bool {
    Command::new("dpkg-query")
        .args(["-W", "-f=${db:Status-Status}", package])
        .output()
        .is_ok_and(|output| output.stdout == b"installed")
}

fn apt_install(privilege: Privilege, packages: &[&str]) -> Result<bool> {
    let mut command = privilege.command("env");
    command
        .args([
            "DEBIAN_FRONTEND=noninteractive",
            "apt-get",
            "-q",
            "install",
            "-y",
        ])
        .arg("--no-install-recommends")
        .args(packages);
    command::succeeds(&mut command)
}

/// Other distributions have other package names: names the missing programs.
fn other_distribution(needed: &[Package]) -> Result<Outcome> {
    let missing: Vec<&str> = needed
        .iter()
        .filter(|(_, program)| {
            !DIRECTORIES
                .iter()
                .any(|it| Path::new(it).join(program).exists())
        })
        .map(|(_, program)| *program)
        .collect();
    if missing.is_empty() {
        return Ok(Outcome::AlreadyThere);
    }
    bail!(
        "this is not Debian, so nothing is installed: {} are missing (Debian packages: {}); \
         install them with this system's package manager and try again",
        missing.join(", "),
        needed
            .iter()
            .map(|(package, _)| *package)
            .collect::<Vec<_>>()
            .join(", ")
    )
}
