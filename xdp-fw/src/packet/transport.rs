//! Transport headers with their checksums.

use std::net::IpAddr;

use etherparse::checksum::Sum16BitWords;
use etherparse::{TcpHeader, UdpHeader};
use xdp_fw_common::packet::protocol::{DCCP, ICMP, ICMPV6, SCTP, TCP, UDP, UDPLITE};

use super::description::{Ip, Transport};
use crate::names::protocols::WITH_PORTS;

/// What the header of a protocol that is not read has instead: bytes of zero.
const OPAQUE: usize = 8;

pub(super) fn has_ports(protocol: u8) -> bool {
    WITH_PORTS.contains(&protocol)
}

pub(super) const fn is_icmp(protocol: u8) -> bool {
    matches!(protocol, ICMP | ICMPV6)
}

/// Bytes of the fixed header.
pub(super) const fn header_size(protocol: u8) -> usize {
    match protocol {
        TCP => 20,
        // DCCP with short sequence numbers.
        SCTP | DCCP => 12,
        UDP | UDPLITE | ICMP | ICMPV6 => 8,
        _ => OPAQUE,
    }
}

/// What a server of leases begins its message with, and how long its shortest one is: BOOTP with the
/// cookie of DHCP, DHCPv6. It tells an essential from any other datagram to the port of a client.
pub(super) fn lease(ip: &Ip) -> Option<(u8, usize)> {
    let Transport::Ports {
        source,
        destination,
        ..
    } = ip.transport
    else {
        return None;
    };
    match (ip.protocol, ip.destination) {
        (UDP, IpAddr::V4(_)) if (source, destination) == (67, 68) => Some((2, 240)),
        (UDP, IpAddr::V6(to)) if destination == 546 && to.is_unicast_link_local() => Some((7, 4)),
        _ => None,
    }
}

/// The header with `payload` bytes behind it: zero, but for the first one of a lease.
pub(super) fn segment(ip: &Ip, payload: usize) -> Vec<u8> {
    let mut bytes = match ip.transport {
        Transport::Opaque => vec![0; OPAQUE],
        // Type and code; checksum, identifier and sequence number to follow.
        Transport::Icmp { kind, code } => vec![kind, code, 0, 0, 0, 1, 0, 1],
        Transport::Ports {
            source,
            destination,
            flags,
        } => header(ip.protocol, (source, destination), flags, payload),
    };
    let header = bytes.len();
    bytes.resize(header + payload, 0);
    if let Some((first, byte)) = lease(ip).zip(bytes.get_mut(header)) {
        *byte = first.0;
    }
    seal(ip, &mut bytes);
    bytes
}

/// Without its checksum.
fn header(protocol: u8, (source, destination): (u16, u16), flags: u8, payload: usize) -> Vec<u8> {
    match protocol {
        TCP => {
            let mut tcp = TcpHeader::new(source, destination, 1, 64_240)
                .to_bytes()
                .to_vec();
            // Not by their names: any combination may be said.
            if let Some(byte) = tcp.get_mut(13) {
                *byte = flags;
            }
            tcp
        }
        UDP | UDPLITE => {
            let length = u16::try_from(header_size(protocol) + payload).unwrap_or(0);
            // UDP-Lite's checksum covers the whole of it where this field, the coverage, is zero.
            let length = if protocol == UDP { length } else { 0 };
            let udp = UdpHeader {
                source_port: source,
                destination_port: destination,
                length,
                checksum: 0,
            };
            udp.to_bytes().to_vec()
        }
        _ => {
            let ports = [source.to_be_bytes(), destination.to_be_bytes()].concat();
            // SCTP: verification tag and checksum. DCCP: a data packet of three words, its
            // coverage, checksum, type and sequence number.
            let rest = if protocol == SCTP {
                [0, 0, 0, 1, 0, 0, 0, 0]
            } else {
                [3, 0, 0, 0, 2 << 1, 0, 0, 1]
            };
            [ports, rest.to_vec()].concat()
        }
    }
}

/// Writes the checksum.
fn seal(ip: &Ip, bytes: &mut [u8]) {
    let (at, check) = match ip.protocol {
        TCP => (16, with_pseudo_header(ip, bytes).to_vec()),
        UDP | UDPLITE => {
            let check = with_pseudo_header(ip, bytes);
            // Zero would say that there is none.
            (
                6,
                if check == [0; 2] {
                    vec![0xff; 2]
                } else {
                    check.to_vec()
                },
            )
        }
        DCCP => (6, with_pseudo_header(ip, bytes).to_vec()),
        ICMPV6 => (2, with_pseudo_header(ip, bytes).to_vec()),
        ICMP => {
            let sum = Sum16BitWords::new().add_slice(bytes);
            (2, sum.ones_complement().to_ne_bytes().to_vec())
        }
        SCTP => (8, crc32c(bytes).to_vec()),
        _ => return,
    };
    if let Some(field) = bytes.get_mut(at..at + check.len()) {
        field.copy_from_slice(&check);
    }
}

fn with_pseudo_header(ip: &Ip, bytes: &[u8]) -> [u8; 2] {
    let sum = Sum16BitWords::new();
    let sum = match (ip.source, ip.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            sum.add_slice(&[source.octets(), destination.octets()].concat())
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            sum.add_slice(&[source.octets(), destination.octets()].concat())
        }
        _ => sum,
    };
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    sum.add_slice(&length.to_be_bytes())
        .add_2bytes([0, ip.protocol])
        .add_slice(bytes)
        .ones_complement()
        .to_ne_bytes()
}

/// CRC-32C in the order of SCTP (RFC 9260, appendix A).
fn crc32c(bytes: &[u8]) -> [u8; 4] {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { 0x82f6_3b78 } else { 0 };
        }
    }
    (!crc).to_le_bytes()
}
