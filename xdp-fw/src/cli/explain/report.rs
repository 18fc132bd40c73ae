//! What there is to say of one packet.

use std::path::PathBuf;

use serde::Serialize;
use xdp_fw_common::{Essential, Reason};

use crate::cli::Failure;
use crate::config::{Config, Rule};
use crate::explain::{Judgement, Outcome, Subject, steps};
use crate::packet::printed;

use super::evaluator::{By, Evaluator};

/// One packet and its fate, as JSON has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Report {
    pub(super) packet: Packet,
    pub(super) interface: Interface,
    pub(super) judged_by: JudgedBy,
    /// `pass` or `drop`.
    pub(super) verdict: &'static str,
    /// As in `stats`; `None` for one of a newer version.
    pub(super) reason: Option<&'static str>,
    /// The kind of essentials, as in `stats`.
    pub(super) essential: Option<&'static str>,
    /// A sentence about the reason, or about the kind of essentials.
    pub(super) meaning: Option<&'static str>,
    /// The rule that decided.
    pub(super) rule: Option<Named>,
    /// The rules that were asked, the deciding one last; `None` where the configuration is not
    /// known.
    pub(super) rules: Option<Vec<Asked>>,
    /// Why the configuration is not known.
    pub(super) unknown: Option<String>,
    /// What is left out of sets, and concerns this packet.
    pub(super) left_out: Vec<String>,
}

/// The packet as rules see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Packet {
    pub(super) text: String,
    pub(super) details: String,
    /// Bytes of the whole frame.
    pub(super) bytes: usize,
    /// The frame in hexadecimal.
    pub(super) frame: String,
}

/// Where it comes in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Interface {
    pub(super) name: Option<String>,
    pub(super) why: &'static str,
    /// Whether there is one of this name, so that rules can name it.
    pub(super) known: bool,
}

/// Who judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct JudgedBy {
    /// `kernel` or `host`.
    pub(super) program: &'static str,
    /// The generation in force.
    pub(super) generation: Option<u64>,
    /// A file that is not in force.
    #[serde(serialize_with = "crate::names::path_text::optional")]
    pub(super) file: Option<PathBuf>,
}

/// A rule and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Named {
    pub(super) name: String,
    /// Its place in file order, from 1.
    pub(super) number: Option<usize>,
    pub(super) position: Option<Position>,
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Position {
    #[serde(serialize_with = "crate::names::path_text::path")]
    pub(super) file: PathBuf,
    pub(super) line: usize,
    pub(super) column: usize,
}

/// A rule that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Asked {
    #[serde(flatten)]
    pub(super) rule: Named,
    pub(super) outcome: Outcome,
    /// The outcome as a sentence.
    pub(super) text: String,
}

impl Report {
    pub(super) fn of(
        evaluator: &mut Evaluator<'_>,
        frame: &[u8],
        asked: Option<&str>,
    ) -> Result<Self, Failure> {
        let ingress = evaluator.ingress(asked);
        let judgement = evaluator.judge(frame, ingress.index)?;
        let name = ingress.name.as_deref().filter(|_| ingress.known);
        let subject = Subject::of(frame, name);
        let addresses = subject.addresses();
        let addresses = addresses.map(|(source, to)| vec![source, to]);
        let left_out = evaluator.left_out(&addresses.unwrap_or_default());
        let config = evaluator.config.as_ref();
        let rules = config.map(|config| {
            let steps = steps(config, &subject, &judgement).into_iter();
            steps
                .map(|step| Asked {
                    rule: named(step.number, step.rule),
                    text: sentence(&step.outcome, step.rule),
                    outcome: step.outcome,
                })
                .collect()
        });
        let text = printed(frame);
        Ok(Self {
            packet: Packet {
                text: text.brief,
                details: text.details,
                bytes: frame.len(),
                frame: frame.iter().map(|byte| format!("{byte:02x}")).collect(),
            },
            interface: Interface {
                name: ingress.name.clone(),
                why: ingress.why,
                known: ingress.known,
            },
            judged_by: JudgedBy::of(&evaluator.by),
            verdict: judgement.verdict.name(),
            reason: judgement.reason.map(Reason::name),
            essential: judgement.essential.map(Essential::name),
            meaning: meaning(&judgement),
            rule: judgement.rule.map(|name| find(config.ok(), name)),
            unknown: config.err().cloned(),
            left_out,
            rules: rules.ok(),
        })
    }
}

fn meaning(judgement: &Judgement) -> Option<&'static str> {
    let kind = judgement.essential.map(Essential::description);
    kind.or_else(|| judgement.reason.map(Reason::description))
}

impl JudgedBy {
    pub(super) fn of(by: &By) -> Self {
        let (program, generation, file) = match by {
            By::InForce(number) => ("kernel", Some(*number), None),
            By::Private(file) => ("kernel", None, Some(file.clone())),
            By::Host(file) => ("host", None, Some(file.clone())),
        };
        Self {
            program,
            generation,
            file,
        }
    }
}

fn named(number: usize, rule: &Rule) -> Named {
    Named {
        name: rule.name.clone(),
        number: Some(number),
        position: Some(Position {
            file: rule.position.file.clone(),
            line: rule.position.line,
            column: rule.position.column,
        }),
    }
}

fn find(config: Option<&Config>, name: String) -> Named {
    let rules = config.map_or(&[][..], |config| &config.rules);
    let found = (1..).zip(rules).find(|(_, rule)| rule.name == name);
    found.map_or(
        Named {
            name,
            number: None,
            position: None,
        },
        |(number, rule)| named(number, rule),
    )
}

fn sentence(outcome: &Outcome, rule: &Rule) -> String {
    let action = match rule.action {
        crate::config::Action::Pass => "pass",
        crate::config::Action::Drop => "drop",
    };
    match outcome {
        Outcome::Disabled => "is disabled".to_owned(),
        Outcome::Mismatch(mismatch) => mismatch.to_string(),
        Outcome::Shadow => format!("matches, and only counts (shadow): would {action}"),
        Outcome::Decided => format!("matches: {action}"),
        Outcome::Unexplained => {
            "the configuration reads otherwise than the program decided; please report this"
                .to_owned()
        }
    }
}
