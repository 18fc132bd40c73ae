//! What is allowed in a configuration but probably not meant, seen over all of its rules.
//!
//! Owns the warnings. Never warns of what only might be so: a rule is said to be out of reach only
//! if one single rule before it matches everything that it does, which is decided criterion by
//! criterion; what several rules cover together goes unsaid. Never asks the policy.

mod criteria;
mod earlier;
mod extensions;
mod fragments;
mod interfaces;
mod large;
mod lengths;
mod malformed;
mod overridden;
mod values;

use std::path::Path;

use self::criteria::{Criteria, Order};
use self::earlier::Earlier;
use self::values::Values;
use super::model::{Action, Config, Position, Rule};
use super::problem::{Place, Problem};
use crate::criteria::{Addresses, FragmentKind, Value};
use crate::names::protocols::TCP;

/// The port on which operators come in.
const SSH: u16 = 22;

/// Every warning, in the order of the rules. `default_action` is where that key stands.
pub(super) fn lint(config: &Config, default_action: Option<&Position>) -> Vec<Problem> {
    let mut values = Values::of(&config.sets);
    let rules = config.rules.iter().filter(|rule| rule.enabled);
    let rules: Vec<Seen<'_>> = rules
        .map(|rule| Seen {
            rule,
            criteria: Criteria::of(rule, &mut values),
        })
        .collect();
    let mut warnings = Vec::new();
    for seen in &rules {
        warnings.extend(nothing_left(seen, &values, config));
        warnings.extend(interfaces::never_attached(seen.rule, &config.interfaces));
        warnings.extend(extensions::in_ipv4_only(seen, &mut values));
        warnings.extend(lengths::of_joined_packets(seen.rule, config));
        warnings.extend(overridden::by_essentials(
            seen,
            config.essentials,
            &mut values,
        ));
    }
    warnings.extend(malformed::past_rules(&rules, config));
    let order = Order::of(&rules.iter().map(|seen| &seen.criteria).collect::<Vec<_>>());
    warnings.extend(out_of_reach(&rules, &order, &mut values));
    warnings.extend(fragments::lost(&rules, config, &order, &mut values));
    warnings.extend(no_way_in(
        &rules,
        config,
        default_action,
        &order,
        &mut values,
    ));
    warnings
}

/// An enabled rule and what its criteria come to.
struct Seen<'a> {
    rule: &'a Rule,
    criteria: Criteria,
}

impl Seen<'_> {
    /// Whether it decides over every packet that reaches it.
    fn is_last_word(&self) -> bool {
        self.criteria.is_none() && !self.rule.shadow
    }
}

fn warning(position: &Position, message: String) -> Problem {
    Problem {
        place: Place::At(position.clone()),
        message,
    }
}

/// The name of a rule, and where it stands as seen from `from`.
fn named(rule: &Rule, from: &Path) -> String {
    let place = rule.position.seen_from(from);
    format!("rule `{}` at {place}", rule.name)
}

const fn does(action: Action) -> &'static str {
    match action {
        Action::Pass => "passes",
        Action::Drop => "drops",
    }
}

/// Addresses that exceptions take away as a whole.
fn nothing_left(seen: &Seen<'_>, values: &Values<'_>, config: &Config) -> Option<Problem> {
    for (criterion, value) in seen.rule.criteria() {
        let Value::Addresses(list) = value else {
            continue;
        };
        let key = criterion.spec().key;
        // A set that is empty today may be filled tomorrow.
        let waits = list.0.iter().any(|entry| {
            let Addresses::Set(name) = &entry.addresses else {
                return false;
            };
            let set = config.sets.get(name);
            set.is_none_or(|set| set.prefixes.is_empty())
        });
        if !waits && seen.criteria.is_empty(criterion, values) {
            let message = format!(
                "rule `{}` can never match: nothing is left of its `{key}`; expected addresses that no entry with `!` takes away",
                seen.rule.name
            );
            return Some(warning(&seen.rule.position, message));
        }
    }
    None
}

/// Rules that can never match because one before them matches all that they do.
fn out_of_reach(rules: &[Seen<'_>], order: &Order, values: &mut Values<'_>) -> Vec<Problem> {
    let mut warnings = Vec::new();
    let mut deciding: Vec<&Seen<'_>> = Vec::with_capacity(rules.len());
    let mut earlier = Earlier::default();
    for (index, seen) in rules.iter().enumerate() {
        if seen.is_last_word() {
            let below = rules.get(index + 1..).unwrap_or_default();
            warnings.extend(covers_all_below(seen.rule, below));
            break;
        }
        // It matches nothing, perhaps because a set is empty for now.
        if seen.criteria.has_empty(values) {
            continue;
        }
        let first = earlier.covering(&seen.criteria, order, values);
        if let Some(first) = first.and_then(|first| deciding.get(first)) {
            warnings.push(covered(seen, first));
        } else if !seen.rule.shadow {
            deciding.push(seen);
            earlier.add(&seen.criteria, values);
        }
    }
    warnings
}

fn covers_all_below(rule: &Rule, below: &[Seen<'_>]) -> Option<Problem> {
    let count = below.len();
    let drops = below.iter().filter(|seen| seen.rule.action == Action::Drop);
    let drops = drops.count();
    let rules = match (count, drops) {
        (0, _) => return None,
        (1, 0) => "the rule below it".to_owned(),
        (1, _) => "the rule below it, which drops,".to_owned(),
        (_, 0) => format!("the {count} rules below it"),
        (_, 1) => format!("the {count} rules below it, one of which drops,"),
        (_, _) => format!("the {count} rules below it, {drops} of which drop,"),
    };
    let message = format!(
        "rule `{}` {} every packet: {rules} can never match; expected it last",
        rule.name,
        does(rule.action)
    );
    Some(warning(&rule.position, message))
}

fn covered(seen: &Seen<'_>, first: &Seen<'_>) -> Problem {
    let position = &seen.rule.position;
    let (name, verb) = (&seen.rule.name, does(first.rule.action));
    let first_name = named(first.rule, &position.file);
    let message = if seen.criteria == first.criteria {
        format!(
            "rule `{name}` can never match: {first_name} has the same criteria, and {verb} all of its packets first; expected one of the two"
        )
    } else {
        format!(
            "rule `{name}` can never match: {first_name} {verb} all of its packets first; expected it before that one, or not at all"
        )
    };
    warning(position, message)
}

/// Everything is dropped that no rule passes, and no rule passes a new connection to SSH.
fn no_way_in(
    rules: &[Seen<'_>],
    config: &Config,
    default_action: Option<&Position>,
    order: &Order,
    values: &mut Values<'_>,
) -> Option<Problem> {
    let last = rules.iter().position(Seen::is_last_word);
    let last = last.and_then(|index| Some((index, rules.get(index)?)));
    let (asked, action, position) = match last {
        Some((index, seen)) => (index, seen.rule.action, Some(&seen.rule.position)),
        None => (rules.len(), config.default_action, default_action),
    };
    let position = position.filter(|_| action == Action::Drop)?;
    let mut dropping: Vec<&Criteria> = Vec::new();
    for seen in rules.get(..asked)?.iter().filter(|seen| !seen.rule.shadow) {
        if seen.rule.action == Action::Drop {
            dropping.push(&seen.criteria);
            continue;
        }
        let ssh = seen.criteria.at_port(TCP, SSH, values);
        if can_open_a_connection(seen.rule)
            && let Some(ssh) = ssh
            && !dropping.iter().any(|drop| drop.cover(&ssh, order, values))
        {
            return None;
        }
    }
    let message = format!(
        "all is dropped that no rule passes, and none passes TCP port {SSH}: a session over SSH ends when this comes into force; expected a rule that passes your own way in"
    );
    Some(warning(position, message))
}

/// Whether it may match the first packet of a connection, as far as that is not said by protocol
/// and port: a SYN, which may ask for ECN, in one piece.
fn can_open_a_connection(rule: &Rule) -> bool {
    const SYN: u8 = 2;
    const ECN: u8 = 64 | 128;
    let flags = rule.tcp_flags.iter().flatten();
    let mut opening = flags.filter(|flags| flags.set & !(SYN | ECN) == 0 && flags.clear & SYN == 0);
    let flags = rule.tcp_flags.is_none() || opening.next().is_some();
    let whole = rule.fragment.as_ref();
    let whole = whole.is_none_or(|list| list.contains(FragmentKind::None));
    flags && whole && rule.icmp_type.is_none() && rule.icmp_code.is_none()
}

#[cfg(test)]
mod tests;
