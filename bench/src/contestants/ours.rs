//! xdp-fw, put into force as its daemon does it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use xdp_fw::datapath::{self, AttachMode, Datapath};

use super::{Contestant, Installed, dropped_by_driver};
use crate::flood::Flood;
use crate::isolation::BPFFS;
use crate::wire::{FILTERED, Wire};

pub(super) struct XdpFw;

struct InForce(PathBuf);

impl Contestant for XdpFw {
    fn name(&self) -> &'static str {
        "xdp-fw"
    }

    fn unable(&self, _flood: Flood) -> Option<&'static str> {
        None
    }

    fn install(&self, flood: Flood, wire: &Wire) -> Result<Box<dyn Installed>> {
        let in_force = InForce(Path::new(BPFFS).join("flood"));
        let mut datapath = Datapath::open(&in_force.0)?;
        let prepared = datapath.prepare(&flood.tables()?, [0; 32])?;
        datapath.commit(prepared)?;
        datapath.attach(wire.filtered, FILTERED, AttachMode::Native)?;
        Ok(Box::new(in_force))
    }
}

impl Installed for InForce {
    fn dropped(&self) -> Result<u64> {
        dropped_by_driver()
    }
}

impl Drop for InForce {
    fn drop(&mut self) {
        // What it cannot remove goes with this process's mounts.
        let _ = datapath::unload(&self.0);
    }
}
