//! Ethernet and VLAN tags.

use super::stack::{Stack, eth, ipv4, ipv6, other, service_vlan, tcp, vlan};
use super::{assert_addresses, parse, parse_bytes};
use crate::Reason;
use crate::packet::{ETHERTYPE_ARP, Network, Packet, Transport};

#[test]
fn a_frame_below_14_bytes_is_truncated() {
    let frame = (eth() / other(0x1234, &[])).bytes();
    assert_eq!(frame.len(), 14);
    assert_eq!(parse_bytes(&frame).malformed, None);
    for length in 0..14 {
        let packet = parse_bytes(&frame[..length]);
        assert_eq!(
            packet.malformed,
            Some(Reason::TruncatedEthernet),
            "{length}"
        );
        assert_eq!(packet.network, Network::Unknown);
    }
}

#[test]
fn what_is_neither_ip_nor_arp_is_other() {
    // Wake-on-LAN, MACsec, an 802.3 length, and tag types that are not ours.
    for ethertype in [0x0842, 0x88e5, 0x0040, 0x9100, 0x9200] {
        let packet = parse(&(eth() / other(ethertype, &[0x45; 60])));
        assert_eq!((packet.network, packet.malformed), (Network::Other, None));
    }
}

#[test]
fn arp_is_arp_behind_tags_too() {
    let arp = other(ETHERTYPE_ARP, &[0; 28]);
    assert_eq!(parse(&(eth() / arp.clone())).network, Network::Arp);
    assert_eq!(parse(&(eth() / vlan(7) / arp)).network, Network::Arp);
}

#[test]
fn up_to_two_tags_of_either_kind_change_nothing_behind_them() {
    let bare = parse(&(eth() / ipv4() / tcp(40_000, 443)));
    assert_eq!(bare.transport, Transport::Ports);
    assert_addresses(&bare);
    for tagged in [
        eth() / vlan(7),
        eth() / service_vlan(7),
        eth() / vlan(0),
        eth() / service_vlan(100) / vlan(7),
        eth() / vlan(7) / service_vlan(100),
        eth() / vlan(7) / vlan(7),
        eth() / vlan(0) / vlan(7),
    ] {
        assert_eq!(
            behind_tags(&(tagged / ipv4() / tcp(40_000, 443)), &bare),
            bare
        );
    }
    let bare = parse(&(eth() / ipv6() / tcp(40_000, 443)));
    let tagged = eth() / vlan(1) / vlan(2) / ipv6() / tcp(40_000, 443);
    assert_eq!(behind_tags(&tagged, &bare), bare);
}

/// The packet without what tags do change: its VLAN, and where its headers begin.
fn behind_tags(stack: &Stack, bare: &Packet) -> Packet {
    Packet {
        vlan: bare.vlan,
        transport_at: bare.transport_at,
        ..parse(stack)
    }
}

#[test]
fn a_third_tag_is_too_many() {
    for third in [vlan(3), service_vlan(3), vlan(0)] {
        let packet = parse(&(eth() / vlan(1) / vlan(2) / third / ipv4() / tcp(1, 2)));
        assert_eq!(packet.malformed, Some(Reason::VlanDepth));
        assert_eq!(packet.network, Network::Unknown);
    }
}

#[test]
fn a_frame_that_ends_inside_a_tag_is_truncated() {
    let frame = (eth() / vlan(1) / vlan(2) / other(0x1234, &[])).bytes();
    assert_eq!(frame.len(), 22);
    for length in 14..22 {
        let packet = parse_bytes(&frame[..length]);
        assert_eq!(packet.malformed, Some(Reason::TruncatedVlan), "{length}");
    }
    assert_eq!(parse_bytes(&frame).malformed, None);
}
