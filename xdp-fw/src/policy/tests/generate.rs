//! Random configurations and packets from small pools, so that prefixes nest and criteria match.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use ipnetwork::IpNetwork;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

use super::frame::{Packet, has_header, has_ports};
use super::oracle::PATTERNS;
use super::{addresses, config, rule, with_set};
use crate::config::{
    Action, AddressList, Config, FragmentEntry, FragmentKind, FragmentList, IcmpTypeEntry,
    IcmpTypeList, InterfaceEntry, InterfaceList, MacEntry, MacList, NumberEntry, NumberList, Rule,
    TcpFlags,
};

const PREFIXES: [&str; 30] = [
    "0.0.0.0/0",
    "0.0.0.0/1",
    "128.0.0.0/1",
    "10.0.0.0/8",
    "10.0.0.0/9",
    "10.128.0.0/9",
    "10.1.0.0/16",
    "10.1.2.0/23",
    "10.1.2.0/24",
    "10.1.3.0/24",
    "10.1.2.0/25",
    "10.1.2.128/25",
    "10.1.2.3/32",
    "10.1.2.4/31",
    "192.0.2.0/24",
    "0.0.0.0/32",
    "255.255.255.255/32",
    "::/0",
    "8000::/1",
    "2001:db8::/32",
    "2001:db8::/48",
    "2001:db8:1::/48",
    "2001:db8:1::/64",
    "2001:db8:1::8000:0:0:0/65",
    "2001:db8:1::1/128",
    "2001:db8:1::2/127",
    "fe80::/10",
    "::ffff:10.1.2.3/128",
    "::/128",
    "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128",
];
const SETS: [&str; 3] = ["a", "b", "empty"];
/// Whole and neighbouring ranges, and both ends of the domain.
const PORTS: [(u16, u16); 10] = [
    (0, 0),
    (0, 65535),
    (1, 1023),
    (22, 22),
    (23, 79),
    (80, 80),
    (79, 81),
    (1024, 65535),
    (65534, 65534),
    (65535, 65535),
];
const PROTOCOLS: [(u8, u8); 7] = [
    (6, 6),
    (17, 17),
    (1, 1),
    (0, 255),
    (7, 16),
    (132, 136),
    (255, 255),
];
/// None of them an extension header.
const PACKET_PROTOCOLS: [u8; 11] = [1, 1, 6, 6, 6, 17, 47, 58, 58, 132, 255];

/// The first and the last address of each prefix of the pool, and those next to them.
fn edges(v6: bool) -> Vec<IpAddr> {
    let next_to = |prefix: IpNetwork| -> Vec<IpAddr> {
        match (prefix, v6) {
            (IpNetwork::V4(p), false) => [p.network(), p.broadcast()]
                .map(Ipv4Addr::to_bits)
                .into_iter()
                .flat_map(|a| [a.wrapping_sub(1), a, a.wrapping_add(1)])
                .map(|a| Ipv4Addr::from_bits(a).into())
                .collect(),
            (IpNetwork::V6(p), true) => [p.network(), p.broadcast()]
                .map(Ipv6Addr::to_bits)
                .into_iter()
                .flat_map(|a| [a.wrapping_sub(1), a, a.wrapping_add(1)])
                .map(|a| Ipv6Addr::from_bits(a).into())
                .collect(),
            _ => Vec::new(),
        }
    };
    let prefixes = PREFIXES.iter().map(|prefix| prefix.parse().unwrap());
    let edges = prefixes.flat_map(next_to);
    edges.filter(|address| is_on_a_wire(*address)).collect()
}

/// Others drop before any rule (ADR 23); `0.0.0.0` and `::` do with some addresses only.
fn is_on_a_wire(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => !address.is_loopback() && !address.is_unspecified(),
        IpAddr::V6(address) => !matches!(address.segments(), [0, 0, 0, 0, 0, 0 | 0xffff, _, _]),
    }
}

fn address_list() -> impl Strategy<Value = Option<AddressList>> {
    let names: Vec<String> = PREFIXES
        .iter()
        .map(ToString::to_string)
        .chain(SETS.iter().map(|set| format!("@{set}")))
        .collect();
    let entry = (select(names), prop::bool::weighted(0.3)).prop_map(|(name, negated)| {
        let mark = if negated { "!" } else { "" };
        format!("{mark}{name}")
    });
    prop::option::of(prop::collection::vec(entry, 1..6).prop_map(|entries| {
        let entries: Vec<&str> = entries.iter().map(String::as_str).collect();
        addresses(&entries).unwrap()
    }))
}

fn some_numbers<T: Copy + std::fmt::Debug + 'static>(
    pool: &'static [(T, T)],
) -> impl Strategy<Value = NumberList<T>> {
    let entry = (select(pool), negated()).prop_map(|((first, last), negated)| {
        let range: RangeInclusive<T> = first..=last;
        NumberEntry { negated, range }
    });
    prop::collection::vec(entry, 1..4).prop_map(NumberList)
}

fn number_list<T: Copy + std::fmt::Debug + 'static>(
    pool: &'static [(T, T)],
) -> impl Strategy<Value = Option<NumberList<T>>> {
    prop::option::weighted(0.4, some_numbers(pool))
}

/// Few of everything, so that rules meet packets.
const BYTES: [(u8, u8); 6] = [(0, 0), (0, 63), (1, 7), (8, 8), (63, 128), (255, 255)];
const CONGESTION: [(u8, u8); 3] = [(0, 0), (1, 2), (3, 3)];
const FAMILIES: [(u8, u8); 3] = [(4, 4), (6, 6), (4, 6)];
const VLANS: [(u16, u16); 5] = [(1, 4094), (7, 7), (7, 100), (4094, 4094), (4096, 4096)];
const LENGTHS: [(u16, u16); 5] = [(0, 40), (40, 40), (41, 60), (28, 28), (60, 65535)];
const MACS: [[u8; 6]; 3] = [[2; 6], [2, 2, 2, 2, 2, 3], [255; 6]];
const KINDS: [FragmentKind; 4] = [
    FragmentKind::None,
    FragmentKind::Atomic,
    FragmentKind::First,
    FragmentKind::Later,
];
const FLAGS: [u8; 6] = [0, 0x02, 0x12, 0x10, 0x04, 0xff];

fn negated() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.3)
}

/// Most rules do without a criterion, or none would match.
fn seldom<T: std::fmt::Debug>(
    criterion: impl Strategy<Value = T>,
) -> impl Strategy<Value = Option<T>> {
    prop::option::weighted(0.15, criterion)
}

fn interface_list() -> impl Strategy<Value = InterfaceList> {
    let entry = (select(&PATTERNS[..]), negated()).prop_map(|((pattern, _), negated)| {
        let pattern = pattern.to_owned();
        InterfaceEntry { negated, pattern }
    });
    prop::collection::vec(entry, 1..4).prop_map(InterfaceList)
}

fn mac_list() -> impl Strategy<Value = MacList> {
    let entry = (select(&MACS[..2]), negated())
        .prop_map(|(address, negated)| MacEntry { negated, address });
    prop::collection::vec(entry, 1..3).prop_map(MacList)
}

fn icmp_types() -> impl Strategy<Value = IcmpTypeList> {
    let types = || prop::option::of(select(&BYTES[..]).prop_map(|(first, last)| first..=last));
    let entry = (types(), types(), negated()).prop_map(|(v4, v6, negated)| IcmpTypeEntry {
        negated,
        v4,
        v6,
    });
    prop::collection::vec(entry, 1..3).prop_map(IcmpTypeList)
}

fn tcp_flags() -> impl Strategy<Value = Vec<TcpFlags>> {
    let combination = (select(&FLAGS[..]), select(&FLAGS[..])).prop_map(|(set, clear)| TcpFlags {
        set,
        clear: clear & !set,
    });
    prop::collection::vec(combination, 1..3)
}

fn fragment_list() -> impl Strategy<Value = FragmentList> {
    let entry = (subsequence(KINDS.to_vec(), 1..3), negated())
        .prop_map(|(kinds, negated)| FragmentEntry { negated, kinds });
    prop::collection::vec(entry, 1..3).prop_map(FragmentList)
}

fn action() -> impl Strategy<Value = Action> {
    select(&[Action::Pass, Action::Drop][..])
}

/// A rule over addresses, protocol and ports.
fn basic_rule() -> impl Strategy<Value = Rule> {
    (
        action(),
        prop::bool::weighted(0.9),
        address_list(),
        address_list(),
        number_list(&PROTOCOLS),
        number_list(&PORTS),
        number_list(&PORTS),
    )
        .prop_map(
            |(action, enabled, source, destination, protocol, from, to)| Rule {
                action,
                enabled,
                source,
                destination,
                protocol,
                source_port: from,
                destination_port: to,
                ..rule("")
            },
        )
}

/// A rule over the link and the IP header.
fn header_rule() -> impl Strategy<Value = Rule> {
    (
        seldom(interface_list()),
        seldom(mac_list()),
        seldom(mac_list()),
        seldom(some_numbers(&VLANS)),
        seldom(some_numbers(&FAMILIES)),
        seldom(some_numbers(&LENGTHS)),
        seldom(some_numbers(&BYTES)),
        seldom(some_numbers(&BYTES)),
        seldom(some_numbers(&CONGESTION)),
        seldom(fragment_list()),
    )
        .prop_map(|criteria| Rule {
            interface: criteria.0,
            source_mac: criteria.1,
            destination_mac: criteria.2,
            vlan: criteria.3,
            family: criteria.4,
            length: criteria.5,
            ttl: criteria.6,
            dscp: criteria.7,
            ecn: criteria.8,
            fragment: criteria.9,
            ..rule("")
        })
}

/// Any criterion; a third of the rules has those of the basic dimensions alone.
fn any_rule() -> impl Strategy<Value = Rule> {
    let inside = (
        seldom(icmp_types()),
        seldom(some_numbers(&BYTES)),
        seldom(tcp_flags()),
        prop::bool::weighted(0.3),
    );
    let full = (basic_rule(), header_rule(), inside).prop_map(
        |(basic, header, (icmp_type, icmp_code, tcp_flags, shadow))| Rule {
            // Of two protocols in one rule, most match nothing.
            protocol: basic
                .protocol
                .filter(|_| icmp_type.is_none() && tcp_flags.is_none()),
            shadow,
            icmp_type,
            icmp_code,
            tcp_flags,
            action: basic.action,
            enabled: basic.enabled,
            source: basic.source.filter(|_| header.interface.is_some()),
            destination: basic.destination.filter(|_| header.vlan.is_some()),
            destination_port: basic.destination_port.filter(|_| header.length.is_some()),
            ..header
        },
    );
    prop_oneof![1 => basic_rule(), 2 => full]
}

pub(super) fn any_config(
    rules: impl Into<prop::collection::SizeRange>,
) -> impl Strategy<Value = Config> {
    let sets = (
        subsequence(PREFIXES.to_vec(), 0..8),
        subsequence(PREFIXES.to_vec(), 0..8),
    );
    let rules = prop::collection::vec(any_rule(), rules);
    (sets, rules, action(), action()).prop_map(|((a, b), mut rules, default, malformed)| {
        for (number, rule) in rules.iter_mut().enumerate() {
            rule.name = format!("rule-{number}");
        }
        let config = with_set(with_set(config(rules), "a", &a), "b", &b);
        let config = with_set(config, "empty", &[]);
        Config {
            default_action: default,
            malformed,
            ..config
        }
    })
}

/// The ends of the ranges of a pool.
fn ends<T: Copy + std::fmt::Debug + 'static>(pool: &[(T, T)]) -> impl Strategy<Value = T> + use<T> {
    let ends = pool.iter().flat_map(|&(first, last)| [first, last]);
    select(ends.collect::<Vec<_>>())
}

/// What is in front of the upper layer; the addresses are those of loopback yet.
fn any_header() -> impl Strategy<Value = Packet> {
    let link = (
        1..6_u32,
        select(&MACS[..]),
        select(&MACS[..]),
        prop::option::of(select(&[0, 1, 7, 4094, 4095][..])),
    );
    let inside = (
        ends(&BYTES),
        ends(&BYTES),
        ends(&CONGESTION),
        select(&KINDS[..]),
    );
    (link, inside, prop::bool::weighted(0.1)).prop_map(
        |(link, (ttl, dscp, ecn, fragment), malformed)| Packet {
            interface: link.0,
            source_mac: link.1,
            destination_mac: link.2,
            vlan: link.3,
            ttl,
            dscp: dscp & 63,
            ecn,
            fragment,
            malformed,
            ..Packet::tcp("127.0.0.1", "127.0.0.1", 0)
        },
    )
}

fn any_packet() -> impl Strategy<Value = Packet> {
    let upper = (
        select(&PACKET_PROTOCOLS[..]),
        prop::bool::weighted(0.9),
        (ends(&PORTS), ends(&PORTS)),
        select(&FLAGS[..]),
        (ends(&BYTES), ends(&BYTES)),
        select(&[0, 1, 20][..]),
    );
    (any_header(), any::<(bool, Index, Index)>(), upper).prop_map(
        |(header, (v6, source, destination), upper)| {
            let (protocol, whole, ports, flags, icmp, payload) = upper;
            let pool = edges(v6);
            let whole = whole && has_header(protocol);
            let fragment = match header.fragment {
                FragmentKind::Atomic if !v6 => FragmentKind::None,
                // A first fragment without its header would be malformed.
                FragmentKind::First if !whole && has_header(protocol) => FragmentKind::None,
                other => other,
            };
            Packet {
                source: *source.get(&pool),
                destination: *destination.get(&pool),
                protocol,
                ports: (whole && has_ports(protocol)).then_some(ports),
                icmp: (whole && !has_ports(protocol)).then_some(icmp),
                flags,
                payload,
                fragment,
                ..header
            }
        },
    )
}

pub(super) fn packets() -> impl Strategy<Value = Vec<Packet>> {
    prop::collection::vec(any_packet(), 40)
}
