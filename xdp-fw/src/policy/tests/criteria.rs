//! Each criterion beyond addresses, protocol and ports: one test of what it means.

use xdp_fw_common::packet::protocol::{ICMP, ICMPV6, UDP};
use xdp_fw_common::tables::SHADOW_RULES_MAX;
use xdp_fw_common::{Dimension, Reason, Verdict};

use super::frame::Packet;
use super::oracle::{compiled, decided, deciding, shadowed};
use super::{all_but, config, numbers, rule};
use crate::config::{
    Action, Config, FragmentEntry, FragmentKind, FragmentList, IcmpTypeEntry, IcmpTypeList,
    InterfaceEntry, InterfaceList, MacEntry, MacList, Rule, TcpFlags,
};
use crate::policy::{CompileError, Policy, compile};

const V4: &str = "203.0.113.9";
const V6: &str = "2001:db8:ffff::9";

fn v4() -> Packet {
    Packet::tcp("10.0.0.1", V4, 443)
}

fn v6() -> Packet {
    Packet::tcp("2001:db8::1", V6, 443)
}

/// Whether a rule matches, alone.
fn is_match(only: &Rule, packet: &Packet) -> bool {
    deciding(&compiled(&config(vec![only.clone()])), packet).is_some()
}

#[track_caller]
fn assert_matches(only: &Rule, cases: &[(Packet, bool)]) {
    for (packet, expected) in cases {
        assert_eq!(is_match(only, packet), *expected, "{packet:?}");
    }
}

fn interfaces(entries: &[(bool, &str)]) -> Rule {
    let entry = |&(negated, pattern): &(bool, &str)| InterfaceEntry {
        negated,
        pattern: pattern.to_owned(),
    };
    Rule {
        interface: Some(InterfaceList(entries.iter().map(entry).collect())),
        ..rule("interfaces")
    }
}

fn by(interface: u32) -> Packet {
    Packet { interface, ..v4() }
}

#[test]
fn an_interface_is_matched_by_name_and_glob() {
    // lo 1, eth0 2, wan0 3, wan1 4.
    let wan_but_one = interfaces(&[(false, "wan*"), (true, "wan1")]);
    assert_matches(
        &wan_but_one,
        &[(by(2), false), (by(3), true), (by(4), false)],
    );
    let eth0 = interfaces(&[(false, "eth0")]);
    assert_matches(&eth0, &[(by(2), true), (by(3), false)]);
}

#[test]
fn an_interface_that_came_later_is_one_that_no_rule_names() {
    assert!(!is_match(&interfaces(&[(false, "*")]), &by(9)));
    assert!(is_match(&interfaces(&[(true, "*")]), &by(9)));
    assert!(!is_match(&interfaces(&[(true, "*")]), &by(1)));
}

#[test]
fn a_policy_says_whether_interfaces_matter_to_it() {
    let names = |rules| Policy::from_config(&config(rules)).names_interfaces();
    assert!(names(vec![rule("a"), interfaces(&[(true, "eth0")])]));
    let disabled = Rule {
        enabled: false,
        ..interfaces(&[(false, "eth0")])
    };
    assert!(!names(vec![rule("a"), disabled]));
}

#[test]
fn interfaces_that_no_rule_tells_apart_need_no_entry() {
    let tables = compiled(&config(vec![interfaces(&[(false, "wan0")])]));
    assert_eq!(tables.interfaces, [(3, 2)]);
    assert_eq!(tables.rows.len(), 3, "absent, others, wan0");
}

#[test]
fn an_ethernet_address_is_matched_as_a_whole() {
    let address = [2, 0, 0, 0, 0, 1];
    let list = |negated| Some(MacList(vec![MacEntry { negated, address }]));
    let from = Packet {
        source_mac: address,
        ..v4()
    };
    let to = Packet {
        destination_mac: address,
        ..v6()
    };
    let source = Rule {
        source_mac: list(false),
        ..rule("source")
    };
    assert_matches(&source, &[(from.clone(), true), (to.clone(), false)]);
    let destination = Rule {
        destination_mac: list(true),
        ..rule("destination")
    };
    assert_matches(&destination, &[(from, true), (to, false)]);
}

#[test]
fn a_vlan_list_tells_untagged_frames_from_tagged_ones() {
    let tagged = |id| Packet {
        vlan: Some(id),
        ..v4()
    };
    let of = |vlan| Rule {
        vlan,
        ..rule("vlan")
    };
    let cases = |none, seven, zero| [(v4(), none), (tagged(7), seven), (tagged(0), zero)];
    assert_matches(&of(numbers(&[7..=7])), &cases(false, true, false));
    assert_matches(&of(numbers(&[4096..=4096])), &cases(true, false, true));
    assert_matches(&of(all_but(&[4096..=4096])), &cases(false, true, false));
    assert_matches(&of(all_but(&[7..=7])), &cases(true, false, true));
}

#[test]
fn a_family_is_matched_whatever_is_inside() {
    let only_v6 = Rule {
        family: numbers(&[6..=6]),
        ..rule("v6")
    };
    let malformed = Packet {
        malformed: true,
        ..v6()
    };
    assert_matches(&only_v6, &[(v4(), false), (v6(), true)]);
    let lenient = Config {
        malformed: Action::Pass,
        ..config(vec![only_v6])
    };
    assert_eq!(deciding(&compiled(&lenient), &malformed), Some("v6"));
}

fn icmp_rule(v4: Option<u8>, v6: Option<u8>) -> Rule {
    let one = |kind| kind..=kind;
    let entry = IcmpTypeEntry {
        negated: false,
        v4: v4.map(one),
        v6: v6.map(one),
    };
    Rule {
        icmp_type: Some(IcmpTypeList(vec![entry])),
        ..rule("icmp")
    }
}

#[test]
fn icmp_types_belong_to_their_family() {
    let echo = icmp_rule(Some(8), Some(128));
    let message =
        |from, kind| Packet::icmp(from, if from == "10.0.0.1" { V4 } else { V6 }, kind, 0);
    let foreign = |packet: Packet, protocol| Packet { protocol, ..packet };
    assert_matches(
        &echo,
        &[
            (message("10.0.0.1", 8), true),
            (message("10.0.0.1", 128), false),
            (message("2001:db8::1", 128), true),
            (message("2001:db8::1", 8), false),
            (foreign(message("10.0.0.1", 8), ICMPV6), false),
            (foreign(message("2001:db8::1", 8), ICMP), false),
            (Packet::new("10.0.0.1", V4, UDP, (0x0800, 0)), false),
        ],
    );
}

#[test]
fn an_icmp_code_alone_implies_icmp_and_nothing_of_the_type() {
    let code_4 = Rule {
        icmp_code: numbers(&[4..=4]),
        ..rule("code")
    };
    assert_matches(
        &code_4,
        &[
            (Packet::icmp("10.0.0.1", V4, 3, 4), true),
            (Packet::icmp("2001:db8::1", V6, 77, 4), true),
            (Packet::icmp("10.0.0.1", V4, 4, 3), false),
            (v4(), false),
        ],
    );
}

#[test]
fn flag_combinations_are_alternatives() {
    let flags = |flags| Packet { flags, ..v4() };
    let syn_or_rst = Rule {
        tcp_flags: Some(vec![
            TcpFlags { set: 2, clear: 16 },
            TcpFlags { set: 4, clear: 0 },
        ]),
        ..rule("flags")
    };
    let later = Packet {
        fragment: FragmentKind::Later,
        ..flags(2)
    };
    let cases = [(flags(2), true), (flags(0x12), false), (flags(0x14), true)];
    assert_matches(&syn_or_rst, &cases);
    assert_matches(&syn_or_rst, &[(flags(0), false), (later, false)]);
    assert!(!is_match(
        &syn_or_rst,
        &Packet::new("10.0.0.1", V4, UDP, (1, 2))
    ));
}

#[test]
fn no_flag_named_is_any_tcp_header() {
    let any = Rule {
        tcp_flags: Some(vec![TcpFlags { set: 0, clear: 0 }]),
        ..rule("tcp")
    };
    let cut = Packet {
        ports: None,
        ..v4()
    };
    assert_matches(&any, &[(v4(), true), (v6(), true), (cut, false)]);
}

#[test]
fn fragments_are_told_by_kind() {
    use FragmentKind::{Atomic, First, Later, None};
    let of = |negated, kinds: &[FragmentKind]| Rule {
        fragment: Some(FragmentList(vec![FragmentEntry {
            negated,
            kinds: kinds.to_vec(),
        }])),
        ..rule("fragment")
    };
    for fragment in [None, Atomic, First, Later] {
        let packet = Packet { fragment, ..v6() };
        for kind in [None, Atomic, First, Later] {
            assert_eq!(is_match(&of(false, &[kind]), &packet), kind == fragment);
            assert_eq!(is_match(&of(true, &[kind]), &packet), kind != fragment);
        }
        let any = of(false, &[Atomic, First, Later]);
        assert_eq!(is_match(&any, &packet), fragment != None);
    }
}

#[test]
fn length_ttl_and_dscp_are_ranges_of_the_ip_header() {
    let packet = Packet {
        payload: 2,
        ttl: 1,
        dscp: 46,
        ..v4()
    };
    for (first, last, inside) in [(42, 42, true), (0, 41, false), (43, 65535, false)] {
        let length = numbers(&[first..=last]);
        assert_eq!(
            is_match(
                &Rule {
                    length,
                    ..rule("length")
                },
                &packet
            ),
            inside
        );
    }
    for (value, inside) in [(0, false), (1, true), (2, false)] {
        let ttl = numbers(&[value..=value]);
        assert_eq!(is_match(&Rule { ttl, ..rule("ttl") }, &packet), inside);
    }
    for (value, inside) in [(45, false), (46, true), (47, false)] {
        let dscp = numbers(&[value..=value]);
        assert_eq!(
            is_match(
                &Rule {
                    dscp,
                    ..rule("dscp")
                },
                &packet
            ),
            inside
        );
    }
}

fn shadow(name: &str) -> Rule {
    Rule {
        shadow: true,
        ..rule(name)
    }
}

#[test]
fn a_shadow_rule_counts_and_the_next_rule_decides() {
    let pass = Rule {
        action: Action::Pass,
        ..rule("pass")
    };
    let tables = compiled(&config(vec![shadow("a"), pass, shadow("b")]));
    assert_eq!(tables.settings.shadow, 1);
    assert_eq!(deciding(&tables, &v4()), Some("pass"));
    assert_eq!(shadowed(&tables, &v4()), ["a"], "b is behind the decision");
}

#[test]
fn behind_shadow_rules_alone_the_default_decides() {
    let tables = compiled(&config(vec![shadow("a"), shadow("b")]));
    let decision = decided(&tables, &v6());
    assert_eq!(
        (decision.verdict, decision.reason),
        (Verdict::Pass, Reason::Default)
    );
    assert_eq!(shadowed(&tables, &v6()), ["a", "b"]);
}

#[test]
fn a_disabled_shadow_rule_does_not_count() {
    let disabled = Rule {
        enabled: false,
        ..shadow("a")
    };
    let tables = compiled(&config(vec![disabled]));
    assert_eq!(tables.settings.shadow, 0);
}

#[test]
fn one_shadow_rule_too_many_is_refused_in_a_sentence() {
    let shadows = |count| {
        let rules = (0..count).map(|number| shadow(&format!("shadow-{number}")));
        compile(&Policy::from_config(&config(rules.collect())), &[])
    };
    let most = shadows(SHADOW_RULES_MAX).unwrap();
    assert_eq!(shadowed(&most, &v4()).len(), SHADOW_RULES_MAX);
    let error = shadows(SHADOW_RULES_MAX + 1).unwrap_err();
    assert_eq!(error, CompileError::ShadowRules { count: 257 });
    assert_eq!(
        error.to_string(),
        "257 rules are shadow rules, 256 fit; disable or remove some"
    );
}

#[test]
fn every_dimension_of_numbers_has_a_table_of_its_own() {
    let everything = Rule {
        protocol: numbers(&[6..=6]),
        source_port: numbers(&[0..=65535]),
        destination_port: numbers(&[443..=443]),
        family: numbers(&[4..=4]),
        vlan: numbers(&[4096..=4096]),
        length: numbers(&[40..=40]),
        ttl: numbers(&[64..=64]),
        dscp: numbers(&[0..=0]),
        ..rule("everything")
    };
    let tables = compiled(&config(vec![everything.clone()]));
    let sizes: Vec<usize> = tables.numbers().map(|(_, classes)| classes.len()).collect();
    let [byte, word] = [1 << 8, 1 << 16];
    assert_eq!(sizes, [byte, word, word, byte, 4097, word, byte, byte]);
    assert_eq!(tables.number_values(), 4, "ports, VLAN ids, lengths");
    assert!(is_match(&everything, &v4()));
    for dimension in [Dimension::Source, Dimension::Interface, Dimension::Icmp] {
        assert!(!tables.settings.uses(dimension));
    }
}
