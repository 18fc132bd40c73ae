//! What changes from one configuration to another.
//!
//! Owns the comparison: rules by name and place, sets by prefix, settings by key. Values are
//! compared as they are printed, so what cannot be seen is no difference. Never asks what either
//! means for a packet.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use ipnetwork::IpNetwork;
use serde::Serialize;

use super::model::{Config, Expectation, Rule, Set};
use super::prefixes::Prefixes;
use super::print;

/// What changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Keys of the top level and of its tables, sets and rules aside.
    pub settings: Vec<KeyChange>,
    /// Those that are gone in the former order, then all others in the new one.
    pub rules: Vec<RuleChange>,
    /// By name.
    pub sets: Vec<SetChange>,
    /// Those that go in the former order, then those that come in the new one.
    pub expectations: Vec<ExpectationChange>,
}

/// An expectation that comes or goes; one that changes does both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExpectationChange {
    /// Whether it comes.
    pub added: bool,
    /// The packet, as it is written.
    pub packet: String,
    /// Its keys, of which each has a value on one side alone.
    pub keys: Vec<KeyChange>,
}

/// A key whose value changes; values are TOML.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyChange {
    /// The key; in settings a path such as `metrics.listen`.
    pub key: String,
    /// What it was; `None` where it was left out.
    pub before: Option<String>,
    /// What it will be.
    pub after: Option<String>,
}

/// A rule that changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuleChange {
    /// Its name.
    pub name: String,
    /// Its place, from 1; `None` for a new one.
    pub before: Option<usize>,
    /// Its new place; `None` for one that goes.
    pub after: Option<usize>,
    /// Whether its order with the rules that stay is another one.
    pub moved: bool,
    /// Its keys, of which all are new in a new rule, and none is told of one that goes.
    pub keys: Vec<KeyChange>,
}

/// A set that changes. Prefixes are as they lie in the set, merged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SetChange {
    /// Its name.
    pub name: String,
    /// How many prefixes it had; `None` for a new one.
    pub before: Option<usize>,
    /// How many it will have; `None` for one that goes.
    pub after: Option<usize>,
    /// Prefixes that it will have.
    pub added: Vec<IpNetwork>,
    /// Prefixes that it had.
    pub removed: Vec<IpNetwork>,
}

impl Difference {
    /// Compares.
    #[must_use]
    pub fn between(before: &Config, after: &Config) -> Self {
        let written = |config| print::settings(config).into_iter().collect();
        Self {
            settings: keys(&written(before), &written(after)),
            rules: rule_changes(before, after),
            sets: sets(&before.sets, &after.sets),
            expectations: expectations(&before.expectations, &after.expectations),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn keys(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<KeyChange> {
    let change = |key: &String| KeyChange {
        key: key.clone(),
        before: before.get(key).cloned(),
        after: after.get(key).cloned(),
    };
    let gone = before.keys().filter(|key| !after.contains_key(*key));
    let changes = gone.chain(after.keys()).map(change);
    changes.filter(|key| key.before != key.after).collect()
}

/// The rules that change: those that are gone in the former order, then all others in the new one.
#[must_use]
pub fn rule_changes(before: &Config, after: &Config) -> Vec<RuleChange> {
    let (before, after) = (&before.rules[..], &after.rules[..]);
    let old: BTreeMap<&str, (usize, &Rule)> = by_name(before);
    let new: BTreeMap<&str, (usize, &Rule)> = by_name(after);
    let in_order = keeps_its_order(&old, after);
    let gone = before.iter().enumerate().filter_map(|(index, rule)| {
        let gone = !new.contains_key(rule.name.as_str());
        gone.then(|| RuleChange {
            name: rule.name.clone(),
            before: Some(index + 1),
            after: None,
            moved: false,
            keys: Vec::new(),
        })
    });
    let others = after.iter().zip(&in_order).enumerate();
    let others = others.filter_map(|(index, (rule, in_order))| {
        let former = old.get(rule.name.as_str());
        let was = former.map(|(_, rule)| print::rule(rule));
        let change = RuleChange {
            name: rule.name.clone(),
            before: former.map(|(index, _)| index + 1),
            after: Some(index + 1),
            moved: former.is_some() && !in_order,
            keys: rule_keys(&was.unwrap_or_default(), &print::rule(rule)),
        };
        let changes = former.is_none() || change.moved || !change.keys.is_empty();
        changes.then_some(change)
    });
    gone.chain(others).collect()
}

fn by_name(rules: &[Rule]) -> BTreeMap<&str, (usize, &Rule)> {
    let entries = rules.iter().enumerate();
    entries
        .map(|(index, rule)| (rule.name.as_str(), (index, rule)))
        .collect()
}

/// In the order of the reference; the name is what makes them one rule.
fn rule_keys(before: &[print::Written], after: &[print::Written]) -> Vec<KeyChange> {
    let value = |keys: &[print::Written], key| {
        let found = keys.iter().find(|(name, _)| *name == key);
        found.map(|(_, value)| value.clone())
    };
    let gone = before
        .iter()
        .filter(|(key, _)| value(after, *key).is_none());
    let keys = gone.chain(after).filter(|(key, _)| *key != "name");
    let changes = keys.map(|&(key, _)| KeyChange {
        key: key.to_owned(),
        before: value(before, key),
        after: value(after, key),
    });
    changes.filter(|key| key.before != key.after).collect()
}

/// For each rule of `after` whether it is one of the most that can stay where they are while the
/// others move around them: a longest increasing subsequence of the former places.
fn keeps_its_order(before: &BTreeMap<&str, (usize, &Rule)>, after: &[Rule]) -> Vec<bool> {
    let former = after
        .iter()
        .map(|rule| before.get(rule.name.as_str()).map(|(index, _)| *index));
    let former: Vec<Option<usize>> = former.collect();
    // Per length, the subsequence that ends at the earliest former place; each link leads back.
    let mut ends: Vec<(usize, usize)> = Vec::new();
    let mut links: Vec<Option<usize>> = vec![None; former.len()];
    for (index, place) in former.iter().enumerate() {
        let Some(place) = *place else { continue };
        let length = ends.partition_point(|(end, _)| *end < place);
        let link = length.checked_sub(1).and_then(|shorter| ends.get(shorter));
        if let Some(slot) = links.get_mut(index) {
            *slot = link.map(|(_, at)| *at);
        }
        ends.truncate(length.max(ends.len()));
        match ends.get_mut(length) {
            Some(end) => *end = (place, index),
            None => ends.push((place, index)),
        }
    }
    let mut stays = vec![false; former.len()];
    let mut at = ends.last().map(|(_, at)| *at);
    while let Some(index) = at {
        if let Some(stays) = stays.get_mut(index) {
            *stays = true;
        }
        at = links.get(index).copied().flatten();
    }
    stays
}

fn expectations(before: &[Expectation], after: &[Expectation]) -> Vec<ExpectationChange> {
    let side = |these: &[Expectation], others: &[Expectation], added: bool| {
        let others: Vec<_> = others.iter().map(print::expectation).collect();
        let missing = these.iter().filter_map(move |expectation| {
            let keys = print::expectation(expectation);
            (!others.contains(&keys)).then(|| ExpectationChange {
                added,
                packet: expectation.text.clone(),
                keys: if added {
                    rule_keys(&[], &keys)
                } else {
                    rule_keys(&keys, &[])
                },
            })
        });
        missing.collect::<Vec<_>>()
    };
    let mut changes = side(before, after, false);
    changes.extend(side(after, before, true));
    changes
}

fn sets(before: &BTreeMap<String, Set>, after: &BTreeMap<String, Set>) -> Vec<SetChange> {
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let change = |name: &String| {
        let (old, new) = (before.get(name), after.get(name));
        let prefixes =
            |set: Option<&Set>| set.map_or_else(Arc::default, |set| set.prefixes.clone());
        let (removed, added) = apart(&prefixes(old), &prefixes(new));
        let changes = old.is_none() != new.is_none() || !added.is_empty() || !removed.is_empty();
        changes.then(|| SetChange {
            name: name.clone(),
            before: old.map(|set| set.prefixes.len()),
            after: new.map(|set| set.prefixes.len()),
            added,
            removed,
        })
    };
    names.into_iter().filter_map(change).collect()
}

/// What only the one and only the other has.
fn apart(before: &Prefixes, after: &Prefixes) -> (Vec<IpNetwork>, Vec<IpNetwork>) {
    let (mut removed, mut added) = (Vec::new(), Vec::new());
    let (mut old, mut new) = (before.iter().peekable(), after.iter().peekable());
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return (removed, added),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(old), Some(new)) => old.cmp(new),
        };
        if order != Ordering::Greater
            && let Some(prefix) = old.next()
            && order == Ordering::Less
        {
            removed.push(prefix);
        }
        if order != Ordering::Less
            && let Some(prefix) = new.next()
            && order == Ordering::Greater
        {
            added.push(prefix);
        }
    }
}

#[cfg(test)]
#[path = "difference_tests.rs"]
mod tests;
