//! Rules that drop what passes before them as an essential.
//!
//! Owns the warning. It is about rules that name such packets, by ICMP type, port or protocol: a block
//! list, or a rule on a whole protocol, is meant for other packets too. Says nothing of a rule that can
//! match none of the essentials it names, such as redirects with another hop limit.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

use xdp_fw_common::{Essential, Essentials};

use super::criteria::Criteria;
use super::values::{ValueId, Values};
use super::{Seen, warning};
use crate::config::model::{Action, Rule};
use crate::config::print;
use crate::config::problem::Problem;
use crate::criteria::NumberList;
use crate::criteria::{Criterion, Ranges};
use crate::names::protocols::{ICMP, ICMPV6};

const IGMP: u8 = 2;
const UDP: u8 = 17;

/// What a packet of a kind is to rules. The rule names it by one of `named`, and must be able to match
/// one that has all of this.
struct Form {
    kind: Essential,
    family: u8,
    protocol: u8,
    named: Named,
    hop_limit: Option<u8>,
    source: Option<AddressRanges>,
    destination: Option<AddressRanges>,
}

type AddressRanges = &'static [(u128, u128)];

/// By what a rule names packets of a kind.
#[derive(Clone, Copy)]
enum Named {
    /// An ICMP type, with this code if there is one.
    Icmp(RangeInclusiveOf, Option<u8>),
    /// A port of the client, and what an operator may write for both ports of the protocol; the port
    /// that the server must have, if any.
    Port {
        client: u16,
        both: (u16, u16),
        server: u16,
        fixed: bool,
    },
    /// The protocol itself.
    Protocol,
}

type RangeInclusiveOf = (u8, u8);

const fn v6(address: Ipv6Addr) -> u128 {
    address.to_bits()
}

const LINK_LOCAL_RANGE: (u128, u128) = (
    v6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0)),
    v6(Ipv6Addr::new(
        0xfebf, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff,
    )),
);
const LINK_LOCAL: AddressRanges = &[LINK_LOCAL_RANGE];
const ON_LINK: AddressRanges = &[(0, 0), LINK_LOCAL_RANGE];
const GROUPS: AddressRanges = &[(
    Ipv4Addr::new(224, 0, 0, 0).to_bits() as u128,
    Ipv4Addr::new(239, 255, 255, 255).to_bits() as u128,
)];

const fn icmpv6(kind: Essential, types: RangeInclusiveOf, hop_limit: Option<u8>) -> Form {
    Form {
        kind,
        family: 6,
        protocol: ICMPV6,
        named: Named::Icmp(types, None),
        hop_limit,
        source: None,
        destination: None,
    }
}

const fn mld(types: RangeInclusiveOf) -> Form {
    Form {
        source: Some(ON_LINK),
        ..icmpv6(Essential::Mld, types, Some(1))
    }
}

/// ARP is not among them: no rule matches it.
const FORMS: &[Form] = &[
    icmpv6(Essential::RouterDiscovery, (133, 134), Some(255)),
    icmpv6(Essential::NeighborDiscovery, (135, 136), Some(255)),
    icmpv6(Essential::Redirect, (137, 137), Some(255)),
    icmpv6(Essential::PathMtu, (2, 2), None),
    mld((130, 132)),
    mld((143, 143)),
    Form {
        family: 4,
        protocol: ICMP,
        named: Named::Icmp((3, 3), Some(4)),
        ..icmpv6(Essential::PathMtu, (3, 3), None)
    },
    Form {
        kind: Essential::Igmp,
        family: 4,
        protocol: IGMP,
        named: Named::Protocol,
        hop_limit: Some(1),
        source: None,
        destination: Some(GROUPS),
    },
    Form {
        kind: Essential::Dhcp,
        family: 4,
        protocol: UDP,
        named: Named::Port {
            client: 68,
            both: (67, 68),
            server: 67,
            fixed: true,
        },
        hop_limit: None,
        source: None,
        destination: None,
    },
    Form {
        kind: Essential::Dhcpv6,
        family: 6,
        protocol: UDP,
        named: Named::Port {
            client: 546,
            both: (546, 547),
            server: 547,
            fixed: false,
        },
        hop_limit: None,
        source: None,
        destination: Some(LINK_LOCAL),
    },
];

/// Warns of a rule that drops packets which pass as essentials, and names them.
pub(super) fn by_essentials(
    seen: &Seen<'_>,
    essentials: Essentials,
    values: &mut Values<'_>,
) -> Option<Problem> {
    if seen.rule.action != Action::Drop || seen.criteria.has_empty(values) {
        return None;
    }
    let kinds: Essentials = FORMS
        .iter()
        .filter(|form| essentials.has(form.kind))
        .filter(|form| form.is_named_by(seen.rule) && form.may_match(&seen.criteria, values))
        .map(|form| form.kind)
        .collect();
    if kinds.is_empty() {
        return None;
    }
    let names: Vec<&str> = kinds.iter().map(packets).collect();
    let left = kinds.iter().fold(essentials, Essentials::without);
    let message = format!(
        "rule `{}` drops {}, which pass first as essentials; expected `essentials = {}`, or no such rule",
        seen.rule.name,
        names.join(" and "),
        print::essentials(left)
    );
    Some(warning(&seen.rule.position, message))
}

const fn packets(kind: Essential) -> &'static str {
    match kind {
        Essential::Arp => "ARP",
        Essential::NeighborDiscovery => "IPv6 neighbour discovery",
        Essential::RouterDiscovery => "IPv6 router discovery",
        Essential::Redirect => "ICMPv6 redirects",
        Essential::Mld => "MLD",
        Essential::Igmp => "IGMP",
        Essential::PathMtu => "path MTU messages",
        Essential::Dhcp => "DHCP messages of servers",
        Essential::Dhcpv6 => "DHCPv6 messages of servers",
    }
}

impl Form {
    /// Whether an entry of the rule is for such packets and no others.
    fn is_named_by(&self, rule: &Rule) -> bool {
        match self.named {
            Named::Protocol => single(rule.protocol.as_ref(), self.protocol),
            Named::Port {
                client,
                both,
                server,
                ..
            } => {
                names(rule.destination_port.as_ref(), client, both)
                    || names(rule.source_port.as_ref(), server, both)
            }
            Named::Icmp(types, code) => {
                let list = rule.icmp_type.as_ref();
                let plain = list.iter().flat_map(|list| &list.0);
                let mut plain = plain.filter(|entry| !entry.negated).map(|entry| {
                    let of_family = if self.family == 4 {
                        &entry.v4
                    } else {
                        &entry.v6
                    };
                    of_family.clone()
                });
                let types = types.0..=types.1;
                let is_within = |range: RangeInclusive<u8>| {
                    is_essential_type(self.family, &range)
                        && types.start() <= range.end()
                        && range.start() <= types.end()
                };
                let code = code.is_none_or(|code| single(rule.icmp_code.as_ref(), code));
                code && plain.any(|range| range.is_some_and(is_within))
            }
        }
    }

    /// Whether the rule may match one.
    fn may_match(&self, criteria: &Criteria, values: &mut Values<'_>) -> bool {
        let mut wanted = vec![
            (Criterion::Family, one(self.family.into())),
            (Criterion::Protocol, one(self.protocol.into())),
            // Not a fragment.
            (Criterion::Fragment, one(0)),
        ];
        wanted.extend(self.hop_limit.map(|ttl| (Criterion::Ttl, one(ttl.into()))));
        if let Named::Port {
            client,
            server,
            fixed,
            ..
        } = self.named
        {
            wanted.push((Criterion::DestinationPort, one(client.into())));
            wanted.extend(fixed.then(|| (Criterion::SourcePort, one(server.into()))));
        }
        let numbers = wanted.into_iter().all(|(criterion, wanted)| {
            let wanted = values.numbers(wanted);
            criteria.may_have(criterion, wanted, values)
        });
        let addresses = [
            (Criterion::Source, self.source),
            (Criterion::Destination, self.destination),
        ];
        numbers
            && addresses.into_iter().all(|(criterion, ranges)| {
                ranges.is_none_or(|ranges| {
                    let wanted = self.addresses(ranges, values);
                    criteria.may_have(criterion, wanted, values)
                })
            })
    }

    fn addresses(&self, ranges: AddressRanges, values: &mut Values<'_>) -> ValueId {
        let ranges = Ranges::union(ranges.iter().copied());
        if self.family == 4 {
            values.families(ranges, Ranges::default())
        } else {
            values.families(Ranges::default(), ranges)
        }
    }
}

/// Whether every type in the range is that of an essential.
fn is_essential_type(family: u8, range: &RangeInclusive<u8>) -> bool {
    let mut types = range.clone();
    match family {
        4 => types.all(|kind| kind == 3),
        _ => types.all(|kind| matches!(kind, 2 | 130..=137 | 143)),
    }
}

fn one(number: u128) -> Ranges {
    Ranges::union([(number, number)])
}

/// Whether the list has an entry for this number alone.
fn single<T: PartialEq + Copy>(list: Option<&NumberList<T>>, number: T) -> bool {
    let plain = list.iter().flat_map(|list| &list.0);
    let mut plain = plain.filter(|entry| !entry.negated);
    plain.any(|entry| *entry.range.start() == number && *entry.range.end() == number)
}

/// Whether it has an entry for this port, or for it and the other one of the protocol.
fn names(list: Option<&NumberList<u16>>, port: u16, (from, to): (u16, u16)) -> bool {
    let plain = list.iter().flat_map(|list| &list.0);
    let mut plain = plain.filter(|entry| !entry.negated);
    plain.any(|entry| {
        entry.range.contains(&port) && *entry.range.start() >= from && *entry.range.end() <= to
    })
}
