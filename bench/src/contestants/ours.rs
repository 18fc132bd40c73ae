//! xdp-fw, loaded as the daemon loads it.

use std::path::{Path, PathBuf};

use anyhow::Result;
use xdp_fw::datapath::{self, AttachMode, Datapath, Hook};

use super::{Contestant, InForce, Installed, OURS, dropped_by_driver, timed};
use crate::flood::Flood;
use crate::isolation::BPFFS;
use crate::wire::{FILTERED, Wire};

pub(super) struct XdpFw;

/// A policy in force, by its pin directory.
struct Pinned(PathBuf);

impl Contestant for XdpFw {
    fn name(&self) -> &'static str {
        OURS
    }

    fn unable(&self, _flood: Flood) -> Option<&'static str> {
        None
    }

    fn is_peer(&self) -> bool {
        false
    }

    fn install(&self, flood: Flood, wire: &Wire) -> Result<InForce> {
        let tables = flood.tables()?;
        timed(|| {
            let pinned = Pinned(Path::new(BPFFS).join("flood"));
            let mut datapath = Datapath::open(&pinned.0)?;
            let prepared = datapath.prepare(&tables, [0; 32])?;
            datapath.commit(prepared)?;
            datapath.attach(
                Hook::XdpIngress,
                wire.filtered,
                FILTERED,
                AttachMode::Native,
            )?;
            Ok(pinned)
        })
    }
}

impl Installed for Pinned {
    fn dropped(&self) -> Result<u64> {
        dropped_by_driver()
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        // Pins left behind go with the mounts of this process.
        let _ = datapath::unload(&self.0);
    }
}
