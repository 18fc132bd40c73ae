//! What only shows when several keys, rules or sets are seen together.
//!
//! Owns the proof that a rule can never match for a reason that the operator can see in it.
//! Never compares rules with each other: which one shadows which is the policy's to say.

use std::collections::{BTreeMap, BTreeSet};

use ipnetwork::IpNetwork;

use super::report::Report;
use super::rule::RuleDraft;
use super::set::SetDraft;
use super::words::one_of;
use crate::config::model::{AddressEntry, AddressList, Addresses, Rule, Set};
use crate::config::protocols;

type Sets = BTreeMap<String, Set>;
type RuleCheck = fn(&RuleDraft, &BTreeMap<&str, SetFamilies>, &mut Report<'_>);

/// Every check of one rule.
const RULE_CHECKS: &[RuleCheck] = &[ports_need_a_protocol_with_ports, families_must_meet];

/// Checks every rule by itself.
pub(super) fn rules(rules: &[RuleDraft], sets: &Sets, report: &mut Report<'_>) {
    let families = sets
        .iter()
        .map(|(name, set)| (name.as_str(), SetFamilies::of(set)))
        .collect();
    for rule in rules {
        for check in RULE_CHECKS {
            check(rule, &families, report);
        }
    }
}

/// Warns of sets that no rule names.
pub(super) fn unused_sets(sets: &[SetDraft], rules: &[RuleDraft], report: &mut Report<'_>) {
    let used: BTreeSet<&str> = rules
        .iter()
        .flat_map(|draft| set_names(&draft.rule))
        .collect();
    for set in sets.iter().filter(|set| !used.contains(set.name.as_str())) {
        let message = format!(
            "set `{0}` is never used; expected a rule with \"@{0}\"",
            set.name
        );
        report.warn(set.offset, message);
    }
}

fn set_names(rule: &Rule) -> impl Iterator<Item = &str> {
    let lists = [&rule.source, &rule.destination].into_iter().flatten();
    lists
        .flat_map(|list| &list.0)
        .filter_map(|entry| match &entry.addresses {
            Addresses::Set(name) => Some(name.as_str()),
            Addresses::Prefix(_) => None,
        })
}

fn ports_need_a_protocol_with_ports(
    draft: &RuleDraft,
    _: &BTreeMap<&str, SetFamilies>,
    report: &mut Report<'_>,
) {
    let Some(protocol) = &draft.rule.protocol else {
        return;
    };
    if protocols::WITH_PORTS
        .iter()
        .any(|number| protocol.contains(number))
    {
        return;
    }
    let names = one_of(
        protocols::WITH_PORTS
            .into_iter()
            .filter_map(protocols::name),
    );
    for key in ["source_port", "destination_port"] {
        if let Some(&offset) = draft.keys.get(key) {
            let message = format!(
                "`{key}` can never match: `protocol` has no protocol with ports; expected {names}"
            );
            report.wrong(offset, message);
        }
    }
}

fn families_must_meet(
    draft: &RuleDraft,
    sets: &BTreeMap<&str, SetFamilies>,
    report: &mut Report<'_>,
) {
    let (Some(source), Some(destination)) = (&draft.rule.source, &draft.rule.destination) else {
        return;
    };
    let (from, to) = (families(source, sets), families(destination, sets));
    let (Some(from_name), Some(to_name)) = (from.only(), to.only()) else {
        return;
    };
    if from != to {
        let offset = draft
            .keys
            .get("destination")
            .copied()
            .unwrap_or(draft.offset);
        let message = format!(
            "rule can never match: `source` is {from_name} only and `destination` {to_name} only; expected one family"
        );
        report.wrong(offset, message);
    }
}

/// Which address families a list reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Families {
    v4: bool,
    v6: bool,
}

impl Families {
    const NONE: Self = Self {
        v4: false,
        v6: false,
    };
    const BOTH: Self = Self { v4: true, v6: true };

    fn of(prefixes: &[IpNetwork]) -> Self {
        Self {
            v4: prefixes.iter().any(IpNetwork::is_ipv4),
            v6: prefixes.iter().any(IpNetwork::is_ipv6),
        }
    }

    fn or(self, other: Self) -> Self {
        Self {
            v4: self.v4 || other.v4,
            v6: self.v6 || other.v6,
        }
    }

    fn without(self, other: Self) -> Self {
        Self {
            v4: self.v4 && !other.v4,
            v6: self.v6 && !other.v6,
        }
    }

    /// The name of the only family, if there is only one.
    fn only(self) -> Option<&'static str> {
        match (self.v4, self.v6) {
            (true, false) => Some("IPv4"),
            (false, true) => Some("IPv6"),
            _ => None,
        }
    }
}

/// The families of a set: those it reaches, and those it covers as a whole (by a /0).
struct SetFamilies {
    reached: Families,
    covered: Families,
}

impl SetFamilies {
    fn of(set: &Set) -> Self {
        // What an empty set will hold one day is not known.
        let reached = if set.prefixes.is_empty() {
            Families::BOTH
        } else {
            Families::of(&set.prefixes)
        };
        Self {
            reached,
            covered: covered(&set.prefixes),
        }
    }
}

fn covered(prefixes: &[IpNetwork]) -> Families {
    let whole = |prefix: &&IpNetwork| prefix.prefix() == 0;
    prefixes
        .iter()
        .filter(whole)
        .fold(Families::NONE, |all, prefix| {
            all.or(Families::of(std::slice::from_ref(prefix)))
        })
}

/// The families in which a list has an address left.
fn families(list: &AddressList, sets: &BTreeMap<&str, SetFamilies>) -> Families {
    let reached = |entry: &AddressEntry| match &entry.addresses {
        Addresses::Prefix(prefix) => Families::of(std::slice::from_ref(prefix)),
        Addresses::Set(name) => sets
            .get(name.as_str())
            .map_or(Families::BOTH, |set| set.reached),
    };
    let covered = |entry: &AddressEntry| match &entry.addresses {
        Addresses::Prefix(prefix) => covered(std::slice::from_ref(prefix)),
        Addresses::Set(name) => sets
            .get(name.as_str())
            .map_or(Families::NONE, |set| set.covered),
    };
    let (negated, plain): (Vec<_>, Vec<_>) = list.0.iter().partition(|entry| entry.negated);
    let left = if plain.is_empty() {
        Families::BOTH
    } else {
        plain
            .into_iter()
            .map(reached)
            .fold(Families::NONE, Families::or)
    };
    left.without(
        negated
            .into_iter()
            .map(covered)
            .fold(Families::NONE, Families::or),
    )
}
