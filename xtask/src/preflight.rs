//! Checks that this machine can run the privileged tests, before minutes of building.
//!
//! Reports all findings at once, each with its remedy. Skips nothing.

use std::{fs, path::Path};

use anyhow::{Result, bail};
use nix::sys::statfs::{BPF_FS_MAGIC, statfs};

use crate::{command, privilege::Privilege};

const BPFFS: &str = "/sys/fs/bpf";

/// The oldest kernel that the object loads on.
const FLOOR: (u32, u32) = (5, 10);

/// The capabilities that root needs to load a program and make a namespace.
const CAPABILITIES: [(&str, u32); 3] = [
    ("CAP_NET_ADMIN", 12),
    ("CAP_SYS_ADMIN", 21),
    ("CAP_BPF", 39),
];

/// Fails with all findings. Mounts bpffs if it is missing.
pub(crate) fn check(privilege: Privilege) -> Result<()> {
    let checks = [
        kernel(),
        capabilities(privilege),
        bpffs(privilege),
        namespaces(privilege),
    ];
    let findings: Vec<String> = checks.into_iter().filter_map(Result::err).collect();
    if findings.is_empty() {
        return Ok(());
    }
    bail!(
        "this machine cannot run the tests that need root:\n  {}",
        findings.join("\n  ")
    )
}

/// The error text contains the remedy.
type Finding = Result<(), String>;

fn kernel() -> Finding {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease")
        .map_err(|error| format!("cannot read the kernel's version: {error}; mount /proc"))?;
    let release = release.trim();
    match parse_kernel(release) {
        Some(version) if version >= FLOOR => Ok(()),
        _ => Err(format!(
            "kernel {release} is older than {}.{}: run the tests on a newer one",
            FLOOR.0, FLOOR.1
        )),
    }
}

fn parse_kernel(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|it: char| !it.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn capabilities(privilege: Privilege) -> Finding {
    let status = command::output(privilege.command("cat").arg("/proc/self/status"))
        .map_err(|error| format!("cannot read our own capabilities: {error:#}"))?;
    let missing = missing_capabilities(&status);
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "root lacks {} here: run on the host, or in a container started with --privileged",
        missing.join(", ")
    ))
}

fn missing_capabilities(status: &str) -> Vec<&'static str> {
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0);
    CAPABILITIES
        .iter()
        .filter(|(_, bit)| effective & (1 << bit) == 0)
        .map(|(name, _)| *name)
        .collect()
}

fn bpffs(privilege: Privilege) -> Finding {
    if is_bpffs() {
        return Ok(());
    }
    let mount = privilege
        .command("mount")
        .args(["-t", "bpf", "bpf", BPFFS])
        .output();
    if is_bpffs() {
        println!("preflight: mounted bpffs at {BPFFS}");
        return Ok(());
    }
    let reason = match mount {
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    Err(format!(
        "no bpffs at {BPFFS}, and mounting it failed ({reason}): \
         `mount -t bpf bpf {BPFFS}` as root"
    ))
}

fn is_bpffs() -> bool {
    statfs(Path::new(BPFFS)).is_ok_and(|it| it.filesystem_type() == BPF_FS_MAGIC)
}

fn namespaces(privilege: Privilege) -> Finding {
    let name = format!("xdp-fw-preflight-{}", std::process::id());
    let ip = |verb: &str| {
        privilege
            .command("ip")
            .args(["netns", verb, &name])
            .output()
    };
    let reason = match ip("add") {
        Ok(output) if output.status.success() => {
            // The process id makes the name unique; a namespace left behind does no harm.
            let _ = ip("delete");
            return Ok(());
        }
        Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    Err(format!(
        "`ip netns add` failed ({reason}): install iproute2 (`cargo xtask setup`), and allow \
         network namespaces and mounts below /run/netns"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distribution_suffixes_do_not_hide_the_kernel_version() {
        assert_eq!(parse_kernel("6.18.0"), Some((6, 18)));
        assert_eq!(parse_kernel("5.10.0-32-amd64"), Some((5, 10)));
        assert_eq!(parse_kernel("6.1-rc3"), Some((6, 1)));
        assert_eq!(parse_kernel("unknown"), None);
    }

    #[test]
    fn kernel_5_9_is_below_the_floor() {
        assert!(parse_kernel("5.9.16") < Some(FLOOR));
        assert!(parse_kernel("5.10.0") >= Some(FLOOR));
    }

    #[test]
    fn missing_capabilities_are_named() {
        assert!(missing_capabilities("CapEff:\t000001ffffffffff\n").is_empty());
        assert_eq!(
            missing_capabilities("Name:\tcat\nCapEff:\t00000000a80425fb\n"),
            ["CAP_NET_ADMIN", "CAP_SYS_ADMIN", "CAP_BPF"]
        );
    }
}
