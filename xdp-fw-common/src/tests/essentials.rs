//! The packets that pass before the rules, each next to what is almost one.

use super::decide_bytes;
use super::stack::{
    Layer, Stack, eth, extension, fragment, icmp, icmp6, ipv4, ipv4_fragment, ipv6, ipv6_from,
    other, tcp, udp, vlan,
};
use super::tables::default_drop;
use crate::packet::ETHERTYPE_ARP;
use crate::packet::protocol::{DESTINATION_OPTIONS, HOP_BY_HOP};
use crate::{Reason, Verdict};

const LINK_LOCAL: &str = "fe80::1";

/// Whether a host that drops by default lets it through, as an essential.
fn is_essential(stack: &Stack) -> bool {
    let decision = decide_bytes(&stack.bytes(), &default_drop());
    let essential = decision.reason == Reason::Essential;
    assert_eq!(decision.verdict == Verdict::Pass, essential);
    essential
}

#[track_caller]
fn assert_essential(stack: &Stack) {
    assert!(is_essential(stack), "{stack:?}");
}

#[track_caller]
fn assert_ordinary(stack: &Stack) {
    assert!(!is_essential(stack), "{stack:?}");
}

fn router_alert() -> Layer {
    extension(HOP_BY_HOP, 0)
}

#[test]
fn arp_is_essential_with_tags_too() {
    let arp = other(ETHERTYPE_ARP, &[0; 28]);
    assert_essential(&(eth() / arp.clone()));
    assert_essential(&(eth() / vlan(7) / arp));
}

#[test]
fn neighbour_discovery_is_essential_from_the_link_alone() {
    for kind in 133..=137 {
        for source in [LINK_LOCAL, "::", "2001:db8::1"] {
            assert_essential(&(eth() / ipv6_from(source, 255) / icmp6(kind, 0)));
            assert_ordinary(&(eth() / ipv6_from(source, 254) / icmp6(kind, 0)));
            assert_ordinary(&(eth() / ipv6_from(source, 1) / icmp6(kind, 0)));
        }
    }
    for kind in [128, 129, 132, 138] {
        assert_ordinary(&(eth() / ipv6_from(LINK_LOCAL, 255) / icmp6(kind, 0)));
    }
}

#[test]
fn neighbour_discovery_has_no_extension_headers_and_no_fragments() {
    let link = || eth() / ipv6_from(LINK_LOCAL, 255);
    for extension in [
        router_alert(),
        extension(DESTINATION_OPTIONS, 0),
        fragment(0, false),
        fragment(0, true),
        fragment(4, false),
    ] {
        assert_ordinary(&(link() / extension / icmp6(135, 0)));
    }
}

#[test]
fn multicast_listener_discovery_is_essential_from_the_link_alone() {
    for kind in [130, 131, 132, 143] {
        for source in [LINK_LOCAL, "febf:ffff::1", "::"] {
            assert_essential(&(eth() / ipv6_from(source, 1) / router_alert() / icmp6(kind, 0)));
            assert_essential(&(eth() / ipv6_from(source, 1) / icmp6(kind, 0)));
            assert_ordinary(&(eth() / ipv6_from(source, 2) / router_alert() / icmp6(kind, 0)));
        }
        for source in ["2001:db8::1", "fec0::1", "fe7f::1", "::1"] {
            assert_ordinary(&(eth() / ipv6_from(source, 1) / router_alert() / icmp6(kind, 0)));
        }
        let fragment = eth() / ipv6_from(LINK_LOCAL, 1) / fragment(0, false);
        assert_ordinary(&(fragment / icmp6(kind, 0)));
    }
}

#[test]
fn path_mtu_is_essential_from_anywhere() {
    assert_essential(&(eth() / ipv4() / icmp(3, 4)));
    assert_essential(&(eth() / ipv6() / icmp6(2, 0)));
    assert_essential(&(eth() / ipv6() / extension(DESTINATION_OPTIONS, 0) / icmp6(2, 0)));
    for code in (0..=15).filter(|&code| code != 4) {
        assert_ordinary(&(eth() / ipv4() / icmp(3, code)));
    }
    for kind in [0, 4, 5, 8, 11] {
        assert_ordinary(&(eth() / ipv4() / icmp(kind, 4)));
    }
    for kind in [1, 3, 4, 128] {
        assert_ordinary(&(eth() / ipv6() / icmp6(kind, 0)));
    }
}

#[test]
fn icmp_of_the_other_family_is_not_essential() {
    assert_ordinary(&(eth() / ipv6_from(LINK_LOCAL, 255) / icmp(3, 4)));
    assert_ordinary(&(eth() / ipv4() / icmp6(2, 0)));
}

#[test]
fn a_lease_is_essential_and_a_request_for_one_is_not() {
    assert_essential(&(eth() / ipv4() / udp(67, 68)));
    assert_ordinary(&(eth() / ipv4() / udp(68, 67)));
    assert_ordinary(&(eth() / ipv4() / udp(67, 67)));
    assert_ordinary(&(eth() / ipv4() / tcp(67, 68)));
    assert_ordinary(&(eth() / ipv4_fragment(0, true) / udp(67, 68)));
    assert_ordinary(&(eth() / ipv4_fragment(1, false) / udp(67, 68)));

    assert_essential(&(eth() / ipv6_from(LINK_LOCAL, 64) / udp(547, 546)));
    assert_ordinary(&(eth() / ipv6_from("2001:db8::1", 64) / udp(547, 546)));
    assert_ordinary(&(eth() / ipv6_from(LINK_LOCAL, 64) / udp(546, 547)));
    assert_ordinary(&(eth() / ipv6_from(LINK_LOCAL, 64) / udp(67, 68)));
    assert_ordinary(&(eth() / ipv4() / udp(547, 546)));
    for fragment in [fragment(0, true), fragment(0, false)] {
        assert_ordinary(&(eth() / ipv6_from(LINK_LOCAL, 64) / fragment / udp(547, 546)));
    }
}
