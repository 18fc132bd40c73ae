//! That no rule is said to be out of reach which is not, and that what is plain is said.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::path::PathBuf;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::config::model::*;
use crate::criteria::*;

fn position() -> Position {
    Position {
        file: PathBuf::from("fw.toml"),
        line: 1,
        column: 1,
    }
}

fn any_packet_rule(action: Action) -> Rule {
    Rule::without_criteria("a".into(), action, position())
}

/// What the oracle needs to know of a packet. Whatever is `None` the packet does not have.
#[derive(Debug, Clone)]
struct Packet {
    v6: bool,
    source: u8,
    protocol: Option<u8>,
    ports: Option<(u16, u16)>,
    flags: Option<u8>,
    icmp: Option<(u8, u8)>,
    fragment: Option<FragmentKind>,
    vlan: u16,
    length: Option<u16>,
    interface: &'static str,
}

const INTERFACES: [&str; 4] = ["eth0", "eth1", "wan0", "lo"];
const PATTERNS: [&str; 5] = ["eth0", "eth*", "e*", "*", "wan?"];

fn prefix(v6: bool, address: u8, length: u8) -> ipnetwork::IpNetwork {
    let address = address & !(u8::MAX.checked_shr(length.into()).unwrap_or(0));
    if v6 {
        format!("::{address:x}/{}", 120 + length).parse().unwrap()
    } else {
        format!("0.0.0.{address}/{}", 24 + length).parse().unwrap()
    }
}

fn packet() -> impl Strategy<Value = Packet> {
    let transport =
        prop_oneof![
            (Just(6u8), 20..24u16, 20..24u16, any::<u8>()).prop_map(
                |(protocol, from, to, flags)| (Some(protocol), Some((from, to)), Some(flags), None)
            ),
            (Just(17u8), 20..24u16, 20..24u16).prop_map(|(protocol, from, to)| (
                Some(protocol),
                Some((from, to)),
                None,
                None
            )),
            (Just(1u8), 0..4u8, 0..4u8).prop_map(|(protocol, kind, code)| (
                Some(protocol),
                None,
                None,
                Some((kind, code))
            )),
            // Headers that are cut off, and packets that cannot be parsed.
            prop_oneof![
                Just(Some(1u8)),
                Just(Some(6)),
                Just(Some(17)),
                Just(Some(47)),
                Just(None)
            ]
            .prop_map(|protocol| (protocol, None, None, None)),
        ];
    let rest = (
        option::of(prop::sample::select(FragmentKind::ALL.to_vec())),
        prop_oneof![1..4u16, Just(VLAN_NONE)],
        option::of(38..44u16),
        prop::sample::select(INTERFACES.to_vec()),
    );
    (any::<bool>(), any::<u8>(), transport, rest).prop_map(
        |(v6, source, (protocol, ports, flags, icmp), rest)| {
            let (fragment, vlan, length, interface) = rest;
            // ICMP of IPv6 has a number of its own.
            let protocol = protocol.map(|number| if v6 && number == 1 { 58 } else { number });
            Packet {
                v6,
                source,
                protocol,
                ports,
                flags,
                icmp,
                fragment,
                vlan,
                length,
                interface,
            }
        },
    )
}

fn numbers<T: Copy + Ord + std::fmt::Debug + 'static>(
    range: RangeInclusive<T>,
) -> impl Strategy<Value = Option<NumberList<T>>>
where
    RangeInclusive<T>: Strategy<Value = T>,
{
    let entry = (any::<bool>(), range.clone(), range).prop_map(|(negated, a, b)| NumberEntry {
        negated,
        range: a.min(b)..=a.max(b),
    });
    option::weighted(0.25, vec(entry, 1..3).prop_map(NumberList))
}

fn addresses() -> impl Strategy<Value = Option<AddressList>> {
    let entry = (any::<bool>(), any::<bool>(), any::<u8>(), 0..=2u8).prop_map(
        |(negated, v6, address, length)| AddressEntry {
            negated,
            addresses: Addresses::Prefix(prefix(v6, address, length)),
        },
    );
    option::weighted(0.25, vec(entry, 1..3).prop_map(AddressList))
}

fn rule() -> impl Strategy<Value = Rule> {
    let protocol = prop::sample::select(vec![1u8, 6, 17, 58]).prop_map(|number| {
        NumberList(vec![NumberEntry {
            negated: false,
            range: number..=number,
        }])
    });
    let flags = (0..4u8, 0..4u8).prop_map(|(set, clear)| TcpFlags {
        set,
        clear: clear & !set,
    });
    let types = (any::<bool>(), option::of(0..4u8), option::of(0..4u8));
    let types = types.prop_map(|(negated, v4, v6)| IcmpTypeEntry {
        negated,
        v4: v4.map(|kind| kind..=kind),
        v6: v6.map(|kind| kind..=kind),
    });
    let kinds = (
        any::<bool>(),
        prop::sample::select(FragmentKind::ALL.to_vec()),
    );
    let kinds = kinds.prop_map(|(negated, kind)| FragmentEntry {
        negated,
        kinds: vec![kind],
    });
    let interface = (any::<bool>(), prop::sample::select(PATTERNS.to_vec()));
    let interface = interface.prop_map(|(negated, pattern)| InterfaceEntry {
        negated,
        pattern: pattern.to_owned(),
    });
    let one = (
        addresses(),
        option::weighted(0.25, protocol),
        numbers(20..=23u16),
        numbers(20..=23u16),
        numbers(4..=6u8),
        numbers(1..=3u16),
    );
    let two = (
        option::weighted(0.2, vec(types, 1..3).prop_map(IcmpTypeList)),
        numbers(0..=3u8),
        option::weighted(0.4, vec(flags, 1..3)),
        option::weighted(0.2, vec(kinds, 1..3).prop_map(FragmentList)),
        numbers(38..=43u16),
        option::weighted(0.2, vec(interface, 1..3).prop_map(InterfaceList)),
    );
    (one, two).prop_map(|(one, two)| {
        let (source, protocol, source_port, destination_port, family, vlan) = one;
        let (icmp_type, icmp_code, tcp_flags, fragment, length, interface) = two;
        Rule {
            source,
            protocol,
            source_port,
            destination_port,
            family,
            vlan,
            icmp_type,
            icmp_code,
            tcp_flags,
            fragment,
            length,
            interface,
            ..any_packet_rule(Action::Drop)
        }
    })
}

/// Two rules that differ in a criterion or two, so that one often covers the other.
fn near_rules() -> impl Strategy<Value = (Rule, Rule)> {
    (rule(), rule(), 0..12u8, 0..12u8).prop_map(|(one, other, a, b)| {
        let mut near = one.clone();
        for number in [a, b] {
            let from = other.clone();
            match number {
                0 => near.source = from.source,
                1 => near.protocol = from.protocol,
                2 => near.source_port = from.source_port,
                3 => near.destination_port = from.destination_port,
                4 => near.family = from.family,
                5 => near.vlan = from.vlan,
                6 => near.icmp_type = from.icmp_type,
                7 => near.icmp_code = from.icmp_code,
                8 => near.tcp_flags = from.tcp_flags,
                9 => near.fragment = from.fragment,
                10 => near.length = from.length,
                _ => near.interface = from.interface,
            }
        }
        (one, near)
    })
}

/// A list of addresses, interfaces: plain entries without the negated ones.
fn listed<E>(entries: &[E], negated: fn(&E) -> bool, is_in: impl Fn(&E) -> bool) -> bool {
    let plain: Vec<&E> = entries.iter().filter(|entry| !negated(entry)).collect();
    (plain.is_empty() || plain.iter().any(|entry| is_in(entry)))
        && !entries.iter().any(|entry| negated(entry) && is_in(entry))
}

/// Whether a criterion is met: a packet that lacks the field meets none.
fn met<C, F>(criterion: Option<&C>, field: Option<F>, has: impl Fn(&C, F) -> bool) -> bool {
    match (criterion, field) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(criterion), Some(field)) => has(criterion, field),
    }
}

fn matches(rule: &Rule, packet: &Packet) -> bool {
    let source = prefix(packet.v6, packet.source, 8).ip();
    let is_source = |entry: &AddressEntry| match &entry.addresses {
        Addresses::Prefix(prefix) => prefix.contains(source),
        Addresses::Set(_) => false,
    };
    let has = |list: &AddressList, ()| listed(&list.0, |entry| entry.negated, is_source);
    let is_interface =
        |entry: &InterfaceEntry| crate::names::pattern::matches(&entry.pattern, packet.interface);
    let comes_by = |list: &InterfaceList, ()| listed(&list.0, |entry| entry.negated, is_interface);
    let has_flags = |list: &Vec<TcpFlags>, value: u8| {
        list.iter()
            .any(|flags| value & flags.set == flags.set && value & flags.clear == 0)
    };
    let (from, to) = (
        packet.ports.map(|ports| ports.0),
        packet.ports.map(|ports| ports.1),
    );
    let family = if packet.v6 { 6 } else { 4 };
    let types = |list: &IcmpTypeList, (kind, _)| list.contains(packet.v6, kind);
    met(rule.source.as_ref(), Some(()), has)
        && met(rule.protocol.as_ref(), packet.protocol, |list, n| {
            list.contains(&n)
        })
        && met(rule.source_port.as_ref(), from, |list, n| list.contains(&n))
        && met(rule.destination_port.as_ref(), to, |list, n| {
            list.contains(&n)
        })
        && met(rule.family.as_ref(), Some(family), |list, n| {
            list.contains(&n)
        })
        && met(rule.vlan.as_ref(), Some(packet.vlan), |list, n| {
            list.contains(&n)
        })
        && met(rule.icmp_type.as_ref(), packet.icmp, types)
        && met(rule.icmp_code.as_ref(), packet.icmp, |list, (_, code)| {
            list.contains(&code)
        })
        && met(rule.tcp_flags.as_ref(), packet.flags, has_flags)
        && met(rule.fragment.as_ref(), packet.fragment, |list, kind| {
            list.contains(kind)
        })
        && met(rule.length.as_ref(), packet.length, |list, n| {
            list.contains(&n)
        })
        && met(rule.interface.as_ref(), Some(()), comes_by)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn what_a_rule_covers_it_matches((one, other) in near_rules(), packets in vec(packet(), 100)) {
        let sets = BTreeMap::new();
        let mut values = Values::of(&sets);
        let (a, b) = (Criteria::of(&one, &mut values), Criteria::of(&other, &mut values));
        let order = Order::of(&[&a, &b]);
        for (first, second, first_rule, second_rule) in [(&a, &b, &one, &other), (&b, &a, &other, &one)] {
            if first.cover(second, &order, &mut values) {
                for packet in &packets {
                    prop_assert!(
                        !matches(second_rule, packet) || matches(first_rule, packet),
                        "{packet:?}"
                    );
                }
            }
        }
        prop_assert!(a.cover(&a, &order, &mut values) && b.cover(&b, &order, &mut values));
        // More criteria match less.
        let mut narrower = one.clone();
        narrower.ttl = Some(NumberList(vec![NumberEntry { negated: false, range: 0..=255 }]));
        let narrower = Criteria::of(&narrower, &mut values);
        prop_assert!(a.cover(&narrower, &order, &mut values) && !narrower.cover(&a, &order, &mut values));
    }
}

#[test]
fn four_thousand_rules_are_compared_with_a_few_each() {
    let one = |number: u16| {
        NumberList(vec![NumberEntry {
            negated: false,
            range: number..=number,
        }])
    };
    let small = |number: u8| {
        NumberList(vec![NumberEntry {
            negated: false,
            range: number..=number,
        }])
    };
    // Every rule has the same criteria as all others but for the last one that is compared.
    let rules = (0..4096u16).map(|n| Rule {
        protocol: Some(small(6)),
        destination_port: Some(one(22)),
        source_port: Some(one(1)),
        family: Some(small(4)),
        vlan: Some(one(7)),
        tcp_flags: Some(vec![TcpFlags { set: 2, clear: 16 }]),
        length: Some(one(40)),
        ttl: Some(small(64)),
        dscp: Some(small(46)),
        destination_mac: Some(MacList(vec![MacEntry {
            negated: false,
            address: [2, 0, 0, 0, (n >> 8) as u8, n as u8],
        }])),
        ..any_packet_rule(Action::Drop)
    });
    let rules: Vec<Rule> = rules.collect();
    // Two per criterion that all have in common, and one by the address.
    assert_eq!(out_of_reach_of(&rules), []);
    assert!(compared(&rules) <= 4096 * 20, "{}", compared(&rules));

    let list = |address: IpAddr, length| {
        let prefix = ipnetwork::IpNetwork::new(address, length).unwrap();
        Some(AddressList(vec![AddressEntry {
            negated: false,
            addresses: Addresses::Prefix(prefix),
        }]))
    };
    // By prefixes next to each other, by ports, and by both families.
    let rules = (0..4096u16).map(|n| match n % 3 {
        0 => Rule {
            source: list(Ipv4Addr::from(u32::from(n) << 8).into(), 24),
            ..any_packet_rule(Action::Drop)
        },
        1 => Rule {
            protocol: Some(small(6)),
            destination_port: Some(one(n)),
            ..any_packet_rule(Action::Drop)
        },
        _ => Rule {
            protocol: Some(small(17)),
            destination: list(Ipv6Addr::from(u128::from(n) << 64).into(), 64),
            ..any_packet_rule(Action::Drop)
        },
    });
    let rules: Vec<Rule> = rules.collect();
    assert_eq!(out_of_reach_of(&rules), []);
    assert!(compared(&rules) <= 4096 * 4, "{}", compared(&rules));
}

fn out_of_reach_of(rules: &[Rule]) -> Vec<Problem> {
    let sets = BTreeMap::new();
    let mut values = Values::of(&sets);
    let (seen, order) = seen(rules, &mut values);
    out_of_reach(&seen, &order, &mut values)
}

fn seen<'a>(rules: &'a [Rule], values: &mut Values<'a>) -> (Vec<Seen<'a>>, Order) {
    let seen = rules.iter().map(|rule| Seen {
        rule,
        criteria: Criteria::of(rule, values),
    });
    let seen: Vec<_> = seen.collect();
    let order = Order::of(&seen.iter().map(|seen| &seen.criteria).collect::<Vec<_>>());
    (seen, order)
}

/// How many pairs of rules are looked at.
fn compared(rules: &[Rule]) -> usize {
    let sets = BTreeMap::new();
    let mut values = Values::of(&sets);
    let (seen, order) = seen(rules, &mut values);
    let mut earlier = Earlier::default();
    for seen in &seen {
        earlier.covering(&seen.criteria, &order, &mut values);
        earlier.add(&seen.criteria, &values);
    }
    earlier.compared
}

proptest! {
    #[test]
    fn the_first_rule_that_covers_another_is_found(rules in vec(near_rules(), 1..12)) {
        let rules: Vec<Rule> = rules.into_iter().flat_map(|(one, other)| [one, other]).collect();
        let sets = BTreeMap::new();
        let mut values = Values::of(&sets);
        let (seen, order) = seen(&rules, &mut values);
        let mut earlier = Earlier::default();
        let mut before: Vec<&Criteria> = Vec::new();
        for Seen { criteria, .. } in &seen {
            if criteria.is_none() || criteria.has_empty(&values) {
                continue;
            }
            let expected = before.iter().position(|it| it.cover(criteria, &order, &mut values));
            prop_assert_eq!(earlier.covering(criteria, &order, &mut values), expected);
            earlier.add(criteria, &values);
            before.push(criteria);
        }
    }
}
