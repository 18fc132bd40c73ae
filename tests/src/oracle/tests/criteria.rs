//! The criteria beyond addresses, protocol and ports, one after the other.

use super::*;
use crate::packet::*;
use crate::ruleset::{Criteria, drop};

const FROM: &str = "02:00:00:00:00:01";
const TO: &str = "02:00:00:00:00:02";

fn sound() -> Packet {
    eth() / v4() / tcp(1, 443).syn()
}

/// A flaw behind readable addresses, and one in front of them.
fn flawed() -> [Packet; 2] {
    [
        eth() / v4().ihl(3) / tcp(1, 443).syn(),
        eth() / v6() / truncate(50),
    ]
}

#[test]
fn an_interface_is_one_of_the_patterns_and_none_of_the_negated() {
    for (list, expected) in [
        ("test0", true),
        ("test1", false),
        ("test1, test0", true),
        ("test*", true),
        ("*", true),
        ("t*t?", true),
        ("test", false),
        ("test??", false),
        ("?est0", true),
        ("*0*", true),
        ("est0", false),
        ("!test1", true),
        ("!test*", false),
        ("test*, !test0", false),
        ("!test0, test*", false),
    ] {
        assert_eq!(
            matches(drop("r").interface(list), sound()),
            expected,
            "{list}"
        );
        for packet in flawed() {
            let found = matches_malformed(drop("r").interface(list), packet);
            assert_eq!(found, expected, "{list}");
        }
    }
}

#[test]
fn a_family_is_that_of_the_addresses() {
    let rule = |list| drop("r").family(list);
    assert!(matches(rule("4"), sound()) && !matches(rule("6"), sound()));
    let v6_packet = || eth() / v6() / tcp(1, 443);
    assert!(matches(rule("6"), v6_packet()) && !matches(rule("!6"), v6_packet()));
    assert!(matches(rule("4, 6"), v6_packet()));
    let [addressed, unaddressed] = flawed();
    assert!(matches_malformed(rule("4"), addressed));
    assert!(!matches_malformed(rule("!4"), unaddressed));
}

#[test]
fn a_vlan_is_the_outermost_tag_that_has_an_id() {
    let inside = || v4() / tcp(1, 443);
    let tagged: [(Packet, &str); 7] = [
        (eth().into(), "none"),
        (eth() / vlan(7), "7"),
        (eth() / qinq(5) / vlan(7), "5"),
        (eth() / vlan(0) / vlan(7), "7"),
        (eth() / vlan(7) / vlan(0), "7"),
        (eth() / vlan(0).priority(5, true), "none"),
        (eth() / vlan(4094).priority(7, true), "4094"),
    ];
    for (tags, id) in tagged {
        let packet = tags / inside();
        assert!(matches(drop("r").vlan(id), packet.clone()), "{packet:?}");
        assert!(!matches(drop("r").vlan(&format!("!{id}")), packet.clone()));
        assert!(!matches(drop("r").vlan("100-200"), packet));
    }
    assert!(matches(
        drop("r").vlan("100-200"),
        eth() / vlan(200) / inside()
    ));
}

#[test]
fn a_vlan_is_known_unless_the_tags_are_at_fault() {
    let rule = || drop("r").vlan("!9");
    for packet in flawed() {
        assert!(matches_malformed(rule(), packet));
    }
    let tagged = eth() / vlan(7) / v4() / truncate(37);
    assert!(matches_malformed(drop("r").vlan("7"), tagged));
    let faults: [Packet; 3] = [
        eth() / v4() / truncate(13),
        eth() / vlan(7) / truncate(17),
        eth() / vlan(7) / vlan(7) / vlan(7) / v4(),
    ];
    for packet in faults {
        assert!(!matches_malformed(rule(), packet.clone()), "{packet:?}");
        assert!(!matches_malformed(drop("r").vlan("7, none"), packet));
    }
}

#[test]
fn icmp_types_and_codes_are_those_of_the_family() {
    let unreachable = || eth() / v4() / icmp(3, 1);
    assert!(matches(drop("r").icmp_type("3"), unreachable()));
    assert!(matches(
        drop("r").icmp_type("destination-unreachable"),
        unreachable()
    ));
    assert!(!matches(drop("r").icmp_type("!3"), unreachable()));
    assert!(matches(
        drop("r").icmp_type("0-4").icmp_code("1"),
        unreachable()
    ));
    assert!(!matches(
        drop("r").icmp_type("3").icmp_code("!1"),
        unreachable()
    ));
    let exceeded = || eth() / v6() / icmpv6(3, 1);
    assert!(matches(drop("r").icmp_type("3"), exceeded()));
    assert!(matches(drop("r").icmp_type("time-exceeded"), exceeded()));
    assert!(!matches(
        drop("r").icmp_type("destination-unreachable"),
        exceeded()
    ));
    assert!(matches(
        drop("r").icmp_type("!destination-unreachable"),
        exceeded()
    ));
    assert!(!matches(
        drop("r").icmp_type("timestamp-request"),
        exceeded()
    ));
}

#[test]
fn icmp_of_the_other_family_has_neither_type_nor_code() {
    let strange: [Packet; 3] = [
        eth() / v4() / icmpv6(3, 1),
        eth() / v6() / icmp(3, 1),
        eth() / v4() / udp(0x0301, 0),
    ];
    for packet in strange {
        assert!(!matches(drop("r").icmp_type("0-255"), packet.clone()));
        assert!(!matches(drop("r").icmp_type("!9"), packet.clone()));
        assert!(!matches(drop("r").icmp_code("!9"), packet));
    }
}

#[test]
fn icmp_types_and_flags_need_the_whole_header_and_no_later_fragment() {
    let icmp_rule = || drop("r").icmp_type("8");
    let tcp_rule = || drop("r").tcp_flags("syn");
    let echo = || icmp(8, 0);
    let syn = || tcp(1, 443).syn();
    assert!(matches(
        icmp_rule(),
        eth() / v4().fragment(0, true) / echo()
    ));
    assert!(matches(tcp_rule(), eth() / v4().fragment(0, true) / syn()));
    assert!(matches(
        tcp_rule(),
        eth() / v6() / fragment6(0, false, 1) / syn()
    ));
    assert!(!matches(icmp_rule(), eth() / v4() / echo().cut(7)));
    assert!(!matches(
        tcp_rule(),
        eth() / v4() / syn().cut(19) / pad_to(60)
    ));
    assert!(!matches(
        icmp_rule(),
        eth() / v4().fragment(2, false) / echo()
    ));
    assert!(!matches(
        tcp_rule(),
        eth() / v4().fragment(2, false) / syn()
    ));
}

#[test]
fn flags_match_any_combination_of_set_and_clear() {
    let rule = |list| drop("r").tcp_flags(list);
    let of = |flags: u8| eth() / v6() / tcp(1, 443).flags(flags);
    for (list, flags, expected) in [
        ("syn", 0x02, true),
        ("syn", 0x12, true),
        ("syn !ack", 0x02, true),
        ("syn !ack", 0x12, false),
        ("!syn", 0x10, true),
        ("!syn", 0x02, false),
        ("syn fin, rst", 0x04, true),
        ("syn fin, rst", 0x03, true),
        ("syn fin, rst", 0x02, false),
        ("cwr ece", 0xc0, true),
        ("cwr", 0x40, false),
        ("!fin !syn !rst !psh !ack !urg !ece !cwr", 0, true),
        ("!fin !syn !rst !psh !ack !urg !ece !cwr", 0x20, false),
    ] {
        assert_eq!(
            matches(rule(list), of(flags)),
            expected,
            "{list} {flags:#x}"
        );
    }
    assert!(!matches(
        rule("!syn"),
        eth() / v4() / udp(1, 2) / payload(20)
    ));
}

#[test]
fn a_packet_is_one_of_four_kinds_of_fragment() {
    let kinds: [(Packet, &str); 9] = [
        (v4() / tcp(1, 2), "none"),
        (v4().dont_fragment().reserved_flag() / tcp(1, 2), "none"),
        (v4().fragment(0, true) / tcp(1, 2), "first"),
        (v4().fragment(5, true) / payload(8), "later"),
        (v4().fragment(8191, false) / payload(4), "later"),
        (v6() / hop_by_hop() / tcp(1, 2), "none"),
        (v6() / fragment6(0, false, 1) / tcp(1, 2), "atomic"),
        (v6() / fragment6(0, true, 1) / tcp(1, 2), "first"),
        (v6() / fragment6(5, false, 1) / payload(4), "later"),
    ];
    for (packet, kind) in kinds {
        for word in ["none", "atomic", "first", "later"] {
            let rule = drop("r").fragment(word);
            assert_eq!(
                matches(rule, eth() / packet.clone()),
                word == kind,
                "{packet:?}"
            );
            let rule = drop("r").fragment(&format!("!{word}"));
            assert_eq!(
                matches(rule, eth() / packet.clone()),
                word != kind,
                "{packet:?}"
            );
        }
        let rule = drop("r").fragment("any");
        assert_eq!(matches(rule, eth() / packet), kind != "none");
    }
}

#[test]
fn a_length_is_that_of_the_ip_packet_and_not_of_the_frame() {
    let rule = |list| drop("r").length(list);
    assert!(matches(rule("40"), sound() / pad_to(100)));
    assert!(!matches(rule("41-65535"), sound() / pad_to(100)));
    assert!(matches(rule("39-41"), sound()));
    assert!(!matches(rule("!40"), sound()));
    assert!(matches(rule("60"), eth() / v6() / tcp(1, 2)));
    assert!(matches(rule("68"), eth() / v6() / hop_by_hop() / tcp(1, 2)));
    assert!(matches(
        rule("44"),
        eth() / v4().header_words(6) / tcp(1, 2)
    ));
    assert!(matches(
        rule("65535"),
        eth() / v6() / udp(1, 2) / payload(65520)
    ));
    assert!(matches(
        rule("65535"),
        eth() / v4() / udp(1, 2) / payload(65507)
    ));
}

#[test]
fn ttl_is_the_hop_limit_too() {
    let rule = |list| drop("r").ttl(list);
    assert!(matches(rule("0"), eth() / v4().ttl(0) / tcp(1, 2)));
    assert!(matches(
        rule("254-255"),
        eth() / v6().hop_limit(255) / tcp(1, 2)
    ));
    assert!(!matches(rule("!64"), sound()));
}

#[test]
fn dscp_is_six_bits_of_either_header() {
    let rule = |list| drop("r").dscp(list);
    assert!(matches(rule("46"), eth() / v4().dscp(46) / tcp(1, 2)));
    assert!(matches(
        rule("46"),
        eth() / v6().traffic_class(46 << 2 | 3) / tcp(1, 2)
    ));
    assert!(matches(
        rule("63"),
        eth() / v6().traffic_class(255) / tcp(1, 2)
    ));
    assert!(matches(
        rule("1"),
        eth() / v6().traffic_class(4) / tcp(1, 2)
    ));
    assert!(!matches(rule("!0"), sound()));
}

#[test]
fn ethernet_addresses_are_compared_whole() {
    assert!(matches(drop("r").source_mac(FROM), sound()));
    assert!(!matches(drop("r").source_mac(TO), sound()));
    assert!(matches(drop("r").destination_mac(TO), sound()));
    assert!(matches(
        drop("r").destination_mac("02:00:00:00:00:03, 02:00:00:00:00:02"),
        sound()
    ));
    assert!(!matches(drop("r").source_mac(&format!("!{FROM}")), sound()));
    assert!(matches(drop("r").source_mac(&format!("!{TO}")), sound()));
    for packet in flawed() {
        assert!(matches_malformed(drop("r").source_mac(FROM), packet));
    }
    let nothing = eth() / truncate(11);
    assert!(!matches_malformed(
        drop("r").source_mac("!02:00:00:00:00:09"),
        nothing
    ));
}

#[test]
fn nothing_behind_a_flaw_is_known_but_the_addresses() {
    for packet in flawed() {
        for rule in [
            drop("r").protocol("!99"),
            drop("r").source_port("!99"),
            drop("r").icmp_type("!99"),
            drop("r").icmp_code("!99"),
            drop("r").tcp_flags("!urg"),
            drop("r").fragment("!later"),
            drop("r").length("0-65535"),
            drop("r").ttl("0-255"),
            drop("r").dscp("0-63"),
        ] {
            assert!(!matches_malformed(rule.clone(), packet.clone()), "{rule:?}");
        }
    }
}
