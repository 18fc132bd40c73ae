//! What passes before any rule, so that a host which drops by default keeps its network.
//!
//! Owns the list. Whether it applies at all is [`super::judge`]'s question.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use xdp_fw::config::Essential;

use super::bytes::u8_at;
use super::read::Packet;

/// EtherType of ARP.
pub(super) const ARP: u16 = 0x0806;

/// Which of the packets that a host cannot do without a sound packet is.
pub(super) fn kind(packet: &Packet<'_>) -> Option<Essential> {
    match packet.addresses {
        (IpAddr::V4(_), IpAddr::V4(destination)) => kind_v4(packet, destination),
        (IpAddr::V6(source), IpAddr::V6(destination)) => kind_v6(packet, source, destination),
        _ => None,
    }
}

fn kind_v4(packet: &Packet<'_>, destination: Ipv4Addr) -> Option<Essential> {
    if packet.icmp() == Some((3, 4)) {
        return Some(Essential::PathMtu);
    }
    let is_reply = first_of_datagram(packet) == Some(2);
    if packet.ports() == Some((67, 68)) && is_reply {
        return Some(Essential::Dhcp);
    }
    let is_membership = packet.protocol == Some(2)
        && !packet.fragmented
        && packet.hop_limit == 1
        && destination.is_multicast()
        && packet.body.len() >= 8;
    is_membership.then_some(Essential::Igmp)
}

fn kind_v6(packet: &Packet<'_>, source: Ipv6Addr, destination: Ipv6Addr) -> Option<Essential> {
    let of_server = matches!(first_of_datagram(packet), Some(2 | 7 | 10 | 13));
    if matches!(packet.ports(), Some((_, 546))) && is_link_local(destination) && of_server {
        return Some(Essential::Dhcpv6);
    }
    let from_the_link = packet.hop_limit == 255 && packet.extension_headers == 0;
    let membership = packet.hop_limit == 1
        && !packet.fragmented
        && (is_link_local(source) || source == Ipv6Addr::UNSPECIFIED);
    match packet.icmp()?.0 {
        2 => Some(Essential::PathMtu),
        133 | 134 if from_the_link => Some(Essential::RouterDiscovery),
        135 | 136 if from_the_link => Some(Essential::NeighborDiscovery),
        137 if from_the_link => Some(Essential::Redirect),
        130 | 131 | 132 | 143 if membership => Some(Essential::Mld),
        _ => None,
    }
}

/// The first byte behind the UDP header of a datagram in one piece.
fn first_of_datagram(packet: &Packet<'_>) -> Option<u8> {
    if packet.protocol != Some(17) || packet.fragmented {
        return None;
    }
    u8_at(packet.body, 8)
}

/// fe80::/10.
fn is_link_local(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.octets();
    first == 0xfe && second & 0xc0 == 0x80
}
