//! `malformed = "pass"` beside rules that malformed packets pass by.
//!
//! Owns the warning.

use super::{Seen, warning};
use crate::config::model::{Action, Config, Rule};
use crate::config::problem::Problem;

/// Warns once of drop rules that ask for what a malformed packet does not have, unless whatever they do
/// not see is dropped after them.
pub(super) fn past_rules(rules: &[Seen<'_>], config: &Config) -> Option<Problem> {
    if config.malformed == Action::Drop {
        return None;
    }
    let mut lets_past = config.default_action == Action::Pass;
    let mut blind: Vec<(&Rule, String)> = Vec::new();
    for seen in rules.iter().rev().filter(|seen| !seen.rule.shadow) {
        let rule = seen.rule;
        match (rule.action, asks_for(rule)) {
            // What a rule passes on addresses alone, no drop rule behind it sees anyway.
            (Action::Pass, None) => lets_past = true,
            (Action::Drop, Some(keys)) if lets_past => blind.push((rule, keys)),
            _ => {}
        }
    }
    let (first, keys) = blind.pop()?;
    let others = match blind.len() {
        0 => String::new(),
        1 => ", nor by one more rule like it".to_owned(),
        more => format!(", nor by {more} more rules like it"),
    };
    let message = format!(
        "`malformed = \"pass\"` lets packets through that rule `{}` does not see: a malformed packet \
         has no {keys}, so it is not dropped by it{others}; expected `malformed = \"drop\"`, or drop \
         rules on addresses alone",
        first.name
    );
    Some(warning(&first.position, message))
}

/// The keys of a rule that no malformed packet matches.
fn asks_for(rule: &Rule) -> Option<String> {
    let specs = rule.criteria().map(|(criterion, _)| criterion.spec());
    let unseen = specs.filter(|spec| !spec.of_malformed);
    let named: Vec<String> = unseen.map(|spec| format!("`{}`", spec.key)).collect();
    (!named.is_empty()).then(|| named.join(" or "))
}
