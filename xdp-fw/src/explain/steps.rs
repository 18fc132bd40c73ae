//! What became of each rule on the way to a decision.

use serde::Serialize;
use xdp_fw_common::Reason;

use super::judge::Judgement;
use super::mismatch::{Mismatch, mismatch};
use super::subject::Subject;
use crate::config::{Action, Config, Rule};

/// A rule on the way.
#[derive(Debug, Clone)]
pub struct Step<'a> {
    /// Its place in file order, from 1.
    pub number: usize,
    /// The rule.
    pub rule: &'a Rule,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is switched off.
    Disabled,
    /// This criterion did not match.
    Mismatch(Mismatch),
    /// It matched, was counted as a shadow rule, and the next one was asked.
    Shadow,
    /// It decided.
    Decided,
    /// By this reading it should have decided, and it did not; or the other way round. A bug.
    Unexplained,
}

/// The rules that were asked, up to the one that decided; none if none was asked.
#[must_use]
pub fn steps<'a>(
    config: &'a Config,
    subject: &Subject<'_>,
    judgement: &Judgement,
) -> Vec<Step<'a>> {
    if !judgement
        .reason
        .is_some_and(|it| asks_rules(it, config, subject))
    {
        return Vec::new();
    }
    let mut steps = Vec::new();
    for (number, rule) in (1..).zip(&config.rules) {
        let decided = judgement.rule.as_ref() == Some(&rule.name);
        let outcome = if !rule.enabled {
            Outcome::Disabled
        } else {
            match mismatch(rule, &config.sets, subject) {
                Some(_) if decided => Outcome::Unexplained,
                Some(mismatch) => Outcome::Mismatch(mismatch),
                None if decided => Outcome::Decided,
                None if rule.shadow => Outcome::Shadow,
                None => Outcome::Unexplained,
            }
        };
        steps.push(Step {
            number,
            rule,
            outcome,
        });
        if decided {
            break;
        }
    }
    steps
}

/// Whether a packet that met its fate for this reason was shown to the rules.
fn asks_rules(reason: Reason, config: &Config, subject: &Subject<'_>) -> bool {
    match reason {
        Reason::Essential | Reason::NonIp => false,
        _ if reason.always_drops() => false,
        Reason::TinyFragment => config.malformed == Action::Pass && subject.is_read(),
        _ => config.malformed == Action::Pass || !reason.is_malformed(),
    }
}
