//! The packets that pass before the rules, each next to what is almost one.

use super::decide_bytes;
use super::stack::{
    Ipv4, Ipv6, Layer, Stack, eth, extension, fragment, icmp, icmp6, ipv4, ipv4_fragment, ipv6,
    ipv6_from, other, tcp, upper, vlan,
};
use super::tables::{Plain, default_drop};
use crate::packet::ETHERTYPE_ARP;
use crate::packet::protocol::{self, DESTINATION_OPTIONS, HOP_BY_HOP};
use crate::{Essential, Essentials, Reason, Verdict};

const LINK_LOCAL: &str = "fe80::1";

/// As which kind a host that drops by default lets it through. The kind is one for which the switch
/// is decisive: it passes with that kind alone, and drops without it.
fn kind_of(stack: &Stack) -> Option<Essential> {
    let with = |essentials| Plain {
        essentials,
        ..default_drop()
    };
    let decide = |essentials| decide_bytes(&stack.bytes(), &with(essentials));
    let decision = decide(Essentials::ALL);
    let kind = Essential::from_slot(decision.slot);
    assert_eq!(decision.verdict == Verdict::Pass, kind.is_some());
    assert_eq!(decision.reason == Reason::Essential, kind.is_some());
    assert_ne!(decide(Essentials::NONE).reason, Reason::Essential);
    for one in Essential::ALL {
        let alone = decide(Essentials::NONE.with(one));
        assert_eq!(alone.reason == Reason::Essential, kind == Some(one));
        let without = decide(Essentials::ALL.without(one));
        assert_eq!(
            without.reason == Reason::Essential,
            kind.is_some() && kind != Some(one)
        );
    }
    kind
}

#[track_caller]
fn assert_kind(stack: &Stack, kind: Essential) {
    assert_eq!(kind_of(stack), Some(kind), "{stack:?}");
}

#[track_caller]
fn assert_ordinary(stack: &Stack) {
    assert_eq!(kind_of(stack), None, "{stack:?}");
}

fn router_alert() -> Layer {
    extension(HOP_BY_HOP, 0)
}

#[test]
fn arp_is_essential_with_tags_too() {
    let arp = other(ETHERTYPE_ARP, &[0; 28]);
    assert_kind(&(eth() / arp.clone()), Essential::Arp);
    assert_kind(&(eth() / vlan(7) / arp), Essential::Arp);
}

#[test]
fn neighbour_discovery_is_essential_from_the_link_alone() {
    for (kind, essential) in [
        (133, Essential::RouterDiscovery),
        (134, Essential::RouterDiscovery),
        (135, Essential::NeighborDiscovery),
        (136, Essential::NeighborDiscovery),
        (137, Essential::Redirect),
    ] {
        for source in [LINK_LOCAL, "::", "2001:db8::1"] {
            assert_kind(
                &(eth() / ipv6_from(source, 255) / icmp6(kind, 0)),
                essential,
            );
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
            let alert = eth() / ipv6_from(source, 1) / router_alert() / icmp6(kind, 0);
            assert_kind(&alert, Essential::Mld);
            assert_kind(
                &(eth() / ipv6_from(source, 1) / icmp6(kind, 0)),
                Essential::Mld,
            );
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
    assert_kind(&(eth() / ipv4() / icmp(3, 4)), Essential::PathMtu);
    assert_kind(&(eth() / ipv6() / icmp6(2, 0)), Essential::PathMtu);
    assert_kind(
        &(eth() / ipv6() / extension(DESTINATION_OPTIONS, 0) / icmp6(2, 0)),
        Essential::PathMtu,
    );
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

/// UDP with a payload.
fn datagram(ports: (u16, u16), payload: &[u8]) -> Layer {
    let header = [ports.0.to_be_bytes(), ports.1.to_be_bytes()].concat();
    let length = (8 + payload.len() as u16).to_be_bytes();
    upper(
        protocol::UDP,
        &[&header[..], &length, &[0, 0], payload].concat(),
    )
}

/// A BOOTP message of this operation.
fn bootp(operation: u8) -> Layer {
    datagram((67, 68), &[&[operation][..], &[0; 299]].concat())
}

fn dhcpv6(ports: (u16, u16), message: u8) -> Layer {
    datagram(ports, &[message, 1, 2, 3])
}

fn to_link_local(source: &str) -> Ipv6 {
    Ipv6 {
        destination: "fe80::2".parse().unwrap(),
        ..ipv6_from(source, 64)
    }
}

#[test]
fn dhcp_is_a_reply_of_a_server() {
    assert_kind(&(eth() / ipv4() / bootp(2)), Essential::Dhcp);
    assert_kind(&(eth() / vlan(7) / ipv4() / bootp(2)), Essential::Dhcp);
    let options = Ipv4 {
        words: 15,
        ..ipv4()
    };
    assert_kind(&(eth() / options / bootp(2)), Essential::Dhcp);
    for operation in [0, 1, 3, 0x82, 0xff] {
        assert_ordinary(&(eth() / ipv4() / bootp(operation)));
    }
    for ports in [(68, 67), (67, 67), (68, 68), (1067, 68), (67, 69)] {
        assert_ordinary(&(eth() / ipv4() / datagram(ports, &[2; 300])));
    }
    assert_ordinary(&(eth() / ipv4() / tcp(67, 68)));
    assert_ordinary(&(eth() / ipv4_fragment(0, true) / bootp(2)));
    assert_ordinary(&(eth() / ipv4_fragment(1, false) / bootp(2)));
    assert_ordinary(&(eth() / to_link_local(LINK_LOCAL) / bootp(2)));
}

#[test]
fn dhcpv6_is_a_servers_message_from_any_address_and_port() {
    for source in [LINK_LOCAL, "2001:db8::1", "fec0::1"] {
        for port in [547, 546, 40_000] {
            for message in 0..=255 {
                let stack = eth() / to_link_local(source) / dhcpv6((port, 546), message);
                let expected = [2, 7, 10, 13]
                    .contains(&message)
                    .then_some(Essential::Dhcpv6);
                assert_eq!(kind_of(&stack), expected, "{source} {port} {message}");
            }
        }
    }
    let behind_options = eth() / to_link_local(LINK_LOCAL) / router_alert() / dhcpv6((547, 546), 7);
    assert_kind(&behind_options, Essential::Dhcpv6);
    for destination in ["2001:db8::2", "fec0::2", "ff02::1:2", "fe7f::2"] {
        let ip = Ipv6 {
            destination: destination.parse().unwrap(),
            ..to_link_local(LINK_LOCAL)
        };
        assert_ordinary(&(eth() / ip / dhcpv6((547, 546), 7)));
    }
    assert_ordinary(&(eth() / to_link_local(LINK_LOCAL) / dhcpv6((546, 547), 7)));
    assert_ordinary(&(eth() / ipv4() / dhcpv6((547, 546), 7)));
    for fragment in [fragment(0, true), fragment(0, false), fragment(4, false)] {
        assert_ordinary(&(eth() / to_link_local(LINK_LOCAL) / fragment / dhcpv6((547, 546), 7)));
    }
}

#[test]
fn a_message_of_a_server_is_in_the_packet_and_not_behind_it() {
    let one_byte = |ip: Layer, ports, first| eth() / ip / datagram(ports, &[first]);
    assert_kind(&one_byte(ipv4().into(), (67, 68), 2), Essential::Dhcp);
    let v6 = || to_link_local(LINK_LOCAL).into();
    assert_kind(&one_byte(v6(), (547, 546), 7), Essential::Dhcpv6);
    let nothing = |ip: Layer, ports| eth() / ip / datagram(ports, &[]);
    assert_ordinary(&nothing(ipv4().into(), (67, 68)));
    assert_ordinary(&nothing(ipv4().into(), (67, 68)).padded(&[2; 18]));
    assert_ordinary(&nothing(v6(), (547, 546)).padded(&[7; 18]));
}

/// IGMP of `length` bytes to `destination`.
fn igmp(ttl: u8, destination: &str, length: usize) -> Stack {
    let ip = Ipv4 {
        ttl,
        destination: destination.parse().unwrap(),
        ..ipv4()
    };
    eth() / ip / upper(protocol::IGMP, &vec![0x11; length])
}

#[test]
fn igmp_is_essential_from_the_link_to_a_group() {
    for group in ["224.0.0.1", "224.0.0.22", "239.255.255.255", "233.252.0.1"] {
        assert_kind(&igmp(1, group, 8), Essential::Igmp);
        assert_kind(&igmp(1, group, 40), Essential::Igmp);
        assert_ordinary(&igmp(2, group, 8));
        assert_ordinary(&igmp(0, group, 8));
        assert_ordinary(&igmp(255, group, 8));
        assert_ordinary(&igmp(1, group, 7));
        assert_ordinary(&igmp(1, group, 7).padded(&[0x11; 30]));
    }
    for other in [
        "198.51.100.2",
        "223.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
    ] {
        assert_ordinary(&igmp(1, other, 8));
    }
}

#[test]
fn igmp_has_its_router_alert_and_is_in_one_piece() {
    let group = |words, flags_and_offset| Ipv4 {
        words,
        flags_and_offset,
        ttl: 1,
        destination: "224.0.0.22".parse().unwrap(),
        ..ipv4()
    };
    let report = || upper(protocol::IGMP, &[0x22; 16]);
    assert_kind(&(eth() / group(6, 0) / report()), Essential::Igmp);
    assert_kind(
        &(eth() / vlan(7) / group(6, 0x4000) / report()),
        Essential::Igmp,
    );
    assert_ordinary(&(eth() / group(6, 0x2000) / report()));
    assert_ordinary(&(eth() / group(6, 1) / report()));
    let v6 = ipv6_from(LINK_LOCAL, 1);
    assert_ordinary(&(eth() / v6 / report()));
}
