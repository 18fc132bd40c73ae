//! One packet in every encapsulation that a network or an attacker may give it.
//!
//! Owns which encapsulations there are, and what each does to a parser: nothing, or a flaw by name. A
//! rule that judges by address must judge all of them alike.

mod v4;
mod v6;

use crate::packet::{Packet, eth, qinq, vlan};

/// Who is denied; an interior address of every wider prefix that tests deny.
pub const DENIED_V4: &str = "192.0.2.66";
/// The same in IPv6.
pub const DENIED_V6: &str = "2001:db8:bad::66";
/// The host that is protected.
pub const HOST_V4: &str = "198.51.100.1";
/// The same in IPv6.
pub const HOST_V6: &str = "2001:db8:1::1";

/// A packet from a denied address to the host.
#[derive(Debug, Clone)]
pub struct Encapsulation {
    /// What it is, for the message of a failing test.
    pub name: String,
    /// From its link layer or, before that is chosen, from its IP header on.
    pub packet: Packet,
    /// The reason under which it is malformed, if it is. Its addresses can still be read.
    pub flaw: Option<&'static str>,
    /// Whether rules see it, if malformed packets may pass.
    pub is_judged: bool,
}

impl Encapsulation {
    fn new(name: impl Into<String>, packet: impl Into<Packet>) -> Self {
        Self {
            name: name.into(),
            packet: packet.into(),
            flaw: None,
            is_judged: true,
        }
    }

    fn flawed(self, reason: &'static str) -> Self {
        Self {
            flaw: Some(reason),
            is_judged: !["extension_headers", "tiny_fragment"].contains(&reason),
            ..self
        }
    }

    /// A tiny fragment; what rules ask for lies in the whole units of 8 bytes of its header.
    fn tiny(self, shown: usize, size: usize) -> Self {
        Self {
            is_judged: shown >= size - size % 8,
            ..self.flawed("tiny_fragment")
        }
    }
}

/// The link layers that an IP packet is found behind.
#[must_use]
pub fn links() -> Vec<(&'static str, Packet)> {
    vec![
        ("untagged", eth().into()),
        ("802.1Q", eth() / vlan(7)),
        ("802.1Q, every bit", eth() / vlan(4095).priority(7, true)),
        ("VID 0", eth() / vlan(0).priority(5, false)),
        ("VID 0, then a VLAN", eth() / vlan(0) / vlan(7)),
        ("802.1ad alone", eth() / qinq(5)),
        ("QinQ", eth() / qinq(5) / vlan(7)),
        ("QinQ, other way round", eth() / vlan(7) / qinq(5)),
        ("802.1Q twice", eth() / vlan(5) / vlan(7)),
        ("802.1ad twice", eth() / qinq(5) / qinq(7)),
    ]
}

/// Every encapsulation of a packet from [`DENIED_V4`], behind every link layer.
#[must_use]
pub fn v4() -> Vec<Encapsulation> {
    behind_every_link(&[v4::sound(), v4::flawed()].concat())
}

/// Every encapsulation of a packet from [`DENIED_V6`], behind every link layer.
#[must_use]
pub fn v6() -> Vec<Encapsulation> {
    behind_every_link(&[v6::sound(), v6::flawed()].concat())
}

fn behind_every_link(encapsulations: &[Encapsulation]) -> Vec<Encapsulation> {
    let behind = |name: &str, link: &Packet, encapsulation: &Encapsulation| Encapsulation {
        name: format!("{name}: {}", encapsulation.name),
        packet: link.clone() / encapsulation.packet.clone(),
        flaw: encapsulation.flaw,
        is_judged: encapsulation.is_judged,
    };
    links()
        .iter()
        .flat_map(|(name, link)| encapsulations.iter().map(|inner| behind(name, link, inner)))
        .collect()
}

/// Transport headers of which the first `length` bytes are there, from none to all but one.
fn short_transports() -> impl Iterator<Item = (String, Packet, usize, usize)> {
    use crate::packet::{icmp, icmpv6, protocol, sctp, tcp, udp};

    let headers = [
        ("TCP", 6, tcp(443, 443).into(), 20),
        ("UDP", 17, udp(443, 443).into(), 8),
        ("SCTP", 132, sctp(443, 443).into(), 12),
        ("ICMP", 1, icmp(8, 0).into(), 8),
        ("ICMPv6", 58, icmpv6(128, 0).into(), 8),
    ];
    headers
        .into_iter()
        .flat_map(|(name, number, header, size): (_, u8, Packet, usize)| {
            let bytes = header.bytes();
            (0..size).map(move |length| {
                let kept = bytes.get(..length).unwrap_or_default();
                (
                    format!("{length} bytes of {name}"),
                    protocol(number) / crate::packet::payload_bytes(kept),
                    length,
                    size,
                )
            })
        })
}
