//! Addresses that cannot be on a wire.

use super::stack::{
    Ipv4, Ipv6, Layer, Stack, eth, extension, fragment, ipv4, ipv6, service_vlan, udp, vlan,
};
use super::{parse, parse_bytes, v6};
use crate::Reason;

fn v4_packet(source: &str, destination: &str) -> Ipv4 {
    Ipv4 {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
        ..ipv4()
    }
}

fn v6_packet(source: &str, destination: &str) -> Ipv6 {
    Ipv6 {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
        ..ipv6()
    }
}

fn is_martian(ip: impl Into<Layer>) -> bool {
    let flaw = parse(&(eth() / ip.into() / udp(1, 2))).malformed;
    assert!(matches!(flaw, None | Some(Reason::Martian)), "{flaw:?}");
    flaw.is_some()
}

#[test]
fn loopback_and_a_broadcast_of_zeros_are_martian() {
    for (source, destination) in [
        ("127.0.0.1", "198.51.100.2"),
        ("127.255.255.255", "255.255.255.255"),
        ("192.0.2.1", "127.0.0.1"),
        ("192.0.2.1", "127.1.2.3"),
        ("0.0.0.0", "0.0.0.0"),
    ] {
        assert!(
            is_martian(v4_packet(source, destination)),
            "{source} > {destination}"
        );
    }
}

#[test]
fn sources_of_dhcp_and_of_class_e_are_no_martians() {
    for (source, destination) in [
        ("0.0.0.0", "255.255.255.255"),
        ("0.1.2.3", "198.51.100.2"),
        ("240.0.0.1", "198.51.100.2"),
        ("126.255.255.255", "128.0.0.0"),
        ("192.0.2.127", "198.127.100.127"),
        ("192.0.2.1", "224.0.0.1"),
    ] {
        assert!(
            !is_martian(v4_packet(source, destination)),
            "{source} > {destination}"
        );
    }
}

/// Addresses in which an IPv4 address hides, and those that are beside them.
const HOLDS_V4: [&str; 6] = [
    "::ffff:198.51.100.9",
    "::ffff:0.0.0.0",
    "::ffff:255.255.255.255",
    "::198.51.100.9",
    "::127.0.0.1",
    "::1",
];

#[test]
fn ipv4_mapped_and_compatible_addresses_are_martian_on_either_side() {
    for address in HOLDS_V4 {
        assert!(
            is_martian(v6_packet(address, "2001:db8:1::2")),
            "from {address}"
        );
        assert!(
            is_martian(v6_packet("2001:db8::1", address)),
            "to {address}"
        );
    }
    assert!(is_martian(v6_packet("2001:db8::1", "::")));
}

#[test]
fn translated_addresses_and_the_source_of_dad_are_no_martians() {
    for address in [
        "64:ff9b::198.51.100.9",
        "::ffff:0:198.51.100.9",
        "::fffe:198.51.100.9",
        "::1:0:0",
        "::1:0:0:0",
        "0:0:0:1::",
        "2002:c633:6409::1",
        "fe80::1",
    ] {
        assert!(
            !is_martian(v6_packet(address, "2001:db8:1::2")),
            "from {address}"
        );
        assert!(
            !is_martian(v6_packet("2001:db8::1", address)),
            "to {address}"
        );
    }
    assert!(!is_martian(v6_packet("::", "ff02::16")));
}

#[test]
fn tags_fragments_and_extension_headers_hide_no_martian() {
    let mapped = || v6_packet("::ffff:198.51.100.9", "2001:db8:1::2");
    let loopback = |flags_and_offset| Ipv4 {
        flags_and_offset,
        ..v4_packet("127.0.0.1", "198.51.100.2")
    };
    let tagged = || eth() / service_vlan(5) / vlan(7);
    let options = Ipv4 {
        words: 15,
        ..loopback(0)
    };
    let stacks: [Stack; 7] = [
        tagged() / mapped() / udp(1, 2),
        eth() / mapped() / extension(0, 0) / extension(60, 3) / udp(1, 2),
        eth() / mapped() / fragment(0, true) / udp(1, 2),
        eth() / mapped() / fragment(9, false) / udp(1, 2),
        tagged() / loopback(0x2000) / udp(1, 2),
        eth() / loopback(9) / udp(1, 2),
        eth() / options / udp(1, 2),
    ];
    for stack in stacks {
        assert_eq!(parse(&stack).malformed, Some(Reason::Martian), "{stack:?}");
    }
}

#[test]
fn a_martian_is_one_before_any_other_flaw() {
    let payload = Some(1000);
    let lying = Ipv6 {
        payload,
        ..v6_packet("::ffff:198.51.100.9", "2001:db8:1::2")
    };
    let packet = parse_bytes(&(eth() / lying / udp(1, 2)).bytes());
    assert_eq!(packet.malformed, Some(Reason::Martian));
    assert_eq!(
        packet.source,
        v6("::ffff:198.51.100.9"),
        "the addresses are shown"
    );
}
