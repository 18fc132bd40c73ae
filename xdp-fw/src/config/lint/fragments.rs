//! Datagrams that lose all fragments but the first.
//!
//! Owns the warning. A later fragment has no ports: a rule on ports passes the first one alone, and
//! the datagram is lost unless another rule passes the others. Silent where a rule says what becomes of
//! fragments, and where it is not sure that any are lost.

use super::criteria::{Criteria, Order};
use super::values::Values;
use super::{Seen, named, warning};
use crate::config::model::{Action, Config};
use crate::config::problem::Problem;
use crate::criteria::{Criterion, Ranges};

/// What drops later fragments.
enum Loser<'a> {
    Default,
    Rule(&'a Seen<'a>),
}

/// Warns of rules that pass UDP by port where the rest of a long datagram is dropped.
pub(super) fn lost(
    rules: &[Seen<'_>],
    config: &Config,
    order: &Order,
    values: &mut Values<'_>,
) -> Vec<Problem> {
    let passing = rules.iter().filter(|seen| {
        seen.rule.action == Action::Pass && !seen.rule.shadow && !seen.criteria.has_empty(values)
    });
    let passing: Vec<&Seen<'_>> = passing.collect();
    let mut warnings = Vec::new();
    for seen in passing {
        let loser = [4, 6].into_iter().find_map(|family| {
            let later = seen.criteria.later_fragments(family, values)?;
            loser(rules, &later, family, config, order, values)
        });
        warnings.extend(loser.map(|loser| told(seen, &loser)));
    }
    warnings
}

/// What drops some of these fragments, which no rule passes; `None` if that is not sure.
fn loser<'a>(
    rules: &'a [Seen<'a>],
    later: &Criteria,
    family: u8,
    config: &Config,
    order: &Order,
    values: &mut Values<'_>,
) -> Option<Loser<'a>> {
    // Whatever a rule passes of them, it may pass from all of its addresses.
    let mut left = later.sources(family, values)?;
    for seen in rules.iter().filter(|seen| !seen.rule.shadow) {
        if seen.criteria.cover(later, order, values) {
            let is_meant = seen.criteria.asks(Criterion::Fragment);
            let drops = seen.rule.action == Action::Drop && !is_meant;
            return drops.then_some(Loser::Rule(seen));
        }
        if !seen.criteria.may_match_fragments(later, values) {
            continue;
        }
        let is_meant = seen.criteria.asks(Criterion::Fragment);
        if seen.rule.action == Action::Pass || is_meant {
            let sources = seen.criteria.sources(family, values)?;
            left = left.without(&sources);
            if left == Ranges::default() {
                return None;
            }
        }
    }
    (config.default_action == Action::Drop).then_some(Loser::Default)
}

fn told(seen: &Seen<'_>, loser: &Loser<'_>) -> Problem {
    let position = &seen.rule.position;
    let (loser, place) = match loser {
        Loser::Default => ("`default_action`".to_owned(), "one"),
        Loser::Rule(other) => (named(other.rule, &position.file), "one before it"),
    };
    let message = format!(
        "rule `{}` passes UDP by port, and only the first fragment of a long datagram has ports: {loser} drops the others; expected {place} with the same addresses, `protocol = \"udp\"` and `fragment = \"later\"`, or `fragment = \"none\"` in this rule",
        seen.rule.name
    );
    warning(position, message)
}
