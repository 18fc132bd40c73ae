//! Minimal frames: what a packet is to a rule, and the bytes that say so.

use std::net::IpAddr;

use xdp_fw_common::packet::protocol::{DCCP, SCTP, TCP, UDP, UDPLITE};

/// A packet as rules see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Packet {
    /// Of the family of `destination`.
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: u8,
    /// There only if the protocol has ports.
    pub(super) ports: Option<(u16, u16)>,
    /// Has an IP length beyond its frame, which leaves addresses only.
    pub(super) malformed: bool,
}

impl Packet {
    /// A well-formed packet; ports are left out where the protocol has none.
    pub(super) fn new(source: &str, destination: &str, protocol: u8, ports: (u16, u16)) -> Self {
        Self {
            source: source.parse().unwrap(),
            destination: destination.parse().unwrap(),
            protocol,
            ports: has_ports(protocol).then_some(ports),
            malformed: false,
        }
    }

    pub(super) fn tcp(source: &str, destination: &str, port: u16) -> Self {
        Self::new(source, destination, TCP, (40_000, port))
    }

    /// An Ethernet frame. Without ports, the protocol's header is cut off.
    pub(super) fn frame(&self) -> Vec<u8> {
        let mut payload = Vec::new();
        if let Some((source, destination)) = self.ports {
            payload.extend(source.to_be_bytes());
            payload.extend(destination.to_be_bytes());
            payload.resize(20, 0);
        }
        let claimed = payload.len() as u16 + if self.malformed { 4000 } else { 0 };
        let mut frame = vec![2; 12];
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                frame.extend([0x08, 0x00, 0x45, 0]);
                frame.extend((claimed + 20).to_be_bytes());
                frame.extend([0, 0, 0, 0, 64, self.protocol, 0, 0]);
                frame.extend(source.octets());
                frame.extend(destination.octets());
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
                frame.extend(claimed.to_be_bytes());
                frame.extend([self.protocol, 64]);
                frame.extend(source.octets());
                frame.extend(destination.octets());
            }
            _ => panic!("two families in one packet"),
        }
        frame.extend(payload);
        frame
    }
}

pub(super) fn has_ports(protocol: u8) -> bool {
    [TCP, UDP, UDPLITE, SCTP, DCCP].contains(&protocol)
}
