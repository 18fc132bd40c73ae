//! What passes before the rules, and what only looks like it.

use super::*;
use crate::packet::*;
use crate::ruleset::drop;

/// Whether it passes as essential where everything else is dropped.
fn is_essential(packet: impl Into<Packet>) -> bool {
    let everything_else = Config {
        non_ip: Action::Drop,
        ..config([drop("everything")])
    };
    let frame = packet.into().bytes();
    let found = judge(&everything_else, &frame);
    assert_eq!(
        found.verdict == Action::Pass,
        found.reason == Reason::Essential
    );

    let without = Config {
        essentials: Essentials::NONE,
        ..everything_else
    };
    assert_eq!(judge(&without, &frame).verdict, Action::Drop);
    found.reason == Reason::Essential
}

fn link_local() -> Ipv6 {
    ipv6("fe80::1", "ff02::1")
}

#[test]
fn arp_is_essential_tagged_or_not_whatever_it_says() {
    assert!(is_essential(eth() / arp("192.0.2.1", "192.0.2.2")));
    assert!(is_essential(
        eth() / vlan(7) / arp("192.0.2.1", "192.0.2.2").reply()
    ));
    assert!(is_essential(eth().ether_type(0x0806)));
    assert!(!is_essential(eth() / payload(46)));
}

#[test]
fn arp_is_non_ip_without_essentials() {
    let config = Config {
        essentials: Essentials::NONE,
        ..config([drop("everything")])
    };
    let frame = (eth() / arp("192.0.2.1", "192.0.2.2")).bytes();
    let expected = judgement(Action::Pass, Reason::NonIp, None);
    assert_eq!(judge(&config, &frame), expected);
}

#[test]
fn neighbour_discovery_is_133_to_137_with_hop_limit_255() {
    for kind in 133..=137 {
        assert!(is_essential(eth() / v6().hop_limit(255) / icmpv6(kind, 0)));
        assert!(!is_essential(eth() / v6().hop_limit(254) / icmpv6(kind, 0)));
    }
    for kind in [128, 129, 132, 138] {
        assert!(!is_essential(eth() / v6().hop_limit(255) / icmpv6(kind, 0)));
    }
}

#[test]
fn neighbour_discovery_has_no_extension_header() {
    let nd = || v6().hop_limit(255);
    let solicitation = || icmpv6(135, 0);
    assert!(!is_essential(eth() / nd() / hop_by_hop() / solicitation()));
    assert!(!is_essential(
        eth() / nd() / destination_options() / solicitation()
    ));
    assert!(!is_essential(
        eth() / nd() / fragment6(0, false, 1) / solicitation()
    ));
    assert!(!is_essential(
        eth() / nd() / fragment6(0, true, 1) / solicitation()
    ));
}

#[test]
fn neighbour_discovery_needs_its_whole_header() {
    assert!(!is_essential(
        eth() / v6().hop_limit(255) / icmpv6(135, 0).cut(7)
    ));
    let padded = eth() / v6().hop_limit(255) / icmpv6(135, 0).cut(4) / pad_to(100);
    assert!(!is_essential(padded));
}

#[test]
fn icmpv6_counts_on_ipv6_only() {
    assert!(!is_essential(eth() / v4().ttl(255) / icmpv6(135, 0)));
    assert!(!is_essential(eth() / v4() / icmpv6(2, 0)));
    assert!(!is_essential(eth() / v6() / icmp(3, 4)));
}

#[test]
fn listener_discovery_comes_from_a_link_local_or_no_address_with_hop_limit_1() {
    for kind in [130, 131, 132, 143] {
        for source in ["fe80::1", "febf:ffff::1", "::"] {
            let ip = ipv6(source, "ff02::16").hop_limit(1);
            let with_alert = hop_by_hop().router_alert();
            assert!(is_essential(
                eth() / ip.clone() / with_alert / icmpv6(kind, 0)
            ));
            assert!(is_essential(eth() / ip.clone() / icmpv6(kind, 0)));
            assert!(!is_essential(eth() / ip.hop_limit(2) / icmpv6(kind, 0)));
        }
        for source in ["2001:db8::1", "fec0::1", "::1"] {
            let ip = ipv6(source, "ff02::16").hop_limit(1);
            assert!(!is_essential(eth() / ip / icmpv6(kind, 0)), "{source}");
        }
    }
}

#[test]
fn listener_discovery_is_not_fragmented() {
    let report = |more| eth() / link_local().hop_limit(1) / fragment6(0, more, 1) / icmpv6(143, 0);
    assert!(!is_essential(report(false)));
    assert!(!is_essential(report(true)));
}

#[test]
fn path_mtu_is_icmpv6_type_2_and_icmp_3_4() {
    assert!(is_essential(eth() / v6() / icmpv6(2, 0)));
    assert!(is_essential(
        eth() / v6() / destination_options() / icmpv6(2, 0)
    ));
    assert!(!is_essential(eth() / v6() / icmpv6(1, 0)));
    assert!(is_essential(eth() / v4() / icmp(3, 4)));
    assert!(!is_essential(eth() / v4() / icmp(3, 3)));
    assert!(!is_essential(eth() / v4() / icmp(4, 4)));
}

#[test]
fn path_mtu_may_be_a_first_fragment_but_not_a_later_or_a_short_one() {
    assert!(is_essential(eth() / v4().fragment(0, true) / icmp(3, 4)));
    assert!(is_essential(
        eth() / v6() / fragment6(0, true, 1) / icmpv6(2, 0)
    ));
    assert!(!is_essential(eth() / v4().fragment(9, true) / icmp(3, 4)));
    assert!(!is_essential(
        eth() / v6() / fragment6(9, true, 1) / icmpv6(2, 0)
    ));
    assert!(!is_essential(eth() / v4() / icmp(3, 4).cut(7)));
    assert!(!is_essential(eth() / v6() / icmpv6(2, 0).cut(7)));
}

/// A UDP datagram that begins with this byte.
fn message(source: u16, destination: u16, first: u8) -> Packet {
    udp(source, destination) / payload_bytes(&[first]) / payload(240)
}

fn to_client() -> Ipv6 {
    ipv6("2001:db8::1", "fe80::2")
}

#[test]
fn dhcp_is_a_servers_message_to_a_client() {
    assert!(is_essential(eth() / v4() / message(67, 68, 2)));
    assert!(is_essential(
        eth() / v4().dont_fragment() / message(67, 68, 2)
    ));
    for other in [0, 1, 3, 0x82] {
        assert!(!is_essential(eth() / v4() / message(67, 68, other)));
    }
    assert!(!is_essential(eth() / v4() / message(68, 67, 2)));
    assert!(!is_essential(
        eth() / v4() / udplite(67, 68) / payload_bytes(&[2])
    ));
    assert!(!is_essential(eth() / to_client() / message(67, 68, 2)));
    assert!(!is_essential(eth() / v4() / message(547, 546, 7)));
}

#[test]
fn dhcpv6_is_a_servers_message_to_a_link_local_address_from_any() {
    for message_type in 0..=20 {
        let expected = matches!(message_type, 2 | 7 | 10 | 13);
        for source in ["fe80::1", "2001:db8::1"] {
            let ip = || ipv6(source, "fe80::2");
            for port in [547, 40_000] {
                let packet = eth() / ip() / message(port, 546, message_type);
                assert_eq!(is_essential(packet), expected, "{message_type}");
            }
        }
    }
    assert!(!is_essential(eth() / v6() / message(547, 546, 7)));
    assert!(!is_essential(eth() / to_client() / message(546, 547, 7)));
}

#[test]
fn a_lease_is_not_fragmented_and_has_its_first_byte() {
    let first = v4().fragment(0, true);
    assert!(!is_essential(eth() / first / message(67, 68, 2)));
    let later = v4().fragment(9, false);
    assert!(!is_essential(eth() / later / message(67, 68, 2)));
    assert!(!is_essential(eth() / v4() / udp(67, 68)));
    assert!(!is_essential(eth() / v4() / udp(67, 68).cut(7)));
    let v6_fragment = |more| eth() / to_client() / fragment6(0, more, 1) / message(547, 546, 7);
    assert!(!is_essential(v6_fragment(false)));
    assert!(!is_essential(v6_fragment(true)));
    assert!(!is_essential(eth() / to_client() / udp(547, 546)));
}

#[test]
fn igmp_goes_to_a_group_with_ttl_1() {
    let to = |destination, ttl| ipv4("192.0.2.1", destination).ttl(ttl);
    let report = || Packet::from(protocol(2)) / payload(8);
    assert!(is_essential(eth() / to("224.0.0.22", 1) / report()));
    let alert = to("224.0.0.22", 1).header_words(6);
    assert!(is_essential(eth() / alert / report()));
    assert!(!is_essential(eth() / to("224.0.0.22", 2) / report()));
    assert!(!is_essential(eth() / to("198.51.100.1", 1) / report()));
    assert!(!is_essential(eth() / to("240.0.0.1", 1) / report()));
    let short = Packet::from(protocol(2)) / payload(7);
    assert!(!is_essential(eth() / to("224.0.0.22", 1) / short));
    let fragment = to("224.0.0.22", 1).fragment(0, true);
    assert!(!is_essential(eth() / fragment / report()));
}

#[test]
fn a_malformed_packet_is_never_essential() {
    let lying = eth() / v4().total_length(5000) / icmp(3, 4);
    assert_eq!(reason(lying.clone()), Reason::IpLength);
    let config = Config {
        malformed: Action::Pass,
        ..config([drop("everything")])
    };
    assert_eq!(decided_by(&config, lying).as_deref(), Some("everything"));
}
