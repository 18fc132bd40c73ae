//! Minimal frames: what a packet is to a rule, and the bytes that say so.

use std::net::IpAddr;

use xdp_fw_common::packet::protocol::{DCCP, FRAGMENT, ICMP, ICMPV6, SCTP, TCP, UDP, UDPLITE};

use crate::config::FragmentKind;

/// A packet as rules see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packet {
    /// Index of the interface that it came in by.
    pub(super) interface: u32,
    pub(super) source_mac: [u8; 6],
    pub(super) destination_mac: [u8; 6],
    pub(super) vlan: Option<u16>,
    /// Of the family of `destination`.
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) dscp: u8,
    /// Two bits.
    pub(super) ecn: u8,
    pub(super) ttl: u8,
    /// Atomic only in IPv6.
    pub(super) fragment: FragmentKind,
    pub(super) protocol: u8,
    /// There only if the protocol has ports, and not in a later fragment.
    pub(super) ports: Option<(u16, u16)>,
    /// Of TCP.
    pub(super) flags: u8,
    /// Type and code, there only if the protocol is an ICMP, and not in a later fragment.
    pub(super) icmp: Option<(u8, u8)>,
    /// Bytes behind the header, if that is there.
    pub(super) payload: usize,
    /// Has an IP length beyond its frame, which leaves link, family and addresses only.
    pub(super) malformed: bool,
}

impl Packet {
    /// A well-formed packet; ports are left out where the protocol has none.
    pub(super) fn new(source: &str, destination: &str, protocol: u8, ports: (u16, u16)) -> Self {
        Self {
            interface: 1,
            source_mac: [2; 6],
            destination_mac: [2; 6],
            vlan: None,
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
            dscp: 0,
            ecn: 1,
            ttl: 64,
            fragment: FragmentKind::None,
            protocol,
            ports: has_ports(protocol).then_some(ports),
            flags: 0,
            icmp: None,
            payload: 0,
            malformed: false,
        }
    }

    pub(super) fn tcp(source: &str, destination: &str, port: u16) -> Self {
        Self::new(source, destination, TCP, (40_000, port))
    }

    /// An ICMP message of the family of its addresses.
    pub(super) fn icmp(source: &str, destination: &str, kind: u8, code: u8) -> Self {
        let protocol = if source.contains(':') { ICMPV6 } else { ICMP };
        Self {
            icmp: Some((kind, code)),
            ..Self::new(source, destination, protocol, (0, 0))
        }
    }

    /// Length of the IP packet, if nothing lies about it.
    pub(super) fn length(&self) -> u16 {
        let header = match self.source {
            IpAddr::V4(_) => 20,
            IpAddr::V6(_) => 40 + self.fragment_header().len(),
        };
        (header + self.upper().len()) as u16
    }

    /// An Ethernet frame. Without ports or type, the protocol's header is cut off.
    pub(super) fn frame(&self) -> Vec<u8> {
        let mut frame = [self.destination_mac, self.source_mac].concat();
        if let Some(id) = self.vlan {
            frame.extend([0x81, 0]);
            frame.extend(id.to_be_bytes());
        }
        let length = self.length() + if self.malformed { 4000 } else { 0 };
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                frame.extend([0x08, 0x00, 0x45, self.dscp << 2 | self.ecn]);
                frame.extend(length.to_be_bytes());
                frame.extend([0, 0]);
                frame.extend(self.flags_and_offset().to_be_bytes());
                frame.extend([self.ttl, self.protocol, 0, 0]);
                frame.extend(source.octets());
                frame.extend(destination.octets());
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                let fragment = self.fragment_header();
                let next = fragment.first().map_or(self.protocol, |_| FRAGMENT);
                frame.extend([
                    0x86,
                    0xdd,
                    0x60 | self.dscp >> 2,
                    self.dscp << 6 | self.ecn << 4,
                    0,
                    0,
                ]);
                frame.extend((length - 40).to_be_bytes());
                frame.extend([next, self.ttl]);
                frame.extend(source.octets());
                frame.extend(destination.octets());
                frame.extend(fragment);
            }
            _ => panic!("two families in one packet"),
        }
        frame.extend(self.upper());
        frame
    }

    fn upper(&self) -> Vec<u8> {
        let mut bytes = match (self.fragment, self.ports, self.icmp) {
            (FragmentKind::Later, ..) => vec![9; 16],
            (_, Some((source, destination)), _) => {
                let mut bytes = [source.to_be_bytes(), destination.to_be_bytes()].concat();
                bytes.resize(20, 0);
                bytes[13] = self.flags;
                bytes
            }
            (_, None, Some((kind, code))) => vec![kind, code, 0, 0, 0, 0, 0, 0],
            // The header is cut off, and nothing may stand in for it.
            (_, None, None) if has_header(self.protocol) => return Vec::new(),
            (_, None, None) => Vec::new(),
        };
        bytes.resize(bytes.len() + self.payload, 0);
        bytes
    }

    /// Of IPv4.
    fn flags_and_offset(&self) -> u16 {
        match self.fragment {
            FragmentKind::None | FragmentKind::Atomic => 0x4000,
            FragmentKind::First => 0x2000,
            FragmentKind::Later => 0x2008,
        }
    }

    /// Of IPv6.
    fn fragment_header(&self) -> Vec<u8> {
        let offset_and_more = match self.fragment {
            FragmentKind::None => return Vec::new(),
            FragmentKind::Atomic => 0,
            FragmentKind::First => 1,
            FragmentKind::Later => 8 << 3 | 1,
        };
        vec![self.protocol, 0, 0, offset_and_more, 1, 2, 3, 4]
    }
}

pub(super) fn has_ports(protocol: u8) -> bool {
    [TCP, UDP, UDPLITE, SCTP, DCCP].contains(&protocol)
}

pub(super) fn has_header(protocol: u8) -> bool {
    has_ports(protocol) || [ICMP, ICMPV6].contains(&protocol)
}
