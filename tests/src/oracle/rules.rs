//! A linear scan over the rules.
//!
//! Owns what a criterion means. Sees of the packet only what criteria can ask for.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use ipnetwork::IpNetwork;
use xdp_fw::config::{AddressList, Addresses, Config, NumberList, Rule, Set};

/// What criteria are asked about; no criterion matches what is absent.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) addresses: Option<(IpAddr, IpAddr)>,
    pub(super) protocol: Option<u8>,
    pub(super) ports: Option<(u16, u16)>,
}

/// The first enabled rule of which every criterion matches.
pub(super) fn first_match<'a>(config: &'a Config, subject: &Subject) -> Option<&'a Rule> {
    config
        .rules
        .iter()
        .find(|rule| rule.enabled && matches(rule, subject, &config.sets))
}

fn matches(rule: &Rule, subject: &Subject, sets: &BTreeMap<String, Set>) -> bool {
    let (source, destination) = subject.addresses.unzip();
    let (source_port, destination_port) = subject.ports.unzip();
    address_matches(rule.source.as_ref(), source, sets)
        && address_matches(rule.destination.as_ref(), destination, sets)
        && number_matches(rule.protocol.as_ref(), subject.protocol)
        && number_matches(rule.source_port.as_ref(), source_port)
        && number_matches(rule.destination_port.as_ref(), destination_port)
}

fn address_matches(
    list: Option<&AddressList>,
    address: Option<IpAddr>,
    sets: &BTreeMap<String, Set>,
) -> bool {
    let Some(list) = list else { return true };
    let Some(address) = address else { return false };
    let names = |addresses: &Addresses| match addresses {
        Addresses::Prefix(prefix) => prefix_holds(prefix, address),
        Addresses::Set(name) => sets.get(name).is_some_and(|set| {
            set.prefixes
                .iter()
                .any(|prefix| prefix_holds(prefix, address))
        }),
    };
    union_minus_negated(&list.0, |entry| (entry.negated, names(&entry.addresses)))
}

fn number_matches<T: Copy + PartialOrd>(list: Option<&NumberList<T>>, value: Option<T>) -> bool {
    let Some(list) = list else { return true };
    let Some(value) = value else { return false };
    let names = |range: &RangeInclusive<T>| *range.start() <= value && value <= *range.end();
    union_minus_negated(&list.0, |entry| (entry.negated, names(&entry.range)))
}

/// The union of the plain entries (with none: everything) minus the union of the negated ones.
/// `entry` says of an entry whether it is negated, and whether it names the value in question.
fn union_minus_negated<E>(entries: &[E], entry: impl Fn(&E) -> (bool, bool)) -> bool {
    let mut has_plain = false;
    let mut in_plain = false;
    for (negated, named) in entries.iter().map(entry) {
        if negated && named {
            return false;
        }
        has_plain |= !negated;
        in_plain |= !negated && named;
    }
    in_plain || !has_plain
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
