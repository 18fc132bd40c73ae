//! The packets that a default-drop host cannot live without.
//!
//! Owns the list: address resolution, multicast membership, path MTU, address leases. Each is held
//! to the form that its RFC prescribes. Neighbour discovery, MLD and IGMP thus come from the link
//! alone; path MTU messages come from anywhere, and leases through relays.

use crate::packet::{Address, Network, Transport, protocol};
use crate::wire::ESSENTIAL_SLOTS;
use crate::{Frame, Packet};

const HOP_LIMIT_ND: u8 = 255;
/// Of MLD and of IGMP.
const HOP_LIMIT_MEMBERSHIP: u8 = 1;

/// What a BOOTP server sends (RFC 951 §3).
const BOOT_REPLY: u8 = 2;
/// What a DHCPv6 server sends: advertise, reply, reconfigure, relay-reply (RFC 8415 §7.3).
const DHCPV6_OF_SERVERS: u32 = 1 << 2 | 1 << 7 | 1 << 10 | 1 << 13;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $variant:ident = $number:literal, $name:literal;)+) => {
        /// A kind of essential packet. The number is part of the pinned counter layout: a kind keeps
        /// its number, and a new one is appended.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Essential { $($(#[doc = $doc])+ $variant = $number),+ }

        impl Essential {
            /// Every kind, by number.
            pub const ALL: [Self; [$($number),+].len()] = [$(Self::$variant),+];

            /// The word that configuration, statistics and metrics use.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// One sentence for people.
            #[must_use]
            pub const fn description(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc),+).trim_ascii()),+ }
            }
        }
    };
}

kinds! {
    /// ARP, requests and replies.
    Arp = 0, "arp";
    /// IPv6 neighbour solicitations and advertisements (ICMPv6 135, 136) with hop limit 255.
    NeighborDiscovery = 1, "neighbor-discovery";
    /// IPv6 router solicitations and advertisements (ICMPv6 133, 134) with hop limit 255.
    RouterDiscovery = 2, "router-discovery";
    /// IPv6 redirects (ICMPv6 137) with hop limit 255.
    Redirect = 3, "redirect";
    /// IPv6 multicast membership (ICMPv6 130-132, 143) from the link.
    Mld = 4, "mld";
    /// IPv4 multicast membership (protocol 2) with TTL 1, to 224.0.0.0/4.
    Igmp = 5, "igmp";
    /// ICMP fragmentation needed (type 3, code 4) and ICMPv6 packet too big (type 2).
    PathMtu = 6, "path-mtu";
    /// A DHCP server's message: UDP 67 to 68, BOOTP operation 2.
    Dhcp = 7, "dhcp";
    /// A DHCPv6 server's message: UDP to port 546 of a link-local address, types 2, 7, 10, 13.
    Dhcpv6 = 8, "dhcpv6";
}

impl Essential {
    /// The counter under which packets of this kind are counted, which all pass.
    #[must_use]
    #[inline(always)]
    pub const fn slot(self) -> u32 {
        ESSENTIAL_SLOTS + self as u32
    }

    /// The kind that is counted in `slot`.
    #[must_use]
    pub fn from_slot(slot: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.slot() == slot)
    }
}

/// A set of kinds: those that pass before the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Essentials(u32);

impl Essentials {
    /// Every kind.
    pub const ALL: Self = Self((1 << Essential::ALL.len()) - 1);
    /// No kind.
    pub const NONE: Self = Self(0);

    /// From its bits in the settings.
    #[must_use]
    #[inline(always)]
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// A bit per kind, by number.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether this kind is among them.
    #[must_use]
    #[inline(always)]
    pub const fn has(self, kind: Essential) -> bool {
        self.0 & 1 << kind as u8 != 0
    }

    /// Whether there is none.
    #[must_use]
    #[inline(always)]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// These and one more.
    #[must_use]
    pub const fn with(self, kind: Essential) -> Self {
        Self(self.0 | 1 << kind as u8)
    }

    /// These but one.
    #[must_use]
    pub const fn without(self, kind: Essential) -> Self {
        Self(self.0 & !(1 << kind as u8))
    }

    /// Each of them, by number.
    pub fn iter(self) -> impl Iterator<Item = Essential> {
        Essential::ALL
            .into_iter()
            .filter(move |kind| self.has(*kind))
    }
}

impl FromIterator<Essential> for Essentials {
    fn from_iter<I: IntoIterator<Item = Essential>>(kinds: I) -> Self {
        kinds.into_iter().fold(Self::NONE, Self::with)
    }
}

/// Which of the kinds in `wanted` a well-formed packet is, if it is one.
///
/// Whether a kind is wanted is asked first, and alone: it is known when the program is loaded, and
/// what follows for a kind that is not is dead code to the verifier.
#[must_use]
#[inline(always)]
pub fn essential<F: Frame + ?Sized>(
    packet: &Packet,
    frame: &F,
    wanted: Essentials,
) -> Option<Essential> {
    match packet.network {
        Network::Arp => wanted.has(Essential::Arp).then_some(Essential::Arp),
        Network::V4 => essential_v4(packet, frame, wanted),
        Network::V6 => essential_v6(packet, frame, wanted),
        Network::Unknown | Network::Other => None,
    }
}

#[inline(always)]
fn essential_v4<F: Frame + ?Sized>(
    packet: &Packet,
    frame: &F,
    wanted: Essentials,
) -> Option<Essential> {
    if packet.has_transport(protocol::ICMP, Transport::Icmp) {
        // Destination unreachable, fragmentation needed (RFC 1191).
        let is_path_mtu =
            wanted.has(Essential::PathMtu) && packet.icmp_type() == 3 && packet.icmp_code() == 4;
        return is_path_mtu.then_some(Essential::PathMtu);
    }
    if wanted.has(Essential::Dhcp) && is_dhcp(packet, frame) {
        return Some(Essential::Dhcp);
    }
    (wanted.has(Essential::Igmp) && is_igmp(packet)).then_some(Essential::Igmp)
}

/// DHCP server to client (RFC 951, RFC 2131).
#[inline(always)]
fn is_dhcp<F: Frame + ?Sized>(packet: &Packet, frame: &F) -> bool {
    packet.has_transport(protocol::UDP, Transport::Ports)
        && packet.source_port == 67
        && packet.destination_port == 68
        && packet.fragment == 0
        && packet.udp_payload_start(frame) == Some(BOOT_REPLY)
}

/// Membership of IPv4 groups (RFC 3376): routers never forward it. Its header, of 8 bytes in every
/// version, must be there.
#[inline(always)]
fn is_igmp(packet: &Packet) -> bool {
    packet.protocol == u16::from(protocol::IGMP)
        && packet.hop_limit == HOP_LIMIT_MEMBERSHIP
        && packet.fragment == 0
        && is_multicast_v4(&packet.destination)
        && packet.upper_length >= IGMP_HEADER
}

const IGMP_HEADER: usize = 8;

#[inline(always)]
fn essential_v6<F: Frame + ?Sized>(
    packet: &Packet,
    frame: &F,
    wanted: Essentials,
) -> Option<Essential> {
    if packet.has_transport(protocol::ICMPV6, Transport::Icmp) {
        return essential_icmpv6(packet, wanted);
    }
    (wanted.has(Essential::Dhcpv6) && is_dhcpv6(packet, frame)).then_some(Essential::Dhcpv6)
}

#[inline(always)]
fn essential_icmpv6(packet: &Packet, wanted: Essentials) -> Option<Essential> {
    let is = |kind: Essential, fits: bool| (wanted.has(kind) && fits).then_some(kind);
    match packet.icmp_type() {
        // Packet too big (RFC 8201).
        2 => is(Essential::PathMtu, true),
        // Router and neighbour discovery.
        133 | 134 => is(Essential::RouterDiscovery, is_discovery(packet)),
        135 | 136 => is(Essential::NeighborDiscovery, is_discovery(packet)),
        137 => is(Essential::Redirect, is_discovery(packet)),
        // Multicast listener discovery.
        130..=132 | 143 => is(Essential::Mld, is_listener_discovery(packet)),
        _ => None,
    }
}

/// RFC 4861: hop limit 255 proves the link; RFC 6980 forbids fragments.
#[inline(always)]
fn is_discovery(packet: &Packet) -> bool {
    packet.hop_limit == HOP_LIMIT_ND && !packet.extended
}

/// RFC 2710, RFC 3810; it carries router alert.
#[inline(always)]
fn is_listener_discovery(packet: &Packet) -> bool {
    packet.hop_limit == HOP_LIMIT_MEMBERSHIP
        && packet.fragment == 0
        && (is_link_local(&packet.source) || is_unspecified(&packet.source))
}

/// DHCPv6 server to client. RFC 8415 §7.2 fixes where the client listens, not where the answer
/// comes from: a server or a relay beyond the link may send from a global address and any port.
#[inline(always)]
fn is_dhcpv6<F: Frame + ?Sized>(packet: &Packet, frame: &F) -> bool {
    packet.has_transport(protocol::UDP, Transport::Ports)
        && packet.destination_port == 546
        && packet.fragment == 0
        && is_link_local(&packet.destination)
        && packet.udp_payload_start(frame).is_some_and(is_of_server)
}

#[inline(always)]
const fn is_of_server(message: u8) -> bool {
    message < 32 && DHCPV6_OF_SERVERS >> message & 1 == 1
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

/// In 224.0.0.0/4.
#[inline(always)]
const fn is_multicast_v4(address: &Address) -> bool {
    u64::from_be(address[0]) >> 60 == 0xe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_slot_and_has_a_name_of_its_own() {
        for (number, kind) in Essential::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
            assert_eq!(Essential::from_slot(kind.slot()), Some(kind));
            assert!(!kind.description().is_empty());
            let same = Essential::ALL.iter().filter(|it| it.name() == kind.name());
            assert_eq!(same.count(), 1, "{}", kind.name());
        }
        let next = ESSENTIAL_SLOTS + Essential::ALL.len() as u32;
        assert_eq!(Essential::from_slot(next), None);
        assert_eq!(Essential::from_slot(ESSENTIAL_SLOTS - 1), None);
    }

    #[test]
    fn a_set_of_kinds_has_what_was_put_in() {
        assert_eq!(
            Essential::ALL.into_iter().collect::<Essentials>(),
            Essentials::ALL
        );
        for kind in Essential::ALL {
            let only = Essentials::NONE.with(kind);
            assert_eq!(only.iter().collect::<Vec<_>>(), [kind]);
            assert!(!Essentials::ALL.without(kind).has(kind));
            assert_eq!(Essentials::ALL.without(kind).with(kind), Essentials::ALL);
            assert_eq!(Essentials::from_bits(only.bits()), only);
        }
        assert!(Essentials::NONE.is_empty() && !Essentials::ALL.is_empty());
    }
}
