//! IPv6 headers and their extensions.

use super::stack::{Ipv6, Stack, eth, extension, icmp6, ipv6, tcp, udp, upper};
use super::{assert_addresses, parse, parse_bytes};
use crate::Reason;
use crate::packet::protocol::{
    AH, DESTINATION_OPTIONS, HOP_BY_HOP, ICMPV6, ROUTING, TCP, UDP, UNKNOWN,
};
use crate::packet::{EXTENSION_HEADERS_MAX, Network, Packet, Transport};

fn lying(payload: u16) -> Ipv6 {
    Ipv6 {
        payload: Some(payload),
        ..ipv6()
    }
}

#[track_caller]
fn assert_addresses_only(packet: &Packet, reason: Reason) {
    assert_eq!(packet.malformed, Some(reason));
    assert_addresses(packet);
    assert_eq!(packet.protocol, UNKNOWN);
    assert_eq!(packet.transport, Transport::Absent);
}

#[track_caller]
fn assert_ports(packet: &Packet, ports: (u16, u16)) {
    assert_eq!(packet.malformed, None);
    assert_eq!(packet.transport, Transport::Ports);
    assert_eq!((packet.source_port, packet.destination_port), ports);
}

#[test]
fn addresses_protocol_hop_limit_and_ports_are_read() {
    let header = Ipv6 {
        hop_limit: 9,
        ..ipv6()
    };
    let packet = parse(&(eth() / header / tcp(40_000, 443)));
    assert_ports(&packet, (40_000, 443));
    assert_eq!(packet.network, Network::V6);
    assert_addresses(&packet);
    assert_eq!((packet.protocol, packet.hop_limit), (u16::from(TCP), 9));
    assert_eq!((packet.fragment, packet.extended), (0, false));
}

#[test]
fn a_frame_that_ends_in_the_fixed_header_has_no_addresses() {
    let frame = (eth() / ipv6() / udp(1, 2)).bytes();
    for length in 14..54 {
        let packet = parse_bytes(&frame[..length]);
        assert_eq!(packet.malformed, Some(Reason::TruncatedIp), "{length}");
        assert_eq!(packet.network, Network::Unknown);
    }
}

#[test]
fn another_version_than_the_ethertype_says_is_malformed() {
    for version in (0..16).filter(|&version| version != 6) {
        let packet = parse(&(eth() / Ipv6 { version, ..ipv6() } / tcp(1, 2)));
        assert_eq!(packet.malformed, Some(Reason::IpVersion));
        assert_eq!(packet.network, Network::Unknown);
    }
}

#[test]
fn a_payload_beyond_the_frame_is_malformed_and_a_shorter_one_ends_there() {
    for payload in [21, 65_535] {
        let packet = parse(&(eth() / lying(payload) / tcp(1, 2)));
        assert_addresses_only(&packet, Reason::IpLength);
    }
    assert_ports(&parse(&(eth() / lying(20) / tcp(1, 2))), (1, 2));
    // Behind the packet's end there is padding, which is no header.
    for payload in [0, 4, 19] {
        let packet = parse(&(eth() / lying(payload) / tcp(1, 2)));
        assert_eq!((packet.malformed, packet.protocol), (None, u16::from(TCP)));
        assert_eq!(packet.transport, Transport::Absent);
    }
}

#[test]
fn each_extension_header_is_walked_at_each_length() {
    for kind in [HOP_BY_HOP, ROUTING, AH, DESTINATION_OPTIONS] {
        for units in [0, 1, 2, 255] {
            let packet = parse(&(eth() / ipv6() / extension(kind, units) / udp(53, 5353)));
            assert_ports(&packet, (53, 5353));
            assert!(packet.extended);
            assert_eq!(packet.protocol, u16::from(UDP), "{kind}, {units} units");
        }
    }
}

fn chain(headers: usize) -> Stack {
    let options = || extension(DESTINATION_OPTIONS, 0);
    let stack = eth() / ipv6() / extension(HOP_BY_HOP, 1);
    (1..headers).fold(stack, |stack, _| stack / options()) / tcp(1, 443)
}

#[test]
fn eight_extension_headers_are_walked_and_a_ninth_is_too_many() {
    assert_eq!(EXTENSION_HEADERS_MAX, 8);
    assert_ports(&parse(&chain(8)), (1, 443));
    assert_addresses_only(&parse(&chain(9)), Reason::ExtensionHeaders);
    assert_addresses_only(&parse(&chain(40)), Reason::ExtensionHeaders);
}

#[test]
fn the_longest_chain_there_is_is_walked() {
    let stack = (0..8).fold(eth() / ipv6(), |stack, _| {
        stack / extension(DESTINATION_OPTIONS, 255)
    });
    assert_ports(&parse(&(stack / udp(7, 8))), (7, 8));
}

#[test]
fn hop_by_hop_options_count_only_right_behind_the_fixed_header() {
    for before in [ROUTING, AH, DESTINATION_OPTIONS, HOP_BY_HOP] {
        let later = eth() / ipv6() / extension(before, 0) / extension(HOP_BY_HOP, 0);
        let packet = parse(&(later / tcp(1, 2)));
        assert_eq!((packet.malformed, packet.protocol), (None, 0));
        assert_eq!(packet.transport, Transport::Absent);
    }
}

#[test]
fn what_linux_does_not_walk_is_the_protocol() {
    // ESP, no next header, mobility, HIP, shim6, and two for experiments.
    for protocol in [50, 59, 135, 139, 140, 253, 254] {
        let packet = parse(&(eth() / ipv6() / upper(protocol, &[6; 40])));
        assert_eq!(
            (packet.malformed, packet.protocol),
            (None, u16::from(protocol))
        );
        assert_eq!(packet.transport, Transport::Absent);
        let extended = eth() / ipv6() / extension(ROUTING, 0);
        let packet = parse(&(extended / upper(protocol, &[6; 40])));
        assert_eq!(packet.protocol, u16::from(protocol));
    }
}

#[test]
fn an_extension_header_beyond_the_packet_is_malformed() {
    for kind in [HOP_BY_HOP, ROUTING, AH, DESTINATION_OPTIONS] {
        let whole = extension(kind, 1);
        let length = if kind == AH { 12 } else { 16 };
        for payload in 0..length {
            // The bytes are in the frame, but not in the packet.
            let packet = parse(&(eth() / lying(payload) / whole.clone() / tcp(1, 2)));
            assert_addresses_only(&packet, Reason::ExtensionHeaders);
        }
        let packet = parse(&(eth() / lying(length) / whole / tcp(1, 2)));
        assert_eq!((packet.malformed, packet.protocol), (None, u16::from(TCP)));
        assert_eq!(packet.transport, Transport::Absent);
    }
}

#[test]
fn a_jumbogram_in_a_frame_that_needs_none_is_malformed() {
    // RFC 2675: payload length 0 and hop-by-hop options. Linux delivers it to the frame's end.
    let packet = parse(&(eth() / lying(0) / extension(HOP_BY_HOP, 0) / udp(1, 2)));
    assert_addresses_only(&packet, Reason::ExtensionHeaders);
}

#[test]
fn icmpv6_has_a_type_and_a_code_behind_extensions_too() {
    let packet = parse(&(eth() / ipv6() / extension(HOP_BY_HOP, 0) / icmp6(143, 1)));
    assert_eq!(packet.protocol, u16::from(ICMPV6));
    assert_eq!(packet.transport, Transport::Icmp);
    assert_eq!((packet.icmp_type(), packet.icmp_code()), (143, 1));
}
