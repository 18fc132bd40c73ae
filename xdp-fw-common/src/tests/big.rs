//! Packets longer than their length field can say: BIG TCP.

use super::parse;
use super::stack::{Ipv4, Ipv6, Layer, Stack, eth, extension, ipv4, ipv6, tcp, udp, vlan};
use crate::packet::Transport;
use crate::packet::protocol::{HOP_BY_HOP, TCP};
use crate::{Packet, Reason};

/// A frame of this length in all, whose IP length is zero.
fn of_length(stack: Stack, length: usize) -> Packet {
    let bare = stack.bytes().len();
    parse(&stack.padded(&vec![0xa5; length - bare]))
}

fn zero_v4() -> Layer {
    let total = Some(0);
    Ipv4 { total, ..ipv4() }.into()
}

fn zero_v6() -> Layer {
    let payload = Some(0);
    Ipv6 { payload, ..ipv6() }.into()
}

#[test]
fn a_big_packet_of_length_zero_is_as_long_as_its_frame() {
    let jumbo = zero_v6();
    for stack in [
        eth() / zero_v4() / tcp(40_000, 443),
        eth() / zero_v6() / tcp(40_000, 443),
        eth() / jumbo / extension(HOP_BY_HOP, 0) / tcp(40_000, 443),
    ] {
        for length in [65_550, 65_590, 150_000] {
            let packet = of_length(stack.clone(), length);
            assert_eq!(packet.malformed, None, "{stack:?}, {length}");
            assert_eq!(packet.protocol, u16::from(TCP));
            assert_eq!((packet.source_port, packet.destination_port), (40_000, 443));
            assert_eq!(packet.length, u16::MAX, "rules see no more");
        }
    }
}

#[test]
fn a_packet_of_length_zero_that_is_not_big_stays_malformed() {
    let flaw = |stack, length| of_length(stack, length).malformed;
    for length in [1514, 65_549] {
        let v4 = eth() / zero_v4() / tcp(1, 2);
        assert_eq!(flaw(v4, length), Some(Reason::IpLength), "{length}");
        let v6 = eth() / zero_v6() / extension(HOP_BY_HOP, 0) / tcp(1, 2);
        assert_eq!(flaw(v6, length), Some(Reason::ExtensionHeaders), "{length}");
        // To Linux too there is nothing behind the header.
        let packet = of_length(eth() / zero_v6() / udp(1, 2), length);
        assert_eq!(packet.transport, Transport::Absent);
    }
}

#[test]
fn tags_do_not_count_to_the_length_of_a_big_packet() {
    let tagged = || eth() / vlan(7) / zero_v4() / tcp(1, 2);
    let malformed = |length| of_length(tagged(), length).malformed;
    assert_eq!(malformed(65_553), Some(Reason::IpLength));
    assert_eq!(malformed(65_554), None);
}

#[test]
fn a_big_frame_whose_length_field_lies_stays_malformed() {
    let total = Some(19);
    let short = eth() / Ipv4 { total, ..ipv4() } / tcp(1, 2);
    assert_eq!(of_length(short, 150_000).malformed, Some(Reason::IpLength));
}
