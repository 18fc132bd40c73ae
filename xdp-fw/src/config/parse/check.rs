//! What only shows when several keys of a rule are seen together.
//!
//! Owns the proof that a rule can never match for a reason that the operator can see in it.
//! Never compares rules with each other: `lint` does.

use std::collections::BTreeMap;

use super::Document;
use super::families::{Families, SetFamilies};
use super::report::Report;
use super::rule::RuleDraft;
use crate::config::model::{Rule, Set};
use crate::criteria::numbers::{LENGTH, PROTOCOL};
use crate::criteria::{FragmentKind, Ranges, Value};
use crate::names::protocols::{self, ICMP, ICMPV6, TCP};
use crate::names::words::one_of;

type Check = fn(&Seen<'_>, &mut Report<'_>);

/// Every check of one rule.
const CHECKS: &[Check] = &[
    something_is_left_of_each_list,
    families_meet,
    ports_need_a_protocol_with_ports,
    tcp_flags_need_tcp,
    icmp_needs_its_protocol_and_family,
    no_packet_has_ports_and_an_icmp_type,
    later_fragments_have_no_transport_header,
    atomic_fragments_are_of_ipv6,
    packets_are_longer_than_their_header,
    icmp_of_the_other_family_is_not_ping,
];

const PORTS: [&str; 2] = ["source_port", "destination_port"];
const ICMP_KEYS: [&str; 2] = ["icmp_type", "icmp_code"];
const TCP_FLAGS: &str = "tcp_flags";

/// A rule, and what its lists come to.
struct Seen<'a> {
    draft: &'a RuleDraft,
    rule: &'a Rule,
    /// Of `source`, `destination` and `family`, where they are given.
    source: Option<Families>,
    destination: Option<Families>,
    family: Option<Families>,
    /// What all three leave.
    families: Families,
}

impl<'a> Seen<'a> {
    fn of(draft: &'a RuleDraft, sets: &SetFamilies<'_>) -> Self {
        let rule = &draft.rule;
        let source = rule.source.as_ref().map(|list| sets.left(list));
        let destination = rule.destination.as_ref().map(|list| sets.left(list));
        let family = rule.family.as_ref().map(|list| Families {
            v4: list.contains(&4),
            v6: list.contains(&6),
        });
        let given = [source, destination, family].into_iter().flatten();
        Self {
            draft,
            rule,
            source,
            destination,
            family,
            families: given.fold(Families::BOTH, Families::and),
        }
    }

    fn has(&self, key: &str) -> bool {
        self.draft.keys.contains_key(key)
    }

    /// Reports each of `keys` that the rule has.
    fn each_wrong(&self, keys: &[&str], report: &mut Report<'_>, why: &str) {
        for key in keys {
            if let Some(&offset) = self.draft.keys.get(key) {
                report.wrong(offset, format!("`{key}` can never match: {why}"));
            }
        }
    }

    fn has_protocol(&self, number: u8) -> bool {
        let list = self.rule.protocol.as_ref();
        list.is_none_or(|list| list.contains(&number))
    }
}

/// Checks every rule by itself.
pub(super) fn rules(documents: &mut [Document<'_>], sets: &BTreeMap<String, Set>) {
    let families = SetFamilies::of(sets);
    for document in documents {
        for draft in &document.rules {
            let seen = Seen::of(draft, &families);
            for check in CHECKS {
                check(&seen, &mut document.report);
            }
        }
    }
}

fn something_is_left_of_each_list(seen: &Seen<'_>, report: &mut Report<'_>) {
    for (criterion, value) in seen.rule.criteria() {
        let spec = criterion.spec();
        let is_empty = match value {
            Value::Numbers(list) => {
                let numbers = spec.kind.numbers();
                numbers.is_some_and(|numbers| Ranges::of(&list, numbers.values).is_empty())
            }
            Value::IcmpTypes(list) => !list.reaches(false) && !list.reaches(true),
            Value::Fragments(list) => !FragmentKind::ALL.iter().any(|kind| list.contains(*kind)),
            Value::Macs(list) => list.is_empty(),
            // Sets are filled later, interfaces come later, and a combination is never empty.
            Value::Addresses(_) | Value::Interfaces(_) | Value::Flags(_) => false,
        };
        if is_empty {
            let why = "its entries with `!` take everything away; expected something left";
            seen.each_wrong(&[spec.key], report, why);
        }
    }
}

fn families_meet(seen: &Seen<'_>, report: &mut Report<'_>) {
    let only = |families: Option<Families>| families.and_then(Families::only);
    let (from, to) = (only(seen.source), only(seen.destination));
    if let (Some(from), Some(to)) = (from, to)
        && from != to
    {
        let keys = &seen.draft.keys;
        let offset = keys
            .get("destination")
            .copied()
            .unwrap_or(seen.draft.offset);
        let message = format!(
            "rule can never match: `source` is {from} only and `destination` {to} only; expected one family"
        );
        report.wrong(offset, message);
        return;
    }
    let Some(family) = only(seen.family) else {
        return;
    };
    for (key, other) in [("source", from), ("destination", to)] {
        if let Some(other) = other.filter(|&other| other != family) {
            let why = format!("`{key}` is {other} only; expected that family, or no `family`");
            seen.each_wrong(&["family"], report, &why);
            return;
        }
    }
}

fn ports_need_a_protocol_with_ports(seen: &Seen<'_>, report: &mut Report<'_>) {
    if protocols::WITH_PORTS
        .into_iter()
        .any(|number| seen.has_protocol(number))
    {
        return;
    }
    let names = protocols::WITH_PORTS
        .into_iter()
        .filter_map(protocols::name);
    let why = format!(
        "`protocol` has no protocol with ports; expected {}",
        one_of(names)
    );
    seen.each_wrong(&PORTS, report, &why);
}

fn tcp_flags_need_tcp(seen: &Seen<'_>, report: &mut Report<'_>) {
    if !seen.has_protocol(TCP) {
        let why = "`protocol` does not have `tcp`; expected `tcp`, or no `protocol`";
        seen.each_wrong(&[TCP_FLAGS], report, why);
    }
}

fn icmp_needs_its_protocol_and_family(seen: &Seen<'_>, report: &mut Report<'_>) {
    let (icmp, icmpv6) = (seen.has_protocol(ICMP), seen.has_protocol(ICMPV6));
    if !icmp && !icmpv6 {
        let why =
            "`protocol` has neither `icmp` nor `icmpv6`; expected one of them, or no `protocol`";
        return seen.each_wrong(&ICMP_KEYS, report, why);
    }
    let left = seen.families.and(Families {
        v4: icmp,
        v6: icmpv6,
    });
    // Families that do not meet are a mistake of their own.
    if seen.families
        == (Families {
            v4: false,
            v6: false,
        })
    {
        return;
    }
    if !left.v4 && !left.v6 {
        let why =
            "`icmp` is of IPv4 and `icmpv6` of IPv6; expected the protocol of this rule's family";
        return seen.each_wrong(&ICMP_KEYS, report, why);
    }
    let Some(types) = &seen.rule.icmp_type else {
        return;
    };
    let (v4, v6) = (types.reaches(false), types.reaches(true));
    if (left.v4 && v4) || (left.v6 && v6) || (!v4 && !v6) {
        return;
    }
    let (this, its) = if left.v4 {
        ("IPv4", "ICMP")
    } else {
        ("IPv6", "ICMPv6")
    };
    let why =
        format!("this rule is {this} only, and no type here is of {its}; expected one that is");
    seen.each_wrong(&["icmp_type"], report, &why);
}

fn no_packet_has_ports_and_an_icmp_type(seen: &Seen<'_>, report: &mut Report<'_>) {
    let of_others = [PORTS[0], PORTS[1], TCP_FLAGS];
    if let Some(key) = of_others.into_iter().find(|key| seen.has(key)) {
        let why = format!("no packet has it and `{key}`; expected one of the two");
        seen.each_wrong(&ICMP_KEYS, report, &why);
    }
}

fn later_fragments_have_no_transport_header(seen: &Seen<'_>, report: &mut Report<'_>) {
    let Some(fragment) = &seen.rule.fragment else {
        return;
    };
    let with_header = [
        FragmentKind::None,
        FragmentKind::Atomic,
        FragmentKind::First,
    ];
    let later = fragment.contains(FragmentKind::Later);
    if later && !with_header.into_iter().any(|kind| fragment.contains(kind)) {
        let why = "`fragment` leaves later fragments only, which do not have it; expected `first` or `none` among `fragment`";
        let keys = [PORTS[0], PORTS[1], TCP_FLAGS, ICMP_KEYS[0], ICMP_KEYS[1]];
        seen.each_wrong(&keys, report, why);
    }
}

fn atomic_fragments_are_of_ipv6(seen: &Seen<'_>, report: &mut Report<'_>) {
    let Some(fragment) = &seen.rule.fragment else {
        return;
    };
    let mut kinds = FragmentKind::ALL.into_iter();
    let is_atomic_only =
        kinds.all(|kind| fragment.contains(kind) == (kind == FragmentKind::Atomic));
    if is_atomic_only && seen.families.only() == Some("IPv4") {
        let why = "this rule is IPv4 only, and atomic fragments are of IPv6; expected another kind";
        seen.each_wrong(&["fragment"], report, why);
    }
}

fn packets_are_longer_than_their_header(seen: &Seen<'_>, report: &mut Report<'_>) {
    let Some(length) = &seen.rule.length else {
        return;
    };
    let header = if seen.families.only() == Some("IPv6") {
        40
    } else {
        20
    };
    let lengths = Ranges::of(length, LENGTH.values);
    if !lengths.is_empty() && lengths.is_within(&Ranges::union([(0, header - 1)])) {
        let why = format!("the header alone has {header} bytes; expected {header} or more");
        seen.each_wrong(&["length"], report, &why);
    }
}

/// It can match, a packet that nobody sends.
fn icmp_of_the_other_family_is_not_ping(seen: &Seen<'_>, report: &mut Report<'_>) {
    let Some(protocol) = &seen.rule.protocol else {
        return;
    };
    let (has, family, instead) = match seen.families.only() {
        Some("IPv6") => (ICMP, "IPv6", ICMPV6),
        Some("IPv4") => (ICMPV6, "IPv4", ICMP),
        _ => return,
    };
    let is_alone = Ranges::of(protocol, PROTOCOL.values) == Ranges::one(has);
    if let (true, Some(&offset)) = (is_alone, seen.draft.keys.get("protocol"))
        && !ICMP_KEYS.iter().any(|key| seen.has(key))
        && let (Some(has), Some(instead)) = (protocols::name(has), protocols::name(instead))
    {
        let message =
            format!("rule is {family} only, which does not use `{has}`; did you mean `{instead}`?");
        report.warn(offset, message);
    }
}
