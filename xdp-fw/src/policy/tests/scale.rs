//! Policies as large as they get; that these tests end in no time is part of what they say.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use ipnetwork::IpNetwork;
use xdp_fw_common::packet::protocol::TCP;

use super::frame::Packet;
use super::oracle::{compiled, decided, deciding, expected};
use super::{addresses, config, numbers, rule, with_set};
use crate::config::{
    AddressEntry, AddressList, Addresses, Config, FragmentEntry, FragmentKind, FragmentList,
    InterfaceEntry, InterfaceList, MacEntry, MacList, NumberEntry, NumberList, Rule, TcpFlags,
};
use crate::policy::{CompileError, Policy, compile};

const DESTINATION: &str = "203.0.113.9";

/// `10.x.y.z`, all hosts of a /8 by number.
fn host(number: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits((10 << 24) + number)
}

fn prefix(address: Ipv4Addr, length: u8) -> AddressEntry {
    AddressEntry {
        negated: false,
        addresses: Addresses::Prefix(IpNetwork::new(address.into(), length).unwrap()),
    }
}

fn from(address: Ipv4Addr) -> Packet {
    Packet {
        source: IpAddr::V4(address),
        ..Packet::tcp("0.0.0.0", DESTINATION, 80)
    }
}

fn rules(count: u32, source: impl Fn(u32) -> AddressList) -> Vec<Rule> {
    let one = |number| Rule {
        source: Some(source(number)),
        ..rule(&format!("rule-{number}"))
    };
    (0..count).map(one).collect()
}

#[test]
fn every_one_of_4096_rules_finds_its_packet() {
    let own = |number| AddressList(vec![prefix(host(number), 32)]);
    let tables = compiled(&config(rules(4096, own)));
    for number in [0, 1, 63, 64, 65, 2047, 2048, 4095] {
        let decision = decided(&tables, &from(host(number)));
        assert_eq!(decision.rule, Some(number));
    }
    assert_eq!(decided(&tables, &from(host(4096))).rule, None);
    assert_eq!(tables.source.v4.len(), 4096);
}

#[test]
fn one_rule_too_many_is_refused_in_a_sentence() {
    let config = config((0..4097).map(|n| rule(&format!("rule-{n}"))).collect());
    let error = compile(&Policy::from_config(&config), &[]).unwrap_err();
    assert_eq!(error, CompileError::Rules { count: 4097 });
    assert_eq!(
        error.to_string(),
        "4097 rules are enabled, 4096 fit; disable or join some"
    );
}

#[test]
fn more_kinds_of_ports_than_class_ids_are_refused_in_a_sentence() {
    // Ports by their binary digits, and a rule on all: each port is a kind of its own.
    let digit = |bit: u32| {
        let ports = (0..=u16::MAX).filter(move |port| port >> bit & 1 == 1);
        let entry = |port| NumberEntry {
            negated: false,
            range: port..=port,
        };
        Rule {
            source_port: Some(NumberList(ports.map(entry).collect())),
            ..rule(&format!("digit-{bit}"))
        }
    };
    let error = compile(
        &Policy::from_config(&config((0..16).map(digit).collect())),
        &[],
    )
    .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the rules tell 65536 kinds of source_port apart, 65535 fit; write fewer or wider ranges"
    );
}

#[test]
fn a_list_that_encloses_all_others_decides_where_they_do_not() {
    let own_in_wide = |number| {
        let wide = prefix(Ipv4Addr::new(10, 0, 0, 0), 8);
        AddressList(vec![wide, prefix(Ipv4Addr::from_bits(number << 8), 24)])
    };
    let tables = compiled(&config(rules(1024, own_in_wide)));
    assert_eq!(deciding(&tables, &from(host(77))), Some("rule-0"));
    let own = Ipv4Addr::from_bits((77 << 8) + 3);
    assert_eq!(deciding(&tables, &from(own)), Some("rule-77"));
}

#[test]
fn prefixes_nested_25_deep_in_lists_of_their_own_keep_file_order() {
    let address = Ipv4Addr::new(10, 255, 3, 1);
    let nested = |number| {
        let length = 8 + number as u8 % 25;
        let network = Ipv4Addr::from_bits(address.to_bits() & (u32::MAX << (32 - length)));
        AddressList(vec![prefix(network, length)])
    };
    let mut config = config(rules(25, nested));
    config.rules.reverse();
    let tables = compiled(&config);
    assert_eq!(tables.source.v4.len(), 25);
    for flipped in 0..24 {
        let packet = from(Ipv4Addr::from_bits(address.to_bits() ^ (1 << flipped)));
        assert_eq!(deciding(&tables, &packet), expected(&config, &packet).2);
    }
}

/// One set of many prefixes behind many rules of distinct lists.
fn blocklist(prefixes: u32, rules: u16) -> Config {
    let one = |number: u16| Rule {
        source: addresses(&["@blocklist", &format!("!192.0.2.{}/32", number % 256)]),
        destination_port: numbers(&[number..=number]),
        ..rule(&format!("rule-{number}"))
    };
    let mut config = with_set(config((0..rules).map(one).collect()), "blocklist", &[]);
    let prefix = |number| IpNetwork::new(host(number * 3).into(), 32).unwrap();
    let set = config.sets.get_mut("blocklist").unwrap();
    set.prefixes = Arc::new((0..prefixes).rev().map(prefix).collect());
    config
}

#[test]
fn a_set_behind_many_rules_is_in_the_table_once() {
    let tables = compiled(&blocklist(50_000, 200));
    assert_eq!(tables.source.v4.len(), 50_000);
    assert_eq!(tables.prefixes, 50_000 + 200);
    let packet = Packet {
        ports: Some((1, 199)),
        ..from(host(3 * 49_999))
    };
    assert_eq!(deciding(&tables, &packet), Some("rule-199"));
}

fn one<T: Copy>(value: T) -> Option<NumberList<T>> {
    numbers(&[value..=value])
}

/// A rule over every dimension but ICMP's, that only packet `number` of [`own_packet`] matches.
fn own_rule(number: u16) -> Rule {
    let byte = (number >> 4) as u8;
    let mac = |address| {
        let entry = MacEntry {
            negated: false,
            address,
        };
        Some(MacList(vec![entry]))
    };
    let packet = own_packet(number);
    Rule {
        source: Some(AddressList(vec![prefix(host(number.into()), 32)])),
        destination: addresses(&["203.0.113.0/24"]),
        protocol: one(TCP),
        source_port: one(number),
        destination_port: one(80),
        interface: Some(InterfaceList(vec![InterfaceEntry {
            negated: false,
            pattern: "wan*".to_owned(),
        }])),
        family: numbers(&[4..=4]),
        vlan: one(packet.vlan.unwrap()),
        tcp_flags: Some(vec![TcpFlags {
            set: byte,
            clear: !byte,
        }]),
        fragment: Some(FragmentList(vec![FragmentEntry {
            negated: true,
            kinds: vec![FragmentKind::Later],
        }])),
        length: one(packet.length()),
        ttl: one(byte),
        dscp: one(byte & 63),
        source_mac: mac(packet.source_mac),
        destination_mac: mac(packet.destination_mac),
        ..rule(&format!("rule-{number}"))
    }
}

fn own_packet(number: u16) -> Packet {
    let byte = (number >> 4) as u8;
    let [high, low] = number.to_be_bytes();
    Packet {
        interface: 3,
        source_mac: [2, 0, 0, 0, high, low],
        destination_mac: [2, 1, 0, 0, high, low],
        vlan: Some(1 + number % 4094),
        ttl: byte,
        dscp: byte & 63,
        flags: byte,
        payload: usize::from(number % 1000),
        ports: Some((number, 80)),
        ..from(host(number.into()))
    }
}

#[test]
fn every_one_of_4096_rules_over_every_dimension_of_tcp_finds_its_packet() {
    let config = config((0..4096).map(own_rule).collect());
    let tables = compiled(&config);
    for number in [0, 1, 63, 64, 2047, 4095] {
        let packet = own_packet(number);
        let decision = decided(&tables, &packet);
        assert_eq!(decision.rule, Some(number.into()));
        let other_mac = Packet {
            source_mac: [2; 6],
            ..packet
        };
        assert_eq!(decided(&tables, &other_mac).rule, None);
    }
}
