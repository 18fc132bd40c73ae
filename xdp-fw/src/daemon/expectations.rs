//! `[[expect]]`: what a prepared generation must do to some packets before it is committed.
//!
//! Owns what an unmet expectation means: a refusal, but for rules that have been in force before.
//! There a filter beats none, and it is told.

use std::borrow::Cow;

use crate::config::{Config, Problem, Problems};
use crate::datapath::{Error, Prepared};
use crate::explain::{Judge, Subject, unmet};
use crate::names::quantity::few;
use crate::policy::{LeftOut, Tables};

use super::admission::Guarding;
use super::owner::Owner;
use super::refusal::{KernelError, Refusal, chain};

/// The part of the daemon that is in trouble where rules in force do not do what they should.
const PART: &str = "expectations";

/// What rules do that are put into force all the same; nothing where they do as expected.
#[derive(Debug, Default)]
pub(super) struct Unmet(Option<String>);

/// Runs the expectations through the new generation, in the kernel. `interfaces` are those that
/// it was compiled for.
pub(super) fn check(
    new: &Prepared,
    tables: &Tables,
    config: &Config,
    interfaces: &[(u32, String)],
    guarding: Guarding,
) -> Result<Unmet, Refusal> {
    if config.expectations.is_empty() {
        return Ok(Unmet::default());
    }
    let has_been_in_force = guarding.has_been_in_force();
    match run(new, tables, config, interfaces) {
        Ok(problems) if problems.is_empty() => Ok(Unmet::default()),
        Ok(problems) if has_been_in_force => {
            let count = problems.len();
            let lines = problems.into_iter().map(|problem| problem.to_string());
            Ok(Unmet(Some(few(lines, count, "; "))))
        }
        Ok(problems) => Err(Refusal::Expectations(Problems {
            problems,
            ..Problems::default()
        })),
        Err(error) if has_been_in_force => Ok(Unmet(Some(chain(&error)))),
        Err(error) => Err(KernelError::from(error).into()),
    }
}

/// The configuration without what it expects of addresses that are left out of its sets: whoever is
/// expected to be dropped, and is logged in, is not dropped for a while.
pub(super) fn without<'a>(config: &'a Config, left_out: &LeftOut) -> Cow<'a, Config> {
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

fn run(
    new: &Prepared,
    tables: &Tables,
    config: &Config,
    interfaces: &[(u32, String)],
) -> Result<Vec<Problem>, Error> {
    let names = tables.rules.iter().map(|rule| rule.name.clone());
    let mut judge = Judge::Kernel(new.probe()?, names.collect());
    unmet(&mut judge, config, interfaces)
}

impl Owner {
    /// Tells what is in force and not as expected, or that all is.
    pub(super) fn tell_unmet(&mut self, Unmet(trouble): &Unmet) {
        self.trouble(PART, trouble.clone());
    }
}
