//! ipset: addresses in a hash, and one rule of iptables on it, which cannot ask for a port each.

use std::fmt::Write as _;
use std::process::Command;

use anyhow::Result;

use super::iptables::Iptables;
use super::{Contestant, Installed};
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

    fn install(&self, flood: Flood, _wire: &Wire) -> Result<Box<dyn Installed>> {
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
        run(Command::new("ipset")
            .args(["restore", "-exist", "-file"])
            .arg(file))?;
        Iptables::NfTables.restore(std::iter::once(
            "-m set --match-set blocklist src".to_owned(),
        ))
    }
}
