//! The contestants: xdp-fw, its peers, and a program that drops unread.
//!
//! A contestant puts a flood's policy into force on the filtered end of a wire, and counts dropped
//! packets. It measures nothing.

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

/// The name of xdp-fw.
pub(crate) const OURS: &str = "xdp-fw";

/// A program that drops packets.
pub(crate) trait Contestant {
    /// Its name in pictures and tables.
    fn name(&self) -> &'static str;

    /// Why it cannot have this policy; `None` if it can.
    fn unable(&self, flood: Flood) -> Option<&'static str>;

    /// Whether it belongs to another project.
    fn is_peer(&self) -> bool {
        true
    }

    /// Puts the policy into force on a new wire. Dropping the result removes the policy.
    fn install(&self, flood: Flood, wire: &Wire) -> Result<InForce>;
}

/// A policy in force, and the time to load it from its file.
pub(crate) struct InForce {
    pub(crate) installed: Box<dyn Installed>,
    pub(crate) took: Duration,
}

/// A policy in force with its counter. Dropping it removes the policy.
pub(crate) trait Installed {
    /// The number of packets that it has dropped.
    fn dropped(&self) -> Result<u64>;
}

/// All contestants, the fastest first.
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

/// Runs `load` and measures its time.
fn timed<T: Installed + 'static>(load: impl FnOnce() -> Result<T>) -> Result<InForce> {
    let start = Instant::now();
    let installed = Box::new(load()?);
    Ok(InForce {
        took: start.elapsed(),
        installed,
    })
}

/// The frames that an XDP program dropped on the filtered end, from the driver's counter.
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
