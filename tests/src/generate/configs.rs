//! Random configurations: every policy, every kind of list, few rules and several hundred.
//!
//! Owns nothing but the checked model's shape: no rule here is one that the product refuses for
//! mixing families that cannot meet.

use std::collections::BTreeMap;

use ipnetwork::IpNetwork;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;
use xdp_fw::config::{
    Action, AddressList, Addresses, Config, Essentials, NumberEntry, NumberList, Rule, Set,
};

use super::criteria::{address_list, criterion};
use super::pool;
use crate::ruleset;

/// Every configuration has these sets, so that any list may name them.
const SETS: [&str; 3] = ["red", "green", "blue"];

/// Up to 40 rules, and now and then several hundred.
pub fn config() -> BoxedStrategy<Config> {
    let rules = prop_oneof![
        6 => vec(broad_rule(), 0..=8),
        3 => vec(broad_rule(), 9..=40),
        1 => vec(narrow_rule(), 200..=400),
    ];
    with_policies(rules)
}

/// Up to eight rules.
pub fn few_rules() -> BoxedStrategy<Config> {
    with_policies(vec(broad_rule(), 0..=8))
}

/// Several hundred rules, so narrow that late ones decide too.
pub fn many_rules() -> BoxedStrategy<Config> {
    with_policies(vec(narrow_rule(), 200..=600))
}

/// The same with no criteria but on addresses, protocol and ports, for which there are filters of
/// their own, and without shadow rules.
#[must_use]
pub fn basic(config: Config) -> Config {
    let basic = |rule: Rule| Rule {
        name: rule.name,
        action: rule.action,
        enabled: rule.enabled,
        source: rule.source,
        destination: rule.destination,
        protocol: rule.protocol,
        source_port: rule.source_port,
        destination_port: rule.destination_port,
        ..ruleset::drop("basic")
    };
    Config {
        rules: config.rules.into_iter().map(basic).collect(),
        ..config
    }
}

fn with_policies(rules: impl Strategy<Value = Vec<Rule>> + 'static) -> BoxedStrategy<Config> {
    let policies = (action(), action(), action(), essentials());
    let sets = vec(vec(pool::prefix(), 1..6), SETS.len());
    (rules, sets, policies)
        .prop_map(|(rules, sets, policies)| {
            let (default_action, malformed, non_ip, essentials) = policies;
            let sets: BTreeMap<String, Set> = SETS
                .into_iter()
                .map(str::to_owned)
                .zip(sets.into_iter().map(ruleset::set))
                .collect();
            let rules = rules.into_iter().enumerate().map(|(index, rule)| {
                let name = format!("rule-{index}");
                without_impossible_destination(Rule { name, ..rule }, &sets)
            });
            Config {
                default_action,
                malformed,
                non_ip,
                essentials,
                sets: sets.clone(),
                ..ruleset::config(rules)
            }
        })
        .boxed()
}

/// All, none, or some.
fn essentials() -> impl Strategy<Value = Essentials> {
    prop_oneof![
        2 => Just(Essentials::ALL),
        1 => Just(Essentials::NONE),
        2 => any::<u32>().prop_map(|bits| {
            let kinds = Essentials::from_bits(bits);
            kinds.iter().collect()
        }),
    ]
}

/// A rule of any criteria, without a name yet.
fn broad_rule() -> impl Strategy<Value = Rule> {
    // Each further criterion makes a match less likely.
    let criteria = prop_oneof![
        1 => vec(criterion(&SETS), 0..=1),
        4 => vec(criterion(&SETS), 1..=3),
        1 => vec(criterion(&SETS), 4..=8),
    ];
    let switches = (
        proptest::bool::weighted(0.9),
        proptest::bool::weighted(0.15),
    );
    (action(), switches, criteria).prop_map(|(action, (enabled, shadow), criteria)| {
        let mut rule = Rule {
            enabled,
            shadow,
            ..ruleset::rule("", action)
        };
        for criterion in criteria {
            criterion.add_to(&mut rule);
        }
        rule
    })
}

/// A rule of an address or two, one port or protocol, and now and then one criterion more.
fn narrow_rule() -> impl Strategy<Value = Rule> {
    let source = address_list(pool::narrow_prefix(), &SETS);
    let number = prop_oneof![
        pool::port().prop_map(|port| (None, Some(just(port)))),
        pool::protocol().prop_map(|protocol| (Some(just(protocol)), None)),
    ];
    let more = weighted(0.2, criterion(&SETS));
    let shadow = proptest::bool::weighted(0.1);
    (action(), shadow, source, number, more).prop_map(|(action, shadow, source, number, more)| {
        let mut rule = Rule {
            shadow,
            protocol: number.0,
            destination_port: number.1,
            ..ruleset::rule("", action)
        };
        if let Some(more) = more {
            more.add_to(&mut rule);
        }
        rule.source = only_prefixes(source);
        rule
    })
}

/// The prefixes of a list, the first of them plain: sets, or negated entries alone, are broad.
fn only_prefixes(mut list: AddressList) -> Option<AddressList> {
    list.0
        .retain(|entry| matches!(entry.addresses, Addresses::Prefix(_)));
    list.0.first_mut()?.negated = false;
    Some(list)
}

fn action() -> impl Strategy<Value = Action> {
    select(&[Action::Pass, Action::Drop][..])
}

fn just<T: Copy>(number: T) -> NumberList<T> {
    NumberList(vec![NumberEntry {
        negated: false,
        range: number..=number,
    }])
}

/// Drops the destination of a rule whose source is of the other family alone.
fn without_impossible_destination(rule: Rule, sets: &BTreeMap<String, Set>) -> Rule {
    let families = |list: &Option<AddressList>| match list {
        Some(list) => families(list, sets),
        None => [true, true],
    };
    let [source_v4, source_v6] = families(&rule.source);
    let [destination_v4, destination_v6] = families(&rule.destination);
    let can_meet = (source_v4 && destination_v4) || (source_v6 && destination_v6);
    Rule {
        destination: rule.destination.filter(|_| can_meet),
        ..rule
    }
}

/// Whether a list's plain entries have IPv4 and IPv6 among them; without any it has both.
fn families(list: &AddressList, sets: &BTreeMap<String, Set>) -> [bool; 2] {
    let mut families = [false, false];
    for entry in list.0.iter().filter(|entry| !entry.negated) {
        let prefixes: Vec<_> = match &entry.addresses {
            Addresses::Prefix(prefix) => vec![*prefix],
            Addresses::Set(name) => sets
                .get(name)
                .map_or_else(Vec::new, |set| set.prefixes.iter().collect()),
        };
        families[0] |= prefixes.iter().any(IpNetwork::is_ipv4);
        families[1] |= prefixes.iter().any(IpNetwork::is_ipv6);
    }
    if families == [false, false] {
        [true, true]
    } else {
        families
    }
}
