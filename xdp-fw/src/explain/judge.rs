//! Who is asked: the kernel, or the host build of the same core.

use xdp_fw_common::{Arrival, Essential, NoEffects, Reason, Verdict, decide};

use crate::datapath::{self, Probe};
use crate::policy::{HostTables, Tables};

/// A compiled policy that can be asked.
pub enum Judge<'a> {
    /// The real program; rules by index.
    Kernel(Probe, Vec<String>),
    /// The host build of the policy core.
    Host(&'a Tables, HostTables<'a>),
}

/// What happens to a packet, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// What happens.
    pub verdict: Verdict,
    /// Why; `None` for a reason of a newer version.
    pub reason: Option<Reason>,
    /// The kind, of an essential.
    pub essential: Option<Essential>,
    /// The name of the rule that decided.
    pub rule: Option<String>,
}

impl<'a> Judge<'a> {
    /// The host build over these tables.
    #[must_use]
    pub fn host(tables: &'a Tables) -> Self {
        Self::Host(tables, HostTables::new(tables))
    }

    /// A private instance in the kernel.
    ///
    /// # Errors
    /// Whatever the kernel refuses.
    pub fn load(tables: &Tables) -> Result<Self, datapath::Error> {
        let names = tables.rules.iter().map(|rule| rule.name.clone());
        Ok(Self::Kernel(Probe::load(tables)?, names.collect()))
    }

    /// The same, and the filter itself is shown to the verifier.
    ///
    /// # Errors
    /// Whatever the kernel refuses.
    pub fn verify(tables: &Tables) -> Result<Self, datapath::Error> {
        let names = tables.rules.iter().map(|rule| rule.name.clone());
        Ok(Self::Kernel(Probe::verify(tables)?, names.collect()))
    }

    /// Judges a frame of at least 14 bytes that comes in by the interface of this index.
    ///
    /// # Errors
    /// [`datapath::Error::Kernel`] if the kernel does not take the frame.
    pub fn judge(&mut self, frame: &[u8], interface: u32) -> Result<Judgement, datapath::Error> {
        match self {
            Self::Kernel(probe, names) => {
                let probed = probe.run(frame, None, interface)?;
                let rule = probed.rule.and_then(|index| names.get(index as usize));
                Ok(Judgement {
                    verdict: probed.verdict,
                    reason: probed.reason,
                    essential: probed.essential,
                    rule: rule.cloned(),
                })
            }
            Self::Host(tables, host) => {
                let arrival = Arrival {
                    interface,
                    length: frame.len(),
                    now: 0,
                };
                let decision = decide(frame, &arrival, host, &mut NoEffects);
                let index = decision.rule.map(|index| index as usize);
                let rule = index.and_then(|index| tables.rules.get(index));
                Ok(Judgement {
                    verdict: decision.verdict,
                    reason: Some(decision.reason),
                    essential: Essential::from_slot(decision.slot),
                    rule: rule.map(|rule| rule.name.clone()),
                })
            }
        }
    }
}
