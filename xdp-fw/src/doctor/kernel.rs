//! The kernel: its release, what it has of what we use, and the settings that slow programs down.

use std::fs;
use std::io;

use nix::sys::utsname::uname;

use crate::datapath::{self, Feature};

use super::{AS_ROOT, Finding, Group};

const GROUP: Group = Group("kernel");
/// The oldest release that is supported.
const FLOOR: (u32, u32) = (5, 10);

/// What was seen.
pub(super) struct Kernel {
    pub(super) release: String,
    pub(super) features: Vec<Feature>,
    pub(super) jit: Setting,
    /// What programs that are loaded look like, which tells where the setting does not.
    pub(super) compiles: Option<bool>,
    pub(super) harden: Setting,
    pub(super) statistics: Setting,
}

/// A number under `/proc/sys`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setting {
    Is(i64),
    /// This kernel does not have it, or not in this network namespace.
    Absent,
    /// We may not read it.
    Hidden,
}

pub(super) fn look() -> Kernel {
    let release = uname().map(|name| name.release().to_string_lossy().into_owned());
    Kernel {
        release: release.unwrap_or_default(),
        features: datapath::features(),
        jit: setting("net/core/bpf_jit_enable"),
        compiles: datapath::compiles_programs(),
        harden: setting("net/core/bpf_jit_harden"),
        statistics: setting("kernel/bpf_stats_enabled"),
    }
}

fn setting(name: &str) -> Setting {
    match fs::read_to_string(format!("/proc/sys/{name}")) {
        Ok(text) => text.trim().parse().map_or(Setting::Absent, Setting::Is),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Setting::Hidden,
        Err(_) => Setting::Absent,
    }
}

pub(super) fn check(kernel: &Kernel) -> Vec<Finding> {
    let mut findings = vec![release(&kernel.release)];
    findings.extend(features(&kernel.features));
    findings.extend(jit(kernel));
    findings.extend(settings(kernel));
    findings
}

fn release(release: &str) -> Finding {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    let mut number = || numbers.next()?.parse::<u32>().ok();
    match (number(), number()) {
        (Some(major), Some(minor)) if (major, minor) < FLOOR => GROUP.problem(
            format!("Linux {release} is too old"),
            format!("boot a kernel of {}.{} or newer", FLOOR.0, FLOOR.1),
        ),
        _ => GROUP.ok(format!("Linux {release}")),
    }
}

fn features(features: &[Feature]) -> Vec<Finding> {
    let of = |present| features.iter().filter(move |it| it.present == present);
    let names = |present| of(present).map(|it| it.name).collect::<Vec<_>>().join(", ");
    let mut findings = Vec::new();
    if of(Some(true)).next().is_some() {
        findings.push(GROUP.ok(format!("has {}", names(Some(true)))));
    }
    if of(None).next().is_some() {
        let what = format!("not asked for: {}", names(None));
        findings.push(GROUP.unknown(what, AS_ROOT));
    }
    findings.extend(of(Some(false)).map(|missing| {
        let (name, since) = (missing.name, missing.since);
        let fix = format!("boot a kernel of {since} or newer");
        match missing.without {
            Some(consequence) => GROUP.warning(format!("has not {name}: {consequence}"), fix),
            None => GROUP.problem(
                format!("has not {name}, without which nothing works"),
                format!("{fix}, built with CONFIG_BPF_SYSCALL"),
            ),
        }
    }));
    findings
}

fn jit(kernel: &Kernel) -> Option<Finding> {
    let interpreted = "programs are interpreted, which is many times slower";
    let enable = "`sysctl -w net.core.bpf_jit_enable=1`";
    Some(match (kernel.jit, kernel.compiles) {
        (Setting::Is(0), _) => {
            let what = format!("{interpreted} (net.core.bpf_jit_enable is 0)");
            GROUP.problem(what, enable)
        }
        (Setting::Is(2), _) => GROUP.warning(
            "every program is written to the kernel log when it is compiled \
             (net.core.bpf_jit_enable is 2)",
            enable,
        ),
        (Setting::Is(_), _) | (_, Some(true)) => GROUP.ok("compiles programs"),
        (_, Some(false)) => GROUP.problem(interpreted, "boot a kernel built with CONFIG_BPF_JIT"),
        (Setting::Hidden, None) => GROUP.unknown("net.core.bpf_jit_enable cannot be read", AS_ROOT),
        (Setting::Absent, None) => return None,
    })
}

/// What slows programs down without being wrong.
fn settings(kernel: &Kernel) -> Vec<Finding> {
    let mut findings = Vec::new();
    if kernel.harden == Setting::Is(2) {
        findings.push(GROUP.warning(
            "constants in programs are blinded, root's too, which slows them down \
             (net.core.bpf_jit_harden is 2)",
            "`sysctl -w net.core.bpf_jit_harden=1`",
        ));
    }
    if kernel.statistics == Setting::Is(1) {
        findings.push(GROUP.warning(
            "the time of every program's every run is taken (kernel.bpf_stats_enabled is 1)",
            "`sysctl -w kernel.bpf_stats_enabled=0`",
        ));
    }
    findings
}
