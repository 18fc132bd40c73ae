//! The value that each dimension classifies, and what has none.

use super::decide_bytes;
use super::stack::{
    DESTINATION_MAC, Ipv4, Ipv6, Layer, SOURCE_MAC, Stack, eth, extension, fragment, icmp, icmp6,
    ipv4, ipv4_fragment, ipv6, other, service_vlan, tcp, tcp_flags, udp, upper, vlan, with_ports,
};
use super::tables::{Plain, default_drop, row};
use crate::packet::fragment::{FRAGMENT, MORE};
use crate::packet::protocol::{ICMP, ICMPV6, TCP};
use crate::tables::{VLAN_NONE, icmp_value};
use crate::{Dimension, Essentials, Verdict};

/// What a frame has in a dimension of numbers, interfaces or Ethernet addresses; malformed packets
/// may pass.
fn value_of_bytes(frame: &[u8], dimension: Dimension) -> Option<u64> {
    let mut tables = Plain {
        malformed: Verdict::Pass,
        essentials: Essentials::NONE,
        has_rules: true,
        rows: vec![row(&[]); 2],
        ..default_drop()
    };
    tables.used[dimension as usize] = true;
    decide_bytes(frame, &tables);
    let asked = tables.asked.take();
    assert!(asked.len() <= 1, "{asked:?}");
    asked.first().map(|&(of, value)| {
        assert_eq!(of, dimension);
        value
    })
}

fn value(stack: &Stack, dimension: Dimension) -> Option<u64> {
    value_of_bytes(&stack.bytes(), dimension)
}

fn number(value: u32) -> Option<u64> {
    Some(u64::from(value))
}

#[test]
fn the_vlan_is_that_of_the_outermost_tag_with_an_id() {
    for (tags, id) in [
        (eth(), VLAN_NONE),
        (eth() / vlan(0), VLAN_NONE),
        (eth() / vlan(0) / service_vlan(0), VLAN_NONE),
        (eth() / vlan(7), 7),
        (eth() / service_vlan(100) / vlan(7), 100),
        (eth() / vlan(0) / vlan(7), 7),
        (eth() / vlan(7) / vlan(0), 7),
        (eth() / vlan(4095), 4095),
        // Priority 7, drop eligible, id 1.
        (eth() / vlan(0xf001), 1),
    ] {
        for stack in [tags.clone() / ipv4() / tcp(1, 2), tags / ipv6() / udp(1, 2)] {
            assert_eq!(value(&stack, Dimension::Vlan), number(id.into()));
        }
    }
}

#[test]
fn the_family_is_that_of_the_header() {
    let family = |stack| value(&stack, Dimension::Family);
    assert_eq!(family(eth() / ipv4() / tcp(1, 2)), number(4));
    assert_eq!(family(eth() / vlan(7) / ipv6() / tcp(1, 2)), number(6));
}

#[test]
fn code_points_are_read_without_the_congestion_bits() {
    for traffic_class in [0, 0b1011_1000, 0b1011_1011, 0xff, 0b0000_0111] {
        let v4 = Ipv4 {
            traffic_class,
            ..ipv4()
        };
        let v6 = Ipv6 {
            traffic_class,
            ..ipv6()
        };
        for stack in [eth() / v4 / tcp(1, 2), eth() / v6 / tcp(1, 2)] {
            let expected = number(u32::from(traffic_class) >> 2);
            assert_eq!(value(&stack, Dimension::Dscp), expected);
        }
    }
}

#[test]
fn ttl_and_hop_limit_are_one_dimension() {
    for limit in [0, 1, 64, 255] {
        let v4 = Ipv4 {
            ttl: limit,
            ..ipv4()
        };
        let v6 = Ipv6 {
            hop_limit: limit,
            ..ipv6()
        };
        for stack in [eth() / v4 / tcp(1, 2), eth() / v6 / tcp(1, 2)] {
            assert_eq!(value(&stack, Dimension::Ttl), number(limit.into()));
        }
    }
}

#[test]
fn the_length_is_that_of_the_packet_without_tags_and_padding() {
    let length = |stack: Stack| value(&stack, Dimension::Length);
    assert_eq!(length(eth() / ipv4() / udp(1, 2)), number(28));
    assert_eq!(length(eth() / vlan(1) / ipv6() / udp(1, 2)), number(48));
    let padded = (eth() / ipv4() / udp(1, 2)).padded(&[0; 18]);
    assert_eq!(length(padded), number(28));
    let options = eth() / ipv6() / extension(60, 1) / udp(1, 2);
    assert_eq!(length(options), number(40 + 16 + 8));
}

#[test]
fn a_length_beyond_16_bits_is_the_largest_one() {
    for (payload, length) in [(65_494, 65_534), (65_495, 65_535), (65_535, 65_535)] {
        let stack = eth() / ipv6() / upper(47, &vec![0; payload]);
        assert_eq!(value(&stack, Dimension::Length), number(length));
    }
}

#[test]
fn fragments_say_which_part_they_are() {
    for (stack, bits) in [
        (eth() / ipv4() / udp(1, 2), 0),
        (eth() / ipv6() / extension(60, 0) / udp(1, 2), 0),
        (eth() / ipv4_fragment(0, true) / udp(1, 2), 3),
        (eth() / ipv4_fragment(9, true) / udp(1, 2), 5),
        (eth() / ipv4_fragment(9, false) / udp(1, 2), 5),
        (eth() / ipv6() / fragment(0, false) / udp(1, 2), 1),
        (eth() / ipv6() / fragment(0, true) / udp(1, 2), 3),
        (eth() / ipv6() / fragment(9, true) / udp(1, 2), 5),
        // Nested: a later one within a first one, and a first one within an atomic one.
        (
            eth() / ipv6() / fragment(0, true) / fragment(9, false) / udp(1, 2),
            7,
        ),
        (
            eth() / ipv6() / fragment(0, false) / fragment(0, true) / udp(1, 2),
            3,
        ),
    ] {
        let of = value(&stack, Dimension::Fragment);
        assert_eq!(of, number(bits), "{stack:?}");
    }
}

#[test]
fn tcp_flags_are_the_byte_of_eight_flags() {
    for flags in [0, 2, 0x12, 0xff] {
        for stack in [
            eth() / ipv4() / tcp_flags(flags),
            eth() / vlan(7) / ipv6() / extension(60, 1) / tcp_flags(flags),
            eth() / ipv4_fragment(0, true) / tcp_flags(flags),
        ] {
            let of = value(&stack, Dimension::TcpFlags);
            assert_eq!(of, number(flags.into()));
        }
    }
}

#[test]
fn what_is_not_a_whole_tcp_header_has_no_flags() {
    for stack in [
        eth() / ipv4() / udp(1, 2),
        eth() / ipv4() / icmp(8, 0),
        eth() / ipv4() / upper(TCP, &[2; 19]),
        eth() / ipv6() / upper(TCP, &[2; 19]),
        eth() / ipv4_fragment(9, false) / tcp_flags(2),
        eth() / ipv6() / fragment(9, false) / tcp_flags(2),
    ] {
        assert_eq!(value(&stack, Dimension::TcpFlags), None, "{stack:?}");
    }
    // Nor does padding complete it.
    let padded = (eth() / ipv4() / upper(TCP, &[2; 19])).padded(&[2; 8]);
    assert_eq!(value(&padded, Dimension::TcpFlags), None);
}

#[test]
fn icmp_is_told_by_family_type_and_code() {
    for (stack, value_of) in [
        (eth() / ipv4() / icmp(8, 0), icmp_value(false, 8, 0)),
        (eth() / ipv4() / icmp(3, 255), icmp_value(false, 3, 255)),
        (eth() / ipv6() / icmp6(128, 0), icmp_value(true, 128, 0)),
        (
            eth() / ipv6() / extension(60, 0) / icmp6(255, 255),
            icmp_value(true, 255, 255),
        ),
    ] {
        assert_eq!(value(&stack, Dimension::Icmp), number(value_of));
    }
}

#[test]
fn icmp_of_the_other_family_and_what_is_not_icmp_has_no_type() {
    for stack in [
        eth() / ipv4() / icmp6(128, 0),
        eth() / ipv6() / icmp(8, 0),
        eth() / ipv4() / udp(0x0800, 0),
        eth() / ipv4() / upper(ICMP, &[8, 0, 0]),
        eth() / ipv6() / upper(ICMPV6, &[128; 7]),
        eth() / ipv4_fragment(9, false) / icmp(8, 0),
    ] {
        assert_eq!(value(&stack, Dimension::Icmp), None, "{stack:?}");
    }
}

fn mac(bytes: [u8; 6]) -> Option<u64> {
    let [a, b, c, d, e, f] = bytes;
    Some(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))
}

#[test]
fn ethernet_addresses_and_interface_are_those_of_the_frame() {
    for stack in [
        eth() / ipv4() / tcp(1, 2),
        eth() / vlan(7) / ipv6() / tcp(1, 2),
    ] {
        assert_eq!(value(&stack, Dimension::SourceMac), mac(SOURCE_MAC));
        let destination = value(&stack, Dimension::DestinationMac);
        assert_eq!(destination, mac(DESTINATION_MAC));
        let interface = value(&stack, Dimension::Interface);
        assert_eq!(interface, number(super::INTERFACE));
    }
}

/// Everything that is read behind the network header's addresses.
const INNER: [Dimension; 8] = [
    Dimension::Protocol,
    Dimension::SourcePort,
    Dimension::Icmp,
    Dimension::TcpFlags,
    Dimension::Fragment,
    Dimension::Length,
    Dimension::Ttl,
    Dimension::Dscp,
];

/// Which of link, VLAN and family are known of a malformed frame; nothing inside is.
#[track_caller]
fn assert_known(frame: &[u8], vlan: Option<u16>, family: Option<u64>) {
    let of = |dimension| value_of_bytes(frame, dimension);
    assert_eq!(of(Dimension::Interface), number(super::INTERFACE));
    assert_eq!(of(Dimension::SourceMac), mac(SOURCE_MAC));
    assert_eq!(of(Dimension::DestinationMac), mac(DESTINATION_MAC));
    assert_eq!(of(Dimension::Vlan), vlan.map(u64::from));
    assert_eq!(of(Dimension::Family), family);
    for dimension in INNER {
        assert_eq!(of(dimension), None, "{dimension:?}");
    }
}

#[test]
fn a_malformed_packet_keeps_its_link_its_vlan_and_its_family() {
    let total = Some(1000);
    let payload = Some(1000);
    let lying_v4 = eth() / vlan(7) / Ipv4 { total, ..ipv4() } / tcp(1, 2);
    assert_known(&lying_v4.bytes(), Some(7), Some(4));
    let lying_v6 = eth() / Ipv6 { payload, ..ipv6() } / icmp6(128, 0);
    assert_known(&lying_v6.bytes(), Some(VLAN_NONE), Some(6));
    let words = eth() / vlan(7) / Ipv4 { words: 4, ..ipv4() } / tcp(1, 2);
    assert_known(&words.bytes(), Some(7), Some(4));
}

#[test]
fn a_tiny_fragment_that_is_judged_has_all_fields() {
    let tiny = eth() / vlan(7) / ipv4_fragment(0, true) / with_ports(6, 40_000, 443, 16);
    let value = |dimension| value_of_bytes(&tiny.bytes(), dimension);
    assert_eq!(value(Dimension::Vlan), Some(7));
    assert_eq!(value(Dimension::Protocol), Some(6));
    assert_eq!(value(Dimension::SourcePort), Some(40_000));
    assert_eq!(value(Dimension::DestinationPort), Some(443));
    assert_eq!(value(Dimension::TcpFlags), Some(0));
    assert_eq!(value(Dimension::Length), Some(36));
    assert_eq!(value(Dimension::Ttl), Some(64));
    assert_eq!(value(Dimension::Dscp), Some(0));
    assert_eq!(value(Dimension::Fragment), Some(u64::from(FRAGMENT | MORE)));
}

#[test]
fn a_network_header_that_cannot_be_read_leaves_link_and_vlan() {
    let version = Ipv4 {
        version: 5,
        ..ipv4()
    };
    let tagged = |layer: Layer| (eth() / vlan(7) / layer).bytes();
    assert_known(&tagged(version.into()), Some(7), None);
    let cut = tagged(ipv4().into());
    assert_known(&cut[..18 + 19], Some(7), None);
}

#[test]
fn a_flaw_in_the_tags_leaves_the_link_alone() {
    let cut = (eth() / vlan(7) / other(0x0800, &[])).bytes();
    assert_known(&cut[..17], None, None);
    let bare = (eth() / ipv4()).bytes();
    assert_known(&bare[..13], None, None);
}

#[test]
fn a_frame_that_ends_inside_its_addresses_has_none() {
    let frame = (eth() / ipv4()).bytes();
    for dimension in [Dimension::SourceMac, Dimension::DestinationMac] {
        assert_eq!(value_of_bytes(&frame[..11], dimension), None);
        assert!(value_of_bytes(&frame[..12], dimension).is_some());
    }
}
