//! xdp-filter of xdp-tools: drops by address or by port; it has no prefixes and no AND.

use std::process::Command;

use anyhow::{Context as _, Result};

use super::{Contestant, InForce, Installed, dropped_by_driver, timed};
use crate::bpf::Program;
use crate::flood::Flood;
use crate::wire::{FILTERED, Wire, run};

pub(super) struct XdpFilter;

struct Loaded;

impl Contestant for XdpFilter {
    fn name(&self) -> &'static str {
        "xdp-filter"
    }

    fn unable(&self, flood: Flood) -> Option<&'static str> {
        (flood.prefixes > 0).then_some("it has no prefixes")
    }

    fn install(&self, flood: Flood, _wire: &Wire) -> Result<InForce> {
        timed(|| {
            run(Command::new("xdp-filter").args(["load", "-m", "native", FILTERED]))?;
            let loaded = Loaded;
            for host in flood.hosts() {
                // A call takes one address.
                run(Command::new("xdp-filter").args(["ip", "-m", "src", &host.to_string()]))?;
            }
            Ok(loaded)
        })
    }
}

/// Opens the program of xdp-filter with all of its features on and the hosts of this flood loaded.
/// The result must outlive the use of the program.
///
/// # Errors
/// If xdp-filter is not installed, or its program is not the only one attached.
pub(crate) fn program(flood: Flood, wire: &Wire) -> Result<(Program, InForce)> {
    let in_force = XdpFilter.install(flood, wire)?;
    let text = run(Command::new("ip").args(["-j", "link", "show", "dev", FILTERED]))?;
    let links: serde_json::Value = serde_json::from_str(&text)?;
    let id = links
        .pointer("/0/xdp/prog/id")
        .and_then(serde_json::Value::as_u64)
        .context("ip reports no attached XDP program")?;
    Ok((Program::by_id(id as u32)?, in_force))
}

impl Installed for Loaded {
    fn dropped(&self) -> Result<u64> {
        dropped_by_driver()
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        // Pins left behind go with the mounts of this process.
        let _ = run(Command::new("xdp-filter").args(["unload", "--all"]));
    }
}
