//! Random criteria: every one of the rule language, with values that generated frames have.
//!
//! Owns how often each is asked for. Strategies are boxed: see [`super::frames`].

use ipnetwork::IpNetwork;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use xdp_fw::config::{
    AddressEntry, AddressList, Addresses, FragmentEntry, FragmentList, IcmpTypeEntry, IcmpTypeList,
    InterfaceEntry, InterfaceList, MacEntry, MacList, NumberEntry, NumberList, Rule, TcpFlags,
};

use super::pool;
use crate::ruleset::{FRAGMENT_KINDS, ICMP_TYPES};

/// One criterion of a rule.
#[derive(Debug, Clone)]
pub(super) enum Criterion {
    Source(AddressList),
    Destination(AddressList),
    Protocol(NumberList<u8>),
    SourcePort(NumberList<u16>),
    DestinationPort(NumberList<u16>),
    Interface(InterfaceList),
    Family(NumberList<u8>),
    Vlan(NumberList<u16>),
    IcmpType(IcmpTypeList),
    IcmpCode(NumberList<u8>),
    TcpFlags(Vec<TcpFlags>),
    Fragment(FragmentList),
    Length(NumberList<u16>),
    Ttl(NumberList<u8>),
    Dscp(NumberList<u8>),
    Ecn(NumberList<u8>),
    SourceMac(MacList),
    DestinationMac(MacList),
}

impl Criterion {
    /// Adds itself; of two on the same thing, the later one stays.
    pub(super) fn add_to(self, rule: &mut Rule) {
        match self {
            Self::Source(list) => rule.source = Some(list),
            Self::Destination(list) => rule.destination = Some(list),
            Self::Protocol(list) => rule.protocol = Some(list),
            Self::SourcePort(list) => rule.source_port = Some(list),
            Self::DestinationPort(list) => rule.destination_port = Some(list),
            Self::Interface(list) => rule.interface = Some(list),
            Self::Family(list) => rule.family = Some(list),
            Self::Vlan(list) => rule.vlan = Some(list),
            Self::IcmpType(list) => rule.icmp_type = Some(list),
            Self::IcmpCode(list) => rule.icmp_code = Some(list),
            Self::TcpFlags(list) => rule.tcp_flags = Some(list),
            Self::Fragment(list) => rule.fragment = Some(list),
            Self::Length(list) => rule.length = Some(list),
            Self::Ttl(list) => rule.ttl = Some(list),
            Self::Dscp(list) => rule.dscp = Some(list),
            Self::Ecn(list) => rule.ecn = Some(list),
            Self::SourceMac(list) => rule.source_mac = Some(list),
            Self::DestinationMac(list) => rule.destination_mac = Some(list),
        }
    }
}

/// Any criterion; `sets` are names that an address list may use.
pub(super) fn criterion(sets: &'static [&'static str]) -> BoxedStrategy<Criterion> {
    let addresses = move || address_list(pool::prefix(), sets);
    let ports = || numbers(pool::port());
    prop_oneof![
        6 => addresses().prop_map(Criterion::Source),
        6 => addresses().prop_map(Criterion::Destination),
        4 => numbers(pool::protocol()).prop_map(Criterion::Protocol),
        2 => ports().prop_map(Criterion::SourcePort),
        2 => ports().prop_map(Criterion::DestinationPort),
        2 => interfaces().prop_map(Criterion::Interface),
        1 => numbers(select(&[4_u8, 6][..])).prop_map(Criterion::Family),
        2 => vlans().prop_map(Criterion::Vlan),
        2 => icmp_types().prop_map(Criterion::IcmpType),
        1 => numbers(0..6_u8).prop_map(Criterion::IcmpCode),
        2 => vec(flags(), 1..4).prop_map(Criterion::TcpFlags),
        2 => fragments().prop_map(Criterion::Fragment),
        2 => numbers(pool::length()).prop_map(Criterion::Length),
        2 => numbers(pool::ttl()).prop_map(Criterion::Ttl),
        2 => numbers(pool::dscp()).prop_map(Criterion::Dscp),
        2 => numbers(0..4_u8).prop_map(Criterion::Ecn),
        1 => macs().prop_map(Criterion::SourceMac),
        1 => macs().prop_map(Criterion::DestinationMac),
    ]
    .boxed()
}

/// Every list but those of flags has negated entries.
fn entries<T: Clone + std::fmt::Debug + 'static, E: std::fmt::Debug>(
    value: impl Strategy<Value = T> + 'static,
    entry: impl Fn(bool, T) -> E + 'static,
) -> impl Strategy<Value = Vec<E>> {
    let one = (proptest::bool::weighted(0.3), value)
        .prop_map(move |(negated, value)| entry(negated, value));
    vec(one, 1..4)
}

pub(super) fn address_list(
    prefix: impl Strategy<Value = IpNetwork> + 'static,
    sets: &'static [&'static str],
) -> impl Strategy<Value = AddressList> {
    let addresses = prop_oneof![
        4 => prefix.prop_map(Addresses::Prefix),
        1 => select(sets).prop_map(|name| Addresses::Set(name.to_owned())),
    ];
    entries(addresses, |negated, addresses| AddressEntry {
        negated,
        addresses,
    })
    .prop_map(AddressList)
}

/// Single numbers and ranges between two of the pool.
fn numbers<T>(number: impl Strategy<Value = T> + Clone + 'static) -> BoxedStrategy<NumberList<T>>
where
    T: Copy + Ord + std::fmt::Debug + 'static,
{
    let range = prop_oneof![
        2 => number.clone().prop_map(|number| number..=number),
        1 => (number.clone(), number).prop_map(|(one, other)| one.min(other)..=one.max(other)),
    ];
    entries(range, |negated, range| NumberEntry { negated, range })
        .prop_map(NumberList)
        .boxed()
}

/// Ranges of ids, and `none`, which is in no range.
fn vlans() -> impl Strategy<Value = NumberList<u16>> {
    let id = || pool::vlan();
    let range = prop_oneof![
        2 => id().prop_map(|id| id..=id),
        1 => (id(), id()).prop_map(|(one, other)| one.min(other)..=one.max(other)),
        1 => Just(crate::ruleset::VLAN_NONE).prop_map(|none| none..=none),
    ];
    entries(range, |negated, range| NumberEntry { negated, range }).prop_map(NumberList)
}

fn interfaces() -> impl Strategy<Value = InterfaceList> {
    entries(select(&pool::PATTERNS[..]), |negated, pattern| {
        InterfaceEntry {
            negated,
            pattern: pattern.to_owned(),
        }
    })
    .prop_map(InterfaceList)
}

/// Numbers, which both families have, and names, which mean a number in each or in one.
fn icmp_types() -> impl Strategy<Value = IcmpTypeList> {
    let kind = || select(&pool::ICMP_TYPES[..]);
    let one = |number: u8| number..=number;
    let ranges = prop_oneof![
        2 => kind().prop_map(move |kind| (Some(one(kind)), Some(one(kind)))),
        1 => (kind(), kind()).prop_map(|(first, second)| {
            let range = first.min(second)..=first.max(second);
            (Some(range.clone()), Some(range))
        }),
        2 => select(&ICMP_TYPES[..]).prop_map(move |(_, v4, v6)| (v4.map(one), v6.map(one))),
    ];
    entries(ranges, |negated, (v4, v6)| IcmpTypeEntry {
        negated,
        v4,
        v6,
    })
    .prop_map(IcmpTypeList)
}

/// One to three flags are asked for, as a frame could have them.
fn flags() -> impl Strategy<Value = TcpFlags> {
    (vec(0..8_u8, 1..4), pool::tcp_flags()).prop_map(|(bits, wanted)| {
        let asked = bits.into_iter().fold(0, |asked, bit| asked | 1 << bit);
        TcpFlags {
            set: asked & wanted,
            clear: asked & !wanted,
        }
    })
}

/// Each word of the language, `any` among them.
fn fragments() -> impl Strategy<Value = FragmentList> {
    let any: Vec<_> = FRAGMENT_KINDS.iter().skip(1).map(|known| known.1).collect();
    let kinds = prop_oneof![
        4 => select(&FRAGMENT_KINDS[..]).prop_map(|known| vec![known.1]),
        1 => Just(any),
    ];
    entries(kinds, |negated, kinds| FragmentEntry { negated, kinds }).prop_map(FragmentList)
}

fn macs() -> impl Strategy<Value = MacList> {
    entries(select(&pool::MACS[..]), |negated, address| MacEntry {
        negated,
        address,
    })
    .prop_map(MacList)
}
