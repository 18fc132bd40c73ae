//! A configuration as tables, and the host build of the policy core over them.
//!
//! Owns the interfaces that every test has. Never touches the kernel.

use std::fmt;

use xdp_fw::config::{Action, Config};
use xdp_fw::policy::{HostTables, Recorder, Tables};
use xdp_fw_common::{Arrival, Essential, Reason, Verdict, decide};

use crate::generate::INTERFACES;
use crate::oracle;
use crate::shapes::TableShape;

/// Tables of a configuration, and how its rules are called.
pub struct Compiled {
    /// What the datapath takes.
    pub tables: Tables,
    /// What was asked for, for the message of a failing test.
    pub shape: TableShape,
}

/// What was said of a frame: by kernel, host build or oracle, in the same words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// What happens.
    pub verdict: &'static str,
    /// Why.
    pub reason: &'static str,
    /// The kind, of an essential.
    pub essential: Option<&'static str>,
    /// The rule's name, if one decided.
    pub rule: Option<String>,
}

/// The interface by which frames come in where that matters to no rule.
pub const INGRESS: &str = "test0";

/// `drop by rule denied`, `pass by essential`: short enough for a table of expectations.
impl fmt::Display for Said {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} by {}", self.verdict, self.reason)?;
        match &self.rule {
            Some(rule) => write!(formatter, " {rule}"),
            None => Ok(()),
        }
    }
}

impl Compiled {
    /// Compiles a configuration for the interfaces of [`INTERFACES`], as the product does.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self::shaped(config, TableShape::AsCompiled)
    }

    /// The same, with tables of a shape.
    #[must_use]
    pub fn shaped(config: &Config, shape: TableShape) -> Self {
        Self {
            tables: shape.compile(config, &interfaces()),
            shape,
        }
    }

    /// The policy core of the host over these tables.
    #[must_use]
    pub fn host(&self) -> Host<'_> {
        Host {
            compiled: self,
            tables: HostTables::new(&self.tables),
        }
    }

    /// The name of the rule at `index`.
    #[must_use]
    pub fn rule(&self, index: u32) -> Option<String> {
        let rule = self.tables.rules.get(index as usize)?;
        Some(rule.name.clone())
    }
}

/// Judges as the kernel does, by the very same code, without the kernel.
pub struct Host<'a> {
    compiled: &'a Compiled,
    tables: HostTables<'a>,
}

impl Host<'_> {
    /// What is said of a frame, and which shadow rules counted it.
    #[must_use]
    pub fn judge(&self, interface: &str, frame: &[u8]) -> (Said, Vec<String>) {
        let arrival = Arrival {
            interface: index_of(interface),
            length: frame.len(),
            now: 0,
        };
        let mut effects = Recorder::default();
        let decision = decide(frame, &arrival, &self.tables, &mut effects);
        assert_eq!(effects.slots, [decision.slot], "a packet is counted once");
        let said = Said {
            essential: Essential::from_slot(decision.slot).map(Essential::name),
            ..Said::of(decision.verdict, Some(decision.reason), || {
                self.compiled.rule(decision.rule?)
            })
        };
        let counted = effects.shadows.iter();
        let names = counted.filter_map(|rule| self.compiled.rule(*rule));
        (said, names.collect())
    }
}

impl Said {
    pub(crate) fn of(
        verdict: Verdict,
        reason: Option<Reason>,
        rule: impl FnOnce() -> Option<String>,
    ) -> Self {
        Self {
            verdict: verdict.name(),
            reason: reason.map_or("unknown", Reason::name),
            essential: None,
            rule: rule(),
        }
    }

    /// What the oracle says of a frame, and of the shadow rules on its way.
    #[must_use]
    pub fn by_oracle(config: &Config, interface: &str, frame: &[u8]) -> (Self, Vec<String>) {
        let judgement = oracle::judge(config, interface, frame);
        let verdict = match judgement.verdict {
            Action::Pass => Verdict::Pass,
            Action::Drop => Verdict::Drop,
        };
        let said = Self {
            verdict: verdict.name(),
            reason: judgement.reason.name(),
            essential: judgement.essential.map(Essential::name),
            rule: judgement.rule,
        };
        (said, judgement.shadows)
    }
}

/// Index and name of every interface that frames come in by.
fn interfaces() -> Vec<(u32, String)> {
    let names = INTERFACES.iter().map(|name| (*name).to_owned());
    (1..).zip(names).collect()
}

/// The index of an interface in the tables.
pub(crate) fn index_of(interface: &str) -> u32 {
    let position = INTERFACES.iter().position(|name| *name == interface);
    let Some(position) = position else {
        panic!("{interface:?} is not among the interfaces of the tests");
    };
    position as u32 + 1
}
