//! `[[expect]]`: what a prepared generation must do to some packets before it is committed.
//!
//! Owns what an unmet expectation means: a refusal, but for rules that have been in force before.
//! There a filter beats none, and it is told.

use std::borrow::Cow;

use crate::config::{Config, Problem, Problems};
use crate::datapath::Error;
use crate::explain::{Judge, Subject, unmet};
use crate::names::quantity::few;
use crate::policy::LeftOut;

use crate::daemon::apply::compile::Candidate;
use crate::daemon::engine::Owner;
use crate::daemon::guard::mode::GuardMode;
use crate::daemon::refusal::{KernelError, Refusal, chain};

/// The part of the daemon that is in trouble where rules in force do not do what they should.
const PART: &str = "expectations";

/// What rules do that are put into force all the same; nothing where they do as expected.
#[derive(Debug, Default)]
pub(in crate::daemon) struct FailedExpectations(Option<String>);

/// Runs the expectations through a candidate, in the kernel.
pub(in crate::daemon) fn check(
    candidate: &Candidate,
    guard: GuardMode,
) -> Result<FailedExpectations, Refusal> {
    let config = without(&candidate.config, &candidate.spared.left_out);
    if config.expectations.is_empty() {
        return Ok(FailedExpectations::default());
    }
    let was_active = guard.was_active();
    match run(candidate, &config) {
        Ok(problems) if problems.is_empty() => Ok(FailedExpectations::default()),
        Ok(problems) if was_active => {
            let count = problems.len();
            let lines = problems.into_iter().map(|problem| problem.to_string());
            Ok(FailedExpectations(Some(few(lines, count, "; "))))
        }
        Ok(problems) => Err(Refusal::Expectations(Problems {
            problems,
            ..Problems::default()
        })),
        Err(error) if was_active => Ok(FailedExpectations(Some(chain(&error)))),
        Err(error) => Err(KernelError::from(error).into()),
    }
}

/// The configuration without what it expects of addresses that are left out of its sets: whoever is
/// expected to be dropped, and is logged in, is not dropped for a while.
fn without<'a>(config: &'a Config, left_out: &LeftOut) -> Cow<'a, Config> {
    if left_out.is_empty() || config.expectations.is_empty() {
        return Cow::Borrowed(config);
    }
    let mut config = config.clone();
    config.expectations.retain(|expectation| {
        let addresses = Subject::of(&expectation.packet.frame, None).addresses();
        let is_spared = |(source, to)| left_out.names(source) || left_out.names(to);
        !addresses.is_some_and(is_spared)
    });
    Cow::Owned(config)
}

fn run(candidate: &Candidate, config: &Config) -> Result<Vec<Problem>, Error> {
    let rules = candidate.tables.rules.iter();
    let names = rules.map(|rule| rule.name.clone());
    let mut judge = Judge::Kernel(candidate.prepared.probe()?, names.collect());
    unmet(&mut judge, config, &candidate.interfaces)
}

impl Owner {
    /// Tells what is in force and not as expected, or that all is.
    pub(in crate::daemon) fn report_expectations(
        &mut self,
        FailedExpectations(trouble): &FailedExpectations,
    ) {
        self.trouble(PART, trouble.clone());
    }
}
