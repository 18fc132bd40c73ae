//! IPv4 headers, and the transport headers behind them.

use super::stack::{
    Ipv4, Stack, eth, icmp, ipv4, ipv4_fragment, ipv6, tcp, udp, upper, vlan, with_ports,
};
use super::{assert_addresses, parse, parse_bytes};
use crate::packet::protocol::{AH, DCCP, ICMP, ICMPV6, SCTP, TCP, UDP, UDPLITE, UNKNOWN};
use crate::packet::{Network, Packet, Transport};
use crate::{Reason, packet::fragment};

/// A malformed packet of which the addresses could be read, and nothing behind them.
#[track_caller]
fn assert_addresses_only(packet: &Packet, reason: Reason) {
    assert_eq!(packet.malformed, Some(reason));
    assert_addresses(packet);
    assert_eq!(packet.protocol, UNKNOWN);
    assert_eq!(packet.transport, Transport::Absent);
}

fn lying(total: u16) -> Ipv4 {
    Ipv4 {
        total: Some(total),
        ..ipv4()
    }
}

#[test]
fn addresses_protocol_ttl_and_ports_are_read() {
    let packet = parse(&(eth() / Ipv4 { ttl: 3, ..ipv4() } / tcp(40_000, 443)));
    assert_eq!(packet.malformed, None);
    assert_eq!(packet.network, Network::V4);
    assert_addresses(&packet);
    assert_eq!((packet.protocol, packet.hop_limit), (u16::from(TCP), 3));
    assert_eq!(packet.transport, Transport::Ports);
    assert_eq!((packet.source_port, packet.destination_port), (40_000, 443));
    assert_eq!((packet.fragment, packet.extended), (0, false));
}

/// Whether a frame is read at once.
fn is_plain(stack: &Stack) -> bool {
    let frame = stack.bytes();
    Packet::parse_plain(frame.as_slice(), frame.len()).is_some()
}

#[test]
fn untagged_whole_tcp_and_udp_without_options_are_read_at_once_and_nothing_else() {
    for top in [tcp(1, 2), udp(1, 2)] {
        assert!(is_plain(&(eth() / ipv4() / top.clone())));
        assert!(!is_plain(&(eth() / vlan(7) / ipv4() / top.clone())));
        assert!(!is_plain(
            &(eth() / Ipv4 { words: 6, ..ipv4() } / top.clone())
        ));
        assert!(!is_plain(&(eth() / ipv4_fragment(0, true) / top.clone())));
        assert!(!is_plain(&(eth() / ipv4_fragment(9, false) / top.clone())));
        assert!(!is_plain(&(eth() / lying(27) / top.clone())));
        assert!(!is_plain(&(eth() / lying(2_000) / top.clone())));
        assert!(!is_plain(&(eth() / ipv6() / top)));
    }
    assert!(!is_plain(&(eth() / ipv4() / icmp(8, 0))));
}

#[test]
fn ports_stand_behind_the_options() {
    for words in 5..=15 {
        let packet = parse(&(eth() / Ipv4 { words, ..ipv4() } / udp(53, 65_535)));
        assert_eq!(packet.malformed, None);
        assert_eq!((packet.source_port, packet.destination_port), (53, 65_535));
    }
}

#[test]
fn a_frame_that_ends_in_the_fixed_header_has_no_addresses() {
    let frame = (eth() / ipv4() / udp(1, 2)).bytes();
    for length in 14..34 {
        let packet = parse_bytes(&frame[..length]);
        assert_eq!(packet.malformed, Some(Reason::TruncatedIp), "{length}");
        assert_eq!(packet.network, Network::Unknown);
    }
}

#[test]
fn a_frame_that_ends_in_the_options_has_addresses() {
    let frame = (eth()
        / Ipv4 {
            words: 15,
            ..ipv4()
        }
        / udp(1, 2))
    .bytes();
    for length in 34..74 {
        assert_addresses_only(&parse_bytes(&frame[..length]), Reason::TruncatedIp);
    }
}

#[test]
fn another_version_than_the_ethertype_says_is_malformed() {
    for version in (0..16).filter(|&version| version != 4) {
        let packet = parse(&(eth() / Ipv4 { version, ..ipv4() } / tcp(1, 2)));
        assert_eq!(packet.malformed, Some(Reason::IpVersion));
        assert_eq!(packet.network, Network::Unknown);
    }
}

#[test]
fn a_header_length_below_20_bytes_is_malformed() {
    for words in 0..5 {
        let packet = parse(&(eth() / Ipv4 { words, ..ipv4() } / tcp(1, 2)));
        assert_addresses_only(&packet, Reason::IpHeaderLength);
    }
}

#[test]
fn an_ip_length_beyond_the_frame_or_below_the_header_is_malformed() {
    for total in [0, 19, 41, 65_535] {
        let packet = parse(&(eth() / lying(total) / tcp(1, 2)));
        assert_addresses_only(&packet, Reason::IpLength);
    }
    let options = Ipv4 {
        words: 6,
        ..lying(23)
    };
    assert_addresses_only(&parse(&(eth() / options / tcp(1, 2))), Reason::IpLength);
    assert_eq!(parse(&(eth() / lying(40) / tcp(1, 2))).malformed, None);
}

#[test]
fn padding_is_no_header() {
    // 46 bytes of payload, the least of Ethernet: what looks like ports stands behind the packet.
    let packet = parse(&(eth() / lying(20) / tcp(40_000, 443)));
    assert_eq!((packet.malformed, packet.protocol), (None, u16::from(TCP)));
    assert_eq!(packet.transport, Transport::Absent);

    let packet = parse(&(eth() / lying(27) / udp(40_000, 443)).padded(&[0; 18]));
    assert_eq!((packet.malformed, packet.protocol), (None, u16::from(UDP)));
    assert_eq!(packet.transport, Transport::Absent);

    let packet = parse(&(eth() / ipv4() / udp(40_000, 443)).padded(&[7; 18]));
    assert_eq!(packet.transport, Transport::Ports);
}

#[test]
fn a_transport_header_counts_only_if_all_of_it_is_there() {
    for (protocol, size) in [
        (TCP, 20),
        (UDP, 8),
        (UDPLITE, 8),
        (SCTP, 12),
        (DCCP, 12),
        (ICMP, 8),
        (ICMPV6, 8),
    ] {
        let whole = parse(&(eth() / ipv4() / with_ports(protocol, 0x0304, 443, size)));
        let short = parse(&(eth() / ipv4() / with_ports(protocol, 0x0304, 443, size - 1)));
        assert_ne!(whole.transport, Transport::Absent, "{protocol}");
        assert_eq!(short.transport, Transport::Absent, "{protocol}");
        assert_eq!(
            (short.malformed, short.protocol),
            (None, u16::from(protocol))
        );
    }
}

#[test]
fn type_and_code_of_icmp_stand_in_for_ports() {
    let packet = parse(&(eth() / ipv4() / icmp(3, 4)));
    assert_eq!(packet.transport, Transport::Icmp);
    assert_eq!((packet.icmp_type(), packet.icmp_code()), (3, 4));
}

#[test]
fn other_protocols_have_a_number_and_no_ports() {
    // GRE, ESP, AH (which IPv4 does not walk), and numbers that are extension headers of IPv6.
    for protocol in [0, 2, 43, 44, 47, 50, AH, 59, 60, 255] {
        let packet = parse(&(eth() / ipv4() / upper(protocol, &[6; 40])));
        assert_eq!(
            (packet.malformed, packet.protocol),
            (None, u16::from(protocol))
        );
        assert_eq!(packet.transport, Transport::Absent);
        assert!(!packet.extended);
    }
}

#[test]
fn dont_fragment_and_the_reserved_bit_make_no_fragment() {
    for flags_and_offset in [0x4000, 0x8000, 0xc000] {
        let header = Ipv4 {
            flags_and_offset,
            ..ipv4()
        };
        let packet = parse(&(eth() / header / tcp(1, 2)));
        assert_eq!(packet.fragment & fragment::FRAGMENT, 0);
        assert_eq!(packet.transport, Transport::Ports);
    }
}
