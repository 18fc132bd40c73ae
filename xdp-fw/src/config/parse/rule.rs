//! `[[rule]]`: its keys, each one a row of [`FIELDS`].
//!
//! Owns name, action and switches; the table of criteria has the others. Never looks at two keys at
//! once: that is `check`'s work.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Document;
use super::criterion;
use super::field::{Field, Item, Key, Offsets, Scope, Shape, Target, read_table};
use super::icmp::{self, CodeEntry};
use super::value::{assign, bad_name, choice, flag, is_name, text, wrong_kind};
use crate::config::defaults::{MAX_RULES, MAX_SHADOW_RULES, RULE_ENABLED, RULE_SHADOW};
use crate::config::model::{Action, Position, Rule};
use crate::config::print;
use crate::criteria::Criterion;

/// What completes "expected …" for an action.
pub(super) const ACTIONS: &str = "\"pass\" or \"drop\"";

/// The same, for editors.
pub(super) const ACTION_WORDS: Shape = Shape::Choice(&["pass", "drop"]);

/// The keys of `[[rule]]`, in the order in which people write them.
pub(super) static FIELDS: LazyLock<Vec<Field<RuleDraft>>> = LazyLock::new(|| {
    let criteria = Criterion::ALL.into_iter().map(criterion::field);
    OWN.into_iter().chain(criteria).collect()
});

/// Those that are no criteria.
const OWN: [Field<RuleDraft>; 4] = [
    Field {
        key: Key::required(
            "name",
            Shape::Text,
            "a unique name, 1 to 63 of A-Z a-z 0-9 _ . : -",
            "Names the rule; its counters live as long as the name does.",
        ),
        read: |draft, item, scope| assign(&mut draft.rule.name, name(item, scope)),
        print: |rule, _| Some(print::quoted(&rule.name)),
    },
    Field {
        key: Key::required(
            "action",
            ACTION_WORDS,
            ACTIONS,
            "What happens to a packet that this rule is the first to match.",
        ),
        read: |draft, item, scope| assign(&mut draft.rule.action, action(item, scope)),
        print: |rule, _| Some(print::action(rule.action)),
    },
    Field {
        key: Key::default(
            "enabled",
            "true",
            Shape::Flag,
            "true or false",
            "Whether the rule matches anything; a disabled one is still checked.",
        ),
        read: |draft, item, scope| assign(&mut draft.rule.enabled, flag(item, scope)),
        print: |rule, _| (!rule.enabled).then(|| "false".to_owned()),
    },
    Field {
        key: Key::default(
            "shadow",
            "false",
            Shape::Flag,
            "true or false",
            "Whether the rule only counts what it would have done, and the next one is asked.",
        ),
        read: |draft, item, scope| assign(&mut draft.rule.shadow, flag(item, scope)),
        print: |rule, _| rule.shadow.then(|| "true".to_owned()),
    },
];

/// A rule and where its keys stand, for the checks that look at several of them.
pub(super) struct RuleDraft {
    pub(super) rule: Rule,
    /// Byte offset of the table.
    pub(super) offset: usize,
    /// Byte offset of each key that it has.
    pub(super) keys: Offsets,
    /// What `icmp_code` says, until it is looked up.
    pub(super) icmp_codes: Option<Vec<Spanned<CodeEntry>>>,
}

impl Target for RuleDraft {
    type Model = Rule;
}

/// What a packet gets.
pub(super) fn action(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<Action> {
    let others = [
        ("accept", "pass"),
        ("allow", "pass"),
        ("permit", "pass"),
        ("deny", "drop"),
        ("reject", "drop"),
        ("block", "drop"),
        ("discard", "drop"),
    ];
    choice(
        item,
        scope,
        &[("pass", Action::Pass), ("drop", Action::Drop)],
        &others,
    )
}

fn name(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<String> {
    let name = text(item, scope)?;
    if !is_name(name) {
        scope.report.wrong(item.offset(), bad_name(name));
        return None;
    }
    Some(name.to_owned())
}

/// Reads every `[[rule]]`, in file order.
pub(super) fn rules(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<Vec<RuleDraft>> {
    let DeValue::Array(tables) = item.value.get_ref() else {
        wrong_kind(item, scope);
        return None;
    };
    let mut rules = Vec::with_capacity(tables.len().min(MAX_RULES));
    for (index, value) in tables.iter().enumerate() {
        let item = Item {
            value,
            in_list: true,
            ..*item
        };
        let earlier = scope.earlier_rules + index;
        if earlier >= MAX_RULES {
            // One problem, at the first that is too many.
            if earlier == MAX_RULES {
                let message = format!("{} rules; expected at most {MAX_RULES}", scope.all_rules);
                scope.report.wrong(item.offset(), message);
            }
            break;
        }
        rules.extend(rule(&item, scope));
    }
    Some(rules)
}

fn rule(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<RuleDraft> {
    let DeValue::Table(table) = item.value.get_ref() else {
        wrong_kind(item, scope);
        return None;
    };
    let offset = item.offset();
    let mut draft = RuleDraft {
        rule: blank(scope.report.position(offset)),
        offset,
        keys: Offsets::new(),
        icmp_codes: None,
    };
    draft.keys = read_table(&mut draft, &FIELDS, ("rule", offset), table, scope);
    icmp::resolve(&mut draft, scope);
    Some(draft)
}

/// A rule that says nothing yet. Name and action are required, so these never survive.
fn blank(position: Position) -> Rule {
    Rule {
        enabled: RULE_ENABLED,
        shadow: RULE_SHADOW,
        ..Rule::without_criteria(String::new(), Action::Drop, position)
    }
}

/// How many rules a document has, right or wrong.
pub(super) fn count(document: &DeTable<'_>) -> usize {
    let rules = document.get("rule");
    let rules = rules.and_then(|value| value.get_ref().as_array());
    rules.map_or(0, |rules| rules.len())
}

/// Reports names that an earlier rule has taken, in whichever file.
pub(super) fn report_repeated_names(documents: &mut [Document<'_>]) {
    let mut first = BTreeMap::new();
    for document in documents {
        for draft in &document.rules {
            let Rule { name, position, .. } = &draft.rule;
            if name.is_empty() {
                continue;
            }
            let taken = first
                .entry(name.clone())
                .or_insert_with(|| position.clone());
            if *taken != *position {
                let at = draft.keys.get("name").copied().unwrap_or(draft.offset);
                let place = taken.seen_from(document.path);
                let message = format!(
                    "rule `{name}` is already defined at {place}; expected a name of its own"
                );
                document.report.wrong(at, message);
            }
        }
    }
}

/// Reports the first of too many shadow rules.
pub(super) fn report_too_many_shadows(documents: &mut [Document<'_>]) {
    let mut left = MAX_SHADOW_RULES;
    for document in documents {
        for draft in document.rules.iter().filter(|draft| draft.rule.shadow) {
            if left == 0 {
                let offset = draft.keys.get("shadow").copied().unwrap_or(draft.offset);
                let message =
                    format!("one shadow rule too many; expected at most {MAX_SHADOW_RULES}");
                document.report.wrong(offset, message);
                return;
            }
            left -= 1;
        }
    }
}
