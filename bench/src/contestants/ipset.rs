//! ipset: a hash of addresses behind one rule of iptables. It cannot have a port per address.

use std::fmt::Write as _;
use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use super::iptables::Iptables;
use super::{Contestant, InForce};
use crate::flood::Flood;
use crate::isolation;
use crate::wire::{Wire, run};

pub(super) struct Ipset;

impl Contestant for Ipset {
    fn name(&self) -> &'static str {
        "ipset"
    }

    fn unable(&self, flood: Flood) -> Option<&'static str> {
        (flood.rules > 0 && flood.prefixes > 0).then_some("it is one set behind one rule")
    }

    fn install(&self, flood: Flood, _wire: &Wire) -> Result<InForce> {
        let mut text = format!(
            "create blocklist hash:net hashsize 65536 maxelem {}\n",
            flood.sources()
        );
        for prefix in flood.set()? {
            writeln!(text, "add blocklist {prefix}")?;
        }
        for host in flood.hosts() {
            writeln!(text, "add blocklist {host}")?;
        }
        let file = isolation::write("blocklist.ipset", &text)?;
        let start = Instant::now();
        run(Command::new("ipset")
            .args(["restore", "-exist", "-file"])
            .arg(file))?;
        let set = start.elapsed();
        let rule = "-m set --match-set blocklist src".to_owned();
        let rule = Iptables::NfTables.restore(std::iter::once(rule))?;
        Ok(InForce {
            took: set + rule.took,
            ..rule
        })
    }
}
