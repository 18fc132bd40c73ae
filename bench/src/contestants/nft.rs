//! nftables at two hooks: ingress, before the stack reads a packet, and prerouting.

use std::fmt::Write as _;
use std::process::Command;

use anyhow::{Context as _, Result};

use super::{Contestant, InForce, Installed, timed};
use crate::flood::{Flood, PORT};
use crate::isolation;
use crate::wire::{FILTERED, Wire, run};

/// A hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Nft {
    Ingress,
    Prerouting,
}

/// Seconds after which a load counts as failed.
const PATIENCE: &str = "60";

/// A table, by its family.
struct Table(&'static str);

impl Nft {
    /// The family of the table, and the hook of its chain.
    fn hook(self) -> (&'static str, String) {
        match self {
            Self::Ingress => ("netdev", format!("ingress device {FILTERED} priority 0")),
            Self::Prerouting => ("ip", "prerouting priority raw".to_owned()),
        }
    }

    fn ruleset(self, flood: Flood) -> Result<String> {
        let (family, hook) = self.hook();
        let mut text = format!("table {family} bench {{\ncounter dropped {{ }}\n");
        if flood.prefixes > 0 {
            text.push_str(
                "set blocklist { type ipv4_addr; flags interval; auto-merge; elements = {\n",
            );
            for prefix in flood.set()? {
                writeln!(text, "{prefix},")?;
            }
            text.push_str("}\n}\n");
        }
        writeln!(text, "chain drops {{ type filter hook {hook};")?;
        if flood.prefixes > 0 {
            text.push_str("ip saddr @blocklist counter name dropped drop\n");
        }
        for host in flood.hosts() {
            writeln!(
                text,
                "ip saddr {host} udp dport {PORT} counter name dropped drop"
            )?;
        }
        text.push_str("}\n}\n");
        Ok(text)
    }
}

impl Contestant for Nft {
    fn name(&self) -> &'static str {
        match self {
            Self::Ingress => "nft ingress",
            Self::Prerouting => "nft prerouting",
        }
    }

    fn unable(&self, _flood: Flood) -> Option<&'static str> {
        None
    }

    fn install(&self, flood: Flood, _wire: &Wire) -> Result<InForce> {
        let file = isolation::write("ruleset.nft", &self.ruleset(flood)?)?;
        timed(|| {
            // Loading a million prefixes takes it minutes.
            let nft = ["--verbose", PATIENCE, "nft", "-f"];
            run(Command::new("timeout").args(nft).arg(file))?;
            Ok(Table(self.hook().0))
        })
    }
}

impl Installed for Table {
    fn dropped(&self) -> Result<u64> {
        let list = ["-j", "list", "counter", self.0, "bench", "dropped"];
        let text = run(Command::new("nft").args(list))?;
        let value: serde_json::Value = serde_json::from_str(&text)?;
        let counter = value.pointer("/nftables/1/counter/packets");
        counter
            .and_then(serde_json::Value::as_u64)
            .context("nft reports no count of dropped packets")
    }
}
