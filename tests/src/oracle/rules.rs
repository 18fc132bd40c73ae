//! A linear scan over the rules.
//!
//! Owns what a criterion means. Sees of the packet only what criteria can ask for.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use ipnetwork::IpNetwork;
use xdp_fw::config::{
    AddressList, Addresses, Config, IcmpTypeEntry, NumberList, Rule, Set, TcpFlags,
};

use super::read::{Link, Packet};

/// What criteria are asked about; no criterion matches what is absent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) interface: &'a str,
    pub(super) link: Link,
    pub(super) addresses: Option<(IpAddr, IpAddr)>,
    /// A sound one.
    pub(super) packet: Option<&'a Packet<'a>>,
}

/// The enabled rules of which every criterion matches, in file order.
pub(super) fn matching<'a>(
    config: &'a Config,
    subject: &Subject<'a>,
) -> impl Iterator<Item = &'a Rule> {
    let subject = *subject;
    config.rules.iter().filter(move |rule| {
        rule.enabled
            && link_matches(rule, &subject)
            && addresses_match(rule, &subject, &config.sets)
            && header_matches(rule, subject.packet)
            && transport_matches(rule, subject.packet)
    })
}

/// Criteria on where a frame came from, before it is looked into.
fn link_matches(rule: &Rule, subject: &Subject<'_>) -> bool {
    let (source, destination) = subject.link.macs.unzip();
    let interface = rule.interface.as_ref().map(|list| &list.0[..]);
    let source_mac = rule.source_mac.as_ref().map(|list| &list.0[..]);
    let destination_mac = rule.destination_mac.as_ref().map(|list| &list.0[..]);
    holds(interface, Some(subject.interface), |entry, name| {
        (
            entry.negated,
            glob(entry.pattern.as_bytes(), name.as_bytes()),
        )
    }) && holds(source_mac, source, |entry, mac| {
        (entry.negated, entry.address == mac)
    }) && holds(destination_mac, destination, |entry, mac| {
        (entry.negated, entry.address == mac)
    }) && number(rule.vlan.as_ref(), subject.link.vlan)
}

fn addresses_match(rule: &Rule, subject: &Subject<'_>, sets: &BTreeMap<String, Set>) -> bool {
    let (source, destination) = subject.addresses.unzip();
    let family = source.map(|address| if address.is_ipv4() { 4 } else { 6 });
    address(rule.source.as_ref(), source, sets)
        && address(rule.destination.as_ref(), destination, sets)
        && number(rule.family.as_ref(), family)
}

/// Criteria on the IP header.
fn header_matches(rule: &Rule, packet: Option<&Packet<'_>>) -> bool {
    let fragment = rule.fragment.as_ref().map(|list| &list.0[..]);
    number(
        rule.protocol.as_ref(),
        packet.and_then(|packet| packet.protocol),
    ) && number(rule.length.as_ref(), packet.map(|packet| packet.length))
        && number(rule.ttl.as_ref(), packet.map(|packet| packet.hop_limit))
        && number(rule.dscp.as_ref(), packet.map(|packet| packet.dscp))
        && number(rule.ecn.as_ref(), packet.map(|packet| packet.ecn))
        && holds(fragment, packet.map(Packet::fragment), |entry, kind| {
            (entry.negated, entry.kinds.contains(&kind))
        })
}

/// Criteria on the transport header.
fn transport_matches(rule: &Rule, packet: Option<&Packet<'_>>) -> bool {
    let (source, destination) = packet.and_then(Packet::ports).unzip();
    let icmp = packet.and_then(|packet| Some((packet.addresses.0, packet.icmp()?)));
    let kind = icmp.map(|(address, (kind, _))| (address, kind));
    let icmp_type = rule.icmp_type.as_ref().map(|list| &list.0[..]);
    number(rule.source_port.as_ref(), source)
        && number(rule.destination_port.as_ref(), destination)
        && number(rule.icmp_code.as_ref(), icmp.map(|(_, (_, code))| code))
        && holds(icmp_type, kind, |entry, (address, kind)| {
            (entry.negated, names_type(entry, address, kind))
        })
        && flags(
            rule.tcp_flags.as_deref(),
            packet.and_then(Packet::tcp_flags),
        )
}

fn address(
    list: Option<&AddressList>,
    address: Option<IpAddr>,
    sets: &BTreeMap<String, Set>,
) -> bool {
    let list = list.map(|list| &list.0[..]);
    holds(list, address, |entry, address| {
        let named = match &entry.addresses {
            Addresses::Prefix(prefix) => prefix_holds(prefix, address),
            Addresses::Set(name) => sets.get(name).is_some_and(|set| {
                let mut prefixes = set.prefixes.iter();
                prefixes.any(|prefix| prefix_holds(&prefix, address))
            }),
        };
        (entry.negated, named)
    })
}

fn number<T: Copy + PartialOrd>(list: Option<&NumberList<T>>, value: Option<T>) -> bool {
    let list = list.map(|list| &list.0[..]);
    holds(list, value, |entry, value| {
        (entry.negated, is_between(&entry.range, value))
    })
}

fn names_type(entry: &IcmpTypeEntry, address: IpAddr, kind: u8) -> bool {
    let range = match address {
        IpAddr::V4(_) => &entry.v4,
        IpAddr::V6(_) => &entry.v6,
    };
    range.as_ref().is_some_and(|range| is_between(range, kind))
}

/// Any of the combinations.
fn flags(combinations: Option<&[TcpFlags]>, flags: Option<u8>) -> bool {
    let Some(combinations) = combinations else {
        return true;
    };
    flags.is_some_and(|flags| {
        let is = |wanted: &TcpFlags| flags & wanted.set == wanted.set && flags & wanted.clear == 0;
        combinations.iter().any(is)
    })
}

fn is_between<T: Copy + PartialOrd>(range: &RangeInclusive<T>, value: T) -> bool {
    *range.start() <= value && value <= *range.end()
}

/// Whether a value is there and in the union of the plain entries (with none: everything) minus
/// the union of the negated ones. `entry` says of an entry whether it is negated, and whether it
/// names the value. A criterion that is not there holds for everything.
fn holds<E, V: Copy>(
    entries: Option<&[E]>,
    value: Option<V>,
    entry: impl Fn(&E, V) -> (bool, bool),
) -> bool {
    let Some(entries) = entries else { return true };
    let Some(value) = value else { return false };
    let mut has_plain = false;
    let mut in_plain = false;
    for (negated, named) in entries.iter().map(|one| entry(one, value)) {
        if negated && named {
            return false;
        }
        has_plain |= !negated;
        in_plain |= !negated && named;
    }
    in_plain || !has_plain
}

/// Whether a name is one that the pattern describes: `*` stands for any characters, `?` for one.
fn glob(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern, name) {
        ([], rest) => rest.is_empty(),
        ([b'*', wanted @ ..], []) => glob(wanted, name),
        ([b'*', wanted @ ..], [_, rest @ ..]) => glob(wanted, name) || glob(pattern, rest),
        (_, []) => false,
        ([first, wanted @ ..], [found, rest @ ..]) => {
            (*first == b'?' || first == found) && glob(wanted, rest)
        }
    }
}

/// Whether the first bits of `address` are those of `prefix`, which is of the same family.
fn prefix_holds(prefix: &IpNetwork, address: IpAddr) -> bool {
    let bits = u32::from(prefix.prefix());
    match (prefix.ip(), address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let differing = network.to_bits() ^ address.to_bits();
            differing.leading_zeros() >= bits
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let differing = network.to_bits() ^ address.to_bits();
            differing.leading_zeros() >= bits
        }
        _ => false,
    }
}
