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
    Action, AddressEntry, AddressList, Addresses, Config, NumberEntry, NumberList, Rule, Set,
};

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

/// Several hundred rules, so narrow that late ones decide too.
pub fn many_rules() -> BoxedStrategy<Config> {
    with_policies(vec(narrow_rule(), 200..=600))
}

fn with_policies(rules: impl Strategy<Value = Vec<Rule>> + 'static) -> BoxedStrategy<Config> {
    let policies = (action(), action(), action(), any::<bool>());
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

/// A rule of any criteria, without a name yet.
fn broad_rule() -> impl Strategy<Value = Rule> {
    let addresses = || weighted(0.6, address_list(pool::prefix()));
    let ports = || weighted(0.25, number_list(pool::port()));
    let criteria = (
        addresses(),
        addresses(),
        weighted(0.4, number_list(pool::protocol())),
        ports(),
        ports(),
    );
    (action(), proptest::bool::weighted(0.9), criteria).prop_map(|(action, enabled, criteria)| {
        let (source, destination, protocol, source_port, destination_port) = criteria;
        Rule {
            enabled,
            source,
            destination,
            protocol,
            source_port,
            destination_port,
            ..ruleset::rule("", action)
        }
    })
}

/// A rule of an address or two and one port or protocol.
fn narrow_rule() -> impl Strategy<Value = Rule> {
    let source = address_list(pool::narrow_prefix());
    let number = prop_oneof![
        pool::port().prop_map(|port| (None, Some(just(port)))),
        pool::protocol().prop_map(|protocol| (Some(just(protocol)), None)),
    ];
    (action(), source, number).prop_map(|(action, mut source, (protocol, destination_port))| {
        // Sets and negated entries alone are broad.
        source
            .0
            .retain(|entry| matches!(entry.addresses, Addresses::Prefix(_)));
        if let Some(first) = source.0.first_mut() {
            first.negated = false;
        }
        Rule {
            source: (!source.0.is_empty()).then_some(source),
            protocol,
            destination_port,
            ..ruleset::rule("", action)
        }
    })
}

fn action() -> impl Strategy<Value = Action> {
    select(&[Action::Pass, Action::Drop][..])
}

fn address_list(prefix: impl Strategy<Value = IpNetwork>) -> impl Strategy<Value = AddressList> {
    let addresses = prop_oneof![
        4 => prefix.prop_map(Addresses::Prefix),
        1 => select(&SETS[..]).prop_map(|name| Addresses::Set(name.to_owned())),
    ];
    let entry = (proptest::bool::weighted(0.3), addresses)
        .prop_map(|(negated, addresses)| AddressEntry { negated, addresses });
    vec(entry, 1..5).prop_map(AddressList)
}

/// Single numbers and ranges between two of the pool.
fn number_list<T>(number: impl Strategy<Value = T> + Clone) -> impl Strategy<Value = NumberList<T>>
where
    T: Copy + Ord + std::fmt::Debug,
{
    let range = prop_oneof![
        2 => number.clone().prop_map(|number| number..=number),
        1 => (number.clone(), number).prop_map(|(one, other)| one.min(other)..=one.max(other)),
    ];
    let entry = (proptest::bool::weighted(0.3), range)
        .prop_map(|(negated, range)| NumberEntry { negated, range });
    vec(entry, 1..4).prop_map(NumberList)
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
        let prefixes = match &entry.addresses {
            Addresses::Prefix(prefix) => std::slice::from_ref(prefix),
            Addresses::Set(name) => sets.get(name).map_or(&[][..], |set| &set.prefixes),
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
