//! Frames that read like packets: `eth() / vlan(7) / ipv4() / tcp(40_000, 443)`.
//!
//! Lengths and next-header fields are filled in from what follows, unless a test lies about them.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Div;

use crate::packet::{ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_QINQ, ETHERTYPE_VLAN, protocol};

pub(super) const SOURCE_MAC: [u8; 6] = [2, 0, 0x5e, 0, 0x53, 1];
pub(super) const DESTINATION_MAC: [u8; 6] = [2, 0, 0x5e, 0, 0x53, 0xfe];
pub(super) const SOURCE_V4: &str = "192.0.2.1";
pub(super) const DESTINATION_V4: &str = "198.51.100.2";
pub(super) const SOURCE_V6: &str = "2001:db8::1";
pub(super) const DESTINATION_V6: &str = "2001:db8:1::2";

/// Layers from Ethernet on.
#[derive(Debug, Clone)]
pub(super) struct Stack {
    layers: Vec<Layer>,
    padding: Vec<u8>,
}

#[derive(Debug, Clone)]
pub(super) enum Layer {
    Tag { ethertype: u16, id: u16 },
    V4(Ipv4),
    V6(Ipv6),
    Extension { kind: u8, bytes: Vec<u8> },
    Upper { number: u16, bytes: Vec<u8> },
}

#[derive(Debug, Clone)]
pub(super) struct Ipv4 {
    pub(super) version: u8,
    /// Header length in words of 4 bytes; what is beyond 5 is options.
    pub(super) words: u8,
    /// Instead of the true length, bytes.
    pub(super) total: Option<u16>,
    pub(super) flags_and_offset: u16,
    /// Code point and congestion bits.
    pub(super) traffic_class: u8,
    pub(super) ttl: u8,
    pub(super) source: Ipv4Addr,
    pub(super) destination: Ipv4Addr,
}

#[derive(Debug, Clone)]
pub(super) struct Ipv6 {
    pub(super) version: u8,
    /// Instead of the true length, bytes.
    pub(super) payload: Option<u16>,
    /// Code point and congestion bits.
    pub(super) traffic_class: u8,
    pub(super) hop_limit: u8,
    pub(super) source: Ipv6Addr,
    pub(super) destination: Ipv6Addr,
}

pub(super) fn eth() -> Stack {
    Stack {
        layers: Vec::new(),
        padding: Vec::new(),
    }
}

pub(super) fn vlan(id: u16) -> Layer {
    let ethertype = ETHERTYPE_VLAN;
    Layer::Tag { ethertype, id }
}

pub(super) fn service_vlan(id: u16) -> Layer {
    let ethertype = ETHERTYPE_QINQ;
    Layer::Tag { ethertype, id }
}

pub(super) fn ipv4() -> Ipv4 {
    Ipv4 {
        version: 4,
        words: 5,
        total: None,
        flags_and_offset: 0,
        traffic_class: 0,
        ttl: 64,
        source: SOURCE_V4.parse().unwrap(),
        destination: DESTINATION_V4.parse().unwrap(),
    }
}

/// A fragment at `offset` (units of 8 bytes).
pub(super) fn ipv4_fragment(offset: u16, more: bool) -> Ipv4 {
    Ipv4 {
        flags_and_offset: u16::from(more) << 13 | offset,
        ..ipv4()
    }
}

pub(super) fn ipv6() -> Ipv6 {
    Ipv6 {
        version: 6,
        payload: None,
        traffic_class: 0,
        hop_limit: 64,
        source: SOURCE_V6.parse().unwrap(),
        destination: DESTINATION_V6.parse().unwrap(),
    }
}

/// IPv6 on the link.
pub(super) fn ipv6_from(source: &str, hop_limit: u8) -> Ipv6 {
    Ipv6 {
        hop_limit,
        source: source.parse().unwrap(),
        ..ipv6()
    }
}

/// An extension header of 8 bytes and `units` more units of 8 bytes; of 4 bytes for AH.
pub(super) fn extension(kind: u8, units: u8) -> Layer {
    let unit = if kind == protocol::AH { 4 } else { 8 };
    let mut bytes = vec![0x50; 8 + usize::from(units) * unit];
    bytes[1] = units;
    Layer::Extension { kind, bytes }
}

/// An IPv6 fragment header; `offset` in units of 8 bytes.
pub(super) fn fragment(offset: u16, more: bool) -> Layer {
    let [high, low] = (offset << 3 | u16::from(more)).to_be_bytes();
    // The reserved byte counts nothing, whatever is in it.
    let bytes = vec![0, 0xff, high, low, 1, 2, 3, 4];
    let kind = protocol::FRAGMENT;
    Layer::Extension { kind, bytes }
}

pub(super) fn tcp(source: u16, destination: u16) -> Layer {
    with_ports(protocol::TCP, source, destination, 20)
}

pub(super) fn udp(source: u16, destination: u16) -> Layer {
    with_ports(protocol::UDP, source, destination, 8)
}

/// A TCP header with these flags; the data offset beside them is 15, the reserved bits are ones.
pub(super) fn tcp_flags(flags: u8) -> Layer {
    let mut bytes = [0; 20];
    bytes[12] = 0xff;
    bytes[13] = flags;
    upper(protocol::TCP, &bytes)
}

/// A header of `size` bytes that begins with two ports.
pub(super) fn with_ports(protocol: u8, source: u16, destination: u16, size: usize) -> Layer {
    let mut bytes = [source.to_be_bytes(), destination.to_be_bytes()].concat();
    bytes.resize(size, 0);
    upper(protocol, &bytes)
}

pub(super) fn icmp(kind: u8, code: u8) -> Layer {
    upper(protocol::ICMP, &[kind, code, 0, 0, 0, 0, 0, 0])
}

pub(super) fn icmp6(kind: u8, code: u8) -> Layer {
    upper(protocol::ICMPV6, &[kind, code, 0, 0, 0, 0, 0, 0])
}

/// What an IP protocol number announces.
pub(super) fn upper(protocol: u8, bytes: &[u8]) -> Layer {
    let number = u16::from(protocol);
    let bytes = bytes.to_vec();
    Layer::Upper { number, bytes }
}

/// What an EtherType announces.
pub(super) fn other(ethertype: u16, bytes: &[u8]) -> Layer {
    let bytes = bytes.to_vec();
    let number = ethertype;
    Layer::Upper { number, bytes }
}

impl From<Ipv4> for Layer {
    fn from(header: Ipv4) -> Self {
        Self::V4(header)
    }
}

impl From<Ipv6> for Layer {
    fn from(header: Ipv6) -> Self {
        Self::V6(header)
    }
}

impl<L: Into<Layer>> Div<L> for Stack {
    type Output = Self;

    fn div(mut self, layer: L) -> Self {
        self.layers.push(layer.into());
        self
    }
}

impl Stack {
    /// Bytes behind the IP packet, which no length counts.
    pub(super) fn padded(mut self, padding: &[u8]) -> Self {
        self.padding = padding.to_vec();
        self
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut inner = (0xffff, Vec::new());
        for layer in self.layers.iter().rev() {
            inner = layer.wrap(inner.0, &inner.1);
        }
        let mut frame = [DESTINATION_MAC, SOURCE_MAC].concat();
        frame.extend(inner.0.to_be_bytes());
        frame.extend(inner.1);
        frame.extend(&self.padding);
        frame
    }
}

impl Layer {
    /// The layer's number and its bytes around `inner`, whose number is `next`.
    fn wrap(&self, next: u16, inner: &[u8]) -> (u16, Vec<u8>) {
        match self {
            Self::Tag { ethertype, id } => {
                let tag = [id.to_be_bytes(), next.to_be_bytes()].concat();
                (*ethertype, [&tag, inner].concat())
            }
            Self::V4(header) => (ETHERTYPE_IPV4, header.wrap(next as u8, inner)),
            Self::V6(header) => (ETHERTYPE_IPV6, header.wrap(next as u8, inner)),
            Self::Extension { kind, bytes } => {
                let mut bytes = bytes.clone();
                bytes[0] = next as u8;
                (u16::from(*kind), [&bytes, inner].concat())
            }
            Self::Upper { number, bytes } => (*number, [bytes, inner].concat()),
        }
    }
}

impl Ipv4 {
    fn wrap(&self, protocol: u8, inner: &[u8]) -> Vec<u8> {
        // Options of ones: a port read from them is 0x0101.
        let options = vec![1; usize::from(self.words.saturating_sub(5)) * 4];
        let length = (20 + options.len() + inner.len()) as u16;
        let mut bytes = vec![self.version << 4 | self.words, self.traffic_class];
        bytes.extend(self.total.unwrap_or(length).to_be_bytes());
        bytes.extend([0, 1]);
        bytes.extend(self.flags_and_offset.to_be_bytes());
        bytes.extend([self.ttl, protocol, 0, 0]);
        bytes.extend(self.source.octets());
        bytes.extend(self.destination.octets());
        bytes.extend(options);
        bytes.extend(inner);
        bytes
    }
}

impl Ipv6 {
    fn wrap(&self, next: u8, inner: &[u8]) -> Vec<u8> {
        let mut bytes = vec![
            self.version << 4 | self.traffic_class >> 4,
            self.traffic_class << 4 | 0x0f,
            0xff,
            0xff,
        ];
        bytes.extend(self.payload.unwrap_or(inner.len() as u16).to_be_bytes());
        bytes.extend([next, self.hop_limit]);
        bytes.extend(self.source.octets());
        bytes.extend(self.destination.octets());
        bytes.extend(inner);
        bytes
    }
}
