//! What passes before any rule, so that a host which drops by default keeps its network.
//!
//! Owns the list. Whether it applies at all is [`super::judge`]'s question.

use std::net::{IpAddr, Ipv6Addr};

use super::read::Packet;

/// EtherType of ARP.
pub(super) const ARP: u16 = 0x0806;

/// Whether a sound packet is one that the host cannot do without.
pub(super) fn is_essential(packet: &Packet<'_>) -> bool {
    match packet.addresses {
        (IpAddr::V4(_), _) => is_path_mtu_v4(packet) || is_dhcp_v4(packet),
        (IpAddr::V6(source), _) => {
            is_neighbour_discovery(packet)
                || is_listener_discovery(packet, source)
                || is_path_mtu_v6(packet)
                || is_dhcp_v6(packet, source)
        }
    }
}

fn is_neighbour_discovery(packet: &Packet<'_>) -> bool {
    matches!(packet.icmp(), Some((133..=137, _)))
        && packet.hop_limit == 255
        && packet.extension_headers == 0
}

fn is_listener_discovery(packet: &Packet<'_>, source: Ipv6Addr) -> bool {
    matches!(packet.icmp(), Some((130..=132 | 143, _)))
        && packet.hop_limit == 1
        && !packet.fragmented
        && (is_link_local(source) || source == Ipv6Addr::UNSPECIFIED)
}

fn is_path_mtu_v4(packet: &Packet<'_>) -> bool {
    packet.icmp() == Some((3, 4))
}

fn is_path_mtu_v6(packet: &Packet<'_>) -> bool {
    matches!(packet.icmp(), Some((2, _)))
}

fn is_dhcp_v4(packet: &Packet<'_>) -> bool {
    is_unfragmented_udp(packet) && packet.ports() == Some((67, 68))
}

fn is_dhcp_v6(packet: &Packet<'_>, source: Ipv6Addr) -> bool {
    is_unfragmented_udp(packet) && packet.ports() == Some((547, 546)) && is_link_local(source)
}

fn is_unfragmented_udp(packet: &Packet<'_>) -> bool {
    packet.protocol == Some(17) && !packet.fragmented
}

/// fe80::/10.
fn is_link_local(address: Ipv6Addr) -> bool {
    let [first, second, ..] = address.octets();
    first == 0xfe && second & 0xc0 == 0x80
}
