//! Fragments of both families.

use super::parse;
use super::stack::{
    Layer, Stack, eth, extension, fragment, icmp, ipv4_fragment, ipv6, tcp, udp, upper, with_ports,
};
use crate::Reason;
use crate::packet::fragment::{FRAGMENT, LATER, MORE};
use crate::packet::protocol::{
    AH, DCCP, DESTINATION_OPTIONS, HOP_BY_HOP, ROUTING, SCTP, TCP, UDP, UDPLITE, UNKNOWN,
};
use crate::packet::{Packet, Transport};

/// A fragment of either family at `offset` (units of 8 bytes).
fn families(offset: u16, more: bool, payload: &Layer) -> [Packet; 2] {
    [
        eth() / ipv4_fragment(offset, more) / payload.clone(),
        eth() / ipv6() / fragment(offset, more) / payload.clone(),
    ]
    .map(|stack: Stack| parse(&stack))
}

#[test]
fn a_first_fragment_has_ports() {
    for packet in families(0, true, &tcp(40_000, 443)) {
        assert_eq!(packet.malformed, None);
        assert_eq!(packet.fragment, FRAGMENT | MORE);
        assert_eq!(packet.transport, Transport::Ports);
        assert_eq!((packet.source_port, packet.destination_port), (40_000, 443));
    }
}

#[test]
fn a_later_fragment_has_a_protocol_and_never_ports() {
    for (offset, more) in [(2, true), (2, false), (185, true), (0x1fff, false)] {
        for packet in families(offset, more, &udp(40_000, 443)) {
            assert_eq!((packet.malformed, packet.protocol), (None, u16::from(UDP)));
            assert_eq!(packet.fragment, FRAGMENT | LATER);
            assert_eq!(packet.transport, Transport::Absent);
        }
    }
}

#[test]
fn a_later_fragment_may_be_short() {
    for length in [0, 1, 4, 7] {
        for packet in families(185, false, &upper(TCP, &[9; 8][..length])) {
            assert_eq!((packet.malformed, packet.protocol), (None, u16::from(TCP)));
        }
    }
}

#[test]
fn an_atomic_fragment_is_whole() {
    let packet = parse(&(eth() / ipv6() / fragment(0, false) / tcp(40_000, 443)));
    assert_eq!(packet.malformed, None);
    assert_eq!((packet.fragment, packet.extended), (FRAGMENT, true));
    assert_eq!((packet.source_port, packet.destination_port), (40_000, 443));

    let short = parse(&(eth() / ipv6() / fragment(0, false) / upper(TCP, &[9; 8])));
    assert_eq!(
        (short.malformed, short.transport),
        (None, Transport::Absent)
    );
}

#[test]
fn a_first_fragment_without_its_whole_header_is_tiny() {
    for (protocol, size) in [(TCP, 20), (UDP, 8), (UDPLITE, 8), (SCTP, 12), (DCCP, 12)] {
        for packet in families(0, true, &with_ports(protocol, 1, 443, size - 1)) {
            assert_eq!(packet.malformed, Some(Reason::TinyFragment), "{protocol}");
        }
        for packet in families(0, true, &with_ports(protocol, 1, 443, size)) {
            assert_eq!(packet.malformed, None, "{protocol}");
        }
    }
    for packet in families(0, true, &upper(47, &[])) {
        assert_eq!(packet.malformed, None, "no header of GRE is read");
    }
}

#[test]
fn a_tiny_fragment_has_ports_once_it_shows_flags_too() {
    for (protocol, enough) in [(TCP, 16), (SCTP, 8), (DCCP, 8)] {
        for size in 4..enough {
            for packet in families(0, true, &with_ports(protocol, 1, 443, size)) {
                assert_eq!(packet.transport, Transport::Absent, "{protocol}, {size}");
                assert_eq!(packet.protocol, UNKNOWN);
            }
        }
        for packet in families(0, true, &with_ports(protocol, 1, 443, enough)) {
            assert_eq!(packet.malformed, Some(Reason::TinyFragment), "{protocol}");
            assert_eq!(packet.protocol, u16::from(protocol));
            assert_eq!((packet.source_port, packet.destination_port), (1, 443));
        }
    }
}

#[test]
fn a_tcp_fragment_at_8_bytes_is_tiny() {
    for more in [false, true] {
        for packet in families(1, more, &upper(TCP, &[9; 64])) {
            assert_eq!(packet.malformed, Some(Reason::TinyFragment));
            assert_eq!(packet.protocol, UNKNOWN, "malformed leaves addresses");
        }
        for packet in families(1, more, &upper(UDP, &[9; 64])) {
            assert_eq!(packet.malformed, None, "only TCP has flags there");
        }
    }
}

#[test]
fn a_short_icmp_header_in_a_first_fragment_is_tiny() {
    let packet = parse(&(eth() / ipv4_fragment(0, true) / icmp(8, 0)));
    assert_eq!(
        (packet.malformed, packet.transport),
        (None, Transport::Icmp)
    );
    let packet = parse(&(eth() / ipv4_fragment(0, true) / upper(1, &[8, 0, 0, 0])));
    assert_eq!(packet.malformed, Some(Reason::TinyFragment));
}

#[test]
fn a_later_fragment_whose_upper_layer_is_named_elsewhere_has_no_protocol() {
    for kind in [ROUTING, AH, DESTINATION_OPTIONS] {
        // In the first fragment this is the header; here it is payload.
        let packet = parse(&(eth() / ipv6() / fragment(9, false) / extension(kind, 0) / tcp(1, 2)));
        assert_eq!(
            (packet.malformed, packet.protocol),
            (None, UNKNOWN),
            "{kind}"
        );
        assert_eq!((packet.fragment, packet.extended), (FRAGMENT | LATER, true));
        assert_eq!(packet.transport, Transport::Absent);
    }
}

#[test]
fn hop_by_hop_behind_a_fragment_header_is_the_protocol_of_every_fragment() {
    let [first, later] = [(0, true), (9, false)].map(|(offset, more)| {
        let stack = eth() / ipv6() / fragment(offset, more);
        parse(&(stack / extension(HOP_BY_HOP, 0) / tcp(1, 2)))
    });
    assert_eq!((first.malformed, first.protocol), (None, 0));
    assert_eq!((later.malformed, later.protocol), (None, 0));
}

#[test]
fn headers_around_the_fragment_header_are_walked() {
    let before = eth() / ipv6() / extension(HOP_BY_HOP, 0) / extension(ROUTING, 2);
    let first = before.clone() / fragment(0, true) / extension(DESTINATION_OPTIONS, 1);
    let packet = parse(&(first / udp(53, 5353)));
    assert_eq!((packet.malformed, packet.fragment), (None, FRAGMENT | MORE));
    assert_eq!((packet.source_port, packet.destination_port), (53, 5353));

    let packet = parse(&(before / fragment(7, true) / udp(53, 5353)));
    assert_eq!((packet.malformed, packet.protocol), (None, u16::from(UDP)));
    assert_eq!(packet.fragment, FRAGMENT | LATER);
    assert_eq!(packet.transport, Transport::Absent);
}

#[test]
fn a_fragment_within_a_fragment_is_a_later_one_if_either_is() {
    let nested = |outer, inner| {
        let stack = eth() / ipv6() / fragment(outer, true) / fragment(inner, false);
        parse(&(stack / udp(53, 5353)))
    };
    assert_eq!(nested(0, 0).transport, Transport::Ports);
    for (outer, inner) in [(0, 5), (5, 0)] {
        let packet = nested(outer, inner);
        assert_eq!(packet.malformed, None);
        assert_eq!(packet.fragment & LATER, LATER);
        assert_eq!(packet.transport, Transport::Absent);
    }
}
