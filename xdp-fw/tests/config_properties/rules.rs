//! Random rules, of every criterion.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use ipnetwork::{IpNetwork, Ipv4Network, Ipv6Network};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use xdp_fw::config::{
    Action, AddressEntry, AddressList, Addresses, FragmentEntry, FragmentKind, FragmentList,
    IcmpTypeEntry, IcmpTypeList, InterfaceEntry, InterfaceList, MacEntry, MacList, NumberEntry,
    NumberList, Position, Problem, Rule, TcpFlags, VLAN_NONE,
};

use xdp_fw::names::icmp;

use crate::{SETS, parsed, printed};

fn prefix() -> impl Strategy<Value = IpNetwork> {
    let v4 = (any::<u32>(), 0..=32u8).prop_map(|(bits, length)| {
        let network = Ipv4Network::new_checked(Ipv4Addr::from(bits), length).expect("a length");
        Ipv4Network::new_checked(network.network(), length)
            .expect("a length")
            .into()
    });
    let v6 = (any::<u128>(), 0..=128u8).prop_map(|(bits, length)| {
        let network = Ipv6Network::new_checked(Ipv6Addr::from(bits), length).expect("a length");
        Ipv6Network::new_checked(network.network(), length)
            .expect("a length")
            .into()
    });
    prop_oneof![v4, v6]
}

/// Begins with a set of both families, so that two lists always can meet; /0 is never negated.
fn addresses() -> impl Strategy<Value = AddressList> {
    let set = prop::sample::select(&SETS[..]).prop_map(|name| Addresses::Set(name.to_owned()));
    let entry = (
        any::<bool>(),
        prop_oneof![prefix().prop_map(Addresses::Prefix), set.clone()],
    )
        .prop_map(|(negated, addresses)| {
            let is_whole = matches!(&addresses, Addresses::Prefix(prefix) if prefix.prefix() == 0);
            AddressEntry {
                negated: negated && !is_whole,
                addresses,
            }
        });
    (set, vec(entry, 0..5)).prop_map(|(first, rest)| {
        let first = AddressEntry {
            negated: false,
            addresses: first,
        };
        AddressList(std::iter::once(first).chain(rest).collect())
    })
}

fn numbers<T: Arbitrary + Copy + Ord + std::fmt::Debug>() -> impl Strategy<Value = NumberList<T>> {
    let entry = (any::<bool>(), any::<T>(), any::<T>()).prop_map(|(negated, a, b)| NumberEntry {
        negated,
        range: a.min(b)..=a.max(b),
    });
    vec(entry, 1..6).prop_map(NumberList)
}

fn list<T: std::fmt::Debug>(entry: impl Strategy<Value = T>) -> impl Strategy<Value = Vec<T>> {
    vec(entry, 1..5)
}

fn small_numbers(range: std::ops::RangeInclusive<u8>) -> impl Strategy<Value = NumberList<u8>> {
    let entry = (any::<bool>(), range.clone(), range).prop_map(|(negated, a, b)| NumberEntry {
        negated,
        range: a.min(b)..=a.max(b),
    });
    list(entry).prop_map(NumberList)
}

fn vlans() -> impl Strategy<Value = NumberList<u16>> {
    let ids = (1..=4094u16, 1..=4094u16).prop_map(|(a, b)| a.min(b)..=a.max(b));
    let range = prop_oneof![3 => ids, 1 => Just(VLAN_NONE..=VLAN_NONE)];
    let entry = (any::<bool>(), range).prop_map(|(negated, range)| NumberEntry { negated, range });
    list(entry).prop_map(NumberList)
}

fn families() -> impl Strategy<Value = NumberList<u8>> {
    let entry = |(negated, family)| NumberEntry {
        negated,
        range: family..=family,
    };
    list((any::<bool>(), prop_oneof![Just(4), Just(6)]).prop_map(entry)).prop_map(NumberList)
}

fn interfaces() -> impl Strategy<Value = InterfaceList> {
    let entry = |(negated, pattern)| InterfaceEntry { negated, pattern };
    let pattern = "[a-z][a-z0-9_.+-]{0,8}[*?]{0,2}"
        .prop_filter("a word that means every one", |text| {
            text != "any" && text != "all"
        });
    list((any::<bool>(), pattern).prop_map(entry)).prop_map(InterfaceList)
}

/// Names for some, numbers of both families for others.
fn icmp_types() -> impl Strategy<Value = IcmpTypeList> {
    let named = prop::sample::select(icmp::type_names().collect::<Vec<_>>()).prop_map(|name| {
        let types = icmp::types(name).expect("it is in the table");
        (
            types.v4.map(|number| number..=number),
            types.v6.map(|number| number..=number),
        )
    });
    let numbered = (any::<u8>(), any::<u8>()).prop_map(|(a, b)| {
        let range = a.min(b)..=a.max(b);
        (Some(range.clone()), Some(range))
    });
    let entry = (any::<bool>(), prop_oneof![named, numbered])
        .prop_map(|(negated, (v4, v6))| IcmpTypeEntry { negated, v4, v6 });
    list(entry).prop_map(IcmpTypeList)
}

fn tcp_flags() -> impl Strategy<Value = Vec<TcpFlags>> {
    let flags = (any::<u8>(), any::<u8>())
        .prop_filter("some flag", |(set, clear)| set | clear != 0)
        .prop_map(|(set, clear)| TcpFlags {
            set,
            clear: clear & !set,
        });
    list(flags)
}

fn fragments() -> impl Strategy<Value = FragmentList> {
    let words = [
        vec![FragmentKind::None],
        vec![
            FragmentKind::Atomic,
            FragmentKind::First,
            FragmentKind::Later,
        ],
        vec![FragmentKind::First],
        vec![FragmentKind::Later],
        vec![FragmentKind::Atomic],
    ];
    let entry = (any::<bool>(), prop::sample::select(words.to_vec()))
        .prop_map(|(negated, kinds)| FragmentEntry { negated, kinds });
    list(entry).prop_map(FragmentList)
}

/// Never of a group, so that they may be sources.
fn macs() -> impl Strategy<Value = MacList> {
    let entry = |(negated, [first, rest @ ..]): (bool, [u8; 6])| {
        let [a, b, c, d, e] = rest;
        MacEntry {
            negated,
            address: [first & !1, a, b, c, d, e],
        }
    };
    list((any::<bool>(), any::<[u8; 6]>()).prop_map(entry)).prop_map(MacList)
}

/// Everything but what only makes sense with a certain protocol.
fn common_criteria() -> impl Strategy<Value = Rule> {
    let of_addresses = (
        option::of(addresses()),
        option::of(addresses()),
        option::of(interfaces()),
        option::of(families()),
        option::of(vlans()),
        option::of(macs()),
        option::of(macs()),
    );
    let of_headers = (
        option::of(numbers::<u8>()),
        option::of(fragments()),
        option::of(numbers::<u16>()),
        option::of(numbers::<u8>()),
        option::of(small_numbers(0..=63)),
    );
    (of_addresses, of_headers).prop_map(|(of_addresses, of_headers)| {
        let (source, destination, interface, family, vlan, source_mac, destination_mac) =
            of_addresses;
        let (protocol, fragment, length, ttl, dscp) = of_headers;
        let position = Position {
            file: PathBuf::from("fw.toml"),
            line: 0,
            column: 1,
        };
        Rule {
            source,
            destination,
            interface,
            family,
            vlan,
            source_mac,
            destination_mac,
            protocol,
            fragment,
            length,
            ttl,
            dscp,
            ..Rule::without_criteria(String::new(), Action::Drop, position)
        }
    })
}

/// What needs a certain protocol: ports and flags, or types and codes.
fn transport_criteria() -> impl Strategy<Value = Rule> {
    let ports = (
        option::of(numbers::<u16>()),
        option::of(numbers::<u16>()),
        option::of(tcp_flags()),
    );
    let icmp = (option::of(icmp_types()), option::of(numbers::<u8>()));
    let tcp = NumberList(vec![NumberEntry {
        negated: false,
        range: 6..=6u8,
    }]);
    (common_criteria(), ports, icmp, 0..3u8).prop_map(move |(rule, ports, icmp, kind)| {
        let (source_port, destination_port, tcp_flags) = ports;
        let (icmp_type, icmp_code) = icmp;
        match kind {
            0 => Rule {
                protocol: None,
                icmp_type,
                icmp_code,
                ..rule
            },
            1 => Rule {
                protocol: Some(tcp.clone()),
                source_port,
                destination_port,
                tcp_flags,
                ..rule
            },
            _ => Rule {
                source_port,
                destination_port,
                ..rule
            },
        }
    })
}

/// A rule that the parser does not refuse as one that can never match.
pub(crate) fn rule() -> impl Strategy<Value = Rule> {
    let action = prop_oneof![Just(Action::Pass), Just(Action::Drop)];
    let name = "[A-Za-z0-9_.:-]{1,63}";
    (
        name,
        action,
        any::<bool>(),
        any::<bool>(),
        transport_criteria(),
    )
        .prop_map(|(name, action, enabled, shadow, rule)| Rule {
            name,
            action,
            enabled,
            shadow,
            ..rule
        })
        .prop_filter("it can match", |rule| {
            let result = parsed(printed(std::slice::from_ref(rule)));
            let never = |problem: &Problem| problem.message.contains("can never match");
            result.map_or_else(|problems| !problems.problems.iter().all(never), |_| true)
        })
}
