//! xdp-filter of xdp-tools: addresses and ports, any of which drops; no prefixes, no AND.

use std::process::Command;

use anyhow::Result;

use super::{Contestant, Installed, dropped_by_driver};
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

    fn install(&self, flood: Flood, _wire: &Wire) -> Result<Box<dyn Installed>> {
        run(Command::new("xdp-filter").args(["load", "-m", "native", FILTERED]))?;
        let loaded = Loaded;
        for host in flood.hosts() {
            // It takes one address a call.
            run(Command::new("xdp-filter").args(["ip", "-m", "src", &host.to_string()]))?;
        }
        Ok(Box::new(loaded))
    }
}

impl Installed for Loaded {
    fn dropped(&self) -> Result<u64> {
        dropped_by_driver()
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        // What it cannot remove goes with this process's mounts.
        let _ = run(Command::new("xdp-filter").args(["unload", "--all"]));
    }
}
