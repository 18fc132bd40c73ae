//! What other XDP firewalls get wrong: every rule kind over every encapsulation, in the kernel.
//!
//! A packet that a rule denies is dropped in whatever encapsulation; what a rule cannot know of a
//! packet it does not take from bytes that only look like it.

mod encapsulated;

use xdp_fw::config::{Action, Config, Rule};
use xdp_fw_tests::compiled::Said;
use xdp_fw_tests::packet::*;
use xdp_fw_tests::ruleset::{Criteria as _, config, drop, pass, sets};
use xdp_fw_tests::shapes::EveryShape;

use self::encapsulated::{Encapsulated, Facts, LINKS, all};

/// The packets' sender in each family.
const FROM: [&str; 2] = ["192.0.2.1", "2001:db8::1"];

/// A deny rule, and over which of the packets it holds.
type Kind = (&'static str, fn(Rule) -> Rule, fn(&Facts) -> bool);

/// Each criterion in the forms that differ for the data plane.
const KINDS: [Kind; 33] = [
    ("no criterion", |rule| rule, |_| true),
    (
        "source prefix",
        |rule| rule.source("192.0.2.0/24, 2001:db8::/32"),
        |_| true,
    ),
    (
        "source addresses",
        |rule| rule.source("192.0.2.1/32, 2001:db8::1/128"),
        |_| true,
    ),
    ("source set", |rule| rule.source("@lan"), |_| true),
    (
        "source less a set",
        |rule| rule.source("@lan, !@other"),
        |_| true,
    ),
    (
        "source negated",
        |rule| rule.source("!203.0.113.0/24"),
        |_| true,
    ),
    (
        "source of no bits",
        |rule| rule.source("0.0.0.0/0"),
        |facts| facts.family == 4,
    ),
    (
        "other source",
        |rule| rule.source("192.0.2.2/32, 2001:db8::2/128"),
        |_| false,
    ),
    (
        "destination prefix",
        |rule| rule.destination("198.51.100.0/24, 2001:db8:1::/48"),
        |_| true,
    ),
    (
        "destination negated",
        |rule| rule.destination("!192.0.2.0/24"),
        |_| true,
    ),
    (
        "source and destination",
        |rule| rule.source("@lan").destination("198.51.100.2/32"),
        |facts| facts.family == 4,
    ),
    ("family", |rule| rule.family("6"), |facts| facts.family == 6),
    (
        "interface",
        |rule| rule.interface("test*, !test1"),
        |_| true,
    ),
    (
        "other interface",
        |rule| rule.interface("!test0"),
        |_| false,
    ),
    ("VLAN", |rule| rule.vlan("7"), |facts| facts.vlan == Some(7)),
    (
        "VLAN range",
        |rule| rule.vlan("1-4094"),
        |facts| facts.vlan.is_some(),
    ),
    (
        "no VLAN",
        |rule| rule.vlan("none"),
        |facts| facts.vlan.is_none(),
    ),
    (
        "source MAC",
        |rule| rule.source_mac("02:00:00:00:00:01"),
        |_| true,
    ),
    (
        "destination MAC",
        |rule| rule.destination_mac("!02:00:00:00:00:01"),
        |_| true,
    ),
    (
        "protocol",
        |rule| rule.protocol("6, 255"),
        |facts| matches!(facts.protocol, 6 | 255),
    ),
    ("protocol range", |rule| rule.protocol("0-255"), |_| true),
    (
        "protocol negated",
        |rule| rule.protocol("!6"),
        |facts| facts.protocol != 6,
    ),
    (
        "source port",
        |rule| rule.source_port("40000"),
        Facts::has_ports,
    ),
    (
        "destination port",
        |rule| rule.destination_port("443"),
        Facts::has_ports,
    ),
    (
        "destination port range",
        |rule| rule.destination_port("0-65535"),
        Facts::has_ports,
    ),
    (
        "destination port negated",
        |rule| rule.destination_port("!80"),
        Facts::has_ports,
    ),
    (
        "ICMP type",
        |rule| rule.icmp_type("echo-request"),
        Facts::is_icmp,
    ),
    ("ICMP code", |rule| rule.icmp_code("!1"), Facts::is_icmp),
    (
        "TCP flags",
        |rule| rule.tcp_flags("syn !ack"),
        |facts| facts.has_header && facts.protocol == 6,
    ),
    (
        "fragment",
        |rule| rule.fragment("any"),
        |facts| facts.is_fragment,
    ),
    (
        "no fragment",
        |rule| rule.fragment("none"),
        |facts| !facts.is_fragment,
    ),
    ("TTL", |rule| rule.ttl("64"), |_| true),
    (
        "length and DSCP",
        |rule| rule.length("20-65535").dscp("0"),
        |_| true,
    ),
];

fn with_sets(config: Config) -> Config {
    Config {
        sets: sets([
            ("lan", "192.0.2.0/25, 2001:db8::/64, 2001:db8::/32"),
            ("other", "192.0.2.64/26, 2001:db8::4/126"),
        ]),
        ..config
    }
}

/// Kernel, oracle and what was expected, over every packet.
fn check(
    kind: &str,
    config: &Config,
    packets: &[Encapsulated],
    is_dropped: impl Fn(&Facts) -> bool,
) {
    let mut kernel = EveryShape::load(config);
    for packet in packets {
        let said = kernel.judge("test0", &packet.frame);
        let context = || format!("{kind} over {}: {:02x?}", packet.name, packet.frame);
        let expected = is_dropped(&packet.facts) || packet.facts.is_tiny;
        assert_eq!(said.verdict == "drop", expected, "{}: {said:?}", context());
        let is_tiny = said.reason == "tiny_fragment";
        assert_eq!(is_tiny, packet.facts.is_tiny, "{}", context());
        let (by_oracle, _) = Said::by_oracle(config, "test0", &packet.frame);
        assert_eq!(said, by_oracle, "{}: the oracle says otherwise", context());
    }
}

#[test]
fn every_kind_of_deny_rule_holds_for_every_encapsulation() {
    let packets = all(FROM);
    assert!(packets.len() > 6000, "{}", packets.len());
    for (name, criterion, is_dropped) in KINDS {
        let config = with_sets(config([criterion(drop("r"))]));
        check(name, &config, &packets, is_dropped);
    }
}

#[test]
fn every_kind_of_pass_rule_holds_for_every_encapsulation_where_the_rest_is_dropped() {
    let packets = all(FROM);
    for (name, criterion, is_passed) in KINDS {
        let config = Config {
            default_action: Action::Drop,
            ..with_sets(config([criterion(pass("r"))]))
        };
        check(name, &config, &packets, |facts| !is_passed(facts));
    }
}

#[test]
fn narrow_and_broad_rules_follow_file_order_in_every_encapsulation() {
    let narrow = |rule: Rule| rule.source("192.0.2.1/32, 2001:db8::1/128");
    let broad = |rule: Rule| rule.source("192.0.2.0/24, 2001:db8::/32");
    let packets = all(FROM);
    let neighbours = all(["192.0.2.2", "2001:db8::2"]);
    for (first, second, inside, beside) in [
        (narrow(pass("first")), broad(drop("second")), false, true),
        (narrow(drop("first")), broad(pass("second")), true, false),
        (broad(drop("first")), narrow(pass("second")), true, true),
        (broad(pass("first")), narrow(drop("second")), false, false),
    ] {
        let config = config([first, second]);
        check("narrow and broad", &config, &packets, |_| inside);
        check("narrow and broad", &config, &neighbours, |_| beside);
    }
}

#[test]
fn essentials_survive_every_kind_of_deny_rule_behind_every_tag() {
    let discovery = (133..=137)
        .map(|kind| Packet::from(ipv6("fe80::1", "ff02::1").hop_limit(255)) / icmpv6(kind, 0));
    let listener = [130, 131, 132, 143].map(|kind| {
        ipv6("fe80::1", "ff02::1").hop_limit(1) / hop_by_hop().router_alert() / icmpv6(kind, 0)
    });
    let others: [Packet; 6] = [
        arp("192.0.2.1", "192.0.2.2").into(),
        ipv4("192.0.2.1", "198.51.100.2") / icmp(3, 4),
        ipv6("2001:db8::1", "2001:db8:1::2") / icmpv6(2, 0),
        ipv4("192.0.2.1", "198.51.100.2") / udp(67, 68) / payload_bytes(&[2; 240]),
        ipv6("2001:db8::1", "fe80::2") / udp(547, 546) / payload_bytes(&[7; 60]),
        ipv4("192.0.2.1", "224.0.0.22").ttl(1).header_words(6) / protocol(2) / payload(16),
    ];
    let essentials: Vec<Packet> = discovery.chain(listener).chain(others).collect();
    for (name, criterion, _) in KINDS {
        let config = Config {
            default_action: Action::Drop,
            non_ip: Action::Drop,
            ..with_sets(config([criterion(drop("r"))]))
        };
        let mut kernel = EveryShape::load(&config);
        for (link, _, tags) in LINKS {
            for packet in &essentials {
                let said = kernel.judge("test0", &(tags() / packet.clone()).bytes());
                let context = format!("{name}, {link}, {packet:?}");
                assert_eq!(
                    (said.verdict, said.reason),
                    ("pass", "essential"),
                    "{context}"
                );
            }
        }
    }
}

#[test]
fn ends_of_port_ranges_are_inclusive_in_every_encapsulation_that_shows_ports() {
    let ports = [0, 1, 7999, 8000, 8099, 8100, 65534, 65535];
    let rules = config([
        drop("middle").destination_port("8000-8099"),
        drop("ends").destination_port("0, 65535"),
    ]);
    let mut kernel = EveryShape::load(&rules);
    for (link, _, tags) in LINKS {
        for port in ports {
            let dropped = matches!(port, 0 | 65535 | 8000..=8099);
            let packets: [Packet; 5] = [
                ipv4("192.0.2.1", "198.51.100.2") / tcp(1, port),
                ipv4("192.0.2.1", "198.51.100.2")
                    .header_words(15)
                    .fragment(0, true)
                    / udp(1, port),
                ipv6("2001:db8::1", "2001:db8:1::2") / sctp(1, port),
                ipv6("2001:db8::1", "2001:db8:1::2")
                    / hop_by_hop()
                    / routing()
                    / ah()
                    / dccp(1, port),
                ipv6("2001:db8::1", "2001:db8:1::2") / fragment6(0, true, 1) / udplite(1, port),
            ];
            for packet in packets {
                let said = kernel.judge("test0", &(tags() / packet.clone()).bytes());
                assert_eq!(said.verdict == "drop", dropped, "{link}, {packet:?}");
            }
        }
    }
}

#[test]
fn every_protocol_number_is_dropped_by_a_deny_on_the_source_alone() {
    let rules = config([drop("r").source("192.0.2.0/24, 2001:db8::/32")]);
    let mut kernel = EveryShape::load(&rules);
    for number in 0..=255 {
        for (link, _, tags) in LINKS {
            let content = || protocol(number) / payload(64);
            let v4 = tags() / ipv4("192.0.2.1", "198.51.100.2") / content();
            let v6 = tags() / ipv6("2001:db8::1", "2001:db8:1::2") / content();
            for packet in [v4, v6] {
                let said = kernel.judge("test0", &packet.bytes());
                assert_eq!(said.verdict, "drop", "{link}, protocol {number}");
            }
        }
    }
}
