//! Rules on `vlan`, and interfaces that do not show them the tags.
//!
//! Owns which rules that concerns, and the sentence. Such a configuration is refused; an interface
//! that comes to hide tags while it is in force stays filtered, and is reported.

use std::collections::BTreeMap;

use tracing::{error, info};

use crate::config::{Config, Place, Problem, Problems, Rule};
use crate::interfaces::{self, Interface, hides_tags, matches, why_unfit};

use crate::daemon::datapath_thread::blocking;
use crate::daemon::refusal::{KernelError, Refusal};

/// What is wrong, by the name of the interface that hides tags.
pub(in crate::daemon) type Hidden = BTreeMap<String, Problem>;

/// Refuses a configuration whose rules ask for tags that an interface hides.
pub(in crate::daemon) async fn refuse_hidden(config: &Config) -> Result<(), Refusal> {
    if !has_rules(config) {
        return Ok(());
    }
    let all = interfaces::list().await.map_err(KernelError::from)?;
    let hidden = hidden(config, &all).await?;
    if hidden.is_empty() {
        return Ok(());
    }
    let problems = hidden.into_values().map(|problem| Problem {
        message: format!("{}; then `xdp-fw reload`", problem.message),
        ..problem
    });
    Err(Refusal::HiddenTags(Problems {
        problems: problems.collect(),
        watched: Vec::new(),
        ..Problems::default()
    }))
}

/// Which of the interfaces that are configured hide tags from a rule that asks for them.
pub(in crate::daemon) async fn hidden(
    config: &Config,
    all: &[Interface],
) -> Result<Hidden, KernelError> {
    let asked: Vec<(Interface, Problem)> = asked(config, all).collect();
    if asked.is_empty() {
        return Ok(Hidden::new());
    }
    let all = all.to_vec();
    blocking(move || {
        let hidden = asked.into_iter().filter_map(|(interface, problem)| {
            let remedy = match hides_tags(&interface, &all) {
                Ok(remedy) => remedy?,
                Err(error) => format!("the kernel does not tell whether it does: {error}"),
            };
            let message = format!("{}; {remedy}", problem.message);
            Some((interface.name.into(), Problem { message, ..problem }))
        });
        hidden.collect()
    })
    .await
}

/// Logs each interface that has come to hide tags, and each that shows them again.
pub(in crate::daemon) fn log_changes(before: &Hidden, now: &Hidden) {
    for (name, problem) in now {
        if before.get(name) != Some(problem) {
            error!("{problem}");
        }
    }
    for name in before.keys().filter(|name| !now.contains_key(*name)) {
        info!("{name}: no tags are hidden from rules on `vlan` any more");
    }
}

/// Whether any rule asks for tags.
fn has_rules(config: &Config) -> bool {
    config.rules.iter().any(is_about_tags)
}

fn is_about_tags(rule: &Rule) -> bool {
    rule.enabled && rule.vlan.is_some()
}

/// The rules that ask for tags of frames that come in by an interface.
pub(crate) fn rules_on_tags<'a>(
    config: &'a Config,
    interface: &'a str,
) -> impl Iterator<Item = &'a Rule> {
    let rules = config.rules.iter().filter(|rule| is_about_tags(rule));
    rules.filter(move |rule| {
        let list = rule.interface.as_ref();
        list.is_none_or(|list| list.contains(interface))
    })
}

/// The interfaces to be filtered that rules on `vlan` are for, and what to say if they hide tags.
fn asked<'a>(
    config: &'a Config,
    all: &'a [Interface],
) -> impl Iterator<Item = (Interface, Problem)> + use<'a> {
    all.iter().filter_map(|interface| {
        let name = interface.name.as_str();
        let configured = config.interfaces.iter().any(|it| matches(it, name));
        if !configured || why_unfit(interface, all).is_some() {
            return None;
        }
        let mut rules = rules_on_tags(config, name);
        let first = rules.next()?;
        Some((interface.clone(), problem(name, first, rules.count())))
    })
}

fn problem(interface: &str, first: &Rule, others: usize) -> Problem {
    let rules = match others {
        0 => format!("rule `{}` asks", first.name),
        1 => format!("rule `{}` and another one ask", first.name),
        _ => format!("rule `{}` and {others} others ask", first.name),
    };
    Problem {
        place: Place::At(first.position.clone()),
        message: format!(
            "{rules} for `vlan`, but {interface} takes tags off frames before they are filtered"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Action, InterfaceEntry, InterfaceList, NumberEntry, NumberList, Position};
    use crate::daemon::testing::config;

    fn interface(name: &str) -> Interface {
        Interface {
            index: 1,
            name: crate::names::InterfaceName::from_text(name),
            flaw: None,
            ethernet: name != "lo",
            kind: None,
            up: true,
            mtu: 1500,
            controller: None,
            lower: None,
            xdp: None,
        }
    }

    fn rule(name: &str, interface: Option<&str>) -> Rule {
        let position = Position {
            file: "/etc/xdp-fw.toml".into(),
            line: 7,
            column: 1,
        };
        let entry = |range| NumberEntry {
            negated: false,
            range,
        };
        let named = |pattern: &str| InterfaceEntry {
            negated: pattern.starts_with('!'),
            pattern: pattern.trim_start_matches('!').to_owned(),
        };
        Rule {
            vlan: Some(NumberList(vec![entry(7..=7)])),
            interface: interface.map(|pattern| InterfaceList(vec![named(pattern)])),
            ..Rule::without_criteria(name.to_owned(), Action::Drop, position)
        }
    }

    /// What is asked of these rules on `eth0`, `eth1` and `lo`, of which all are configured.
    fn messages(rules: Vec<Rule>) -> Vec<String> {
        let config = Config {
            rules,
            ..config(&["*"])
        };
        let all = ["lo", "eth0", "eth1"].map(interface);
        let asked = asked(&config, &all);
        asked.map(|(_, problem)| problem.to_string()).collect()
    }

    #[test]
    fn a_rule_asks_every_ethernet_interface_that_it_may_match() {
        let place = "/etc/xdp-fw.toml:7:1: ";
        let sentence = |rules: &str, interface: &str| {
            format!(
                "{place}{rules} for `vlan`, but {interface} takes tags off frames before they are \
                 filtered"
            )
        };
        assert_eq!(
            messages(vec![rule("a", None)]),
            [
                sentence("rule `a` asks", "eth0"),
                sentence("rule `a` asks", "eth1")
            ]
        );
        let two = vec![rule("a", Some("eth1")), rule("b", None)];
        assert_eq!(
            messages(two),
            [
                sentence("rule `b` asks", "eth0"),
                sentence("rule `a` and another one ask", "eth1")
            ]
        );
        let three = vec![
            rule("a", Some("!eth1")),
            rule("b", Some("eth0")),
            rule("c", Some("eth0")),
        ];
        assert_eq!(
            messages(three),
            [sentence("rule `a` and 2 others ask", "eth0")]
        );
    }

    #[test]
    fn a_rule_that_is_disabled_or_not_about_tags_asks_nobody() {
        let disabled = Rule {
            enabled: false,
            ..rule("a", None)
        };
        let other = Rule {
            vlan: None,
            ..rule("b", None)
        };
        assert!(messages(vec![disabled, other]).is_empty());
    }
}
