//! The lists of criteria, from the text in which tests write them.
//!
//! Owns the short notation. It is that of the file where the file has one.

use std::str::FromStr;

use ipnetwork::IpNetwork;
use xdp_fw::config::{
    AddressEntry, AddressList, Addresses, FragmentEntry, FragmentKind, FragmentList, IcmpTypeEntry,
    IcmpTypeList, InterfaceEntry, InterfaceList, MacEntry, MacList, NumberEntry, NumberList,
    TcpFlags,
};

/// Some ICMP types by name: their numbers in IPv4 and in IPv6.
pub const ICMP_TYPES: [(&str, Option<u8>, Option<u8>); 6] = [
    ("echo-request", Some(8), Some(128)),
    ("echo-reply", Some(0), Some(129)),
    ("destination-unreachable", Some(3), Some(1)),
    ("time-exceeded", Some(11), Some(3)),
    ("timestamp-request", Some(13), None),
    ("packet-too-big", None, Some(2)),
];

/// Flags of TCP by name, from the lowest bit on.
pub const TCP_FLAGS: [&str; 8] = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"];

/// Kinds of fragments by name.
pub const FRAGMENT_KINDS: [(&str, FragmentKind); 4] = [
    ("none", FragmentKind::None),
    ("atomic", FragmentKind::Atomic),
    ("first", FragmentKind::First),
    ("later", FragmentKind::Later),
];

/// In a list of VLAN ids: no tag.
pub const VLAN_NONE: u16 = 4096;

/// The entries of a list.
pub(super) fn entries(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim)
}

/// Every entry by `read`, which is told whether it is negated.
fn read<E>(list: &str, mut read: impl FnMut(bool, &str) -> E) -> Vec<E> {
    entries(list)
        .map(|entry| match entry.strip_prefix('!') {
            Some(rest) => read(true, rest),
            None => read(false, entry),
        })
        .collect()
}

pub(super) fn addresses(list: &str) -> AddressList {
    AddressList(read(list, |negated, name| AddressEntry {
        negated,
        addresses: match name.strip_prefix('@') {
            Some(set) => Addresses::Set(set.to_owned()),
            None => Addresses::Prefix(prefix(name)),
        },
    }))
}

pub(super) fn numbers<T: FromStr>(list: &str) -> NumberList<T> {
    NumberList(read(list, |negated, range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        NumberEntry {
            negated,
            range: parsed(first)..=parsed(last),
        }
    }))
}

pub(super) fn vlans(list: &str) -> NumberList<u16> {
    numbers(&list.replace("none", &VLAN_NONE.to_string()))
}

pub(super) fn interfaces(list: &str) -> InterfaceList {
    InterfaceList(read(list, |negated, pattern| InterfaceEntry {
        negated,
        pattern: pattern.to_owned(),
    }))
}

pub(super) fn icmp_types(list: &str) -> IcmpTypeList {
    let one = |number: u8| number..=number;
    IcmpTypeList(read(list, |negated, kind| {
        let named = ICMP_TYPES.iter().find(|(name, ..)| *name == kind);
        let (v4, v6) = match named {
            Some((_, v4, v6)) => (v4.map(one), v6.map(one)),
            None => {
                let (first, last) = kind.split_once('-').unwrap_or((kind, kind));
                let range = parsed(first)..=parsed(last);
                (Some(range.clone()), Some(range))
            }
        };
        IcmpTypeEntry { negated, v4, v6 }
    }))
}

pub(super) fn flags(list: &str) -> Vec<TcpFlags> {
    entries(list).map(combination).collect()
}

fn combination(text: &str) -> TcpFlags {
    let mut flags = TcpFlags { set: 0, clear: 0 };
    for word in text.split_whitespace() {
        let name = word.trim_start_matches('!');
        let Some(bit) = TCP_FLAGS.iter().position(|flag| *flag == name) else {
            panic!("{name:?} is no flag of TCP");
        };
        if name == word {
            flags.set |= 1 << bit;
        } else {
            flags.clear |= 1 << bit;
        }
    }
    flags
}

pub(super) fn fragments(list: &str) -> FragmentList {
    FragmentList(read(list, |negated, word| {
        let is = |name: &str| name == word || (word == "any" && name != "none");
        let kinds = FRAGMENT_KINDS.iter().filter(|(name, _)| is(name));
        let kinds: Vec<FragmentKind> = kinds.map(|(_, kind)| *kind).collect();
        assert!(!kinds.is_empty(), "{word:?} is no kind of fragment");
        FragmentEntry { negated, kinds }
    }))
}

pub(super) fn macs(list: &str) -> MacList {
    MacList(read(list, |negated, text| MacEntry {
        negated,
        address: mac(text),
    }))
}

fn mac(text: &str) -> [u8; 6] {
    let bytes: Option<Vec<u8>> = text
        .split(':')
        .map(|byte| u8::from_str_radix(byte, 16).ok())
        .collect();
    let Some(Ok(address)) = bytes.map(TryInto::try_into) else {
        panic!("{text:?} is no Ethernet address");
    };
    address
}

pub(super) fn prefix(text: &str) -> IpNetwork {
    parsed(text)
}

fn parsed<T: FromStr>(text: &str) -> T {
    let Ok(value) = text.parse() else {
        panic!("{text:?} cannot stand in this list");
    };
    value
}
