//! A client and an edge host on one silent cable: what most daemon tests stand on.

use serde_json::Value;

use crate::netns::Netns;
use crate::packet::Packet;
use crate::veth::{End, Veth};
use crate::wire::Wire;

/// The client's device.
pub const CLIENT_DEVICE: &str = "c0";
/// The edge host's device, which is filtered.
pub const EDGE_DEVICE: &str = "e0";

/// Both hosts. They have no addresses, so nothing but the test's own frames is on the cable.
pub struct Hosts {
    /// The host that sends.
    pub client: Netns,
    /// The host that is filtered.
    pub edge: Netns,
}

impl Hosts {
    /// Makes both; `label` tells tests apart.
    #[must_use]
    pub fn new(label: &str) -> Self {
        Self {
            client: Netns::new(&format!("{label}-c")),
            edge: Netns::new(&format!("{label}-e")),
        }
    }

    /// Lays the cable between them.
    #[must_use]
    pub fn cable(&self, mtu: u32) -> Veth<'_> {
        Veth::with_mtu(
            End::new(&self.client, CLIENT_DEVICE),
            End::new(&self.edge, EDGE_DEVICE),
            mtu,
        )
    }

    /// Frames from the client to the edge host.
    #[must_use]
    pub fn wire(&self) -> Wire {
        Wire::new((&self.client, CLIENT_DEVICE), (&self.edge, EDGE_DEVICE))
    }
}

/// A configuration on [`EDGE_DEVICE`], without metrics; `rest` is what follows.
#[must_use]
pub fn config(rest: &str) -> String {
    format!("interfaces = [\"{EDGE_DEVICE}\"]\nmetrics.listen = false\n{rest}")
}

/// A rule in TOML; `criteria` are lines of it.
#[must_use]
pub fn rule(name: &str, action: &str, criteria: &str) -> String {
    format!("[[rule]]\nname = \"{name}\"\naction = \"{action}\"\n{criteria}\n")
}

/// Whether a packet arrives.
pub fn passes(wire: &mut Wire, packet: &Packet) -> bool {
    !wire.exchange(&[packet.bytes()]).is_empty()
}

/// The packets of a rule in `xdp-fw stats --json`.
#[must_use]
pub fn packets(stats: &Value, rule: &str) -> u64 {
    count(stats, rule, "packets")
}

/// The bytes of a rule in `xdp-fw stats --json`.
#[must_use]
pub fn bytes(stats: &Value, rule: &str) -> u64 {
    count(stats, rule, "bytes")
}

/// Everything that passed and everything that was dropped in `xdp-fw stats --json`, packets.
#[must_use]
pub fn totals(stats: &Value) -> [u64; 2] {
    let list = |pointer| stats.pointer(pointer).and_then(Value::as_array);
    let rules = list("/rules").into_iter().flatten();
    let counting = rules.filter(|rule| rule.get("shadow") != Some(&Value::Bool(true)));
    let rows = counting
        .chain(list("/reasons").into_iter().flatten())
        .chain(stats.pointer("/default"));
    let mut totals = [0; 2];
    for row in rows {
        let verdict = row.get("action").or(row.get("verdict"));
        let [passed, dropped] = &mut totals;
        let total = if verdict.is_some_and(|it| it == "drop") {
            dropped
        } else {
            passed
        };
        *total += row.get("packets").and_then(Value::as_u64).unwrap_or(0);
    }
    totals
}

fn count(stats: &Value, rule: &str, what: &str) -> u64 {
    let rules = stats.pointer("/rules").and_then(Value::as_array);
    let found = rules
        .into_iter()
        .flatten()
        .find(|it| it.pointer("/name").is_some_and(|name| name == rule))
        .and_then(|it| it.get(what)?.as_u64());
    found.unwrap_or_else(|| panic!("no {what} of rule {rule} in {stats}"))
}
