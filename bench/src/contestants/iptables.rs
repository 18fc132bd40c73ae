//! iptables in its raw table, with each of the two back ends that Debian ships.

use std::fmt::Write as _;
use std::fs::File;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{Contestant, InForce, Installed, timed};
use crate::flood::{Flood, PORT};
use crate::isolation;
use crate::wire::{Wire, run};

/// The back end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Iptables {
    Legacy,
    NfTables,
}

/// Installed rules, by the name of the program that lists them.
pub(super) struct Raw(&'static str);

impl Iptables {
    /// The programs that list and restore rules.
    fn programs(self) -> [&'static str; 2] {
        match self {
            Self::Legacy => ["iptables-legacy", "iptables-legacy-restore"],
            Self::NfTables => ["iptables-nft", "iptables-nft-restore"],
        }
    }

    /// Restores the raw table from rules in the syntax of `iptables -A PREROUTING`.
    pub(super) fn restore(self, rules: impl Iterator<Item = String>) -> Result<InForce> {
        let mut text = String::from("*raw\n");
        for rule in rules {
            writeln!(text, "-A PREROUTING {rule} -j DROP")?;
        }
        text.push_str("COMMIT\n");
        let [list, restore] = self.programs();
        let file = isolation::write("raw.iptables", &text)?;
        timed(|| {
            run(Command::new(restore).stdin(File::open(file)?))?;
            Ok(Raw(list))
        })
    }
}

impl Contestant for Iptables {
    fn name(&self) -> &'static str {
        match self {
            Self::Legacy => "iptables raw (legacy)",
            Self::NfTables => "iptables raw (nf_tables)",
        }
    }

    fn unable(&self, flood: Flood) -> Option<&'static str> {
        (flood.prefixes > 0).then_some("it has no sets of its own; see ipset")
    }

    fn install(&self, flood: Flood, _wire: &Wire) -> Result<InForce> {
        let rule = |host| format!("-s {host} -p udp --dport {PORT}");
        self.restore(flood.hosts().map(rule))
    }
}

impl Installed for Raw {
    fn dropped(&self) -> Result<u64> {
        let list = ["-t", "raw", "-nvxL", "PREROUTING"];
        let text = run(Command::new(self.0).args(list))?;
        // The first line names the chain, the second the columns.
        let counts = text.lines().skip(2).map(|line| {
            let count = line.split_whitespace().next();
            count.and_then(|count| count.parse::<u64>().ok())
        });
        let counts: Option<Vec<u64>> = counts.collect();
        Ok(counts
            .context("iptables lists a rule without a count")?
            .into_iter()
            .sum())
    }
}
