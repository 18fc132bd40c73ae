//! What packets are dropped with: we, the peers, and a program that does nothing else.
//!
//! Each puts a flood's policy into force on the filtered end of a wire, and counts what it drops.
//! Never measures.

mod bare;
mod ipset;
mod iptables;
mod nft;
mod ours;
pub(crate) mod xdp_filter;

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::flood::Flood;
use crate::wire::{FILTERED, Wire, run};

/// Our name.
pub(crate) const OURS: &str = "xdp-fw";

/// What drops packets.
pub(crate) trait Contestant {
    /// As pictures and tables call it.
    fn name(&self) -> &'static str;

    /// Why it cannot do this; `None` if it can.
    fn unable(&self, flood: Flood) -> Option<&'static str>;

    /// Whether it is another project's.
    fn is_peer(&self) -> bool {
        true
    }

    /// Puts the policy into force on a fresh wire. What is dropped at last takes it out of force.
    fn install(&self, flood: Flood, wire: &Wire) -> Result<InForce>;
}

/// A policy in force, and how long it took to load once it was written down.
pub(crate) struct InForce {
    pub(crate) installed: Box<dyn Installed>,
    pub(crate) took: Duration,
}

/// What counts while a policy is in force, and ends that when dropped.
pub(crate) trait Installed {
    /// Packets that it has dropped so far.
    fn dropped(&self) -> Result<u64>;
}

/// Every one, the fastest first.
pub(crate) fn all() -> Vec<Box<dyn Contestant>> {
    vec![
        Box::new(bare::Bare),
        Box::new(ours::XdpFw),
        Box::new(xdp_filter::XdpFilter),
        Box::new(nft::Nft::Ingress),
        Box::new(nft::Nft::Prerouting),
        Box::new(ipset::Ipset),
        Box::new(iptables::Iptables::Legacy),
        Box::new(iptables::Iptables::NfTables),
    ]
}

/// Loads by `load`, and takes the time.
fn timed<T: Installed + 'static>(load: impl FnOnce() -> Result<T>) -> Result<InForce> {
    let start = Instant::now();
    let installed = Box::new(load()?);
    Ok(InForce {
        took: start.elapsed(),
        installed,
    })
}

/// Frames that an XDP program dropped on the filtered end, as its driver counts them.
fn dropped_by_driver() -> Result<u64> {
    let text = run(Command::new("ethtool").args(["-S", FILTERED]))?;
    let counts: Result<Vec<u64>, _> = text
        .lines()
        .filter_map(|line| line.trim().split_once(": "))
        .filter(|(name, _)| name.starts_with("rx_queue_") && name.ends_with("_xdp_drops"))
        .map(|(_, count)| count.parse())
        .collect();
    Ok(counts
        .context("ethtool prints a count that is no number")?
        .into_iter()
        .sum())
}
