//! Whether a compiled policy does what its configuration expects.
//!
//! Owns the interfaces that expectations name: they hold by name, whether or not there is such an
//! interface now, so that a link that is down refuses no configuration.

use std::fmt::Write as _;

use xdp_fw_common::Verdict;

use super::judge::{Judge, Judgement};
use super::mismatch::mismatch;
use super::subject::Subject;
use crate::config::{Action, Config, Expectation, FirstProblems, Place, Problem};
use crate::datapath;
use crate::interfaces;
use crate::names::pattern::exact;
use crate::policy::{CompileError, Policy, Tables, compile};

/// Indices from here on are of interfaces that are named and do not exist: the kernel's are
/// positive numbers of 31 bits.
const MADE_UP: u32 = 1 << 31;

/// The interfaces to compile for: those that there are, by index and name, and made-up ones for
/// every other that is named.
#[must_use]
pub fn with_named(
    known: &[(u32, String)],
    names: impl IntoIterator<Item = impl AsRef<str>>,
) -> Vec<(u32, String)> {
    let mut all = known.to_vec();
    let mut next = MADE_UP;
    for name in names {
        let name = name.as_ref();
        if !all.iter().any(|(_, known)| known == name) {
            all.push((next, name.to_owned()));
            next += 1;
        }
    }
    all
}

/// The interfaces that expectations are about.
pub fn named_interfaces(config: &Config) -> impl Iterator<Item = String> {
    let expectations = config.expectations.iter();
    let named = expectations.filter_map(|it| it.packet.interface.clone());
    let first = config.interfaces.first().and_then(|it| exact(it));
    let any = first.filter(|_| !config.expectations.is_empty());
    named.chain(any.map(String::from))
}

/// Compiles a configuration that is not in force, without asking the kernel for interfaces: for
/// those that its expectations are about, which are given, too.
///
/// # Errors
/// [`CompileError`] where it does not fit the tables.
pub fn compile_named(config: &Config) -> Result<(Tables, Vec<(u32, String)>), CompileError> {
    let interfaces = with_named(&[], named_interfaces(config));
    let tables = compile(&Policy::from_config(config), &interfaces)?;
    Ok((tables, interfaces))
}

/// Runs every expectation; gives a problem for each that is not met, with its place.
/// `interfaces` are those that the policy was compiled for.
///
/// # Errors
/// [`datapath::Error::Kernel`] if the kernel does not take a frame.
pub fn unmet(
    judge: &mut Judge<'_>,
    config: &Config,
    interfaces: &[(u32, String)],
) -> Result<Vec<Problem>, datapath::Error> {
    let mut problems = FirstProblems::default();
    for expectation in &config.expectations {
        let ingress = ingress(expectation, config, interfaces);
        let index = ingress.map_or(0, |(index, _)| *index);
        let frame = &expectation.packet.frame;
        let judgement = judge.judge(frame, index)?;
        if !is_met(expectation, &judgement) {
            let name = ingress.map(|(_, name)| name.as_str());
            let subject = Subject::of(frame, name);
            problems.push(Problem {
                place: Place::At(expectation.position.clone()),
                message: message(expectation, &judgement, &subject, config),
            });
        }
    }
    Ok(problems.into_vec())
}

/// The interface that the packet names, else the first one that is filtered.
fn ingress<'a>(
    expectation: &Expectation,
    config: &Config,
    interfaces: &'a [(u32, String)],
) -> Option<&'a (u32, String)> {
    let is_it = |wanted: &str, name: &str| match &expectation.packet.interface {
        Some(_) => wanted == name,
        None => interfaces::matches(wanted, name),
    };
    let asked = expectation.packet.interface.as_ref();
    let wanted = asked.map_or(&config.interfaces[..], std::slice::from_ref);
    wanted.iter().find_map(|wanted| {
        let mut known = interfaces.iter();
        known.find(|(_, name)| is_it(wanted, name))
    })
}

fn is_met(expectation: &Expectation, judgement: &Judgement) -> bool {
    let verdict = match expectation.verdict {
        Action::Pass => Verdict::Pass,
        Action::Drop => Verdict::Drop,
    };
    let rule = expectation.rule.as_ref();
    judgement.verdict == verdict && rule.is_none_or(|rule| judgement.rule.as_ref() == Some(rule))
}

/// What happens instead, what was expected, and why its rule did not match.
fn message(
    expectation: &Expectation,
    judgement: &Judgement,
    subject: &Subject<'_>,
    config: &Config,
) -> String {
    let mut text = format!(
        "`{}` {}",
        expectation.text,
        got(expectation, judgement, config)
    );
    let expected = match expectation.verdict {
        Action::Pass => "pass",
        Action::Drop => "drop",
    };
    let _ = write!(text, "; expected {expected}");
    let Some(name) = &expectation.rule else {
        return text;
    };
    let _ = write!(text, " by rule `{name}`");
    let mut rules = config.rules.iter();
    let rule = rules.find(|rule| rule.name == *name);
    if let Some(why) = rule.and_then(|rule| mismatch(rule, &config.sets, subject)) {
        let _ = write!(text, ", but there {why}");
    }
    text
}

fn got(expectation: &Expectation, judgement: &Judgement, config: &Config) -> String {
    let verdict = match judgement.verdict {
        Verdict::Pass => "passes",
        Verdict::Drop => "is dropped",
    };
    let Some(name) = &judgement.rule else {
        let reason = judgement
            .reason
            .map_or("unknown", xdp_fw_common::Reason::name);
        return format!("{verdict} ({reason})");
    };
    let rule = config.rules.iter().find(|rule| rule.name == *name);
    let place = rule.map(|rule| rule.position.seen_from(&expectation.position.file));
    match place {
        Some(place) => format!("{verdict} by rule `{name}` ({place})"),
        None => format!("{verdict} by rule `{name}`"),
    }
}

#[cfg(test)]
mod tests;
