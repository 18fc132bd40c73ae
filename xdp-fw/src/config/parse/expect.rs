//! `[[expect]]`: packets and what must become of them.
//!
//! Owns whether such a packet can be read and whether its rule is there. Never judges one: that
//! takes a compiled policy.

use toml::de::DeValue;

use super::Document;
use super::field::{Field, Item, Key, Scope, Shape, Target, read_table};
use super::rule::{ACTION_WORDS, ACTIONS, RuleDraft, action};
use super::value::{assign, bad_name, is_name, text, wrong_kind};
use crate::config::defaults::MAX_EXPECTATIONS;
use crate::config::model::{Action, Expectation};
use crate::config::print;
use crate::names::words::{nearest, quoted};
use crate::packet;

/// The keys of `[[expect]]`.
pub(super) static FIELDS: &[Field<ExpectationDraft>] = &[
    Field {
        key: Key::required(
            "packet",
            Shape::Text,
            "a packet such as \"tcp 192.0.2.10:40000 > 198.51.100.1:22 syn\"",
            "The packet, in the notation of `xdp-fw explain`.",
        ),
        read: |draft, item, scope| draft.packet(item, scope),
        print: |expectation, _| Some(print::quoted(&expectation.text)),
    },
    Field {
        key: Key::required(
            "verdict",
            ACTION_WORDS,
            ACTIONS,
            "What must become of it, or the configuration is refused.",
        ),
        read: |draft, item, scope| {
            draft.verdict = action(item, scope);
            assign(&mut draft.expectation.verdict, draft.verdict);
        },
        print: |expectation, _| Some(print::action(expectation.verdict)),
    },
    Field {
        key: Key::optional(
            "rule",
            Shape::Text,
            "the name of a rule",
            "The rule that must decide.",
        ),
        read: |draft, item, scope| draft.expectation.rule = rule(item, scope),
        print: |expectation, _| expectation.rule.as_ref().map(print::quoted),
    },
];

/// An expectation, before its rule is looked up.
pub(super) struct ExpectationDraft {
    pub(super) expectation: Expectation,
    /// Its verdict, if that could be read.
    verdict: Option<Action>,
    /// Byte offset of the rule's name.
    rule_at: usize,
}

impl Target for ExpectationDraft {
    type Model = Expectation;
}

impl ExpectationDraft {
    fn packet(&mut self, item: &Item<'_>, scope: &mut Scope<'_>) {
        let Some(text) = text(item, scope) else {
            return;
        };
        match packet::parse(text) {
            Ok(packet) => {
                self.expectation.text = text.to_owned();
                self.expectation.packet = packet;
            }
            Err(mistake) => {
                let span = item.value.span();
                let offset = scope.report.within(span, text, mistake.column - 1);
                scope.report.wrong(offset, mistake.message);
            }
        }
    }
}

fn rule(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<String> {
    let name = text(item, scope)?;
    if !is_name(name) {
        scope.report.wrong(item.offset(), bad_name(name));
        return None;
    }
    Some(name.to_owned())
}

/// Reads every `[[expect]]`, in file order.
pub(super) fn expectations(
    item: &Item<'_>,
    scope: &mut Scope<'_>,
) -> Option<Vec<ExpectationDraft>> {
    let DeValue::Array(tables) = item.value.get_ref() else {
        wrong_kind(item, scope);
        return None;
    };
    if tables.len() > MAX_EXPECTATIONS {
        let message = format!(
            "{} expectations; expected at most {MAX_EXPECTATIONS}",
            tables.len()
        );
        scope.report.wrong(item.offset(), message);
        return None;
    }
    let read = |value| {
        let item = Item {
            value,
            in_list: true,
            ..*item
        };
        expectation(&item, scope)
    };
    Some(tables.iter().filter_map(read).collect())
}

fn expectation(item: &Item<'_>, scope: &mut Scope<'_>) -> Option<ExpectationDraft> {
    let DeValue::Table(table) = item.value.get_ref() else {
        wrong_kind(item, scope);
        return None;
    };
    let offset = item.offset();
    let named = table.get("rule");
    let mut draft = ExpectationDraft {
        expectation: Expectation {
            text: String::new(),
            packet: packet::Packet {
                frame: Vec::new(),
                interface: None,
            },
            verdict: Action::Drop,
            rule: None,
            position: scope.report.position(offset),
        },
        verdict: None,
        rule_at: named.map_or(offset, |value| value.span().start),
    };
    read_table(&mut draft, FIELDS, ("expect", offset), table, scope);
    Some(draft)
}

/// What an expectation must know of a rule.
struct Known {
    name: String,
    action: Action,
    enabled: bool,
    shadow: bool,
}

/// Reports rules that are not there, or cannot do what is expected.
pub(super) fn report_impossible_rules(documents: &mut [Document<'_>]) {
    if documents.iter().all(|it| it.expectations.is_empty()) {
        return;
    }
    let rules = documents.iter().flat_map(|document| &document.rules);
    let rules: Vec<Known> = rules
        .map(|RuleDraft { rule, .. }| Known {
            name: rule.name.clone(),
            action: rule.action,
            enabled: rule.enabled,
            shadow: rule.shadow,
        })
        .collect();
    for document in documents {
        for draft in &document.expectations {
            if let Some(message) = fault(draft, &rules) {
                document.report.wrong(draft.rule_at, message);
            }
        }
    }
}

fn fault(draft: &ExpectationDraft, rules: &[Known]) -> Option<String> {
    let name = draft.expectation.rule.as_ref()?;
    let subject = quoted(name);
    let Some(rule) = rules.iter().find(|rule| rule.name == *name) else {
        let names = rules.iter().map(|rule| rule.name.as_str());
        return Some(match nearest(name, names) {
            Some(near) => format!("no rule is called {subject}; did you mean `{near}`?"),
            None => format!("no rule is called {subject}; expected the name of one"),
        });
    };
    if !rule.enabled {
        return Some(format!(
            "rule {subject} is disabled and decides over no packet; expected an enabled one"
        ));
    }
    if rule.shadow {
        return Some(format!(
            "rule {subject} is a shadow rule and decides over no packet; expected another one"
        ));
    }
    let does = match rule.action {
        Action::Pass => "pass",
        Action::Drop => "drop",
    };
    draft.verdict.filter(|verdict| *verdict != rule.action)?;
    Some(format!(
        "rule {subject} has `action = \"{does}\"`; expected `verdict = \"{does}\"`, or another rule"
    ))
}
