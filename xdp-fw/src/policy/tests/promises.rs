//! Each promise of the configuration, one test.

use xdp_fw_common::packet::protocol::{ICMP, SCTP, TCP, UDP};
use xdp_fw_common::{Dimension, Reason, Verdict};

use super::frame::Packet;
use super::oracle::{compiled, decided, deciding};
use super::{addresses, all_but, config, numbers, rule, with_set};
use crate::config::{Action, Config, Rule};
use crate::policy::Policy;

const V4: &str = "203.0.113.9";
const V6: &str = "2001:db8:ffff::9";

/// A TCP packet from `source` to a host of the same family.
fn from(source: &str) -> Packet {
    let destination = if source.contains(':') { V6 } else { V4 };
    Packet::tcp(source, destination, 443)
}

/// Whether one rule with this source list matches a packet from `source`.
fn is_in(list: &[&str], source: &str) -> bool {
    let only = Rule {
        source: addresses(list),
        ..rule("only")
    };
    deciding(&compiled(&config(vec![only])), &from(source)).is_some()
}

fn source(name: &str, action: Action, list: &[&str]) -> Rule {
    Rule {
        action,
        source: addresses(list),
        ..rule(name)
    }
}

#[test]
fn without_rules_the_default_decides_and_no_dimension_is_in_use() {
    for (action, verdict) in [(Action::Pass, Verdict::Pass), (Action::Drop, Verdict::Drop)] {
        let config = Config {
            default_action: action,
            ..config(Vec::new())
        };
        let tables = compiled(&config);
        assert_eq!(tables.settings.row_counts, [0; Dimension::COUNT]);
        assert!(tables.rows.is_empty() && tables.numbers().next().is_none());
        let decision = decided(&tables, &from("10.0.0.1"));
        assert_eq!(
            (decision.verdict, decision.reason),
            (verdict, Reason::Default)
        );
    }
}

#[test]
fn a_rule_without_criteria_matches_everything() {
    let tables = compiled(&config(vec![rule("all")]));
    assert_eq!(tables.settings.row_counts, [0; Dimension::COUNT]);
    assert_eq!(deciding(&tables, &from("10.0.0.1")), Some("all"));
    assert_eq!(deciding(&tables, &from("2001:db8::1")), Some("all"));
}

#[test]
fn only_dimensions_with_criteria_have_rows() {
    let tables = compiled(&config(vec![Rule {
        destination_port: numbers(&[22..=22]),
        ..rule("ssh")
    }]));
    let counts = tables.settings.row_counts;
    assert_eq!(counts.iter().sum::<u32>(), 3);
    assert_eq!(counts[Dimension::DestinationPort as usize], 3);
    assert_eq!(tables.rows.len(), 3, "absent, other ports, 22");
    assert!(tables.source.v4.is_empty() && tables.number_values() == 1);
}

#[test]
fn a_disabled_rule_is_not_there() {
    let disabled = Rule {
        enabled: false,
        source: addresses(&["10.0.0.0/8"]),
        ..rule("disabled")
    };
    let tables = compiled(&config(vec![disabled, rule("next")]));
    assert_eq!(tables.settings.rules, 1);
    assert_eq!(tables.prefixes, 0);
    assert_eq!(deciding(&tables, &from("10.0.0.1")), Some("next"));
}

#[test]
fn the_first_match_in_file_order_decides_whichever_prefix_is_longer() {
    let narrow = source("narrow", Action::Pass, &["10.1.2.0/24"]);
    let broad = source("broad", Action::Drop, &["10.0.0.0/8"]);
    let tables = compiled(&config(vec![narrow.clone(), broad.clone()]));
    assert_eq!(deciding(&tables, &from("10.1.2.3")), Some("narrow"));
    assert_eq!(deciding(&tables, &from("10.1.3.3")), Some("broad"));

    let tables = compiled(&config(vec![broad, narrow]));
    assert_eq!(deciding(&tables, &from("10.1.2.3")), Some("broad"));
}

#[test]
fn negated_entries_are_subtracted_at_any_length_and_in_any_order() {
    let list = ["10.0.0.0/8", "!10.1.0.0/16", "10.1.2.0/24"];
    for list in [
        list,
        [list[1], list[2], list[0]],
        [list[2], list[0], list[1]],
    ] {
        assert!(is_in(&list, "10.2.0.1"));
        assert!(!is_in(&list, "10.1.0.1"));
        assert!(!is_in(&list, "10.1.2.1"), "taken away by the shorter entry");
        assert!(!is_in(&list, "11.0.0.1"));
    }
}

#[test]
fn a_negated_prefix_takes_its_whole_from_a_plain_one_of_the_same_length() {
    assert!(!is_in(&["10.0.0.0/8", "!10.0.0.0/8"], "10.0.0.1"));
    assert!(!is_in(&["10.1.0.0/16", "!10.0.0.0/8"], "10.1.0.1"));
}

#[test]
fn a_list_of_negated_entries_contains_every_other_address_of_both_families() {
    assert!(is_in(&["!10.0.0.0/8"], "11.0.0.1"));
    assert!(is_in(&["!10.0.0.0/8"], "2001:db8::1"));
    assert!(!is_in(&["!10.0.0.0/8"], "10.0.0.1"));
    assert!(!is_in(&["!0.0.0.0/0", "!::/0"], "10.0.0.1"));
}

#[test]
fn a_list_of_one_family_contains_no_address_of_the_other() {
    assert!(!is_in(&["0.0.0.0/0"], "2001:db8::1"));
    assert!(!is_in(&["::/0"], "10.0.0.1"));
    assert!(!is_in(&["::/0", "!2001:db8::/32"], "10.0.0.1"));
    assert!(!is_in(&["10.0.0.0/8"], "::ffff:10.0.0.1"), "mapped is IPv6");
}

#[test]
fn the_first_and_the_last_address_belong_to_a_prefix() {
    for (address, inside) in [
        ("10.1.1.255", false),
        ("10.1.2.0", true),
        ("10.1.2.255", true),
        ("10.1.3.0", false),
    ] {
        assert_eq!(is_in(&["10.1.2.0/24"], address), inside, "{address}");
    }
    assert!(is_in(
        &["0.0.0.0/32", "255.255.255.255/32"],
        "255.255.255.255"
    ));
    assert!(is_in(&["0.0.0.0/32", "255.255.255.255/32"], "0.0.0.0"));
}

#[test]
fn sets_stand_for_their_prefixes_plain_and_negated() {
    let office = ["192.0.2.0/24", "2001:db8:10::/48"];
    let but_one = source("but-one", Action::Drop, &["@office", "!192.0.2.66/32"]);
    let other = source(
        "other",
        Action::Drop,
        &["10.0.0.0/8", "192.0.0.0/16", "!@office"],
    );
    let tables = compiled(&with_set(config(vec![but_one, other]), "office", &office));
    for (address, name) in [
        ("192.0.2.65", Some("but-one")),
        ("192.0.2.66", None),
        ("2001:db8:10::1", Some("but-one")),
        ("192.0.3.1", Some("other")),
        ("10.0.0.1", Some("other")),
        ("2001:db8:11::1", None),
    ] {
        assert_eq!(deciding(&tables, &from(address)), name, "{address}");
    }
}

#[test]
fn an_empty_set_contains_nothing_and_its_negation_takes_nothing() {
    let plain = source("plain", Action::Drop, &["@empty"]);
    let negated = source("negated", Action::Drop, &["!@empty"]);
    let tables = compiled(&with_set(config(vec![plain, negated]), "empty", &[]));
    assert_eq!(deciding(&tables, &from("10.0.0.1")), Some("negated"));
    assert_eq!(deciding(&tables, &from("2001:db8::1")), Some("negated"));
}

#[test]
fn criteria_are_all_needed_and_any_entry_of_one_is_enough() {
    let tables = compiled(&config(vec![Rule {
        source: addresses(&["10.0.0.0/8", "192.0.2.0/24"]),
        destination: addresses(&["203.0.113.0/24"]),
        protocol: numbers(&[TCP..=TCP, UDP..=UDP]),
        source_port: numbers(&[1024..=65535]),
        destination_port: numbers(&[22..=22, 8000..=8099]),
        ..rule("all-of")
    }]));
    let packet = |from, to, protocol, ports| Packet::new(from, to, protocol, ports);
    for (packet, matches) in [
        (packet("10.0.0.1", V4, TCP, (1024, 22)), true),
        (packet("192.0.2.1", V4, UDP, (65535, 8099)), true),
        (packet("11.0.0.1", V4, TCP, (1024, 22)), false),
        (packet("10.0.0.1", "203.0.112.1", TCP, (1024, 22)), false),
        (packet("10.0.0.1", V4, SCTP, (1024, 22)), false),
        (packet("10.0.0.1", V4, TCP, (1023, 22)), false),
        (packet("10.0.0.1", V4, TCP, (1024, 8100)), false),
    ] {
        assert_eq!(
            decided(&tables, &packet).rule.is_some(),
            matches,
            "{packet:?}"
        );
    }
}

#[test]
fn range_ends_are_inclusive_and_both_ends_of_the_domain_work() {
    let to_port = |port| Packet::tcp("10.0.0.1", V4, port);
    let tables = compiled(&config(vec![Rule {
        destination_port: numbers(&[0..=0, 10..=20, 65535..=65535]),
        ..rule("ports")
    }]));
    for (port, matches) in [
        (0, true),
        (1, false),
        (9, false),
        (10, true),
        (20, true),
        (21, false),
        (65534, false),
        (65535, true),
    ] {
        assert_eq!(
            decided(&tables, &to_port(port)).rule.is_some(),
            matches,
            "{port}"
        );
    }
}

#[test]
fn port_criteria_never_match_a_packet_without_ports() {
    let any = Rule {
        destination_port: numbers(&[0..=65535]),
        ..rule("any-port")
    };
    let but = Rule {
        source_port: all_but(&[22..=22]),
        ..rule("but-one")
    };
    let tables = compiled(&config(vec![any, but]));
    let ping = Packet::new("10.0.0.1", V4, ICMP, (0, 0));
    assert_eq!(deciding(&tables, &ping), None);
    let cut_off = Packet {
        ports: None,
        ..from("10.0.0.1")
    };
    assert_eq!(deciding(&tables, &cut_off), None);
    assert_eq!(deciding(&tables, &from("10.0.0.1")), Some("any-port"));
}

#[test]
fn a_negated_protocol_matches_every_other_one() {
    let tables = compiled(&config(vec![Rule {
        protocol: all_but(&[TCP..=TCP]),
        ..rule("not-tcp")
    }]));
    for protocol in [0, ICMP, UDP, 47, 50, SCTP, 255] {
        let packet = Packet::new("10.0.0.1", V4, protocol, (1, 2));
        assert_eq!(deciding(&tables, &packet), Some("not-tcp"), "{protocol}");
    }
    assert_eq!(deciding(&tables, &from("10.0.0.1")), None);
}

#[test]
fn a_malformed_packet_is_judged_by_its_addresses_alone_where_it_may_pass() {
    let not_tcp = Rule {
        protocol: all_but(&[TCP..=TCP]),
        ..rule("not-tcp")
    };
    let any_port = Rule {
        destination_port: numbers(&[0..=65535]),
        ..rule("any-port")
    };
    let bad = source("bad", Action::Drop, &["10.0.0.0/8"]);
    let mut config = config(vec![not_tcp, any_port, bad]);
    let packet = |source| Packet {
        malformed: true,
        ..from(source)
    };
    let reason = |config: &Config, source| {
        let decision = decided(&compiled(config), &packet(source));
        (decision.verdict, decision.reason)
    };
    assert_eq!(
        reason(&config, "11.0.0.1"),
        (Verdict::Drop, Reason::IpLength)
    );

    config.malformed = Action::Pass;
    assert_eq!(reason(&config, "10.0.0.1"), (Verdict::Drop, Reason::Rule));
    assert_eq!(
        reason(&config, "11.0.0.1"),
        (Verdict::Pass, Reason::IpLength)
    );
    config.default_action = Action::Drop;
    assert_eq!(
        reason(&config, "11.0.0.1"),
        (Verdict::Drop, Reason::IpLength)
    );
}

#[test]
fn the_same_list_in_another_order_is_the_same_list() {
    let one = source(
        "one",
        Action::Drop,
        &["@a", "10.0.0.0/8", "192.0.2.0/24", "!10.1.0.0/16"],
    );
    let list = ["192.0.2.0/24", "!10.1.0.0/16", "10.0.0.0/8", "@a", "@a"];
    let two = Rule {
        destination: addresses(&list),
        ..rule("two")
    };
    let policy = Policy::from_config(&with_set(config(vec![one, two]), "a", &["::/0"]));
    assert_eq!(
        policy.rules[0].addresses(Dimension::Source),
        policy.rules[1].addresses(Dimension::Destination)
    );
    assert_eq!(policy.lists.len(), 1);
    assert_eq!(
        policy.groups.len(),
        3,
        "the set, the plain ones, the negated one"
    );
}

#[test]
fn prefixes_are_counted_once_per_set_and_once_per_list_that_they_are_written_in() {
    let rules = vec![
        source("one", Action::Drop, &["@a", "10.0.0.0/8"]),
        source("two", Action::Drop, &["@a", "10.0.0.0/8"]),
        source("three", Action::Drop, &["10.0.0.0/8", "11.0.0.0/8", "!@a"]),
    ];
    let config = with_set(
        config(rules),
        "a",
        &["192.0.2.0/24", "198.51.100.0/24", "::/0"],
    );
    let config = with_set(config, "unused", &["203.0.113.0/24"]);
    assert_eq!(compiled(&config).prefixes, 3 + 1 + 2);
}

#[test]
fn ports_actions_names_and_order_do_not_touch_the_address_tables() {
    let mut config = config(vec![
        source("a", Action::Drop, &["10.0.0.0/8", "!10.1.0.0/16"]),
        source("b", Action::Pass, &["10.1.0.0/16", "2001:db8::/32"]),
        source("c", Action::Drop, &["!@s"]),
        source("d", Action::Drop, &["10.1.2.0/24"]),
    ]);
    config = with_set(config, "s", &["10.1.2.0/25", "192.0.2.0/24"]);
    let before = compiled(&config);
    config.rules.reverse();
    config.rules.swap(0, 2);
    config
        .rules
        .push(source("e", Action::Drop, &["10.1.2.0/24"]));
    config.rules.insert(1, rule("f"));
    for rule in &mut config.rules {
        rule.action = Action::Pass;
        rule.name.push('x');
        rule.destination_port = numbers(&[443..=443]);
    }
    let after = compiled(&config);
    assert!(!before.source.v4.is_empty() && !before.source.v6.is_empty());
    assert_eq!(after.source, before.source);
    assert_ne!(after.rows, before.rows);
}
