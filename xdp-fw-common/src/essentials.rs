//! The packets that a default-drop host cannot live without.
//!
//! Owns the list: address resolution, multicast membership, path MTU, address leases. Each is held
//! to the form that its RFC prescribes. Neighbour discovery, MLD and DHCPv6 thus come from the link
//! alone; path MTU messages come from anywhere, and DHCPv4 replies through relays.

use crate::Packet;
use crate::packet::{Address, Network, Transport, protocol};

const HOP_LIMIT_ND: u8 = 255;
const HOP_LIMIT_MLD: u8 = 1;

/// Whether a well-formed packet is one of the essentials.
#[must_use]
#[inline(always)]
pub fn is_essential(packet: &Packet) -> bool {
    match packet.network {
        Network::Arp => true,
        Network::V4 => is_essential_v4(packet),
        Network::V6 => is_essential_v6(packet),
        Network::Unknown | Network::Other => false,
    }
}

#[inline(always)]
fn is_essential_v4(packet: &Packet) -> bool {
    // Destination unreachable, fragmentation needed (RFC 1191).
    if packet.has_transport(protocol::ICMP, Transport::Icmp) {
        return packet.source_port == 3 && packet.destination_port == 4;
    }
    // DHCP server to client (RFC 2131).
    packet.has_transport(protocol::UDP, Transport::Ports)
        && packet.source_port == 67
        && packet.destination_port == 68
        && packet.fragment == 0
}

#[inline(always)]
fn is_essential_v6(packet: &Packet) -> bool {
    if packet.has_transport(protocol::ICMPV6, Transport::Icmp) {
        return match packet.source_port {
            // Packet too big (RFC 8201).
            2 => true,
            // Router and neighbour discovery (RFC 4861): hop limit 255 proves the link; RFC 6980
            // forbids fragments.
            133..=137 => packet.hop_limit == HOP_LIMIT_ND && !packet.extended,
            // Multicast listener discovery (RFC 2710, RFC 3810); it carries router alert.
            130..=132 | 143 => {
                packet.hop_limit == HOP_LIMIT_MLD
                    && packet.fragment == 0
                    && (is_link_local(&packet.source) || is_unspecified(&packet.source))
            }
            _ => false,
        };
    }
    // DHCPv6 server to client (RFC 8415).
    packet.has_transport(protocol::UDP, Transport::Ports)
        && packet.source_port == 547
        && packet.destination_port == 546
        && packet.fragment == 0
        && is_link_local(&packet.source)
}

/// In fe80::/10.
#[inline(always)]
const fn is_link_local(address: &Address) -> bool {
    u64::from_be(address[0]) >> 54 == 0xfe80 >> 6
}

#[inline(always)]
const fn is_unspecified(address: &Address) -> bool {
    address[0] | address[1] == 0
}
