//! What criteria mean, and which rule decides.

use super::*;
use crate::packet::*;
use crate::ruleset::{Criteria, drop, pass, sets};

#[test]
fn the_first_match_in_file_order_decides() {
    let broad = || drop("broad").source("192.0.2.0/24");
    let narrow = || pass("narrow").source("192.0.2.1/32");
    let packet = || eth() / v4() / tcp(1, 2);
    let found = judge(&config([narrow(), broad()]), &packet().bytes());
    assert_eq!(found, judgement(Action::Pass, Reason::Rule, Some("narrow")));
    let found = judge(&config([broad(), narrow()]), &packet().bytes());
    assert_eq!(found, judgement(Action::Drop, Reason::Rule, Some("broad")));
}

#[test]
fn without_a_match_the_default_decides() {
    let found = judge(&drops_by_default(), &(eth() / v4() / tcp(1, 2)).bytes());
    assert_eq!(found, judgement(Action::Drop, Reason::Default, None));
    let found = judge(&config([]), &(eth() / v6() / tcp(1, 2)).bytes());
    assert_eq!(found, judgement(Action::Pass, Reason::Default, None));
}

#[test]
fn a_rule_without_criteria_matches_everything_and_a_disabled_one_nothing() {
    assert!(matches(drop("all"), eth() / v4() / protocol(255)));
    assert!(!matches(
        drop("all").disabled(),
        eth() / v4() / protocol(255)
    ));
}

#[test]
fn rules_never_see_non_ip() {
    assert!(!matches(drop("all"), eth() / payload(46)));
    let config = Config {
        non_ip: Action::Drop,
        ..config([pass("all")])
    };
    let found = judge(&config, &(eth() / payload(46)).bytes());
    assert_eq!(found, judgement(Action::Drop, Reason::NonIp, None));
}

#[test]
fn criteria_are_anded() {
    let rule = || {
        drop("r")
            .source("192.0.2.0/24")
            .protocol("6")
            .destination_port("443")
    };
    assert!(matches(rule(), eth() / v4() / tcp(1, 443)));
    assert!(!matches(rule(), eth() / v4() / udp(1, 443)));
    assert!(!matches(rule(), eth() / v4() / tcp(443, 1)));
    assert!(!matches(rule(), eth() / v6() / tcp(1, 443)));
}

#[test]
fn an_address_list_is_the_union_of_plain_minus_the_union_of_negated_in_any_order() {
    for list in [
        "192.0.2.0/25, 2001:db8::/32, !192.0.2.66/32",
        "!192.0.2.66/32, 2001:db8::/32, 192.0.2.0/25, 192.0.2.66/32",
    ] {
        let from = |source: &str| eth() / ipv4(source, "198.51.100.2") / tcp(1, 2);
        assert!(matches(drop("r").source(list), from("192.0.2.65")));
        assert!(!matches(drop("r").source(list), from("192.0.2.66")));
        assert!(matches(drop("r").source(list), from("192.0.2.127")));
        assert!(!matches(drop("r").source(list), from("192.0.2.128")));
        assert!(matches(drop("r").source(list), eth() / v6() / tcp(1, 2)));
    }
}

#[test]
fn a_list_of_negated_entries_only_begins_with_both_families() {
    let rule = || drop("r").source("!192.0.2.0/24");
    assert!(!matches(rule(), eth() / v4() / tcp(1, 2)));
    assert!(matches(
        rule(),
        eth() / ipv4("203.0.113.1", "192.0.2.1") / tcp(1, 2)
    ));
    assert!(matches(rule(), eth() / v6() / tcp(1, 2)));
}

#[test]
fn a_prefix_of_no_bits_is_its_whole_family() {
    assert!(matches(
        drop("r").source("0.0.0.0/0"),
        eth() / v4() / tcp(1, 2)
    ));
    assert!(!matches(
        drop("r").source("0.0.0.0/0"),
        eth() / v6() / tcp(1, 2)
    ));
    assert!(matches(
        drop("r").destination("::/0"),
        eth() / v6() / tcp(1, 2)
    ));
    assert!(!matches(
        drop("r").destination("::/0"),
        eth() / v4() / tcp(1, 2)
    ));
}

#[test]
fn source_and_destination_are_not_confused() {
    let packet = || eth() / v4() / tcp(1, 2);
    assert!(!matches(drop("r").source("198.51.100.2/32"), packet()));
    assert!(matches(drop("r").destination("198.51.100.2/32"), packet()));
    assert!(matches(drop("r").source_port("1"), packet()));
    assert!(!matches(drop("r").source_port("2"), packet()));
}

#[test]
fn sets_may_be_named_plainly_or_negated() {
    let with = |rule| Config {
        sets: sets([
            ("lan", "192.0.2.0/24, 2001:db8::/48"),
            ("one", "192.0.2.1/32"),
        ]),
        ..config([rule])
    };
    let packet = || eth() / v4() / tcp(1, 2);
    assert!(decided_by(&with(drop("r").source("@lan")), packet()).is_some());
    assert!(decided_by(&with(drop("r").source("@lan, !@one")), packet()).is_none());
    assert!(decided_by(&with(drop("r").source("!@lan")), packet()).is_none());
    let other = eth() / ipv4("192.0.2.2", "198.51.100.2") / tcp(1, 2);
    assert!(decided_by(&with(drop("r").source("@lan, !@one")), other).is_some());
}

#[test]
fn range_ends_are_inclusive_and_ports_0_and_65535_work() {
    let to = |port| eth() / v4() / udp(1, port);
    for (port, expected) in [(7999, false), (8000, true), (8099, true), (8100, false)] {
        assert_eq!(
            matches(drop("r").destination_port("8000-8099"), to(port)),
            expected
        );
    }
    assert!(matches(drop("r").destination_port("0"), to(0)));
    assert!(matches(drop("r").destination_port("65535"), to(65535)));
    assert!(matches(drop("r").destination_port("0-65535"), to(0)));
    assert!(!matches(
        drop("r").destination_port("!0, !65535"),
        to(65535)
    ));
    assert!(matches(drop("r").destination_port("!0, !65535"), to(1)));
}

#[test]
fn five_protocols_have_ports_and_no_other() {
    let rule = || drop("r").destination_port("443");
    let with_ports: [Packet; 5] = [
        tcp(1, 443).into(),
        udp(1, 443).into(),
        udplite(1, 443).into(),
        sctp(1, 443).into(),
        dccp(1, 443).into(),
    ];
    for transport in with_ports {
        assert!(matches(rule(), eth() / v4() / transport.clone()));
        assert!(matches(rule(), eth() / v6() / hop_by_hop() / transport));
    }
    let lookalike = protocol(253) / tcp(1, 443);
    assert!(!matches(rule(), eth() / v4() / lookalike.clone()));
    assert!(!matches(
        drop("r").destination_port("!80"),
        eth() / v4() / lookalike
    ));
}

#[test]
fn a_short_transport_header_has_a_protocol_but_no_ports() {
    for short in [tcp(1, 443).cut(19), tcp(1, 443).cut(4)] {
        let packet = || eth() / v4() / short.clone() / pad_to(60).filled_with(1);
        assert!(!matches(drop("r").destination_port("443"), packet()));
        assert!(!matches(drop("r").destination_port("!80"), packet()));
        assert!(matches(drop("r").protocol("6"), packet()));
        assert!(matches(drop("r").source("192.0.2.1/32"), packet()));
    }
}

#[test]
fn transport_ends_where_the_ip_length_says() {
    let packet = eth() / v4().total_length(27) / udp(1, 443) / payload(20);
    assert!(!matches(drop("r").destination_port("443"), packet));
    let packet = eth() / v6().payload_length(7) / udp(1, 443) / payload(20);
    assert!(!matches(drop("r").destination_port("443"), packet));
}

#[test]
fn every_protocol_number_can_be_named() {
    for number in [0, 4, 41, 47, 50, 51, 59, 132, 254, 255] {
        let rule = || drop("r").protocol(&number.to_string());
        assert!(matches(
            rule(),
            eth() / v4() / protocol(number) / payload(24)
        ));
    }
    assert!(!matches(drop("r").protocol("!6"), eth() / v4() / tcp(1, 2)));
    assert!(matches(drop("r").protocol("!6"), eth() / v4() / udp(1, 2)));
}

#[test]
fn ah_is_a_protocol_on_ipv4_and_a_header_on_ipv6() {
    let ah_rule = || drop("r").protocol("51");
    let tcp_rule = || drop("r").protocol("6").destination_port("443");
    let v4_packet = || eth() / v4() / ah() / tcp(1, 443);
    let v6_packet = || eth() / v6() / ah() / tcp(1, 443);
    assert!(matches(ah_rule(), v4_packet()) && !matches(tcp_rule(), v4_packet()));
    assert!(!matches(ah_rule(), v6_packet()) && matches(tcp_rule(), v6_packet()));
}

#[test]
fn hop_by_hop_anywhere_but_first_is_the_protocol() {
    let packet = eth() / v6() / destination_options() / hop_by_hop() / tcp(1, 443);
    assert!(matches(drop("r").protocol("0"), packet.clone()));
    assert!(!matches(drop("r").destination_port("443"), packet));
}

#[test]
fn options_move_the_ports_and_nothing_else() {
    let rule = || drop("r").destination_port("443");
    for words in 5..=15 {
        assert!(matches(
            rule(),
            eth() / v4().header_words(words) / tcp(1, 443)
        ));
    }
    for size in [8, 256, 2048] {
        assert!(matches(
            rule(),
            eth() / v6() / routing().size(size) / tcp(1, 443)
        ));
    }
}

#[test]
fn a_malformed_packet_is_dropped_by_its_reason() {
    let config = config([pass("all")]);
    let found = judge(&config, &(eth() / v4().ihl(3)).bytes());
    assert_eq!(found, judgement(Action::Drop, Reason::IpHeaderLength, None));
}

#[test]
fn a_malformed_packet_that_may_pass_is_judged_by_its_addresses() {
    let with = |rule| Config {
        malformed: Action::Pass,
        ..config([rule])
    };
    let broken: [Packet; 3] = [
        v4().ihl(3) / tcp(1, 443),
        v4().ihl(15).into(),
        v4().total_length(5000) / tcp(1, 443),
    ];
    for packet in broken {
        let by = |rule| decided_by(&with(rule), eth() / packet.clone()).is_some();
        assert!(by(drop("r").source("192.0.2.1/32")), "{packet:?}");
        assert!(by(drop("r").source("!203.0.113.0/24")), "{packet:?}");
        assert!(!by(drop("r").source("203.0.113.0/24")), "{packet:?}");
        assert!(!by(drop("r").protocol("0-255")), "{packet:?}");
        assert!(!by(drop("r").protocol("!6")), "{packet:?}");
        assert!(!by(drop("r").destination_port("0-65535")), "{packet:?}");
    }
    let packet = v6().payload_length(5000) / tcp(1, 443);
    let by = |rule| decided_by(&with(rule), eth() / packet.clone()).is_some();
    assert!(by(drop("r").destination("2001:db8:1::/48")));
    assert!(!by(drop("r").protocol("!6")));
}

#[test]
fn what_linux_delivers_past_the_rules_is_dropped_under_any_policy() {
    let config = Config {
        malformed: Action::Pass,
        ..config([pass("everything")])
    };
    let nine = (0..9).fold(v6().into(), |packet: Packet, _| {
        packet / destination_options()
    });
    let delivered: [(Packet, Reason); 7] = [
        (
            v4().fragment(0, true) / tcp(1, 443).cut(15),
            Reason::TinyFragment,
        ),
        (
            v4().fragment(1, false).protocol(6) / payload(20),
            Reason::TinyFragment,
        ),
        (
            v6() / destination_options().declared(9) / tcp(1, 443),
            Reason::ExtensionHeaders,
        ),
        (nine / tcp(1, 443), Reason::ExtensionHeaders),
        (
            ipv4("127.0.0.1", "192.0.2.2") / tcp(1, 443),
            Reason::Martian,
        ),
        (
            ipv6("::ffff:192.0.2.1", "2001:db8::2") / tcp(1, 443),
            Reason::Martian,
        ),
        (
            ipv6("2001:db8::1", "::192.0.2.2") / tcp(1, 443),
            Reason::Martian,
        ),
    ];
    for (packet, reason) in delivered {
        let found = judge(&config, &(eth() / packet).bytes());
        assert_eq!(found, judgement(Action::Drop, reason, None));
    }
}

#[test]
fn a_tiny_fragment_that_shows_ports_and_flags_is_judged_if_malformed_passes() {
    let tiny = eth() / v4().fragment(0, true) / tcp(1, 443).syn().cut(16);
    for (malformed, rule, expected) in [
        (
            Action::Drop,
            drop("r"),
            (Action::Drop, Reason::TinyFragment, None),
        ),
        (
            Action::Pass,
            drop("r")
                .destination_port("443")
                .tcp_flags("syn")
                .ttl("0-255"),
            (Action::Drop, Reason::Rule, Some("r")),
        ),
        (
            Action::Pass,
            drop("r").destination_port("444"),
            (Action::Pass, Reason::TinyFragment, None),
        ),
    ] {
        let config = Config {
            malformed,
            ..config([rule])
        };
        let found = judge(&config, &tiny.bytes());
        assert_eq!(found, judgement(expected.0, expected.1, expected.2));
    }
}

#[test]
fn no_address_criterion_matches_where_addresses_are_unknown() {
    let with = |rule| Config {
        malformed: Action::Pass,
        ..config([rule])
    };
    let unreadable: [Packet; 4] = [
        eth() / truncate(13),
        eth() / vlan(7) / truncate(16),
        eth() / v4() / truncate(33),
        eth() / v6().version(4) / tcp(1, 2),
    ];
    for packet in unreadable {
        let by = |rule| decided_by(&with(rule), packet.clone()).is_some();
        assert!(!by(drop("r").source("0.0.0.0/0, ::/0")), "{packet:?}");
        assert!(!by(drop("r").source("!203.0.113.0/24")), "{packet:?}");
        assert!(by(drop("r")), "{packet:?}");
    }
}

#[test]
fn a_malformed_packet_that_no_rule_matches_meets_the_default_under_its_own_reason() {
    for default_action in [Action::Pass, Action::Drop] {
        let config = Config {
            malformed: Action::Pass,
            default_action,
            ..config([drop("web").destination_port("443")])
        };
        let frame = (eth() / v4().ihl(3) / tcp(1, 443)).bytes();
        let expected = judgement(default_action, Reason::IpHeaderLength, None);
        assert_eq!(judge(&config, &frame), expected);
    }
}
