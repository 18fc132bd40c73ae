//! `[[rule]]`: its keys, each one a row of [`FIELDS`].
//!
//! To add a criterion, add a row here and a field to [`Rule`]. Never looks at two keys at once:
//! that is `check`'s work.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::address::addresses;
use super::field::{Field, Item, Key, Offsets, Presence, Scope, read_table};
use super::number::{ports, protocols};
use super::value::{assign, bad_name, choice, flag, is_name, text, wrong_kind};
use crate::config::defaults::{MAX_RULES, RULE_ENABLED};
use crate::config::model::{Action, Position, Rule};

/// What completes "expected …" for an action.
pub(super) const ACTIONS: &str = "\"pass\" or \"drop\"";

const ADDRESSES: &str = "an address, a prefix or \"@set\", each with an optional leading \"!\"";
const PORTS: &str = "a port from 0 to 65535 or a range such as \"8000-8099\"";

/// The keys of `[[rule]]`, in the order in which people write them.
pub(super) static FIELDS: &[Field<Rule>] = &[
    Field {
        key: Key {
            name: "name",
            doc: "Names the rule; its counters live as long as the name does.",
            expects: "a unique name, 1 to 63 of A-Z a-z 0-9 _ . : -",
            is_list: false,
            presence: Presence::Required,
        },
        read: |rule, item, scope| assign(&mut rule.name, name(item, scope)),
    },
    Field {
        key: Key {
            name: "action",
            doc: "What happens to a packet that this rule is the first to match.",
            expects: ACTIONS,
            is_list: false,
            presence: Presence::Required,
        },
        read: |rule, item, scope| assign(&mut rule.action, action(item, scope)),
    },
    Field {
        key: Key {
            name: "enabled",
            doc: "Whether the rule matches anything; a disabled one is still checked.",
            expects: "true or false",
            is_list: false,
            presence: Presence::Default("true"),
        },
        read: |rule, item, scope| assign(&mut rule.enabled, flag(item, scope)),
    },
    Field {
        key: Key {
            name: "source",
            doc: "Source addresses.",
            expects: ADDRESSES,
            is_list: true,
            presence: Presence::Optional,
        },
        read: |rule, item, scope| rule.source = addresses(item, scope),
    },
    Field {
        key: Key {
            name: "destination",
            doc: "Destination addresses.",
            expects: ADDRESSES,
            is_list: true,
            presence: Presence::Optional,
        },
        read: |rule, item, scope| rule.destination = addresses(item, scope),
    },
    Field {
        key: Key {
            name: "protocol",
            doc: "Upper-layer protocols, by IANA name or number.",
            expects: "a protocol such as \"tcp\", a number from 0 to 255 or a range such as \"1-5\"",
            is_list: true,
            presence: Presence::Optional,
        },
        read: |rule, item, scope| rule.protocol = protocols(item, scope),
    },
    Field {
        key: Key {
            name: "source_port",
            doc: "Source ports of TCP, UDP, DCCP, SCTP and UDP-Lite.",
            expects: PORTS,
            is_list: true,
            presence: Presence::Optional,
        },
        read: |rule, item, scope| rule.source_port = ports(item, scope),
    },
    Field {
        key: Key {
            name: "destination_port",
            doc: "Destination ports of the same protocols.",
            expects: PORTS,
            is_list: true,
            presence: Presence::Optional,
        },
        read: |rule, item, scope| rule.destination_port = ports(item, scope),
    },
];

/// A rule and where its keys stand, for the checks that look at several of them.
pub(super) struct RuleDraft {
    pub(super) rule: Rule,
    /// Byte offset of the table.
    pub(super) offset: usize,
    /// Byte offset of each key that it has.
    pub(super) keys: Offsets,
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
        if index == MAX_RULES {
            let message = format!("{} rules; expected at most {MAX_RULES}", tables.len());
            scope.report.wrong(item.offset(), message);
            break;
        }
        rules.extend(rule(&item, scope));
    }
    report_repeated_names(&rules, scope);
    Some(rules)
}

fn rule(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<RuleDraft> {
    let DeValue::Table(table) = item.value.get_ref() else {
        wrong_kind(item, scope);
        return None;
    };
    let offset = item.offset();
    let mut rule = blank(scope.report.position(offset));
    let keys = read_table(&mut rule, FIELDS, ("rule", offset), table, scope);
    Some(RuleDraft { rule, offset, keys })
}

/// A rule that says nothing yet. Name and action are required, so these never survive.
fn blank(position: Position) -> Rule {
    Rule {
        enabled: RULE_ENABLED,
        ..Rule::without_criteria(String::new(), Action::Drop, position)
    }
}

fn report_repeated_names(rules: &[RuleDraft], scope: &mut Scope<'_>) {
    let mut first_lines = BTreeMap::new();
    for draft in rules.iter().filter(|draft| !draft.rule.name.is_empty()) {
        let name = draft.rule.name.as_str();
        let line = draft.rule.position.line;
        let first = *first_lines.entry(name).or_insert(line);
        if first != line {
            let at = draft.keys.get("name").copied().unwrap_or(draft.offset);
            let message = format!(
                "rule `{name}` is already defined at line {first}; expected a name of its own"
            );
            scope.report.wrong(at, message);
        }
    }
}
