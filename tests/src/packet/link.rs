//! Ethernet, VLAN tags and ARP.

use std::fmt::Display;
use std::net::Ipv4Addr;

use super::address;
use super::layer::{Around, Layer};

/// Locally administered, so that no real NIC is ever meant.
const SOURCE: [u8; 6] = [0x02, 0, 0, 0, 0, 0x01];
const DESTINATION: [u8; 6] = [0x02, 0, 0, 0, 0, 0x02];

/// An Ethernet II header (or 802.3, by [`Eth::ether_type`] with a length).
#[derive(Debug, Clone)]
pub struct Eth {
    source: [u8; 6],
    destination: [u8; 6],
    ether_type: Option<u16>,
}

/// Ethernet from 02:00:00:00:00:01 to 02:00:00:00:00:02.
pub fn eth() -> Eth {
    Eth {
        source: SOURCE,
        destination: DESTINATION,
        ether_type: None,
    }
}

impl Eth {
    /// Sets the source MAC.
    pub fn source(self, source: [u8; 6]) -> Self {
        Self { source, ..self }
    }

    /// Sets the destination MAC.
    pub fn destination(self, destination: [u8; 6]) -> Self {
        Self {
            destination,
            ..self
        }
    }

    /// Overrides the EtherType that the next layer would give.
    pub fn ether_type(self, ether_type: u16) -> Self {
        Self {
            ether_type: Some(ether_type),
            ..self
        }
    }
}

impl Layer for Eth {
    fn header(&self, around: &Around, _payload: &[u8]) -> Vec<u8> {
        let ether_type = self.ether_type.unwrap_or(around.next_ether_type);
        let mut header = [self.destination, self.source].concat();
        header.extend(ether_type.to_be_bytes());
        header
    }
}

/// A VLAN tag.
#[derive(Debug, Clone)]
pub struct Vlan {
    tpid: u16,
    tci: u16,
    ether_type: Option<u16>,
}

/// An 802.1Q tag (0x8100); only the low 12 bits of `id` count.
pub fn vlan(id: u16) -> Vlan {
    Vlan {
        tpid: 0x8100,
        tci: id & 0x0fff,
        ether_type: None,
    }
}

/// An 802.1ad service tag (0x88a8): `eth() / qinq(5) / vlan(7) / …`.
pub fn qinq(id: u16) -> Vlan {
    Vlan {
        tpid: 0x88a8,
        ..vlan(id)
    }
}

impl Vlan {
    /// Sets the priority code point and the drop-eligible bit.
    pub fn priority(self, code_point: u8, drop_eligible: bool) -> Self {
        let high = u16::from(code_point & 7) << 13 | u16::from(drop_eligible) << 12;
        Self {
            tci: self.tci & 0x0fff | high,
            ..self
        }
    }

    /// Overrides the tag protocol identifier, by which the layer in front names this tag.
    pub fn tpid(self, tpid: u16) -> Self {
        Self { tpid, ..self }
    }

    /// Overrides the EtherType that the next layer would give.
    pub fn ether_type(self, ether_type: u16) -> Self {
        Self {
            ether_type: Some(ether_type),
            ..self
        }
    }
}

impl Layer for Vlan {
    fn ether_type(&self) -> u16 {
        self.tpid
    }

    fn header(&self, around: &Around, _payload: &[u8]) -> Vec<u8> {
        let ether_type = self.ether_type.unwrap_or(around.next_ether_type);
        [self.tci.to_be_bytes(), ether_type.to_be_bytes()].concat()
    }
}

/// An ARP request or reply for IPv4 over Ethernet.
#[derive(Debug, Clone)]
pub struct Arp {
    operation: u16,
    sender: Ipv4Addr,
    target: Ipv4Addr,
}

/// "Who has `target`? Tell `sender`."
pub fn arp(sender: impl Display, target: impl Display) -> Arp {
    Arp {
        operation: 1,
        sender: address(sender),
        target: address(target),
    }
}

impl Arp {
    /// Makes it a reply.
    pub fn reply(self) -> Self {
        Self {
            operation: 2,
            ..self
        }
    }
}

impl Layer for Arp {
    fn ether_type(&self) -> u16 {
        0x0806
    }

    fn header(&self, _around: &Around, _payload: &[u8]) -> Vec<u8> {
        // Hardware Ethernet, protocol IPv4, address sizes 6 and 4.
        let mut header = vec![0, 1, 0x08, 0, 6, 4];
        header.extend(self.operation.to_be_bytes());
        header.extend(SOURCE);
        header.extend(self.sender.octets());
        header.extend([0; 6]);
        header.extend(self.target.octets());
        header
    }
}
